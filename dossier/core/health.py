"""Health: whether the parts that the program stands on answer, asked at once and in bounded time.

The answer names the parts and says how each is; what is wrong with one stays in the log.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import text

from dossier.core import migrate
from dossier.core.db import Database
from dossier.core.errors import DossierError, Unavailable
from dossier.core.log import log

PATIENCE_SECONDS: Final = 1.5
KEEP_SECONDS: Final = 1.0

State = Literal["ok", "failed", "late"]


@dataclass(frozen=True, slots=True)
class Probe:
    """One part: ``ask`` returns if it works, else raises. Without one that is not ``needed`` Dossier serves on."""

    name: str
    ask: Callable[[], Awaitable[None]]
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """How a part is, and how long it took to say so."""

    probe: Probe
    state: State
    ms: float

    def wire(self) -> dict[str, Any]:
        """For the answer."""
        return {"state": self.state, "needed": self.probe.needed, "ms": self.ms}


class Unfit(Exception):
    """A part answers and is not what it must be; the text is for the log."""


class Health:
    """Asks the parts, each one once at a time and at most once a second however many want to know."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = list(probes)
        self.starting = self.leaving = False
        self._asked: dict[str, asyncio.Task[Finding]] = {}
        self._kept: dict[str, tuple[float, Finding]] = {}
        self._told: dict[str, State] = {}

    async def ready(self) -> dict[str, Any]:
        """``{status, parts}`` with status ok or degraded. Raises Unavailable with the same, within two seconds."""
        if self.starting:
            raise Unavailable("The process is starting.", retry_after=1)
        if self.leaving:
            raise Unavailable("The process is stopping.", retry_after=5)
        found = await asyncio.gather(*(self._find(probe) for probe in self.probes))
        parts = {each.probe.name: each.wire() for each in found}
        bad = [each for each in found if each.state != "ok"]
        if any(each.probe.needed for each in bad):
            raise Unavailable("A part that is needed does not answer.", retry_after=5, parts=parts)
        return {"status": "degraded" if bad else "ok", "parts": parts}

    async def _find(self, probe: Probe) -> Finding:
        kept_at, kept = self._kept.get(probe.name, (0.0, None))
        if kept is not None and time.monotonic() - kept_at < KEEP_SECONDS:
            return kept
        task = self._asked.get(probe.name)
        if task is None or task.done():
            task = self._asked[probe.name] = asyncio.create_task(_ask(probe))
        # One that hangs is not cancelled, which could hang as well: it is left to itself, and nobody asks beside it.
        await asyncio.wait([task], timeout=PATIENCE_SECONDS)
        if task.done():
            found = task.result()
            self._kept[probe.name] = time.monotonic(), found
        else:
            found = Finding(probe, "late", PATIENCE_SECONDS * 1000)
        self._tell(found)
        return found

    def _tell(self, found: Finding) -> None:
        """One line when a part goes away, and one when it comes back."""
        before = self._told.get(found.probe.name, "ok")
        self._told[found.probe.name] = found.state
        if before != found.state:
            log.warning("health.changed", part=found.probe.name, state=found.state, before=before)


async def _ask(probe: Probe) -> Finding:
    began = time.perf_counter()
    state: State = "ok"
    try:
        await probe.ask()
    except Exception as error:
        state = "failed"
        known = isinstance(error, DossierError | Unfit)
        reason = str(error) if known else type(error).__name__
        log.info("health.failed", part=probe.name, reason=reason)
    return Finding(probe, state, round((time.perf_counter() - began) * 1000, 1))


def of_database(database: Database) -> list[Probe]:
    """The database answers; and its schema is this version's, or that of a newer one which is taking over."""

    async def answers() -> None:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))

    async def at_head() -> None:
        async with database.reading() as session:
            found = await session.scalar(text("SELECT version_num FROM alembic_version"))
        if found != migrate.HEAD and not migrate.is_newer(found):
            raise Unfit(f"The schema is at {found}, not at {migrate.HEAD}.")

    return [Probe("database", answers), Probe("schema", at_head)]
