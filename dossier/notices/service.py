"""The verbs on notices: tell people, read, mark as read, sweep."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import delete, false, update

from dossier import documents, folders, tasks
from dossier.core import paging
from dossier.core.events import EventRow
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.notices import queries
from dossier.notices.models import Notice

KEPT = timedelta(days=90)
BATCH = 1000


async def list_(
    unit: ReadUnit, limit: int = paging.DEFAULT_LIMIT, after: str | None = None, *, unread: bool = False
) -> tuple[list[Wire], str | None]:
    """A page of the actor's notices of what they may see now, newest first. Raises BadCursor."""
    cursor = paging.decode(after, int)
    rows = list(await queries.page(unit, limit, cursor[0] if cursor else None, unread=unread))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row[0].seq))
    return await _wires(unit, kept), next_


async def _wires(unit: ReadUnit, rows: Sequence[tuple[Notice, EventRow]]) -> list[Wire]:
    """Two more statements, however many rows. One whose document has just vanished is left out."""
    known = await documents.briefs(unit, {notice.document_id for notice, _ in rows}) if rows else {}
    ids = [UUID(event.data["comment_id"]) for notice, event in rows if notice.kind == "commented"]
    said = await tasks.beginnings(unit, ids)
    return [
        _wire(notice, event, known[notice.document_id], said) for notice, event in rows if notice.document_id in known
    ]


def _wire(notice: Notice, event: EventRow, document: Wire, said: dict[UUID, str]) -> Wire:
    text = said.get(UUID(event.data["comment_id"])) if notice.kind == "commented" else event.data.get("comment")
    return {
        "id": notice.id,
        "at": notice.at,
        "kind": notice.kind,
        "read": notice.is_read,
        "actor": None if event.actor_id is None else {"id": event.actor_id, "name": event.actor_name},
        "document": {"id": document["id"], "name": document["name"]},
        "task": None if notice.task_id is None else {"id": notice.task_id, "title": event.data["title"]},
        "version": event.data["number"] if notice.kind == "new_version" else None,
        "text": text or None,
    }


async def unread(unit: ReadUnit) -> int:
    """How many notices of what the actor may see now are unread, up to 1,000."""
    return await queries.count_unread(unit)


async def mark_read(unit: Unit, ids: Collection[UUID], *, everything: bool = False) -> Wire:
    """Mark these of the actor's notices as read, or all; others' are passed over. How many are unread then."""
    change = update(Notice).where(queries.mine(unit), Notice.is_read == false()).values(is_read=True)
    if not everything:
        change = change.where(Notice.id.in_(ids))
    await unit.session.execute(change)
    unit.wake()
    return {"count": await queries.count_unread(unit)}


async def tell(unit: Unit, event: EventRow, kind: str, member_ids: Collection[UUID | None]) -> None:
    """Give a notice of an event to those of ``member_ids`` who may see its document now and did not do it themselves.

    Telling twice is telling once. Nobody is told of what would be swept at once, or is gone already.
    """
    wanted = cast("set[UUID]", set(member_ids) - {None, event.actor_id})
    if not wanted or event.document_id is None or event.at < unit.now - KEPT:
        return
    document = (await documents.briefs(unit, [event.document_id])).get(event.document_id)
    if document is None:
        return
    readers = await folders.readers(unit, document["folder_id"], wanted)
    new = readers - await queries.told(unit, event.seq, readers)
    unit.session.add_all(_new(event, event.document_id, kind, member_id) for member_id in sorted(new))
    if new:
        unit.wake()


def _new(event: EventRow, document_id: UUID, kind: str, member_id: UUID) -> Notice:
    return Notice(
        id=new_id(),
        workspace_id=event.workspace_id,
        member_id=member_id,
        seq=event.seq,
        kind=kind,
        document_id=document_id,
        task_id=event.task_id,
        at=event.at,
        is_read=False,
    )


async def sweep(unit: Unit) -> bool:
    """Delete one batch of what is older than 90 days; whether there may be more."""
    ids = await queries.old(unit, unit.now - KEPT, BATCH)
    for start in range(0, len(ids), 500):
        await unit.session.execute(delete(Notice).where(Notice.id.in_(ids[start : start + 500])))
    return len(ids) == BATCH
