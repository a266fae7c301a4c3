"""The feed's SELECT: events filtered by the present scope of what they are about."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, true

from dossier import documents, folders
from dossier.core import events
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit


async def seen(unit: ReadUnit) -> ColumnElement[bool]:
    """The condition that the actor may see an event now: it follows the folder of its document, else its own folder."""
    if unit.actor.role == "owner":
        return true()
    place = func.coalesce(documents.folder_of(EventRow.document_id), EventRow.folder_id)
    return await folders.visible(unit, place)


async def page(
    unit: ReadUnit, after: int, limit: int, types: Sequence[str] = (), document_id: UUID | None = None
) -> tuple[Sequence[EventRow], int]:
    """The next events that the actor may see, and the number to go on from.

    What is about neither a document nor a folder is for the owners, who see all.
    """
    # Read before the events: what commits in between is then on this page or on the next, and never passed over.
    last = await events.last_seq(unit.session, unit.workspace_id)
    query = select(EventRow).where(EventRow.workspace_id == unit.workspace_id, EventRow.seq > after)
    query = query.where(await seen(unit))
    if types:
        query = query.where(EventRow.type.in_(types))
    if document_id is not None:
        query = query.where(EventRow.document_id == document_id)
    rows = (await unit.session.execute(query.order_by(EventRow.seq).limit(limit))).scalars().all()
    if len(rows) == limit:
        return rows, rows[-1].seq
    return rows, max(after, last, rows[-1].seq if rows else 0)
