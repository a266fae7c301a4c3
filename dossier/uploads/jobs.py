"""What workers call: end the uploads that were left alone."""

from typing import Any

from dossier.core.actor import Actor
from dossier.core.jobs import Handler, JobRow
from dossier.uploads import service
from dossier.uploads.reception import drop

BATCH = 100


async def run_sweep(context: Any, job: JobRow) -> None:
    """Forget expired uploads with what came of them, 100 a Unit."""
    actor, count = Actor.system(job.workspace_id), BATCH
    while count == BATCH:
        count, keys = await context.units.run(actor, lambda unit: service.forget_expired(unit, BATCH))
        for key in keys:
            await drop(context.store, key)


JOBS = {"uploads.sweep": Handler(run_sweep)}
