"""What every check is given."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from dossier.core.actor import Actor
from dossier.core.units import ReadUnit
from dossier.transfer.doctor.diagnosis import Diagnosis, Finding
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet

NOWHERE = Actor.system(UUID(int=0), "doctor")


@dataclass(frozen=True, slots=True)
class Patient:
    """The program under examination, ``workspace_id`` None for all of it, and what was found."""

    program: Program
    workspace_id: UUID | None
    progress: Quiet
    diagnosis: Diagnosis = field(default_factory=Diagnosis)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadUnit]:
        """One snapshot; each page has its own, so that none is held for long."""
        async with self.program.units.read(NOWHERE) as unit:
            yield unit

    def concerns(self, workspace_id: UUID) -> bool:
        """Whether this workspace is examined."""
        return self.workspace_id in (None, workspace_id)

    def found(self, code: str, subject: object, detail: str = "", workspace_id: UUID | None = None) -> None:
        """Note a fault."""
        self.diagnosis.add(Finding(code, str(subject), detail, workspace_id))

    def looked_at(self, what: str, n: int = 1) -> None:
        """Count what was examined."""
        self.diagnosis.checked[what] += n
