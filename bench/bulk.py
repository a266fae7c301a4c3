"""Documents by the hundred: what `documents.add_many` brings in, events and all, ÷ a bare loop that inserts the same rows.

Rounds follow each other in one workspace, which grows from nothing. Documents share twenty contents: bytes are not what
is measured. The bare loop has a database of its own with the same beginning, and gets the rows as the driver got them.
"""

import asyncio
import random
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

import pymysql
from pysqlite3 import dbapi2 as sqlite3
from sqlalchemy import event
from sqlalchemy.engine import make_url

from bench.figures import Against, Figure, Sample, Scale, alternating
from dossier import documents, folders, storage
from dossier.app import build
from dossier.core import log, migrate
from dossier.core.actor import Actor
from dossier.core.db import PRAGMAS, Base
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from tools.servers import MariaDb

A_UNIT, CONTENTS, A_FOLDER, GOAL = 500, 20, 500, 5_000
WORDS = ("report", "invoice", "contract", "minutes", "offer", "plan", "drawing", "letter", "Übersicht", "Größe")
Sent = tuple[str, Any]


def measure(scale: Scale) -> Iterator[Figure]:
    """The embedded stack, then MariaDB."""
    log.configure("console", "error")
    with tempfile.TemporaryDirectory(prefix="bulk-") as name, ExitStack() as stack:
        yield _figure(scale, stack, Settings(data_dir=Path(name) / "data"), "embedded")
    server = MariaDb()
    with tempfile.TemporaryDirectory(prefix="bulk-") as name, ExitStack() as stack:
        stack.callback(server.close)
        server.start().make_database("bulk")
        settings = Settings(data_dir=Path(name) / "data", database_url=server.address("bulk"))
        yield _figure(scale, stack, settings, "production")


def _figure(scale: Scale, stack: ExitStack, settings: Settings, where: Any) -> Figure:
    count = 1_000 if scale.small else 20_000
    place = _Place(settings, count * (scale.rounds + 1))
    stack.callback(place.close)
    ours, bare = alternating(scale.rounds, lambda: place.add(count), place.replay)
    sample, limit = Sample(ours, "1/s"), Sample(bare, "1/s")
    against = Against("one thread: the same rows by executemany, 500 documents a COMMIT", limit)
    what = f"add {count:,} documents by `documents.add_many`, 500 a Unit, from 0 to {count * (scale.rounds + 1):,}"
    more = {"statements a Unit": str(place.statements)}
    return Figure(what, where, sample, against, f"≥ {GOAL:,}/s", sample.median >= GOAL, more)


class _Place:
    """A workspace with folders and a few contents, the program's parts on it, and a bare connection to a copy."""

    def __init__(self, settings: Settings, most: int) -> None:
        settings.data_dir.mkdir(parents=True)
        migrate.upgrade(settings.database)
        self.parts, self.actor = build(settings), Actor.system(new_id(), "bench")
        self.runner, self.chance, self.number = asyncio.Runner(), random.Random(1), 0
        self.homes, self.stored = self.runner.run(self._begin(max(1, most // A_FOLDER)))
        self.bare: _Sqlite | _Mysql = (_Sqlite if self.parts.database.is_sqlite else _Mysql)(settings)
        self.sent: list[list[Sent]] = []
        self.statements = 0
        engine = self.parts.database.writer.sync_engine
        event.listen(engine, "before_cursor_execute", self._note)
        event.listen(engine, "begin", lambda _connection: self.sent.append([]))

    def close(self) -> None:
        """Let go."""
        self.bare.close()
        self.runner.run(self.parts.close())
        self.runner.close()

    async def _begin(self, most: int) -> tuple[list[UUID], list[storage.StoredBlob]]:
        stored = [await self.parts.store.put(self.actor.workspace_id, _one(b"%d" % n * 200)) for n in range(CONTENTS)]

        async def found(unit: Unit) -> list[UUID]:
            await folders.found_workspace(unit, "acme", "Acme")
            await storage.adopt(unit, *map(storage.Received, stored))
            return [(await folders.create(unit, f"Folder {number:05}"))["id"] for number in range(most)]

        return await self.parts.units.run(self.actor, found), stored

    def _note(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        self.statements += 1
        if many:
            self.sent[-1].append((statement, parameters))

    def add(self, count: int) -> float:
        """Documents a second, one Unit after the other."""
        self.sent, self.statements, took = [], 0, 0.0
        for _ in range(count // A_UNIT):
            additions = [self._addition() for _ in range(A_UNIT)]
            began = time.perf_counter()
            self.runner.run(self.parts.units.run(self.actor, lambda unit, new=additions: documents.add_many(unit, new)))  # type: ignore[misc]  # the loop's
            took += time.perf_counter() - began
        self.statements = self.statements // (count // A_UNIT)
        return count / took

    def _addition(self) -> documents.Addition:
        self.number += 1
        name = f"{' '.join(self.chance.choices(WORDS, k=3))} {self.number:07}.txt"
        received = storage.Received(self.stored[self.number % CONTENTS])
        return documents.Addition(documents.Upload(received, name), self.chance.choice(self.homes))

    def replay(self) -> float:
        """Documents a second of the same rows in the bare database."""
        began = time.perf_counter()
        for unit in self.sent:
            self.bare.run(unit)
        return len(self.sent) * A_UNIT / (time.perf_counter() - began)


async def _one(content: bytes) -> AsyncIterator[bytes]:
    yield content


class _Sqlite:
    """A copy of the database as it is now, and one connection that promises what the program's does."""

    def __init__(self, settings: Settings) -> None:
        source = sqlite3.connect(settings.data_dir / "dossier.sqlite3")
        self._connection = sqlite3.connect(settings.data_dir / "bare.sqlite3", isolation_level=None)
        source.backup(self._connection)
        source.close()
        for name, value in PRAGMAS.items():
            self._connection.execute(f"PRAGMA {name}={value}")

    def run(self, sent: list[Sent]) -> None:
        """One transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        for statement, rows in sent:
            self._connection.executemany(statement, rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        """Let go."""
        self._connection.close()


class _Mysql:
    """A copy in a database beside it, and one connection."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.database)
        where = {"host": url.host or "", "port": url.port or 3306, "user": url.username or ""}
        self._connection = pymysql.connect(**where, password=str(url.password or ""), charset="utf8mb4")
        self._cursor = self._connection.cursor()
        self._cursor.execute("CREATE DATABASE bare")
        self._cursor.execute("SET foreign_key_checks = 0")
        migrate.upgrade(url.set(database="bare").render_as_string(hide_password=False))
        for table in Base.metadata.tables:
            self._cursor.execute(f"INSERT INTO bare.{table} SELECT * FROM {url.database}.{table}")
        self._connection.commit()
        self._cursor.execute("SET foreign_key_checks = 1")
        self._connection.select_db("bare")

    def run(self, sent: list[Sent]) -> None:
        """One transaction."""
        for statement, rows in sent:
            self._cursor.executemany(statement, rows)
        self._connection.commit()

    def close(self) -> None:
        """Let go."""
        self._connection.close()
