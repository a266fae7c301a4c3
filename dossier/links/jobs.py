"""What workers and consumers call: runs of links, and the note that something here changed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select

from dossier import documents
from dossier.connectors import RemoteError
from dossier.core import metrics
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.log import log
from dossier.core.units import ReadUnit, Unit
from dossier.links import items, promises, runs, service
from dossier.links.errors import LinkGone
from dossier.links.graph import hints, sign_ins
from dossier.links.models import LinkItemRow, LinkRow

BUSY_SECONDS = 5
PAPERS = {"document.added", "document.restored", "document.moved", "document.renamed", "document.trashed"}
PAPERS |= {"document.purged", "version.added"}
FOLDERS = {"folder.created", "folder.moved", "folder.renamed", "folder.trashed", "folder.restored"}
TASKS = {"task.status_changed", "task.deleted"}


async def follow(unit: Unit, event: EventRow) -> None:
    """Whether a link has to look at what changed here. The link's own changes come by as well, and are found agreed."""
    query = select(LinkRow).where(LinkRow.workspace_id == unit.workspace_id).with_for_update()
    for link in (await unit.session.execute(query.order_by(LinkRow.id))).scalars().all():
        if await _concerns(unit, link, event):
            await promises.promise(unit, link)


async def _concerns(unit: Unit, link: LinkRow, event: EventRow) -> bool:
    if event.type in TASKS:
        return await _task_closed(unit, link, event)
    if event.type in FOLDERS:
        return await _folder(unit, link, event)
    if event.document_id is None:
        return False
    folder_id = event.folder_id
    if folder_id is None:
        folder_id = (await documents.briefs(unit, [event.document_id])).get(event.document_id, {}).get("folder_id")
    return await items.mark(unit, link, event.document_id, folder_id, folder=False)


async def _folder(unit: Unit, link: LinkRow, event: EventRow) -> bool:
    """A folder comes and goes with all in it."""
    if event.folder_id is None or event.folder_id == link.folder_id:
        return False
    is_in = await items.inside(unit, link, event.folder_id)
    known = (await items.by_nodes(unit, link, [event.folder_id])).get(event.folder_id)
    if is_in and (known is None or event.type in {"folder.moved", "folder.restored"}):
        await items.enrol(unit, link, event.folder_id, folder=True)
    elif known is not None:
        await items.touch_tree(unit, link, known)
    return is_in or known is not None


async def _task_closed(unit: Unit, link: LinkRow, event: EventRow) -> bool:
    """Closing the task of a conflict says that the newest version is the one to keep."""
    if event.task_id is None or event.data.get("to", "done") not in {"done", "cancelled"}:
        return False
    query = items.of(link).where(LinkItemRow.task_id == event.task_id)
    row = (await unit.session.execute(query)).scalar_one_or_none()
    if row is not None:
        await service.settle(unit, link, row)
    return row is not None


async def run_sync(context: Any, job: JobRow) -> None:
    """A run; a little later where another one is under way."""
    link_id = UUID(job.payload["link_id"])
    try:
        done = await runs.run(context, job.workspace_id, link_id)
    except LinkGone:
        return
    if not done:
        later = timedelta(seconds=BUSY_SECONDS)
        actor = Actor.system(job.workspace_id)
        await context.units.run(actor, lambda unit: promises.promise_again(unit, link_id, later))


async def run_keep(context: Any, job: JobRow) -> None:
    """Once an hour: a run for each active link that none has been promised for lately, whatever became of the promise.

    And sign-ins that have ended are forgotten.
    """
    actor = Actor.system(job.workspace_id)
    poll = timedelta(seconds=context.settings.link_poll_seconds)
    await context.units.run(actor, lambda unit: promises.keep(unit, poll))
    await context.units.run(actor, sign_ins.sweep)


async def run_unsubscribe(context: Any, job: JobRow) -> None:
    """End the subscription of a link that was paused or ended. It is left where that cannot be done: it ends by itself."""
    async with context.units.read(Actor.system(job.workspace_id)) as unit:
        link = await hints.let_go_of(unit, job)
    try:
        async with runs.connected(context, link) as remote:
            await hints.end(link, remote, job.payload["subscription_id"])
    except RemoteError as error:
        log.warning("link.subscription_left", link=str(link.id), reason=error.kind)


async def gather(unit: ReadUnit) -> None:
    """The database's own number of this room."""
    oldest = await promises.most_behind(unit)
    metrics.link_behind_seconds.set(0 if oldest is None else max(0.0, (unit.now - oldest).total_seconds()))


CONSUMERS = [Consumer("links", frozenset(PAPERS | FOLDERS | TASKS), follow)]
JOBS = {"links.sync": Handler(run_sync, attempts=20), "links.keep": Handler(run_keep)}
JOBS[hints.UNSUBSCRIBE] = Handler(run_unsubscribe)
