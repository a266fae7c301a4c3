"""Locks: leases on a document, with a holder and an end. A take-over leaves a record."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete

from dossier import users
from dossier.core.actor import NotAllowed
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents import queries, versions
from dossier.documents.errors import DocumentLocked
from dossier.documents.models import Lock


async def require_free(unit: ReadUnit, document_id: UUID) -> None:
    """Refuse (423) where somebody other than the actor holds a living lock."""
    lock = await queries.lock_of(unit, document_id)
    if lock is not None and lock.expires_at > unit.now and lock.holder_id != unit.actor.member_id:
        shown = await wire(unit, lock)
        raise DocumentLocked(f"{shown['holder']['name']} has locked it.", lock=shown)


async def wire(unit: ReadUnit, lock: Lock) -> Wire:
    """A lock as it goes out."""
    people = await users.people(unit, [lock.holder_id])
    return {"holder": people[lock.holder_id], "acquired_at": lock.acquired_at, "expires_at": lock.expires_at}


async def acquire(unit: Unit, document_id: UUID, minutes: int, *, take_over: bool = False) -> Wire:
    """Take or renew the lease; the lock. With ``take_over`` somebody else's ends, and an event says so.

    Raises 404, 403 (also for the system, which holds no locks), DocumentTrashed, DocumentLocked.
    """
    document = await versions.require(unit, document_id, "editor", lock=True)
    member_id = unit.actor.member_id
    if member_id is None:
        raise NotAllowed("Only members hold locks.")
    if not take_over:
        await require_free(unit, document_id)
    lock = await queries.lock_of(unit, document_id)
    previous = lock.holder_id if lock and lock.expires_at > unit.now else None
    if lock is None:
        lock = Lock(document_id=document_id, holder_id=member_id, acquired_at=unit.now)
        unit.session.add(lock)
    if previous != member_id:
        lock.holder_id, lock.acquired_at = member_id, unit.now
        taken_from = str(previous) if previous else None
        unit.record("document.locked", document_id=document_id, name=document.name, taken_from=taken_from)
    lock.expires_at = unit.now + timedelta(minutes=minutes)
    await unit.session.flush()
    return await wire(unit, lock)


async def drop(unit: Unit, document_id: UUID) -> None:
    """End the lease, whoever holds it; for a document that goes into the trash."""
    await unit.session.execute(delete(Lock).where(Lock.document_id == document_id))


async def release(unit: Unit, document_id: UUID) -> None:
    """End the actor's lease; nothing happens without one. Raises 404, 403, DocumentLocked for somebody else's."""
    document = await versions.require(unit, document_id, "editor", lock=True, trashed=True)
    await require_free(unit, document_id)
    lock = await queries.lock_of(unit, document_id)
    if lock is not None:
        await unit.session.delete(lock)
        unit.record("document.unlocked", document_id=document_id, name=document.name)
