"""Bare loops that do only the unavoidable work of the byte rows, each in one thread.

    python -m bench.limits PORT FOLDER

is the one that receives: it answers any request with a body once that is hashed, written and durable. A GET of a folder
it answers with all files below, one after the other, and takes their CRC-32.
"""

import hashlib
import os
import re
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.wire import HOST
from dossier.serve import free_port
from dossier.storage.files import sync_directory

WRITTEN = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"
_RECEIVED = 1 << 18


class Receiver:
    """The process that receives."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port(HOST)
        folder.mkdir()

    def __enter__(self) -> Self:
        self._popen = subprocess.Popen([sys.executable, "-m", "bench.limits", str(self.port), str(self.folder)])
        for _ in range(200):
            with suppress(OSError), socket.create_connection((HOST, self.port)):
                return self
            time.sleep(0.05)
        raise RuntimeError("the receiver did not start")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._popen.terminate()
        self._popen.wait(20)


def receive(connection: socket.socket, folder: Path) -> bool:
    """One request; False at the connection's end."""
    memory = bytearray(_RECEIVED)
    view = memoryview(memory)
    count = 0
    while (end := memory.find(b"\r\n\r\n", 0, count)) < 0:
        more = connection.recv_into(view[count:])
        if not more:
            return False
        count += more
    if memory.startswith(b"GET "):
        send(connection, Path(memory[:end].split(b" ")[1].decode()))
        return True
    found = re.search(rb"content-length: *(\d+)", memory[:end], re.IGNORECASE)
    left = int(found[1]) if found else 0
    digest = hashlib.sha256()
    file = os.open(folder / "temporary", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    data = view[end + 4 : count]
    while True:
        digest.update(data)
        os.write(file, data)
        left -= len(data)
        if left <= 0:
            break
        data = view[: connection.recv_into(view)]
        if not data:
            raise ConnectionError
    digest.digest()
    os.fsync(file)
    os.close(file)
    (folder / "temporary").rename(folder / "final")
    sync_directory(folder)
    connection.sendall(WRITTEN)
    return True


def send(connection: socket.socket, folder: Path) -> None:
    """All files below, with their CRC-32."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    length = sum(path.stat().st_size for path in paths)
    connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n".encode())
    memory = memoryview(bytearray(1 << 20))
    for path in paths:
        file, crc = os.open(path, os.O_RDONLY), 0
        while count := os.readv(file, [memory]):
            crc = zlib.crc32(memory[:count], crc)
            connection.sendall(memory[:count])
        os.close(file)


def write(folder: Path, count: int, size: int) -> float:
    """``count`` times a small file, durable under its name, and a durable row that names it; the times a second."""
    import pysqlite3 as sqlite3  # the program's own SQLite

    data = os.urandom(size)
    database = sqlite3.connect(folder / f"bare-{time.time_ns()}.sqlite3", isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        database.execute(statement).fetchall()
    database.execute("CREATE TABLE names (sha256 BLOB PRIMARY KEY, name TEXT)")
    started = time.perf_counter()
    for number in range(count):
        file = os.open(folder / "temporary", os.O_WRONLY | os.O_CREAT, 0o640)
        digest = hashlib.sha256(data + number.to_bytes(8)).digest()
        os.write(file, data)
        os.fsync(file)
        os.close(file)
        (folder / "temporary").rename(folder / "final")
        sync_directory(folder)
        database.execute("INSERT INTO names VALUES (?, ?)", (digest, f"{number}.bin"))
    seconds = time.perf_counter() - started
    database.close()
    return count / seconds


def read_crc(paths: Sequence[Path]) -> float:
    """Read the files with their CRC-32; seconds."""
    memory = memoryview(bytearray(1 << 20))
    started = time.perf_counter()
    for path in paths:
        file, crc = os.open(path, os.O_RDONLY), 0
        while count := os.readv(file, [memory]):
            crc = zlib.crc32(memory[:count], crc)
        os.close(file)
    return time.perf_counter() - started


def main() -> None:
    with socket.create_server((HOST, int(sys.argv[1]))) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, suppress(ConnectionError):
                while receive(connection, Path(sys.argv[2])):
                    pass


if __name__ == "__main__":
    main()
