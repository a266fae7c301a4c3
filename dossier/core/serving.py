"""The answer that hands out stored bytes: ranges, conditions, validators and the headers that fence them in.

Where the bytes lie on a disk that the edge (nginx) can read, it is told to send them: X-Accel-Redirect. What is sent, whole
or a range, is decided here all the same.
"""

from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from dossier.core import conditions
from dossier.core.content import content_etag, content_headers
from dossier.core.web import Streamed, begun

BINARY = {"type": "string", "format": "binary"}
BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes.", "content": {"*/*": {"schema": BINARY}}},
    206: {"description": "The range.", "content": {"*/*": {"schema": BINARY}}},
    307: {"description": "The bytes lie at `Location`, for a minute (only where the operator allows links)."},
    304: {"description": "Still the same."},
}
"""The OpenAPI answers of a route that serves."""
OURS = {"if-match", "if-unmodified-since"}
PATHSEND: Final = "http.response.pathsend"
AT_ONCE: Final = 1 << 20
"""Bytes that are read before the answer leaves, all of them; more are sent as they come, or by the server."""


class Stored(Protocol):
    """What is known of bytes that lie in the store."""

    @property
    def key(self) -> str: ...
    @property
    def sha256(self) -> bytes: ...
    @property
    def size(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


async def serve(request: Request, found: Stored, *, inline: bool = False, dated: bool = True) -> Response:
    """The bytes, a range of them, 304, a link to them, or the headers alone for HEAD.

    ``inline`` is a wish, as in ``content_headers``. ``dated`` says that the bytes at this address never change, so that
    their date is a validator. Raises PreconditionFailed, RangeNotSatisfiable, BlobMissing, StorageFailed.
    """
    dates = found.created_at if dated else None
    outcome = conditions.evaluate(request.method, request.headers, content_etag(found.sha256), dates, found.size)
    headers = content_headers(found.name, found.media_type, found.sha256, inline=inline)
    headers |= {"Accept-Ranges": "bytes", "Last-Modified": format_datetime(found.created_at, usegmt=True)}
    if outcome.status == 304:
        return Response(None, 304, headers)
    if request.method != "HEAD" and (place := await _at_the_edge(request, found, outcome.status)):
        return Response(None, 200, headers | {"X-Accel-Redirect": place})
    headers["Content-Length"] = str(outcome.length)
    if outcome.content_range:
        headers["Content-Range"] = outcome.content_range
    if request.method == "HEAD":
        return Response(None, outcome.status, headers)
    if link := await _link(request, found, headers):
        return Response(None, 307, {"Location": link, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"})
    if path := await _at_the_server(request, found, outcome):
        return _File(path, headers)
    chunks = request.app.state.store.open(found.key, outcome.start, outcome.length)
    if outcome.length <= AT_ONCE:
        return Response(b"".join([chunk async for chunk in chunks]), outcome.status, headers)
    return Streamed(await begun(chunks), outcome.status, headers)


class _File(Response):
    """A whole file that the server sends without us (the ASGI extension ``http.response.pathsend``)."""

    def __init__(self, path: Path, headers: Mapping[str, str]) -> None:
        super().__init__(None, 200, headers)
        self.path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": PATHSEND, "path": str(self.path)})


async def _at_the_server(request: Request, found: Stored, outcome: conditions.Outcome) -> Path | None:
    """The file that the server itself is to send: a large one, whole. Bytes that are missing or too few are told of here."""
    if outcome.status != 200 or found.size <= AT_ONCE or PATHSEND not in request.scope.get("extensions", {}):
        return None
    store = request.app.state.store
    path: Path | None = store.local_path(found.key)
    return path if path is not None and await store.size(found.key) == found.size else None


async def _link(request: Request, found: Stored, headers: dict[str, str]) -> str | None:
    """Where the store itself gives the bytes away: for downloads only, since what is shown in place needs our headers.

    Conditions that a client would repeat there are about our validators, which the store does not know.
    """
    state, disposition = request.app.state, headers["Content-Disposition"]
    if not (state.settings.storage_links and disposition.startswith("attachment")):
        return None
    if any(name in request.headers for name in ("if-match", "if-unmodified-since", "if-range")):
        return None
    link: str | None = await state.store.link(found.key, disposition=disposition, media_type=headers["Content-Type"])
    return link


async def _at_the_edge(request: Request, found: Stored, status: int) -> str | None:
    """The address at which the edge finds the bytes; None where they have to go out from here.

    ``whole/`` takes no notice of ``Range``, ``part/`` does. Where the request has one of OURS, nginx would judge it a second
    time, by a tag and a date that it does not know. Bytes that are missing or too few are told of here.
    """
    settings, store = request.app.state.settings, request.app.state.store
    if not settings.accel_prefix or not OURS.isdisjoint(request.headers.keys()):
        return None
    path = store.local_path(found.key)
    if path is None or await store.size(found.key) != found.size:
        return None
    kind = "part" if status == 206 else "whole"
    return f"{settings.accel_prefix}{kind}/{'/'.join(path.parts[-3:])}"
