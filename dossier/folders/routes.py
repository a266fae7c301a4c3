"""HTTP for folders."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier.core.errors import PreconditionFailed
from dossier.core.web import (
    After,
    CurrentActor,
    IdempotencyKey,
    IfMatch,
    Limit,
    json,
    look,
    ok,
    paged,
    problems,
    write,
)
from dossier.folders import schemas, service
from dossier.folders.errors import BadName, FolderCycle, FolderNotFound, FolderTooDeep, NameTaken, RootFolder

router = APIRouter(prefix="/api/v1/folders", tags=["folders"])


@router.get(
    "",
    summary="List folders",
    response_model=None,
    responses=ok(schemas.FolderPage) | problems(FolderNotFound),
)
async def list_folders(
    request: Request,
    parent_id: Annotated[UUID | None, Query(description="Only the folders directly in this one.")] = None,
    top: Annotated[bool, Query(description="Only the root, and folders in others that are hidden.")] = False,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """All folders that the actor may see, by name; those directly in one; or those from which all others are reached."""
    return paged(*await look(request, lambda unit: service.list_(unit, parent_id, limit, after, top=top)))


@router.post(
    "",
    summary="Make a folder",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Folder, 201) | problems(FolderNotFound, NameTaken, BadName, FolderTooDeep, write=True),
)
async def create_folder(
    request: Request, actor: CurrentActor, body: schemas.NewFolder, _key: IdempotencyKey = None
) -> Response:
    """Make a folder in the root or in another one. Needs the role editor there."""
    return await write(
        request,
        actor,
        lambda unit: service.create(unit, body.name, body.parent_id),
        status=201,
        location="/api/v1/folders",
    )


@router.get(
    "/{folder_id}",
    summary="Read a folder",
    response_model=None,
    responses=ok(schemas.Folder) | problems(FolderNotFound),
)
async def get_folder(request: Request, folder_id: UUID) -> Response:
    """One folder, with the actor's role in it."""
    return json(await look(request, lambda unit: service.get(unit, folder_id)))


@router.patch(
    "/{folder_id}",
    summary="Rename or move a folder",
    response_model=None,
    responses=ok(schemas.Folder)
    | problems(
        FolderNotFound, NameTaken, BadName, FolderCycle, FolderTooDeep, RootFolder, PreconditionFailed, write=True
    ),
)
async def update_folder(
    request: Request, actor: CurrentActor, folder_id: UUID, body: schemas.FolderChange, if_match: IfMatch = None
) -> Response:
    """Rename, move, or both. What lies inside takes over the access of the new place, unless restricted itself."""
    return await write(request, actor, lambda unit: service.update(unit, folder_id, body, if_match))


@router.get(
    "/{folder_id}/access",
    summary="Read who may use a folder",
    response_model=None,
    responses=ok(schemas.AccessView) | problems(FolderNotFound),
)
async def get_folder_access(request: Request, folder_id: UUID) -> Response:
    """The access in force in a folder. Needs the role editor there."""
    return json(await look(request, lambda unit: service.access(unit, folder_id)))


@router.put(
    "/{folder_id}/access",
    summary="Restrict a folder",
    response_model=None,
    responses=ok(schemas.AccessView) | problems(FolderNotFound, RootFolder, write=True),
)
async def restrict_folder(request: Request, actor: CurrentActor, folder_id: UUID, body: schemas.Access) -> Response:
    """Give the folder, and what inherits from it, an access list of its own. Needs the role owner there."""
    return await write(request, actor, lambda unit: service.restrict(unit, folder_id, body.grants))


@router.delete(
    "/{folder_id}/access",
    summary="Lift a folder's restriction",
    status_code=204,
    response_model=None,
    responses=problems(FolderNotFound, RootFolder, write=True),
)
async def unrestrict_folder(request: Request, actor: CurrentActor, folder_id: UUID) -> Response:
    """Let the folder inherit its parent's access again. Needs the role owner there."""
    return await write(request, actor, lambda unit: service.unrestrict(unit, folder_id))
