"""A world whose LibreOffice is a stand-in or away, so that these tests do not depend on one (test_office.py does)."""

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import pytest

from dossier.core import jobs
from dossier.core.units import Unit
from dossier.renditions import office
from dossier.renditions.office import Unmakeable
from dossier.worker import Worker
from tests.conftest import World
from tests.renditions import files


def sized(path: Path) -> int:
    """How long a file is."""
    return path.stat().st_size


@dataclass
class Office:
    """Makes a PDF of the bytes themselves. ``refuses`` is a reason not to; ``made`` counts."""

    refuses: str = ""
    fault: type[Exception] | None = None
    made: int = 0
    seen: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def as_pdf(self, _soffice: Path, source: Path, media_type: str, **_: float) -> AsyncIterator[BinaryIO]:
        self.seen.append(media_type)
        if self.fault:
            raise self.fault
        if self.refuses:
            raise Unmakeable(self.refuses)
        self.made += 1
        yield io.BytesIO(files.pdf(f"{sized(source)} bytes"))


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office that is always there."""
    writer = Office()
    monkeypatch.setattr(office, "as_pdf", writer.as_pdf)
    monkeypatch.setattr(office, "program", lambda _setting: Path("/bin/true"))
    return writer


@pytest.fixture
def without_office(world: World) -> World:
    """The world, with a setting that names a program that is not there."""
    settings = world.parts.settings.model_copy(update={"soffice": "/nowhere/soffice"})
    world.app.state.settings = settings
    return replace(world, parts=replace(world.parts, settings=settings))


async def work(world: World, rounds: int = 4) -> None:
    """Run jobs, those that were put back too."""
    for _ in range(rounds):
        await Worker(world.parts).work()
        world.clock.move(minutes=1)


async def waiting(world: World, kind: str = "renditions.make") -> list[jobs.JobRow]:
    """The jobs of a kind in the workspace."""

    async def read(unit: Unit) -> list[jobs.JobRow]:
        return [job for job in await jobs.list_(unit.session, unit.workspace_id) if job.kind == kind]

    return await world.parts.units.run(world.owner.actor, read)
