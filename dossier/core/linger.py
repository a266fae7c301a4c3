"""Lingering: a refusal that goes out while the body is still coming reaches whoever sends it.

A connection that is closed over unread bytes is reset, and the reset overtakes the answer: the client, or nginx, which
passes bodies on as they come, would hear of a broken connection and not of the reason. So the rest is read, and thrown
away, for a moment after the answer; slowly, since who cannot send more looks up and finds the answer.
"""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS, MOST_BYTES, PAUSE_SECONDS = 2.0, 32 * 1024 * 1024, 0.02
"""Bounds, for a client that never stops sending."""


class Linger:
    """The outermost layer around everything that may answer before it has read the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _brings_a_body(scope):
            await self.app(scope, receive, send)
            return
        ended = False

        async def watched() -> Message:
            nonlocal ended
            message = await receive()
            ended = ended or message["type"] == "http.disconnect" or not message.get("more_body")
            return message

        await self.app(scope, watched, send)
        if not ended:
            await _throw_away(receive)


def _brings_a_body(scope: Scope) -> bool:
    names = {name: value for name, value in scope["headers"] if name in (b"content-length", b"transfer-encoding")}
    return names.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in names


async def _throw_away(receive: Receive) -> None:
    left = MOST_BYTES
    try:
        async with asyncio.timeout(SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    return
                await asyncio.sleep(PAUSE_SECONDS)
    except TimeoutError:
        return
