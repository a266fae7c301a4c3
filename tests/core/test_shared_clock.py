"""Processes whose clocks differ agree on the database server's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dossier.app import Parts, build
from dossier.core import jobs
from dossier.core.actor import Actor
from dossier.core.jobs import NOBODY, Handler, JobRow
from dossier.core.shared_clock import SharedClock
from dossier.core.units import Unit
from dossier.worker import Worker
from tests.conftest import MovingClock, World

HOUR = timedelta(hours=1)


@pytest.mark.production
@pytest.mark.slow
class TestMeasure:
    @pytest.mark.parametrize("off", [HOUR, -HOUR, timedelta(seconds=3)])
    async def test_a_clock_that_is_off_is_put_right(self, world: World, off: timedelta) -> None:
        clock = SharedClock(lambda: datetime.now(UTC) + off, world.parts.database)
        await clock.measure()
        assert abs(clock() - datetime.now(UTC)) < timedelta(seconds=1)

    async def test_a_small_difference_is_left(self, world: World) -> None:
        clock = SharedClock(lambda: datetime.now(UTC) + timedelta(seconds=0.5), world.parts.database)
        await clock.measure()
        assert clock.ahead == timedelta(0)

    async def test_an_answer_that_is_late_is_no_difference(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the way there and back takes is halved."""
        moments = [datetime.now(UTC), datetime.now(UTC) + timedelta(seconds=1.6)]
        clock = SharedClock(lambda: moments.pop(0), world.parts.database)
        await clock.measure()
        assert clock.ahead == timedelta(0)

    @pytest.mark.parametrize("off", [HOUR, -HOUR])
    async def test_a_job_is_not_taken_from_a_worker_that_holds_it(self, world: World, off: timedelta) -> None:
        clock = MovingClock()
        clock.offset = off
        other = build(world.parts.settings, clock=clock)
        await other.clock.measure()
        ran: list[str] = []

        async def slow(worker: Worker, _job: JobRow) -> None:
            ran.append("here")
            await Worker(other, {"slow": Handler(ignore)}, []).work()

        async def ignore(_worker: Any, _job: JobRow) -> None:
            ran.append("there")

        await promise(world.parts)
        await Worker(world.parts, {"slow": Handler(slow)}, []).work()
        await other.close()
        assert ran == ["here"]


async def promise(parts: Parts) -> None:
    """A job that is due."""

    async def add(unit: Unit) -> None:
        unit.session.add(jobs.new(NOBODY, "slow", {}, unit.now, unit.now))

    await parts.units.run(Actor.system(NOBODY), add)


@pytest.mark.embedded
async def test_sqlite_has_no_clock_of_its_own(parts: Parts) -> None:
    await parts.clock.measure()
    assert parts.clock.ahead == timedelta(0)
