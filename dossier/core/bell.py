"""A bell that wakes whoever waits: workers after a commit, live streams. Missing a ring costs only a poll's delay."""

import asyncio
import contextlib
from typing import TYPE_CHECKING

from dossier.core.ids import new_id
from dossier.core.log import log

if TYPE_CHECKING:
    from redis.asyncio import Redis

CHANNEL = "dossier:bell"
AGAIN_SECONDS, MOST_AGAIN_SECONDS = 0.2, 5.0


class Bell:
    """Rung after a commit that recorded events or jobs; heard within one process.

    Who must not miss a ring takes ``listen()`` before looking at the database, and waits with that.
    """

    def __init__(self) -> None:
        self._ring = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who has listened since the last ring."""
        self._wake()

    def _wake(self) -> None:
        self._ring.set()
        self._ring = asyncio.Event()

    def listen(self) -> asyncio.Event:
        """What the next ring sets."""
        return self._ring

    async def wait(self, seconds: float, ring: asyncio.Event | None = None) -> None:
        """Wait for the ring that was listened for (the next one without), at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for((ring or self._ring).wait(), seconds)

    async def carry(self) -> None:
        """Carry rings between processes until cancelled; this bell is heard in its own process only."""


class RedisBell(Bell):
    """Heard in every process that carries it, by Redis' PUBLISH and SUBSCRIBE.

    Redis may go and come: meanwhile each process hears its own rings, and polls are the rest. ``is_carried`` tells.
    """

    def __init__(self, redis: "Redis") -> None:
        super().__init__()
        self._redis, self._id = redis, new_id().hex
        self._due = asyncio.Event()
        self.is_carried = False

    def ring(self) -> None:
        """Wake everyone here, and a moment later everyone elsewhere; many rings at once are one."""
        self._wake()
        self._due.set()

    async def carry(self) -> None:
        """Tell the others of rings here, and ring for theirs, until cancelled."""
        await asyncio.gather(self._tell(), self._hear())

    async def _tell(self) -> None:
        from redis.exceptions import RedisError

        while True:
            await self._due.wait()
            self._due.clear()
            try:
                await self._redis.publish(CHANNEL, self._id)
            except (RedisError, OSError):
                await asyncio.sleep(AGAIN_SECONDS)  # the others poll

    async def _hear(self) -> None:
        from redis.exceptions import RedisError

        pause = AGAIN_SECONDS
        while True:
            try:
                async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
                    await channel.subscribe(CHANNEL)
                    self.is_carried, pause = True, AGAIN_SECONDS
                    self._wake()  # for what was rung while nobody carried
                    await self._follow(channel)
            except (RedisError, OSError) as error:
                if self.is_carried or pause == AGAIN_SECONDS:
                    log.warning("redis.away", reason=type(error).__name__)
                self.is_carried = False
                await asyncio.sleep(pause)
                pause = min(2 * pause, MOST_AGAIN_SECONDS)

    async def _follow(self, channel: "object") -> None:
        while True:
            # With a time-out of its own, so that the library looks whether the connection is still alive.
            message = await channel.get_message(timeout=10)  # type: ignore[attr-defined]  # untyped in the library
            if message is not None and message["data"] != self._id.encode():
                self._wake()
