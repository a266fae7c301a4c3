"""HTTP for notices."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from dossier.core.paging import BadCursor
from dossier.core.web import After, CurrentActor, IdempotencyKey, Limit, json, look, ok, paged, problems, units, write
from dossier.notices import schemas, service

router = APIRouter(prefix="/api/v1/notices", tags=["notices"])


@router.get("", summary="List my notices", response_model=None, responses=ok(schemas.NoticePage) | problems(BadCursor))
async def list_notices(
    request: Request,
    unread: Annotated[bool, Query(description="Only unread ones.")] = False,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """What others did that concerns me, newest first: a task given to me, a comment or the end of a task that I have to do
    with, a new version of a document that I work on. What I may not see any more is left out. Kept for 90 days."""
    return paged(*await look(request, lambda unit: service.list_(unit, limit, after, unread=unread)))


@router.get(
    "/unread", summary="Count my unread notices", response_model=None, responses=ok(schemas.UnreadCount) | problems()
)
async def count_unread_notices(request: Request, actor: CurrentActor) -> Response:
    """How many are unread, up to 1,000. The live stream of events sends the same as `notice` when it changes."""
    async with units(request).read(actor) as unit:
        return json({"count": await service.unread(unit)})


@router.post(
    "/read",
    summary="Mark my notices as read",
    response_model=None,
    responses=ok(schemas.UnreadCount) | problems(write=True),
)
async def read_notices(
    request: Request, actor: CurrentActor, body: schemas.NoticesRead, _key: IdempotencyKey = None
) -> Response:
    """Mark some as read, or all; answers how many are unread then."""
    return await write(request, actor, lambda unit: service.mark_read(unit, body.ids, everything=body.all))
