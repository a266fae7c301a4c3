"""Rate limits."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from dossier.core.errors import RateLimited
from dossier.core.limits import Limits, client_address
from dossier.core.redis import SECONDS, connect
from tools.servers import Redis

RULE = "3/hour"
TWO = "2/15minutes"


class TestSpend:
    async def test_counts_per_key(self) -> None:
        limits = Limits()
        for _ in range(3):
            await limits.spend(RULE, "a", "b")
        with pytest.raises(RateLimited) as caught:
            await limits.spend(RULE, "a", "b")
        assert 3590 < (caught.value.retry_after or 0) <= 3600
        await limits.spend(RULE, "ab", "")
        await limits.spend(RULE, "a", "c")

    async def test_widens(self) -> None:
        limits = Limits()
        for _ in range(6):
            await limits.spend(RULE, "a", times=2)
        with pytest.raises(RateLimited):
            await limits.spend(RULE, "a", times=2)

    async def test_all_at_once_is_no_way_around(self) -> None:
        limits = Limits()
        done = await asyncio.gather(*(limits.spend(RULE, "a") for _ in range(50)), return_exceptions=True)
        assert sum(1 for one in done if one is None) == 3

    async def test_begins_anew(self) -> None:
        limits = Limits()
        await limits.spend("1/second", "a")
        with pytest.raises(RateLimited):
            await limits.spend("1/second", "a")
        await asyncio.sleep(1.1)
        await limits.spend("1/second", "a")


class TestForgive:
    async def test_one_try_or_all(self) -> None:
        limits = Limits()
        for _ in range(3):
            await limits.spend(RULE, "a")
        await limits.give_back(RULE, "a")
        await limits.spend(RULE, "a")
        with pytest.raises(RateLimited):
            await limits.spend(RULE, "a")
        await limits.forgive(RULE, "a")
        await limits.spend(RULE, "a")


class TestShared:
    @pytest.fixture
    async def two(self, redis_server: Redis) -> AsyncIterator[tuple[Limits, Limits]]:
        """As two processes have them."""
        clients = [connect(redis_server.address), connect(redis_server.address)]
        yield Limits(clients[0]), Limits(clients[1])
        for client in clients:
            await client.aclose()

    async def test_counted_together(self, two: tuple[Limits, Limits]) -> None:
        here, there = two
        await here.spend(TWO, "a")
        await there.spend(TWO, "a")
        for limits in two:
            with pytest.raises(RateLimited) as refused:
                await limits.spend(TWO, "a")
            assert 0 < (refused.value.retry_after or 0) <= 900
        await there.forgive(TWO, "a")
        await here.spend(TWO, "a")

    async def test_keys_tell_nothing(self, two: tuple[Limits, Limits], redis_server: Redis) -> None:
        await two[0].spend(TWO, "olga@example.com")
        client = connect(redis_server.address)
        keys = [key async for key in client.scan_iter()]
        await client.aclose()
        assert [key for key in keys if key.startswith(b"dossier:limits")] == keys != []
        assert not any(b"olga" in key for key in keys)

    async def test_each_by_itself_while_it_is_away(
        self, two: tuple[Limits, Limits], redis_server: Redis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("dossier.core.limits.ANEW_SECONDS", 0.0)
        here, there = two
        await here.spend(TWO, "a")
        redis_server.kill()
        for limits in two:
            for _ in range(2):
                await limits.spend(TWO, "a")
            with pytest.raises(RateLimited):
                await limits.spend(TWO, "a")
        redis_server.start()
        await here.spend(TWO, "a")
        await there.spend(TWO, "a")
        with pytest.raises(RateLimited):
            await here.spend(TWO, "a")

    async def test_a_hanging_one_costs_seconds_once(self, two: tuple[Limits, Limits], redis_server: Redis) -> None:
        redis_server.pause()
        begun = time.monotonic()
        for _ in range(2):
            await two[0].spend(TWO, "a")
        redis_server.resume()
        assert time.monotonic() - begun < 4 * SECONDS


class TestClientAddress:
    @pytest.mark.parametrize(
        ("peer", "forwarded", "proxies", "address"),
        [
            ("192.0.2.1", [], 0, "192.0.2.1"),
            ("192.0.2.1", ["198.51.100.1"], 0, "192.0.2.1"),
            ("192.0.2.1", ["203.0.113.9, 198.51.100.1"], 1, "198.51.100.1"),
            ("192.0.2.1", ["203.0.113.9", "198.51.100.1"], 1, "198.51.100.1"),
            ("192.0.2.1", ["203.0.113.9, 198.51.100.1, 192.0.2.7"], 2, "198.51.100.1"),
            ("192.0.2.1", ["198.51.100.1"], 2, "198.51.100.1"),
            ("192.0.2.1", [], 1, "192.0.2.1"),
            ("192.0.2.1", [" , "], 1, "192.0.2.1"),
            ("192.0.2.1", ["garbage"], 1, "192.0.2.1"),
            ("2001:db8:1:2:3:4:5:6", [], 0, "2001:db8:1:2::/64"),
            ("fe80::1%eth0", [], 0, "fe80::/64"),
            ("::ffff:192.0.2.1", [], 0, "192.0.2.1"),
            (None, [], 0, "unknown"),
            ("/run/dossier.sock", [], 0, "unknown"),
        ],
    )
    def test_believes_only_trusted_proxies(
        self, peer: str | None, forwarded: list[str], proxies: int, address: str
    ) -> None:
        assert client_address(peer, forwarded, proxies) == address
