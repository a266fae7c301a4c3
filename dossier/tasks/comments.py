"""What people say about a task, who watches it, and what happened to it."""

from collections.abc import Sequence
from uuid import UUID

from dossier import users
from dossier.core import paging
from dossier.core.actor import NotAllowed
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.tasks import queries, service
from dossier.tasks.models import Comment, Watcher


async def add_comment(unit: Unit, task_id: UUID, body: str) -> Wire:
    """Say something on a task, for the document's editors and the task's assignee; the comment. Raises 404, 403."""
    task = await service.require(unit, task_id, lock=True)
    await service.require_hand(unit, task, own=True)
    comment = Comment(
        id=new_id(),
        task_id=task_id,
        workspace_id=unit.workspace_id,
        author_id=unit.actor.member_id,
        body=body,
        created_at=unit.now,
    )
    unit.session.add(comment)
    task.comment_count += 1
    unit.record(
        "task.commented", document_id=task.document_id, task_id=task_id, title=task.title, comment_id=str(comment.id)
    )
    await unit.session.flush()
    return (await wires(unit, [comment]))[0]


async def list_comments(
    unit: ReadUnit, task_id: UUID, limit: int = paging.DEFAULT_LIMIT, after: str | None = None
) -> tuple[list[Wire], str | None]:
    """A page of a task's comments, oldest first. Raises TaskNotFound, BadCursor."""
    await service.require(unit, task_id)
    cursor = paging.decode(after, UUID)
    rows = list(await queries.comments(unit, task_id, limit, cursor[0] if cursor else None))
    kept, next_ = paging.page(rows, limit, lambda comment: paging.encode(comment.id))
    return await wires(unit, kept), next_


async def wires(unit: ReadUnit, comments: Sequence[Comment]) -> list[Wire]:
    """Comments as they go out."""
    people = await users.people(unit, {comment.author_id for comment in comments if comment.author_id})
    return [
        {
            "id": comment.id,
            "task_id": comment.task_id,
            "author": queries.person(people, comment.author_id),
            "body": comment.body,
            "created_at": comment.created_at,
        }
        for comment in comments
    ]


async def history(
    unit: ReadUnit, task_id: UUID, limit: int = paging.DEFAULT_LIMIT, after: str | None = None
) -> tuple[list[Wire], str | None]:
    """A page of what happened to a task: who did what when, oldest first. Raises TaskNotFound, BadCursor."""
    task = await service.require(unit, task_id)
    cursor = paging.decode(after, int)
    rows = list(await queries.history(unit, task, limit, cursor[0] if cursor else 0))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.seq))
    return [
        {
            "id": row.id,
            "seq": row.seq,
            "type": row.type,
            "at": row.at,
            "actor": {"id": row.actor_id, "name": row.actor_name},
            "data": row.data,
        }
        for row in kept
    ], next_


async def watch(unit: Unit, task_id: UUID) -> None:
    """Watch a task; nothing happens to one who does. Whoever sees a task may. Raises 404, 403 for the system."""
    task = await service.require(unit, task_id, lock=True)
    await add_watchers(unit, task.id, _myself(unit))


async def unwatch(unit: Unit, task_id: UUID) -> None:
    """Watch a task no longer; nothing happens to one who does not. Raises 404, 403 for the system."""
    task = await service.require(unit, task_id, lock=True)
    watcher = await queries.watches(unit, task.id, _myself(unit))
    if watcher is not None:
        await unit.session.delete(watcher)


def _myself(unit: Unit) -> UUID:
    if unit.actor.member_id is None:
        raise NotAllowed("Only members watch tasks.")
    return unit.actor.member_id


def add_first_watchers(unit: Unit, task_id: UUID, *member_ids: UUID | None) -> None:
    """The same for a task that is new, which nobody watches yet."""
    watching = {id_ for id_ in member_ids if id_ is not None}
    unit.session.add_all(Watcher(task_id=task_id, member_id=member_id) for member_id in watching)


async def add_watchers(unit: Unit, task_id: UUID, *member_ids: UUID | None) -> None:
    """Make these members watch a task, which the caller has locked or just made; None is passed over."""
    for member_id in {id_ for id_ in member_ids if id_ is not None}:
        if await queries.watches(unit, task_id, member_id) is None:
            unit.session.add(Watcher(task_id=task_id, member_id=member_id))
    await unit.session.flush()
