"""A bell that wakes whoever waits: workers after a commit, live streams. Missing a ring costs only a poll's delay."""

import asyncio
import contextlib


class Bell:
    """Rung after a commit that recorded events or jobs. Within one process; Redis carries it between processes later.

    Who must not miss a ring takes ``listen()`` before looking at the database, and waits with that.
    """

    def __init__(self) -> None:
        self._ring = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who has listened since the last ring."""
        self._ring.set()
        self._ring = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """What the next ring sets."""
        return self._ring

    async def wait(self, seconds: float, ring: asyncio.Event | None = None) -> None:
        """Wait for the ring that was listened for (the next one without), at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for((ring or self._ring).wait(), seconds)
