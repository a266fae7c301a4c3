"""Rate limits."""

import asyncio

import pytest

from dossier.core.errors import RateLimited
from dossier.core.limits import Limits, client_address

RULE = "3/hour"


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


class TestAddress:
    def test_only_of_an_async_store(self) -> None:
        with pytest.raises(TypeError):
            Limits("memory://")


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
