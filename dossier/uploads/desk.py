"""Who is working on which upload in this process: one request at a time, and none that has fallen silent for ever."""

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Final

from dossier.storage import PartBusy
from dossier.uploads.errors import UploadStalled

QUIET_SECONDS: Final = 5.0  # after which a sender that is asked to gives way: its connection may be dead
LEAVE_SECONDS: Final = 5.0  # how long the next one waits for it to put its bytes in order


class Turn:
    """One request's time with an upload. ``over`` once another may have it."""

    def __init__(self) -> None:
        self._listening: asyncio.Timeout | None = None
        self._heard_at = asyncio.get_running_loop().time()
        self._wanted = False
        self.left = asyncio.Event()

    @property
    def wanted(self) -> bool:
        """Whether it was asked back at once."""
        return self._wanted

    @property
    def over(self) -> bool:
        """Whether the turn has ended: nothing may be written in its name any more."""
        return self.left.is_set()

    async def heard(self, chunks: AsyncIterator[bytes], patience: float) -> AsyncIterator[bytes]:
        """The same chunks. Raises UploadStalled when none comes for ``patience`` seconds, or the turn is asked back."""
        chunk: bytes | None = b""
        while chunk is not None:
            if self._wanted:
                raise UploadStalled("The upload was asked back.")
            try:
                async with asyncio.timeout(patience) as self._listening:
                    chunk = await anext(chunks, None)
            except TimeoutError as error:
                raise UploadStalled from error
            finally:
                self._listening = None
            self._heard_at = asyncio.get_running_loop().time()
            if chunk:
                yield chunk

    def ask_back(self, *, at_once: bool) -> bool:
        """End the listening of one that has been silent for a while, or of anyone ``at_once``; whether it may leave soon."""
        now = asyncio.get_running_loop().time()
        self._wanted = self._wanted or at_once
        if self._listening is None or self._listening.expired():
            return True
        if not at_once and now - self._heard_at < QUIET_SECONDS:
            return False
        self._listening.reschedule(now)
        return True


class Desk:
    """Gives turns."""

    def __init__(self) -> None:
        self._turns: dict[Hashable, Turn] = {}

    @asynccontextmanager
    async def turn(self, *key: Hashable, at_once: bool = False) -> AsyncIterator[Turn]:
        """A turn with what ``key`` names. Raises PartBusy while another one has it.

        One who sends bytes all the time keeps the turn, unless it is wanted ``at_once``; one who fell silent loses it.
        """
        if key in self._turns:
            await self._wait(self._turns[key], at_once=at_once)
        if key in self._turns:
            raise PartBusy
        turn = self._turns[key] = Turn()
        try:
            yield turn
        finally:
            del self._turns[key]
            turn.left.set()

    async def _wait(self, other: Turn, *, at_once: bool) -> None:
        if not other.ask_back(at_once=at_once):
            raise PartBusy
        try:
            await asyncio.wait_for(other.left.wait(), LEAVE_SECONDS)
        except TimeoutError as error:
            raise PartBusy from error
