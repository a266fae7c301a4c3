"""What workers call: make ends that need a long look first, and end the uploads that were left alone."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from dossier.core.actor import Actor
from dossier.core.jobs import Handler, JobRow
from dossier.uploads import service
from dossier.uploads.desk import Desk
from dossier.uploads.reception import Reception, drop

BATCH = 100


async def run_hash(context: Any, job: JobRow) -> None:
    """Read the bytes of an upload for their digest, and make its document on behalf of who sent it."""
    async with context.units.read(Actor.system(job.workspace_id)) as unit:
        found = await service.hashing(unit, UUID(job.payload["upload"]))
    if found is None:
        return  # its end is there already
    upload, actor = found
    if actor is None:
        await context.units.run(unit.actor, lambda unit: service.disown(unit, upload.id))
        return
    settings, lasts = context.settings, timedelta(days=context.settings.upload_days)
    reception = Reception(
        context.units, context.store, Desk(), actor, lasts, settings.upload_idle_seconds, settings.max_upload_bytes
    )
    await reception.finish_hashing(upload)


async def run_sweep(context: Any, job: JobRow) -> None:
    """Forget expired uploads with what came of them, 100 a Unit."""
    actor, count = Actor.system(job.workspace_id), BATCH
    while count == BATCH:
        count, keys = await context.units.run(actor, lambda unit: service.forget_expired(unit, BATCH))
        for key in keys:
            await drop(context.store, key)


JOBS = {"uploads.hash": Handler(run_hash), "uploads.sweep": Handler(run_sweep)}
