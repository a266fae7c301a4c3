"""The examination: every content, every row, the log and the database."""

from uuid import UUID

from dossier.transfer.doctor import blobs, documents, engine, log, tree
from dossier.transfer.doctor.diagnosis import Diagnosis
from dossier.transfer.doctor.patient import Patient
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet


async def examine(program: Program, workspace_id: UUID | None = None, progress: Quiet | None = None) -> Diagnosis:
    """Verify one workspace, or all of them without ``workspace_id``. Changes nothing and blocks no writer.

    Reads every content once; memory does not grow with their number. The database is always checked as a whole.
    """
    patient = Patient(program, workspace_id, progress or Quiet())
    for check in (engine.check, documents.check, tree.check, log.check, blobs.orphans, blobs.contents):
        await check(patient)
    return patient.diagnosis
