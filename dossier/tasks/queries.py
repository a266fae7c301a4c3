"""Every SELECT on tasks. A task is visible exactly where its document is living and visible; that is part of the SQL.

A list is a UNION ALL of one keyset page per status, since an ``IN`` with ORDER BY would sort the whole set.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, case, false, func, select, union_all
from sqlalchemy.orm import InstrumentedAttribute

from dossier import documents, folders, users
from dossier.core import paging
from dossier.core.events import EventRow
from dossier.core.prepared import Prepared
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.tasks.models import CLOSED, NEVER, OPEN, Comment, Task, TaskText, Watcher

ORDER = (Task.due_key, Task.id)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to. ``me`` is the actor; ``statuses`` empty means every one."""

    document_id: UUID | None = None
    assignee: UUID | Literal["me", "none"] | None = None
    created_by: UUID | Literal["me"] | None = None
    watching: bool = False
    statuses: frozenset[str] = frozenset()
    overdue: bool = False
    due_before: datetime | None = None
    due_after: datetime | None = None

    def wanted(self) -> list[str]:
        """The statuses to look at."""
        wanted = self.statuses or OPEN | CLOSED
        return sorted(wanted & OPEN if self.overdue else wanted)

    def conditions(self, unit: ReadUnit) -> list[ColumnElement[bool]]:
        """All filters but the status as SQL conditions, without what the actor may see."""
        me = unit.actor.member_id
        found = [self._reach(unit)]
        if self.assignee is not None:
            found.append(_who(Task.assignee_id, self.assignee, me))
        if self.created_by is not None:
            found.append(_who(Task.created_by, self.created_by, me))
        return found + self._due(unit.now)

    def _reach(self, unit: ReadUnit) -> ColumnElement[bool]:
        # One of three, for SQLite would take the workspace's index as soon as it can and pass over every task in it.
        # What the actor may see is the caller's to add, and names the workspace too.
        if self.watching:
            watched = Task.id.in_(select(Watcher.task_id).where(_who(Watcher.member_id, "me", unit.actor.member_id)))
            return watched if self.document_id is None else and_(watched, Task.document_id == self.document_id)
        if self.document_id is not None:
            return Task.document_id == self.document_id
        return Task.workspace_id == unit.workspace_id

    def _due(self, now: datetime) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.overdue:
            found.append(Task.due_key < now)
        if self.due_before is not None:
            found.append(Task.due_key < self.due_before)
        if self.due_after is not None:
            found += [Task.due_key > self.due_after, Task.due_key < NEVER]
        return found


def _who(
    column: InstrumentedAttribute[UUID] | InstrumentedAttribute[UUID | None], who: UUID | str, me: UUID | None
) -> ColumnElement[bool]:
    if who == "none":
        return column.is_(None)
    wanted = me if who == "me" else who
    return false() if wanted is None else column == wanted


async def workspace_of(unit: ReadUnit, id_: UUID) -> UUID | None:
    """The workspace of a task, whoever asks; only to find out which membership the request is about."""
    return await unit.session.scalar(select(Task.workspace_id).where(Task.id == id_))


async def find(unit: ReadUnit, task_id: UUID, *, lock: bool = False) -> Task | None:
    """A visible task of a living document; locked for a change with ``lock``."""
    values = await folders.seen_values(unit) | {"id": task_id}
    return (await unit.session.execute(_LOCKED if lock else _ONE, values)).scalar_one_or_none()


_ONE = select(Task).where(
    Task.id == bindparam("id"), Task.workspace_id == bindparam("workspace"), documents.read_by(Task.document_id)
)
_LOCKED = _ONE.with_for_update().execution_options(populate_existing=True)


async def page(unit: ReadUnit, filters: Filters, limit: int, after: tuple[datetime, UUID] | None) -> Sequence[Task]:
    """``limit + 1`` visible tasks by due date from the one after ``after`` on; those without a date come last."""
    conditions = [*filters.conditions(unit), await documents.readable(unit, Task.document_id)]
    if after is not None:
        conditions.append(paging.beyond(ORDER, after))
    pages = [
        select(Task.id).where(Task.status == status, *conditions).order_by(*ORDER).limit(limit + 1).subquery()
        for status in filters.wanted()
    ]
    if not pages:
        return []
    ids = union_all(*(select(part.c.id) for part in pages)).subquery()
    query = select(Task).join(ids, Task.id == ids.c.id).order_by(*ORDER).limit(limit + 1)
    return (await unit.session.execute(query)).scalars().all()


async def by_ids(unit: ReadUnit, ids: Sequence[UUID]) -> list[Task]:
    """The visible ones among ``ids``, in their order."""
    if not ids:
        return []
    # No condition on the workspace, or SQLite would walk all of its tasks: what the actor may see names it.
    query = select(Task).where(Task.id.in_(ids), await documents.readable(unit, Task.document_id))
    tasks = {task.id: task for task in (await unit.session.execute(query)).scalars()}
    return [tasks[id_] for id_ in ids if id_ in tasks]


async def rows(unit: ReadUnit, ids: Sequence[UUID]) -> Sequence[Task]:
    """These tasks, whoever asks and wherever their documents lie; for the index."""
    found = (await unit.session.execute(select(Task).where(Task.id.in_(ids)))).scalars().all()
    return [
        task for task in found if task.workspace_id == unit.workspace_id
    ]  # in SQL, SQLite would walk all of its tasks


async def count_mine(unit: ReadUnit, most: int) -> tuple[int, int]:
    """How many visible open tasks the actor has, and how many of them are overdue; of the first ``most`` by status."""
    mine = Filters(assignee="me", statuses=OPEN).conditions(unit)
    seen = await documents.readable(unit, Task.document_id)
    found = select(Task.due_key).where(Task.status.in_(sorted(OPEN)), *mine, seen).limit(most).subquery()
    late = func.coalesce(func.sum(case((found.c.due_key < unit.now, 1), else_=0)), 0)
    row = (await unit.session.execute(select(func.count(), late).select_from(found))).one()
    return int(row[0]), int(row[1])


async def text_of(unit: ReadUnit, task_id: UUID) -> TaskText | None:
    """A task's row in the index."""
    query = select(TaskText).where(TaskText.task_id == task_id, TaskText.workspace_id == unit.workspace_id)
    return (await unit.session.execute(query)).scalar_one_or_none()


async def beginnings(unit: ReadUnit, ids: Collection[UUID], length: int = 300) -> dict[UUID, str]:
    """How these comments begin; the caller has found their tasks visible."""
    if not ids:
        return {}
    start = func.substr(Comment.body, 1, length)
    query = select(Comment.id, start).where(Comment.id.in_(ids), Comment.workspace_id == unit.workspace_id)
    return {row[0]: row[1] for row in await unit.session.execute(query)}


@dataclass(frozen=True, slots=True)
class Concerned:
    """Who has to do with a task."""

    assignee_id: UUID | None
    everybody: frozenset[UUID | None]


async def concerned(unit: ReadUnit, task_id: UUID) -> Concerned | None:
    """Assignee, creator and watchers of a task, whoever asks; None where it is gone."""
    query = select(Task.assignee_id, Task.created_by).where(Task.id == task_id, Task.workspace_id == unit.workspace_id)
    row = (await unit.session.execute(query)).one_or_none()
    if row is None:
        return None
    watchers = (await watchers_of(unit, [task_id])).get(task_id, [])
    return Concerned(row.assignee_id, frozenset({row.assignee_id, row.created_by, *watchers}))


async def open_assignees(unit: ReadUnit, document_id: UUID) -> set[UUID]:
    """Who has open tasks on a document, whoever asks."""
    query = select(Task.assignee_id).where(Task.document_id == document_id, Task.status.in_(sorted(OPEN)))
    query = query.where(Task.workspace_id == unit.workspace_id, Task.assignee_id.is_not(None))
    return {id_ for id_ in (await unit.session.execute(query.distinct())).scalars() if id_ is not None}


async def to_carry(unit: ReadUnit, document_id: UUID, ids: set[UUID] | None) -> Sequence[Task]:
    """These tasks of a document that the caller has found visible, or all open ones; locked, in id order."""
    query = select(Task).where(Task.document_id == document_id)
    query = query.where(Task.status.in_(sorted(OPEN)) if ids is None else Task.id.in_(ids))
    query = query.order_by(Task.id).with_for_update().execution_options(populate_existing=True)
    return (await unit.session.execute(query)).scalars().all()


async def of_document(unit: ReadUnit, document_id: UUID) -> Sequence[Task]:
    """All tasks of a document that the caller has found visible, trashed or not, in the order they were made."""
    query = select(Task).where(Task.document_id == document_id).order_by(Task.id)
    return (await unit.session.execute(query)).scalars().all()


async def comments(unit: ReadUnit, task_id: UUID, limit: int, after: UUID | None) -> Sequence[Comment]:
    """``limit + 1`` comments of a visible task, oldest first, from the one after ``after`` on."""
    query = select(Comment).where(Comment.task_id == task_id)
    if after is not None:
        query = query.where(Comment.id > after)
    return (await unit.session.execute(query.order_by(Comment.id).limit(limit + 1))).scalars().all()


async def comments_in(unit: ReadUnit, document_id: UUID) -> Sequence[Comment]:
    """All comments on all tasks of a visible document, oldest first."""
    query = select(Comment).join(Task, Task.id == Comment.task_id).where(Task.document_id == document_id)
    return (await unit.session.execute(query.order_by(Comment.id))).scalars().all()


async def history(unit: ReadUnit, task: Task, limit: int, after: int) -> Sequence[EventRow]:
    """``limit + 1`` events of a visible task from number ``after`` on; the index is the document's."""
    query = select(EventRow).where(
        EventRow.workspace_id == unit.workspace_id,
        EventRow.document_id == task.document_id,
        EventRow.task_id == task.id,
        EventRow.seq > after,
    )
    return (await unit.session.execute(query.order_by(EventRow.seq).limit(limit + 1))).scalars().all()


async def watches(unit: ReadUnit, task_id: UUID, member_id: UUID) -> Watcher | None:
    """A member's watch of a task."""
    return await unit.session.get(Watcher, (task_id, member_id))


async def watchers_of(unit: ReadUnit, ids: Sequence[UUID]) -> dict[UUID, list[UUID]]:
    """Who watches these tasks."""
    found: dict[UUID, list[UUID]] = {}
    for task_id, member_id in await _WATCHERS.rows(unit, {"ids": list(ids)}) if ids else []:
        found.setdefault(task_id, []).append(member_id)
    return found


_W = Watcher.__table__.c
_ITS = _W.task_id.in_(bindparam("ids", expanding=True))
_WATCHERS = Prepared(select(_W.task_id, _W.member_id).where(_ITS).order_by(_W.task_id, _W.member_id))


# Wire shapes


async def wires(unit: ReadUnit, tasks: Sequence[Task]) -> list[Wire]:
    """Tasks as they go out; three more statements, however many. One whose document has just vanished is left out."""
    if not tasks:
        return []
    briefs = await documents.briefs(unit, {task.document_id for task in tasks})
    watchers = await watchers_of(unit, [task.id for task in tasks])
    named = {id_ for task in tasks for id_ in (task.assignee_id, task.created_by, task.completed_by) if id_}
    people = await users.people(unit, named)
    return [
        _wire(task, briefs[task.document_id], watchers.get(task.id, []), people)
        for task in tasks
        if task.document_id in briefs
    ]


def _wire(task: Task, document: Wire, watchers: list[UUID], people: dict[UUID, Wire]) -> Wire:
    return {
        "id": task.id,
        "document_id": task.document_id,
        "document": document,
        "title": task.title,
        "details": task.details,
        "status": task.status,
        "priority": task.priority,
        "assignee": None if task.assignee_id is None else person(people, task.assignee_id),
        "due_at": task.due_at,
        "version": task.version_number,
        "behind": task.version_number < document["head"],
        "target": task.target,
        "watchers": watchers,
        "comment_count": task.comment_count,
        "created_by": person(people, task.created_by),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
        "completed_at": task.completed_at,
        "completed_by": None if task.completed_at is None else person(people, task.completed_by),
        "etag": str(task.revision),
    }


def person(people: dict[UUID, Wire], id_: UUID | None) -> Wire:
    """A member by id and name, or the system."""
    return {"id": None, "name": "system"} if id_ is None or id_ not in people else people[id_]
