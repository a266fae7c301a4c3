"""HTTP for downloads: the content of a document or version, and many things at once."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from dossier import documents, folders, storage
from dossier.core.actor import NOBODY, Actor
from dossier.core.content import PROTECTIONS, content_disposition
from dossier.core.errors import PreconditionFailed, RangeNotSatisfiable, StorageFull, Unavailable
from dossier.core.idempotency import AlreadyDone, KeyReused
from dossier.core.serving import BYTES, serve
from dossier.core.web import (
    Answers,
    IdempotencyKey,
    Streamed,
    begun,
    look,
    ok,
    problems,
    refusals,
    units,
    write,
)
from dossier.downloads import plans, schemas, service
from dossier.downloads.errors import TicketEnded

router = APIRouter(prefix=service.PATH, tags=["downloads"])
content = APIRouter(prefix="/api/v1/documents", tags=["documents"])
GONE = (documents.DocumentNotFound, folders.FolderNotFound)
ZIP: Answers = {
    200: {
        "description": "The archive.",
        "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
    }
}


async def current_reader(request: Request) -> Actor:
    """The actor of a request that changes nothing but needs a POST: a token that may only read will do."""
    actor: Actor = await request.app.state.authenticate(request)
    actor.require_scope("read")
    return actor


@router.post(
    "",
    summary="Ask for many documents as a zip",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Ticket, 201) | problems(*GONE, AlreadyDone, KeyReused, write=True),
)
async def create_download(
    request: Request,
    actor: Annotated[Actor, Depends(current_reader)],
    body: schemas.Selection,
    _key: IdempotencyKey = None,
) -> Response:
    """An address from which a browser downloads these documents and folders as one zip: once, within 60 seconds."""
    async with units(request).read(actor) as unit:
        name = await plans.check(unit, body.document_ids, body.folder_ids)
    return await write(
        request,
        actor,
        lambda unit: service.issue(unit, name, body.document_ids, body.folder_ids),
        status=201,
        secret=True,
    )


@router.get(
    "/{ticket}",
    summary="Download a zip",
    response_model=None,
    responses=ZIP | refusals(TicketEnded, *GONE, storage.BlobMissing, StorageFull, Unavailable),
    openapi_extra={"security": []},
)
async def download_zip(request: Request, ticket: str) -> Response:
    """The zip of a ticket, which is used up: head versions at the moment, with what its member may see at the moment.

    `Content-Length` is told where the CRC-32 of every content is known. A connection that breaks off before the end has
    told of a fault; what came is no valid zip then.
    """
    found, actor = await units(request).run(NOBODY, lambda unit: service.take(unit, ticket))
    async with units(request).read(actor) as unit:
        made = await plans.plan(unit, _ids(found.document_ids), _ids(found.folder_ids))
    headers = _headers(found.name)
    if made.length is not None:
        headers["Content-Length"] = str(made.length)
    chunks = plans.stream(request.app.state.store, units(request), actor, made)
    return Streamed(await begun(chunks), 200, headers)


@router.head(
    "/{ticket}",
    summary="Ask about a zip",
    response_model=None,
    responses=ZIP | refusals(TicketEnded, Unavailable),
    openapi_extra={"security": []},
)
async def head_zip(request: Request, ticket: str) -> Response:
    """What the download would be called. The ticket stays good."""
    async with units(request).read(NOBODY) as unit:
        found, _actor = await service.find(unit, ticket)
    answer = Response(None, 200, _headers(found.name))
    del answer.headers["Content-Length"]  # it would say 0; the plan is made by whoever downloads it
    return answer


def _ids(texts: list[str]) -> list[UUID]:
    return [UUID(text) for text in texts]


def _headers(name: str) -> dict[str, str]:
    return {
        **PROTECTIONS,
        "Content-Type": "application/zip",
        "Content-Disposition": content_disposition(name),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would make a temporary copy for a slow client
    }


# One document's content

Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
INLINE = Annotated[bool, Query(description="Show it in place where that is safe; else it is always a download.")]


async def _content(request: Request, document_id: UUID, number: int | None, inline: bool) -> Response:
    found = await look(request, lambda unit: documents.visible_version(unit, document_id, number))
    # The head may change twice in a second, so a date proves nothing of it; a version never changes.
    return await serve(request, found, inline=inline, dated=number is not None)


CONTENT: Any = BYTES | problems(
    documents.DocumentNotFound,
    documents.VersionNotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    storage.BlobMissing,
    storage.StorageFailed,
)
HEAD_CONTENT = "/{document_id}/content"
VERSION_CONTENT = "/{document_id}/versions/{number}/content"


@content.head(
    HEAD_CONTENT,
    name="head_document_content",
    summary="Ask about a document's content",
    response_model=None,
    responses=CONTENT,
)
@content.get(HEAD_CONTENT, summary="Download a document", response_model=None, responses=CONTENT)
async def download_document(request: Request, document_id: UUID, inline: INLINE = False) -> Response:
    """The head version's bytes, with ranges (RFC 9110 §14), conditions, `Repr-Digest` and the document's name."""
    return await _content(request, document_id, None, inline)


@content.head(
    VERSION_CONTENT,
    name="head_version_content",
    summary="Ask about a version's content",
    response_model=None,
    responses=CONTENT,
)
@content.get(VERSION_CONTENT, summary="Download a version", response_model=None, responses=CONTENT)
async def download_version(request: Request, document_id: UUID, number: Number, inline: INLINE = False) -> Response:
    """One version's bytes; as the head's."""
    return await _content(request, document_id, number, inline)
