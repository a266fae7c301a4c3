"""What is asked for the moment that somebody reads the metrics: the database's own numbers, and the text of them all."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from dossier import __version__
from dossier.core import events, jobs, metrics, migrate
from dossier.core.actor import NOBODY
from dossier.core.db import Database
from dossier.core.log import log
from dossier.core.units import ReadUnit, Units

KIND: Final = CONTENT_TYPE_LATEST
KEEP_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = 2.0
Gathering = Callable[[ReadUnit], Awaitable[None]]
"""Reads a room's own numbers and sets its metrics."""


class Gatherer:
    """Reads what only the database knows, at most every five seconds however many ask; ``also`` is of the rooms above."""

    def __init__(self, units: Units, also: Sequence[Gathering] = ()) -> None:
        self._units, self._also = units, also
        self._read_at = -KEEP_SECONDS
        self._reading: asyncio.Task[None] | None = None
        metrics.build.info({"version": __version__, "schema": migrate.HEAD})

    async def text(self) -> bytes:
        """All metrics. A database that is away costs its own numbers and two seconds, not the others."""
        _tell_pools(self._units.database)
        if time.monotonic() - self._read_at >= KEEP_SECONDS:
            await self._refresh()
        return generate_latest(metrics.REGISTRY)

    async def _refresh(self) -> None:
        """Read anew, or wait on for one that hangs: a database that answers nobody is not asked twice."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        _done, late = await asyncio.wait([self._reading], timeout=PATIENCE_SECONDS)
        if late:
            _missed("late")

    async def _read(self) -> None:
        try:
            async with self._units.read(NOBODY) as unit:
                census = await jobs.census(unit.session)
                lags = await events.lags(unit.session)
                for each in self._also:
                    await each(unit)
        except Exception as error:  # whatever it is, the other numbers are told
            _missed(type(error).__name__)
            return
        self._read_at = time.monotonic()
        _tell_jobs(census, unit.now)
        for consumer, lag in lags.items():
            metrics.consumer_lag.labels(consumer).set(lag)


def _missed(reason: str) -> None:
    metrics.gather_failures.inc()
    log.warning("metrics.not_gathered", reason=reason)


def _tell_jobs(census: list[jobs.Count], now: datetime) -> None:
    metrics.jobs.clear()
    metrics.oldest_job_seconds.clear()
    for each in census:
        metrics.jobs.labels(each.kind, each.state).set(each.count)
        metrics.oldest_job_seconds.labels(each.kind, each.state).set((now - each.oldest).total_seconds())


def _tell_pools(database: Database) -> None:
    engines: dict[str, Any] = {"writer": database.writer, "reader": database.reader}
    for name, engine in engines.items():
        pool = engine.pool
        metrics.connections.labels(name, "in_use").set(pool.checkedout())
        metrics.connections.labels(name, "idle").set(pool.checkedin())
        metrics.connections_waited_for.labels(name).set(pool.waiting)
