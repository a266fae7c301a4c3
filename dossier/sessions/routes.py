"""HTTP for signing in and out, oneself, passwords, invitations by link, and tokens.

Routes that take a password honour no Idempotency-Key: what is kept for one holds a plain digest of the body.
"""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from dossier import users
from dossier.core.actor import NOBODY, NotAllowed
from dossier.core.errors import (
    BadRequest,
    Conflict,
    Invalid,
    RateLimited,
    StorageFull,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from dossier.core.passwords import UnfitPassword
from dossier.core.units import Unit
from dossier.core.web import (
    SAFE,
    After,
    CurrentActor,
    IdempotencyKey,
    Limit,
    Wire,
    json,
    look,
    ok,
    paged,
    problems,
    refusals,
    units,
    write,
)
from dossier.sessions import door, schemas, service, tokens
from dossier.sessions.errors import (
    BadCredentials,
    CrossSite,
    SessionNeeded,
    TokenNotFound,
    WorkspaceNeeded,
    WrongPassword,
)
from dossier.sessions.service import Identity

router = APIRouter(prefix="/api/v1")
OPEN = (BadRequest, Conflict, CrossSite, Invalid, RateLimited, StorageFull, TooLarge, Unavailable)


async def who(request: Request) -> Identity:
    """The person behind a request, in no workspace yet; a token needs the scope for it."""
    identity = await door.identify(request)
    needed = "read" if request.method in SAFE else "write"
    if needed not in identity.may:
        raise NotAllowed(f"The credential lacks the scope {needed}.")
    return identity


Who = Annotated[Identity, Depends(who)]


def _lasts(request: Request) -> timedelta:
    return timedelta(days=door.settings(request).session_days)


def _agent(request: Request) -> str:
    return request.headers.get("user-agent", "")


@router.post(
    "/session",
    summary="Sign in",
    tags=["session"],
    status_code=201,
    response_model=None,
    dependencies=[Depends(door.refuse_foreign)],
    openapi_extra={"security": []},
    responses=ok(schemas.Me, 201) | refusals(*OPEN, BadCredentials),
)
async def sign_in(request: Request, body: schemas.SignIn) -> Response:
    """Open a session: the answer sets an HttpOnly cookie. After too many failed tries it waits (429, Retry-After)."""
    async with door.tries(request, "sign-in", users.fold(body.email)):
        secret = await service.sign_in(units(request), body.email, body.password, _agent(request), _lasts(request))
    async with units(request).read(NOBODY) as unit:
        response = json(await service.me(unit, await service.by_session(unit, secret), None), 201)
    door.set_cookie(response, door.settings(request), secret)
    return response


@router.delete(
    "/session",
    summary="Sign out",
    tags=["session"],
    status_code=204,
    response_model=None,
    responses=refusals(Unauthenticated, CrossSite, SessionNeeded, NotAllowed, StorageFull, Unavailable),
)
async def sign_out(request: Request, identity: Who) -> Response:
    """End this session and clear its cookie."""
    identity.require_session()
    await units(request).run(NOBODY, lambda unit: service.sign_out(unit, identity))
    response = Response(status_code=204)
    door.clear_cookie(response, door.settings(request))
    return response


@router.get(
    "/me",
    summary="Who am I",
    tags=["session"],
    status_code=200,
    response_model=None,
    responses=ok(schemas.Me) | problems(users.WorkspaceNotFound),
)
async def get_me(request: Request, identity: Who) -> Response:
    """The person, their workspaces with the roles there, and the workspace in force."""
    async with units(request).read(NOBODY) as unit:
        return json(await service.me(unit, identity, door.slug(request)))


@router.patch(
    "/me",
    summary="Change my name",
    tags=["session"],
    status_code=200,
    response_model=None,
    responses=ok(schemas.Me) | problems(CrossSite, SessionNeeded, users.WorkspaceNotFound, write=True),
)
async def update_me(request: Request, identity: Who, body: schemas.MeChange) -> Response:
    """Take another name, in all workspaces. Needs a sign-in."""
    identity.require_session()

    async def verb(unit: Unit) -> Wire:
        await users.rename_person(unit, identity.user_id, body.name)
        return await service.me(unit, identity, door.slug(request))

    return json(await units(request).run(NOBODY, verb))


@router.put(
    "/me/password",
    summary="Change my password",
    tags=["session"],
    status_code=204,
    response_model=None,
    responses=problems(CrossSite, SessionNeeded, WrongPassword, UnfitPassword, RateLimited, write=True),
)
async def change_password(request: Request, identity: Who, body: schemas.PasswordChange) -> Response:
    """Set another password. The other sessions end. Needs a sign-in and the present password."""
    identity.require_session()
    async with door.tries(request, "password", str(identity.user_id)):
        await service.change_password(units(request), identity, body.current, body.password)
    return Response(status_code=204)


@router.post(
    "/password/forgot",
    summary="Ask for a new password",
    tags=["session"],
    status_code=202,
    response_model=None,
    dependencies=[Depends(door.refuse_foreign)],
    openapi_extra={"security": []},
    responses=refusals(*OPEN),
    response_description="A mail is on its way, if somebody has this e-mail.",
)
async def request_reset(request: Request, body: schemas.ResetRequest) -> Response:
    """Mail a link for a new password. The answer is the same whether or not anybody has this e-mail."""
    async with door.tries(request, "reset", users.fold(body.email), count_good=True):
        await units(request).run(NOBODY, lambda unit: service.request_reset(unit, body.email))
    return Response(status_code=202)


@router.post(
    "/password/reset",
    summary="Set a new password by a link",
    tags=["session"],
    status_code=204,
    response_model=None,
    dependencies=[Depends(door.refuse_foreign)],
    openapi_extra={"security": []},
    responses=refusals(*OPEN, users.LinkEnded, UnfitPassword),
)
async def reset_password(request: Request, body: schemas.Reset) -> Response:
    """Use the mailed link, once. All sessions of the person end."""
    async with door.tries(request, "link", "reset"):
        await service.reset_password(units(request), body.link, body.password)
    return Response(status_code=204)


@router.post(
    "/invitations/accept",
    summary="Accept an invitation",
    tags=["session"],
    status_code=200,
    response_model=None,
    dependencies=[Depends(door.refuse_foreign)],
    openapi_extra={"security": []},
    responses=ok(schemas.MyMembership)
    | refusals(*OPEN, BadCredentials, users.LinkEnded, users.AlreadyMember, UnfitPassword),
)
async def accept_invitation(request: Request, body: schemas.Acceptance) -> Response:
    """Join by the link of an invitation, once, and sign in. A new person gives name and password, a known one proves
    who they are: by the password, or by being signed in already.
    """
    async with door.tries(request, "link", body.link):
        signed_in = await door.signed_in(request)
        accepted = await service.accept(units(request), body, signed_in, _agent(request), _lasts(request))
    response = json(service.membership_wire(accepted.membership))
    door.set_cookie(response, door.settings(request), accepted.secret)
    return response


@router.get(
    "/tokens",
    summary="List tokens",
    tags=["tokens"],
    status_code=200,
    response_model=None,
    responses=ok(schemas.TokenPage) | problems(WorkspaceNeeded),
)
async def list_tokens(
    request: Request,
    member_id: Annotated[UUID | None, Query(description="Another member's; for owners.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """The living tokens of oneself, or for owners of another member."""
    return paged(*await look(request, lambda unit: tokens.list_tokens(unit, member_id, limit, after)))


@router.post(
    "/tokens",
    summary="Make a token",
    tags=["tokens"],
    status_code=201,
    response_model=None,
    responses=ok(schemas.TokenMade, 201) | problems(CrossSite, WorkspaceNeeded, write=True),
)
async def create_token(
    request: Request, actor: CurrentActor, body: schemas.NewToken, _key: IdempotencyKey = None
) -> Response:
    """A key for programs, for oneself in this workspace. Its secret is shown this once."""
    until: datetime | None = request.state.identity.expires_at if actor.kind == "token" else None
    return await write(
        request,
        actor,
        lambda unit: tokens.create_token(unit, body.name, body.scopes, body.expires_at, until),
        status=201,
        location="/api/v1/tokens",
        secret=True,
    )


@router.delete(
    "/tokens/{token_id}",
    summary="Revoke a token",
    tags=["tokens"],
    status_code=204,
    response_model=None,
    responses=problems(CrossSite, WorkspaceNeeded, TokenNotFound, write=True),
)
async def revoke_token(request: Request, actor: CurrentActor, token_id: UUID) -> Response:
    """End a token at once: one's own, or as an owner anybody's."""
    return await write(request, actor, lambda unit: tokens.revoke_token(unit, token_id))
