"""Bytes to send, and what a place holds."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

from dossier.connectors import Connector, Content, Item, RemoteError


def content(data: bytes, *, announced: bytes | None = None, piece: int = 1 << 16) -> Content:
    """A content of these bytes that says it were ``announced``."""
    said = data if announced is None else announced

    async def read(start: int) -> AsyncIterator[bytes]:
        for at in range(start, len(data), piece):
            yield data[at : at + piece]

    return Content(len(said), hashlib.sha256(said).digest(), "text/plain", read)


class Gate:
    """A content that stops after its first half until it is let on, or fails there."""

    def __init__(self, data: bytes, error: Exception | None = None) -> None:
        self._data, self._error = data, error
        self.reached, self.open = asyncio.Event(), asyncio.Event()
        self.content = Content(len(data), hashlib.sha256(data).digest(), "text/plain", self._read)

    async def _read(self, start: int) -> AsyncIterator[bytes]:
        half = len(self._data) // 2
        # Small pieces: one is held back until the next one comes.
        for at in range(start, len(self._data), 1 << 16):
            if at >= half and not self.reached.is_set():
                self.reached.set()
                await self.open.wait()
                if self._error is not None:
                    raise self._error
            yield self._data[at : at + (1 << 16)]


async def read(connector: Connector, item_id: str, if_tag: str | None = None) -> bytes:
    """A file's bytes."""
    async with connector.open(item_id, if_tag=if_tag) as pieces:
        return b"".join([piece async for piece in pieces])


async def read_version(connector: Connector, item_id: str, version_id: str) -> bytes:
    """The bytes of one that is not the newest."""
    async with connector.open_version(item_id, version_id) as pieces:
        return b"".join([piece async for piece in pieces])


async def listed(connector: Connector) -> dict[str, Item]:
    """Everything, by id; a folder has come before what lies in it."""
    found: dict[str, Item] = {}
    async for page in connector.changes():
        for item in page.items:
            assert item.parent_id is None or item.parent_id in found
            found[item.id] = item
    return found


async def listed_at_last(connector: Connector) -> dict[str, Item]:
    """Everything. rclone breaks off the first listing of a folder that a file is being written in: that says nothing."""
    try:
        return await listed(connector)
    except RemoteError as error:
        if error.kind != "unreachable":
            raise
        return await listed(connector)
