"""HTTP for webhooks."""

from datetime import timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier.core.errors import PreconditionFailed
from dossier.core.outward import AddressNotAllowed
from dossier.core.paging import BadCursor
from dossier.core.vault import VaultLocked
from dossier.core.web import (
    After,
    CurrentActor,
    IdempotencyKey,
    IfMatch,
    Limit,
    comes_again,
    json,
    look,
    ok,
    paged,
    problems,
    units,
    write,
)
from dossier.webhooks import deliveries, schemas, service, trials
from dossier.webhooks.errors import DeliveryNotFound, TooManyEvents, TooManyWebhooks, WebhookNotFound
from dossier.webhooks.sending import post

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])
State = Annotated[Literal["waiting", "delivered", "failed"] | None, Query(description="Only those in this state.")]


@router.get("", summary="List webhooks", response_model=None, responses=ok(schemas.WebhookPage) | problems(BadCursor))
async def list_webhooks(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The addresses that events of the workspace are sent to. For owners."""
    return paged(*await look(request, lambda unit: service.list_(unit, limit, after)))


@router.post(
    "",
    summary="Add a webhook",
    status_code=201,
    response_model=None,
    responses=ok(schemas.WebhookWithSecret, 201)
    | problems(AddressNotAllowed, TooManyWebhooks, VaultLocked, write=True),
)
async def create_webhook(
    request: Request, actor: CurrentActor, body: schemas.NewWebhook, _key: IdempotencyKey = None
) -> Response:
    """Send events from now on to an address, signed by a secret that is shown this once. It gets what owners see. For
    owners."""
    state = request.app.state
    await service.check_url(actor, state.outward, body.url)
    return await write(
        request,
        actor,
        lambda unit: service.create(unit, body, state.vault),
        status=201,
        location="/api/v1/webhooks",
        secret=True,
    )


@router.get(
    "/{webhook_id}",
    summary="Read a webhook",
    response_model=None,
    responses=ok(schemas.Webhook) | problems(WebhookNotFound),
)
async def get_webhook(request: Request, webhook_id: UUID) -> Response:
    """One webhook, without its secret. For owners."""
    return json(await look(request, lambda unit: service.get(unit, webhook_id)))


@router.patch(
    "/{webhook_id}",
    summary="Change a webhook",
    response_model=None,
    responses=ok(schemas.Webhook) | problems(AddressNotAllowed, PreconditionFailed, WebhookNotFound, write=True),
)
async def update_webhook(
    request: Request, actor: CurrentActor, webhook_id: UUID, body: schemas.WebhookChange, if_match: IfMatch = None
) -> Response:
    """Change what is given and leave the rest. An inactive webhook gets nothing. Made active again it gets what still
    waits; what happened in the meantime comes by a replay. For owners."""
    await service.check_url(actor, request.app.state.outward, body.url)
    return await write(request, actor, lambda unit: service.update(unit, webhook_id, body, if_match))


@router.delete(
    "/{webhook_id}",
    summary="Delete a webhook",
    status_code=204,
    response_model=None,
    responses=problems(PreconditionFailed, WebhookNotFound, write=True),
)
async def delete_webhook(request: Request, actor: CurrentActor, webhook_id: UUID, if_match: IfMatch = None) -> Response:
    """End a webhook with its log; what waits is not sent. For owners."""
    return await write(request, actor, lambda unit: service.remove(unit, webhook_id, if_match))


@router.post(
    "/{webhook_id}/rotate",
    summary="Give a webhook a new secret",
    response_model=None,
    responses=ok(schemas.WebhookWithSecret) | problems(VaultLocked, WebhookNotFound, write=True),
)
async def rotate_webhook(
    request: Request,
    actor: CurrentActor,
    webhook_id: UUID,
    body: schemas.Rotation | None = None,
    _key: IdempotencyKey = None,
) -> Response:
    """A new secret, shown this once. For 24 hours, or as many as are given, the old one signs beside it. For owners."""
    overlap = timedelta(hours=(body or schemas.Rotation()).overlap_hours)
    vault = request.app.state.vault
    return await write(request, actor, lambda unit: service.rotate(unit, webhook_id, overlap, vault), secret=True)


@router.post(
    "/{webhook_id}/test",
    summary="Try a webhook",
    response_model=None,
    responses=ok(schemas.WholeDelivery) | problems(VaultLocked, WebhookNotFound, write=True),
)
async def try_webhook(request: Request, actor: CurrentActor, webhook_id: UUID, _key: IdempotencyKey = None) -> Response:
    """Send a `webhook.test` now, once, also to an inactive webhook, and answer what came back. For owners."""
    state = request.app.state
    async with units(request).read(actor) as unit:
        again = await comes_again(request, unit)
        letter = await trials.letter(unit, webhook_id, state.vault)
    if again:
        return await write(request, actor, lambda unit: trials.note(unit, webhook_id, letter, None))
    async with state.outward.session() as session:
        result = await post(session, letter, state.clock)
    return await write(request, actor, lambda unit: trials.note(unit, webhook_id, letter, result))


@router.post(
    "/{webhook_id}/replay",
    summary="Send a range of the feed again",
    status_code=202,
    response_model=None,
    responses=ok(schemas.Replayed, 202) | problems(TooManyEvents, WebhookNotFound, write=True),
)
async def replay_events(
    request: Request, actor: CurrentActor, webhook_id: UUID, body: schemas.Range, _key: IdempotencyKey = None
) -> Response:
    """Send the events between two numbers of the feed, those that the webhook wants, in order and under their old
    `webhook-id`s. For owners."""
    return await write(
        request,
        actor,
        lambda unit: deliveries.replay_range(unit, webhook_id, body.after, body.before),
        status=202,
    )


@router.get(
    "/{webhook_id}/deliveries",
    summary="List deliveries",
    response_model=None,
    responses=ok(schemas.DeliveryPage) | problems(BadCursor, WebhookNotFound),
)
async def list_deliveries(
    request: Request,
    webhook_id: UUID,
    state: State = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """What was sent to a webhook and what waits, newest first. Kept for 30 days. For owners."""
    return paged(*await look(request, lambda unit: deliveries.list_(unit, webhook_id, limit, after, state)))


@router.get(
    "/{webhook_id}/deliveries/{delivery_id}",
    summary="Read a delivery",
    response_model=None,
    responses=ok(schemas.WholeDelivery) | problems(DeliveryNotFound, WebhookNotFound),
)
async def get_delivery(request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
    """One delivery: what was sent, and each try with what came back. For owners."""
    return json(await look(request, lambda unit: deliveries.get(unit, webhook_id, delivery_id)))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/replay",
    summary="Send a delivery again",
    status_code=202,
    response_model=None,
    responses=ok(schemas.Delivery, 202) | problems(DeliveryNotFound, WebhookNotFound, write=True),
)
async def replay_delivery(
    request: Request, actor: CurrentActor, webhook_id: UUID, delivery_id: UUID, _key: IdempotencyKey = None
) -> Response:
    """Send the same message once more, under the same `webhook-id`: a new delivery, behind what waits about its document.
    For owners."""
    return await write(request, actor, lambda unit: deliveries.replay(unit, webhook_id, delivery_id), status=202)
