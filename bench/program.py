"""`dossier serve` as a process of its own, and a client that costs next to nothing: one kept connection, no parsing."""

import os
import selectors
import socket
import ssl
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from dossier.core.settings import Settings
from tools.servers import Server, free_ports

DOSSIER = Path(sys.executable).with_name("dossier")
TICK = os.sysconf("SC_CLK_TCK")
IDLE = 10.0
LOCALE = {"PATH", "HOME", "LANG", "TZ", "TMPDIR"}


class Line:
    """One connection to 127.0.0.1 that is kept, with a token; with TLS whose certificate nobody looks at."""

    def __init__(self, port: int, token: str, *, tls: bool = False) -> None:
        self.port, self.tls = port, tls
        self._head = f"HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n".encode()
        self._connect()

    def _connect(self) -> None:
        self.socket = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            trusting = ssl.create_default_context()
            trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
            self.socket = trusting.wrap_socket(self.socket)
        self._seen, self._used = bytearray(), time.monotonic()

    def request(self, path: str, body: bytes | None = None, method: str = "") -> bytes:
        """A request as it goes out; JSON where there is a body."""
        start = f"{method or ('GET' if body is None else 'POST')} {path} ".encode() + self._head
        if body is None:
            return start + b"\r\n"
        return start + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    def send(self, request: bytes) -> None:
        """Send a request."""
        self.socket.sendall(request)

    def take(self) -> tuple[int, bytes] | None:
        """Status and body of an answer once all of it has come; None before."""
        if not (more := self.socket.recv(1 << 20)):
            raise ConnectionError("The program has closed the connection.")
        self._seen += more
        while isinstance(self.socket, ssl.SSLSocket) and (waiting := self.socket.pending()):
            self._seen += self.socket.recv(waiting)
        head = self._seen.find(b"\r\n\r\n")
        if head < 0:
            return None
        fields = bytes(self._seen[:head]).lower()
        at = fields.find(b"\r\ncontent-length:")
        length = int(fields[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._seen) < head + 4 + length:
            return None
        status, body = int(self._seen[9:12]), bytes(self._seen[head + 4 : head + 4 + length])
        self._seen.clear()
        return status, body

    def ask(self, path: str, body: bytes | None = None, method: str = "") -> bytes:
        """One request and its answer, which has to be a good one."""
        if time.monotonic() - self._used > IDLE:  # the program hangs up by itself after half a minute
            self.close()
            self._connect()
        request = self.request(path, body, method)
        try:
            answer = self._answered(request)
        except ConnectionError:  # nginx hangs up after a thousand requests
            self.close()
            self._connect()
            answer = self._answered(request)
        self._used = time.monotonic()
        assert answer[0] in (200, 201, 204), answer
        return answer[1]

    def _answered(self, request: bytes) -> tuple[int, bytes]:
        self.send(request)
        while (answer := self.take()) is None:
            pass
        return answer

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


class Program(Server):
    """`dossier serve`, HTTP and worker in one process, on these settings and a free port."""

    tls = False

    def __init__(self, settings: Settings, **more: str) -> None:
        super().__init__(settings.data_dir)
        (self.port,) = free_ports(1)
        mine = {"DATA_DIR": str(settings.data_dir), "PORT": str(self.port), "LOG_LEVEL": "warning"} | more
        if settings.database_url:
            mine["DATABASE_URL"] = settings.database_url
        kept = {name: value for name, value in os.environ.items() if name in LOCALE}
        self.environment = kept | {f"DOSSIER_{name}": value for name, value in mine.items()}

    def command(self) -> list[str]:
        return [str(DOSSIER), "serve"]

    def ready(self) -> bool:
        with suppress(OSError, AssertionError):
            line = Line(self.port, "")
            try:
                line.ask("/health/ready")
            finally:
                line.close()
            return True
        return False

    @property
    def cpu(self) -> float:
        """Seconds that its threads have worked."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    @property
    def resident(self) -> float:
        """MiB of it in memory."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)


class Works(Protocol):
    """What answers on a port, and tells how many seconds it has worked."""

    port: int
    tls: bool

    @property
    def cpu(self) -> float: ...


def many(program: Works, token: str, path: str, clients: int, seconds: float) -> tuple[float, float]:
    """Requests a second with so many clients, and a second of the program's own work."""
    lines = [Line(program.port, token, tls=program.tls) for _ in range(clients)]
    request = lines[0].request(path)
    answered, began, worked = 0, time.perf_counter(), program.cpu
    with selectors.DefaultSelector() as selector:
        for line in lines:
            selector.register(line.socket, selectors.EVENT_READ, line)
            line.send(request)
        while (took := time.perf_counter() - began) < seconds:
            for key, _ in selector.select(1):
                if (answer := key.data.take()) is not None:
                    assert answer[0] == 200, answer
                    answered += 1
                    key.data.send(request)
    worked = program.cpu - worked
    for line in lines:
        line.close()
    return answered / took, answered / max(worked, 0.01)
