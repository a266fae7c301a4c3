"""The door: which credential a request carries, who that is, in which workspace, and whether the browser was tricked.

``app.py`` puts ``authenticate`` on ``app.state`` and wraps the app in ``LastSeen``.
"""

import hmac
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dossier import certificates, users
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import DossierError, NotFound, Unauthenticated
from dossier.core.limits import Limits, client_address
from dossier.core.log import log
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Units
from dossier.core.web import SAFE, units
from dossier.sessions import service
from dossier.sessions.errors import CrossSite, WorkspaceNeeded
from dossier.sessions.service import Identity

WorkspaceOf = Callable[[ReadUnit, UUID], Awaitable[UUID | None]]
# How long the browser keeps the cookie (the most it allows). When a session ends is decided here and not there.
COOKIE_SECONDS = 400 * 24 * 3600
# What the edge says of a partner's connection (deploy/nginx), and how it proves that it is the edge.
EDGE_SECRET, CERTIFICATE, VERIFIED = "x-edge-secret", "x-client-cert-pem", "x-client-cert-verify"


async def authenticate(request: Request) -> Actor:
    """Who asks, in which workspace.

    Raises Unauthenticated, CrossSite, WorkspaceNotFound, WorkspaceNeeded, and NotFound for an item of a workspace that
    the person is not in.
    """
    return await units(request).look(NOBODY, lambda unit: actor_of(request, unit))


async def actor_of(request: Request, unit: ReadUnit) -> Actor:
    """The same, within a snapshot that is open already."""
    identity = await _identity(request, unit)
    mine = identity.pick(slug(request))
    if mine is None:
        workspace_id = await _workspace_of_item(request, unit)
        mine = next((each for each in identity.memberships if each.workspace_id == workspace_id), None)
    if mine is None:
        raise NotFound
    request.state.member_id = mine.member_id  # for the log line; a name stays out of it
    return identity.actor(mine)


async def identify(request: Request) -> Identity:
    """Who asks, in no workspace yet. Raises Unauthenticated, CrossSite."""
    return await units(request).look(NOBODY, lambda unit: _identity(request, unit))


async def signed_in(request: Request) -> UUID | None:
    """The person whose session the request carries, where a page of ours sent it; None for anybody else."""
    secret = _cookie(request)
    if not secret or not from_here(request):
        return None
    async with units(request).read(NOBODY) as unit:
        try:
            return (await service.by_session(unit, secret)).user_id
        except Unauthenticated:
            return None


async def _identity(request: Request, unit: ReadUnit) -> Identity:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if comes_from_partners(request):
        identity = await _by_certificate(request, unit)
    elif scheme.lower() == "bearer":
        identity = await service.by_token(unit, token.strip())
    elif secret := _cookie(request):
        if request.method not in SAFE and not from_here(request):
            raise CrossSite
        identity = await service.by_session(unit, secret)
    else:
        raise Unauthenticated
    request.state.identity = identity
    return identity


def comes_from_partners(request: Request) -> bool:
    """Whether the edge's door for partners hands the request on: only it knows the secret."""
    secret = settings(request).edge_secret
    told = request.headers.get(EDGE_SECRET, "")
    return bool(secret) and hmac.compare_digest(told.encode(), secret.encode())


async def _by_certificate(request: Request, unit: ReadUnit) -> Identity:
    """The program whose certificate the edge has verified. No other credential counts beside it."""
    shown = certificates.digest_of(request.headers.get(CERTIFICATE, ""))
    if request.headers.get(VERIFIED) != "SUCCESS" or shown is None:
        raise Unauthenticated("A client certificate is needed here.")
    held = await certificates.find_certificates(unit, shown)
    if not held:
        raise Unauthenticated("The certificate is unknown or has ended.")
    named = slug(request)
    mine = [each for each in held if named in (None, each.membership.slug)]
    if not mine:
        raise users.WorkspaceNotFound
    if len(mine) > 1:
        workspace_id = await _workspace_of_item(request, unit)
        mine = [each for each in mine if each.membership.workspace_id == workspace_id]
    if not mine:
        raise NotFound
    return service.by_certificate(unit, mine[0])


def _cookie(request: Request) -> str | None:
    """The session's secret; the partners' face takes none, whoever sends it."""
    ours = settings(request)
    return None if ours.face == "partner" else request.cookies.get(cookie_name(ours))


def slug(request: Request) -> str | None:
    """The workspace that the request names."""
    return request.headers.get("x-workspace") or request.query_params.get("workspace") or None


async def _workspace_of_item(request: Request, unit: ReadUnit) -> UUID | None:
    finders: dict[str, WorkspaceOf] = getattr(request.app.state, "workspace_of", {})
    for name, value in request.path_params.items():
        if name in finders:
            try:
                return await finders[name](unit, UUID(str(value)))
            except ValueError:
                break
    raise WorkspaceNeeded(fields={"workspace": "Name it in X-Workspace or ?workspace=."})


# What a browser sends by itself


def settings(request: HTTPConnection) -> Settings:
    """The settings of the program."""
    result: Settings = request.app.state.settings
    return result


def cookie_name(settings: Settings) -> str:
    """The cookie's name; ``__Host-`` binds it to this host and to HTTPS."""
    return "__Host-dossier" if settings.secure else "dossier_session"


def set_cookie(response: Response, settings: Settings, secret: str) -> None:
    """Give the browser its session."""
    response.set_cookie(
        cookie_name(settings), secret, COOKIE_SECONDS, path="/", secure=settings.secure, httponly=True, samesite="lax"
    )


def clear_cookie(response: Response, settings: Settings) -> None:
    """Take the session from the browser, and what it kept of the pages."""
    response.delete_cookie(cookie_name(settings), path="/", secure=settings.secure, httponly=True, samesite="lax")
    response.headers["Clear-Site-Data"] = '"cache", "storage"'


def from_here(request: Request) -> bool:
    """Whether a page of ours asked: ``Origin`` is ours, or without one the browser says so in ``Sec-Fetch-Site``."""
    origin = request.headers.get("origin")
    if origin is not None:
        return origin in _origins(request)
    return request.headers.get("sec-fetch-site") in ("same-origin", "none")


async def refuse_foreign(request: Request) -> None:
    """Refuse (CrossSite) what another site's page asked for; a program that is no browser may pass."""
    foreign = request.headers.get("sec-fetch-site") in ("cross-site", "same-site")
    if foreign or ("origin" in request.headers and not from_here(request)):
        raise CrossSite


def _origins(request: Request) -> set[str]:
    public = urlsplit(settings(request).base_url)
    return {f"{public.scheme}://{public.netloc}", f"{request.url.scheme}://{request.headers.get('host', '')}"}


# Tries and last use


@asynccontextmanager
async def tries(request: Request, what: str, key: str, *, count_good: bool = False) -> AsyncIterator[None]:
    """Count a try of ``what`` per address and per ``key`` from that address; a good one is not held against anybody.

    Raises RateLimited before the work is done.
    """
    limits: Limits = request.app.state.limits
    rule = settings(request).sign_in_limit
    peer = request.client.host if request.client else None
    address = client_address(peer, request.headers.getlist("x-forwarded-for"), settings(request).trusted_proxies)
    await limits.spend(rule, what, address, times=5)
    await limits.spend(rule, what, address, key)
    yield
    if not count_good:
        await limits.give_back(rule, what, address, times=5)
        await limits.forgive(rule, what, address, key)


class LastSeen:
    """After the answer: note that the session or token was used, at most every five minutes."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)
        identity = scope.get("state", {}).get("identity")
        if isinstance(identity, Identity) and identity.stale:
            await self._touch(scope["app"].state.units, identity, scope["app"].state.settings)

    async def _touch(self, units: Units, identity: Identity, settings: Settings) -> None:
        lasts = timedelta(days=settings.session_days)
        try:
            await units.run(NOBODY, lambda unit: service.touch(unit, identity, lasts))
        except DossierError as error:  # the answer is out; the next request tries again
            log.warning("session.touch_failed", code=error.code)
