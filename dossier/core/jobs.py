"""Jobs: work promised by a row of the same transaction. A lease, attempts, the next try, the last error, a dead letter.

A worker claims a row, works, and deletes it. A worker that dies leaves a lease that runs out, and another takes the row. So
a job runs at least once and never twice at the same time; handlers are idempotent. Nothing but the row remembers a job.
"""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, CursorResult, Index, Integer, String, and_, delete, func, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core import trail
from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.errors import NotFound
from dossier.core.ids import Uuid, new_id

LEASE = timedelta(seconds=60)
ATTEMPTS = 5
NOBODY = UUID(int=0)


class JobNotFound(NotFound):
    """No such job."""

    code = "job_not_found"
    title = "There is no such job"


class JobRow(Base):
    """One promised piece of work. ``state``: ready, running or dead; a finished one is deleted."""

    __tablename__ = "jobs"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    kind: Mapped[str] = mapped_column(String(64))
    stored: Mapped[dict[str, Any]] = mapped_column("payload", JSON)
    state: Mapped[str] = mapped_column(String(8), default="ready")
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    run_at: Mapped[datetime] = mapped_column(UtcTime)
    leased_by: Mapped[UUID] = mapped_column(Uuid, default=NOBODY)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_error: Mapped[str | None] = mapped_column(String(500))
    __table_args__ = (Index(None, "state", "run_at"), Index(None, "workspace_id", "state", "id"), MYSQL_TABLE)

    @property
    def payload(self) -> dict[str, Any]:
        """What the handler is told; ``stored`` holds the trail beside it."""
        return trail.unmarked(self.stored)


class GiveUp(Exception):
    """Raised by a handler when trying again cannot help; its text becomes the job's ``last_error``."""


@dataclass(frozen=True, slots=True)
class Handler:
    """What runs a kind of job: ``run(context, job)``; ``attempts`` before it is a dead letter."""

    run: Callable[[Any, JobRow], Awaitable[None]]
    attempts: int = ATTEMPTS


def new(workspace_id: UUID, kind: str, payload: dict[str, Any], run_at: datetime, now: datetime) -> JobRow:
    """The row of a job that can start at ``run_at``."""
    stored = trail.marked(payload)
    return JobRow(id=new_id(), workspace_id=workspace_id, kind=kind, stored=stored, run_at=run_at, created_at=now)


def _due(now: datetime) -> Any:
    # A running row's run_at is the end of its lease, so that one index finds the ready and the forgotten.
    return or_(
        and_(JobRow.state == "ready", JobRow.run_at <= now), and_(JobRow.state == "running", JobRow.run_at <= now)
    )


async def any_due(session: AsyncSession, now: datetime) -> bool:
    """Whether a claim would find a job; a read, so that idle workers write nothing."""
    return await session.scalar(select(JobRow.id).where(_due(now)).limit(1)) is not None


async def claim(session: AsyncSession, worker: UUID, now: datetime) -> JobRow | None:
    """Take the next due job under a lease, or None. Rows that another worker holds are skipped."""
    query = select(JobRow).where(_due(now)).order_by(JobRow.run_at).limit(1).with_for_update(skip_locked=True)
    job = (await session.execute(query)).scalar_one_or_none()
    if job is not None:
        job.state, job.leased_by, job.run_at = "running", worker, now + LEASE
        job.attempts += 1
    return job


async def extend(session: AsyncSession, job: JobRow, worker: UUID, now: datetime) -> bool:
    """Renew the lease; False when it was lost."""
    held = and_(JobRow.id == job.id, JobRow.leased_by == worker)
    return await _changed(session, update(JobRow).where(held).values(run_at=now + LEASE))


async def finish(session: AsyncSession, job: JobRow, worker: UUID) -> bool:
    """Strike a job off; False when the lease was lost in the meantime."""
    return await _changed(session, delete(JobRow).where(JobRow.id == job.id, JobRow.leased_by == worker))


async def fail(session: AsyncSession, job: JobRow, worker: UUID, now: datetime, reason: str, *, dead: bool) -> bool:
    """Put a job back with back-off (5 s doubled per attempt, with jitter), or keep it as a dead letter."""
    wait = timedelta(seconds=5 * 2 ** (job.attempts - 1) * random.uniform(0.8, 1.2))  # noqa: S311  # jitter, no secret
    values = {
        "state": "dead" if dead else "ready",
        "run_at": now + wait,
        "leased_by": NOBODY,
        "last_error": reason[:500],
    }
    held = and_(JobRow.id == job.id, JobRow.leased_by == worker)
    return await _changed(session, update(JobRow).where(held).values(values))


async def release(session: AsyncSession, job: JobRow, worker: UUID, now: datetime) -> bool:
    """Give a job back untouched, for a worker that stops."""
    held = and_(JobRow.id == job.id, JobRow.leased_by == worker)
    values = {"state": "ready", "run_at": now, "leased_by": NOBODY, "attempts": JobRow.attempts - 1}
    return await _changed(session, update(JobRow).where(held).values(values))


async def list_(session: AsyncSession, workspace_id: UUID | None = None, state: str | None = None) -> Sequence[JobRow]:
    """Jobs, oldest first, at most 1,000."""
    query = select(JobRow).order_by(JobRow.id).limit(1000)
    if workspace_id is not None:
        query = query.where(JobRow.workspace_id == workspace_id)
    if state is not None:
        query = query.where(JobRow.state == state)
    return (await session.execute(query)).scalars().all()


@dataclass(frozen=True, slots=True)
class Count:
    """How many jobs of a kind are in a state, and when the oldest of them was promised."""

    kind: str
    state: str
    count: int
    oldest: datetime


async def census(session: AsyncSession) -> list[Count]:
    """The jobs of all workspaces by kind and state."""
    query = select(JobRow.kind, JobRow.state, func.count(), func.min(JobRow.created_at))
    rows = await session.execute(query.group_by(JobRow.kind, JobRow.state))
    return [Count(*row) for row in rows]


async def page(
    session: AsyncSession, workspace_id: UUID, states: Sequence[str], limit: int, before: UUID | None
) -> Sequence[JobRow]:
    """``limit + 1`` jobs of a workspace in these states, the newest first, from the one before ``before`` on."""
    query = select(JobRow.id).where(JobRow.workspace_id == workspace_id)
    if before is not None:
        query = query.where(JobRow.id < before)
    # A page per state: an ``IN`` with ORDER BY would sort all that wait.
    newest = query.order_by(JobRow.id.desc()).limit(limit + 1)
    pages = [select(newest.where(JobRow.state == state).subquery().c.id) for state in states]
    ids = union_all(*pages).subquery()
    found = select(JobRow).join(ids, JobRow.id == ids.c.id).order_by(JobRow.id.desc()).limit(limit + 1)
    return (await session.execute(found)).scalars().all()


async def find(session: AsyncSession, workspace_id: UUID, id_: UUID) -> JobRow:
    """A job of a workspace. Raises JobNotFound."""
    query = select(JobRow).where(JobRow.id == id_, JobRow.workspace_id == workspace_id)
    job = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if job is None:
        raise JobNotFound
    return job


async def hasten(session: AsyncSession, now: datetime, id_: UUID) -> None:
    """Let a job that waits for its next try start now."""
    await session.execute(update(JobRow).where(JobRow.id == id_, JobRow.state == "ready").values(run_at=now))


async def retry(session: AsyncSession, now: datetime, ids: Sequence[UUID] | None = None) -> int:
    """Make dead jobs ready again, with all their attempts; ``ids`` None means every dead one. How many."""
    query = update(JobRow).where(JobRow.state == "dead").values(state="ready", attempts=0, run_at=now)
    if ids is not None:
        query = query.where(JobRow.id.in_(ids))
    result = await session.execute(query)
    return result.rowcount if isinstance(result, CursorResult) else 0


async def promised(session: AsyncSession, workspace_id: UUID, kind: str) -> bool:
    """Whether a job of this kind waits or runs in the workspace."""
    query = select(JobRow.id).where(JobRow.workspace_id == workspace_id, JobRow.kind == kind, JobRow.state != "dead")
    return await session.scalar(query.limit(1)) is not None


async def _changed(session: AsyncSession, statement: Any) -> bool:
    result = await session.execute(statement)
    return isinstance(result, CursorResult) and result.rowcount == 1
