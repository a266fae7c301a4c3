"""The log of every workspace: numbers 1 to n, and a counter that says n."""

from uuid import UUID

from sqlalchemy import exists, func, select
from sqlalchemy.orm import aliased

from dossier import users
from dossier.core.events import EventCounter, EventRow
from dossier.core.units import ReadUnit
from dossier.transfer.doctor.patient import Patient


async def check(patient: Patient) -> None:
    """All workspaces, a snapshot each."""
    async with patient.read() as unit:
        ids = [id_ for id_ in await users.workspace_ids(unit) if patient.concerns(id_)]
    for workspace_id in ids:
        async with patient.read() as unit:
            await _numbers(patient, unit, workspace_id)


async def _numbers(patient: Patient, unit: ReadUnit, workspace_id: UUID) -> None:
    query = select(func.count(), func.coalesce(func.min(EventRow.seq), 1), func.coalesce(func.max(EventRow.seq), 0))
    count, least, most = (await unit.session.execute(query.where(EventRow.workspace_id == workspace_id))).one()
    counter = await unit.session.scalar(select(EventCounter.seq).where(EventCounter.workspace_id == workspace_id))
    patient.looked_at("events", count)
    if (least, most) != (1, count):
        gap = 1 if least != 1 else await _first_gap(unit, workspace_id)
        patient.found("events_gap", workspace_id, f"{count} events up to {most}; {gap} is missing.", workspace_id)
    if counter != most:
        patient.found("event_counter", workspace_id, f"{counter} instead of {most}.", workspace_id)


async def _first_gap(unit: ReadUnit, workspace_id: UUID) -> int | None:
    later = aliased(EventRow)
    follows = exists().where(later.workspace_id == workspace_id, later.seq == EventRow.seq + 1)
    query = select(func.min(EventRow.seq) + 1).where(EventRow.workspace_id == workspace_id, ~follows)
    return await unit.session.scalar(query)
