"""HTTP for documents, versions, locks and the trash."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from dossier import folders, storage
from dossier.core import forms
from dossier.core.actor import Actor
from dossier.core.errors import PreconditionFailed
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import (
    After,
    CurrentActor,
    IdempotencyKey,
    IfMatch,
    Limit,
    Wire,
    comes_again,
    json,
    look,
    ok,
    paged,
    problems,
    units,
    write,
)
from dossier.documents import adding, incoming, locks, queries, schemas, service, trash, versions
from dossier.documents.errors import (
    DocumentLocked,
    DocumentNotFound,
    DocumentTrashed,
    NameMissing,
    NotTrashed,
    VersionNotFound,
)
from dossier.documents.statements import Filters
from dossier.folders.schemas import Folder as FolderShape

router = APIRouter(prefix="/api/v1", tags=["documents"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
FIND = (DocumentNotFound,)
CHANGE = (DocumentNotFound, DocumentTrashed, DocumentLocked, PreconditionFailed)
PLACE = (folders.FolderNotFound, folders.NameTaken, folders.BadName)
RECEIVE = (
    forms.BadForm,
    forms.FieldsAfterFile,
    forms.FileMissing,
    incoming.LengthMismatch,
    storage.BodyTooLarge,
    storage.StorageFailed,
    NameMissing,
    folders.BadName,
)
BINARY = {"type": "string", "format": "binary"}


def _file_body(fields: type[Any], *, many: bool = False) -> dict[str, Any]:
    form = fields.model_json_schema(ref_template="#/components/schemas/{model}")
    form.pop("title", None)
    form["properties"]["file"] = (
        {"type": "array", "items": BINARY, "description": "After the fields."} if many else BINARY
    )
    form["required"] = ["file"]
    content: dict[str, Any] = {"multipart/form-data": {"schema": form}}
    if not many:
        content["application/octet-stream"] = {"schema": BINARY}
    return {"requestBody": {"required": True, "content": content}}


def is_upload(method: str, path: str) -> bool:
    """Whether the route streams its body itself."""
    return (
        method == "POST"
        and path.startswith("/api/v1/documents")
        and path.rsplit("/", 1)[1] in ("documents", "batch", "versions")
    )


@router.post(
    "/documents",
    summary="Add a document",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Document, 201) | problems(*RECEIVE, *PLACE, DocumentLocked, write=True),
    openapi_extra=_file_body(schemas.AddFields),
)
async def add_document(
    request: Request, actor: CurrentActor, query: Annotated[schemas.AddFields, Query()], _key: IdempotencyKey = None
) -> Response:
    """Add a file as a document: a form whose fields come before `file`, or the raw body with the fields in the query."""

    async def check(fields: schemas.AddFields) -> None:
        await _checked(request, actor, lambda unit: service.check_addable(unit, fields.folder_id))

    async with incoming.receive(request, actor.workspace_id, query, check) as (fields, upload):

        async def add(unit: Unit) -> Wire:
            return await adding.add(unit, upload, fields.folder_id, fields.name, fields.on_conflict)

        digest = _digest(fields, [upload])
        return await write(request, actor, add, status=201, location="/api/v1/documents", body=digest, whole=True)


async def _checked(request: Request, actor: Actor, check: Callable[[ReadUnit], Awaitable[None]]) -> None:
    """Check ahead of the body, unless the request was answered before."""

    async def verb(unit: ReadUnit) -> None:
        if not await comes_again(request, unit):
            await check(unit)

    await units(request).look(actor, verb)


def _digest(fields: Any, uploads: list[versions.Upload]) -> bytes:
    parts = [fields.model_dump_json().encode()]
    for upload in uploads:
        parts += [upload.file_name.encode(), upload.bytes.stored.sha256]
    return b"\0".join(parts)


@router.post(
    "/documents/batch",
    summary="Add many documents",
    status_code=201,
    response_model=None,
    responses=ok(schemas.DocumentBatch, 201) | problems(*RECEIVE, *PLACE, DocumentLocked, write=True),
    openapi_extra=_file_body(schemas.BatchFields, many=True),
)
async def add_documents(request: Request, actor: CurrentActor, _key: IdempotencyKey = None) -> Response:
    """Add all files of one form as documents, at most 1,000: all of them or none."""

    async def check(fields: schemas.BatchFields) -> None:
        await _checked(request, actor, lambda unit: service.check_addable(unit, fields.folder_id))

    async with incoming.receive_many(request, actor.workspace_id, schemas.BatchFields, check) as (fields, uploads):

        async def add(unit: Unit) -> Wire:
            additions = [adding.Addition(upload, fields.folder_id) for upload in uploads]
            ids = await adding.add_many(unit, additions, fields.on_conflict)
            return {"items": await queries.wires(unit, await queries.by_ids(unit, ids, Filters()))}

        return await write(request, actor, add, status=201, whole=True, body=_digest(fields, uploads))


@router.get(
    "/documents",
    summary="List and search documents",
    response_model=None,
    responses=ok(schemas.DocumentPage) | problems(folders.FolderNotFound),
)
async def list_documents(
    request: Request,
    folder_id: Annotated[UUID | None, Query(description="Only what lies directly in this folder.")] = None,
    q: Annotated[str | None, Query(max_length=500, description="Words in name, tags, description and text.")] = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    type: Annotated[str | None, Query(max_length=127, description="A media type, or `image/` for a family.")] = None,
    author: Annotated[UUID | None, Query(description="The member who made the head version.")] = None,
    has_open_tasks: bool | None = None,
    trashed: Annotated[bool, Query(description="What lies in the trash instead.")] = False,
    sort: Literal["name", "-name", "updated_at", "-updated_at"] = "name",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Documents of a folder or of all visible folders. With `q` the hits come newest indexed first and `sort` is ignored."""
    key = folders.name_key(tag) if tag else None
    filters = Filters(folder_id, key, type, author, has_open_tasks, trashed)
    match: service.Match = request.app.state.search

    async def page(unit: ReadUnit) -> tuple[list[Wire], str | None]:
        if q and q.strip():
            return await service.search(unit, match, q, filters, limit, after)
        return await service.list_(unit, filters, sort, limit, after)

    return paged(*await look(request, page))


@router.get(
    "/documents/{document_id}",
    summary="Read a document",
    response_model=None,
    responses=ok(schemas.Document) | problems(*FIND),
)
async def get_document(request: Request, document_id: UUID) -> Response:
    """One document with its head version, also from the trash."""
    return json(await look(request, lambda unit: versions.get(unit, document_id)))


@router.patch(
    "/documents/{document_id}",
    summary="Rename, move, tag or describe a document",
    response_model=None,
    responses=ok(schemas.Document) | problems(*CHANGE, *PLACE, write=True),
)
async def update_document(
    request: Request, actor: CurrentActor, document_id: UUID, body: schemas.DocumentChange, if_match: IfMatch = None
) -> Response:
    """Change what is given and leave the rest. A lock of somebody else stops renaming and moving."""
    return await write(request, actor, lambda unit: service.update(unit, document_id, body, if_match), whole=True)


@router.delete(
    "/documents/{document_id}",
    summary="Put a document into the trash, or purge it",
    status_code=204,
    response_model=None,
    responses=problems(*CHANGE, NotTrashed, write=True),
)
async def delete_document(
    request: Request,
    actor: CurrentActor,
    document_id: UUID,
    purge: Annotated[bool, Query(description="End a trashed document for good; needs the role owner.")] = False,
    if_match: IfMatch = None,
) -> Response:
    """Move to the trash, from where it can be restored; with `purge` end what lies there."""
    if purge:
        return await write(request, actor, lambda unit: trash.purge(unit, document_id))
    return await write(request, actor, lambda unit: trash.trash(unit, document_id, if_match))


@router.post(
    "/documents/{document_id}/restore",
    summary="Restore a document from the trash",
    response_model=None,
    responses=ok(schemas.Document) | problems(DocumentNotFound, NotTrashed, *PLACE, write=True),
)
async def restore_document(
    request: Request,
    actor: CurrentActor,
    document_id: UUID,
    body: schemas.RestoreFromTrash | None = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Bring a document back to its folder or to another one; folders that went with it come back too."""
    wish = body or schemas.RestoreFromTrash()
    rename = wish.on_conflict == "rename"
    return await write(request, actor, lambda unit: trash.restore(unit, document_id, wish.folder_id, rename=rename))


@router.delete(
    "/folders/{folder_id}",
    summary="Remove a folder",
    tags=["folders"],
    status_code=204,
    response_model=None,
    responses=problems(folders.FolderNotFound, folders.FolderNotEmpty, folders.RootFolder, DocumentLocked, write=True),
)
async def delete_folder(
    request: Request,
    actor: CurrentActor,
    folder_id: UUID,
    recursive: Annotated[bool, Query(description="Put all that lies in it into the trash.")] = False,
) -> Response:
    """Remove an empty folder, or with `recursive` one with all in it, which goes to the trash."""
    return await write(request, actor, lambda unit: trash.trash_folder(unit, folder_id, recursive=recursive))


@router.post(
    "/folders/{folder_id}/restore",
    summary="Restore a removed folder",
    tags=["folders"],
    response_model=None,
    responses=ok(FolderShape) | problems(folders.FolderNotFound, NotTrashed, write=True),
)
async def restore_folder(
    request: Request, actor: CurrentActor, folder_id: UUID, _key: IdempotencyKey = None
) -> Response:
    """Bring back a removed folder and what went into the trash with it."""
    return await write(request, actor, lambda unit: trash.restore_folder(unit, folder_id))


@router.post(
    "/documents/{document_id}/versions",
    summary="Add a version",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Document, 201) | problems(*RECEIVE, *CHANGE, write=True),
    openapi_extra=_file_body(schemas.VersionFields),
)
async def add_version(
    request: Request,
    actor: CurrentActor,
    document_id: UUID,
    query: Annotated[schemas.VersionFields, Query()],
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Add a file as the new head, as a form or as the raw body; answers the document."""
    await _checked(request, actor, lambda unit: service.check_writable(unit, document_id, if_match))
    name = (await units(request).look(actor, lambda unit: versions.get(unit, document_id)))["name"]

    async def check(_fields: schemas.VersionFields) -> None:
        return None

    async with incoming.receive(request, actor.workspace_id, query, check, name) as (fields, upload):

        async def add(unit: Unit) -> Wire:
            return await versions.add_version(unit, document_id, upload, if_match)

        return await write(request, actor, add, status=201, whole=True, body=_digest(fields, [upload]))


@router.get(
    "/documents/{document_id}/versions",
    summary="List versions",
    response_model=None,
    responses=ok(schemas.VersionPage) | problems(*FIND),
)
async def list_versions(request: Request, document_id: UUID, limit: Limit = 50, after: After = None) -> Response:
    """A document's versions, newest first."""
    return paged(*await look(request, lambda unit: versions.list_versions(unit, document_id, limit, after)))


@router.get(
    "/documents/{document_id}/versions/{number}",
    summary="Read a version",
    response_model=None,
    responses=ok(schemas.Version) | problems(*FIND, VersionNotFound),
)
async def get_version(request: Request, document_id: UUID, number: Number) -> Response:
    """What is known of one version."""
    return json(await look(request, lambda unit: versions.get_version(unit, document_id, number)))


@router.post(
    "/documents/{document_id}/versions/{number}/restore",
    summary="Make an old version current",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Document, 201) | problems(*CHANGE, VersionNotFound, write=True),
)
async def restore_version(
    request: Request,
    actor: CurrentActor,
    document_id: UUID,
    number: Number,
    body: schemas.RestoreVersion | None = None,
    if_match: IfMatch = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Add a new version with the content of an old one, which it names in `restored_from`. Nothing is copied."""
    comment = body.comment if body else ""
    return await write(
        request, actor, lambda unit: versions.restore_version(unit, document_id, number, comment, if_match), status=201
    )


@router.put(
    "/documents/{document_id}/lock",
    summary="Lock a document",
    response_model=None,
    responses=ok(schemas.Lock) | problems(DocumentNotFound, DocumentTrashed, DocumentLocked, write=True),
)
async def lock_document(
    request: Request, actor: CurrentActor, document_id: UUID, body: schemas.LockRequest | None = None
) -> Response:
    """Take or renew a lease; it ends by itself. A take-over of somebody else's leaves a record."""
    wish = body or schemas.LockRequest()
    minutes = wish.minutes or request.app.state.settings.lock_minutes
    return await write(request, actor, lambda unit: locks.acquire(unit, document_id, minutes, take_over=wish.take_over))


@router.delete(
    "/documents/{document_id}/lock",
    summary="Unlock a document",
    status_code=204,
    response_model=None,
    responses=problems(DocumentNotFound, DocumentLocked, write=True),
)
async def unlock_document(request: Request, actor: CurrentActor, document_id: UUID) -> Response:
    """End the actor's own lease."""
    return await write(request, actor, lambda unit: locks.release(unit, document_id))
