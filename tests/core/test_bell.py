"""Bells: heard here, carried by Redis to other processes, and heard here without it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from dossier.core.bell import Bell, RedisBell
from dossier.core.redis import connect
from tools.servers import Redis


async def until(what: Callable[[], bool], seconds: float = 20) -> None:
    """Wait for something, not for ever."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        await asyncio.sleep(0.02)


class TestBell:
    async def test_wakes_who_listens(self) -> None:
        bell = Bell()
        ring = bell.listen()
        bell.ring()
        await asyncio.wait_for(bell.wait(60, ring), 5)

    async def test_waits_no_longer_than_told(self) -> None:
        begun = time.monotonic()
        await Bell().wait(0.05)
        assert 0.04 < time.monotonic() - begun < 5

    async def test_carries_nothing(self) -> None:
        await asyncio.wait_for(Bell().carry(), 5)


class TestRedisBell:
    @pytest.fixture
    async def two(self, redis_server: Redis) -> AsyncIterator[tuple[RedisBell, RedisBell]]:
        """As two processes have them."""
        clients = [connect(redis_server.address), connect(redis_server.address)]
        bells = RedisBell(clients[0]), RedisBell(clients[1])
        carrying = [asyncio.create_task(bell.carry()) for bell in bells]
        await until(lambda: all(bell.is_carried for bell in bells))
        yield bells
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
        for client in clients:
            await client.aclose()

    async def test_heard_elsewhere(self, two: tuple[RedisBell, RedisBell]) -> None:
        here, there = two
        ring = there.listen()
        here.ring()
        await asyncio.wait_for(ring.wait(), 10)

    async def test_ones_own_is_heard_once(self, two: tuple[RedisBell, RedisBell]) -> None:
        here, there = two
        elsewhere = there.listen()
        here.ring()
        again = here.listen()
        await asyncio.wait_for(elsewhere.wait(), 10)
        await here.wait(0.2, again)
        assert not again.is_set()

    async def test_goes_on_alone_and_heals(self, two: tuple[RedisBell, RedisBell], redis_server: Redis) -> None:
        here, there = two
        redis_server.kill()
        await until(lambda: not here.is_carried and not there.is_carried)
        ring = here.listen()
        here.ring()
        assert ring.is_set()
        missed = there.listen()
        redis_server.start()
        await until(lambda: here.is_carried and there.is_carried)
        # Whoever waited meanwhile is woken, for something may have happened.
        await asyncio.wait_for(missed.wait(), 10)
        ring = there.listen()
        here.ring()
        await asyncio.wait_for(ring.wait(), 10)
