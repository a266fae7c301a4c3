"""A link's run: one at a time, under a lease, with the connector that the link names."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from dossier import users
from dossier.connectors import Connector, RemoteError
from dossier.core import metrics, vault
from dossier.core.actor import Actor
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.jobs import NOBODY
from dossier.core.log import log
from dossier.core.units import Unit
from dossier.links import boxes, making, promises, schemas, service
from dossier.links.errors import LinkBusy, LinkGone, LinkNotFound, LinkUnreachable
from dossier.links.graph import hints, sign_ins
from dossier.links.ledger import Ledger
from dossier.links.models import LinkRow
from dossier.links.places import Place
from dossier.links.sync.engine import Engine, Intent, Outcome
from dossier.links.sync.planner import DELETING, REPLACING
from dossier.links.waits import backoff

BEAT_SECONDS = 20.0
TRY_SECONDS = 20.0
MOST_LISTED = 1000
RECONCILE = timedelta(hours=24)


def _ledger(context: Any, link: LinkRow) -> Ledger:
    """The books of a link under its lease."""
    return Ledger(context.units, context.store, service.actor_of(link), link.id, link.leased_by)


# Before there is a link


async def try_place(state: Any, actor: Actor, place: Place, credentials: dict[str, str] | None) -> str:
    """What is found there. Raises LinkUnreachable with what to do, Invalid for what cannot be a place."""
    config = place.model_dump(mode="json")
    kind = config.pop("kind")
    slug = await _slug(state, actor)
    secrets, rotated = await sign_ins.known(state, actor, kind, config, credentials)
    async with reached(), making.connected(state.settings, slug, kind, config, secrets, rotated) as remote:
        return await remote.check()


@asynccontextmanager
async def reached() -> AsyncIterator[None]:
    """Raises LinkUnreachable for whatever goes wrong there while somebody waits, and where it takes too long."""
    try:
        async with asyncio.timeout(TRY_SECONDS):
            yield
    except RemoteError as error:
        raise LinkUnreachable(error.detail, reason=error.kind) from error
    except TimeoutError:
        raise LinkUnreachable(f"There was no answer within {TRY_SECONDS:.0f} s.", reason="unreachable") from None


async def _slug(state: Any, actor: Actor) -> str:
    async with state.units.read(actor) as unit:
        slug: str = await users.workspace_slug(unit)
        return slug


# A link at work


@asynccontextmanager
async def connected(context: Any, link: LinkRow) -> AsyncIterator[Connector]:
    """The connector of a link, with its credentials. Raises RemoteError sign_in where they cannot be read."""
    box = vault.Vault.from_settings(context.settings)
    try:
        secrets = boxes.get(link, box)
    except vault.VaultLocked as error:
        raise RemoteError("sign_in", str(error)) from error
    try:
        slug = await _slug(context, service.actor_of(link))
        rotated = boxes.rotation(context.units, box, service.actor_of(link), link, secrets)
        made = making.connected(context.settings, slug, link.kind, link.config, secrets, rotated)
        async with made as remote:
            yield remote
    except Invalid as error:
        raise RemoteError("refused", error.detail) from error


async def dry(state: Any, workspace_id: UUID, link_id: UUID) -> schemas.Plan:
    """What the next run would do. Raises LinkUnreachable, LinkBusy, LinkNotFound."""
    try:
        async with _leased(state, workspace_id, link_id, starts=False) as link:
            if link is None:
                raise LinkBusy
            return await _plan(state, link)
    except RemoteError as error:
        raise LinkUnreachable(error.detail, reason=error.kind) from error
    except LinkGone:
        raise LinkNotFound from None


async def _plan(state: Any, link: LinkRow) -> schemas.Plan:
    async with connected(state, link) as remote:
        await remote.check()
        engine = Engine(_ledger(state, link), remote)
        await engine.look()
        intents = await engine.intents()
    counts = dict(Counter(intent.step.value for intent in intents))
    deleted, replaced = (sum(counts.get(step, 0) for step in steps) for steps in (DELETING, REPLACING))
    brake = (await engine.books.terms()).stops(deleted, replaced, await engine.books.count())
    return schemas.Plan(counts=counts, steps=[_planned(each) for each in intents[:MOST_LISTED]], brake=brake)


def _planned(intent: Intent) -> schemas.Planned:
    view = intent.view
    place = view.ours.place if view.ours else view.theirs.place if view.theirs else None
    name = place.name if place else view.base.our_name if view.base else ""
    return schemas.Planned(step=intent.step, name=name, kind="folder" if view.folder else "document")


async def run(context: Any, workspace_id: UUID, link_id: UUID) -> bool:
    """One run of a link; False where another is under way. What went wrong stands with the link afterwards."""
    async with _leased(context, workspace_id, link_id, starts=True) as link:
        if link is not None and link.state == promises.ACTIVE:
            await _work(context, link)
        return link is not None


@asynccontextmanager
async def _leased(context: Any, workspace_id: UUID, link_id: UUID, *, starts: bool) -> AsyncIterator[LinkRow | None]:
    """A link under a lease that is renewed for as long as the context lasts; None where somebody else has it.

    Where the lease is lost all the same (a machine that slept), the ledger refuses to write. ``starts``: the promise
    of a run is kept by this. Raises LinkGone.
    """
    actor, holder = Actor.system(workspace_id), new_id()
    link = await context.units.run(actor, lambda unit: _take(unit, link_id, holder, starts=starts))
    if link is None:
        yield None
        return
    heart = asyncio.create_task(_beat(context, actor, link_id, holder))
    try:
        yield link
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
        await asyncio.shield(context.units.run(actor, lambda unit: _release(unit, link_id, holder)))


async def _take(unit: Unit, link_id: UUID, holder: UUID, *, starts: bool) -> LinkRow | None:
    query = select(LinkRow).where(LinkRow.id == link_id, LinkRow.workspace_id == unit.workspace_id).with_for_update()
    link = (await unit.session.execute(query)).scalar_one_or_none()
    if link is None:
        raise LinkGone
    if starts:
        link.promised = False
    if link.leased_by != NOBODY and link.leased_until > unit.now:
        return None
    link.leased_by, link.leased_until = holder, unit.now + service.LEASE
    return link


async def _beat(context: Any, actor: Actor, link_id: UUID, holder: UUID) -> None:
    held = True
    while held:
        await asyncio.sleep(BEAT_SECONDS)
        held = await context.units.run(actor, lambda unit: _extend(unit, link_id, holder))
    log.warning("link.lease_lost", link=str(link_id))


async def _extend(unit: Unit, link_id: UUID, holder: UUID) -> bool:
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is None or link.leased_by != holder:
        return False
    link.leased_until = unit.now + service.LEASE
    return True


async def _release(unit: Unit, link_id: UUID, holder: UUID) -> None:
    mine = update(LinkRow).where(LinkRow.id == link_id, LinkRow.leased_by == holder)
    await unit.session.execute(mine.values(leased_by=NOBODY))


async def _work(context: Any, link: LinkRow) -> None:
    actor = service.actor_of(link)
    poll = timedelta(seconds=context.settings.link_poll_seconds)
    begun = context.clock()
    look = link.asked_at is not None or link.looked_at is None or begun - link.looked_at >= poll
    books = _ledger(context, link)
    try:
        if not look and not await books.waiting():
            outcome = Outcome()
        else:
            outcome = await _settled(context, link, books, look=look)
    except RemoteError as error:
        metrics.link_runs.labels(link.kind, error.kind).inc()
        trouble = error
        await context.units.run(actor, lambda unit: _failed(unit, link.id, trouble))
        return
    metrics.link_runs.labels(link.kind, "braked" if outcome.braked else "done").inc()
    for step, number in outcome.steps.items():
        metrics.link_steps.labels(link.kind, step).inc(number)
    await context.units.run(actor, lambda unit: _ended(unit, link.id, outcome, poll, begun if look else None))


async def _settled(context: Any, link: LinkRow, books: Ledger, *, look: bool) -> Outcome:
    async with connected(context, link) as remote:
        await remote.check()
        await hints.keep(context, link, remote)
        if look and remote.caps.feed and (link.listed_at is None or context.clock() - link.listed_at >= RECONCILE):
            # A feed may forget something; once a day all is listed and compared.
            await books.keep_cursor(None)
        return await Engine(books, remote).run(look=look)


async def _ended(unit: Unit, link_id: UUID, outcome: Outcome, poll: timedelta, looked: datetime | None) -> None:
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is None:
        raise LinkGone
    link.ran_at, link.failures = unit.now, 0
    if looked is not None:
        link.looked_at = unit.now
        if link.asked_at is not None and link.asked_at < looked:
            link.asked_at = None
    if outcome.braked:
        return
    link.trouble, link.detail, link.released = "", "", False
    if not outcome.failed:
        link.in_step_at = unit.now
    # Who asked in the middle of it waits for nothing.
    wait = timedelta(0) if link.asked_at is not None else await promises.until_next(unit, link, poll)
    await promises.promise(unit, link, wait)


async def _failed(unit: Unit, link_id: UUID, error: RemoteError) -> None:
    """The other side as a whole could not be worked with."""
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is None:
        raise LinkGone
    link.ran_at, link.trouble, link.detail = unit.now, error.kind, error.detail[:500]
    link.failures += 1
    if error.permanent:
        link.state = "broken"
        unit.record("link.broken", folder_id=link.folder_id, link_id=str(link.id), name=link.name, reason=error.kind)
        return
    wait = timedelta(seconds=error.retry_after) if error.retry_after else backoff(link.failures)
    await promises.promise(unit, link, wait)
