"""MySQL and MariaDB: what is refused, whole Units under deadlocks and lost connections, lists that read what they show."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from dossier import documents, feed, folders, notices, tasks
from dossier.core import jobs, mysql
from dossier.core.actor import Actor
from dossier.core.clock import utc_now
from dossier.core.db import Database, DatabaseUnfit
from dossier.core.jobs import NOBODY
from dossier.core.units import Busy, ReadUnit, Unit, Units
from dossier.documents import Filters
from dossier.portal.screens import activity
from dossier.worker import Worker
from tests.conftest import World
from tests.core.many import fill
from tools.servers import DatabaseServer

pytestmark = [pytest.mark.slow, pytest.mark.production]
API = "/api/v1"
# MariaDB's older releases and MySQL have one of the two names of the isolation each.
TOLD = (
    "SHOW VARIABLES WHERE Variable_name IN "
    "('time_zone', 'sql_mode', 'tx_isolation', 'transaction_isolation', 'character_set_client')"
)
FIT = {
    "version": "10.11.19-MariaDB",
    "innodb_flush_log_at_trx_commit": "1",
    "innodb_doublewrite": "ON",
    "log_bin": "OFF",
}


class TestFaults:
    @pytest.mark.parametrize(
        ("changes", "word"),
        [
            ({}, ""),
            ({"version": "8.4.3", "version_comment": "MySQL Community Server"}, ""),
            ({"version": "9.7.4", "log_bin": "ON", "sync_binlog": "1"}, ""),
            ({"version": "8.0.36", "innodb_doublewrite": "DETECT_AND_RECOVER"}, ""),
            ({"version": "10.5.20-MariaDB"}, "10.6"),
            ({"version": "5.7.44", "version_comment": "MySQL"}, "8.0"),
            ({"wsrep_on": "ON"}, "Galera"),
            ({"innodb_flush_log_at_trx_commit": "2"}, "innodb_flush_log_at_trx_commit"),
            ({"innodb_doublewrite": "OFF"}, "innodb_doublewrite"),
            ({"log_bin": "ON", "sync_binlog": "0"}, "sync_binlog"),
        ],
    )
    def test_each(self, changes: dict[str, str], word: str) -> None:
        found = mysql.faults(FIT | changes)
        assert (len(found) == 1 and word in found[0]) if word else found == []


@pytest.fixture
async def database(production: Any) -> AsyncIterator[Database]:
    """The production database, with nothing built on it."""
    made = Database(production[0].database.address("work"), pool=3)
    yield made
    await made.close()


class TestEngine:
    async def test_a_real_server_is_fit(self, database: Database) -> None:
        await database.check()

    async def test_a_careless_one_is_refused(self, database: Database, production: Any) -> None:
        server: DatabaseServer = production[0].database
        server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 2")
        try:
            with pytest.raises(DatabaseUnfit, match="innodb_flush_log_at_trx_commit is 2"):
                await database.check()
        finally:
            server.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")

    async def test_sessions_are_strict_and_in_utc(self, database: Database) -> None:
        for engine, level in ((database.writer, "READ-COMMITTED"), (database.reader, "REPEATABLE-READ")):
            async with engine.connect() as connection:
                found = {row[0]: row[1] for row in await connection.execute(text(TOLD))}
            isolation = found.get("transaction_isolation") or found["tx_isolation"]
            assert (found["time_zone"], isolation, found["character_set_client"]) == ("+00:00", level, "utf8mb4")
            assert "STRICT_ALL_TABLES" in found["sql_mode"]

    async def test_a_reading_unit_is_one_snapshot(self, database: Database) -> None:
        count = text("SELECT COUNT(*) FROM jobs")
        async with database.reading() as reading:
            before = (await reading.execute(count)).scalar()
            async with database.writing() as writing:
                writing.add(jobs.new(NOBODY, "test", {}, utc_now(), utc_now()))
                await writing.commit()
            assert (await reading.execute(count)).scalar() == before
        async with database.reading() as reading:
            assert (await reading.execute(count)).scalar() != before

    async def test_a_used_up_pool_says_so_in_time(self, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
        held = [await database.writer.connect() for _ in range(3)]
        monkeypatch.setattr(database.writer.pool, "_timeout", 0.2)
        begun = time.monotonic()
        with pytest.raises(Busy) as refused:
            await Units(database).run(Actor.system(NOBODY), lambda unit: asyncio.sleep(0))
        assert time.monotonic() - begun < 5
        assert refused.value.retry_after
        for connection in held:
            await connection.close()


class TestUnits:
    async def test_eight_writers_on_one_workspace_and_one_document(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No deadlock is met, no version and no event lost: not even the Unit's second try is needed."""
        made = await world.editor.client.post(f"{API}/documents", params={"name": "shared"}, content=b"0")
        path = f"{API}/documents/{made.json()['id']}"
        again: list[object] = []

        def noted(event: str, **told: object) -> None:
            if event == "unit.again":
                again.append(told)

        monkeypatch.setattr("dossier.core.units.log.info", noted)

        async def writer(number: int) -> None:
            for n in range(5):
                added = await world.editor.client.post(f"{path}/versions", content=f"{number}.{n}".encode())
                assert added.status_code == 201, added.text
                task = await world.owner.client.post(f"{path}/tasks", json={"title": f"{number}.{n}"})
                assert task.status_code == 201, task.text
                name = {"name": f"{number}.{n}.txt"}
                other = await world.editor.client.post(f"{API}/documents", params=name, content=b"x")
                assert other.status_code == 201, other.text

        await asyncio.gather(*(writer(number) for number in range(8)))
        head = (await world.owner.client.get(path)).json()
        assert (head["version"]["number"], head["open_tasks"]) == (41, 40)
        page = (await world.owner.client.get(f"{API}/events", params={"limit": 200, "types": "version.added"})).json()
        assert [item["data"]["number"] for item in page["items"]] == list(range(2, 42))
        assert again == []

    async def test_a_deadlock_is_tried_once_more(self, world: World) -> None:
        calls: list[str] = []
        both = asyncio.Barrier(2)

        def locking(first: str, second: str) -> Callable[[Unit], Awaitable[None]]:
            async def verb(unit: Unit) -> None:
                calls.append(first)
                touch = text("UPDATE users SET name = CONCAT(name, '.') WHERE email = :email")
                await unit.session.execute(touch, {"email": f"{first}@example.com"})
                if len(calls) <= 2:
                    await both.wait()
                await unit.session.execute(touch, {"email": f"{second}@example.com"})

            return verb

        run = world.parts.units.run
        actor = world.owner.actor
        await asyncio.gather(run(actor, locking("owner", "editor")), run(actor, locking("editor", "owner")))
        assert len(calls) == 3
        async with world.parts.units.read(actor) as unit:
            names = await unit.session.scalars(
                text("SELECT name FROM users WHERE email LIKE 'owner@%' OR email LIKE 'ed%'")
            )
        assert sorted(names) == ["Editor..", "Owner.."]

    async def test_a_lost_connection_is_tried_once_more(self, world: World, production: Any) -> None:
        calls = 0

        async def verb(unit: Unit) -> None:
            nonlocal calls
            calls += 1
            unit.record("test.happened")
            number = await unit.session.scalar(text("SELECT CONNECTION_ID()"))
            if calls == 1:
                production[0].database.execute(f"KILL {number}")
            await unit.session.execute(text("SELECT 1"))

        await world.parts.units.run(world.owner.actor, verb)
        assert calls == 2

    async def test_reading_cannot_write(self, world: World) -> None:
        with pytest.raises(OperationalError, match="READ ONLY"):
            async with world.parts.units.read(world.owner.actor) as unit:
                await unit.session.execute(text("DELETE FROM events"))


class TestJobs:
    async def test_no_job_is_run_twice_at_once(self, world: World) -> None:
        """Eight workers for sixty jobs, all due: each is run once, by one of them."""
        running: set[UUID] = set()
        ran: list[UUID] = []

        async def job(_worker: Any, row: jobs.JobRow) -> None:
            assert row.id not in running
            running.add(row.id)
            await asyncio.sleep(0.005)
            ran.append(row.id)
            running.discard(row.id)

        async def promise(unit: Unit) -> None:
            unit.session.add_all(jobs.new(NOBODY, "counted", {}, unit.now, unit.now) for _ in range(60))

        await world.parts.units.run(Actor.system(NOBODY), promise)
        workers = [Worker(world.parts, {"counted": jobs.Handler(job)}, []) for _ in range(8)]
        await asyncio.gather(*(worker.work() for worker in workers))
        assert (len(ran), len(set(ran))) == (60, 60)
        async with world.parts.units.read(world.owner.actor) as unit:
            assert await unit.session.scalar(text("SELECT COUNT(*) FROM jobs WHERE kind = 'counted'")) == 0


PLAN = "EXPLAIN FORMAT=TRADITIONAL"
READS = "SHOW SESSION STATUS LIKE 'Handler_read%'"
PAGE, PAGES = 20, 30
# Per line of a list: itself, its versions, lock, folder, tags, and what the page's parts were put together from.
READS_A_ROW = 20
List = Callable[[ReadUnit, str | None], Awaitable[tuple[Any, str | None]]]


class TestPages:
    """A page reads about what it shows, however much there is: by the server's own counters."""

    @pytest.fixture
    async def filled(self, world: World) -> tuple[UUID, UUID]:
        """A workspace with much in it; the folder where it lies, and a document that much is about."""
        return await fill(world)

    async def reads(self, world: World, verb: Callable[[ReadUnit], Awaitable[Any]]) -> int:
        """Rows that the server has read for a verb."""
        async with world.parts.units.read(world.viewer.actor) as unit:
            await folders.roles(unit)
            before = {row[0]: int(row[1]) for row in await unit.session.execute(text(READS))}
            await verb(unit)
            after = {row[0]: int(row[1]) for row in await unit.session.execute(text(READS))}
        return sum(after.values()) - sum(before.values())

    def lists(self, filled: tuple[UUID, UUID]) -> dict[str, List]:
        """Every list that grows with the work, by name."""
        folder, busy = filled
        found: dict[str, List] = {
            "tasks": lambda unit, after: tasks.list_(unit, tasks.Filters(), PAGE, after),
            "tasks of nobody": lambda unit, after: tasks.list_(unit, tasks.Filters(assignee="none"), PAGE, after),
        }
        for sort in ("name", "-name", "updated_at", "-updated_at"):
            for where in (Filters(folder_id=folder), Filters()):
                name = f"documents by {sort}, {'a folder' if where.folder_id else 'all folders'}"
                found[name] = partial(_documents, where, sort)
        found["activity"] = lambda unit, after: activity.page(unit, PAGE, after)
        found["activity of one document"] = lambda unit, after: activity.page(unit, PAGE, after, busy)
        found["notices"] = lambda unit, after: notices.list_(unit, PAGE, after)
        found["notices not read"] = lambda unit, after: notices.list_(unit, PAGE, after, unread=True)
        found["the feed"] = _feed
        return found

    async def test_each_page_reads_as_much_as_the_first(self, world: World, filled: tuple[UUID, UUID]) -> None:
        for name, list_ in self.lists(filled).items():
            after: str | None = None
            counts = []
            for _ in range(PAGES):
                turned: list[str | None] = []

                async def verb(
                    unit: ReadUnit, list_: List = list_, after: str | None = after, to: Any = turned
                ) -> None:
                    to.append((await list_(unit, after))[1])

                counts.append(await self.reads(world, verb))
                after = turned[0]
            assert max(counts) <= PAGE * READS_A_ROW, (name, counts)
            assert max(counts) - counts[0] <= PAGE // 2, (name, counts)

    async def test_no_table_is_sorted_or_copied(self, world: World, filled: tuple[UUID, UUID]) -> None:
        """EXPLAIN of every statement of every list: only what a page was put together from may be sorted."""
        for name, list_ in self.lists(filled).items():
            async with world.parts.units.read(world.viewer.actor) as unit:
                asked: list[tuple[str, Any]] = []
                connection = await unit.session.connection()
                with noting(connection.sync_connection, asked):
                    await list_(unit, (await list_(unit, None))[1])
                assert len(asked) > 3
                for statement, values in asked:
                    plan = (await connection.exec_driver_sql(f"{PLAN} {statement}", values)).mappings().all()
                    for step in plan:
                        is_made = str(step["table"]).startswith("<")
                        assert is_made or not re.search("filesort|temporary", str(step["Extra"])), (
                            name,
                            statement,
                            step,
                        )


@contextmanager
def noting(connection: Any, to: list[tuple[str, Any]]) -> Iterator[None]:
    """Keep every SELECT of a connection, with its values."""

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_: Any) -> None:
        if "SELECT" in statement[:8]:
            to.append((statement, values))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", note)


async def _documents(where: Filters, sort: str, unit: ReadUnit, after: str | None) -> tuple[Any, str | None]:
    return await documents.list_(unit, where, sort, PAGE, after)


async def _feed(unit: ReadUnit, after: str | None) -> tuple[Any, str | None]:
    items, next_ = await feed.page(unit, int(after or 0), PAGE)
    return items, str(next_)
