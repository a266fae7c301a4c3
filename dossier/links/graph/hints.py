"""Hints: Microsoft Graph tells us that something changed in a link's drive, so that a run need not wait for the poll.

A run sees to the subscription that has it do so. What comes of a hint is a note at the link and the promise of a run, both
committed before Graph is answered: there is nothing else that could be lost, and many hints come to one run. For drives
Graph promises no word of hints that were lost, so the poll goes on.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from sqlalchemy import select

from dossier.connectors import Connector, RemoteError
from dossier.core import metrics
from dossier.core.actor import Actor
from dossier.core.jobs import JobRow
from dossier.core.log import log
from dossier.core.units import ReadUnit, Unit
from dossier.core.vault import Vault, VaultLocked
from dossier.links import promises
from dossier.links.models import LinkRow

if TYPE_CHECKING:
    from dossier.connectors.graph import Hint, Subscription, Subscriptions

PATH: Final = "/api/v1/hooks/graph"
UNSUBSCRIBE: Final = "links.unsubscribe"
NOBODY: Final = Actor.system(UUID(int=0))
#: How long a subscription is asked for (Graph gives less than 30 days).
LIFE: Final = timedelta(days=30)
#: When a failure that may pass is tried again; and a refusal, as of an address that Graph does not reach.
AGAIN, LATER = timedelta(minutes=15), timedelta(hours=6)


def _about(link_id: UUID) -> bytes:
    return f"hints of link {link_id}".encode()


# What Graph posts


async def known(unit: ReadUnit, link_id: UUID) -> bool:
    """Whether there is such a link with Graph: then the address is ours, and Graph may have its validation."""
    query = select(LinkRow.id).where(LinkRow.id == link_id, LinkRow.kind == "graph")
    return await unit.session.scalar(query) is not None


async def hear(units: Any, vault: Vault, link_id: UUID, body: bytes) -> None:
    """Keep what a notification says; it is committed afterwards. One that is not from Graph, or about a subscription that
    the link has no longer, does nothing at all.

    Raises Unavailable (Graph then sends it again), VaultLocked.
    """
    from dossier.connectors.graph import heard

    hints = heard({}, body, vault.marks(_about(link_id)))
    if not isinstance(hints, list) or not hints:
        return
    async with units.read(NOBODY) as unit:
        query = select(LinkRow.workspace_id, LinkRow.subscription_id).where(LinkRow.id == link_id)
        found = (await unit.session.execute(query)).one_or_none()
    if found is None or all(hint.subscription_id != found.subscription_id for hint in hints):
        return
    if await units.run(Actor.system(found.workspace_id), lambda unit: _note(unit, link_id, hints)):
        metrics.link_hints.labels("heard").inc()


async def _note(unit: Unit, link_id: UUID, hints: "Sequence[Hint]") -> bool:
    """Whether the link wants to hear of it."""
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is None or link.state != promises.ACTIVE:
        return False
    what = {hint.what for hint in hints if hint.subscription_id == link.subscription_id}
    if not what:
        return False
    if "removed" in what:
        link.subscription_id = link.hints_until = link.hints_next_at = None
    elif "reauthorize" in what:
        link.hints_next_at = unit.now
    link.asked_at = unit.now
    if not link.failures:  # else a run is promised for when it may be tried again
        await promises.promise(unit, link)
    return True


# What has Graph post


async def keep(context: Any, link: LinkRow, remote: Connector) -> None:
    """At a run: make the link's subscription, renew it at half of its life, or make it anew where it is gone.

    Only where we are at an address that Graph can post to. What goes wrong is told in the log and by a number, and tried
    again later; the run goes on.
    """
    now = context.clock()
    if link.kind != "graph" or not context.settings.secure or (link.hints_next_at and link.hints_next_at > now):
        return
    made: Subscription | None = None
    wait = AGAIN
    try:
        made = await _subscribed(context, link, remote)
        wait = max(AGAIN, (made.until - now) / 2)
        metrics.link_hints.labels("renewed" if made.id == link.subscription_id else "subscribed").inc()
    except (RemoteError, VaultLocked) as error:
        wait = LATER if isinstance(error, RemoteError) and error.permanent else AGAIN
        log.warning("link.hints_failed", link=str(link.id), reason=getattr(error, "kind", "vault_locked"))
        metrics.link_hints.labels("failed").inc()
    kept = await context.units.run(Actor.system(link.workspace_id), lambda unit: _keep(unit, link.id, made, wait))
    if made is not None and not kept:
        await end(link, remote, made.id)  # the link was paused or ended in the meantime


async def _subscribed(context: Any, link: LinkRow, remote: Connector) -> "Subscription":
    subscriptions, until = _subscriptions(link, remote), context.clock() + LIFE
    if link.subscription_id is not None:
        try:
            return await subscriptions.renew(link.subscription_id, until)
        except RemoteError as error:
            if error.kind not in {"missing", "refused"}:  # ended, or another app's or person's
                raise
    state = Vault.from_settings(context.settings).mark(_about(link.id))
    return await subscriptions.create(f"{context.settings.base_url}{PATH}/{link.id}", state, until)


async def _keep(unit: Unit, link_id: UUID, made: "Subscription | None", wait: timedelta) -> bool:
    """Whether the link wants hints still."""
    link = await unit.session.get(LinkRow, link_id, with_for_update=True)
    if link is None or link.state != promises.ACTIVE:
        return False
    link.hints_next_at = unit.now + wait
    if made is not None:
        link.subscription_id, link.hints_until = made.id, made.until
    return True


def until(unit: ReadUnit, link: LinkRow) -> datetime | None:
    """Until when hints come and count; None where they do not."""
    live = link.state == promises.ACTIVE and link.hints_until is not None and link.hints_until > unit.now
    return link.hints_until if live else None


def let_go(unit: Unit, link: LinkRow) -> None:
    """The link wants no hints any more: promise to end its subscription, for which the other side need not be there now."""
    if link.subscription_id is None:
        return
    sealed = b64encode(link.sealed or b"").decode()
    link_id, name = str(link.id), link.subscription_id
    unit.defer(UNSUBSCRIBE, link_id=link_id, subscription_id=name, system=link.kind, config=link.config, sealed=sealed)
    link.subscription_id = link.hints_until = link.hints_next_at = None


async def let_go_of(unit: ReadUnit, job: JobRow) -> LinkRow:
    """The link that such a job is about: as it is, or, where it has ended, as it was."""
    link_id = UUID(job.payload["link_id"])
    link = await unit.session.get(LinkRow, link_id)
    if link is not None:
        return link
    kind, config, sealed = (job.payload[name] for name in ("system", "config", "sealed"))
    was = {"kind": kind, "config": config, "sealed": b64decode(sealed) or None}
    return LinkRow(id=link_id, workspace_id=job.workspace_id, name="", **was)


async def end(link: LinkRow, remote: Connector, subscription_id: str) -> None:
    """End a subscription, if the other side lets us; else it ends by itself, and what it tells until then does nothing."""
    try:
        await _subscriptions(link, remote).delete(subscription_id)
    except RemoteError as error:
        log.warning("link.subscription_left", link=str(link.id), reason=error.kind)


def _subscriptions(link: LinkRow, remote: Connector) -> "Subscriptions":
    from dossier.connectors.graph import GraphConnector, Subscriptions

    if not isinstance(remote, GraphConnector):
        raise RemoteError("unsupported", "It tells of no changes.")
    return Subscriptions(remote.graph, link.config["drive_id"])
