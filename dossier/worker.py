"""The worker: runs jobs and consumers, beside the HTTP program in one process or alone (`dossier worker`)."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from dossier import documents, downloads, links, notices, renditions, search, sessions, tasks, uploads, users, webhooks
from dossier.app import Parts
from dossier.core import events, idempotency, jobs, metrics, traces, trail
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import DossierError
from dossier.core.events import Consumer
from dossier.core.ids import new_id
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.log import log
from dossier.core.units import ReadUnit, Unit

JOBS: dict[str, Handler] = documents.JOBS | renditions.JOBS | search.JOBS | users.JOBS | sessions.JOBS | uploads.JOBS
JOBS |= notices.JOBS | tasks.JOBS | webhooks.JOBS | links.JOBS
CONSUMERS: list[Consumer] = documents.CONSUMERS + renditions.CONSUMERS + search.CONSUMERS + sessions.CONSUMERS
CONSUMERS += notices.CONSUMERS + tasks.CONSUMERS + webhooks.CONSUMERS + links.CONSUMERS
HOUSEKEEPING = (
    *("documents.purge_trash", "documents.sweep_blobs", "uploads.sweep", "renditions.tidy", "notices.sweep"),
    *("webhooks.sweep", "links.keep"),
)
POLL_SECONDS, HOURLY, HEARTBEAT_SECONDS = 2.0, 3600.0, 20.0
BREATH_SECONDS = 0.25  # changes that come close together are followed together: looking costs more than a change does


class Worker:
    """Loops that stop when told to; a job under way is finished or given back."""

    def __init__(
        self, parts: Parts, jobs_: dict[str, Handler] | None = None, consumers: list[Consumer] | None = None
    ) -> None:
        self.parts, self.units, self.id = parts, parts.units, new_id()
        self.jobs = JOBS if jobs_ is None else jobs_
        self.consumers = CONSUMERS if consumers is None else consumers
        self.stopping = asyncio.Event()

    async def run(self) -> None:
        """Work until ``stop``."""
        loops = [self._every(POLL_SECONDS, self.follow), self._every(HOURLY, self.keep_house)]
        loops += [self._every(POLL_SECONDS, self.work) for _ in range(self.parts.settings.worker_concurrency)]
        await asyncio.gather(*loops)

    def stop(self) -> None:
        """Take nothing new; ``run`` returns when what is under way has ended."""
        self.stopping.set()
        self.units.bell.ring()

    async def _every(self, seconds: float, step: Callable[[], Awaitable[None]]) -> None:
        while not self.stopping.is_set():
            ring = self.units.bell.listen()
            try:
                await step()
            except Exception:
                log.exception("worker.step_failed", step=step.__name__)
                await self._pause(1.0)
            if seconds == HOURLY:
                await self._pause(seconds)
                continue
            await self._pause(BREATH_SECONDS)
            if not self.stopping.is_set():
                await self.units.bell.wait(seconds, ring)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.stopping.wait(), seconds)
        except TimeoutError:
            return

    # Consumers

    async def follow(self) -> None:
        """Give every consumer the events that it has not seen."""
        for consumer, workspace_id in await self.units.look(NOBODY, self._behind):
            await self._consume(consumer, workspace_id)

    async def _behind(self, unit: ReadUnit) -> list[tuple[Consumer, UUID]]:
        """Who has not seen all, where."""
        return [(each, id_) for each in self.consumers for id_ in await events.behind(unit, each.name)]

    async def _consume(self, consumer: Consumer, workspace_id: UUID) -> None:
        """All that one consumer has not seen in one workspace. A failure stops only these two; the next round retries."""
        actor = Actor.system(workspace_id, consumer.name)
        try:
            while not self.stopping.is_set():
                if not await self.units.run(actor, lambda unit: events.consume(unit, consumer)):
                    return
        except Exception:
            log.exception("worker.consumer_failed", consumer=consumer.name, workspace=str(workspace_id))

    # Jobs

    async def work(self) -> None:
        """Run due jobs one after the other until none is left."""
        while not self.stopping.is_set():
            job = await self._claim()
            if job is None:
                return
            await self._run(job)

    async def _claim(self) -> JobRow | None:
        if not await self.units.look(NOBODY, lambda unit: jobs.any_due(unit.session, unit.now)):
            return None
        return await self.units.run(NOBODY, lambda unit: jobs.claim(unit.session, self.id, unit.now))

    async def _run(self, job: JobRow) -> None:
        """Run a job, and say in one line how that went and which request it came from."""
        began, outcome = time.perf_counter(), "given_back"
        about: dict[str, traces.Value] = {"dossier.job": job.kind, "dossier.attempt": job.attempts}
        with trail.followed(job.stored, f"job {job.kind}", about) as span:
            try:
                outcome = await self._try(job)
            finally:
                seconds = time.perf_counter() - began
                metrics.jobs_run.labels(job.kind, outcome).inc()
                metrics.job_seconds.labels(job.kind).observe(seconds)
                if outcome != "done":
                    span.fail(outcome)
                told = {"job": str(job.id), "kind": job.kind, "attempt": job.attempts, "outcome": outcome}
                log.info("job", **told, ms=round(seconds * 1000, 1))

    async def _try(self, job: JobRow) -> str:
        """The outcome: done, lost, dead or failed. A cancelled one is given back."""
        handler = self.jobs.get(job.kind)
        working = asyncio.create_task(self._handle(job, handler))
        heart = asyncio.create_task(self._beat(job, working))
        try:
            await working
            held = await self.units.run(NOBODY, lambda unit: jobs.finish(unit.session, job, self.id))
            return "done" if held else "lost"
        except asyncio.CancelledError:
            if heart.done():  # the lease is lost, and with it the job
                return "lost"
            working.cancel()
            await asyncio.shield(
                self.units.run(NOBODY, lambda unit: jobs.release(unit.session, job, self.id, unit.now))
            )
            raise
        except Exception as error:
            dead = isinstance(error, GiveUp) or handler is None or job.attempts >= handler.attempts
            await self._fail(job, error, dead=dead)
            return "dead" if dead else "failed"
        finally:
            heart.cancel()

    async def _fail(self, job: JobRow, error: Exception, *, dead: bool) -> None:
        known = isinstance(error, GiveUp | DossierError)
        reason = str(error) if known else f"Unexpected {type(error).__name__}; the log has it under this job's id."
        log.warning(
            "job.failed",
            job=str(job.id),
            kind=job.kind,
            attempt=job.attempts,
            dead=dead,
            exc_info=not isinstance(error, GiveUp),
        )
        await self.units.run(NOBODY, lambda unit: jobs.fail(unit.session, job, self.id, unit.now, reason, dead=dead))

    async def _handle(self, job: JobRow, handler: Handler | None) -> None:
        if handler is None:
            raise GiveUp(f"No handler for {job.kind}.")
        if job.attempts > handler.attempts:
            raise GiveUp("Whoever worked on it died each time.")
        await handler.run(self.parts, job)

    async def _beat(self, job: JobRow, working: "asyncio.Task[None]") -> None:
        """Renew the lease as long as the work goes on; stop the work where somebody else has taken the job."""
        held = True
        while held:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                held = await self.units.run(NOBODY, lambda unit: jobs.extend(unit.session, job, self.id, unit.now))
            except DossierError as error:  # the database is busy; the lease lasts for two more tries
                log.warning("job.heartbeat_failed", job=str(job.id), code=error.code)
        log.warning("job.lease_lost", job=str(job.id), kind=job.kind)
        working.cancel()

    # Housekeeping

    async def keep_house(self) -> None:
        """Once an hour: promise the rounds of every workspace, and drop what has expired."""
        async with self.units.read(NOBODY) as unit:
            workspaces = await users.workspace_ids(unit)
        for workspace_id in workspaces:
            await self.units.run(Actor.system(workspace_id), _promise_rounds)
        await self.units.run(NOBODY, _forget_expired)


async def _promise_rounds(unit: Unit) -> None:
    for kind in HOUSEKEEPING:
        if not await jobs.promised(unit.session, unit.workspace_id, kind):
            unit.defer(kind, delay=timedelta(seconds=30))


async def _forget_expired(unit: Unit) -> None:
    await users.forget_expired(unit)
    await sessions.forget_expired(unit)
    await downloads.forget_expired(unit)
    await idempotency.forget_old(unit)
