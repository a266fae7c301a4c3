"""Blobs in a bucket: ``blobs/<key>`` when whole; ``parts/<key>`` and ``leases/<key>`` while they come in parts.

How bytes become an object is in ``sending.py``, what is kept between appends in ``s3_parts.py``, and the requests
themselves are in ``bucket.py``.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from datetime import timedelta
from io import BytesIO
from typing import Final
from uuid import UUID

from dossier.core.errors import DossierError
from dossier.core.ids import new_id
from dossier.storage.blobs import (
    HEAD_BYTES,
    BlobEntry,
    BlobStore,
    OfferedPart,
    StoredBlob,
    checked_key,
    is_key,
    new_key,
)
from dossier.storage.errors import BlobDamaged, BlobMissing, BodyTooLarge, StorageFailed, Unhashed
from dossier.storage.joining import Pieces, batches, fetched
from dossier.storage.parts import Running, stored
from dossier.storage.s3.answers import Begun, BeyondEnd, Gone
from dossier.storage.s3.appending import Appending
from dossier.storage.s3.bucket import Bucket
from dossier.storage.s3.offering import Offering
from dossier.storage.s3.sending import Sending, Target
from dossier.storage.s3.state import LEASE_SECONDS, Kept, Lease, State
from dossier.storage.sums import Sums

_BLOBS: Final = "blobs/"
_PARTS: Final = "parts/"
_KEY_CHARACTERS: Final = frozenset("0123456789abcdef/")


class S3Blobs(BlobStore):
    """A ``BlobStore`` in one bucket; any number of processes may share it.

    An upload in flight holds two parts of ``part_bytes``, one that goes on where it was cut off three; a download holds
    about 1 MiB and a connection.
    """

    def __init__(self, bucket: Bucket, part_bytes: int, *, lease_seconds: float = LEASE_SECONDS) -> None:
        self._bucket, self._part_bytes, self._lease_seconds = bucket, part_bytes, lease_seconds
        self._pool = ThreadPoolExecutor(2, "blob-hash")
        self._running = Running()
        self._uploads: set[str] = set()  # under way in this process: no sweep takes these

    async def put(
        self, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None, key: str | None = None
    ) -> StoredBlob:
        key = checked_key(key or new_key(workspace_id))
        whole, size, head = Sums(), 0, b""
        sending = Sending(self._pool, self._target(key), whole)
        try:
            async for chunk in chunks:
                size += len(chunk)
                if limit is not None and size > limit:
                    raise BodyTooLarge(f"At most {limit} bytes are allowed.", limit=limit)
                head = head if len(head) == HEAD_BYTES else (head + chunk)[:HEAD_BYTES]
                await sending.feed(chunk)
            await sending.finish()
        except BaseException:
            # Shielded, for a second cancellation must not stop the removal.
            await asyncio.shield(sending.discard())
            raise
        finally:
            self._uploads.discard(sending.target.upload)
        return StoredBlob(key, whole.digest(), size, head, whole.crc32)

    def _target(self, key: str, state: State | None = None) -> Target:
        target = Target(self._bucket, _BLOBS + key, self._part_bytes, self._uploads.add)
        if state is not None:
            target.upload, target.parts, target.number = state.upload, state.parts, state.number
        return target

    async def append(
        self, key: str, offset: int, chunks: AsyncIterator[bytes], *, synced: Callable[[int], Awaitable[None]]
    ) -> int:
        checked_key(key)
        async with self._lease(key) as lease:
            there = await self._bucket.head(_BLOBS + key)
            if there is not None:
                return await _skipped(key, offset, chunks, there.size)
            kept = Kept(self._bucket, key)
            state = await kept.read()
            if state is None and offset:
                raise BlobMissing.of(key)
            state = state or State()
            tail = state.cut(key, offset, skipping=lease.stolen)
            sending = Sending(self._pool, self._target(key, state), self._running.take(key, offset), tail)
            return await self._append(key, Appending(sending, kept, state, lease, synced), chunks)

    async def _append(self, key: str, appending: Appending, chunks: AsyncIterator[bytes]) -> int:
        try:
            await appending.run(chunks)
        except BaseException:
            # Shielded, for a second cancellation must not stop what makes the bytes count that have come.
            await asyncio.shield(appending.settle())
            raise
        finally:
            self._running.keep(key, appending.durable, appending.hash)
            self._uploads.discard(appending.upload)
        return appending.durable

    def _lease(self, key: str) -> Lease:
        return Lease(self._bucket, key, self._lease_seconds)

    async def finish(
        self, key: str, size: int, sha256: bytes | None = None, *, most_read: int | None = None
    ) -> StoredBlob:
        checked_key(key)
        async with self._lease(key):
            known = self._running.take(key, size) or sha256
            kept = Kept(self._bucket, key)
            state = await kept.read()
            if state is not None:
                await self._publish(key, size, state)
                await kept.forget()
            return await self._finished(key, size, known, most_read)

    offers = True

    async def offer(self, key: str, size: int, sha256: bytes | None = None) -> list[OfferedPart]:
        return await Offering(self._bucket, checked_key(key), _BLOBS + key, size).missing(sha256)

    async def _publish(self, key: str, size: int, state: State) -> None:
        if state.offered and await self._bucket.head(_BLOBS + key) is None:
            state.parts = await Offering(self._bucket, key, _BLOBS + key, size).parts(state.upload)
        elif state.offered:
            return
        if state.size != size:
            raise BlobDamaged.of(key)
        await self._target(key, state).publish(BytesIO(state.tail), hashlib.sha256(state.tail).digest())

    async def _finished(self, key: str, size: int, known: Sums | bytes | None, most_read: int | None) -> StoredBlob:
        """What is published, with sums that are known or read now."""
        if await self.size(key) != size:
            raise BlobDamaged.of(key)
        head = b"".join([chunk async for chunk in self.open(key, 0, min(size, HEAD_BYTES))])
        known = known or await self._bucket.verified(_BLOBS + key)
        if known is None:
            if most_read is not None and size > most_read:
                raise Unhashed
            known = Sums()
            async for chunk in self.open(key):
                await asyncio.get_running_loop().run_in_executor(self._pool, known.update, chunk)
        return stored(key, known, size, head)

    async def drop(self, key: str) -> None:
        kept = Kept(self._bucket, key)
        self._running.keep(key, 0, None)
        if there := await kept.head():
            await kept.forget()
            if upload := there.notes.get("upload"):
                await self._bucket.abort(_BLOBS + key, upload)
        await Lease(self._bucket, key).forget()

    async def parts(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        async for entry in self._list(_PARTS, prefix):
            there = await Kept(self._bucket, entry.key).head()
            if there is not None:
                yield BlobEntry(entry.key, int(there.notes["size"]), there.modified_at)

    async def _list(self, room: str, prefix: str) -> AsyncIterator[BlobEntry]:
        if not _KEY_CHARACTERS.issuperset(prefix):
            return  # not every text could be written in XML
        async for entry in self._bucket.list_(room + prefix):
            key = entry.name.removeprefix(room)
            if is_key(key) and key.startswith(prefix):  # what else lies there is not ours
                yield BlobEntry(key, entry.size, entry.modified_at)

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        return self._read(checked_key(key), start, length)

    async def _read(self, key: str, start: int, length: int | None) -> AsyncGenerator[bytes, None]:
        if length == 0:
            await self.size(key)
            return
        chunks = self._bucket.read(_BLOBS + key, start, length)
        try:
            async for chunk in chunks:
                yield chunk
        except Gone as error:
            raise BlobMissing.of(key) from error
        except BeyondEnd as error:
            if length is not None:
                raise BlobDamaged.of(key) from error
        finally:
            await chunks.aclose()  # the connection goes back with it

    async def join(self, pieces: Pieces) -> AsyncGenerator[bytes, None]:
        async with aclosing(batches(fetched(pieces, self.open))) as made:
            async for batch in made:
                yield b"".join([part for part in batch if isinstance(part, bytes)])  # there is nothing else

    async def size(self, key: str) -> int:
        there = await self._bucket.head(_BLOBS + checked_key(key))
        if there is None:
            raise BlobMissing.of(key)
        return there.size

    async def delete(self, key: str) -> None:
        await self._bucket.delete(_BLOBS + checked_key(key))

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        async for entry in self._list(_BLOBS, prefix):
            yield entry

    def local_path(self, key: str) -> None:
        checked_key(key)

    async def link(self, key: str, *, disposition: str, media_type: str) -> str:
        headers = {"Content-Disposition": disposition, "Content-Type": media_type, "Cache-Control": "no-store"}
        return await self._bucket.link(_BLOBS + checked_key(key), headers)

    async def sweep_temporary(self, older_than: timedelta) -> int:
        swept = 0
        async for begun in self._bucket.uploads(_BLOBS):
            if begun.upload in self._uploads or begun.idle < older_than or await self._is_kept(begun):
                continue
            await self._bucket.abort(begun.name, begun.upload)
            swept += 1
        return swept

    async def _is_kept(self, begun: Begun) -> bool:
        """Whether a blob that comes in parts has it; those end by ``drop``."""
        there = await Kept(self._bucket, begun.name.removeprefix(_BLOBS)).head()
        return there is not None and there.notes.get("upload") == begun.upload

    async def check(self) -> None:
        try:
            await self._bucket.probe(f"check/{new_id().hex}")
        except DossierError as error:
            raise StorageFailed(error.detail, retry_after=error.retry_after) from error

    async def close(self) -> None:
        self._pool.shutdown(wait=False)
        await self._bucket.close()


async def _skipped(key: str, offset: int, chunks: AsyncIterator[bytes], size: int) -> int:
    """Count bytes that are published already."""
    if offset > size:
        raise BlobDamaged.of(key)
    async for chunk in chunks:
        offset = min(offset + len(chunk), size)
    return offset
