"""HTTP for the portal's screens."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier import documents, folders
from dossier.core.jobs import JobNotFound
from dossier.core.paging import BadCursor
from dossier.core.settings import Settings
from dossier.core.web import After, CurrentActor, IdempotencyKey, Limit, json, look, ok, paged, problems, units, write
from dossier.documents import Filters
from dossier.portal.screens import activity, finding, home, jobs, schemas, workspace

router = APIRouter(prefix="/api/v1")
Words = Annotated[str, Query(max_length=500, description="Words; the last one may be a beginning.")]


@router.get("/home", summary="Read Home", tags=["home"], response_model=None, responses=ok(schemas.Home) | problems())
async def get_home(request: Request) -> Response:
    """My open tasks, the documents that wait for me or that I touched last, and what happened lately."""
    return json(await look(request, lambda unit: home.get(unit)))


@router.get(
    "/activity",
    summary="Read what happened",
    tags=["home"],
    response_model=None,
    responses=ok(schemas.ActivityPage) | problems(documents.DocumentNotFound, BadCursor),
)
async def list_activity(
    request: Request,
    document_id: UUID | None = None,
    types: Annotated[list[str] | None, Query(description="Only these types of event.", max_length=50)] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """What happened to documents, tasks and folders that I may see now, newest first; with `document_id` to one of them. For
    people: a program follows the feed, `GET /events`."""
    return paged(*await look(request, lambda unit: activity.page(unit, limit, after, document_id, types or ())))


@router.get(
    "/search",
    summary="Search everything",
    tags=["search"],
    response_model=None,
    responses=ok(schemas.Findings) | problems(),
)
async def search_everything(
    request: Request,
    actor: CurrentActor,
    q: Words,
    limit: Annotated[int, Query(ge=1, le=20, description="How many of each kind at most.")] = 8,
) -> Response:
    """Documents by name, tags, description and text; tasks by title and details, open ones first; people by name."""
    async with units(request).read(actor) as unit:
        return json(await finding.everything(unit, q, limit))


@router.get(
    "/search/documents",
    summary="Search documents, with snippets",
    tags=["search"],
    response_model=None,
    responses=ok(schemas.DocumentHitPage) | problems(BadCursor),
)
async def search_documents(
    request: Request,
    actor: CurrentActor,
    q: Words,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    type: Annotated[str | None, Query(max_length=127, description="A media type, or `image/` for a family.")] = None,
    limit: Annotated[int, Query(ge=1, le=50, description="How many items at most.")] = 20,
    after: After = None,
) -> Response:
    """Documents with all words of `q`, the last indexed first, each with the place in its text that was hit. Only the first
    100,000 characters are looked through for that place."""
    filters = Filters(tag=folders.name_key(tag) if tag else None, type=type)
    async with units(request).read(actor) as unit:
        return paged(*await finding.documents(unit, q, filters, limit, after))


@router.get(
    "/workspace",
    summary="Read the workspace",
    tags=["workspace"],
    response_model=None,
    responses=ok(schemas.Workspace) | problems(),
)
async def get_workspace(request: Request) -> Response:
    """The workspace in force: its name, the rules, and for owners what it holds."""
    return json(await look(request, lambda unit: workspace.get(unit, _settings(request))))


@router.patch(
    "/workspace",
    summary="Rename the workspace",
    tags=["workspace"],
    response_model=None,
    responses=ok(schemas.Workspace) | problems(folders.BadName, write=True),
)
async def update_workspace(request: Request, actor: CurrentActor, body: schemas.WorkspaceChange) -> Response:
    """Give the workspace, and its root folder, another name. For owners."""
    return await write(request, actor, lambda unit: workspace.rename(unit, body.name, _settings(request)))


@router.get(
    "/jobs",
    summary="List jobs",
    tags=["jobs"],
    response_model=None,
    responses=ok(schemas.JobPage) | problems(BadCursor),
)
async def list_jobs(
    request: Request,
    state: Annotated[Literal["failed", "waiting", "running"] | None, Query(description="Only these.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Promised work of the workspace, newest first: what failed for good, what waits for its (next) try, what runs. What is
    done is not kept. For owners."""
    return paged(*await look(request, lambda unit: jobs.page(unit, state, limit, after)))


@router.post(
    "/jobs/{job_id}/retry",
    summary="Try a job again",
    tags=["jobs"],
    response_model=None,
    responses=ok(schemas.Job) | problems(JobNotFound, write=True),
)
async def retry_job(request: Request, actor: CurrentActor, job_id: UUID, _key: IdempotencyKey = None) -> Response:
    """Give a failed job all its attempts again; one that waits starts now, one that runs goes on. For owners."""
    return await write(request, actor, lambda unit: jobs.retry(unit, job_id))


def _settings(request: Request) -> Settings:
    result: Settings = request.app.state.settings
    return result
