"""The HTTP side of uploads that needs no framework: what tus says in headers, and the body as it comes."""

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from starlette.requests import Request

from dossier import documents, storage
from dossier.core.actor import Actor
from dossier.core.errors import Invalid, UnsupportedMediaType
from dossier.uploads.errors import BadUploadHeader, ChecksumMismatch
from dossier.uploads.models import PARTIAL, Upload
from dossier.uploads.reception import Body, Reception
from dossier.uploads.service import Promise

PATH: Final = "/api/v1/uploads"
VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,creation-defer-length,checksum,concatenation,termination,expiration"
ALGORITHMS: Final = ("sha1", "sha256")
FINAL: Final = "final;"
MOST_PARTS: Final = 1000
BYTES: Final = "application/offset+octet-stream"
_LARGE: Final = 1 << 16  # from so many bytes on, hashing is a thread's work


def reception(request: Request, actor: Actor) -> Reception:
    """What takes the actor's bytes."""
    state = request.app.state
    settings = state.settings
    idle, limit = settings.upload_idle_seconds, settings.max_upload_bytes
    return Reception(state.units, state.store, state.uploads, actor, lasts(request), idle, limit)


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
    """The bytes of the request, as they come. Raises BadUploadHeader for a checksum that is none; reading raises
    LengthMismatch where fewer or more came than announced, ChecksumMismatch where they are others."""
    length = request.headers.get("content-length", "")
    announced = int(length) if length.isdigit() else None
    checksum = _checksum(request.headers.get("upload-checksum"))
    return Body(offset, _chunks(request, announced, checksum), announced, checked=checksum is not None)


async def _chunks(request: Request, announced: int | None, checksum: tuple[str, bytes] | None) -> AsyncIterator[bytes]:
    came, hash_ = 0, hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
    async for chunk in request.stream():
        came += len(chunk)
        if hash_ is not None:
            await asyncio.to_thread(hash_.update, chunk) if len(chunk) > _LARGE else hash_.update(chunk)
        yield chunk
    if announced not in (None, came):
        raise documents.LengthMismatch(f"{announced} bytes were announced and {came} came.")
    if hash_ is not None and checksum is not None and hash_.digest() != checksum[1]:
        raise ChecksumMismatch


def _checksum(header: str | None) -> tuple[str, bytes] | None:
    """``Upload-Checksum: sha256 <Base64>``: algorithm and digest. Raises BadUploadHeader."""
    if header is None:
        return None
    algorithm, _, value = header.strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadUploadHeader(fields={"Upload-Checksum": f"One of {', '.join(ALGORITHMS)}."})
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except ValueError as error:
        raise BadUploadHeader(fields={"Upload-Checksum": "Not Base64."}) from error
    if len(digest) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise BadUploadHeader(fields={"Upload-Checksum": f"Not as long as a digest of {algorithm}."})
    return algorithm, digest


def promised(
    size: int | None, deferred: str | None, concat: str | None, limit: int, *, with_body: bool
) -> Promise | list[UUID]:
    """What the headers of a creation promise; the parts where it is put together of some. Raises Invalid, BadUploadHeader,
    BodyTooLarge."""
    if concat is not None and concat.startswith(FINAL):
        if size is not None or deferred or with_body:
            raise BadUploadHeader(fields={"Upload-Concat": "The parts say how long it is, and have its bytes."})
        return parts_of(concat)
    if concat not in (None, PARTIAL):
        raise BadUploadHeader(fields={"Upload-Concat": f"Either {PARTIAL} or {FINAL}<addresses>."})
    if (size is None) != bool(deferred):
        raise Invalid(fields={"upload-length": "Either Upload-Length or Upload-Defer-Length: 1."})
    if size is not None and size > limit:
        raise storage.BodyTooLarge(f"A file here has at most {limit} bytes.", limit=limit)
    return Promise(limit if size is None else size, deferred=size is None, concat=concat)


def direct(request: Request, promise: Promise | list[UUID], *, with_body: bool) -> Promise:
    """The promise of bytes that go straight to the store, where it has addresses that clients reach. Raises
    BadUploadHeader."""
    if isinstance(promise, list) or promise.concat or promise.deferred or with_body:
        raise BadUploadHeader(
            fields={"Dossier-Direct": "Goes with Upload-Length, and without a body or Upload-Concat."}
        )
    state = request.app.state
    return replace(promise, direct=bool(promise.size and state.settings.storage_links and state.store.offers))


def parts_of(concat: str) -> list[UUID]:
    """The uploads that ``Upload-Concat: final;URL URL …`` names, in their order. Raises BadUploadHeader."""
    found = [_part(address) for address in concat.removeprefix(FINAL).split()]
    if not 1 <= len(found) <= MOST_PARTS or len(set(found)) != len(found):
        raise BadUploadHeader(fields={"Upload-Concat": f"Names one to {MOST_PARTS} uploads, each once."})
    return found


def _part(address: str) -> UUID:
    path = urlsplit(address).path
    if path.startswith(f"{PATH}/"):
        with suppress(ValueError):
            return UUID(path.removeprefix(f"{PATH}/"))
    raise BadUploadHeader(fields={"Upload-Concat": "Names something that is no upload here."})


def headers(upload: Upload) -> dict[str, str]:
    """How far it is, until when it is kept, and what it has become."""
    told = {
        "Upload-Offset": str(upload.received),
        "Upload-Expires": format_datetime(upload.expires_at, usegmt=True),
    }
    if upload.state == "hashing":
        told["Dossier-State"] = "hashing"
    if upload.concat is not None:
        told["Upload-Concat"] = upload.concat
    if upload.made_id is not None:
        told |= {"Dossier-Document": str(upload.made_id), "Dossier-Version": str(upload.made_number)}
    return told
