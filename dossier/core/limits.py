"""Rate limits: how often something may be tried, counted in memory (one process) or elsewhere by another address.

A thin layer over the ``limits`` library. Rules are in its syntax, such as ``10/15minutes``; keys are hashed, since they
hold e-mails.
"""

import ipaddress
import math
import time
from collections.abc import Sequence

from limits import RateLimitItem, parse
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

from dossier.core.errors import RateLimited
from dossier.core.ids import digest


class Limits:
    """Counters with windows. ``address`` is the library's, as in ``async+memory://`` or ``async+redis://…``."""

    def __init__(self, address: str = "async+memory://") -> None:
        storage = storage_from_string(address)
        if not isinstance(storage, Storage):
            raise TypeError(f"Not the address of an async store: {address.partition(':')[0]}")
        self._storage = storage
        self._window = FixedWindowRateLimiter(storage)

    async def spend(self, rule: str, *key: str, times: int = 1) -> None:
        """Count one try; ``times`` widens the rule. Raises RateLimited once the rule is used up."""
        item = _item(rule, times)
        if not await self._window.hit(item, *_hidden(key)):
            until = (await self._window.get_window_stats(item, *_hidden(key))).reset_time
            raise RateLimited(retry_after=max(1, math.ceil(until - time.time())))

    async def give_back(self, rule: str, *key: str, times: int = 1) -> None:
        """Take one counted try back, since it was a good one."""
        item = _item(rule, times)
        await self._storage.incr(item.key_for(*_hidden(key)), item.get_expiry(), amount=-1)

    async def forgive(self, rule: str, *key: str, times: int = 1) -> None:
        """Forget all tries under this key."""
        await self._window.clear(_item(rule, times), *_hidden(key))


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
