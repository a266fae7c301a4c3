"""The tasks of a document of an export, with their comments and watchers."""

from collections.abc import Sequence

from dossier.core.units import Unit
from dossier.documents.models import Document
from dossier.tasks.models import OPEN, Comment, Task, Watcher
from dossier.transfer import shapes
from dossier.transfer.imports.ids import derived
from dossier.transfer.imports.people import People


def is_open(task: shapes.Task) -> bool:
    """Whether it still waits to be done."""
    return task.status in OPEN


async def bring(unit: Unit, document: Document, wanted: Sequence[shapes.Task], people: People) -> None:
    """Make the tasks of a new document. The caller has counted the open ones. Raises ExportUnfit."""
    tasks = [_task(document, each, place, people) for place, each in enumerate(wanted)]
    unit.session.add_all(tasks)
    await unit.session.flush()
    for task, each in zip(tasks, wanted, strict=True):
        _add_comments(unit, task, each, people)
        for member_id in {people.member(email) for email in each.watchers} - {None}:
            unit.session.add(Watcher(task_id=task.id, member_id=member_id))
    await unit.session.flush()


def _task(document: Document, wanted: shapes.Task, place: int, people: People) -> Task:
    task = Task(
        id=derived(document.workspace_id, wanted.id, place),
        workspace_id=document.workspace_id,
        document_id=document.id,
        version_number=wanted.version,
        title=wanted.title,
        details=wanted.details,
        status=wanted.status,
        priority=wanted.priority,
        assignee_id=people.member(wanted.assignee),
        target=wanted.target,
        revision=1,
        comment_count=len(wanted.comments),
        created_by=people.member(wanted.created_by),
        created_at=wanted.created_at,
        updated_at=wanted.updated_at,
        completed_at=wanted.completed_at,
        completed_by=people.member(wanted.completed_by),
    )
    task.set_due(wanted.due_at)
    return task


def _add_comments(unit: Unit, task: Task, wanted: shapes.Task, people: People) -> None:
    for place, each in enumerate(wanted.comments):
        comment = Comment(
            id=derived(task.workspace_id, each.id, place),
            task_id=task.id,
            workspace_id=task.workspace_id,
            author_id=people.member(each.author),
            body=each.body,
            created_at=each.created_at,
        )
        unit.session.add(comment)
