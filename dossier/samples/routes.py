"""HTTP for samples."""

from contextlib import AsyncExitStack

from fastapi import APIRouter, Request, Response

from dossier import folders, storage
from dossier.core.web import CurrentActor, IdempotencyKey, comes_again, ok, problems, units, write
from dossier.samples import schemas, service
from dossier.samples.service import Ready

router = APIRouter(prefix="/api/v1/samples", tags=["documents"])


@router.post(
    "",
    summary="Add sample documents",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Samples, 201)
    | problems(folders.FolderNotFound, folders.NameTaken, storage.StorageFailed, write=True),
)
async def create_samples(
    request: Request, actor: CurrentActor, body: schemas.SamplesPlace | None = None, _key: IdempotencyKey = None
) -> Response:
    """Make a folder "Samples" (or "Samples (2)", …) with a dozen documents, their versions and tasks, as the actor. Needs
    the role editor there."""
    folder_id = body.folder_id if body else None
    async with units(request).read(actor) as unit:
        again = await comes_again(request, unit)
        if not again:
            await service.check(unit, folder_id)
    async with AsyncExitStack() as stack:
        ready: list[Ready] = []
        if not again:
            ready = await stack.enter_async_context(service.prepared(request.app.state.store, actor.workspace_id))
        return await write(request, actor, lambda unit: service.make(unit, ready, folder_id), status=201)


@router.delete(
    "",
    summary="Remove the sample documents",
    status_code=204,
    response_model=None,
    responses=problems(write=True),
)
async def remove_samples(request: Request, actor: CurrentActor) -> Response:
    """End all sample documents at once, without a time in the trash: with all their versions and tasks, also those that
    were added since, wherever they lie now. Documents of one's own in their folder stay where they are, and the folder with
    them. Nothing happens where there are none. Needs the role editor."""
    return await write(request, actor, service.remove)
