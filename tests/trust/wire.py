"""Requests by hand, byte by byte, for what no HTTP library would send."""

import re
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.trust.server import Answer, Server


class Wire:
    """One connection. ``head`` sends request line and headers, ``send`` body bytes, ``answer`` waits for an answer."""

    def __init__(self, server: Server, seconds: float = 15) -> None:
        self.socket = socket.create_connection((server.host, server.port), timeout=seconds)
        self.token = server.template.token
        self.begun = time.perf_counter()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.close()

    def head(self, method: str, path: str, **headers: str) -> Self:
        """Everything up to the body; underscores of header names become hyphens."""
        sent = {"Host": "dossier", "Authorization": f"Bearer {self.token}"} | headers
        lines = [f"{method} /api/v1{path} HTTP/1.1", *(f"{k.replace('_', '-')}: {v}" for k, v in sent.items())]
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        self.begun = time.perf_counter()
        return self

    def send(self, body: bytes) -> Self:
        """Bytes as they are."""
        self.socket.sendall(body)
        return self

    def chunk(self, body: bytes) -> Self:
        """One chunk of a chunked body; an empty one ends it."""
        return self.send(b"%x\r\n%b\r\n" % (len(body), body))

    def taken(self, seconds: float = 0.3) -> Self:
        """Wait until the server has had nothing left to read for so long: a reset throws away what it has not read."""
        here, there = self.socket.getsockname()[1], self.socket.getpeername()[1]
        since = time.monotonic()
        while time.monotonic() - since < seconds:
            if _unread(there, here):
                since = time.monotonic()
            time.sleep(0.02)
        return self

    def finish_sending(self) -> Self:
        """Nothing more will come."""
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def reset(self) -> None:
        """Break the connection."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def answer(self) -> tuple[Answer, float]:
        """The answer, and the seconds since the head was sent."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += self._more()
        seconds = time.perf_counter() - self.begun
        head, body = got.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            body += self._more()
        return Answer(int(re.split(" ", first)[1]), headers, body), seconds

    def _more(self) -> bytes:
        got = self.socket.recv(1 << 16)
        if not got:
            raise ConnectionResetError("closed without an answer")
        return got


def _unread(here: int, there: int) -> int:
    """The bytes in the kernel's receive queue of the connection from port ``there`` to port ``here``: proc(5); 0 where there
    is no such file."""
    table = Path("/proc/net/tcp")
    for line in table.read_text().splitlines()[1:] if table.exists() else ():
        _, local, remote, _, queues, *_ = line.split()
        if (int(local.split(":")[1], 16), int(remote.split(":")[1], 16)) == (here, there):
            return int(queues.split(":")[1], 16)
    return 0
