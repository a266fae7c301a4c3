"""What workers and consumers call: the promise of deliveries, the turns that send them, word to owners, the sweep."""

import asyncio
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID

from dossier import users
from dossier.core import metrics
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.units import ReadUnit, Unit
from dossier.webhooks import deliveries, queries, turns
from dossier.webhooks.sending import Letter, post

if TYPE_CHECKING:
    import aiohttp

NAME = "webhooks.deliveries"
# After which a worker looks at other work too.
TURN_SECONDS = 20.0
WHY = {
    "gone": "It answered 410, which says that it wants nothing any more.",
    "failing": "Nothing could be delivered to it for days.",
}
TEXT = """Dossier has stopped sending events of the workspace "{workspace}" to a webhook at {host}.

{why}

What waits for it is kept for 30 days. Once it works again, make it active, and what waits is sent; what
happened in the meantime can be sent by a replay.

{address}
"""


async def follow(unit: Unit, event: EventRow) -> None:
    """Promise an event to whom it is for."""
    await deliveries.spread(unit, event.seq, event.type)


async def send(context: Any, job: JobRow) -> None:
    """Send what is due at one endpoint, several documents at a time, until nothing is or the turn is over."""
    webhook_id = UUID(job.payload["webhook_id"])
    actor, end = Actor.system(job.workspace_id, NAME), time.monotonic() + TURN_SECONDS
    async with context.outward.session() as session:
        while letters := await context.units.run(actor, lambda unit: turns.take(unit, webhook_id, context.vault)):
            async with asyncio.TaskGroup() as group:
                for letter in letters:
                    group.create_task(_send(context, actor, webhook_id, letter, session))
            if time.monotonic() > end:
                await context.units.run(actor, lambda unit: turns.again(unit, webhook_id))
                return


async def _send(context: Any, actor: Actor, webhook_id: UUID, letter: Letter, session: "aiohttp.ClientSession") -> None:
    result = await post(session, letter, context.clock)
    await context.units.run(actor, lambda unit: turns.settle(unit, webhook_id, letter, result))


async def tell_owner(context: Any, job: JobRow) -> None:
    """Mail an owner that a webhook was disabled; nothing where it works again, or they are owners no more."""
    webhook_id, member_id = UUID(job.payload["webhook_id"]), UUID(job.payload["member_id"])
    async with context.units.read(Actor.system(job.workspace_id)) as unit:
        hook = await queries.webhook(unit, webhook_id)
        email = (await users.owner_emails(unit)).get(member_id)
        name = (await users.get_workspace(unit))["name"]
    if hook is not None and hook.disabled_reason is not None and email is not None:
        why, address = WHY[hook.disabled_reason], context.settings.base_url
        text = TEXT.format(workspace=name, host=hook.host, why=why, address=address)
        await context.mail.send(email, f"A webhook of {name} was disabled", text)


async def run_sweep(context: Any, job: JobRow) -> None:
    """Give up and forget deliveries of more than 30 days ago, a batch a Unit; wake what nobody wakes any more."""
    actor = Actor.system(job.workspace_id, NAME)
    for step in (turns.expire, deliveries.sweep):
        while await context.units.run(actor, step):
            pass
    await context.units.run(actor, deliveries.rouse)


async def gather(unit: ReadUnit) -> None:
    """The database's own numbers of this room."""
    oldest = await queries.oldest_open(unit)
    metrics.oldest_delivery_seconds.set(0 if oldest is None else (unit.now - oldest).total_seconds())


CONSUMERS = [Consumer(NAME, None, follow)]
JOBS = {
    "webhooks.send": Handler(send),
    "webhooks.tell_owner": Handler(tell_owner),
    "webhooks.sweep": Handler(run_sweep),
}
