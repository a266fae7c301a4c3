"""HTTP for tasks, comments and watching."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from dossier import documents, users
from dossier.core.clock import Moment
from dossier.core.errors import PreconditionFailed
from dossier.core.paging import BadCursor
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
from dossier.tasks import comments, schemas, service
from dossier.tasks.errors import AssigneeShutOut, TaskNotFound, UnknownVersion
from dossier.tasks.queries import Filters

router = APIRouter(prefix="/api/v1", tags=["tasks"])
GIVE = (UnknownVersion, AssigneeShutOut, users.UnknownPeople)
Statuses = Annotated[list[schemas.Status] | None, Query(max_length=4, description="Only these; repeat it for several.")]
Assignee = Annotated[Literal["me", "none"] | UUID | None, Query(description="`me`, `none`, or a member's id.")]


@router.get(
    "/tasks",
    summary="List tasks",
    response_model=None,
    responses=ok(schemas.TaskPage) | problems(documents.DocumentNotFound, BadCursor),
)
async def list_tasks(
    request: Request,
    document_id: UUID | None = None,
    assignee: Assignee = None,
    status: Statuses = None,
    overdue: Annotated[bool, Query(description="Only open tasks whose due date has passed.")] = False,
    due_before: Moment | None = None,
    due_after: Moment | None = None,
    watching: Annotated[Literal["me"] | None, Query(description="Only what the actor watches.")] = None,
    created_by: Annotated[Literal["me"] | UUID | None, Query(description="`me`, or a member's id.")] = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Tasks on all documents that the actor may see, the one due first at the top, those without a due date last.
    Tasks of documents in the trash are left out."""
    filters = Filters(
        document_id=document_id,
        assignee=assignee,
        created_by=created_by,
        watching=watching is not None,
        statuses=frozenset(status or ()),
        overdue=overdue,
        due_before=due_before,
        due_after=due_after,
    )
    return paged(*await look(request, lambda unit: service.list_(unit, filters, limit, after)))


@router.get(
    "/documents/{document_id}/tasks",
    summary="List the tasks of a document",
    response_model=None,
    responses=ok(schemas.TaskPage) | problems(documents.DocumentNotFound, BadCursor),
)
async def list_document_tasks(
    request: Request,
    document_id: UUID,
    assignee: Assignee = None,
    status: Statuses = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """The tasks of one document, the one due first at the top; none while it lies in the trash."""
    filters = Filters(document_id=document_id, assignee=assignee, statuses=frozenset(status or ()))
    return paged(*await look(request, lambda unit: service.list_(unit, filters, limit, after)))


@router.post(
    "/documents/{document_id}/tasks",
    summary="Make a task",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Task, 201)
    | problems(documents.DocumentNotFound, documents.DocumentTrashed, *GIVE, write=True),
)
async def create_task(
    request: Request, actor: CurrentActor, document_id: UUID, body: schemas.NewTask, _key: IdempotencyKey = None
) -> Response:
    """Make a task on a document, pinned to its head or to the given version. Needs the role editor on the document."""
    return await write(
        request,
        actor,
        lambda unit: service.create(unit, document_id, body),
        status=201,
        location="/api/v1/tasks",
        whole=True,
    )


@router.post(
    "/documents/{document_id}/tasks/carry-over",
    summary="Carry tasks over to the head",
    response_model=None,
    responses=ok(schemas.TaskList)
    | problems(documents.DocumentNotFound, documents.DocumentTrashed, TaskNotFound, write=True),
)
async def carry_over_tasks(
    request: Request,
    actor: CurrentActor,
    document_id: UUID,
    body: schemas.CarryOver | None = None,
    _key: IdempotencyKey = None,
) -> Response:
    """Pin the open tasks of a document, or the given ones, to its newest version: all of them or none. Their places stay
    as they are. Needs the role editor on the document."""
    task_ids = body.task_ids if body else None
    return await write(request, actor, lambda unit: service.carry_over(unit, document_id, task_ids))


@router.get(
    "/tasks/{task_id}",
    summary="Read a task",
    response_model=None,
    responses=ok(schemas.Task) | problems(TaskNotFound),
)
async def get_task(request: Request, task_id: UUID) -> Response:
    """One task, with its document's present head."""
    return json(await look(request, lambda unit: service.get(unit, task_id)))


@router.patch(
    "/tasks/{task_id}",
    summary="Change a task",
    response_model=None,
    responses=ok(schemas.Task)
    | problems(TaskNotFound, documents.DocumentTrashed, PreconditionFailed, *GIVE, write=True),
)
async def update_task(
    request: Request, actor: CurrentActor, task_id: UUID, body: schemas.TaskChange, if_match: IfMatch = None
) -> Response:
    """Change what is given and leave the rest. Needs the role editor on the document; the assignee may change the status
    with any role."""
    return await write(request, actor, lambda unit: service.update(unit, task_id, body, if_match), whole=True)


@router.delete(
    "/tasks/{task_id}",
    summary="Delete a task",
    status_code=204,
    response_model=None,
    responses=problems(TaskNotFound, documents.DocumentTrashed, PreconditionFailed, write=True),
)
async def delete_task(request: Request, actor: CurrentActor, task_id: UUID, if_match: IfMatch = None) -> Response:
    """End a task with its comments, for good. Needs the role editor on the document."""
    return await write(request, actor, lambda unit: service.delete(unit, task_id, if_match))


@router.get(
    "/tasks/{task_id}/comments",
    summary="List comments",
    response_model=None,
    responses=ok(schemas.CommentPage) | problems(TaskNotFound, BadCursor),
)
async def list_task_comments(request: Request, task_id: UUID, limit: Limit = 50, after: After = None) -> Response:
    """What was said on a task, oldest first."""
    return paged(*await look(request, lambda unit: comments.list_comments(unit, task_id, limit, after)))


@router.post(
    "/tasks/{task_id}/comments",
    summary="Add a comment",
    status_code=201,
    response_model=None,
    responses=ok(schemas.Comment, 201) | problems(TaskNotFound, write=True),
)
async def add_task_comment(
    request: Request, actor: CurrentActor, task_id: UUID, body: schemas.NewComment, _key: IdempotencyKey = None
) -> Response:
    """Say something on a task. Needs the role editor on the document; the assignee may with any role."""
    return await write(
        request, actor, lambda unit: comments.add_comment(unit, task_id, body.body), status=201, whole=True
    )


@router.put(
    "/tasks/{task_id}/watch",
    summary="Watch a task",
    status_code=204,
    response_model=None,
    responses=problems(TaskNotFound, write=True),
)
async def watch_task(request: Request, actor: CurrentActor, task_id: UUID) -> Response:
    """Be one of the task's watchers. Whoever sees a task may watch it."""
    return await write(request, actor, lambda unit: comments.watch(unit, task_id))


@router.delete(
    "/tasks/{task_id}/watch",
    summary="Stop watching a task",
    status_code=204,
    response_model=None,
    responses=problems(TaskNotFound, write=True),
)
async def unwatch_task(request: Request, actor: CurrentActor, task_id: UUID) -> Response:
    """Be none of the task's watchers any more."""
    return await write(request, actor, lambda unit: comments.unwatch(unit, task_id))


@router.get(
    "/tasks/{task_id}/history",
    summary="Read what happened to a task",
    response_model=None,
    responses=ok(schemas.HistoryPage) | problems(TaskNotFound, BadCursor),
)
async def list_task_history(request: Request, task_id: UUID, limit: Limit = 50, after: After = None) -> Response:
    """Who did what when, oldest first. Comments are named by their id, not repeated."""
    return paged(*await look(request, lambda unit: comments.history(unit, task_id, limit, after)))
