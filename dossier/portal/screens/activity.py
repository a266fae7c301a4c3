"""Activity: what happened to documents, tasks and folders, newest first, in the words that a sentence needs."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select

from dossier import documents, folders, tasks, users
from dossier.core import events, paging
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.feed.queries import seen
from dossier.folders.models import Folder

WINDOW = 2000
"""How many events a page across documents looks back at most: whoever sees few of many is not made to wait for all."""
BEGINNING = 140
"""Characters of a comment that are shown."""


async def page(
    unit: ReadUnit,
    limit: int = paging.DEFAULT_LIMIT,
    after: str | None = None,
    document_id: UUID | None = None,
    types: Sequence[str] = (),
) -> tuple[list[Wire], str | None]:
    """A page of what happened, to one document or to all that the actor may see now; it may be short and have a next.

    Raises DocumentNotFound, BadCursor.
    """
    cursor = paging.decode(after, int)
    before = cursor[0] if cursor else await events.last_seq(unit.session, unit.workspace_id) + 1
    query, oldest = _older(unit, before, types), 1
    if document_id is not None:
        # Alone here: what a link sends when it is made is every document of a folder at once.
        await documents.require(unit, document_id, trashed=True)
        query = paging.along(query, EventRow, "ix_events_document_id_seq").where(EventRow.document_id == document_id)
    else:
        oldest = max(1, before - WINDOW)
        about = or_(EventRow.document_id.is_not(None), EventRow.folder_id.is_not(None))
        query = paging.along(query, EventRow, "PRIMARY").where(EventRow.seq >= oldest, about, await seen(unit))
        query = query.where(EventRow.type != "link.sent")
    rows = list((await unit.session.execute(query.limit(limit + 1))).scalars())
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.seq))
    if next_ is None and oldest > 1:
        next_ = paging.encode(oldest)
    return await _wires(unit, [row for row in kept if not _said_before(row)]), next_


def _older(unit: ReadUnit, before: int, types: Sequence[str]) -> Select[Any]:
    query = select(EventRow).where(EventRow.workspace_id == unit.workspace_id, EventRow.seq < before)
    query = query.where(EventRow.type != "upload.hashing")  # what comes of it is told
    if types:
        query = query.where(EventRow.type.in_(types))
    return query.order_by(EventRow.seq.desc())


def _said_before(row: EventRow) -> bool:
    """A renamed or moved document has an event for that, and one more that it changed."""
    return row.type == "document.updated" and set(row.data["changed"]) <= {"name", "folder"}


async def _wires(unit: ReadUnit, rows: Sequence[EventRow]) -> list[Wire]:
    """Four more statements at most, however many rows."""
    about = {row.document_id for row in rows if row.document_id}
    known = await documents.briefs(unit, about) if about else {}
    named = await _folders(unit, {row.folder_id for row in rows if row.folder_id})
    said = await tasks.beginnings(unit, _ids(rows, "comment_id"), BEGINNING)
    people = await users.people(unit, _ids(rows, "assignee_id"))
    return [_wire(row, known, named, said, people) for row in rows]


def _ids(rows: Iterable[EventRow], name: str) -> set[UUID]:
    return {UUID(row.data[name]) for row in rows if row.data.get(name)}


async def _folders(unit: ReadUnit, ids: set[UUID]) -> dict[UUID, Wire]:
    if not ids:
        return {}
    query = select(Folder.id, Folder.name).where(Folder.id.in_(ids), Folder.workspace_id == unit.workspace_id)
    query = query.where(Folder.scope_id.in_(list(await folders.roles(unit))))
    return {row.id: {"id": row.id, "name": row.name} for row in await unit.session.execute(query)}


def _wire(
    row: EventRow,
    known: dict[UUID, Wire],
    named: dict[UUID, Wire],
    said: dict[UUID, str],
    people: dict[UUID, Wire],
) -> Wire:
    data = row.data
    previous = data.get("previous")
    comment_id, assignee_id = data.get("comment_id"), data.get("assignee_id")
    return {
        "seq": row.seq,
        "type": row.type,
        "at": row.at,
        "actor": None if row.actor_id is None else {"id": row.actor_id, "name": row.actor_name},
        "document": _document(row, known),
        "task": None if row.task_id is None else {"id": row.task_id, "title": data["title"]},
        "folder": None if row.folder_id is None else named.get(row.folder_id),
        "version": data.get("number") or data.get("version"),
        "restored_from": data.get("restored_from"),
        "comment": (said.get(UUID(comment_id)) if comment_id else data.get("comment")) or None,
        "status": data["to"] if row.type == "task.status_changed" else None,
        "person": people.get(UUID(assignee_id)) if assignee_id else None,
        "previous_name": previous.get("name") if isinstance(previous, dict) else None,
        "link": _link(row),
    }


def _link(row: EventRow) -> str | None:
    """The link that it is about."""
    return str(row.data["name"]) if row.data.get("link_id") else None


def _document(row: EventRow, known: dict[UUID, Wire]) -> Wire | None:
    """By the present name; a purged one by its last."""
    if row.document_id is None:
        return None
    brief = known.get(row.document_id)
    name = brief["name"] if brief else None if "link_id" in row.data else row.data.get("name")
    return None if name is None else {"id": row.document_id, "name": name}
