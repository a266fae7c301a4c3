"""Many blobs, and what is to stand between them, as one stream of chunks that are each worth a hand-over."""

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from dossier.storage.blobs import Whole
from dossier.storage.errors import BlobDamaged
from dossier.storage.files import refusing

CHUNK: Final = 1 << 20  # bytes that are handed over together
_MOST: Final = 500  # pieces that are handed over together: they take memory too, and tiny files time
_HELD: Final = 3  # chunks in use: one is sent, one waits, one is made
_AHEAD, _SMALL = 8, 1 << 21  # pieces that are asked for ahead, and the most bytes of such a blob: 4 of them as a rule
_LARGE: Final = 1 << 16  # bytes that are handed on by themselves, for a copy costs more


@dataclass(frozen=True, slots=True)
class Span:
    """Some bytes of a blob, from ``start`` on."""

    of: Whole
    start: int
    length: int

    def __len__(self) -> int:
        return self.length


Pieces = AsyncGenerator[bytes | Whole, None]
Batch = list[bytes | Span]
Opened = Callable[[str, int, int], AsyncGenerator[bytes, None]]
Waiting = deque[bytes | asyncio.Task[bytes]]


async def batches(pieces: Pieces) -> AsyncGenerator[Batch, None]:
    """What is handed over together: 1 MiB of up to 500 pieces, or of a part of one; large bytes as they come."""
    batch, size = Batch(), 0
    async with aclosing(pieces):
        async for piece in pieces:
            if isinstance(piece, bytes) and len(piece) >= _LARGE:
                if batch:
                    yield batch
                yield [piece]
                batch, size = [], 0
                continue
            for part in [piece] if isinstance(piece, bytes) else _spans(piece, CHUNK - size):
                batch.append(part)
                size += len(part)
                if size >= CHUNK or len(batch) == _MOST:
                    yield batch
                    batch, size = [], 0
    if batch:
        yield batch


def _spans(whole: Whole, room: int) -> Iterator[Span]:
    """The first one as long as there is room for, the others of a chunk each."""
    at = 0
    while at < whole.size:
        span = Span(whole, at, min(room, whole.size - at))
        yield span
        at, room = at + span.length, CHUNK


class Gathering:
    """Batches read from files, one at a time, into memory that is taken again once nobody holds the bytes any more.

    A ``BytesIO`` hands out the bytes that it fills without a copy, and copies them before they change where somebody still
    holds them. New memory for each MiB would cost 4 × as much as reading it, in page faults.
    """

    def __init__(self, place: Callable[[str], str]) -> None:
        self._place = place
        self._memory: deque[BytesIO] = deque(maxlen=_HELD)

    def read(self, batch: Batch) -> bytes:
        """The batch's bytes. Raises BlobMissing, and BlobDamaged for a blob of another size."""
        if len(batch) == 1 and isinstance(batch[0], bytes):
            return batch[0]
        memory = self._taken(sum(map(len, batch)))
        with memory.getbuffer() as view:
            at = 0
            for part in batch:
                place = view[at : at + len(part)]
                if isinstance(part, bytes):
                    place[:] = part
                else:
                    _read(part, self._place(part.of.key), place)
                at += len(part)
        return memory.getvalue()

    def _taken(self, size: int) -> BytesIO:
        again = size == CHUNK and len(self._memory) == _HELD
        memory = self._memory.popleft() if again else BytesIO(bytes(size))
        if size == CHUNK:
            self._memory.append(memory)
        return memory


def _read(span: Span, path: str, place: memoryview) -> None:
    key, at = span.of.key, span.start
    with refusing(key):
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            if os.fstat(file).st_size != span.of.size:
                raise BlobDamaged.of(key)
            while place:
                count = os.preadv(file, [place], at)
                if not count:
                    raise BlobDamaged.of(key)
                at, place = at + count, place[count:]
        finally:
            os.close(file)


async def fetched(pieces: Pieces, opened: Opened) -> AsyncGenerator[bytes, None]:
    """The bytes of all pieces, from a store that takes its time to answer: small blobs are asked for before their turn."""
    waiting = Waiting()
    async with aclosing(pieces), _ended(waiting):
        async for piece in pieces:
            if isinstance(piece, bytes):
                waiting.append(piece)
            elif piece.size <= _SMALL:
                waiting.append(asyncio.create_task(_whole(piece, opened)))
            else:
                while waiting:
                    yield await _ready(waiting)
                async with aclosing(opened(piece.key, 0, piece.size)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            if len(waiting) > _AHEAD:
                yield await _ready(waiting)
        while waiting:
            yield await _ready(waiting)


async def _whole(piece: Whole, opened: Opened) -> bytes:
    memory = BytesIO(bytes(piece.size))
    async with aclosing(opened(piece.key, 0, piece.size)) as chunks:
        async for chunk in chunks:
            memory.write(chunk)
    return memory.getvalue()


async def _ready(waiting: Waiting) -> bytes:
    first = waiting[0]
    made = first if isinstance(first, bytes) else await first
    waiting.popleft()
    return made


@asynccontextmanager
async def _ended(waiting: Waiting) -> AsyncIterator[None]:
    """Leave none of it running."""
    try:
        yield
    finally:
        tasks = [each for each in waiting if not isinstance(each, bytes)]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
