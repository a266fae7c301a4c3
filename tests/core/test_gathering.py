"""The database's own numbers: what is counted, how seldom, and that one that hangs costs nothing but them."""

import contextlib
import time

import pytest

from dossier.core import gathering, metrics
from dossier.core.gathering import Gatherer
from dossier.core.units import Unit
from dossier.worker import Worker
from tests.conftest import World


def value(name: str, **labels: str) -> float | None:
    """What stands in the registry."""
    return metrics.REGISTRY.get_sample_value(name, labels)


async def happen(unit: Unit) -> None:
    unit.record("test.happened")
    unit.defer("test.do")


class TestText:
    async def test_jobs_and_lag(self, world: World) -> None:
        await Worker(world.parts).follow()
        for _ in range(3):
            await world.parts.units.run(world.owner.actor, happen)
        text = (await Gatherer(world.parts.units).text()).decode()
        assert 'dossier_jobs{kind="test.do",state="ready"} 3.0' in text
        assert 'dossier_consumer_lag_events{consumer="search.documents"} 3.0' in text
        age = value("dossier_jobs_oldest_seconds", kind="test.do", state="ready")
        assert age is not None
        assert 0 <= age < 10

    async def test_what_is_gone_is_gone(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(gathering, "KEEP_SECONDS", 0.0)
        gatherer = Gatherer(world.parts.units)
        await world.parts.units.run(world.owner.actor, happen)
        await gatherer.text()
        await Worker(world.parts).work()  # nobody knows how to do it: a dead letter
        await gatherer.text()
        assert value("dossier_jobs", kind="test.do", state="ready") is None
        assert value("dossier_jobs", kind="test.do", state="dead") == 1

    async def test_is_read_every_five_seconds_at_most(self, world: World) -> None:
        gatherer = Gatherer(world.parts.units)
        await world.parts.units.run(world.owner.actor, happen)
        await gatherer.text()
        await world.parts.units.run(world.owner.actor, happen)
        await gatherer.text()
        assert value("dossier_jobs", kind="test.do", state="ready") == 1

    @pytest.mark.slow
    async def test_a_database_that_hangs_costs_its_own_numbers(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(gathering, "PATIENCE_SECONDS", 0.2)
        gatherer, missed = Gatherer(world.parts.units), value("dossier_gather_failures_total") or 0.0
        async with contextlib.AsyncExitStack() as held:
            for _ in range(8):
                await held.enter_async_context(world.parts.database.reader.connect())
            begun = time.perf_counter()
            for _ in range(2):
                assert b"dossier_requests_under_way" in await gatherer.text()
            assert time.perf_counter() - begun < 2
            assert value("dossier_gather_failures_total") == missed + 2
            await gatherer.text()
            assert value("dossier_database_waiting", pool="reader") == 1, "nobody asks beside one that waits"
            assert value("dossier_database_connections", pool="reader", state="in_use") == 8
        await world.parts.units.run(world.owner.actor, happen)
        assert gatherer._reading is not None
        await gatherer._reading
        assert b"dossier_jobs" in await gatherer.text()
