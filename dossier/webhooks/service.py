"""The verbs on endpoints. All of them are for owners: an endpoint gets what owners see, whoever has made it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete

from dossier import users
from dossier.core import events, paging
from dossier.core.actor import Actor
from dossier.core.conditions import matches
from dossier.core.errors import PreconditionFailed
from dossier.core.ids import new_id
from dossier.core.outward import Outward
from dossier.core.units import ReadUnit, Unit
from dossier.core.vault import Vault, context
from dossier.core.web import Wire
from dossier.webhooks import queries
from dossier.webhooks.deliveries import require, wake
from dossier.webhooks.errors import TooManyWebhooks
from dossier.webhooks.models import Webhook
from dossier.webhooks.schemas import NewWebhook, WebhookChange
from dossier.webhooks.signing import new_secret, shown

MOST = 50


async def check_url(actor: Actor, outward: Outward, url: str | None) -> None:
    """Refuse an address that nothing would be sent to, before a Unit begins: names are asked for. For owners.

    Raises AddressNotAllowed, NotAllowed.
    """
    actor.require_admin()
    if url is not None:
        await outward.verify(url)


async def create(unit: Unit, new: NewWebhook, vault: Vault) -> Wire:
    """An endpoint, with its secret, for events from now on. Raises NotAllowed, TooManyWebhooks, VaultLocked."""
    unit.actor.require_admin()
    if await queries.count(unit) >= MOST:
        raise TooManyWebhooks(f"At most {MOST} webhooks.")
    secret, id_ = new_secret(), new_id()
    hook = Webhook(
        id=id_,
        workspace_id=unit.workspace_id,
        url=new.url,
        description=new.description,
        types=new.types,
        active=new.active,
        secret=vault.seal(secret, context("webhooks", id_)),
        revision=1,
        created_at=unit.now,
        created_by=unit.actor.member_id,
        since=await events.last_seq(unit.session, unit.workspace_id),
        numbered=0,
        given_up=0,
        silent=0,
    )
    unit.session.add(hook)
    await unit.session.flush()
    _record(unit, hook, "created")
    return await _wire(unit, hook) | {"secret": shown(secret)}


async def list_(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the workspace's endpoints. Raises BadCursor, NotAllowed."""
    unit.actor.require_admin()
    last = paging.decode(after, UUID) or (None,)
    rows = list(await queries.webhooks(unit, limit, last[0]))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.id))
    return [await _wire(unit, row) for row in kept], next_


async def get(unit: ReadUnit, webhook_id: UUID) -> Wire:
    """One endpoint. Raises NotAllowed, WebhookNotFound."""
    return await _wire(unit, await require(unit, webhook_id))


async def update(unit: Unit, webhook_id: UUID, change: WebhookChange, if_match: str | None) -> Wire:
    """Change what is given. Made active, it gets at once what still waits; what happened meanwhile comes by a replay.

    Raises NotAllowed, PreconditionFailed, WebhookNotFound.
    """
    hook = await _for_change(unit, webhook_id, if_match)
    given = {name: getattr(change, name) for name in sorted(change.model_fields_set)}
    changed = [name for name, value in given.items() if value is not None and value != getattr(hook, name)]
    for name in changed:
        setattr(hook, name, given[name])
    if changed:
        hook.revision += 1
        _record(unit, hook, "updated", changed=changed)
    if "active" in changed and hook.active:
        hook.disabled_at = hook.disabled_reason = hook.failing_since = hook.rest_until = hook.wake_at = None
        hook.given_up = hook.silent = 0
        wake(unit, hook, unit.now)
    await unit.session.flush()
    return await _wire(unit, hook)


async def rotate(unit: Unit, webhook_id: UUID, overlap: timedelta, vault: Vault) -> Wire:
    """A new secret, shown this once; the old one signs beside it for ``overlap``, and the one before that no more.

    Raises NotAllowed, VaultLocked, WebhookNotFound.
    """
    hook = await require(unit, webhook_id, lock=True)
    secret = new_secret()
    hook.previous_secret, hook.previous_until = (hook.secret, unit.now + overlap) if overlap else (None, None)
    hook.secret = vault.seal(secret, context("webhooks", hook.id))
    hook.revision += 1
    _record(unit, hook, "rotated")
    await unit.session.flush()
    return await _wire(unit, hook) | {"secret": shown(secret)}


async def remove(unit: Unit, webhook_id: UUID, if_match: str | None) -> None:
    """End an endpoint with its deliveries. Raises NotAllowed, PreconditionFailed, WebhookNotFound."""
    hook = await _for_change(unit, webhook_id, if_match)
    _record(unit, hook, "deleted")
    await unit.session.execute(delete(Webhook).where(Webhook.id == hook.id))


async def _for_change(unit: Unit, webhook_id: UUID, if_match: str | None) -> Webhook:
    hook = await require(unit, webhook_id, lock=True)
    if not matches(if_match, f'"{hook.revision}"'):
        raise PreconditionFailed("Somebody changed the webhook in the meantime; look again.")
    return hook


def _record(unit: Unit, hook: Webhook, what: str, **data: Any) -> None:
    unit.record(f"webhook.{what}", webhook_id=str(hook.id), host=hook.host, **data)


async def _wire(unit: ReadUnit, hook: Webhook) -> Wire:
    names = ("id", "url", "description", "types", "active", "disabled_at", "disabled_reason", "failing_since")
    made: dict[str, Any] = {name: getattr(hook, name) for name in names}
    overlaps = hook.previous_until is not None and hook.previous_until > unit.now
    people = await users.people(unit, [hook.created_by] if hook.created_by else [])
    return made | {
        "previous_secret_until": hook.previous_until if overlaps else None,
        "created_at": hook.created_at,
        "created_by": people.get(hook.created_by) if hook.created_by else None,
        "etag": str(hook.revision),
    }
