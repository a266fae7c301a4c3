"""Rate limits: how often something may be tried, counted in memory (one process) or in Redis (all of them).

A thin layer over the ``limits`` library. Rules are in its syntax, such as ``10/15minutes``; keys are hashed, since they
hold e-mails. While Redis is away each process counts by itself: a limit never opens the door, nor does it keep it shut.
"""

import contextlib
import ipaddress
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.errors import StorageError

from dossier.core.errors import RateLimited
from dossier.core.ids import digest
from dossier.core.log import log

if TYPE_CHECKING:
    from redis.asyncio import Redis

T = TypeVar("T")
ANEW_SECONDS = 5.0


class _Counters:
    """The library's counters in one store."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.window = FixedWindowRateLimiter(storage)


class Limits:
    """Counters with windows, in ``redis``; without one they are this process's own."""

    def __init__(self, redis: "Redis | None" = None) -> None:
        self._own, self._redis = _Counters(MemoryStorage()), redis
        self._shared = _Counters(_in(redis)) if redis is not None else None
        self._away_until = 0.0

    async def spend(self, rule: str, *key: str, times: int = 1) -> None:
        """Count one try; ``times`` widens the rule. Raises RateLimited once the rule is used up."""
        item, hidden = _item(rule, times), _hidden(key)

        async def hit(counters: _Counters) -> float | None:
            if await counters.window.hit(item, *hidden):
                return None
            return (await counters.window.get_window_stats(item, *hidden)).reset_time

        until = await self._do(hit)
        if until is not None:
            raise RateLimited(retry_after=max(1, math.ceil(until - time.time())))

    async def give_back(self, rule: str, *key: str, times: int = 1) -> None:
        """Take one counted try back, since it was a good one."""
        item = _item(rule, times)
        name = item.key_for(*_hidden(key))
        await self._do(lambda counters: counters.storage.incr(name, item.get_expiry(), amount=-1))

    async def forgive(self, rule: str, *key: str, times: int = 1) -> None:
        """Forget all tries under this key."""
        await self._do(lambda counters: counters.window.clear(_item(rule, times), *_hidden(key)))

    async def _do(self, step: Callable[[_Counters], Awaitable[T]]) -> T:
        if self._shared is not None and time.monotonic() >= self._away_until:
            try:
                return await step(self._shared)
            except StorageError as error:
                log.warning("redis.away", reason=type(error.storage_error).__name__)
                self._away_until = time.monotonic() + ANEW_SECONDS
                await self._let_go()
        return await step(self._own)

    async def _let_go(self) -> None:
        # After a failover the address leads to another server; a connection that is kept leads to one that only reads.
        if self._redis is not None:
            with contextlib.suppress(Exception):
                await self._redis.connection_pool.disconnect(inuse_connections=False)


def _in(redis: "Redis") -> Storage:
    pool: Any = redis.connection_pool
    return RedisStorage(
        "async+redis://",
        wrap_exceptions=True,
        implementation="redispy",
        key_prefix="dossier:limits",
        connection_pool=pool,
    )


def _item(rule: str, times: int) -> RateLimitItem:
    item = parse(rule)
    return type(item)(item.amount * times, item.multiples)


def _hidden(key: Sequence[str]) -> list[str]:
    return [digest(part).hex()[:32] for part in key]


def client_address(peer: str | None, forwarded: Sequence[str], proxies: int) -> str:
    """Who asks: the peer, or what the outermost of ``proxies`` trusted ones saw (``X-Forwarded-For``, in order).

    Whatever stands further left was written by the client and is not believed. An IPv6 address counts as its /64, which
    is what one customer gets.
    """
    seen = [part.strip() for line in forwarded for part in line.split(",") if part.strip()]
    told = seen[-min(proxies, len(seen))] if proxies and seen else peer
    return _plain(told) or _plain(peer) or "unknown"


def _plain(address: str | None) -> str | None:
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.IPv6Network((ip, 64), strict=False))
    return str(ip)
