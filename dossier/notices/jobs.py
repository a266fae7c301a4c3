"""What workers and consumers call: whom an event concerns, and the sweep."""

from typing import Any

from dossier import documents, tasks
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.units import Unit
from dossier.notices import service

TYPES = frozenset({"task.assigned", "task.commented", "task.status_changed", "version.added"})


async def follow(unit: Unit, event: EventRow) -> None:
    """Tell whom it concerns: of a task its assignee, creator and watchers; of a version those who work on the document."""
    if event.type == "version.added":
        await _new_version(unit, event)
        return
    task = None if event.task_id is None else await tasks.concerned(unit, event.task_id)
    if task is None:  # deleted since
        return
    if event.type == "task.assigned":
        if event.data["assignee_id"] == str(task.assignee_id):
            await service.tell(unit, event, "assigned", {task.assignee_id})
    elif event.type == "task.commented":
        await service.tell(unit, event, "commented", task.everybody)
    elif event.data["to"] == "done":
        await service.tell(unit, event, "completed", task.everybody)


async def _new_version(unit: Unit, event: EventRow) -> None:
    if event.document_id is not None:
        authors = await documents.authors_before(unit, event.document_id, event.data["number"])
        workers = await tasks.open_assignees(unit, event.document_id)
        await service.tell(unit, event, "new_version", authors | workers)


async def run_sweep(context: Any, job: JobRow) -> None:
    """Forget what people were told more than 90 days ago, a batch a Unit."""
    while await context.units.run(Actor.system(job.workspace_id), service.sweep):
        pass


CONSUMERS = [Consumer("notices.people", TYPES, follow)]
JOBS = {"notices.sweep": Handler(run_sweep)}
