"""The verbs on tasks. What people say about one, and who watches it, is in ``comments`` beside this file.

Locks are taken in one order: the document's row, then tasks in id order. So ``open_tasks`` stays right, and the head that
a task is pinned to cannot move meanwhile.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from msgspec import Meta

from dossier import documents, users
from dossier.core import paging
from dossier.core.conditions import matches
from dossier.core.errors import PreconditionFailed
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.tasks import comments, queries
from dossier.tasks.errors import AssigneeShutOut, TaskNotFound, UnknownVersion
from dossier.tasks.models import NEVER, Task
from dossier.tasks.queries import Filters
from dossier.tasks.schemas import FragmentSelector, NewTask, TaskChange, TextQuoteSelector

CLEARABLE = {"assignee_id", "due_at", "target"}
OWN_EVENT = {"status", "assignee_id", "version_number"}


async def require(unit: ReadUnit, task_id: UUID, *, lock: bool = False) -> Task:
    """A task that the actor may see. Raises TaskNotFound, also for one of a trashed document."""
    task = await queries.find(unit, task_id, lock=lock)
    if task is None:
        raise TaskNotFound
    return task


async def require_hand(unit: ReadUnit, task: Task, *, own: bool) -> None:
    """Refuse (403) whoever is no editor of the document, and with ``own`` not the assignee either."""
    if own and task.assignee_id is not None and task.assignee_id == unit.actor.member_id:
        return
    await documents.require(unit, task.document_id, "editor")


async def get(unit: ReadUnit, task_id: UUID) -> Wire:
    """One task. Raises TaskNotFound."""
    wires = await queries.wires(unit, [await require(unit, task_id)])
    if not wires:
        raise TaskNotFound
    return wires[0]


async def list_(
    unit: ReadUnit, filters: Filters, limit: int = paging.DEFAULT_LIMIT, after: str | None = None
) -> tuple[list[Wire], str | None]:
    """A page of visible tasks of living documents, by due date. Raises DocumentNotFound, BadCursor."""
    if filters.document_id is not None:
        await documents.require(unit, filters.document_id, trashed=True)
    rows = list(await queries.page(unit, filters, limit, _cursor(after)))
    kept, next_ = paging.page(rows, limit, lambda task: paging.encode(task.due_key, task.id))
    return await queries.wires(unit, kept), next_


def _cursor(after: str | None) -> tuple[datetime, UUID] | None:
    found = paging.decode(after, Annotated[datetime, Meta(tz=True)], UUID)
    if found is None:
        return None
    if not 1970 <= found[0].year <= NEVER.year or found[0] > NEVER:
        raise paging.BadCursor(fields={"after": "Not a cursor of this list."})
    return found[0], found[1]


async def of_document(unit: ReadUnit, document_id: UUID) -> list[Wire]:
    """All tasks of a document, trashed or not, each with all its ``comments``; for the export. Raises DocumentNotFound."""
    await documents.require(unit, document_id, trashed=True)
    tasks = await queries.wires(unit, await queries.of_document(unit, document_id))
    said = await comments.wires(unit, await queries.comments_in(unit, document_id))
    return [task | {"comments": [each for each in said if each["task_id"] == task["id"]]} for task in tasks]


async def create(unit: Unit, document_id: UUID, new: NewTask) -> Wire:
    """Make an open task on a document, for its editors; creator and assignee watch it.

    Raises 404, 403, DocumentTrashed, UnknownVersion, AssigneeShutOut, UnknownPeople.
    """
    document = await documents.require(unit, document_id, "editor", lock=True)
    _check_version(new.version or 1, document.head_number)
    await _check_assignee(unit, document_id, new.assignee_id)
    task = _new_task(unit, document_id, new.version or document.head_number, new)
    unit.session.add(task)
    await unit.session.flush()
    comments.add_first_watchers(unit, task.id, unit.actor.member_id, new.assignee_id)
    await documents.adjust_open_tasks(unit, document_id, 1)
    _record(unit, task, "created", version=task.version_number)
    if task.assignee_id is not None:
        _record(unit, task, "assigned", assignee_id=str(task.assignee_id), previous=None)
    return (await queries.wires(unit, [task]))[0]


def _new_task(unit: Unit, document_id: UUID, version: int, new: NewTask) -> Task:
    task = Task(
        id=new_id(),
        workspace_id=unit.workspace_id,
        document_id=document_id,
        version_number=version,
        title=new.title,
        details=new.details,
        status="open",
        priority=new.priority,
        assignee_id=new.assignee_id,
        target=_place(new.target),
        revision=1,
        comment_count=0,
        created_by=unit.actor.member_id,
        created_at=unit.now,
        updated_at=unit.now,
    )
    task.set_due(new.due_at)
    return task


def _place(target: FragmentSelector | TextQuoteSelector | None) -> Wire | None:
    return None if target is None else target.model_dump(mode="json", by_alias=True, exclude_none=True)


def _check_version(number: int, head: int) -> None:
    if number > head:
        raise UnknownVersion(fields={"version": f"The newest version is {head}."})


async def _check_assignee(unit: Unit, document_id: UUID, member_id: UUID | None) -> None:
    if member_id is None:
        return
    await users.require_members(unit, [member_id], "assignee_id")
    reader = await users.actor_of(unit, member_id)
    if reader is None or not await documents.briefs(ReadUnit(unit.session, reader, unit.now), [document_id]):
        raise AssigneeShutOut(fields={"assignee_id": "This person cannot see the document."})


async def update(unit: Unit, task_id: UUID, change: TaskChange, if_match: str | None = None) -> Wire:
    """Change what is given, for editors of the document; the assignee may change the status with any role.

    Raises 404, 403, PreconditionFailed, UnknownVersion, AssigneeShutOut, UnknownPeople.
    """
    task, head = await _for_change(unit, task_id, if_match, own=change.model_fields_set <= {"status"})
    after = _differing(task, change)
    _check_version(after.get("version_number", 1), head)
    await _check_assignee(unit, task.document_id, after.get("assignee_id"))
    before = {name: getattr(task, name) for name in after}
    was_open = task.is_open
    await _apply(unit, task, after)
    if task.is_open != was_open:
        await documents.adjust_open_tasks(unit, task.document_id, 1 if task.is_open else -1)
    _record_changes(unit, task, before, after)
    return (await queries.wires(unit, [task]))[0]


async def _for_change(unit: Unit, task_id: UUID, if_match: str | None, *, own: bool) -> tuple[Task, int]:
    """A task under lock and the number of the document's head."""
    known = await require(unit, task_id)
    document = await documents.require(unit, known.document_id, lock=True)
    task = await require(unit, task_id, lock=True)
    await require_hand(unit, task, own=own)
    if not matches(if_match, f'"{task.revision}"'):
        raise PreconditionFailed("Somebody changed the task in the meantime; look again.")
    return task, document.head_number


def _differing(task: Task, change: TaskChange) -> dict[str, Any]:
    """What is to be different afterwards, by column."""
    given = {name: getattr(change, name) for name in change.model_fields_set}
    given = {name: value for name, value in given.items() if value is not None or name in CLEARABLE}
    if "version" in given:
        given["version_number"] = given.pop("version")
    if "target" in given:
        given["target"] = _place(given["target"])
    return {name: value for name, value in given.items() if getattr(task, name) != value}


async def _apply(unit: Unit, task: Task, after: dict[str, Any]) -> None:
    for name, value in after.items():
        if name == "status":
            task.set_status(value, unit.actor.member_id, unit.now)
        elif name == "due_at":
            task.set_due(value)
        else:
            setattr(task, name, value)
    if after:
        _touch(unit, task)
    await comments.add_watchers(unit, task.id, after.get("assignee_id"))


def _touch(unit: Unit, task: Task) -> None:
    task.revision += 1
    task.updated_at = unit.now


def _record(unit: Unit, task: Task, what: str, **data: Any) -> None:
    unit.record(f"task.{what}", document_id=task.document_id, task_id=task.id, title=task.title, **data)


def _record_changes(unit: Unit, task: Task, before: dict[str, Any], after: dict[str, Any]) -> None:
    edited = sorted(after.keys() - OWN_EVENT)
    if edited:
        _record(unit, task, "updated", changed=edited)
    if "status" in after:
        _record(unit, task, "status_changed", **{"from": before["status"], "to": after["status"]})
    if "version_number" in after:
        _record(unit, task, "carried_over", **{"from": before["version_number"], "to": after["version_number"]})
    if "assignee_id" in after:
        old, new = (str(side["assignee_id"]) if side["assignee_id"] else None for side in (before, after))
        _record(unit, task, "assigned", assignee_id=new, previous=old)


async def carry_over(unit: Unit, document_id: UUID, task_ids: Sequence[UUID] | None = None) -> Wire:
    """Pin the open tasks of a document, or the given ones, to its head; ``items`` holds them, also those that were there.

    Raises 404 (TaskNotFound for a task of another document; then none is carried over), 403, DocumentTrashed.
    """
    document = await documents.require(unit, document_id, "editor", lock=True)
    wanted = None if task_ids is None else set(task_ids)
    tasks = await queries.to_carry(unit, document_id, wanted)
    if wanted is not None and len(tasks) < len(wanted):
        raise TaskNotFound("Some of these are no tasks of this document.")
    for task in tasks:
        if task.version_number != document.head_number:
            before, task.version_number = task.version_number, document.head_number
            _touch(unit, task)
            _record(unit, task, "carried_over", **{"from": before, "to": document.head_number})
    await unit.session.flush()
    return {"items": await queries.wires(unit, tasks)}


async def delete(unit: Unit, task_id: UUID, if_match: str | None = None) -> None:
    """End a task with its comments, for good; the log keeps that it was. Raises 404, 403, PreconditionFailed."""
    task, _head = await _for_change(unit, task_id, if_match, own=False)
    if task.is_open:
        await documents.adjust_open_tasks(unit, task.document_id, -1)
    _record(unit, task, "deleted")
    await unit.session.delete(task)
    await unit.session.flush()
