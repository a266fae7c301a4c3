"""A password of the database that changes while the program runs: read anew when it is old, or when it is refused."""

import asyncio
import time
from collections.abc import Callable, Mapping

from dossier.core.log import log

RETRY_SECONDS = 5.0


class Rotating:
    """A ``db.SignIn`` on ``read``, which blocks and may raise: then what was known goes on, and ``stale`` says so."""

    def __init__(self, first: Mapping[str, str], read: Callable[[], dict[str, str]], seconds: float) -> None:
        self._known, self._read, self._seconds = dict(first), read, seconds
        self._read_at, self._tried_at = time.monotonic(), -RETRY_SECONDS
        self._lock = asyncio.Lock()
        self._renewing: asyncio.Task[None] | None = None
        self.stale = False

    async def current(self) -> dict[str, str]:
        """What is known; read anew in the background where it is older than the setting allows."""
        idle = self._renewing is None or self._renewing.done()
        if idle and time.monotonic() - self._read_at > self._seconds:
            self._renewing = asyncio.create_task(self._renew(self._known))
        return self._known

    async def renewed(self, refused: dict[str, str]) -> dict[str, str] | None:
        """What another reading tells after ``refused``; None where it is the same."""
        await self._renew(refused)
        return None if self._known == refused else self._known

    async def _renew(self, seen: dict[str, str]) -> None:
        async with self._lock:
            # Somebody else has just read it; and one that is away is not asked by each connection anew.
            if self._known is not seen or time.monotonic() - self._tried_at < RETRY_SECONDS:
                return
            self._tried_at = time.monotonic()
            try:
                self._known = await asyncio.to_thread(self._read)
            except Exception as error:
                self.stale = True
                log.warning("secrets.not_read", reason=type(error).__name__)
                return
            self._read_at, self.stale = time.monotonic(), False
            log.info("secrets.read")
