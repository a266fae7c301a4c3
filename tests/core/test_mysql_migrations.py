"""Migrations on a real MariaDB or MySQL: they keep what is there, bear being killed, take turns, and let others work."""

import asyncio
import re
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, make_url, select

import dossier.app  # noqa: F401  # loads every table's module
from dossier import folders
from dossier.core import _resumable, migrate, mysql
from dossier.core.actor import Actor
from dossier.core.db import Base, Database
from dossier.core.errors import Unavailable
from dossier.core.events import EventRow
from dossier.core.ids import new_id
from dossier.core.units import Unit, Units
from tests.core.migrating import Migrating, Run, is_change
from tests.core.waiting import until
from tools.servers import DatabaseServer

pytestmark = [pytest.mark.slow, pytest.mark.production]
Tables = dict[str, list[dict[str, Any]]]
# One value a type: all ids are the same, so that every foreign key holds.
VALUES: dict[str, Any] = {
    "binary": b"\1",
    "varbinary": b"1",
    "blob": b"1",
    "mediumblob": b"1",
    "varchar": "1",
    "text": "1",
    "mediumtext": "1",
    "longtext": "1",  # JSON too, on MariaDB
    "json": "1",
    "datetime": datetime(2026, 1, 2, 3, 4, 5, 678901),  # noqa: DTZ001  # a column has no zone
}
COLUMNS = """SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns
WHERE table_schema = DATABASE() AND table_name <> 'alembic_version' ORDER BY table_name, ordinal_position"""
WAITING = "SELECT COUNT(*) FROM information_schema.processlist WHERE state = 'User lock'"
MANY = 50_000
DOUBLE = """INSERT INTO events SELECT workspace_id, seq + %s, id, type, document_id, folder_id, task_id, actor_id,
actor_name, at, data FROM events"""
# Full-text indexes stand in no model: SQLite has tables of another kind in their place.
OF_NO_MODEL = {"ft_search_documents_tokens", "ft_task_texts_tokens"}


def ask(server: DatabaseServer, name: str, query: str) -> list[tuple[Any, ...]]:
    """What a query tells."""
    with server.connect(name) as connection, connection.cursor() as cursor:
        cursor.execute(query)
        return list(cursor.fetchall())


def columns(server: DatabaseServer, name: str) -> dict[str, dict[str, Any]]:
    """A value for each column of each table."""
    found: dict[str, dict[str, Any]] = {}
    for table, column, type_, length in ask(server, name, COLUMNS):
        value = VALUES.get(type_, 1)
        found.setdefault(table, {})[column] = value * length if type_ == "binary" else value
    return found


def fill(server: DatabaseServer, name: str) -> None:
    """Put a row into each table that has none."""
    with server.connect(name) as connection, connection.cursor() as cursor:
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for table, row in columns(server, name).items():
            names, marks = ", ".join(f"`{column}`" for column in row), ", ".join(["%s"] * len(row))
            cursor.execute(
                f"INSERT INTO `{table}` ({names}) SELECT {marks} FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM `{table}`)",
                tuple(row.values()),
            )


def rows(server: DatabaseServer, name: str) -> Tables:
    """Every row of every table."""
    return {
        table: [dict(zip(known, row, strict=True)) for row in ask(server, name, f"SELECT * FROM `{table}`")]
        for table, known in columns(server, name).items()
    }


def schema(server: DatabaseServer, name: str) -> dict[str, str]:
    """How the server would make each table again."""
    tables = [row[0] for row in ask(server, name, "SHOW TABLES")]
    made = {table: str(ask(server, name, f"SHOW CREATE TABLE `{table}`")[0][1]) for table in tables}
    return {table: re.sub(r" AUTO_INCREMENT=\d+", "", how) for table, how in made.items()}


def tables_made(server: DatabaseServer) -> int:
    """How many times the server has been told to make a table."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS LIKE 'Com_create_table'")
        row = cursor.fetchone()
        return int(row[1]) if row else 0


def are_kept(before: Tables, after: Tables) -> bool:
    """Whether each row is there still, with the columns that both have."""
    for table in before.keys() & after.keys():
        now = [row.items() for row in after[table]]
        for row in before[table]:
            common = {column: value for column, value in row.items() if not after[table] or column in after[table][0]}
            if not any(common.items() <= items for items in now):
                return False
    return True


class Undisturbed(NamedTuple):
    """A whole schema; how many changes it took, and how many tables were made on the way."""

    schema: dict[str, str]
    changes: int
    tables: int


def revisions() -> list[str]:
    """All of them, oldest first."""
    return [script.revision for script in ScriptDirectory(str(migrate.folder())).walk_revisions()][::-1]


@pytest.fixture(scope="module")
def undisturbed(server: DatabaseServer) -> Undisturbed:
    """What comes of a migration that nothing comes in between of."""
    server.make_database("undisturbed")
    changes, made = 0, tables_made(server)

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal changes
        changes += is_change(statement)

    event.listen(Engine, "before_cursor_execute", count)
    migrate.upgrade(server.address("undisturbed"))
    event.remove(Engine, "before_cursor_execute", count)
    return Undisturbed(schema(server, "undisturbed"), changes, tables_made(server) - made)


@pytest.fixture(scope="module")
def migrating() -> Iterator[Migrating]:
    migrating = Migrating()
    yield migrating
    migrating.close()


class TestSteps:
    def test_the_last_one_is_the_head(self) -> None:
        assert revisions()[-1] == migrate.HEAD

    def test_each_keeps_what_it_does_not_drop(
        self, server: DatabaseServer, name: str, undisturbed: Undisturbed
    ) -> None:
        address, before = server.address(name), Tables()
        for revision in revisions():
            migrate.upgrade(address, revision)
            after = rows(server, name)
            assert are_kept(before, after), revision
            fill(server, name)
            before = rows(server, name)
        assert schema(server, name) == undisturbed.schema
        assert all(before.values()), "every table has a row"
        for revision in [*revisions()[-2::-1], "base"]:
            # A step takes away what it has put in itself.
            before["consumer_cursors"] = [row for row in before["consumer_cursors"] if row["consumer"] == "1"]
            migrate.run(address, "downgrade", revision)
            after = rows(server, name)
            assert are_kept(before, after), revision
            before = after
        assert schema(server, name).keys() == {"alembic_version"}
        assert ask(server, name, "SELECT * FROM alembic_version") == []

    @pytest.mark.usefixtures("undisturbed")
    def test_make_what_the_models_say(self, server: DatabaseServer) -> None:
        engine = create_engine(mysql.address(make_url(server.address("undisturbed")), "pymysql"))
        with engine.connect() as connection:
            context = MigrationContext.configure(
                connection,
                opts={"compare_server_default": True, "include_name": lambda name, *_: name not in OF_NO_MODEL},
            )
            assert compare_metadata(context, Base.metadata) == []
        engine.dispose()


class TestTurns:
    def test_two_at_once(
        self,
        server: DatabaseServer,
        name: str,
        migrating: Migrating,
        undisturbed: Undisturbed,
    ) -> None:
        """One migrates, the other waits and finds nothing to do."""
        made = tables_made(server)
        with server.connect(name) as first, first.cursor() as cursor:
            cursor.execute(f"SELECT GET_LOCK('dossier.migrate.{name}', 0)")
            migrating.begin(*[Run(server.address(name))] * 2)
            asyncio.run(until(lambda: ask(server, name, WAITING) == [(2,)], 20))
            assert schema(server, name) == {}
        assert migrating.end() == [0, 0]
        assert schema(server, name) == undisturbed.schema
        assert tables_made(server) - made == undisturbed.tables

    def test_does_not_wait_forever(self, server: DatabaseServer, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(migrate, "TURN_SECONDS", 1)
        with server.connect(name) as first, first.cursor() as cursor:
            cursor.execute(f"SELECT GET_LOCK('dossier.migrate.{name}', 0)")
            with pytest.raises(Unavailable, match="Another program has been migrating"):
                migrate.upgrade(server.address(name))
        assert schema(server, name) == {}


class TestDeath:
    def killed_on_the_way(self, migrating: Migrating, run: Run) -> int:
        """Run until it is through; how often it was killed."""
        kills = 0
        while (codes := migrating.run(run)) != [0]:
            assert codes == [-9]
            kills += 1
            assert kills < 200, "it gets no further"
        return kills

    @pytest.mark.parametrize(
        "every", [13, pytest.param(3, marks=pytest.mark.long)], ids=["now and then", "all the time"]
    )
    def test_is_made_good_by_the_next_run(
        self,
        server: DatabaseServer,
        name: str,
        migrating: Migrating,
        undisturbed: Undisturbed,
        every: int,
    ) -> None:
        up = Run(server.address(name), dies_at=every)
        assert self.killed_on_the_way(migrating, up) >= undisturbed.changes // every
        assert schema(server, name) == undisturbed.schema
        fill(server, name)
        before = rows(server, name)
        down = up._replace(verb="downgrade", target=revisions()[0])
        assert self.killed_on_the_way(migrating, down) >= 1
        after = rows(server, name)
        assert are_kept(before, after)
        fill(server, name)
        assert self.killed_on_the_way(migrating, up) >= 1
        assert schema(server, name) == undisturbed.schema
        assert are_kept(after, rows(server, name))
        assert self.killed_on_the_way(migrating, down._replace(target="base")) >= 1
        assert schema(server, name).keys() == {"alembic_version"}


class TestOthers:
    """Who works while a migration runs."""

    @pytest.fixture
    def next_(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A migration after the last, to be written; it goes with the test."""
        folder = tmp_path / "migrations"
        shutil.copytree(migrate.folder(), folder, ignore=shutil.ignore_patterns("__pycache__"))
        monkeypatch.setattr(migrate, "folder", lambda: folder)
        return folder / "versions" / "next.py"

    def write(self, next_: Path, *does: str) -> None:
        """Write it, with what its upgrade does."""
        lines = ["import sqlalchemy as sa", "from alembic import op", "", 'revision = "next"']
        lines += [f'down_revision = "{migrate.HEAD}"', "", "", "def upgrade() -> None:", *(f"    {do}" for do in does)]
        next_.write_text("\n".join(lines))

    @pytest.fixture
    def migrated(self, server: DatabaseServer, name: str) -> str:
        """The address of a database of this version."""
        migrate.upgrade(server.address(name))
        return server.address(name)

    def test_a_long_transaction_is_waited_for_a_bounded_time(
        self,
        server: DatabaseServer,
        name: str,
        migrated: str,
        next_: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What comes before the table in use is done and stays; the next run does the rest. Renaming bears that too."""
        self.write(
            next_,
            'op.create_table("extra", sa.Column("id", sa.Integer()), sa.Column("a", sa.Integer(), index=True))',
            'op.alter_column("idempotency_keys", "etag", new_column_name="tag", existing_type=sa.String(200))',
            'op.rename_table("download_tickets", "tickets")',
            'op.add_column("events", sa.Column("note", sa.String(200)))',
        )
        monkeypatch.setattr(_resumable, "TRIES", 2)
        monkeypatch.setattr(_resumable, "TRY_SECONDS", 1)
        with server.connect(name) as export, export.cursor() as cursor:
            cursor.execute("START TRANSACTION READ ONLY")
            cursor.execute("SELECT COUNT(*) FROM events")
            begun = time.monotonic()
            with pytest.raises(Unavailable, match=r"held on to a table.* run it again"):
                migrate.upgrade(migrated)
            assert 3 <= time.monotonic() - begun < 10
            assert "note" not in columns(server, name)["events"]
            server.execute(f"DROP INDEX ix_extra_a ON {name}.extra")  # as if it had died before this
            assert ask(server, name, "SELECT * FROM alembic_version") == [(migrate.HEAD,)]
        migrate.upgrade(migrated)
        assert "note" in columns(server, name)["events"]
        after = schema(server, name)
        assert "KEY `ix_extra_a`" in after["extra"]
        assert "`tag`" in after["idempotency_keys"]
        assert "tickets" in after and "download_tickets" not in after
        assert ask(server, name, "SELECT * FROM alembic_version") == [("next",)]

    async def test_a_long_transaction_ends_in_time_and_nobody_waits_long_meanwhile(
        self, server: DatabaseServer, name: str, migrated: str, next_: Path
    ) -> None:
        self.write(next_, 'op.add_column("events", sa.Column("note", sa.String(200)))')
        spans: list[float] = []
        with server.connect(name) as export, export.cursor() as cursor:
            cursor.execute("START TRANSACTION READ ONLY")
            cursor.execute("SELECT COUNT(*) FROM events")
            migration = asyncio.create_task(asyncio.to_thread(migrate.upgrade, migrated))
            while max(spans, default=0) < 0.5:
                begun = time.monotonic()
                await asyncio.to_thread(server.execute, f"DELETE FROM {name}.events WHERE seq = 0")
                spans.append(time.monotonic() - begun)
                assert not migration.done()
        await migration
        assert max(spans) < 3, "somebody waited, and not for long"
        assert "note" in columns(server, name)["events"]

    async def test_this_version_works_on_while_the_next_one_migrates(
        self, server: DatabaseServer, name: str, migrated: str, next_: Path
    ) -> None:
        self.write(
            next_,
            'op.execute("ALTER TABLE events ADD COLUMN note VARCHAR(200), ALGORITHM=INSTANT")',
            'op.execute("CREATE INDEX ix_events_note ON events (workspace_id, type, note) ALGORITHM=INPLACE LOCK=NONE")',
        )
        database = Database(migrated)
        units, actor = Units(database), Actor.system(new_id())
        await units.run(actor, lambda unit: folders.found_workspace(unit, "acme", "Acme"))
        await units.run(actor, happen)
        with server.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT MAX(seq) FROM events")
            count = int((cursor.fetchone() or [0])[0])
            while count < MANY:
                cursor.execute(DOUBLE, (count,))
                count *= 2
            cursor.execute("UPDATE event_counters SET seq = %s", (count,))
        spans: list[float] = []
        migration = asyncio.create_task(asyncio.to_thread(migrate.upgrade, migrated))

        async def work() -> None:
            while not migration.done():
                begun = time.monotonic()
                await units.run(actor, happen)
                async with units.read(actor) as unit:
                    await unit.session.scalars(select(EventRow).order_by(EventRow.seq.desc()).limit(20))
                spans.append(time.monotonic() - begun)

        await asyncio.gather(work(), work(), work(), migration)
        await units.run(actor, happen)
        await database.close()
        assert len(spans) >= 3
        assert max(spans) < 2
        assert ask(server, name, "SELECT COUNT(*) FROM events") == [(count + len(spans) + 1,)]
        assert "note" in columns(server, name)["events"]


async def happen(unit: Unit) -> None:
    """A write."""
    unit.record("test.happened", note="x" * 100)
