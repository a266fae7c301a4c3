"""The HTTP side of uploads that needs no framework: what tus says in headers, and the body as it comes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Final

from starlette.requests import Request

from dossier import documents
from dossier.core.actor import Actor
from dossier.core.errors import UnsupportedMediaType
from dossier.uploads.models import Upload
from dossier.uploads.reception import Body, Reception

PATH: Final = "/api/v1/uploads"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,termination,expiration"
BYTES: Final = "application/offset+octet-stream"


def reception(request: Request, actor: Actor) -> Reception:
    """What takes the actor's bytes."""
    state = request.app.state
    return Reception(state.units, state.store, state.uploads, actor, lasts(request), state.settings.upload_idle_seconds)


def lasts(request: Request) -> timedelta:
    """An upload's life after its last byte."""
    return timedelta(days=request.app.state.settings.upload_days)


def has_body(request: Request) -> bool:
    """Whether bytes come along."""
    return request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers


def require_bytes(request: Request) -> None:
    """Refuse (415) a body of another kind than tus has."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != BYTES:
        raise UnsupportedMediaType(f"The bytes of an upload come as {BYTES}.")


def body(request: Request, offset: int) -> Body:
    """The bytes of the request, as they come. Reading raises LengthMismatch where fewer or more came than announced."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdigit() else None
    return Body(offset, _chunks(request, announced), announced)


async def _chunks(request: Request, announced: int | None) -> AsyncIterator[bytes]:
    came = 0
    async for chunk in request.stream():
        came += len(chunk)
        yield chunk
    if announced not in (None, came):
        raise documents.LengthMismatch(f"{announced} bytes were announced and {came} came.")


def headers(upload: Upload) -> dict[str, str]:
    """How far it is, until when it is kept, and what it has become."""
    told = {
        "Upload-Offset": str(upload.received),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }
    if upload.made_id is not None:
        told |= {"Dossier-Document": str(upload.made_id), "Dossier-Version": str(upload.made_number)}
    return told
