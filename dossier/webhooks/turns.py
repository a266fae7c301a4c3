"""The turns of an endpoint: what is taken to be sent, and what follows from what came back.

A turn holds no database while it sends. The row of a delivery says how often it was tried and when it is due; a job
only wakes.
"""

import random
from datetime import datetime, timedelta
from uuid import UUID

from dossier import users
from dossier.core import metrics
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.core.vault import Vault, context
from dossier.webhooks import queries
from dossier.webhooks.deliveries import KEPT, SWEPT, wake
from dossier.webhooks.models import DELIVERED, FAILED, OPEN, WAITING, Attempt, Delivery, Webhook
from dossier.webhooks.sending import Letter, Result

BATCH = 8
# While a try is under way; longer than it can last. What died in it is tried again then.
LEASE = timedelta(seconds=60)
# Between the tries of a delivery: three days in all.
PAUSES = [
    *(timedelta(seconds=5), timedelta(seconds=30)),
    *(timedelta(minutes=2), timedelta(minutes=10), timedelta(minutes=30)),
    *(timedelta(hours=1), timedelta(hours=3), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24)),
    timedelta(hours=24),
]
LONGEST_REST = timedelta(minutes=10)
FAILING, MOST_GIVEN_UP = timedelta(days=5), 20


async def take(unit: Unit, webhook_id: UUID, vault: Vault) -> list[Letter]:
    """What is to be sent now, each held for as long as a try can last; where that is nothing, a job for later is promised.

    Raises VaultLocked.
    """
    hook = await queries.webhook(unit, webhook_id, lock=True)
    if hook is None:
        return []
    if hook.wake_at is not None and hook.wake_at <= unit.now:
        hook.wake_at = None
    if not hook.active:
        return []
    if hook.rest_until is not None and hook.rest_until > unit.now:
        wake(unit, hook, hook.rest_until)
        return []
    due = await queries.due(unit, webhook_id, BATCH)
    if not due:
        if (at := await queries.next_at(unit, webhook_id)) is not None:
            wake(unit, hook, at)
        return []
    keys = keys_of(hook, vault, unit.now)
    for each in due:
        each.attempts += 1
        each.next_at = unit.now + LEASE
    return [Letter(each.id, each.attempts, hook.url, each.message_id, each.body, keys) for each in due]


def keys_of(hook: Webhook, vault: Vault, now: datetime) -> list[bytes]:
    """What signs now: the secret, and beside it the one before as long as that is good. Raises VaultLocked."""
    boxes = [hook.secret]
    if hook.previous_secret is not None and hook.previous_until is not None and hook.previous_until > now:
        boxes.append(hook.previous_secret)
    return [vault.open(box, context("webhooks", hook.id)) for box in boxes]


async def again(unit: Unit, webhook_id: UUID) -> None:
    """Promise a job at once: a turn was over before the work was."""
    hook = await queries.webhook(unit, webhook_id, lock=True)
    if hook is not None:
        wake(unit, hook, unit.now)


async def settle(unit: Unit, webhook_id: UUID, letter: Letter, result: Result) -> None:
    """Write down a try and what follows from it. A try that was overtaken by another counts only if it got through."""
    hook = await queries.webhook(unit, webhook_id, lock=True)
    row = await queries.delivery(unit, webhook_id, letter.delivery_id)
    if hook is None or row is None:
        return
    unit.session.add(attempt(unit, row.id, letter.attempt, result))
    if row.state != WAITING or not (result.delivered or row.attempts == letter.attempt):
        return
    _hear(unit, hook, result)
    if result.delivered:
        outcome = "delivered"
        await _end(unit, hook, row, DELIVERED)
    elif result.gone:
        outcome = "gone"
        await _end(unit, hook, row, FAILED)
        await disable(unit, hook, "gone")
    else:
        outcome = await _fail(unit, hook, row, result)

    async def count() -> None:
        metrics.webhook_tries.labels(outcome).inc()

    unit.after_commit(count)


def _hear(unit: Unit, hook: Webhook, result: Result) -> None:
    """What a try says of the endpoint. One that does not answer rests as a whole: each try costs a worker its time."""
    if result.delivered:
        hook.failing_since, hook.given_up = None, 0
    else:
        hook.failing_since = hook.failing_since or unit.now
    if result.status is not None:
        hook.silent, hook.rest_until = 0, None
    elif hook.rest_until is None or hook.rest_until <= unit.now:
        hook.rest_until = unit.now + min(_pause(hook.silent), LONGEST_REST)
        hook.silent += 1


async def _fail(unit: Unit, hook: Webhook, row: Delivery, result: Result) -> str:
    outcome = "failed"
    if row.attempts > len(PAUSES):
        outcome = "given_up"
        hook.given_up += 1
        await _end(unit, hook, row, FAILED)
    else:
        row.next_at = unit.now + max(_pause(row.attempts - 1), result.pause)
        wake(unit, hook, row.next_at)
    failing = hook.failing_since is not None and unit.now - hook.failing_since >= FAILING
    if failing or hook.given_up >= MOST_GIVEN_UP:
        await disable(unit, hook, "failing")
    return outcome


def _pause(tried: int) -> timedelta:
    return PAUSES[min(tried, len(PAUSES) - 1)] * random.uniform(0.9, 1.1)  # noqa: S311  # jitter, no secret


async def _end(unit: Unit, hook: Webhook, row: Delivery, state: str) -> None:
    """End a delivery, and let the next one about its document go."""
    row.state, row.ended_at = state, unit.now
    await unit.session.flush()
    follower = await queries.next_of(unit, hook.id, row.document_id) if row.document_id is not None else None
    if follower is not None:
        follower.state, follower.next_at = WAITING, unit.now
        wake(unit, hook, unit.now)


async def expire(unit: Unit) -> bool:
    """Give up one batch of what could not be sent for 30 days, as an inactive endpoint's; whether there may be more."""
    found = await queries.stale(unit, unit.now - KEPT, SWEPT)
    for webhook_id, delivery_id in found:
        hook = await queries.webhook(unit, webhook_id, lock=True)
        row = await queries.delivery(unit, webhook_id, delivery_id)
        if hook is not None and row is not None and row.state in OPEN:
            await _end(unit, hook, row, FAILED)
    return len(found) == SWEPT


async def disable(unit: Unit, hook: Webhook, reason: str) -> None:
    """Make an endpoint inactive, record that, and promise word of it to every owner."""
    if not hook.active:
        return
    hook.active, hook.disabled_at, hook.disabled_reason = False, unit.now, reason
    hook.revision += 1
    unit.record("webhook.disabled", webhook_id=str(hook.id), host=hook.host, reason=reason)
    for member_id in await users.owner_emails(unit):
        unit.defer("webhooks.tell_owner", webhook_id=str(hook.id), member_id=str(member_id))


def attempt(unit: Unit, delivery_id: UUID, number: int, result: Result) -> Attempt:
    """The row of a try."""
    return Attempt(
        id=new_id(),
        workspace_id=unit.workspace_id,
        delivery_id=delivery_id,
        number=number,
        at=result.at,
        ms=result.ms,
        status=result.status,
        error=result.error,
        request_headers=result.request_headers,
        answer_headers=result.answer_headers,
        answer=result.answer,
    )
