"""Events: one row per thing that happened, numbered without gaps per workspace in commit order.

The log is the audit trail, the activity in the portal, the feed for partners and the source of every follow-up. As its last
act before COMMIT a Unit takes numbers from ``event_counters``, a row that nothing references (a counter in ``workspaces``
deadlocks with foreign-key locks). Higher rooms follow by ``Consumer``: a cursor per consumer and workspace, moved in the
handler's own Unit, so a lower room never calls up.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, String, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core import trail
from dossier.core.actor import Actor
from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Uuid, new_id
from dossier.core.prepared import Prepared, insert_rows

if TYPE_CHECKING:
    from dossier.core.units import ReadUnit, Unit


class EventCounter(Base):
    """The last number given in a workspace."""

    __tablename__ = "event_counters"
    workspace_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, default=0)


class EventRow(Base):
    """One thing that happened. ``actor_id`` is the member; None with a name is the system."""

    __tablename__ = "events"
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    id: Mapped[UUID] = mapped_column(Uuid)
    type: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
    folder_id: Mapped[UUID | None] = mapped_column(Uuid)
    task_id: Mapped[UUID | None] = mapped_column(Uuid)
    actor_id: Mapped[UUID | None] = mapped_column(Uuid)
    actor_name: Mapped[str] = mapped_column(String(200))
    at: Mapped[datetime] = mapped_column(UtcTime)
    stored: Mapped[dict[str, Any]] = mapped_column("data", JSON)
    __table_args__ = (Index(None, "document_id", "seq"), Index(None, "workspace_id", "actor_id", "seq"), MYSQL_TABLE)

    @property
    def data(self) -> dict[str, Any]:
        """What is told of it; ``stored`` holds the trail beside it."""
        return trail.unmarked(self.stored)


class ConsumerCursor(Base):
    """How far a consumer has come in a workspace."""

    __tablename__ = "consumer_cursors"
    consumer: Mapped[str] = mapped_column(String(64), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event that waits for its number."""

    type: str
    document_id: UUID | None
    folder_id: UUID | None
    task_id: UUID | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Consumer:
    """A follower of the log: ``handler(unit, event)`` runs once per event of ``types``, in order, in its own Unit.

    ``types`` None follows all there are.
    """

    name: str
    types: frozenset[str] | None
    handler: Callable[["Unit", EventRow], Awaitable[None]]


async def write(unit: "Unit", actor: Actor, recorded: Sequence[NewEvent]) -> None:
    """Number and insert what an actor did in a Unit. Called by the Unit as its last act before COMMIT."""
    if not recorded:
        return
    first = await _take(unit, actor.workspace_id, len(recorded))
    await insert_rows(
        unit,
        EventRow,
        [
            {
                "workspace_id": actor.workspace_id,
                "seq": first + offset,
                "id": new_id(),
                "type": event.type,
                "document_id": event.document_id,
                "folder_id": event.folder_id,
                "task_id": event.task_id,
                "actor_id": actor.member_id,
                "actor_name": actor.name,
                "at": unit.now,
                "data": trail.marked(event.data),
            }
            for offset, event in enumerate(recorded)
        ],
    )


async def _take(unit: "Unit", workspace_id: UUID, count: int) -> int:
    values = {"workspace": workspace_id, "count": count}
    await _COUNT.run(unit, values)
    ((last,),) = await _COUNTED.rows(unit, values)
    return int(last) - count + 1


_C = EventCounter.__table__.c
_MINE = _C.workspace_id == bindparam("workspace")
_COUNT = Prepared(update(EventCounter).where(_MINE).values(seq=_C.seq + bindparam("count")))
_COUNTED = Prepared(select(_C.seq).where(_MINE))


async def last_seq(session: AsyncSession, workspace_id: UUID) -> int:
    """The number of the newest event of a workspace; 0 where nothing happened yet."""
    return (await session.scalar(select(EventCounter.seq).where(EventCounter.workspace_id == workspace_id))) or 0


async def behind(unit: "ReadUnit", consumer: str) -> list[UUID]:
    """The workspaces with events that ``consumer`` has not seen."""
    return [row.workspace_id for row in await _BEHIND.rows(unit, {"consumer": consumer})]


_K = ConsumerCursor.__table__.c
_DONE = (
    select(_K.seq)
    .where(_K.consumer == bindparam("consumer"), _K.workspace_id == _C.workspace_id)
    .correlate(EventCounter.__table__)
    .scalar_subquery()
)
_BEHIND = Prepared(select(_C.workspace_id).where(_C.seq > 0, (_DONE.is_(None)) | (_C.seq > _DONE)))


async def lags(session: AsyncSession) -> dict[str, int]:
    """Consumer → events of all workspaces that it has not seen."""
    last = await session.scalar(select(func.coalesce(func.sum(EventCounter.seq), 0))) or 0
    query = select(ConsumerCursor.consumer, func.sum(ConsumerCursor.seq)).group_by(ConsumerCursor.consumer)
    # Read after `last`, so a cursor may be beyond it by what came in between.
    return {name: max(0, int(last) - int(done)) for name, done in await session.execute(query)}


async def consume(unit: "Unit", consumer: Consumer, limit: int = 100) -> int:
    """Give the next events of the unit's workspace to ``consumer`` and move its cursor; how many were passed."""
    session, workspace_id = unit.session, unit.workspace_id
    cursor = await session.get(ConsumerCursor, (consumer.name, workspace_id), with_for_update=True)
    if cursor is None:
        cursor = ConsumerCursor(consumer=consumer.name, workspace_id=workspace_id, seq=0)
        session.add(cursor)
    rows = await session.execute(
        select(EventRow)
        .where(EventRow.workspace_id == workspace_id, EventRow.seq > cursor.seq)
        .order_by(EventRow.seq)
        .limit(limit)
    )
    events = rows.scalars().all()
    for event in events:
        if consumer.types is None or event.type in consumer.types:
            with trail.followed(event.stored, f"consume {consumer.name}"):
                await consumer.handler(unit, event)
        cursor.seq = event.seq
    return len(events)
