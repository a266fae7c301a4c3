"""The HTTP edge: actors, answers, problems, request ids and the headers that every answer carries.

Core knows no domain: ``app.state.authenticate(request) -> Actor`` and ``app.state.actor_of(request, unit) -> Actor`` are
put there by ``app.py``.
"""

import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeVar

import msgspec
import structlog
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dossier.core import errors, idempotency, metrics, paging, watching
from dossier.core.actor import NOBODY, Actor, NotAllowed
from dossier.core.errors import DossierError
from dossier.core.log import log
from dossier.core.units import ReadUnit, Unit, Units

Wire = dict[str, Any]
T = TypeVar("T")
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
PROBLEM = "application/problem+json"
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
}
STATUS_ERRORS: dict[int, type[DossierError]] = {
    400: errors.BadRequest,
    404: errors.NotFound,
    405: errors.MethodNotAllowed,
    413: errors.TooLarge,
    415: errors.UnsupportedMediaType,
}


class Problem(BaseModel):
    """RFC 9457 problem details. ``code`` is stable; ``detail`` is for people."""

    type: str = Field("about:blank", description="Always about:blank; `code` tells the kinds apart.")
    title: str
    status: int
    code: str
    detail: str
    fields: dict[str, str] | None = Field(None, description="What is wrong, by field.")
    request_id: str


async def current_actor(request: Request) -> Actor:
    """The actor of a request; refuses (401, 403, 404) who is nobody here."""
    actor: Actor = await request.app.state.authenticate(request)
    actor.require_scope("read" if request.method in SAFE else "write")
    return actor


CurrentActor = Annotated[Actor, Depends(current_actor)]
Limit = Annotated[int, Query(ge=1, le=paging.MOST, description="How many items at most.")]
After = Annotated[str | None, Query(max_length=2000, description="The `next` of the page before.")]
IfMatch = Annotated[str | None, Header(alias="If-Match", description="Only if the ETag is still this one (412).")]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Any unique text: the same key with the same request is done once and answered alike, for 24 hours.",
    ),
]


def units(request: Request) -> Units:
    """The Units of the program."""
    result: Units = request.app.state.units
    return result


def json(wire: Any, status: int = 200, **headers: str) -> Response:
    """An answer in JSON; a document's ``etag`` becomes the ETag header."""
    etag = wire.get("etag") if isinstance(wire, dict) else None
    if etag:
        headers = {"ETag": f'"{etag}"', "Cache-Control": "private, no-cache", **headers}
    return Response(msgspec.json.encode(wire), status, headers, "application/json")


class Streamed(StreamingResponse):
    """Bytes as they come. Closes their source at the end, also for a client that goes away in the middle."""

    def __init__(self, chunks: AsyncGenerator[bytes, None], status: int, headers: Mapping[str, str]) -> None:
        super().__init__(chunks, status, headers)
        self.chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self.chunks.aclose()


async def look(request: Request, verb: Callable[[ReadUnit], Awaitable[T]]) -> T:
    """Sign in and read on one snapshot, in one go; ``verb`` waits for the Unit's session only.

    For routes that need no actor before. Raises what signing in and the verb raise.
    """

    async def both(unit: ReadUnit) -> T:
        actor: Actor = await request.app.state.actor_of(request, unit)
        actor.require_scope("read")
        return await verb(unit.seen_by(actor))

    return await units(request).look(NOBODY, both)


async def begun(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """The same bytes with the first chunk read already: what is missing or torn is told before headers leave."""
    first = await anext(chunks, b"")

    async def rest() -> AsyncGenerator[bytes, None]:
        try:
            yield first
            async for chunk in chunks:
                yield chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    return rest()


def paged(items: list[Any], next_: str | None) -> Response:
    """One page of a list."""
    return json({"items": items, "next": next_})


async def write(
    request: Request,
    actor: Actor,
    verb: Callable[[Unit], Awaitable[Wire | None]],
    *,
    status: int = 200,
    location: str = "",
    body: bytes | None = None,
    secret: bool = False,
    whole: bool = False,
) -> Response:
    """Run one verb in a Unit and answer with what it returns; a POST with an Idempotency-Key is done once.

    ``location`` is the address before the new thing's id. ``body`` is the digest of a streamed body, for the key;
    ``secret`` marks an answer that is shown once; ``whole`` is what ``Units.run`` says. Raises what the verb raises.
    """
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    print_ = await _fingerprint(request, body) if key else b""

    async def once(unit: Unit) -> idempotency.Answer:
        if key and (kept := await idempotency.claim(unit, key, print_)):
            return kept
        answer = _answer(await verb(unit), status, location, secret)
        if key:
            await idempotency.keep(unit, key, answer)
        return answer

    return _respond(await units(request).run(actor, once, whole=whole))


async def comes_again(request: Request, unit: ReadUnit) -> bool:
    """Whether the request was answered before: checks made ahead of the body would judge what it did itself."""
    key = request.headers.get("idempotency-key")
    return bool(key) and await idempotency.known(unit, str(key))


async def _fingerprint(request: Request, body: bytes | None) -> bytes:
    if body is None:
        body = hashlib.sha256(await request.body()).digest()
    url = request.url
    return idempotency.fingerprint(request.method.encode(), url.path.encode(), url.query.encode(), body)


def _answer(wire: Wire | None, status: int, location: str, secret: bool) -> idempotency.Answer:
    if wire is None:
        return idempotency.Answer(204, None)
    place = f"{location}/{wire['id']}" if location else None
    etag = f'"{wire["etag"]}"' if wire.get("etag") else None
    return idempotency.Answer(status, msgspec.json.encode(wire), etag, place, secret)


def _respond(answer: idempotency.Answer) -> Response:
    headers = {"ETag": answer.etag, "Location": answer.location}
    kind = None if answer.body is None else "application/json"
    return Response(answer.body, answer.status, {k: v for k, v in headers.items() if v}, kind)


# Problems


def problem(error: DossierError, request_id: str) -> Response:
    """A refusal as RFC 9457."""
    metrics.refusals.labels(error.code).inc()
    wire = {"type": "about:blank", "title": error.title, "status": error.status, "code": error.code}
    wire |= {"detail": error.detail, "request_id": request_id} | error.extra
    if error.fields:
        wire["fields"] = error.fields
    headers = {"Cache-Control": "no-store"}
    if error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="dossier"'
    if error.status == 416 and "size" in error.extra:
        headers["Content-Range"] = f"bytes */{error.extra['size']}"
    return Response(msgspec.json.encode(wire), error.status, headers, PROBLEM)


Answers = dict[int | str, dict[str, Any]]
EXAMPLES: dict[str, Wire] = {}
"""The problems that routes have documented, by code: the document's ``components/examples``."""


def ok(model: type[BaseModel], status: int = 200) -> Answers:
    """The OpenAPI answer of success."""
    return {status: {"model": model}}


def problems(*kinds: type[DossierError], write: bool = False) -> Answers:
    """The OpenAPI answers for these refusals, and for those that every signed-in route shares."""
    every: list[type[DossierError]] = [
        errors.Unauthenticated,
        NotAllowed,
        errors.NotFound,
        errors.Invalid,
        errors.Unavailable,
        *kinds,
    ]
    if write:
        every += [errors.BadRequest, errors.TooLarge, errors.StorageFull, errors.Conflict]
    return refusals(*every)


def refusals(*kinds: type[DossierError]) -> Answers:
    """The OpenAPI answers for exactly these refusals."""
    by_status: Answers = {}
    for kind in sorted(set(kinds), key=lambda kind: (kind.status, kind.code)):
        entry = by_status.setdefault(kind.status, {"model": Problem, "description": "", "content": {PROBLEM: {}}})
        entry["description"] = f"{entry['description']}, `{kind.code}`".lstrip(", ")
        examples = entry["content"][PROBLEM].setdefault("examples", {})
        examples[kind.code] = {"$ref": f"#/components/examples/{kind.code}"}
        EXAMPLES[kind.code] = {"summary": kind.title, "value": _example(kind)}
        entry["content"][PROBLEM]["schema"] = {"$ref": "#/components/schemas/Problem"}
    return by_status


def _example(kind: type[DossierError]) -> Wire:
    shown = {"type": "about:blank", "title": kind.title, "status": kind.status, "code": kind.code}
    return shown | {"detail": kind.title, "request_id": "0198c0de-0000-7000-8000-000000000000"}


def install(app: FastAPI) -> None:
    """Put the problem handlers on the app."""

    @app.exception_handler(DossierError)
    async def _refused(request: Request, error: DossierError) -> Response:
        return problem(error, request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> Response:
        if any(item["type"] == "json_invalid" for item in error.errors()):
            return problem(errors.BadRequest("The body is not valid JSON."), request.state.request_id)
        fields = {".".join(map(str, item["loc"][1:])) or str(item["loc"][0]): item["msg"] for item in error.errors()}
        return problem(errors.Invalid("Some fields are wrong.", fields=fields), request.state.request_id)

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        kind = STATUS_ERRORS.get(error.status_code, errors.BadRequest)
        answer = problem(kind(), request.state.request_id)
        answer.headers.update(error.headers or {})
        if error.status_code == 405 and hasattr(request.app.state, "methods_of"):
            # Each method is a route of its own, and the one that was met first names no other's (RFC 9110 §15.5.6).
            answer.headers["Allow"] = ", ".join(sorted(request.app.state.methods_of(request.url.path)))
        return answer

    @app.exception_handler(Exception)
    async def _unforeseen(request: Request, _error: Exception) -> Response:
        return problem(errors.Internal(), request.state.request_id)


def protections(*, secure: bool) -> dict[str, str]:
    """What every answer carries where it says nothing else itself; ``secure``: people come by HTTPS."""
    return HEADERS | ({"Strict-Transport-Security": "max-age=63072000"} if secure else {})


class Edge:
    """The outermost layer: a request id, the protective headers, one log line, and no raw error to the outside.

    ``trusted`` says that an edge of ours is in front: its ``X-Request-Id`` and ``traceparent`` are taken over. While the
    program is ``leaving``, answers say that the connection ends with them.
    """

    def __init__(
        self, app: ASGIApp, *, secure: bool, trusted: bool = False, leaving: Callable[[Any], bool] = lambda _app: False
    ) -> None:
        self.app, self.trusted, self.leaving = app, trusted, leaving
        self.headers = protections(secure=secure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = watching.request_id(scope, trusted=self.trusted)
        scope.setdefault("state", {})["request_id"] = request_id
        seen = watching.Seen(scope, trusted=self.trusted)

        async def stamped(message: Message) -> None:
            seen.sent(message)
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = request_id
                if scope["http_version"].startswith("1") and self.leaving(scope["app"]):
                    headers["Connection"] = "close"  # RFC 9112, 9.6: nothing more is asked on one that is about to end
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id), seen.watched():
            try:
                await self.app(scope, seen.counted(receive), stamped)
            except ClientDisconnect:
                log.info("request.cut", method=seen.method, route=seen.route)
                if not seen.status:
                    # Nobody may be there any more; but a body whose chunks are torn looks the same from here.
                    await problem(errors.BadRequest("The body ended early."), request_id)(scope, receive, stamped)
            except Exception:
                log.exception("request.failed", method=seen.method, route=seen.route)
                if not seen.status:
                    await problem(errors.Internal(), request_id)(scope, receive, stamped)


class BodyLimit:
    """Bodies of all routes but the uploads are read here, up to a limit; over it the answer is 413 before it is read."""

    def __init__(self, app: ASGIApp, *, limit: int, streams: Callable[[str, str], bool]) -> None:
        self.app, self.limit, self.streams = app, limit, streams

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE:
            await self.app(scope, receive, send)
            return
        if self.streams(scope["method"], scope["path"]):
            with metrics.uploads_under_way.track_inprogress():
                await self.app(scope, receive, send)
            return
        body = await self._read(scope, receive)
        if body is None:
            error = errors.TooLarge(f"A body here has at most {self.limit} bytes.")
            await problem(error, scope["state"]["request_id"])(scope, receive, send)
            return
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                return await receive()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    async def _read(self, scope: Scope, receive: Receive) -> bytes | None:
        length = dict(scope["headers"]).get(b"content-length", b"0")
        if length.isdigit() and int(length) > self.limit:
            return None
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if len(body) > self.limit:
                return None
            if not message.get("more_body"):
                return bytes(body)
