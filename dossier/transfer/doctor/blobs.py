"""Every content against its digest, and every stored byte against the rows that name it."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Row, func, select

from dossier import storage
from dossier.core import paging
from dossier.storage import BlobEntry, BlobMissing, StorageFailed
from dossier.storage.models import Blob
from dossier.transfer.doctor.patient import Patient

PAGE, KEYS, AT_ONCE = 200, 500, 2
FIRST = (UUID(int=0), b"")
Line = Row[UUID, bytes, str, int]


async def contents(patient: Patient) -> None:
    """Read every content that a row names, and compare size and SHA-256."""
    query = select(func.count(), func.coalesce(func.sum(Blob.size), 0)).select_from(Blob)
    if patient.workspace_id is not None:
        query = query.where(Blob.workspace_id == patient.workspace_id)
    async with patient.read() as unit:
        count, size = (await unit.session.execute(query)).one()
    patient.progress.expect(count, int(size))
    gate = asyncio.Semaphore(AT_ONCE)
    after = FIRST
    while lines := await _page(patient, after):
        await asyncio.gather(*(_check(patient, gate, line) for line in lines))
        after = (lines[-1].workspace_id, lines[-1].sha256)


async def _page(patient: Patient, after: tuple[UUID, bytes]) -> Sequence[Line]:
    query = select(Blob.workspace_id, Blob.sha256, Blob.key, Blob.size)
    if patient.workspace_id is None:
        query = query.where(paging.beyond((Blob.workspace_id, Blob.sha256), after))
    else:
        query = query.where(Blob.workspace_id == patient.workspace_id, Blob.sha256 > after[1])
    async with patient.read() as unit:
        return (await unit.session.execute(query.order_by(Blob.workspace_id, Blob.sha256).limit(PAGE))).all()


async def _check(patient: Patient, gate: asyncio.Semaphore, line: Line) -> None:
    async with gate:
        fault = await _fault(patient, line)
        if fault is not None and await _is_named(patient, line):
            patient.found(fault[0], line.key, f"{fault[1]} SHA-256 {line.sha256.hex()}", line.workspace_id)
    patient.looked_at("contents")
    patient.looked_at("bytes", line.size)
    patient.progress.done()


async def _fault(patient: Patient, line: Line) -> tuple[str, str] | None:
    """A code and what was seen, or None for sound bytes."""
    store, digest = patient.program.store, hashlib.sha256()
    try:
        there = await store.size(line.key)
        if there != line.size:
            return "blob_size", f"{there} bytes instead of {line.size}."
        async for chunk in store.open(line.key):
            digest.update(chunk)
            patient.progress.moved(len(chunk))
    except BlobMissing:
        return "blob_missing", "No bytes."
    except StorageFailed:
        return "blob_unreadable", "The storage failed."
    if digest.digest() != line.sha256:
        return "blob_damaged", f"It is {digest.hexdigest()}."
    return None


async def _is_named(patient: Patient, line: Line) -> bool:
    """Whether the row is still there: a purge may have come between."""
    same = select(Blob.key).where(Blob.workspace_id == line.workspace_id, Blob.sha256 == line.sha256)
    async with patient.read() as unit:
        return bool(await unit.session.scalar(same) == line.key)


async def orphans(patient: Patient) -> None:
    """Stored bytes that no row names: old ones are found, young ones may be an upload under way and are counted."""
    some: list[BlobEntry] = []
    prefix = "" if patient.workspace_id is None else patient.workspace_id.hex
    async for entry in patient.program.store.keys(prefix):
        some.append(entry)
        if len(some) == KEYS:
            await _judge(patient, some)
            some = []
    await _judge(patient, some)


async def _judge(patient: Patient, entries: Sequence[BlobEntry]) -> None:
    patient.looked_at("stored", len(entries))
    patient.looked_at("in_flight", 0)
    if not entries:
        return
    # The rows are read after the listing: bytes are always stored before they are named.
    async with patient.read() as unit:
        unknown = await storage.unknown_keys(unit, [entry.key for entry in entries])
        old = unit.now - timedelta(hours=patient.program.settings.blob_grace_hours)
    for entry in entries:
        if entry.key in unknown and entry.modified_at < old:
            patient.found("blob_orphan", entry.key, f"{entry.size} bytes of {_day(entry.modified_at)}.")
        elif entry.key in unknown:
            patient.looked_at("in_flight")


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
