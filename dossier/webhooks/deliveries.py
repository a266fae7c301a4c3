"""The verbs on deliveries: promise, send again, list, sweep.

Whoever numbers, takes or settles deliveries of an endpoint locks its row first, so that these come one after the other. A
delivery waits until it is due, or is queued while another before it is about the same document. Jobs only wake: all that has
to be remembered stands in the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import delete, insert

from dossier import feed
from dossier.core import paging
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.webhooks import queries
from dossier.webhooks.errors import DeliveryNotFound, TooManyEvents, WebhookNotFound
from dossier.webhooks.models import OPEN, QUEUED, WAITING, Attempt, Delivery, Webhook

KEPT, SWEPT = timedelta(days=30), 1000
LATE = timedelta(minutes=10)
MOST_REPLAYED, PAGE = 10_000, 200


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, whoever gets it."""

    id: UUID
    seq: int | None
    type: str
    document_id: UUID | None
    body: bytes


def message(event: Wire, workspace_id: UUID) -> Message:
    """An event as it is sent."""
    body = msgspec.json.encode(feed.cloud_event(event, workspace_id))
    return Message(event["id"], event["seq"], event["type"], event["document_id"], body)


def wanted(types: Sequence[str], type_: str) -> bool:
    """Whether an endpoint with these types gets events of ``type_``: by name, by family, or because it gets all."""
    return not types or type_ in types or f"{type_.partition('.')[0]}.*" in types


async def spread(unit: Unit, seq: int, type_: str) -> None:
    """Promise an event to every active endpoint that wants it. For the consumer, whose Unit it is."""
    ids = [id_ for id_, types, since in await queries.active(unit) if seq > since and wanted(types, type_)]
    event = await feed.one(unit, seq) if ids else None
    if event is None:
        return
    for id_ in ids:
        hook = await queries.webhook(unit, id_, lock=True)
        if hook is not None and hook.active:
            await promise(unit, hook, [message(event, unit.workspace_id)])


async def promise(unit: Unit, hook: Webhook, messages: Sequence[Message]) -> list[UUID]:
    """Rows for these messages, in this order, and a job that sends them; their ids. The endpoint is locked."""
    busy = await queries.busy(unit, hook.id, [each.document_id for each in messages if each.document_id is not None])
    rows = []
    for each in messages:
        hook.numbered += 1
        state = QUEUED if each.document_id in busy else WAITING
        rows.append(row_of(unit, hook, each, state))
        if each.document_id is not None:
            busy.add(each.document_id)
    if rows:
        await unit.session.execute(insert(Delivery), rows)
        wake(unit, hook, unit.now)
    return [row["id"] for row in rows]


def row_of(unit: Unit, hook: Webhook, each: Message, state: str) -> Wire:
    """The columns of a new delivery."""
    row: Wire = {"id": new_id(), "workspace_id": unit.workspace_id, "webhook_id": hook.id, "number": hook.numbered}
    row |= {"message_id": each.id, "seq": each.seq, "type": each.type, "document_id": each.document_id}
    return row | {
        "body": each.body,
        "state": state,
        "attempts": 0,
        "next_at": unit.now,
        "created_at": unit.now,
        "ended_at": None,
    }


def wake(unit: Unit, hook: Webhook, at: datetime) -> None:
    """Promise a job that looks after an active endpoint at a moment, unless one comes as early that is not long overdue."""
    if hook.active and (hook.wake_at is None or hook.wake_at > at or hook.wake_at < unit.now - LATE):
        hook.wake_at = at
        unit.defer("webhooks.send", delay=max(at - unit.now, timedelta(0)), webhook_id=str(hook.id))


# The log


async def list_(
    unit: ReadUnit, webhook_id: UUID, limit: int, after: str | None, state: str | None = None
) -> tuple[list[Wire], str | None]:
    """A page of an endpoint's deliveries, newest first. Needs an owner. Raises BadCursor, NotAllowed, WebhookNotFound."""
    await require(unit, webhook_id)
    cursor = paging.decode(after, int)
    states = () if state is None else OPEN if state == WAITING else (state,)
    rows = list(await queries.deliveries(unit, webhook_id, states, limit, cursor[0] if cursor else None))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.number))
    return [wire(row) for row in kept], next_


async def get(unit: ReadUnit, webhook_id: UUID, delivery_id: UUID) -> Wire:
    """One delivery with its tries. Needs an owner. Raises DeliveryNotFound, NotAllowed, WebhookNotFound."""
    await require(unit, webhook_id)
    row = await queries.delivery(unit, webhook_id, delivery_id)
    if row is None:
        raise DeliveryNotFound
    tries = [_attempt_wire(each) for each in await queries.attempts(unit, row.id)]
    return wire(row) | {"body": row.body.decode(), "tries": tries}


async def replay(unit: Unit, webhook_id: UUID, delivery_id: UUID) -> Wire:
    """Send a message once more, under its old webhook-id: a new delivery. Raises DeliveryNotFound, WebhookNotFound."""
    hook = await require(unit, webhook_id, lock=True)
    old = await queries.delivery(unit, webhook_id, delivery_id)
    if old is None:
        raise DeliveryNotFound
    (id_,) = await promise(unit, hook, [Message(old.message_id, old.seq, old.type, old.document_id, old.body)])
    return wire(await unit.session.get_one(Delivery, id_))


async def replay_range(unit: Unit, webhook_id: UUID, after: int, before: int) -> Wire:
    """Send what the endpoint wants of the events between two numbers, in order, under their old webhook-ids; how many.

    Raises NotAllowed, TooManyEvents, WebhookNotFound.
    """
    hook = await require(unit, webhook_id, lock=True)
    if before - after - 1 > MOST_REPLAYED:
        raise TooManyEvents(f"At most {MOST_REPLAYED} numbers at once.", fields={"before": "Too far from after."})
    count = 0
    while after + 1 < before:
        events, after = await feed.page(unit, after, PAGE)
        mine = [event for event in events if event["seq"] < before and wanted(hook.types, event["type"])]
        count += len(await promise(unit, hook, [message(event, unit.workspace_id) for event in mine]))
        if len(events) < PAGE:
            break
    return {"count": count}


async def require(unit: ReadUnit, webhook_id: UUID, *, lock: bool = False) -> Webhook:
    """An endpoint, for owners. Raises NotAllowed, WebhookNotFound."""
    unit.actor.require_admin()
    hook = await queries.webhook(unit, webhook_id, lock=lock)
    if hook is None:
        raise WebhookNotFound
    return hook


# Housekeeping


async def sweep(unit: Unit) -> bool:
    """Forget one batch of what is older than 30 days and has ended; whether there may be more."""
    ids = await queries.old(unit, unit.now - KEPT, SWEPT)
    for start in range(0, len(ids), 500):
        await unit.session.execute(delete(Delivery).where(Delivery.id.in_(ids[start : start + 500])))
    return len(ids) == SWEPT


async def rouse(unit: Unit) -> None:
    """Promise a job again for endpoints whose jobs died for good."""
    for webhook_id in await queries.sleepers(unit, unit.now - LATE):
        hook = await queries.webhook(unit, webhook_id, lock=True)
        if hook is not None:
            hook.wake_at = None
            wake(unit, hook, unit.now)


def wire(row: Delivery) -> Wire:
    """A delivery without its tries."""
    return {
        "id": row.id,
        "webhook_id": row.webhook_id,
        "message_id": row.message_id,
        "type": row.type,
        "seq": row.seq,
        "document_id": row.document_id,
        "state": WAITING if row.state in OPEN else row.state,
        "attempts": row.attempts,
        "next_at": row.next_at if row.state == WAITING else None,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def _attempt_wire(row: Attempt) -> Wire:
    names = ("number", "at", "ms", "status", "error", "request_headers", "answer_headers")
    return {name: getattr(row, name) for name in names} | {"answer": row.answer.decode(errors="replace")}
