"""The content of a local file on its way: its digest, then its bytes piece by piece, as long as it stays what it was."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dossier.transfer.errors import FileChanged
from dossier.transfer.trees import source

PIECE: Final = 1 << 18
HASHED_AT_ONCE: Final = 1 << 23
SMALL: Final = 1 << 20
"""A file of at most so many bytes is read whole, once, and goes with the request that begins its upload."""


@dataclass
class Content:
    """An open regular file. ``sha256`` is of what was read first; every later read raises FileChanged where the file has
    changed since."""

    file: int
    size: int
    sha256: str = ""
    _stamp: tuple[int, int] = (0, 0)
    _whole: bytes | None = field(default=None, repr=False)

    async def piece(self, offset: int, most: int) -> bytes:
        """Some bytes, at least one."""
        if self._whole is not None:
            return self._whole[offset : offset + most]
        return await asyncio.to_thread(self._read, offset, most)

    def _read(self, offset: int, most: int) -> bytes:
        found = os.pread(self.file, most, offset)
        self.check()
        if not found:
            raise FileChanged
        return found

    def check(self) -> None:
        """Refuse where size or time of change are others."""
        if _stamp(self.file) != self._stamp:
            raise FileChanged

    async def verify(self) -> None:
        """Read it again; raises FileChanged where it has another digest."""
        if self._whole is None and await self._digest() != self.sha256:
            raise FileChanged

    async def _digest(self) -> str:
        digest, offset = hashlib.sha256(), 0
        while offset < self.size:
            offset += await asyncio.to_thread(self._add, digest, offset)
        return digest.hexdigest()

    def _add(self, digest: "hashlib._Hash", offset: int) -> int:
        found = self._read(offset, min(HASHED_AT_ONCE, self.size - offset))
        digest.update(found)
        return len(found)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Content]:
    """The content of a regular file. Raises OSError, and FileChanged where it changes at this very moment."""
    content = await asyncio.to_thread(_open, path)
    try:
        if not content.sha256:
            content.sha256 = await content._digest()
        yield content
    finally:
        os.close(content.file)


def _open(path: Path) -> Content:
    file = source.open_regular(path)
    try:
        stamp = _stamp(file)
        content = Content(file, stamp[0], _stamp=stamp)
        if content.size <= SMALL:
            whole = os.pread(file, SMALL + 1, 0)
            content.check()
            if len(whole) != content.size:
                raise FileChanged
            content._whole, content.sha256 = whole, hashlib.sha256(whole).hexdigest()
    except BaseException:
        os.close(file)
        raise
    return content


def _stamp(file: int) -> tuple[int, int]:
    found = os.fstat(file)
    return found.st_size, found.st_mtime_ns


class Body:
    """Some bytes of a content as the body of a request. ``sent`` counts them; ``fault`` is what the file did to them."""

    def __init__(self, content: Content, offset: int, length: int, moved: Callable[[int], None]) -> None:
        self.length, self.sent = length, 0
        self.fault: OSError | FileChanged | None = None
        self.alive: Callable[[], None] = lambda: None
        self._content, self._offset, self._moved = content, offset, moved

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.sent < self.length:
            try:
                piece = await self._content.piece(self._offset + self.sent, min(PIECE, self.length - self.sent))
            except (OSError, FileChanged) as error:
                self.fault = error
                raise
            self.alive()
            yield piece
            self.sent += len(piece)
            self._moved(len(piece))
        self.alive()
