"""HTTP for links with clients' document management systems."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier import documents, folders
from dossier.core.vault import Vault
from dossier.core.web import (
    After,
    CurrentActor,
    IdempotencyKey,
    Limit,
    comes_again,
    json,
    look,
    ok,
    paged,
    problems,
    units,
    write,
)
from dossier.links import rights, runs, schemas, service
from dossier.links.errors import (
    LinkBusy,
    LinkItemNotFound,
    LinkNotBraked,
    LinkNotFound,
    LinkOverlap,
    LinkUnreachable,
    NoConflict,
)

router = APIRouter(prefix="/api/v1", tags=["links"])
State = Annotated[Literal["new", "synced", "held", "waiting", "failed"] | None, Query()]


@router.get(
    "/links", summary="List links", status_code=200, response_model=None, responses=ok(schemas.LinkPage) | problems()
)
async def list_links(request: Request, limit: Limit = 50, after: After = None) -> Response:
    """The workspace's links with clients' systems and how they stand. For owners."""
    return paged(*await look(request, lambda unit: service.list_(unit, limit, after)))


@router.post(
    "/links",
    summary="Make a link",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Link, 201) | problems(folders.FolderNotFound, LinkOverlap, LinkUnreachable, write=True),
)
async def make_link(
    request: Request, actor: CurrentActor, body: schemas.NewLink, _key: IdempotencyKey = None
) -> Response:
    """Join a folder with a place in the client's system. The place is tried first; then the first run begins, which writes
    on both sides: the plan of a paused link shows beforehand what it would do. For owners.
    """
    actor.require_admin()
    async with units(request).read(actor) as unit:
        again = await comes_again(request, unit)
    if not again:
        await runs.try_place(request.app.state, actor, body.place, body.credentials)
    vault = Vault.from_settings(request.app.state.settings)
    return await write(
        request, actor, lambda unit: service.create(unit, body, vault), status=201, location="/api/v1/links"
    )


@router.post(
    "/link_tests",
    summary="Try a place",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Found) | problems(LinkUnreachable, write=True),
)
async def try_place(
    request: Request, actor: CurrentActor, body: schemas.PlaceTest, _key: IdempotencyKey = None
) -> Response:
    """Whether a place can be reached and read with these credentials. Nothing is written there. For owners."""
    actor.require_admin()
    found = await runs.try_place(request.app.state, actor, body.place, body.credentials)
    return Response(schemas.Found(found=found).model_dump_json(), 200, media_type="application/json")


@router.get(
    "/links/{link_id}",
    summary="Get a link",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Link) | problems(LinkNotFound),
)
async def get_link(request: Request, link_id: UUID) -> Response:
    """One link. For owners."""
    return json(await look(request, lambda unit: service.get(unit, link_id)))


@router.patch(
    "/links/{link_id}",
    summary="Change a link",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Link) | problems(LinkNotFound, write=True),
)
async def change_link(request: Request, actor: CurrentActor, link_id: UUID, body: schemas.LinkChange) -> Response:
    """Rename, pause, go on, other limits, a new direction or new credentials. For owners."""
    vault = Vault.from_settings(request.app.state.settings)
    return await write(request, actor, lambda unit: service.change(unit, link_id, body, vault))


@router.delete(
    "/links/{link_id}",
    summary="End a link",
    status_code=204,
    response_model=None,
    responses=problems(LinkNotFound, write=True),
)
async def end_link(request: Request, actor: CurrentActor, link_id: UUID) -> Response:
    """Forget the link and its credentials. What is here and what is there stays as it is. For owners."""
    return await write(request, actor, lambda unit: service.remove(unit, link_id))


@router.post(
    "/links/{link_id}/run",
    summary="Run a link now",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Link) | problems(LinkNotFound, write=True),
)
async def run_link(request: Request, actor: CurrentActor, link_id: UUID, _key: IdempotencyKey = None) -> Response:
    """Look at the other side now, and try again what failed. For owners."""
    return await write(request, actor, lambda unit: service.run(unit, link_id))


@router.post(
    "/links/{link_id}/resync",
    summary="List everything anew",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Link) | problems(LinkNotFound, write=True),
)
async def resync_link(request: Request, actor: CurrentActor, link_id: UUID, _key: IdempotencyKey = None) -> Response:
    """Forget the cursor: the next run lists everything and compares. What is equal is not transferred. For owners."""
    return await write(request, actor, lambda unit: service.resync(unit, link_id))


@router.post(
    "/links/{link_id}/release",
    summary="Release the brake",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Link) | problems(LinkNotFound, LinkNotBraked, write=True),
)
async def release_link(request: Request, actor: CurrentActor, link_id: UUID, _key: IdempotencyKey = None) -> Response:
    """Let the run go that would delete or replace more than the limits allow. For owners, after a look at the plan."""
    return await write(request, actor, lambda unit: service.release(unit, link_id))


@router.get(
    "/links/{link_id}/plan",
    summary="What the next run would do",
    status_code=200,
    response_model=None,
    responses=ok(schemas.Plan) | problems(LinkBusy, LinkNotFound, LinkUnreachable),
)
async def plan_link(request: Request, actor: CurrentActor, link_id: UUID) -> Response:
    """Look at the other side now and plan, without doing anything on either side. For owners."""
    async with units(request).read(actor) as unit:
        await service.require(unit, link_id)
    plan = await runs.dry(request.app.state, actor.workspace_id, link_id)
    return Response(plan.model_dump_json(), 200, media_type="application/json")


@router.get(
    "/links/{link_id}/rights",
    summary="Who may do what over there",
    status_code=200,
    response_model=None,
    responses=ok(schemas.LinkRights) | problems(LinkNotFound, LinkItemNotFound, LinkUnreachable),
)
async def get_link_rights(
    request: Request,
    actor: CurrentActor,
    link_id: UUID,
    item_id: Annotated[UUID | None, Query(description="An item of the link; none: its place.")] = None,
) -> Response:
    """The rights that the other system has for the link's place or for one item, as it tells them now. Nothing is changed
    there, and they mean nothing here. For owners."""
    found = await rights.ask(request.app.state, actor, link_id, item_id)
    return Response(found.model_dump_json(), 200, media_type="application/json")


@router.get(
    "/links/{link_id}/items",
    summary="List a link's items",
    status_code=200,
    response_model=None,
    responses=ok(schemas.LinkItemPage) | problems(LinkNotFound),
)
async def list_link_items(
    request: Request,
    link_id: UUID,
    state: State = None,
    conflict: bool = False,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Its documents and folders, and what is the matter with each. For owners."""
    return paged(
        *await look(request, lambda unit: service.list_items(unit, link_id, state, limit, after, conflict=conflict))
    )


@router.post(
    "/links/{link_id}/items/{item_id}/retry",
    summary="Try an item again",
    status_code=200,
    response_model=None,
    responses=ok(schemas.LinkItem) | problems(LinkNotFound, LinkItemNotFound, write=True),
)
async def retry_link_item(
    request: Request, actor: CurrentActor, link_id: UUID, item_id: UUID, _key: IdempotencyKey = None
) -> Response:
    """Look at one item again at once. For owners."""
    return await write(request, actor, lambda unit: service.retry(unit, link_id, item_id))


@router.post(
    "/links/{link_id}/items/{item_id}/choose",
    summary="End a conflict",
    status_code=200,
    response_model=None,
    responses=ok(schemas.LinkItem) | problems(LinkNotFound, LinkItemNotFound, NoConflict, write=True),
)
async def choose_link_item(
    request: Request,
    actor: CurrentActor,
    link_id: UUID,
    item_id: UUID,
    body: schemas.Choice,
    _key: IdempotencyKey = None,
) -> Response:
    """Say whose content stays: ours goes over there, or theirs becomes the newest version here. For owners; others end a
    conflict by closing its task.
    """
    return await write(request, actor, lambda unit: service.choose(unit, link_id, item_id, body))


@router.get(
    "/documents/{document_id}/links",
    summary="Where a document lives elsewhere",
    status_code=200,
    response_model=None,
    responses=ok(schemas.DocumentLinks) | problems(documents.DocumentNotFound),
)
async def links_of_document(request: Request, actor: CurrentActor, document_id: UUID) -> Response:
    """The links that a document is in, and whether it is in step with the other side."""
    async with units(request).read(actor) as unit:
        return json({"items": await service.of_document(unit, document_id)})
