"""A receiver of webhooks on this machine, which answers as a test wants it to."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Got:
    """One request that came."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> Any:
        """The CloudEvent."""
        return json.loads(self.body)

    @property
    def id(self) -> str:
        """Its webhook-id."""
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """``got`` is all that came, in order; ``answer`` is asked for each (its default is 204)."""

    url: str = ""
    got: list[Got] = field(default_factory=list)
    answer: Answer | None = None

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Keep a request, and answer it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.got.append(Got(headers, await request.read()))
        return web.Response(status=204) if self.answer is None else await self.answer(request)

    @property
    def events(self) -> list[Any]:
        """The events that came."""
        return [got.event for got in self.got]

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [event["type"] for event in self.events]

    def clear(self) -> None:
        """Forget what came."""
        self.got.clear()


def status(code: int, text: str = "", **headers: str) -> Answer:
    """Answers so."""

    async def answer(_request: web.Request) -> web.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, text=text, headers=named)

    return answer


async def reset(request: web.Request) -> web.StreamResponse:
    """Breaks the connection."""
    assert request.transport is not None
    request.transport.abort()
    await asyncio.sleep(0.01)
    return web.Response()


async def hang(_request: web.Request) -> web.StreamResponse:
    """Answers nothing, for as long as a test lasts."""
    await asyncio.sleep(30)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    """Answers 200, and its body a byte at a time for ever."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    with suppress(ConnectionError):
        while True:
            await answer.write(b".")
            await asyncio.sleep(0.02)
    return answer


async def huge(request: web.Request) -> web.StreamResponse:
    """Answers 200 and more than anybody wants to read."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    with suppress(ConnectionError):
        for _ in range(1000):
            await answer.write(b"x" * 2**20)
    return answer
