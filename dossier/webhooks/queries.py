"""Every SELECT on webhooks: within the unit's workspace. Who asks is an owner, which the verbs see to."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, union_all

from dossier.core import paging
from dossier.core.units import ReadUnit
from dossier.webhooks.models import OPEN, QUEUED, WAITING, Attempt, Delivery, Webhook

ACTIVE = "webhooks.active"


async def webhook(unit: ReadUnit, id_: UUID, *, lock: bool = False) -> Webhook | None:
    """One endpoint; locked, it is the turn of whoever numbers, takes or settles its deliveries."""
    query = select(Webhook).where(Webhook.workspace_id == unit.workspace_id, Webhook.id == id_)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return await unit.session.scalar(query)


async def webhooks(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[Webhook]:
    """Endpoints in the order they were made, one more than ``limit``."""
    query = select(Webhook).where(Webhook.workspace_id == unit.workspace_id)
    if after is not None:
        query = query.where(Webhook.id > after)
    return (await unit.session.scalars(query.order_by(Webhook.id).limit(limit + 1))).all()


async def count(unit: ReadUnit) -> int:
    """How many endpoints the workspace has."""
    return await unit.session.scalar(select(func.count()).where(Webhook.workspace_id == unit.workspace_id)) or 0


async def active(unit: ReadUnit) -> Sequence[tuple[UUID, Sequence[str], int]]:
    """Id, types and ``since`` of the active endpoints, by id; asked once in a Unit, which may hold a hundred events."""
    if ACTIVE not in unit.memo:
        query = select(Webhook.id, Webhook.types, Webhook.since).where(Webhook.workspace_id == unit.workspace_id)
        rows = await unit.session.execute(query.where(Webhook.active.is_(True)).order_by(Webhook.id))
        unit.memo[ACTIVE] = [tuple(row) for row in rows]
    found: Sequence[tuple[UUID, Sequence[str], int]] = unit.memo[ACTIVE]
    return found


# Deliveries


async def delivery(unit: ReadUnit, webhook_id: UUID, id_: UUID) -> Delivery | None:
    """One delivery of an endpoint."""
    query = select(Delivery).where(Delivery.workspace_id == unit.workspace_id, Delivery.id == id_)
    return await unit.session.scalar(
        query.where(Delivery.webhook_id == webhook_id).execution_options(populate_existing=True)
    )


async def deliveries(
    unit: ReadUnit, webhook_id: UUID, states: Collection[str], limit: int, before: int | None
) -> Sequence[Delivery]:
    """Deliveries of an endpoint, newest first, one more than ``limit``; no ``states`` means all."""
    query = select(Delivery.id).where(Delivery.workspace_id == unit.workspace_id, Delivery.webhook_id == webhook_id)
    if before is not None:
        query = query.where(Delivery.number < before)
    newest = query.order_by(Delivery.number.desc()).limit(limit + 1)
    if not states:
        newest = paging.along(newest, Delivery, "uq_webhook_deliveries_webhook_id_number")
    # A page per state: an ``IN`` with ORDER BY would sort all that wait.
    pages = [select(newest.where(Delivery.state == state).subquery().c.id) for state in states]
    ids = union_all(*pages).subquery() if pages else newest.subquery()
    found = select(Delivery).join(ids, Delivery.id == ids.c.id).order_by(Delivery.number.desc()).limit(limit + 1)
    return (await unit.session.scalars(found)).all()


async def attempts(unit: ReadUnit, delivery_id: UUID) -> Sequence[Attempt]:
    """The tries of a delivery, in order."""
    query = select(Attempt).where(Attempt.workspace_id == unit.workspace_id, Attempt.delivery_id == delivery_id)
    return (await unit.session.scalars(query.order_by(Attempt.number, Attempt.id))).all()


async def due(unit: ReadUnit, webhook_id: UUID, limit: int) -> Sequence[Delivery]:
    """What an endpoint is to be sent now; those longest due come first."""
    query = select(Delivery).where(Delivery.webhook_id == webhook_id, Delivery.state == WAITING)
    query = query.where(Delivery.next_at <= unit.now).order_by(Delivery.next_at, Delivery.number).limit(limit)
    return (await unit.session.scalars(query)).all()


async def next_at(unit: ReadUnit, webhook_id: UUID) -> datetime | None:
    """When the next delivery of an endpoint is due; None where nothing waits."""
    query = select(Delivery.next_at).where(Delivery.webhook_id == webhook_id, Delivery.state == WAITING)
    return await unit.session.scalar(query.order_by(Delivery.next_at).limit(1))


async def busy(unit: ReadUnit, webhook_id: UUID, document_ids: Sequence[UUID]) -> set[UUID]:
    """The documents among these about which something is still to be sent to an endpoint."""
    found: set[UUID] = set()
    for start in range(0, len(document_ids), 500):
        some = Delivery.document_id.in_(document_ids[start : start + 500])
        query = select(Delivery.document_id).where(Delivery.webhook_id == webhook_id, some, Delivery.state.in_(OPEN))
        found |= {id_ for id_ in await unit.session.scalars(query.distinct()) if id_ is not None}
    return found


async def next_of(unit: ReadUnit, webhook_id: UUID, document_id: UUID) -> Delivery | None:
    """The first delivery that is queued about a document."""
    query = select(Delivery).where(Delivery.webhook_id == webhook_id, Delivery.document_id == document_id)
    return await unit.session.scalar(query.where(Delivery.state == QUEUED).order_by(Delivery.number).limit(1))


async def old(unit: ReadUnit, before: datetime, limit: int) -> Sequence[UUID]:
    """Deliveries of the workspace from before a moment that have ended."""
    query = select(Delivery.id).where(Delivery.workspace_id == unit.workspace_id, Delivery.created_at < before)
    return (await unit.session.scalars(query.where(Delivery.state.not_in(OPEN)).limit(limit))).all()


async def stale(unit: ReadUnit, before: datetime, limit: int) -> Sequence[tuple[UUID, UUID]]:
    """Endpoint and delivery of what was promised before a moment and is still to be sent, in order."""
    query = select(Delivery.webhook_id, Delivery.id).where(Delivery.workspace_id == unit.workspace_id)
    query = query.where(Delivery.created_at < before, Delivery.state.in_(OPEN))
    rows = await unit.session.execute(query.order_by(Delivery.webhook_id, Delivery.number).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def sleepers(unit: ReadUnit, before: datetime) -> Sequence[UUID]:
    """Active endpoints with something due since before a moment: whoever was to wake them has died for good."""
    query = select(Delivery.webhook_id).join(Webhook, Webhook.id == Delivery.webhook_id)
    query = query.where(Webhook.workspace_id == unit.workspace_id, Webhook.active.is_(True), Delivery.state == WAITING)
    rested = Webhook.rest_until.is_(None) | (Webhook.rest_until < before)
    return (await unit.session.scalars(query.where(Delivery.next_at < before, rested).distinct())).all()


async def oldest_open(unit: ReadUnit) -> datetime | None:
    """When the oldest delivery that is still to be sent was made, over all workspaces; for metrics."""
    found = [
        await unit.session.scalar(select(func.min(Delivery.created_at)).where(Delivery.state == state))
        for state in OPEN
    ]
    return min((at for at in found if at is not None), default=None)
