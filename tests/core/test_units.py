"""Units: one commit, retried once, never answered before; and jobs and consumers on top of them."""

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from dossier.core import events, jobs
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import Conflict, StorageFull, Unavailable
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.units import CommitUnknown, Unit
from dossier.worker import Worker
from tests.conftest import World


class DriverError(Exception):
    """What the driver raises, with SQLite's result code."""

    def __init__(self, code: int) -> None:
        super().__init__("made up")
        self.sqlite_errorcode = code


def broken(code: int, *, lost: bool = False) -> OperationalError:
    """A database error with SQLite's result code."""
    return OperationalError("COMMIT", {}, DriverError(code), connection_invalidated=lost)


class TestRun:
    async def test_tried_once_more(self, world: World) -> None:
        calls = 0

        async def verb(unit: Unit) -> int:
            nonlocal calls
            calls += 1
            unit.record("test.happened")
            if calls == 1:
                raise broken(5)
            return calls

        before = await seq(world)
        assert await world.parts.units.run(world.owner.actor, verb) == 2
        assert await seq(world) == before + 1

    @pytest.mark.parametrize(
        ("code", "refusal"), [(5, Unavailable), (6, Unavailable), (10, Unavailable), (13, StorageFull)]
    )
    async def test_refusals(self, world: World, code: int, refusal: type[Exception]) -> None:
        async def verb(_unit: Unit) -> None:
            raise broken(code)

        before = await seq(world)
        with pytest.raises(refusal):
            await world.parts.units.run(world.owner.actor, verb)
        assert await seq(world) == before

    async def test_two_in_a_unique_index(self, world: World) -> None:
        async def verb(unit: Unit) -> None:
            await unit.session.execute(
                text("INSERT INTO event_counters VALUES (:id, 0)"), {"id": unit.workspace_id.bytes}
            )

        with pytest.raises(Conflict):
            await world.parts.units.run(world.owner.actor, verb)

    async def test_a_failing_commit_never_answers(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        from sqlalchemy.ext.asyncio import AsyncSession

        async def commit(_self: AsyncSession) -> None:
            raise broken(13)

        monkeypatch.setattr(AsyncSession, "commit", commit)
        answer = await world.editor.client.post("/api/v1/folders", json={"name": "A"})
        assert (answer.status_code, answer.json()["code"]) == (507, "storage_full")
        monkeypatch.undo()
        assert len((await world.editor.client.get("/api/v1/folders")).json()["items"]) == 1

    async def test_nobody_knows(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        from sqlalchemy.ext.asyncio import AsyncSession

        calls = 0

        async def commit(_self: AsyncSession) -> None:
            nonlocal calls
            calls += 1
            raise broken(10, lost=True)

        monkeypatch.setattr(AsyncSession, "commit", commit)
        with pytest.raises(CommitUnknown) as refused:
            await world.parts.units.run(world.owner.actor, nothing)
        assert (calls, refused.value.retry_after) == (1, 5)

    async def test_reading_cannot_write(self, world: World) -> None:
        with pytest.raises(OperationalError, match=r"readonly|READ ONLY"):
            async with world.parts.units.read(world.owner.actor) as unit:
                await unit.session.execute(text("DELETE FROM events"))

    async def test_after_commit(self, world: World) -> None:
        done: list[str] = []

        async def verb(unit: Unit) -> None:
            async def action() -> None:
                done.append("after")

            unit.after_commit(action)
            done.append("verb")

        await world.parts.units.run(world.owner.actor, verb)
        assert done == ["verb", "after"]


async def nothing(_unit: Unit) -> None:
    """A verb that does nothing."""


async def seq(world: World) -> int:
    """The number of the newest event."""
    async with world.parts.units.read(world.owner.actor) as unit:
        return await events.last_seq(unit.session, unit.workspace_id)


class TestConsumers:
    async def test_each_event_once_and_in_order(self, world: World) -> None:
        seen: list[int] = []

        async def handler(_unit: Unit, event: EventRow) -> None:
            seen.append(event.data["n"])

        consumer = Consumer("test", frozenset({"test.happened"}), handler)
        worker = Worker(world.parts, {}, [consumer])
        for n in range(250):
            await world.parts.units.run(world.owner.actor, partial(happen, n=n))
        await worker.follow()
        await worker.follow()
        assert seen == list(range(250))

    async def test_a_failing_handler_moves_nothing(self, world: World) -> None:
        tries = 0

        async def handler(unit: Unit, event: EventRow) -> None:
            nonlocal tries
            tries += 1
            unit.record("test.followed", n=event.data["n"])
            if tries == 1:
                raise RuntimeError("made up")

        worker = Worker(world.parts, {}, [Consumer("test", frozenset({"test.happened"}), handler)])
        await world.parts.units.run(world.owner.actor, lambda unit: happen(unit, 1))
        before = await seq(world)
        await worker.follow()
        assert (tries, await seq(world)) == (1, before)
        await worker.follow()
        assert await seq(world) == before + 1


async def happen(unit: Unit, n: int) -> None:
    """Record one event."""
    unit.record("test.happened", n=n)


class TestJobs:
    async def test_done_is_gone(self, world: World) -> None:
        ran: list[int] = []

        async def run(_context: Any, job: JobRow) -> None:
            ran.append(job.payload["n"])

        await promise(world, n=1)
        await Worker(world.parts, {"test.do": Handler(run)}, []).work()
        assert ran == [1]
        assert await states(world) == []

    async def test_back_off_then_dead(self, world: World) -> None:
        async def run(_context: Any, _job: JobRow) -> None:
            raise RuntimeError("secret detail")

        worker = Worker(world.parts, {"test.do": Handler(run, attempts=3)}, [])
        await promise(world)
        for _ in range(3):
            await worker.work()
            world.clock.move(minutes=5)
        (job,) = await rows(world)
        assert (job.state, job.attempts) == ("dead", 3)
        assert "secret detail" not in (job.last_error or "")
        assert "RuntimeError" in (job.last_error or "")
        assert await world.parts.units.run(NOBODY, lambda unit: jobs.retry(unit.session, unit.now)) == 1
        assert await states(world) == ["ready"]

    async def test_waits_before_the_next_try(self, world: World) -> None:
        ran: list[int] = []

        async def run(_context: Any, job: JobRow) -> None:
            ran.append(job.attempts)
            raise RuntimeError

        worker = Worker(world.parts, {"test.do": Handler(run)}, [])
        await promise(world)
        await worker.work()
        await worker.work()
        assert ran == [1]

    async def test_give_up(self, world: World) -> None:
        async def run(_context: Any, _job: JobRow) -> None:
            raise GiveUp("the reason")

        await promise(world)
        await Worker(world.parts, {"test.do": Handler(run)}, []).work()
        (job,) = await rows(world)
        assert (job.state, job.last_error) == ("dead", "the reason")

    async def test_unknown_kind(self, world: World) -> None:
        await promise(world)
        await Worker(world.parts, {}, []).work()
        assert await states(world) == ["dead"]

    async def test_not_twice_at_once_and_never_forgotten(self, world: World) -> None:
        await promise(world)
        units = world.parts.units
        one, two = UUID(int=1), UUID(int=2)
        job = await units.run(NOBODY, lambda unit: jobs.claim(unit.session, one, unit.now))
        assert job is not None
        assert await units.run(NOBODY, lambda unit: jobs.claim(unit.session, two, unit.now)) is None
        world.clock.move(seconds=61)
        again = await units.run(NOBODY, lambda unit: jobs.claim(unit.session, two, unit.now))
        assert again is not None
        assert again.attempts == 2
        # The first worker comes late: it neither ends nor extends nor fails what is the other's now.
        assert not await units.run(NOBODY, lambda unit: jobs.finish(unit.session, job, one))
        assert not await units.run(NOBODY, lambda unit: jobs.extend(unit.session, job, one, unit.now))
        assert not await units.run(NOBODY, lambda unit: jobs.fail(unit.session, job, one, unit.now, "x", dead=True))
        assert await units.run(NOBODY, lambda unit: jobs.finish(unit.session, again, two))

    async def test_exists_only_if_the_unit_commits(self, world: World) -> None:
        async def verb(unit: Unit) -> None:
            unit.defer("test.do")
            raise Conflict

        with pytest.raises(Conflict):
            await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), verb)
        assert await states(world) == []

    async def test_delayed(self, world: World) -> None:
        async def verb(unit: Unit) -> None:
            unit.defer("test.do", delay=timedelta(hours=1))

        await world.parts.units.run(world.owner.actor, verb)
        units = world.parts.units
        assert await units.run(NOBODY, lambda unit: jobs.claim(unit.session, UUID(int=1), unit.now)) is None


async def promise(world: World, **payload: Any) -> None:
    """Promise one test job."""

    async def verb(unit: Unit) -> None:
        unit.defer("test.do", **payload)

    await world.parts.units.run(world.owner.actor, verb)


async def rows(world: World) -> list[JobRow]:
    """The test jobs that are left."""
    async with world.parts.units.read(NOBODY) as unit:
        return [job for job in await jobs.list_(unit.session) if job.kind == "test.do"]


async def states(world: World) -> list[str]:
    """Their states."""
    return [job.state for job in await rows(world)]
