"""The other end of the line: a process that sends and receives over bare sockets, so that it is not what is measured.

``Wire`` starts one and hands it orders; times are taken there, from the connection to the last byte of the answer.
"""

import json
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"
BLOCK = os.urandom(1 << 20)
SHORTER = len("keep-alive") - len("close")  # the last answer of a connection says so, and ends it
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Wire:
    """A process that does what it is told, one order after the other; ``begin`` and ``end`` let two work at once."""

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "bench.wire"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._popen.communicate(timeout=60)

    def stay_on(self, cores: set[int]) -> None:
        """Keep it on these cores."""
        os.sched_setaffinity(self._popen.pid, cores)

    def begin(self, order: str, **told: Any) -> None:
        assert self._popen.stdin
        self._popen.stdin.write(json.dumps({"order": order, **told}) + "\n")
        self._popen.stdin.flush()

    def end(self) -> Any:
        assert self._popen.stdout
        answer = json.loads(self._popen.stdout.readline())
        if isinstance(answer, dict) and "fault" in answer:
            raise RuntimeError(answer["fault"])
        return answer

    def ask(self, order: str, **told: Any) -> Any:
        self.begin(order, **told)
        return self.end()


def head(method: str, path: str, token: str = "", length: int | None = None, **more: str) -> str:
    """The head of a request; ``Content_Type`` gets its hyphen."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"Authorization: Bearer {token}"] if token else []
    lines += [f"Content-Length: {length}"] if length is not None else []
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
    return "\r\n".join([*lines, "", ""])


# What the process does.


def _connect(port: int, *, tls: bool = False) -> socket.socket:
    connection = socket.create_connection((HOST, port), timeout=120)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return connection
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(connection)


def _answer(connection: socket.socket) -> tuple[int, bytes, bytes]:
    """Status, head and body of an answer with a length."""
    came = b""
    while b"\r\n\r\n" not in came:
        more = connection.recv(65536)
        if not more:
            raise ConnectionError(f"no answer, only {came!r}")
        came += more
    top, _, body = came.partition(b"\r\n\r\n")
    found = _LENGTH.search(top)
    while found and len(body) < int(found[1]):
        more = connection.recv(65536)
        if not more:
            raise ConnectionError("the answer ended early")
        body += more
    return int(top.split(b" ", 2)[1]), top, body


def _upload(connection: socket.socket, head: str, size: int, before: str = "", after: str = "") -> dict[str, Any]:
    """Send one body that begins unlike any other; what came back, and how long it took."""
    block = memoryview(BLOCK)
    started = time.perf_counter()
    connection.sendall(head.encode() + before.encode() + os.urandom(min(16, size)))
    left = size - min(16, size)
    while left:
        part = block[: min(left, len(block))]
        connection.sendall(part)
        left -= len(part)
    if after:
        connection.sendall(after.encode())
    status, top, body = _answer(connection)
    return {
        "seconds": time.perf_counter() - started,
        "status": status,
        "head": top.decode("latin-1"),
        "body": body.decode(),
    }


def send(port: int, **told: Any) -> Any:
    """One upload on a connection of its own."""
    with _connect(port, tls=told.pop("tls", False)) as connection:
        return _upload(connection, **told)


def post(port: int, head: str, size: int, count: int, lanes: int = 1, *, tls: bool = False) -> Any:
    """``count`` small uploads on each of ``lanes`` kept connections, ``#`` in the head made unique; seconds of all."""
    return _in_lanes(lanes, lambda lane: _posted(port, head, size, count, lane, tls=tls))


def _posted(port: int, head: str, size: int, count: int, lane: int, *, tls: bool) -> None:
    with _connect(port, tls=tls) as connection:
        for number in range(count):
            made = _upload(connection, head.replace("#", f"{lane}-{number}-{time.time_ns()}"), size)
            if made["status"] != 201:
                raise RuntimeError(str(made))


def _in_lanes(lanes: int, work: Callable[[int], None]) -> float:
    faults: list[BaseException] = []

    def lane(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=lane, args=(number,)) for number in range(lanes)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    return time.perf_counter() - started


def fill(port: int, head: str, size: int, lanes: int, seconds: float, nice: int = 0) -> Any:
    """Uploads on each lane, one after the other, until the time is over; the bytes a second."""
    os.nice(nice)
    until, sent = time.perf_counter() + seconds, [0] * lanes

    def lane(number: int) -> None:
        while time.perf_counter() < until:
            with _connect(port) as connection:
                made = _upload(connection, head.replace("#", f"{number}-{time.time_ns()}"), size)
            if made["status"] != 201:
                raise RuntimeError(str(made))
            sent[number] += size

    took = _in_lanes(lanes, lane)
    return sum(sent) / took


def each(port: int, head: str, seconds: float) -> Any:
    """The same GET again and again on one kept connection; the seconds of each."""
    until, took = time.perf_counter() + seconds, list[float]()
    with _connect(port) as connection:
        while (started := time.perf_counter()) < until:
            connection.sendall(head.encode())
            status, _top, body = _answer(connection)
            if status != 200:
                raise RuntimeError(body.decode())
            took.append(time.perf_counter() - started)
    return took


def get(port: int, head: str, *, tls: bool = False) -> Any:
    """One GET on a connection of its own whose body is thrown away; seconds, status and bytes.

    A body without a length ends with the connection: ask for ``Connection: close``.
    """
    memory = memoryview(bytearray(1 << 20))
    started = time.perf_counter()
    with _connect(port, tls=tls) as connection:
        connection.sendall(head.encode())
        count = connection.recv_into(memory)
        top, _, first = bytes(memory[:count]).partition(b"\r\n\r\n")
        length, came = _LENGTH.search(top), len(first)
        while length is None or came < int(length[1]):
            count = connection.recv_into(memory)
            if not count:
                break
            came += count
        seconds = time.perf_counter() - started
    return {"seconds": seconds, "status": int(top.split(b" ", 2)[1]), "bytes": came}


def rush(port: int, head: str, lanes: int, seconds: float, *, tls: bool = False) -> Any:
    """GETs of one small file, one after the other on each of ``lanes`` kept connections; requests a second."""
    until, counts = time.perf_counter() + seconds, [0] * lanes

    def lane(number: int) -> None:
        while time.perf_counter() < until:
            with _connect(port, tls=tls) as connection:
                counts[number] += _rushed(connection, head.encode(), until)

    took = _in_lanes(lanes, lane)
    return sum(counts) / took


def _rushed(connection: socket.socket, head: bytes, until: float) -> int:
    """How many answers came until then, or until the server had enough of the connection. Each is as long as the first."""
    connection.sendall(head)
    status, top, body = _answer(connection)
    if status != 200:
        raise RuntimeError(body.decode())
    memory = memoryview(bytearray(1 << 20))
    size, answers = len(top) + 4 + len(body), 1
    while b"connection: close" not in top.lower() and time.perf_counter() < until:
        left = size
        try:
            connection.sendall(head)
            while left > 0 and (count := connection.recv_into(memory)):
                left -= count
        except ConnectionError:
            return answers
        if left == size:
            return answers
        if left not in (0, SHORTER):
            raise RuntimeError(f"an answer was not as long as the first: {left} of {size} bytes are missing")
        answers += 1
        if left:
            return answers
    return answers


def main() -> None:
    orders: dict[str, Callable[..., Any]] = {each_.__name__: each_ for each_ in (send, post, fill, each, get, rush)}
    for line in sys.stdin:
        told = json.loads(line)
        try:
            answer = orders[told.pop("order")](**told)
        except Exception as error:
            answer = {"fault": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
