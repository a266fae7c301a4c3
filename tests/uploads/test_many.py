"""10,000 open uploads, as many as ten people may have: each request and the sweep ask for as much as without them."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, func, insert, select

from dossier.core import jobs
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.storage.blobs import new_key
from dossier.storage.models import BlobHold
from dossier.uploads.jobs import JOBS
from dossier.uploads.models import Upload
from dossier.uploads.service import MOST_OPEN
from tests.conftest import Someone, World, someone
from tests.stack import PRODUCTION, Stack
from tests.uploads.sender import API, TUS, UPLOADS, Sender, problem

PEOPLE = 10
# What a request may read more than with none open: a creation counts one's own, a page has 21 with their ids.
MORE = {"begin": MOST_OPEN + 50, "page": 110}


@dataclass(frozen=True)
class Cost:
    """What something cost: the statements, and on a server the rows that it read for them."""

    statements: list[tuple[str, object]]
    read: int


@dataclass
class Meter:
    """Says what something costs."""

    world: World
    server: Stack | None

    def _read(self) -> int:
        if self.server is None:
            return 0
        with self.server.database.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Handler_read%'")
            return sum(int(row[1]) for row in cursor.fetchall())

    async def cost(self, what: Callable[[], Awaitable[object]]) -> Cost:
        """What it costs to do it."""
        self._read()
        before = self._read()
        between = self._read() - before  # what asking reads
        before = self._read()
        with asked(self.world) as statements:
            await what()
        return Cost(statements, self._read() - before - between)


@contextmanager
def asked(world: World) -> Iterator[list[tuple[str, object]]]:
    """The statements that are sent meanwhile, with their parameters."""
    statements: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        statements.append((statement, parameters))

    database = world.parts.database
    engines = {database.reader.sync_engine, database.writer.sync_engine}
    for engine in engines:
        event.listen(engine, "before_cursor_execute", note)
    yield statements
    for engine in engines:
        event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def meter(request: pytest.FixtureRequest, world: World, stack: str) -> Meter:
    """On the test's stack."""
    return Meter(world, request.getfixturevalue("production")[0] if stack == PRODUCTION else None)


async def fill(world: World, who: Someone, count: int, expired: int = 0) -> None:
    """Open uploads of somebody, straight into the table; so many of them have expired."""
    workspace, now = who.actor.workspace_id, world.clock()
    keys = [new_key(workspace) for _ in range(count)]
    common = {"workspace_id": workspace, "member_id": who.member_id, "created_at": now, "sent": "", "path": ""}
    common |= {"name": "a.bin", "comment": "", "on_conflict": "error", "size": 9, "received": 3, "state": "receiving"}
    rows = [
        {"id": new_id(), "key": key, "expires_at": now + timedelta(days=-1 if number < expired else 7)} | common
        for number, key in enumerate(keys)
    ]

    async def make(unit: Unit) -> None:
        holds = [{"key": key, "workspace_id": workspace, "created_at": now} for key in keys]
        await unit.session.execute(insert(BlobHold), holds)
        await unit.session.execute(insert(Upload), rows)

    await world.parts.units.run(who.actor, make)


async def crowd(world: World, people: int = PEOPLE - 1) -> list[Someone]:
    """More editors."""
    workspace = world.editor.actor.workspace_id
    return [await someone(world.app, world.parts, workspace, f"hand{number}", "editor") for number in range(people)]


async def counted(world: World, what: type[Upload] | type[BlobHold]) -> int:
    """How many rows there are."""
    async with world.parts.units.read(world.editor.actor) as unit:
        return await unit.session.scalar(select(func.count()).select_from(what)) or 0


async def plans(world: World, cost: Cost) -> str:
    """How SQLite goes about the reading."""
    found: list[str] = []
    async with world.parts.database.reader.connect() as connection:
        for statement, parameters in cost.statements:
            if "uploads" in statement and statement.startswith("SELECT"):
                given: Any = parameters
                rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
                found += [row["detail"] for row in rows.mappings()]
    return "\n".join(found)


async def requests(meter: Meter, sender: Sender, root: UUID) -> dict[str, Cost]:
    """What each request costs, on an upload that is gone at the end."""
    made: list[str] = []

    async def begin() -> None:
        made.append(await sender.begin(9, "new.bin"))

    async def page() -> None:
        answer = await sender.client.get(UPLOADS, params={"limit": 20})
        assert answer.status_code == 200

    async def arrivals() -> None:
        answer = await sender.client.get(f"{API}/arrivals", params={"folder_id": str(root)})
        assert answer.json()["items"] == []

    async def send() -> None:
        assert (await sender.send(made[0], 0, b"abc")).status_code == 204

    async def end() -> None:
        assert (await sender.client.delete(made[0], headers=TUS)).status_code == 204

    async def head() -> None:
        assert await sender.offset(made[0]) == 0

    steps = {"begin": begin, "page": page, "arrivals": arrivals, "head": head, "send": send, "end": end}
    return {name: await meter.cost(step) for name, step in steps.items()}


ALONG = {
    "page": "ix_uploads_member_id_state_id (member_id=? AND state=?)",
    "arrivals": "ix_uploads_workspace_id_state_id (workspace_id=? AND state=?)",
}


class TestManyOpen:
    @pytest.mark.timeout(120)
    async def test_requests_cost_what_they_did(self, meter: Meter, world: World, sender: Sender) -> None:
        await requests(meter, sender, world.root)  # what is only done once
        alone = await requests(meter, sender, world.root)
        for who in await crowd(world):
            await fill(world, who, MOST_OPEN)
        await fill(world, world.editor, MOST_OPEN - 1)
        assert await counted(world, Upload) == PEOPLE * MOST_OPEN - 1
        full = await requests(meter, sender, world.root)
        for name, cost in full.items():
            assert [each[0] for each in cost.statements] == [each[0] for each in alone[name].statements], name
            assert cost.read <= alone[name].read + MORE.get(name, 20), (name, cost.read, alone[name].read)
            if meter.server is None:
                assert "SCAN uploads" not in (plan := await plans(world, cost)), (name, plan)
                assert ALONG.get(name, "") in plan, plan

    async def test_the_real_limit(self, world: World, sender: Sender) -> None:
        await fill(world, world.editor, MOST_OPEN - 1)
        await sender.begin(9, "the last.bin")
        problem(await sender.ask_for(9, "one more.bin"), 409, "too_many_uploads")
        await Sender(world.owner.client).begin(9, "the owner's.bin")

    async def test_pages_give_each_once(self, world: World, sender: Sender) -> None:
        await fill(world, world.editor, MOST_OPEN)
        await fill(world, world.owner, 5)
        seen: list[str] = []
        after = None
        while True:
            page = (
                await sender.client.get(UPLOADS, params={"limit": 200} | ({"after": after} if after else {}))
            ).json()
            seen += [each["id"] for each in page["items"]]
            if (after := page["next"]) is None:
                break
        assert (len(seen), len(set(seen)), seen) == (MOST_OPEN, MOST_OPEN, sorted(seen))

    @pytest.mark.timeout(120)
    async def test_the_sweep_costs_what_it_takes_away(self, meter: Meter, world: World) -> None:
        async def sweep() -> None:
            job = jobs.new(world.editor.actor.workspace_id, "uploads.sweep", {}, world.clock(), world.clock())
            await JOBS["uploads.sweep"].run(world.parts, job)

        people = await crowd(world)
        await fill(world, world.editor, 30, expired=30)
        alone = await meter.cost(sweep)
        for who in people:
            await fill(world, who, MOST_OPEN, expired=15)
        await fill(world, world.editor, MOST_OPEN)
        full = await meter.cost(sweep)
        gone = 15 * (PEOPLE - 1)
        assert await counted(world, Upload) == await counted(world, BlobHold) == PEOPLE * MOST_OPEN - gone
        assert len(full.statements) == 2 * len(alone.statements), "135 take two Units where 30 take one"
        assert full.read <= alone.read * gone / 30 * 1.5
        if meter.server is None:
            assert "SCAN" not in (plan := await plans(world, full)), plan
