"""``LocalBlobs.put`` of 1 GiB ÷ one thread that receives, hashes, writes and syncs the same bytes.

    python bench/put_limit.py [folder] [rounds]

The folder (default: the current one) must lie on the disk in question; 1 GiB of it is used at a time. Both sides
get the same 64 KiB chunks out of memory and do the same file, rename and directory syncs. The rounds alternate, so
that a busy neighbour hurts both.
"""

import asyncio
import hashlib
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

from dossier.storage.local import LocalBlobs

CHUNK = os.urandom(64 * 1024)
SIZE = 1 << 30


async def source() -> AsyncIterator[bytes]:
    for _ in range(SIZE // len(CHUNK)):
        yield CHUNK


def sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY)
    os.fsync(file)
    os.close(file)


def bare(folder: Path) -> None:
    """The limit: nothing but the unavoidable work, in one thread."""
    digest = hashlib.sha256()
    file = os.open(folder / "temporary", os.O_WRONLY | os.O_CREAT, 0o640)
    for _ in range(SIZE // len(CHUNK)):
        digest.update(CHUNK)
        os.write(file, CHUNK)
    os.fsync(file)
    os.close(file)
    (folder / "temporary").rename(folder / "final")
    sync_folder(folder)


def timed_bare(folder: Path) -> float:
    started = time.perf_counter()
    bare(folder)
    seconds = time.perf_counter() - started
    (folder / "final").unlink()
    return seconds


async def timed_put(store: LocalBlobs) -> float:
    started = time.perf_counter()
    blob = await store.put(UUID(int=1), source())
    seconds = time.perf_counter() - started
    await store.delete(blob.key)
    return seconds


def resident() -> int:
    """Bytes of this process in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """The most memory seen above the start, by looking every 20 ms."""

    def __enter__(self) -> "Peak":
        self.start = self.most = resident()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, resident())


def rounds(folder: Path, count: int) -> Iterator[tuple[float, float]]:
    """Seconds of each pair: put, bare; the first pair warms up and does not count."""
    store = LocalBlobs(folder / "blobs")
    for number in range(count + 1):
        pair = asyncio.run(timed_put(store)), timed_bare(folder)
        if number:
            yield pair


def speeds(seconds: list[float]) -> str:
    rates = [SIZE / 1e6 / value for value in seconds]
    return f"{statistics.median(rates):.0f} MB/s ({min(rates):.0f}–{max(rates):.0f})"


def main() -> None:
    where = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    with tempfile.TemporaryDirectory(dir=where) as folder, Peak() as peak:
        puts, bares = zip(*rounds(Path(folder), count), strict=True)
    ratio = statistics.median(bares) / statistics.median(puts)
    pairs = [of_bare / of_put for of_put, of_bare in zip(puts, bares, strict=True)]
    print(f"ratio {ratio:.2f} (of pairs {min(pairs):.2f}–{max(pairs):.2f}); goal ≥ 1.0")
    print(f"put {speeds(list(puts))}, limit {speeds(list(bares))}; medians of {count}")
    print(f"peak memory {(peak.most - peak.start) / (1 << 20):.1f} MiB above rest; goal ≤ 16")


if __name__ == "__main__":
    main()
