"""A bell that wakes whoever waits: workers after a commit, live streams. Missing a ring costs only a poll's delay."""

import asyncio


class Bell:
    """Rung after a commit that recorded events or jobs. Within one process; Redis carries it between processes later."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits now."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for the next ring, at most ``seconds``; True when it rang."""
        try:
            await asyncio.wait_for(self._event.wait(), seconds)
        except TimeoutError:
            return False
        return True
