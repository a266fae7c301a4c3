"""Every SELECT on notices. A notice is seen as long as its document is living and visible; that is part of the SQL."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, select

from dossier import documents
from dossier.core import paging
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit
from dossier.notices.models import Notice

MOST_COUNTED = 1000


def mine(unit: ReadUnit) -> ColumnElement[bool]:
    """The actor's own; the system has none."""
    me = unit.actor.member_id
    return false() if me is None else and_(Notice.member_id == me, Notice.workspace_id == unit.workspace_id)


async def page(
    unit: ReadUnit, limit: int, before: int | None, *, unread: bool = False
) -> Sequence[tuple[Notice, EventRow]]:
    """``limit + 1`` of the actor's notices with what happened, newest first, from the one before ``before`` on."""
    happened = and_(EventRow.workspace_id == Notice.workspace_id, EventRow.seq == Notice.seq)
    query = select(Notice, EventRow).join(EventRow, happened)
    query = query.where(mine(unit), await documents.readable(unit, Notice.document_id))
    query = paging.along(query, Notice, "ix_notices_member_id_is_read_seq" if unread else "uq_notices_member_id_seq")
    if unread:
        query = query.where(Notice.is_read == false())
    if before is not None:
        query = query.where(Notice.seq < before)
    rows = await unit.session.execute(query.order_by(Notice.seq.desc()).limit(limit + 1))
    return [(row[0], row[1]) for row in rows]


async def count_unread(unit: ReadUnit) -> int:
    """How many of the actor's notices are unread, counting no further than ``MOST_COUNTED``."""
    found = select(Notice.id).where(mine(unit), Notice.is_read == false())
    found = found.where(await documents.readable(unit, Notice.document_id)).limit(MOST_COUNTED)
    return (await unit.session.scalar(select(func.count()).select_from(found.subquery()))) or 0


async def told(unit: ReadUnit, seq: int, member_ids: Collection[UUID]) -> set[UUID]:
    """Who of these has a notice of an event already."""
    query = select(Notice.member_id).where(Notice.member_id.in_(member_ids), Notice.seq == seq)
    return set((await unit.session.execute(query.where(Notice.workspace_id == unit.workspace_id))).scalars())


async def old(unit: ReadUnit, before: datetime, limit: int) -> Sequence[UUID]:
    """Notices of the workspace from before a moment."""
    query = select(Notice.id).where(Notice.workspace_id == unit.workspace_id, Notice.at < before)
    return (await unit.session.execute(query.limit(limit))).scalars().all()
