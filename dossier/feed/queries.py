"""The feed's SELECT: events filtered by the present scope of what they are about."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from dossier import documents, folders
from dossier.core import events
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit


async def page(
    unit: ReadUnit, after: int, limit: int, types: Sequence[str] = (), document_id: UUID | None = None
) -> tuple[Sequence[EventRow], int]:
    """The next events that the actor may see, and the number to go on from.

    An event follows the folder of its document, else its own folder; what is about neither is for the owners.
    """
    place = func.coalesce(documents.folder_of(EventRow.document_id), EventRow.folder_id)
    shown = await folders.visible(unit, place)
    if unit.actor.role == "owner":
        shown = or_(shown, and_(EventRow.document_id.is_(None), EventRow.folder_id.is_(None)))
    query = select(EventRow).where(EventRow.workspace_id == unit.workspace_id, EventRow.seq > after, shown)
    if types:
        query = query.where(EventRow.type.in_(types))
    if document_id is not None:
        query = query.where(EventRow.document_id == document_id)
    rows = (await unit.session.execute(query.order_by(EventRow.seq).limit(limit))).scalars().all()
    if len(rows) == limit:
        return rows, rows[-1].seq
    return rows, max(after, await events.last_seq(unit.session, unit.workspace_id))
