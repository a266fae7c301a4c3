"""HTTP for previews, renditions and thumbnails of versions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request, Response

from dossier import documents, storage
from dossier.core.actor import Actor
from dossier.core.errors import PreconditionFailed, RangeNotSatisfiable
from dossier.core.serving import BYTES, serve
from dossier.core.web import CurrentActor, json, ok, problems, units
from dossier.renditions import office, schemas, service
from dossier.renditions.errors import RenditionMissing, ThumbnailMissing
from dossier.renditions.models import THUMBNAIL
from dossier.renditions.service import Work

router = APIRouter(prefix="/api/v1/documents/{document_id}/versions/{number}", tags=["documents"])
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Size = Annotated[int, Query(ge=16, le=1024, description="A wish: what there is has 320 pixels on its longer side.")]
FIND = (documents.DocumentNotFound, documents.VersionNotFound)
SERVE = (*FIND, PreconditionFailed, RangeNotSatisfiable, storage.BlobMissing, storage.StorageFailed)
RENDITION: Any = BYTES | problems(*SERVE, RenditionMissing)
THUMB: Any = BYTES | problems(*SERVE, ThumbnailMissing)


async def _ask(request: Request, actor: Actor, work: Work) -> None:
    await units(request).run(actor, lambda unit: service.ask(unit, work))


@router.get(
    "/preview",
    summary="Ask how a version can be shown",
    response_model=None,
    responses=ok(schemas.Preview) | problems(*FIND),
)
async def get_preview(request: Request, actor: CurrentActor, document_id: UUID, number: Number) -> Response:
    """How to show a version, and where the bytes for that are. Of an office file a PDF is made, in a few seconds, when
    somebody first asks here; ask again until it is no longer `making`."""
    able = office.program(request.app.state.settings.soffice) is not None
    async with units(request).read(actor) as unit:
        preview, work = await service.preview(unit, document_id, number, able=able)
    if work is not None:
        await _ask(request, actor, work)
    return json(preview)


@router.head(
    "/rendition",
    name="head_rendition",
    summary="Ask about a version's PDF",
    response_model=None,
    responses=RENDITION,
)
@router.get("/rendition", summary="Read an office file as a PDF", response_model=None, responses=RENDITION)
async def get_rendition(request: Request, actor: CurrentActor, document_id: UUID, number: Number) -> Response:
    """The PDF that was made of an office file, as contents are answered: with ranges, conditions and `Repr-Digest`. Its
    preview asks for it to be made."""
    async with units(request).read(actor) as unit:
        content = await documents.visible_version(unit, document_id, number)
        found = await service.pdf(unit, content, able=False)
    if found.made is None:
        raise RenditionMissing(found.reason)
    return await serve(request, found.made, inline=True)


@router.head(
    "/thumbnail",
    name="head_thumbnail",
    summary="Ask about a version's thumbnail",
    response_model=None,
    responses=THUMB,
)
@router.get("/thumbnail", summary="See a version small", response_model=None, responses=THUMB)
async def get_thumbnail(
    request: Request, actor: CurrentActor, document_id: UUID, number: Number, size: Size = 320
) -> Response:
    """A small WebP of an image or of the first page of a PDF; of an office file once its PDF was made. It is made when
    somebody first asks: until then the answer is 404 with `state`, and `Retry-After` where trying again helps."""
    async with units(request).read(actor) as unit:
        content = await documents.visible_version(unit, document_id, number)
        found = await service.thumbnail(unit, content)
    if found.wanted:
        await _ask(request, actor, Work.of(document_id, content, THUMBNAIL))
    if found.made is None:
        raise ThumbnailMissing(found.reason, retry_after=1 if found.state == "making" else None, state=found.state)
    return await serve(request, found.made, inline=True)
