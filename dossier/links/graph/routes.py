"""HTTP for what only links with Microsoft Graph have."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from dossier import sessions
from dossier.core.actor import NotAllowed
from dossier.core.errors import Invalid, StorageFull, TooLarge, Unauthenticated, Unavailable
from dossier.core.idempotency import AlreadyDone, KeyReused
from dossier.core.vault import VaultLocked
from dossier.core.web import Answers, CurrentActor, IdempotencyKey, json, look, ok, problems, refusals, units, write
from dossier.links.errors import LinkNotFound, LinkUnreachable
from dossier.links.graph import choices, hints, schemas, sign_ins
from dossier.links.graph.errors import SignInNotFound

router = APIRouter(prefix="/api/v1", tags=["links"])
MOST_BYTES = 1 << 18
Returned = Annotated[str, Query(max_length=200)]
HEARD: Answers = {
    200: {"description": "The `validationToken`.", "content": {"text/plain": {"schema": {"type": "string"}}}},
    202: {"description": "Kept, if it was ours."},
}
SENT_ON: Answers = {
    303: {
        "description": "To the portal: `/integrations/new?sign_in=<id>`, or `?problem=<code>`.",
        "headers": {"Location": {"description": "An address of the portal.", "schema": {"type": "string"}}},
    }
}


@router.post(
    f"{hints.PATH.removeprefix('/api/v1')}/{{link_id}}",
    summary="Hear that something changed",
    status_code=202,
    response_model=None,
    openapi_extra={"security": []},
    responses=HEARD | refusals(LinkNotFound, Invalid, TooLarge, StorageFull, Unavailable, VaultLocked),
)
async def hear_graph(
    request: Request,
    link_id: UUID,
    validation_token: Annotated[
        str | None, Query(alias="validationToken", min_length=1, max_length=2000, description="Is answered as it came.")
    ] = None,
) -> Response:
    """For Microsoft Graph: a change notification or lifecycle notification of a link's subscription (JSON). What it says is
    kept before the answer. Whatever else comes here does nothing, and is answered alike. At most 256 KiB.
    """
    if validation_token is not None:
        async with units(request).read(hints.NOBODY) as unit:
            if not await hints.known(unit, link_id):
                raise LinkNotFound
        return Response(validation_token, media_type="text/plain")
    body = await request.body()
    if len(body) > MOST_BYTES:
        raise TooLarge(f"A body here has at most {MOST_BYTES} bytes.")
    await hints.hear(units(request), request.app.state.vault, link_id, body)
    return Response(status_code=202)


@router.post(
    "/link_sign_ins",
    summary="Begin to sign in to Microsoft",
    status_code=201,
    response_model=None,
    responses=ok(schemas.SignInBegun, 201) | problems(AlreadyDone, KeyReused, VaultLocked, write=True),
)
async def begin_link_sign_in(
    request: Request, actor: CurrentActor, body: schemas.NewSignIn, _key: IdempotencyKey = None
) -> Response:
    """An address at Microsoft for the browser, good for ten minutes, where a person lets the app act on their behalf (OAuth
    2.0 by authorization code, with PKCE). For owners."""
    state = request.app.state
    return await write(
        request,
        actor,
        lambda unit: sign_ins.begin(unit, body, state.vault, state.settings),
        status=201,
        location="/api/v1/link_sign_ins",
        secret=True,
    )


@router.get(
    "/link_sign_ins/done",
    summary="Come back from Microsoft",
    status_code=303,
    response_model=None,
    responses=SENT_ON
    | refusals(Unauthenticated, NotAllowed, sessions.SessionNeeded, Invalid, StorageFull, Unavailable, VaultLocked),
)
async def end_link_sign_in(
    request: Request,
    who: Annotated[sessions.Identity, Depends(sessions.identify)],
    state: Returned = "",
    code: Annotated[str, Query(max_length=4096)] = "",
    error: Returned = "",
) -> Response:
    """The address that the app is registered with. Needs the session of whoever began it, and takes each `state` once,
    within ten minutes. A `problem` is `ended` (begin again), `refused` (by the person or by Microsoft) or `unreachable`.
    """
    there = await sign_ins.come_back(request.app.state, who, state, "" if error else code)
    return Response(status_code=303, headers={"Location": there})


@router.get(
    "/link_sign_ins/{sign_in_id}",
    summary="Get a sign-in to Microsoft",
    response_model=None,
    responses=ok(schemas.GraphSignIn) | problems(SignInNotFound),
)
async def get_link_sign_in(request: Request, sign_in_id: UUID) -> Response:
    """Whether it is done, who signed in, and until when it can be used as `credentials: {"sign_in": "<id>"}`. For owners."""
    return json(await look(request, lambda unit: sign_ins.get(unit, sign_in_id)))


@router.post(
    "/link_choices",
    summary="List what a place can be picked from",
    status_code=200,
    response_model=None,
    responses=ok(schemas.LinkChoices) | problems(LinkUnreachable, VaultLocked, write=True),
)
async def find_link_choices(
    request: Request, actor: CurrentActor, body: schemas.ChoiceQuestion, _key: IdempotencyKey = None
) -> Response:
    """Sites, drives or folders of OneDrive and SharePoint. Nothing is written there. For owners."""
    actor.require_admin()
    return json({"items": await choices.find(request.app.state, actor, body)})
