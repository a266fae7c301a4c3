"""A resumable upload of 1 GiB ÷ the limit of ``put_limit.py``: one thread that receives, hashes, writes and syncs the same.

    python bench/tus_limit.py [folder] [rounds] [MiB of one PATCH, default all]

From the bytes of a PATCH to the committed document, with all syncs and Units, but without HTTP: both sides get the same
64 KiB chunks out of memory. The folder (default: the current one) must lie on the disk in question; 2 GiB of it are used.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from put_limit import CHUNK, SIZE, Peak, speeds, timed_bare

from dossier import folders, users
from dossier.app import Parts, build
from dossier.core import log, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.uploads import service
from dossier.uploads.desk import Desk
from dossier.uploads.reception import Body, Reception
from dossier.uploads.schemas import Metadata

LASTS = timedelta(days=1)


async def source(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // len(CHUNK)):
        yield CHUNK


async def prepared(folder: Path) -> tuple[Parts, Actor]:
    """A workspace and somebody in it."""
    parts, system = build(Settings(data_dir=folder)), Actor.system(new_id())
    await parts.units.run(system, lambda unit: folders.found_workspace(unit, "bench", "Bench"))

    async def join(unit: Any) -> Actor | None:
        return await users.actor_of(unit, await users.add_member(unit, "a@example.com", "A", "owner"))

    actor = await parts.units.run(system, join)
    assert actor is not None
    return parts, actor


async def timed_upload(folder: Path, piece: int) -> float:
    parts, actor = await prepared(folder)
    reception = Reception(parts.units, parts.store, Desk(), actor, LASTS, 60)
    told = Metadata(filename="bench.bin")
    wire = await parts.units.run(actor, lambda unit: service.create(unit, told, "", SIZE, LASTS))
    upload_id: UUID = wire["id"]
    started = time.perf_counter()
    offset = 0
    while offset < SIZE:
        upload = await reception.receive(upload_id, Body(offset, source(min(piece, SIZE - offset))))
        offset = upload.received
    seconds = time.perf_counter() - started
    assert upload.made_number == 1
    await parts.close()
    return seconds


def rounds(folder: Path, count: int, piece: int) -> Iterator[tuple[float, float]]:
    """Seconds of each pair: upload, bare; the first pair warms up and does not count."""
    for number in range(count + 1):
        with tempfile.TemporaryDirectory(dir=folder) as data:
            migrate.upgrade(f"sqlite:///{Path(data) / 'dossier.sqlite3'}")
            pair = asyncio.run(timed_upload(Path(data), piece)), timed_bare(folder)
        if number:
            yield pair


def main() -> None:
    where = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    piece = (int(sys.argv[3]) << 20) if len(sys.argv) > 3 else SIZE
    log.configure("console", "error")
    with tempfile.TemporaryDirectory(dir=where) as folder, Peak() as peak:
        uploads, bares = zip(*rounds(Path(folder), count, piece), strict=True)
    pairs = [of_bare / of_upload for of_upload, of_bare in zip(uploads, bares, strict=True)]
    ratio = statistics.median(bares) / statistics.median(uploads)
    print(f"ratio {ratio:.2f} (of pairs {min(pairs):.2f}–{max(pairs):.2f}), a PATCH of {piece >> 20} MiB")
    print(f"upload {speeds(list(uploads))}, limit {speeds(list(bares))}; medians of {count}")
    print(f"peak memory {(peak.most - peak.start) / (1 << 20):.1f} MiB above rest")


if __name__ == "__main__":
    main()
