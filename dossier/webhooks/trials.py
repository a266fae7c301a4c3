"""A test of an endpoint: a message that is sent at once, of which the log of events knows nothing."""

from uuid import UUID

from sqlalchemy import insert

from dossier.core.errors import Conflict
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.vault import Vault
from dossier.core.web import Wire
from dossier.webhooks.deliveries import Message, get, message, require, row_of
from dossier.webhooks.models import DELIVERED, FAILED, TEST, Delivery
from dossier.webhooks.sending import Letter, Result
from dossier.webhooks.turns import attempt, keys_of


async def letter(unit: ReadUnit, webhook_id: UUID, vault: Vault) -> Letter:
    """A message of type webhook.test. Needs an owner. Raises NotAllowed, VaultLocked, WebhookNotFound."""
    hook = await require(unit, webhook_id)
    event: Wire = {
        "id": new_id(),
        "seq": None,
        "type": TEST,
        "at": unit.now,
        "actor": {"id": unit.actor.member_id, "name": unit.actor.name},
        "document_id": None,
        "folder_id": None,
        "task_id": None,
        "data": {"webhook_id": hook.id},
    }
    made = message(event, unit.workspace_id)
    return Letter(new_id(), 1, hook.url, made.id, made.body, keys_of(hook, vault, unit.now))


async def note(unit: Unit, webhook_id: UUID, sent: Letter, result: Result | None) -> Wire:
    """Keep a test that was sent, and what came back; the delivery with its try.

    ``result`` None: it was sent before, and its answer should have been kept. Raises Conflict, NotAllowed, WebhookNotFound.
    """
    hook = await require(unit, webhook_id, lock=True)
    if result is None:
        raise Conflict("It was sent before, and what came back is no longer kept.")
    hook.numbered += 1
    made = row_of(unit, hook, Message(sent.message_id, None, TEST, None, sent.body), FAILED)
    made |= {"id": sent.delivery_id, "attempts": 1, "ended_at": unit.now}
    made |= {"state": DELIVERED} if result.delivered else {}
    await unit.session.execute(insert(Delivery), [made])
    unit.session.add(attempt(unit, sent.delivery_id, 1, result))
    await unit.session.flush()
    return await get(unit, webhook_id, sent.delivery_id)
