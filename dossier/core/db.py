"""The database: engines, the declarative base and what each engine is made to promise.

SQLite: WAL, ``synchronous=FULL`` (a commit survives power loss), one writer connection that begins IMMEDIATE, readers that
begin deferred and cannot write. Refuses to start on a SQLite with the WAL-reset bug (before 3.51.3). MySQL and MariaDB:
``core/mysql.py``.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, MetaData, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.util import await_only

from dossier.core import mysql, sqlite
from dossier.core.errors import DossierError, StorageFull, Unavailable
from dossier.core.pool import Pool

T = TypeVar("T")
TURNS, PATIENCE = 2, 0.1  # reads at once that run as a whole, and seconds after which one more does
LEAST_SQLITE = (3, 51, 3)
PRAGMAS = {
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "foreign_keys": "ON",
    "busy_timeout": "10000",
    "trusted_schema": "OFF",
    "cell_size_check": "ON",
    "mmap_size": "0",
}
# What the PRAGMAs answer once they are in force (SQLite's numbers); asserted at start.
PRAGMA_ANSWERS = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "trusted_schema": 0, "mmap_size": 0}
SQLITE_FULL, SQLITE_BUSY, SQLITE_LOCKED, SQLITE_IOERR = 13, 5, 6, 10
# Lock time-out, deadlock, snapshot overtaken (MariaDB 11); connection gone in one way or another.
MYSQL_RETRY = {1205, 1213, 1020, 2006, 2013, 2055, 4031}
# Shutting down, cannot be reached, too many connections, read-only after a failover.
MYSQL_AWAY = {1053, 1040, 1203, 1290, 1836, 2002, 2003, 2005}
MYSQL_FULL = {1021, 1114}
MYSQL_REFUSED = {1045, 1698, 3118}  # wrong user or password, no password, locked

MYSQL_TABLE = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


class Base(DeclarativeBase):
    """The base of every table, with one naming rule for constraints."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    __table_args__: Any = MYSQL_TABLE


class DatabaseUnfit(RuntimeError):
    """The database cannot keep Dossier's promises; the program does not start."""


class SignIn(Protocol):
    """Tells with what to sign in to the database; asked for each new connection."""

    async def current(self) -> dict[str, str]:
        """``user`` and ``password``, from what is known."""

    async def renewed(self, refused: dict[str, str]) -> dict[str, str] | None:
        """The same read anew, after the database refused these; None where nothing has changed."""


class Database:
    """Engines on one database: ``writer`` (on SQLite one connection, in turn), ``reader``, and ``replica`` for reads that
    may be a little behind, which is the reader where no replica is named.

    ``pool`` is the most connections of each. ``sign_in`` is where a password that changes while the program runs comes
    from; without it the address holds it.
    """

    def __init__(self, address: str, *, pool: int = 8, replica: str = "", sign_in: SignIn | None = None) -> None:
        self.url = make_url(address)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            require_sqlite()
            self.writer = _sqlite_engine(self.url, "IMMEDIATE", 1)
            self.reader = _sqlite_engine(self.url, "DEFERRED", pool)
        else:
            self.writer = mysql.engine(self.url, pool)
            self.reader = mysql.engine(self.url, pool, read_only=True)
        # More threads than that only take the interpreter from each other: eight answer a third fewer requests than two.
        self._turns = asyncio.Semaphore(TURNS)
        self.replica = mysql.engine(make_url(replica), pool, read_only=True) if replica else self.reader
        if sign_in is not None:
            for engine in {self.writer, self.reader, self.replica}:
                follow(engine, sign_in)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A session that may write; rolled back unless the caller commits."""
        async with AsyncSession(self.writer, expire_on_commit=False) as session:
            yield session

    @asynccontextmanager
    async def reading(self, *, relaxed: bool = False) -> AsyncIterator[AsyncSession]:
        """A session on one read-only snapshot; ``relaxed`` takes one that may be behind by a replica's lag."""
        engine = self.replica if relaxed else self.reader
        async with AsyncSession(engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    async def begin(self, session: AsyncSession) -> None:
        """Begin the transaction now; on SQLite this waits for its turn to write. Raises DBAPIError."""
        connection = (await session.connection()).sync_connection
        raw: Any = connection and connection.connection.dbapi_connection
        if isinstance(raw, sqlite.Connection):
            try:
                await raw.start()
            except sqlite3.Error as error:
                raise wrapped(error) from error

    async def whole(self, session: AsyncSession, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Run ``work``, which waits for this session only: on SQLite in one hop to the connection's thread, with the
        connection of ``sqlite3`` itself; elsewhere here, with None. Raises what it raises.
        """
        connection: Any = (await session.connection()).sync_connection
        raw = connection.connection.dbapi_connection
        if not isinstance(raw, sqlite.Connection):
            return await work(None)
        # Whoever listens to statements hears all of them: then nothing goes past SQLAlchemy.
        direct = None if connection.dispatch.before_cursor_execute else raw.direct
        if not raw.reads:
            return await raw.whole(lambda: work(direct))
        mine = await self._take_turn()
        try:
            return await raw.whole(lambda: work(direct))
        finally:
            if mine:
                self._turns.release()

    async def _take_turn(self) -> bool:
        """Whether the caller has one of the turns; whoever has waited long enough goes on without."""
        if not self._turns.locked():
            return await self._turns.acquire()
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._turns.acquire()
        except TimeoutError:
            return False

    async def check(self) -> None:
        """Assert what the database promises; raises DatabaseUnfit."""
        if not self.is_sqlite:
            async with self.writer.connect() as connection:
                rows = await connection.execute(text(mysql.VARIABLES))
                if found := mysql.faults({row[0]: row[1] for row in rows}):
                    raise DatabaseUnfit(" ".join(found))
            return
        for engine in (self.writer, self.reader):
            async with engine.connect() as connection:
                for name, wanted in PRAGMA_ANSWERS.items():
                    got = (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
                    if got != wanted:
                        raise DatabaseUnfit(f"SQLite answers PRAGMA {name} with {got!r}, not {wanted!r}.")

    async def close(self) -> None:
        """Close every connection."""
        await self.writer.dispose()
        await self.reader.dispose()
        await self.replica.dispose()


def require_sqlite() -> None:
    """Refuse a SQLite that can lose commits (the WAL-reset bug, fixed in 3.51.3)."""
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        raise DatabaseUnfit(f"SQLite {sqlite3.sqlite_version} can corrupt a WAL database; 3.51.3 or newer is needed.")


def _sqlite_engine(url: URL, begin: str, size: int) -> AsyncEngine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    engine = create_async_engine(
        url.set(drivername=sqlite.DRIVER),
        poolclass=Pool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=30,
        hide_parameters=True,  # an error's text goes to the log, and parameters hold what people wrote
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin by itself
        cursor = connection.cursor()
        for name, value in PRAGMAS.items():
            cursor.execute(f"PRAGMA {name}={value}")
        if begin == "DEFERRED":
            cursor.execute("PRAGMA query_only=ON")
            connection.reads = True
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        asked: Any = connection.connection.dbapi_connection
        asked.begin = f"BEGIN {begin}"  # goes with the first statement, or with ``Database.begin``

    return engine


def follow(engine: AsyncEngine, sign_in: SignIn) -> None:
    """Let every new connection of the engine sign in as ``sign_in`` says, once more if that has just changed."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def _connect(dialect: Any, _record: Any, args: Any, given: dict[str, Any]) -> Any:
        # Within SQLAlchemy's greenlet: waiting here blocks nobody but this connection.
        told = await_only(sign_in.current())
        try:
            return dialect.connect(*args, **(given | told))
        except Exception as error:
            if _mysql_code(error) not in MYSQL_REFUSED:
                raise
            newer = await_only(sign_in.renewed(told))
            if newer is None:
                raise
        return dialect.connect(*args, **(given | newer))


def wrapped(error: sqlite3.Error) -> DBAPIError:
    """What SQLAlchemy would have made of an error that came past it."""
    made: Any = DBAPIError.instance("", None, error, sqlite3.Error, hide_parameters=True)
    found: DBAPIError = made
    return found


def sqlite_code(error: BaseException | None) -> int | None:
    """The primary SQLite result code of a driver error, if it has one."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else int(code) & 0xFF


def may_retry(error: DBAPIError) -> bool:
    """Whether the whole Unit may be tried once more: a deadlock, a lock time-out or a lost connection."""
    if sqlite_code(error.orig) in (SQLITE_BUSY, SQLITE_LOCKED):
        return True
    return _mysql_code(error.orig) in MYSQL_RETRY or error.connection_invalidated


def refusal(error: DBAPIError) -> DossierError | None:
    """What to tell the caller of a database that is full or away; None for an error nobody foresaw."""
    code = sqlite_code(error.orig)
    if code == SQLITE_FULL or _mysql_code(error.orig) in MYSQL_FULL:
        return StorageFull("The database has no space left. Nothing was changed.")
    away = MYSQL_AWAY | MYSQL_REFUSED
    if code == SQLITE_IOERR or may_retry(error) or _mysql_code(error.orig) in away:
        return Unavailable("The database is away or busy. Nothing was changed; try again.", retry_after=5)
    return None


def _mysql_code(error: BaseException | None) -> int | None:
    args = getattr(error, "args", ())
    return args[0] if args and isinstance(args[0], int) else None
