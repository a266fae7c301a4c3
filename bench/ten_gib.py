"""A resumable upload of 10 GiB through a running program, whose connection is cut and which is killed in the middle.

    python -m bench.ten_gib [--gib 10] [--cuts 6] [--restarts 3] [--seed 1]

Cuts and SIGKILLs come at moments that the seed says; the client goes on where HEAD says. At the end the digest that the
API tells is compared with that of what was sent, and with that of a download. Prints a row for docs/evidence.md.
"""

import argparse
import hashlib
import os
import random
import re
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import running
from bench.adding import API, TUS, begin, patch_head
from bench.running import MIB, Place
from bench.wire import HOST, head

BLOCK = MIB
RETRY_SECONDS, HASH_SECONDS = 60.0, 600.0
_STATUS = re.compile(rb"HTTP/1\.1 (\d+) ")


class Stream:
    """The bytes of the upload, of which none are kept: block after block of 1 MiB that begins with its number."""

    def __init__(self, seed: int, size: int) -> None:
        self.size = size
        self._filling = random.Random(seed).randbytes(BLOCK - 8)  # bytes to send, no secrets

    def after(self, offset: int, until: int) -> Iterator[memoryview]:
        """The bytes from one place to another, in pieces of at most 1 MiB."""
        while offset < until:
            number, start = divmod(offset, BLOCK)
            end = min(BLOCK, start + until - offset)
            yield memoryview(number.to_bytes(8) + self._filling)[start:end]
            offset += end - start

    def digest(self) -> str:
        """SHA-256 of all of it, in hex."""
        found = hashlib.sha256()
        for piece in self.after(0, self.size):
            found.update(piece)
        return found.hexdigest()


@dataclass
class Found:
    """What came of a run. Memory is in MiB above rest."""

    size: int
    cuts: int
    restarts: int
    seconds: float
    sent: int
    last_ms: float
    peak: float
    sha256: str
    expected: str
    downloaded: str
    state: str

    @property
    def whole(self) -> bool:
        return self.state == "done" and self.sha256 == self.expected == self.downloaded

    def row(self) -> str:
        """For docs/evidence.md."""
        told = subprocess.run(["git", "describe", "--always", "--dirty=+"], capture_output=True, text=True, check=False)
        figures = (
            f"{self.size / 1e6 / self.seconds:.0f} MB/s over all, {(self.sent - self.size) / MIB:,.0f} MiB sent again; "
            f"last request {self.last_ms:.0f} ms; peak memory {self.peak:.0f} MiB above rest; {self.seconds / 60:.1f} min"
        )
        lost = "0" if self.whole else "**the digest is another one**"
        what = f"{self.cuts} cuts, {self.restarts} SIGKILLs"
        commit, machine = told.stdout.strip(), f"{os.cpu_count()} cores"
        name = f"{self.size / (1 << 30):g} GiB by tus"
        return f"| {name} | {what} | {lost} | {figures} | {time.strftime('%Y-%m-%d')} | {commit} | {machine} |"


class Peak:
    """The most memory of a program above rest, over all its lives."""

    def __init__(self) -> None:
        self.above = self._rest = 0.0

    def begin(self, place: Place) -> None:
        """A life begins: what it holds now is rest."""
        self._memory = running.Memory(place.program.pid)

    def end(self) -> None:
        """Before it ends."""
        self.above = max(self.above, self._memory.above)


class Client:
    """Sends until all is there, whatever happens to the connection and the program."""

    def __init__(self, place: Place, stream: Stream, address: str, faults: list[tuple[int, bool]], peak: Peak) -> None:
        self.place, self.stream, self.address, self.peak = place, stream, address, peak
        self.faults = faults  # (how many bytes came when it happens, whether the program is killed)
        self.sent, self.last_ms = 0, 0.0

    def offset(self) -> int:
        """Where to go on, as HEAD says; it is asked again while another request's end is still being written down."""
        until = time.monotonic() + RETRY_SECONDS
        while time.monotonic() < until:
            with suppress(OSError):
                status, headers, _ = self.place.ask("HEAD", self.address.removeprefix(API), **TUS)
                if status == 200:
                    return int(headers["upload-offset"])
            time.sleep(0.05)
        raise RuntimeError("HEAD does not say where to go on")

    def run(self) -> None:
        """Until HEAD says the whole length. The last byte is wanted again for as long as the program still hashes."""
        until = time.monotonic() + HASH_SECONDS
        while (offset := self.offset()) < self.stream.size:
            before = self.sent
            self._patch(offset)
            if self.sent > before + 1:
                until = time.monotonic() + HASH_SECONDS
            elif time.monotonic() > until:
                raise RuntimeError(f"the upload does not go on after {offset} bytes")
            else:
                time.sleep(0.1)

    def _patch(self, offset: int) -> None:
        """One PATCH: up to the next fault, or all of the rest."""
        size = self.stream.size
        while self.faults and self.faults[0][0] <= offset:
            self.faults.pop(0)
        cut, killed = self.faults.pop(0) if self.faults else (size, False)
        told = patch_head(self.place, self.address, offset, size - offset)
        with socket.create_connection((HOST, self.place.port), timeout=300) as connection:
            started = time.perf_counter()
            with suppress(ConnectionError):  # refused in the middle; what came of it HEAD says
                connection.sendall(told.encode())
                for piece in self.stream.after(offset, cut):
                    started = time.perf_counter()
                    connection.sendall(piece)
                    self.sent += len(piece)
            if cut == size:
                self._answered(connection, started)
            elif len(self.faults) % 2:  # every other cut is a reset, which throws away what is not read yet
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if killed:
            self.peak.end()
            self.place.program.kill()
            self.place.program.start()
            self.peak.begin(self.place)

    def _answered(self, connection: socket.socket, started: float) -> None:
        """The answer, timed from the last piece on. 423: the cut request before it has not ended yet."""
        with suppress(ConnectionError):
            came = connection.recv(65536)
            self.last_ms = (time.perf_counter() - started) * 1000
            found = _STATUS.match(came)
            if not found or int(found[1]) not in (204, 409, 423, 503):
                raise RuntimeError(came.decode("latin-1"))


def faults(size: int, cuts: int, restarts: int, seed: int) -> list[tuple[int, bool]]:
    """Where the connection is cut, and where the program is killed too."""
    dice = random.Random(seed)  # where to cut, no secrets
    places = sorted(dice.sample(range(1, size), cuts + restarts))
    kills = set(dice.sample(range(cuts + restarts), restarts))
    return [(place, number in kills) for number, place in enumerate(places)]


def run(folder: Path, size: int, cuts: int, restarts: int, seed: int = 1) -> Found:
    """All of it on a program of its own in the folder."""
    stream, peak = Stream(seed, size), Peak()
    with Place(folder / "data") as place:
        time.sleep(1)  # until the first jobs are done: rest
        peak.begin(place)
        started = time.monotonic()
        address = begin(place, size, "large.bin")
        client = Client(place, stream, address, faults(size, cuts, restarts, seed), peak)
        client.run()
        seconds = time.monotonic() - started
        upload, version = _made(place, address)
        peak.end()
        downloaded = _downloaded(place, f"{API}/documents/{upload['document']['id']}/content")
        peak.end()
        told = version["sha256"]
        return Found(
            size,
            cuts,
            restarts,
            seconds,
            client.sent,
            client.last_ms,
            peak.above,
            told,
            stream.digest(),
            downloaded,
            upload["state"],
        )


def _made(place: Place, address: str) -> tuple[Any, Any]:
    """The upload and the version that it became."""
    _, _, upload = place.ask("GET", address.removeprefix(API))
    _, _, document = place.ask("GET", f"/documents/{upload['document']['id']}")
    return upload, document["version"]


def _downloaded(place: Place, address: str) -> str:
    """SHA-256 of what the program sends."""
    found, memory = hashlib.sha256(), memoryview(bytearray(BLOCK))
    with socket.create_connection((HOST, place.port), timeout=300) as connection:
        connection.sendall(head("GET", address, place.token, Connection="close").encode())
        came = b""
        while b"\r\n\r\n" not in came:
            came += connection.recv(65536)
        found.update(came.partition(b"\r\n\r\n")[2])
        while count := connection.recv_into(memory):
            found.update(memory[:count])
    return found.hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.ten_gib", description=__doc__.partition("\n")[0])
    parser.add_argument("--gib", type=float, default=10)
    parser.add_argument("--cuts", type=int, default=6)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    with running.folder() as folder:
        found = run(folder, int(told.gib * (1 << 30)), told.cuts, told.restarts, told.seed)
    print(found.row())
    if not found.whole:
        raise SystemExit(f"{found.state}: {found.sha256}, sent {found.expected}, downloaded {found.downloaded}")


if __name__ == "__main__":
    main()
