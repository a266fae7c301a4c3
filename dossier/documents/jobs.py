"""What workers and consumers call: keep the repeated scope in step, and purge what lay in the trash long enough."""

from datetime import timedelta
from typing import Any

from dossier import folders, storage
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import Handler, JobRow
from dossier.core.units import Unit
from dossier.documents import queries, trash

BATCH = 500


async def follow_access(unit: Unit, _event: EventRow) -> None:
    """A folder's scope changed: promise to rewrite what its documents repeat of it."""
    unit.defer("documents.rescope")


async def rescope(unit: Unit) -> bool:
    """Rewrite one batch of repeated scopes; whether there may be more."""
    found = await queries.misplaced(unit, BATCH)
    for document in found:
        folder = await folders.find(unit, document.folder_id, trashed=True)
        if folder is not None:
            document.scope_id = folder.scope_id
    return len(found) == BATCH


async def run_rescope(context: Any, job: JobRow) -> None:
    """All batches, a Unit each, so that no write lock is held for long."""
    while await context.units.run(Actor.system(job.workspace_id), rescope):
        pass


async def run_purge(context: Any, job: JobRow) -> None:
    """Purge what lay in the trash longer than the setting says, 100 documents a Unit."""
    days = context.settings.trash_days
    actor = Actor.system(job.workspace_id)
    while await context.units.run(actor, lambda unit: trash.purge_expired(unit, days)) == 100:
        pass


async def run_sweep(context: Any, job: JobRow) -> None:
    """Delete stored bytes that no row names."""
    grace = timedelta(hours=context.settings.blob_grace_hours)
    await storage.sweep(context.units, Actor.system(job.workspace_id), context.store, grace)


CONSUMERS = [Consumer("documents.access", frozenset({"folder.access_changed"}), follow_access)]
JOBS = {
    "documents.rescope": Handler(run_rescope),
    "documents.purge_trash": Handler(run_purge),
    "documents.sweep_blobs": Handler(run_sweep),
}
