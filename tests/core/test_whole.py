"""Verbs that run as a whole where the database is: what they may wait for, and that nothing is lost or left behind."""

import asyncio
import threading
import time
from uuid import UUID

import pytest
import structlog
from sqlalchemy import event, insert, select
from sqlalchemy.exc import IntegrityError

from dossier.app import ROUTERS
from dossier.core.actor import NOBODY
from dossier.core.db import TURNS
from dossier.core.errors import Conflict, StorageFull
from dossier.core.events import EventCounter, EventRow
from dossier.core.ids import new_id
from dossier.core.prepared import Prepared
from dossier.core.units import ReadUnit, Unit
from dossier.core.ways import ROOT, Ways
from dossier.worker import BREATH_SECONDS, Worker
from tests.conftest import World

TABLE = EventCounter.__table__.c
SEQ = Prepared(select(TABLE.seq).where(TABLE.workspace_id == TABLE.workspace_id))
ADD = Prepared(insert(EventCounter).values(workspace_id=NOBODY.workspace_id, seq=0))


async def count(world: World) -> int:
    """How many events the workspace has."""

    async def verb(unit: ReadUnit) -> int:
        rows = await unit.session.execute(select(EventRow.seq).where(EventRow.workspace_id == unit.workspace_id))
        return len(rows.all())

    return await world.parts.units.look(world.owner.actor, verb)


async def test_reads_and_writes_are_the_same_either_way(world: World) -> None:
    async def verb(unit: Unit) -> UUID:
        unit.record("test.happened")
        return unit.workspace_id

    for whole in (False, True):
        before = await count(world)
        assert await world.parts.units.run(world.owner.actor, verb, whole=whole) == world.owner.actor.workspace_id
        assert await count(world) == before + 1


@pytest.mark.embedded
async def test_it_runs_in_one_thread_of_its_own(world: World) -> None:
    threads = set[int]()

    async def verb(unit: Unit) -> None:
        threads.add(threading.get_ident())
        await unit.session.execute(select(EventRow.seq).limit(1))
        threads.add(threading.get_ident())
        await SEQ.rows(unit, {})
        threads.add(threading.get_ident())

    await world.parts.units.run(world.owner.actor, verb, whole=True)
    assert len(threads) == 1
    assert threading.get_ident() not in threads


@pytest.mark.embedded
@pytest.mark.parametrize("read", [True, False])
async def test_waiting_for_anything_else_is_a_fault_that_keeps_nothing(world: World, read: bool) -> None:
    closed: list[bool] = []

    async def verb(unit: ReadUnit) -> None:
        if isinstance(unit, Unit):
            unit.record("test.happened")
            await unit.session.flush()
        try:
            await asyncio.sleep(0)
        finally:
            closed.append(True)

    before = await count(world)
    units = world.parts.units
    with pytest.raises(RuntimeError, match="waits for the database only"):
        await (units.look(world.owner.actor, verb) if read else units.run(world.owner.actor, verb, whole=True))
    assert closed == [True]
    assert await count(world) == before


async def test_a_refusal_keeps_nothing(world: World) -> None:
    async def verb(unit: Unit) -> None:
        unit.record("test.happened")
        await unit.session.execute(select(EventRow.seq).limit(1))
        raise StorageFull

    before = await count(world)
    with pytest.raises(StorageFull):
        await world.parts.units.run(world.owner.actor, verb, whole=True)
    assert await count(world) == before


@pytest.mark.embedded
async def test_whoever_is_cancelled_waits_for_its_end(world: World) -> None:
    """So that nobody else is given a connection that is still at work; what it did is kept."""
    begun = threading.Event()

    async def verb(unit: Unit) -> None:
        unit.record("test.happened")
        begun.set()
        time.sleep(0.3)  # noqa: ASYNC251  # the thread is the connection's, and this is the work it does

    before = await count(world)
    task = asyncio.ensure_future(world.parts.units.run(world.owner.actor, verb, whole=True))
    await asyncio.to_thread(begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await count(world) == before + 1


@pytest.mark.embedded
async def test_two_read_at_a_time_and_nobody_waits_for_long(world: World) -> None:
    under_way, most, gate = 0, 0, threading.Event()

    async def verb(_unit: ReadUnit) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        time.sleep(0.01)  # noqa: ASYNC251  # as above
        under_way -= 1

    async def slow(_unit: ReadUnit) -> None:
        gate.wait(30)

    async def quick(_unit: ReadUnit) -> bool:
        return gate.is_set()

    units, actor = world.parts.units, world.owner.actor
    await asyncio.gather(*(units.look(actor, verb) for _ in range(12)))
    assert most == TURNS
    stuck = [asyncio.ensure_future(units.look(actor, slow)) for _ in range(TURNS)]
    await asyncio.sleep(0.05)
    assert await asyncio.gather(*(units.look(actor, quick) for _ in range(4))) == [False] * 4
    gate.set()
    await asyncio.gather(*stuck)
    most = 0
    await asyncio.gather(*(units.look(actor, verb) for _ in range(6)))
    assert most == TURNS


async def test_two_writers_in_a_unique_index_are_tried_again_and_told(world: World) -> None:
    tries = 0

    async def verb(unit: Unit) -> None:
        nonlocal tries
        tries += 1
        await ADD.run(unit, {})
        await ADD.run(unit, {})

    with pytest.raises(Conflict):
        await world.parts.units.run(world.owner.actor, verb, whole=True)
    assert tries == 2


async def test_errors_past_the_library_look_like_its_own(world: World) -> None:
    async def verb(unit: Unit) -> None:
        await ADD.run(unit, {})
        with pytest.raises(IntegrityError):
            await ADD.run(unit, {})
        raise StorageFull

    with pytest.raises(StorageFull):
        await world.parts.units.run(world.owner.actor, verb, whole=True)


@pytest.mark.embedded
async def test_a_full_database_is_told(world: World) -> None:
    async def fill(unit: Unit) -> None:
        connection = await unit.session.connection()
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        for _ in range(2000):
            unit.record("test.happened", text="x" * 1000)

    async def free(unit: Unit) -> None:
        await (await unit.session.connection()).exec_driver_sql("PRAGMA max_page_count = 1000000")

    before = await count(world)
    try:
        with pytest.raises(StorageFull):
            await world.parts.units.run(world.owner.actor, fill, whole=True)
    finally:
        await world.parts.units.run(world.owner.actor, free)
    assert await count(world) == before


async def test_writers_take_turns_and_times_rise(world: World) -> None:
    async def verb(unit: Unit) -> None:
        unit.record("test.happened")

    actor = world.owner.actor
    await asyncio.gather(*(world.parts.units.run(actor, verb, whole=number % 2 == 0) for number in range(20)))
    async with world.parts.units.read(actor) as unit:
        query = select(EventRow.at).where(EventRow.workspace_id == unit.workspace_id).order_by(EventRow.seq.desc())
        times = list((await unit.session.execute(query.limit(20))).scalars())
    if world.parts.database.is_sqlite:
        assert times == sorted(times, reverse=True)
    assert len(times) == 20


async def test_the_log_knows_the_request(world: World) -> None:
    async def verb(_unit: ReadUnit) -> object:
        return structlog.contextvars.get_contextvars().get("request_id")

    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        assert await world.parts.units.look(world.owner.actor, verb) == "r-1"


async def test_whoever_listens_hears_every_statement(world: World) -> None:
    heard: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        heard.append(statement)

    async def verb(unit: ReadUnit) -> None:
        await SEQ.rows(unit, {})

    engine = world.parts.database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        await world.parts.units.look(world.owner.actor, verb)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert [each for each in heard if "event_counters" in each]


async def test_ways_and_routers_agree() -> None:
    """The first route that takes a path is the same among all and among those of its first segment."""
    reached: list[str] = []

    async def rest(scope: dict[str, object], _receive: object, _send: object) -> None:
        reached.append(f"rest {scope['path']}")

    ways = Ways((route for router in ROUTERS for route in router.routes), rest)  # type: ignore[arg-type]  # a plain function for an ASGI program
    for router in ROUTERS:
        for route in router.routes:
            path = getattr(route, "path", "").replace("{number}", "1")
            for method in getattr(route, "methods", None) or ():
                while "{" in path:
                    start, end = path.index("{"), path.index("}")
                    path = path[:start] + str(new_id()) + path[end + 1 :]
                scope = {"type": "http", "path": path, "method": method, "root_path": "", "headers": []}
                among_all = next(each for one in ROUTERS for each in one.routes if each.matches(scope)[0].value == 2)
                assert ways.first(scope) is (among_all if path.startswith(ROOT) else None), (method, path)
    assert ways.first({"type": "http", "path": "/api/v1/nothing", "method": "GET", "root_path": ""}) is None
    await ways({"type": "http", "path": "/api/v1/nothing", "method": "GET", "root_path": ""}, rest, rest)  # type: ignore[arg-type]  # as above
    assert reached == ["rest /api/v1/nothing"]


async def test_rings_that_come_close_together_are_followed_together(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, passes, began = Worker(world.parts, {}, []), 0, time.monotonic()

    async def follow() -> None:
        nonlocal passes
        passes += 1

    monkeypatch.setattr(worker, "follow", follow)
    running = asyncio.ensure_future(worker.run())
    for _ in range(100):
        world.parts.units.bell.ring()
        await asyncio.sleep(0.01)
    worker.stop()
    await running
    assert 1 < passes <= 2 + (time.monotonic() - began) / BREATH_SECONDS
