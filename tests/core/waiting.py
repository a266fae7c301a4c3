"""Waiting for what comes about by itself, for a bounded time."""

import asyncio
from collections.abc import Callable


async def until(holds: Callable[[], bool], seconds: float = 5) -> None:
    """Let others work until it holds. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while not holds():
        if loop.time() > end:
            raise TimeoutError
        await asyncio.sleep(0.005)
