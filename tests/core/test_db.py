"""New connections sign in with what is told at that moment. The driver is made up here: SQLite asks for no password."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from dossier.core.db import Database, follow, refusal
from dossier.core.errors import Unavailable
from dossier.core.rotation import Rotating
from tests.core.waiting import until


class Refused(Exception):
    """What MySQL's driver raises."""


class Server:
    """Knows one password; a SQLite lies behind it."""

    def __init__(self) -> None:
        self.password, self.tries, self.code = "first", list[str](), 1045

    def guard(self, engine: AsyncEngine) -> None:
        """Stand between the engine and its driver."""
        dialect: Any = engine.sync_engine.dialect
        connect = dialect.connect

        def guarded(*args: Any, user: str = "", password: str = "", **rest: Any) -> Any:
            self.tries.append(f"{user}:{password}")
            if password != self.password:
                raise Refused(self.code, "Access denied")
            return connect(*args, **rest)

        dialect.connect = guarded


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def rotating(server: Server) -> Rotating:
    """Tells ``first`` until it is asked to read, and then what the server knows."""
    return Rotating({"user": "u", "password": "first"}, lambda: {"user": "u", "password": server.password}, seconds=60)


@pytest.fixture
async def engine(server: Server, rotating: Rotating) -> AsyncIterator[AsyncEngine]:
    """An engine each of whose connections is new."""
    engine = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
    server.guard(engine)
    follow(engine, rotating)
    yield engine
    await engine.dispose()


async def works(engine: AsyncEngine) -> bool:
    async with engine.connect() as connection:
        return bool((await connection.execute(text("SELECT 1"))).scalar())


class TestFollow:
    async def test_signs_in_as_told(self, engine: AsyncEngine, server: Server) -> None:
        assert await works(engine)
        assert server.tries == ["u:first"]

    async def test_a_changed_password_is_read_and_tried(self, engine: AsyncEngine, server: Server) -> None:
        assert await works(engine)
        server.password = "second"
        assert await works(engine)
        assert await works(engine)
        assert server.tries == ["u:first", "u:first", "u:second", "u:second"]

    async def test_one_that_is_simply_wrong_is_refused_once(self, engine: AsyncEngine, server: Server) -> None:
        server.password = "known to nobody"
        follow_nothing = Rotating({"user": "u", "password": "first"}, lambda: {"user": "u", "password": "first"}, 60)
        other = create_async_engine("sqlite+aiosqlite://", poolclass=NullPool)
        server.guard(other)
        follow(other, follow_nothing)
        with pytest.raises(Refused):
            await works(other)
        assert server.tries == ["u:first"]

    async def test_another_error_reads_nothing(self, engine: AsyncEngine, server: Server) -> None:
        server.password, server.code = "second", 2003
        with pytest.raises(Refused):
            await works(engine)
        assert server.tries == ["u:first"]

    def test_a_refused_sign_in_is_told_as_a_part_that_is_away(self) -> None:
        error = OperationalError("", {}, Refused(1045, "Access denied for canary"))
        told = refusal(error)
        assert isinstance(told, Unavailable)
        assert "canary" not in told.detail


class TestPool:
    async def test_knows_who_waits(self, tmp_path: Any) -> None:
        database = Database(f"sqlite:///{tmp_path / 'a.sqlite3'}")
        pool: Any = database.writer.pool
        async with database.writer.connect():
            assert (pool.checkedout(), pool.waiting) == (1, 0)
            second = asyncio.create_task(works(database.writer))
            await until(lambda: pool.waiting == 1)
        assert await second
        assert (pool.checkedout(), pool.waiting) == (0, 0)
        await database.close()

    async def test_nobody_waits_for_a_connection_that_cannot_be_made(self, tmp_path: Any) -> None:
        database = Database(f"sqlite:///{tmp_path / 'a.sqlite3'}")

        @event.listens_for(database.writer.sync_engine, "do_connect")
        def _refuse(*_: Any) -> None:
            await_only(asyncio.sleep(0.01))
            raise Refused(1045, "Access denied")

        tries = asyncio.gather(*(works(database.writer) for _ in range(5)), return_exceptions=True)
        refused = await asyncio.wait_for(tries, 5)
        assert [type(each) for each in refused] == [Refused] * 5
        pool: Any = database.writer.pool
        assert (pool.checkedout(), pool.waiting) == (0, 0)
        await database.close()
