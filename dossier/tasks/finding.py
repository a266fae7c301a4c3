"""Finding tasks by their words, as documents are found: the same tokens, the last changed first.

A LIKE would know neither accents nor words and would read every task of the workspace. A consumer keeps the tokens, so that
the tasks of an older schema come in by the log; a task is found a moment after it was made.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from dossier import search
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.tasks import queries
from dossier.tasks.models import Task, TaskText

SQLITE = """SELECT t.id, t.task_id FROM search_fts_tasks CROSS JOIN task_texts AS t ON t.id = search_fts_tasks.rowid
WHERE search_fts_tasks MATCH :match AND search_fts_tasks.rowid < :before AND t.workspace_id = :workspace
ORDER BY search_fts_tasks.rowid DESC LIMIT :limit"""
MYSQL = """SELECT t.id, t.task_id FROM task_texts AS t
WHERE MATCH (t.tokens) AGAINST (:match IN BOOLEAN MODE) AND t.id < :before AND t.workspace_id = :workspace
ORDER BY t.id DESC LIMIT :limit"""
HITS_A_ROUND, MOST_ROUNDS, BATCH = 200, 5, 100
TYPES = frozenset({"task.created", "task.updated", "document.imported"})


async def find(unit: ReadUnit, q: str, limit: int) -> list[Wire]:
    """Visible tasks with all words of ``q`` in title or details: open ones first, then the last changed first.

    At most 1,000 hits are looked at.
    """
    found: list[Task] = []
    before: int | None = None
    for _ in range(MOST_ROUNDS):
        hits = await search.hits(unit, q, before, HITS_A_ROUND, sqlite=SQLITE, mysql=MYSQL)
        found += await queries.by_ids(unit, [id_ for _, id_ in hits])
        if len(hits) < HITS_A_ROUND or sum(task.is_open for task in found) >= limit:
            break
        before = hits[-1][0]
    found.sort(key=lambda task: not task.is_open)
    return await queries.wires(unit, found[:limit])


async def follow(unit: Unit, event: EventRow) -> None:
    """A task is new or says something else: renew its tokens. A document came with its tasks: promise to do so."""
    if event.task_id is not None:
        await put(unit, await queries.rows(unit, [event.task_id]))
    elif event.document_id is not None and event.data["tasks"]:
        unit.defer("tasks.index", document_id=str(event.document_id))


async def put(unit: Unit, tasks: Sequence[Task]) -> None:
    """Make the tokens of these tasks what they say now."""
    for task in tasks:
        tokens = search.index_string(unit.workspace_id, task.title, task.details)
        known = await queries.text_of(unit, task.id)
        if known is not None and known.tokens == tokens:
            continue
        if known is not None:
            await unit.session.delete(known)
            await unit.session.flush()
        unit.session.add(TaskText(task_id=task.id, workspace_id=unit.workspace_id, tokens=tokens))
    await unit.session.flush()


async def run_index(context: Any, job: JobRow) -> None:
    """Put all tasks of a document into the index, a batch a Unit."""
    actor, document_id = Actor.system(job.workspace_id, "search"), UUID(job.payload["document_id"])
    async with context.units.read(actor) as unit:
        ids = [task.id for task in await queries.of_document(unit, document_id)]
    for start in range(0, len(ids), BATCH):
        await context.units.run(actor, lambda unit: _put_some(unit, ids[start : start + BATCH]))  # noqa: B023


async def _put_some(unit: Unit, ids: Sequence[UUID]) -> None:
    await put(unit, await queries.rows(unit, ids))


CONSUMERS = [Consumer("tasks.search", TYPES, follow)]
JOBS = {"tasks.index": Handler(run_index)}
