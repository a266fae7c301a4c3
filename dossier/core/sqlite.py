"""SQLite under SQLAlchemy with one hop to the connection's thread for a statement, rows included.

The driver by itself takes four (cursor, execute, fetch, close), two for a transaction that only reads, and each hop costs as
much as a statement of a list does. A reading transaction begins with its first statement and nobody waits for its end: what
the connection is asked next comes after that anyway.

What waits for nothing but the database can go to that thread as a whole (``Connection.whole``), and takes one hop in all.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.aiosqlite import (
    AsyncAdapt_aiosqlite_connection,
    AsyncAdapt_aiosqlite_cursor,
    AsyncAdapt_aiosqlite_dbapi,
    SQLiteDialect_aiosqlite,
)
from sqlalchemy.util import await_only

DRIVER = "sqlite+dossier"
Ran = tuple[Any, list[Any]]
T = TypeVar("T")


class Cursor(AsyncAdapt_aiosqlite_cursor):
    """Executes, fetches and closes in one hop."""

    __slots__ = ()

    def __init__(self, adapt_connection: "Connection") -> None:
        self._adapt_connection: Any = adapt_connection
        self._connection: Any = adapt_connection._connection
        self._cursor: Any = None
        self._rows = deque()

    @property
    def description(self) -> Any:
        return None if self._cursor is None else self._cursor.description

    def execute(self, operation: Any, parameters: Any = None) -> Any:
        return self._run("execute", operation, () if parameters is None else parameters)

    def executemany(self, operation: Any, seq_of_parameters: Any) -> Any:
        return self._run("executemany", operation, seq_of_parameters)

    def _run(self, how: str, operation: Any, parameters: Any) -> Any:
        try:
            ran = await_only(self._hop(how, operation, parameters))
        except Exception as error:
            self._adapt_connection._handle_exception(error)
        else:
            self._cursor, self._rows = ran[0], deque(ran[1])
        return self

    async def _hop(self, how: str, operation: Any, parameters: Any) -> Ran:
        asked = self._adapt_connection
        asked.over = False
        made: Callable[[], Any] = self._connection._conn.cursor
        if asked.inside:
            begin, asked.begin = asked.begin, ""
            return _work(made, begin, how, operation, parameters)
        async with asked._execute_mutex:
            begin, asked.begin = asked.begin, ""
            ran: Ran = await self._connection._execute(_work, made, begin, how, operation, parameters)
            return ran

    def close(self) -> None:
        self._rows.clear()

    async def _async_soft_close(self) -> None:
        return


def _work(made: Callable[[], Any], begin: str, how: str, operation: str, parameters: Any) -> Ran:
    """What is done in the thread. A closed cursor still tells its description, its counts and its last row's id."""
    cursor = made()
    try:
        if begin:
            cursor.execute(begin)
        getattr(cursor, how)(operation, parameters)
        return cursor, cursor.fetchall() if cursor.description else []
    finally:
        cursor.close()


class Connection(AsyncAdapt_aiosqlite_connection):
    """``begin`` is what goes before the next statement; ``reads`` says that no end of a transaction has to be waited for;
    ``inside`` that we are in the connection's own thread; ``over`` that the transaction was committed."""

    __slots__ = ("begin", "inside", "over", "reads")
    _cursor_cls: Any = Cursor

    def __init__(self, dbapi: Any, connection: Any) -> None:
        super().__init__(dbapi, connection)
        self.begin, self.reads, self.inside, self.over = "", False, False, False

    @property
    def direct(self) -> Any:
        """The connection of ``sqlite3``, for whoever is inside."""
        return self._connection._conn

    async def whole(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run ``work`` in the connection's thread from its first step to its last; it may wait for this connection only.

        Whoever is cancelled still waits for its end. Raises what it raises, and RuntimeError if it waits for anything else.
        """
        running = asyncio.ensure_future(self._connection._execute(contextvars.copy_context().run, self._driven, work))
        cancelled = None
        while not running.done():
            try:
                await asyncio.wait([running])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        result: T = running.result()
        return result

    def _driven(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        self.inside = True
        begun = work()
        try:
            begun.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        finally:
            self.inside = False
            begun.close()
        raise RuntimeError("What runs in the connection's thread waits for the database only.")

    async def start(self) -> None:
        """Begin now what would begin with the next statement."""
        if self.begin:
            await Cursor(self)._hop("execute", "SELECT 1", ())

    def commit(self) -> None:
        if self.begin:
            self.begin = ""  # nothing was asked, so nothing has begun
            return
        if self.inside:
            try:
                self.direct.commit()
            except Exception as error:
                self._handle_exception(error)
        else:
            super().commit()
        self.over = True

    def cursor(self, server_side: bool = False) -> Any:
        if server_side and self.begin:  # rows that come one by one have a cursor of the driver's own
            begin, self.begin = self.begin, ""
            await_only(self._connection.execute(begin))
        return super().cursor(server_side)

    def rollback(self) -> None:
        if self.begin:
            self.begin = ""  # nothing was asked, so nothing has begun
        elif self.over:
            return
        elif self.inside:
            self.direct.rollback()
        elif self.reads and self._connection._connection:
            self._connection._tx.put_nowait((None, self._connection._connection.rollback))
        else:
            super().rollback()


class Module(AsyncAdapt_aiosqlite_dbapi):
    """The driver's module, with this file's connections."""

    def connect(self, *arg: Any, **kw: Any) -> Connection:
        return Connection(self, super().connect(*arg, **kw)._connection)


class Dialect(SQLiteDialect_aiosqlite):
    """SQLite by aiosqlite, with this file's cursors."""

    driver = "dossier"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Module:
        import sqlite3

        return Module(aiosqlite, sqlite3)


registry.register("sqlite.dossier", __name__, "Dialect")
