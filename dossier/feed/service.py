"""The feed as it goes out."""

from collections.abc import Sequence
from uuid import UUID

from dossier.core.events import EventRow
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.feed import queries


async def page(
    unit: ReadUnit, after: int, limit: int, types: Sequence[str] = (), document_id: UUID | None = None
) -> tuple[list[Wire], int]:
    """The next visible events after number ``after`` and the number to go on from."""
    rows, next_ = await queries.page(unit, after, limit, types, document_id)
    return [_wire(row) for row in rows], next_


async def one(unit: ReadUnit, seq: int) -> Wire | None:
    """The event with a number, if the actor may see it."""
    items, _ = await page(unit, seq - 1, 1)
    return items[0] if items and items[0]["seq"] == seq else None


def _wire(row: EventRow) -> Wire:
    return {
        "id": row.id,
        "seq": row.seq,
        "type": row.type,
        "at": row.at,
        "actor": {"id": row.actor_id, "name": row.actor_name},
        "document_id": row.document_id,
        "folder_id": row.folder_id,
        "task_id": row.task_id,
        "data": row.data,
    }
