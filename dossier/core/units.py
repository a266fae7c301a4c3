"""Unit: one write transaction, one actor, one clock. ``Units.run`` is the only place that commits.

A verb takes the Unit first and never commits: ``await units.run(actor, lambda unit: documents.rename(unit, …))``.
Events and jobs are rows of the same transaction, so a thing that happened and the word of it cannot part.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession

from dossier.core import events, jobs, metrics, traces
from dossier.core.actor import Actor
from dossier.core.bell import Bell
from dossier.core.clock import Clock, utc_now
from dossier.core.db import SQLITE_IOERR, Database, may_retry, refusal, sqlite_code
from dossier.core.errors import Conflict, DossierError, Unavailable
from dossier.core.log import log

T = TypeVar("T")
U = TypeVar("U", bound="ReadUnit")
NEVER = datetime.min.replace(tzinfo=UTC)


class CommitUnknown(Unavailable):
    """Connection or disk broke while committing: done or not, nobody can say. Ask again with the same Idempotency-Key."""

    code = "commit_unknown"
    title = "It is not known whether the change was kept"


class Busy(Unavailable):
    """The database was too busy twice in a row."""

    code = "busy"
    title = "Too much is going on at once"


@dataclass
class ReadUnit:
    """A read-only snapshot for one actor. ``memo`` caches what was asked before in the same Unit (roles, names);
    ``direct`` is the connection of ``sqlite3`` while the Unit runs in its thread."""

    session: AsyncSession
    actor: Actor
    now: datetime
    memo: dict[str, Any] = field(default_factory=dict)
    direct: Any = None

    @property
    def workspace_id(self) -> UUID:
        """The workspace that every query must name."""
        return self.actor.workspace_id

    def seen_by(self, actor: Actor) -> "ReadUnit":
        """The same snapshot for another actor."""
        return ReadUnit(self.session, actor, self.now, direct=self.direct)


@dataclass
class Unit(ReadUnit):
    """A write transaction. ``record`` and ``defer`` promise events and jobs that exist exactly if it commits."""

    recorded: list[events.NewEvent] = field(default_factory=list)
    deferred: int = 0
    wakes: bool = False
    after: list[Callable[[], Awaitable[None]]] = field(default_factory=list)

    def record(
        self,
        type_: str,
        *,
        document_id: UUID | None = None,
        folder_id: UUID | None = None,
        task_id: UUID | None = None,
        **data: Any,
    ) -> None:
        """Say what happened. Who may read it later follows the folder of its document, or ``folder_id``."""
        self.recorded.append(events.NewEvent(type_, document_id, folder_id, task_id, data))

    def defer(self, kind: str, *, delay: timedelta = timedelta(0), **payload: Any) -> UUID:
        """Promise a job; it can start as soon as the Unit has committed. Its id."""
        job = jobs.new(self.actor.workspace_id, kind, payload, self.now + delay, self.now)
        self.session.add(job)
        self.deferred += 1
        return job.id

    def wake(self) -> None:
        """Ring the bell after the commit though nothing is recorded or deferred: live streams look again."""
        self.wakes = True

    def after_commit(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run ``action`` once the Unit has committed; for tidying only, since a crash can skip it."""
        self.after.append(action)


class Units:
    """Opens Units and ReadUnits on one database."""

    def __init__(self, database: Database, *, clock: Clock = utc_now, bell: Bell | None = None) -> None:
        self.database = database
        self.clock = clock
        self.bell = bell or Bell()

    async def run(self, actor: Actor, verb: Callable[[Unit], Awaitable[T]], *, whole: bool = False) -> T:
        """Open a Unit, call ``verb``, commit, and only then answer.

        All of it is tried once more after a deadlock, a lost connection, or two writers meeting in a unique index.
        ``whole`` promises that the verb waits for the Unit's session only; it then runs where the database is, in one hop.
        Raises what the verb raises (nothing is kept), Busy, StorageFull, or CommitUnknown.
        """
        with traces.span("unit") as span:
            try:
                result = await self._run(actor, verb, whole, span)
            except BaseException as error:
                metrics.units.labels(_outcome(error)).inc()
                raise
        metrics.units.labels("committed").inc()
        return result

    async def _run(self, actor: Actor, verb: Callable[[Unit], Awaitable[T]], whole: bool, span: traces.Span) -> T:
        try:
            return await self._once(actor, verb, whole)
        except (DBAPIError, PoolTimeout) as error:
            if not _again(error):
                raise _refused(error) from error
            log.info("unit.again", reason=type(error).__name__)
            metrics.unit_retries.inc()
            span.set("dossier.retried", True)
        try:
            return await self._once(actor, verb, whole)
        except (DBAPIError, PoolTimeout) as error:
            raise _refused(error) from error

    async def _once(self, actor: Actor, verb: Callable[[Unit], Awaitable[T]], whole: bool) -> T:
        async with self.database.writing() as session:
            unit = Unit(session, actor, NEVER)

            async def work(direct: Any = None) -> T:
                # The transaction begins before the clock is read, so that times rise in commit order on one writer.
                await self.database.begin(session)
                unit.now, unit.direct = self.clock(), direct
                result = await verb(unit)
                await session.flush()
                await events.write(unit, actor, unit.recorded)
                await self._commit(session)
                return result

            result = await (self.database.whole(session, work) if whole else work())
        if unit.recorded or unit.deferred or unit.wakes:
            self.bell.ring()
        for action in unit.after:
            await action()
        return result

    async def _commit(self, session: AsyncSession) -> None:
        try:
            await session.commit()
        except DBAPIError as error:
            # SQLite: the log's sync failed, but its frames are written, and a start after a crash would find them.
            if error.connection_invalidated or sqlite_code(error.orig) == SQLITE_IOERR:
                raise CommitUnknown(retry_after=5) from error
            raise

    async def look(self, actor: Actor, verb: Callable[[ReadUnit], Awaitable[T]], *, relaxed: bool = False) -> T:
        """What ``verb`` finds in a ReadUnit. It waits for the session only, and runs where the database is, in one hop."""
        async with self.read(actor, relaxed=relaxed) as unit:

            async def work(direct: Any) -> T:
                unit.direct = direct
                return await verb(unit)

            return await self.database.whole(unit.session, work)

    @asynccontextmanager
    async def read(self, actor: Actor, *, relaxed: bool = False) -> AsyncIterator[ReadUnit]:
        """A ReadUnit: one snapshot, nothing can be written. ``relaxed`` may be a read replica's, a little behind."""
        try:
            with traces.span("read unit"):
                async with self.database.reading(relaxed=relaxed) as session:
                    yield ReadUnit(session, actor, self.clock())
        except (DBAPIError, PoolTimeout) as error:
            raise _refused(error) from error


def _again(error: DBAPIError | PoolTimeout) -> bool:
    if isinstance(error, PoolTimeout):
        return False
    return isinstance(error, IntegrityError) or may_retry(error)


def _outcome(error: BaseException) -> str:
    match error:
        case CommitUnknown():
            return "unknown"
        case Unavailable():
            return "busy"
        case DossierError():
            return "refused"
    return "failed"


def _refused(error: DBAPIError | PoolTimeout) -> Exception:
    if isinstance(error, PoolTimeout):
        return Busy("Too many changes wait for the database; try again.", retry_after=2)
    if isinstance(error, IntegrityError):
        return Conflict("Another change came in between; look again and retry.")
    return refusal(error) or error
