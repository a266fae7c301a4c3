"""Jobs: the promised work of a workspace, for its owners: what failed and why, and another try."""

from collections.abc import Sequence
from uuid import UUID

from dossier import documents
from dossier.core import jobs, paging
from dossier.core.jobs import JobRow
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire

STATES = {"failed": "dead", "running": "running", "waiting": "ready"}
NAMES = {kept: shown for shown, kept in STATES.items()}


async def page(unit: ReadUnit, state: str | None, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the workspace's jobs, newest first. Needs an owner. Raises NotAllowed, BadCursor."""
    unit.actor.require_admin()
    cursor = paging.decode(after, UUID)
    states = [STATES[state]] if state else list(STATES.values())
    rows = list(await jobs.page(unit.session, unit.workspace_id, states, limit, cursor[0] if cursor else None))
    kept, next_ = paging.page(rows, limit, lambda job: paging.encode(job.id))
    return await _wires(unit, kept), next_


async def retry(unit: Unit, job_id: UUID) -> Wire:
    """Give a failed job all its attempts again, or let one that waits start now; one that runs goes on. Needs an owner.

    Raises NotAllowed, JobNotFound.
    """
    unit.actor.require_admin()
    job = await jobs.find(unit.session, unit.workspace_id, job_id)
    if not await jobs.retry(unit.session, unit.now, [job.id]):
        await jobs.hasten(unit.session, unit.now, job.id)
    unit.wake()
    return (await _wires(unit, [await jobs.find(unit.session, unit.workspace_id, job_id)]))[0]


async def _wires(unit: ReadUnit, rows: Sequence[JobRow]) -> list[Wire]:
    about = {job.id: UUID(job.payload["document_id"]) for job in rows if job.payload.get("document_id")}
    known = await documents.briefs(unit, about.values()) if about else {}
    return [_wire(job, known.get(about[job.id]) if job.id in about else None) for job in rows]


def _wire(job: JobRow, document: Wire | None) -> Wire:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": NAMES[job.state],
        "attempts": job.attempts,
        "last_error": job.last_error,
        "created_at": job.created_at,
        "next_try_at": job.run_at if job.state == "ready" else None,
        "document": document and {"id": document["id"], "name": document["name"]},
    }
