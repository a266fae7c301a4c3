"""From received bytes to a blob row: durable first, named after, and swept where nothing names them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, delete, select, union_all, update

from dossier.core import metrics
from dossier.core.actor import Actor
from dossier.core.errors import DossierError
from dossier.core.log import log
from dossier.core.prepared import Prepared, insert_rows
from dossier.core.units import CommitUnknown, ReadUnit, Unit, Units
from dossier.storage.blobs import BlobEntry, BlobStore, StoredBlob, new_key
from dossier.storage.files import refusing
from dossier.storage.models import Blob, BlobHold


@dataclass(slots=True)
class Received:
    """Durable bytes that no row names yet. ``kept`` turns true once a row that names them has been committed, ``spare``
    once one that names others of the same content has."""

    stored: StoredBlob
    kept: bool = False
    spare: bool = False


@asynccontextmanager
async def received(
    store: BlobStore, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None
) -> AsyncIterator[Received]:
    """Store a stream, then let the caller's Unit adopt it; bytes that were refused or known already are removed again.

    They stay where nobody can say whether the commit happened; the sweeper judges them later.
    """
    bytes_ = Received(await store.put(workspace_id, chunks, limit=limit))
    try:
        yield bytes_
    except CommitUnknown:
        raise
    except DossierError:
        await _discard(store, bytes_)
        raise
    await _discard(store, bytes_)


async def _discard(store: BlobStore, bytes_: Received) -> None:
    if bytes_.kept:
        return
    try:
        await store.delete(bytes_.stored.key)
    except DossierError as error:
        # Tidying only: what was committed stays committed, and the sweeper comes by later.
        log.warning("storage.not_discarded", code=error.code)


async def hold(unit: Unit) -> str:
    """A new key for bytes that come in parts; no sweep takes what lies there until ``let_go``."""
    key = new_key(unit.workspace_id)
    unit.session.add(BlobHold(key=key, workspace_id=unit.workspace_id, created_at=unit.now))
    await unit.session.flush()
    return key


async def let_go(unit: Unit, keys: Collection[str]) -> None:
    """End holds: a blob's row names the bytes now, or they may be swept."""
    await unit.session.execute(delete(BlobHold).where(BlobHold.key.in_(keys)))


@asynccontextmanager
async def assembled(
    store: BlobStore, key: str, size: int, sha256: bytes | None = None, *, most_read: int | None = None
) -> AsyncIterator[Received]:
    """Finish a held key of ``size`` bytes, then let the caller's Unit adopt it and let go of it.

    Bytes that were known already are removed again; those that were refused stay, as the hold does. Raises as ``finish``.
    """
    bytes_ = Received(await store.finish(key, size, sha256, most_read=most_read))
    yield bytes_
    # Not where the Unit adopted nothing: another one may have been quicker, and these are its bytes.
    if bytes_.spare:
        await _discard(store, bytes_)


@asynccontextmanager
async def on_disk(store: BlobStore, key: str) -> AsyncIterator[Path]:
    """The bytes as a file, for programs that read files: the store's own, or a copy that lasts as long as the context.

    Not to be written to. Raises BlobMissing, StorageFailed, and StorageFull where there is no room for the copy.
    """
    if path := store.local_path(key):
        yield path
        return
    with TemporaryDirectory(prefix="dossier-blob-") as folder:
        path = Path(folder) / "content"
        with refusing(), path.open("xb") as copy:
            async for chunk in store.open(key):
                await asyncio.to_thread(copy.write, chunk)
        yield path


async def adopt(unit: Unit, *received: Received) -> None:
    """Let rows name these bytes, in a few statements. Of the same content the row that is there already is kept, with its
    bytes; it is locked against the sweeper, and told the CRC-32 where it has none."""
    known = await keys_of(unit, {each.stored.sha256 for each in received}, lock=True)
    rows: list[dict[str, Any]] = []
    learnt: dict[bytes, int] = {}
    for each in received:
        stored = each.stored
        if stored.sha256 not in known:
            known[stored.sha256] = (stored.key, stored.crc32)
            rows.append(_row(unit, stored))
            unit.after_commit(_marking(each, "kept"))
            continue
        key, crc32 = known[stored.sha256]
        if key != stored.key:
            unit.after_commit(_marking(each, "spare"))
        if crc32 is None and stored.crc32 is not None:
            learnt[stored.sha256] = stored.crc32
    await insert_rows(unit, Blob, sorted(rows, key=itemgetter("sha256")))
    await note(unit, learnt)


def _row(unit: Unit, stored: StoredBlob) -> dict[str, Any]:
    return {
        "workspace_id": unit.workspace_id,
        "sha256": stored.sha256,
        "key": stored.key,
        "size": stored.size,
        "crc32": stored.crc32,
        "created_at": unit.now,
    }


def _marking(bytes_: Received, what: str) -> Callable[[], Awaitable[None]]:
    async def mark() -> None:
        setattr(bytes_, what, True)

    return mark


async def find(unit: ReadUnit, sha256: bytes) -> Blob | None:
    """The workspace's blob with this digest, or None."""
    query = select(Blob).where(Blob.workspace_id == unit.workspace_id, Blob.sha256 == sha256)
    return (await unit.session.execute(query)).scalar_one_or_none()


async def key_of(unit: ReadUnit, sha256: bytes) -> str | None:
    """The key of the workspace's blob with this digest, or None."""
    row = await _KEY.one(unit, {"workspace": unit.workspace_id, "sha256": sha256})
    return None if row is None else str(row.key)


_B = Blob.__table__.c
_IT = (_B.workspace_id == bindparam("workspace"), _B.sha256 == bindparam("sha256"))
_KEY = Prepared(select(_B.key).where(*_IT))
_NOTE = Prepared(update(Blob).where(*_IT, _B.crc32.is_(None)).values(crc32=bindparam("known")))


async def keys_of(
    unit: ReadUnit, digests: Collection[bytes], *, lock: bool = False
) -> dict[bytes, tuple[str, int | None]]:
    """digest → key of the workspace's blobs with these digests, and their CRC-32 where it is known; those without a row are
    left out. Locked with ``lock``."""
    found, wanted = dict[bytes, tuple[str, int | None]](), sorted(digests)
    for start in range(0, len(wanted), 500):  # MariaDB looks for a thousand in another way, and might lock more
        some = Blob.sha256.in_(wanted[start : start + 500])
        query = select(Blob.sha256, Blob.key, Blob.crc32).where(Blob.workspace_id == unit.workspace_id, some)
        if lock:  # in one order, or two Units could wait for each other
            query = query.order_by(Blob.sha256).with_for_update()
        found |= {row.sha256: (row.key, row.crc32) for row in await unit.session.execute(query)}
    return found


async def note(unit: Unit, sums: Mapping[bytes, int]) -> None:
    """Keep the CRC-32 of the workspace's blobs that have none: by digest, of bytes that were found to have this digest."""
    if sums:  # in one order, whoever else does the same
        each = [{"sha256": sha256, "known": crc32} for sha256, crc32 in sorted(sums.items())]
        await _NOTE.run(unit, *({"workspace": unit.workspace_id} | one for one in each))


async def list_(unit: ReadUnit, limit: int = 1000, after: bytes = b"") -> Sequence[Blob]:
    """The workspace's blobs by digest, from the one after ``after``."""
    query = select(Blob).where(Blob.workspace_id == unit.workspace_id, Blob.sha256 > after)
    return (await unit.session.execute(query.order_by(Blob.sha256).limit(limit))).scalars().all()


async def forget(unit: Unit, digests: Collection[bytes]) -> None:
    """Drop the rows of blobs that nothing names any more; the sweeper takes their bytes after the grace period."""
    await unit.session.execute(
        delete(Blob).where(Blob.workspace_id == unit.workspace_id, Blob.sha256.in_(list(digests)))
    )


async def unknown_keys(unit: ReadUnit, keys: Sequence[str]) -> set[str]:
    """Those of ``keys`` that no row of any workspace names, and that are not held."""
    # One statement, so that a key that is adopted meanwhile is seen in one of the two, whatever the isolation.
    held = select(BlobHold.key).where(BlobHold.key.in_(keys))
    rows = await unit.session.execute(union_all(held, select(Blob.key).where(Blob.key.in_(keys))))
    return set(keys) - set(rows.scalars())


async def sweep(units: Units, actor: Actor, store: BlobStore, grace: timedelta) -> int:
    """Delete the workspace's stored bytes older than ``grace`` that no row names or holds, and abandoned temporary files.

    How many went.

    Safe beside uploads: ``grace`` is longer than the longest upload by one request, a row takes over no old key but a held
    one, and what comes in parts is held before its first byte.
    """
    swept = await store.sweep_temporary(grace)
    before, prefix = units.clock() - grace, actor.workspace_id.hex
    swept += await _sweep_old(units, actor, store.keys(prefix), before, store.delete)
    return swept + await _sweep_old(units, actor, store.parts(prefix), before, store.drop)


Removal = Callable[[str], Awaitable[None]]


async def _sweep_old(
    units: Units, actor: Actor, entries: AsyncIterator[BlobEntry], before: datetime, remove: Removal
) -> int:
    swept, old = 0, list[str]()
    async for entry in entries:
        if entry.modified_at < before:
            old.append(entry.key)
        if len(old) == 500:
            swept += await _sweep_keys(units, actor, old, remove)
            old = []
    return swept + await _sweep_keys(units, actor, old, remove)


async def _sweep_keys(units: Units, actor: Actor, keys: Sequence[str], remove: Removal) -> int:
    async with units.read(actor) as unit:
        orphans = await unknown_keys(unit, keys) if keys else set()
    for key in orphans:
        await remove(key)
        metrics.blobs_swept.inc()
    return len(orphans)
