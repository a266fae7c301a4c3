"""One time for processes on several machines: that of the database server, which all of them ask.

Leases on jobs, locks on documents and the ends of sessions are compared by whichever process happens to look; by clocks that
differ, a job would be taken from a worker that still holds it.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from dossier.core import metrics
from dossier.core.clock import Clock
from dossier.core.db import Database
from dossier.core.log import log

EVERY_SECONDS: Final = 60.0
BORNE: Final = timedelta(seconds=1)


class SharedClock:
    """This machine's clock, less what it is ahead of the database server's. Nothing is taken off before ``measure``."""

    def __init__(self, clock: Clock, database: Database) -> None:
        self._clock, self._database = clock, database
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return self._clock() - self.ahead

    async def measure(self) -> None:
        """Ask the server (SQLite has none). A difference of up to a second is left: times are not to leap to and fro."""
        if self._database.is_sqlite:
            return
        async with self._database.reading() as session:
            await session.connection()
            asked = self._clock()
            server = await session.scalar(text("SELECT UTC_TIMESTAMP(6)"))
            here = asked + (self._clock() - asked) / 2
        ahead = here - server.replace(tzinfo=UTC)
        metrics.clock_ahead.set(ahead.total_seconds())
        if abs(ahead - self.ahead) <= BORNE:
            return
        log.warning("clock.differs", ahead_seconds=round(ahead.total_seconds(), 1))
        self.ahead = ahead

    async def follow(self) -> None:
        """Measure every minute, until cancelled. A database that is away is asked again by then."""
        while not self._database.is_sqlite:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.measure()
            except (SQLAlchemyError, OSError) as error:
                log.info("clock.not_measured", reason=type(error).__name__)
