"""A TCP proxy that tests put between the program and a server, to spoil what passes: hang, cut, or turn a byte over."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

PIECE = 65536


class Proxy:
    """Passes bytes both ways. What it does to requests can be changed at any time and counts for new bytes."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._passing = asyncio.Event()
        self._passing.set()
        self.up_left: int | None = None
        """How many bytes may still go to the server before every connection is cut."""
        self.down_left: int | None = None
        """How many bytes may still come from the server before the connection that brings them is cut, once."""
        self.spoil: Callable[[bytes], bytes] = bytes
        """What becomes of bytes on their way to the server."""
        self.connections = 0

    @property
    def endpoint(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)

    def hang(self) -> None:
        """Take connections and bytes, and pass none on."""
        self._passing.clear()

    def go_on(self) -> None:
        """Pass on again, what was held back too."""
        self._passing.set()

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there: asyncio.StreamWriter | None = None
        try:
            back, there = await asyncio.open_connection("127.0.0.1", self._upstream)
            ways = [asyncio.create_task(self._up(reader, there)), asyncio.create_task(self._down(back, writer))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass  # the server is away, or the test is over: so is the client's connection then
        finally:
            self._tasks.discard(task)
            for each in (writer, there):
                if each is not None:
                    each.close()

    async def _up(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                await self._passing.wait()
                if self.up_left is not None:
                    data, self.up_left = data[: self.up_left], max(self.up_left - len(data), 0)
                    if not data:
                        return
                writer.write(self.spoil(data))
                await writer.drain()

    async def _down(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                await self._passing.wait()
                if self.down_left is not None and len(data) > self.down_left:
                    writer.write(data[: self.down_left])
                    await writer.drain()
                    self.down_left = None
                    return
                if self.down_left is not None:
                    self.down_left -= len(data)
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def proxied(port: int) -> AsyncIterator[Proxy]:
    """A proxy in front of a port of this machine."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
