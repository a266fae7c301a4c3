"""HTTP for uploads: tus 1.0 with its extensions (of concatenation that of whole parts), and what the portal asks besides.
Bodies are streamed; ``app.py`` keeps ``BodyLimit`` off them by ``is_upload``."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from dossier import documents, folders, storage
from dossier.core.actor import Actor
from dossier.core.errors import DossierError, PreconditionFailed, UnsupportedMediaType
from dossier.core.paging import BadCursor
from dossier.core.units import Unit
from dossier.core.web import (
    After,
    CurrentActor,
    IdempotencyKey,
    Limit,
    Wire,
    json,
    look,
    ok,
    paged,
    problem,
    problems,
    units,
    write,
)
from dossier.uploads import metadata, schemas, service, wire
from dossier.uploads.contract import PROGRESS, SPOKEN, TUS, answered, bytes_
from dossier.uploads.errors import (
    BadMetadata,
    BadUploadHeader,
    ChecksumMismatch,
    OffsetMismatch,
    TooManyUploads,
    UnknownTusVersion,
    UploadDirect,
    UploadExpired,
    UploadFinal,
    UploadIncomplete,
    UploadLengthMismatch,
    UploadNotDirect,
    UploadNotFound,
    UploadStalled,
)
from dossier.uploads.models import Upload
from dossier.uploads.wire import ALGORITHMS, EXTENSIONS, PATH, VERSION

FIND = (UploadNotFound, UploadExpired)
TARGET = (documents.DocumentNotFound, folders.FolderNotFound)
END = (
    *TARGET,
    documents.DocumentTrashed,
    documents.DocumentLocked,
    folders.NameTaken,
    folders.BadName,
    folders.FolderTooDeep,
    PreconditionFailed,
    storage.PartBusy,
    storage.StorageFailed,
    storage.BlobMissing,
)
RECEIVE = (
    *END,
    storage.BodyTooLarge,
    UnsupportedMediaType,
    UploadStalled,
    documents.LengthMismatch,
    ChecksumMismatch,
    UnknownTusVersion,
)


class TusRoute(APIRoute):
    """Says ``Tus-Resumable`` with every answer, refusals included; and with some of them where to go on."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        handle = super().get_route_handler()

        async def tus(request: Request) -> Response:
            try:
                answer: Response = await handle(request)
            except DossierError as error:
                answer = problem(error, request.state.request_id)
                answer.headers.update(_hints(error))
            except RequestValidationError as error:
                answer = await request.app.exception_handlers[RequestValidationError](request, error)
            answer.headers["Tus-Resumable"] = VERSION
            return answer

        return tus


def _hints(error: DossierError) -> dict[str, str]:
    if isinstance(error, UnknownTusVersion):
        return {"Tus-Version": VERSION}
    return {"Location": f"{PATH}/{error.extra['upload_id']}"} if "upload_id" in error.extra else {}


router = APIRouter(prefix=PATH, tags=["uploads"], route_class=TusRoute)


async def tus(
    tus_resumable: Annotated[str | None, Header(alias="Tus-Resumable", include_in_schema=False)] = None,
) -> None:
    """Refuse (412) a client of another version of tus."""
    if tus_resumable != VERSION:
        raise UnknownTusVersion(f"Send Tus-Resumable: {VERSION}.")


SpeaksTus = Annotated[None, Depends(tus)]
Size = Annotated[
    int | None, Header(alias="Upload-Length", ge=0, lt=2**63, description="Bytes of the whole file, or of the part.")
]
Deferred = Annotated[
    Literal["1"] | None,
    Header(alias="Upload-Defer-Length", description="`1`: a later PATCH brings `Upload-Length`."),
]
Concat = Annotated[
    str | None,
    Header(
        alias="Upload-Concat",
        max_length=100_000,
        description="`partial`: a part of a file, which becomes nothing by itself. `final;` and addresses of such parts, "
        "with spaces between: the file that they are, in this order; without `Upload-Length`.",
    ),
]
Checksum = Annotated[
    str | None,
    Header(
        alias="Upload-Checksum",
        description="`sha1` or `sha256`, a space, and the digest of this request's bytes in Base64. None of them is kept "
        "where it is another (460).",
    ),
]
Direct = Annotated[
    Literal["1"] | None,
    Header(
        alias="Dossier-Direct",
        description="`1`: the bytes shall go straight to the store. Where it has no addresses for that, `direct` is false "
        "in the answer, and they come by PATCH.",
    ),
]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**63, description="Bytes that came before.")]
Sent = Annotated[
    str | None,
    Header(
        alias="Upload-Metadata",
        description="Pairs of a key and a Base64 value, separated by commas: `filename`, and if wanted `folder_id` (without "
        "it the root), `path` (folders below it, made as needed), `on_conflict` (`error`, `version`, `rename`), `comment`; "
        "or `document_id` for a new version of that document instead, and with it `if_match`. `sha256`, in hex digits, is "
        "compared before anything comes of the bytes (460). Others are kept for HEAD.",
    ),
]


def is_upload(method: str, path: str) -> bool:
    """Whether the route streams its body itself."""
    return (method, path) == ("POST", PATH) or (method == "PATCH" and path.startswith(f"{PATH}/"))


@router.options(
    "",
    summary="Ask what of tus is spoken here",
    status_code=204,
    response_model=None,
    responses=answered(204, "As tus says it.", *SPOKEN),
    openapi_extra={"security": []},
)
async def upload_options(request: Request) -> Response:
    """Version and extensions of tus, and the largest upload in bytes."""
    limit = request.app.state.settings.max_upload_bytes
    told = {"Tus-Version": VERSION, "Tus-Extension": EXTENSIONS, "Tus-Max-Size": str(limit)}
    return Response(None, 204, told | {"Tus-Checksum-Algorithm": ",".join(ALGORITHMS)})


@router.post(
    "",
    summary="Begin an upload",
    status_code=201,
    response_model=None,
    responses=ok(schemas.BegunUpload, 201)
    | problems(
        *(*RECEIVE, *FIND, documents.NameMissing, BadMetadata, BadUploadHeader, TooManyUploads, UploadIncomplete),
        write=True,
    ),
    openapi_extra=bytes_(required=False),
)
async def create_upload(
    request: Request,
    actor: CurrentActor,
    _tus: SpeaksTus,
    size: Size = None,
    deferred: Deferred = None,
    concat: Concat = None,
    sent: Sent = None,
    direct: Direct = None,
    _checksum: Checksum = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Promise a file; its address is in `Location`. The first bytes may come along. Refuses at once what cannot end well.

    A file that is put together of parts is there when the answer is; the parts are gone then. With `Dossier-Direct` the
    answer's `parts` say where in the store the bytes go, if it has such addresses; `POST …/finish` ends that."""
    limit = request.app.state.settings.max_upload_bytes
    with_body = wire.has_body(request)
    promised = wire.promised(size, deferred, concat, limit, with_body=with_body)
    if direct is not None:
        promised = wire.direct(request, promised, with_body=with_body)
    if with_body:
        wire.require_bytes(request)
        wire.body(request, 0)  # a checksum that is none is refused before anything is promised
    told, lasts = metadata.read(sent), wire.lasts(request)
    same = hashlib.sha256(f"{size} {deferred} {concat} {sent} {direct}".encode()).digest()

    async def create(unit: Unit) -> Wire:
        promise = promised
        if isinstance(promise, list):
            promise = await service.joined(unit, concat or "", promise, limit)
        return await service.create(unit, told, sent or "", promise, lasts)

    created = await write(request, actor, create, status=201, location=PATH, body=same)
    upload_id = UUID(msgspec.json.decode(created.body)["id"])
    return await _begun(request, actor, upload_id, with_body=with_body)


async def _begun(request: Request, actor: Actor, upload_id: UUID, *, with_body: bool) -> Response:
    """The answer to a creation, with what came along; a repeated one adds what the first one has not brought."""
    async with units(request).read(actor) as unit:
        upload = await service.get(unit, upload_id)
    reception, parts = wire.reception(request, actor), None
    try:
        if upload.is_final:
            upload = await reception.join(upload_id, wire.parts_of(upload.concat or ""))
        elif upload.direct:
            parts = [asdict(part) for part in await reception.offered(upload_id)]
        elif with_body or not upload.size:
            upload = await reception.receive(upload_id, wire.body(request, 0).after(upload.received))
    except DossierError as error:
        error.extra["upload_id"] = str(upload_id)
        raise
    told = service.wire(upload) | {"parts": parts}
    return json(told, 201, **wire.headers(upload), Location=f"{PATH}/{upload_id}")


@router.get(
    "",
    summary="List one's own open uploads",
    response_model=None,
    responses=ok(schemas.UploadPage) | problems(BadCursor),
)
async def list_uploads(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """What the actor is sending or has to answer for, oldest first. Nobody sees somebody else's."""
    return paged(*await look(request, lambda unit: service.list_(unit, limit, after)))


@router.head(
    "/{upload_id}",
    summary="Ask how far an upload is",
    response_model=None,
    responses=answered(200, "How far it is.", *PROGRESS, "Upload-Length", "Upload-Defer-Length", "Upload-Metadata")
    | problems(*FIND, *TARGET, UnknownTusVersion),
    openapi_extra=TUS,
)
async def head_upload(request: Request, actor: CurrentActor, _tus: SpeaksTus, upload_id: UUID) -> Response:
    """Where to go on. `Upload-Offset` counts what is durable; it reaches `Upload-Length` only when the document is there."""
    async with units(request).read(actor) as unit:
        upload = await service.open_(unit, upload_id)
    length = {"Upload-Defer-Length": "1"} if upload.deferred else {"Upload-Length": str(upload.size)}
    headers = wire.headers(upload) | length | {"Cache-Control": "no-store"}
    return Response(None, 200, headers | ({"Upload-Metadata": upload.sent} if upload.sent else {}))


@router.get(
    "/{upload_id}",
    summary="Read an upload",
    response_model=None,
    responses=ok(schemas.Upload) | problems(*FIND),
)
async def get_upload(request: Request, actor: CurrentActor, upload_id: UUID) -> Response:
    """What an upload is to become, how far it is, and why its end was refused, if it was."""
    async with units(request).read(actor) as unit:
        return json(service.wire(await service.get(unit, upload_id)))


@router.get(
    "/{upload_id}/parts",
    summary="Ask where in the store to send bytes",
    response_model=None,
    responses=ok(schemas.OfferedParts)
    | problems(*FIND, *TARGET, UploadNotDirect, storage.PartBusy, storage.StorageFailed, storage.BlobMissing),
)
async def offer_parts(request: Request, actor: CurrentActor, upload_id: UUID) -> Response:
    """What of a direct upload is still to be sent, and where: one PUT a part, as many side by side as one likes, each with
    the headers that are told. Asked again it tells what is missing then, with new addresses; nothing once all is there."""
    parts = await wire.reception(request, actor).offered(upload_id)
    return json({"parts": [asdict(part) for part in parts]})


@router.patch(
    "/{upload_id}",
    summary="Send bytes of an upload",
    status_code=204,
    response_model=None,
    responses=answered(204, "They are durable.", *PROGRESS)
    | problems(
        *(*FIND, *RECEIVE, OffsetMismatch, BadUploadHeader, UploadLengthMismatch, UploadFinal, UploadDirect), write=True
    ),
    openapi_extra=bytes_(required=True),
)
async def append_upload(
    request: Request,
    actor: CurrentActor,
    _tus: SpeaksTus,
    upload_id: UUID,
    offset: Offset,
    length: Size = None,
    _checksum: Checksum = None,
) -> Response:
    """Add bytes where the last ones ended. Those that complete the file make the document, whose id and version are in
    `Dossier-Document` and `Dossier-Version`. Where that is refused the answer says why, and the bytes stay for another
    answer (`POST …/finish`). Where a large file has first to be read once more, `Dossier-State` is `hashing` and one byte
    is still missing: sent again, it waits a while for the end."""
    wire.require_bytes(request)
    upload = await wire.reception(request, actor).receive(upload_id, wire.body(request, offset), length)
    return Response(None, 204, wire.headers(upload))


@router.post(
    "/{upload_id}/finish",
    summary="Make the end of an upload, or try it again",
    response_model=None,
    responses=ok(schemas.Upload)
    | ok(schemas.Upload, 201)
    | ok(schemas.Upload, 202)
    | problems(*FIND, *END, UploadIncomplete, ChecksumMismatch, write=True),
)
async def finish_upload(
    request: Request,
    actor: CurrentActor,
    upload_id: UUID,
    body: schemas.Finish | None = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Make the document of bytes that went straight to the store (201), or of those whose end was refused, with another
    name, place or way; an upload that has ended is answered as it is. 202 where the bytes have first to be read once more:
    the upload is `hashing` until the document is there, or its end is refused."""

    async def run(verb: Callable[[Unit], Awaitable[Upload]]) -> Response:
        async def wired(unit: Unit) -> Wire:
            return service.wire(await verb(unit))

        return await write(request, actor, wired, status=201 if is_new else 200)

    reception = wire.reception(request, actor)
    async with units(request).read(actor) as unit:
        upload = await service.open_(unit, upload_id)
    is_new = upload.direct and upload.state == "receiving"
    if upload.is_final and upload.state == "receiving":
        await reception.join(upload_id, wire.parts_of(upload.concat or ""))
    answer = await reception.finish(upload_id, body or schemas.Finish(), run)
    return answer if isinstance(answer, Response) else json(service.wire(answer), 202, **wire.headers(answer))


@router.delete(
    "/{upload_id}",
    summary="End an upload",
    status_code=204,
    response_model=None,
    responses=problems(UploadNotFound, storage.PartBusy, UnknownTusVersion, write=True),
    openapi_extra=TUS,
)
async def delete_upload(request: Request, actor: CurrentActor, _tus: SpeaksTus, upload_id: UUID) -> Response:
    """Forget an upload and its bytes, also while some are coming. What it has become stays."""
    await wire.reception(request, actor).end(upload_id)
    return Response(None, 204)
