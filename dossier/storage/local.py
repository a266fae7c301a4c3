"""Blobs on the local disk: ``root/<workspace>/<last two hex digits>/<uuid>``, begun in ``root/.tmp`` or ``root/.parts``.

What happens to the files, and in which order they are synced, is in ``files.py`` and ``parts.py``.
"""

import asyncio
import fcntl
import os
import re
import sys
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple
from uuid import UUID

from dossier.core.errors import DossierError, StorageFull
from dossier.core.log import log
from dossier.storage import parts
from dossier.storage.blobs import BlobEntry, BlobStore, StoredBlob, checked_key, new_key
from dossier.storage.errors import BlobMissing, StorageFailed
from dossier.storage.files import Buffer, Directories, Reader, Upload, refusing
from dossier.storage.joining import Gathering, Pieces, batches
from dossier.storage.parts import Part, Running

_WRITERS: Final = 16  # fsyncs that may wait for the disk at once; readers have threads of their own
_READERS: Final = 8

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class LocalBlobs(BlobStore):
    """A ``BlobStore`` in one directory of one file system; several processes may share it.

    An upload or download in flight holds about 2 MiB, and a thread only while there is something to write or read,
    so slow clients cost no threads. The first ``put`` or ``check`` makes ``root``.
    """

    def __init__(self, root: Path) -> None:
        self._directories = Directories(root)
        self._writers = ThreadPoolExecutor(_WRITERS, "blob-write", _give_way)
        self._readers = ThreadPoolExecutor(_READERS, "blob-read")
        self._running = Running()

    async def put(
        self, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None, key: str | None = None
    ) -> StoredBlob:
        upload = Upload(self._directories, key or new_key(workspace_id), limit)
        try:
            await self._receive(upload, chunks)
        except BaseException:
            # Shielded, for a second cancellation must not stop the removal.
            await asyncio.shield(_in(self._writers, upload.discard))
            raise
        return upload.stored()

    async def _receive(self, upload: Upload, chunks: AsyncIterator[bytes]) -> None:
        """One buffer is hashed and written while the other fills; a body that fits into one takes a single hop."""
        writing: asyncio.Future[None] | None = None
        filling = Buffer()
        other: Buffer | None = None
        async for chunk in chunks:
            upload.count(len(chunk))
            rest = memoryview(chunk)
            while rest := filling.take(rest):
                if writing is not None:
                    await writing
                writing = _in(self._writers, upload.write, filling)
                filling, other = other or Buffer(), filling
        if writing is not None:
            await writing
        await _in(self._writers, upload.finish, filling)

    async def append(
        self, key: str, offset: int, chunks: AsyncIterator[bytes], *, synced: Callable[[int], Awaitable[None]]
    ) -> int:
        part = Part(self._directories, key, offset, self._running.take(key, offset))
        appending = _Appending(self._writers, part, synced)
        try:
            await _in(self._writers, part.open)
            await appending.run(chunks)
        except BaseException:
            # Shielded, for a second cancellation must not stop what makes the bytes count that have come.
            await asyncio.shield(appending.settle())
            raise
        finally:
            hash_ = await asyncio.shield(_in(self._writers, part.close))
            self._running.keep(key, part.durable, hash_)
        return part.durable

    async def finish(
        self, key: str, size: int, sha256: bytes | None = None, *, most_read: int | None = None
    ) -> StoredBlob:
        known = self._running.take(key, size) or sha256
        return await _in(self._writers, parts.finish, self._directories, key, size, known, most_read)

    offers = False

    async def offer(self, key: str, size: int, sha256: bytes | None = None) -> None:
        checked_key(key)

    async def drop(self, key: str) -> None:
        self._running.keep(key, 0, None)
        await _in(self._writers, _unlink, self._directories.part(key))

    async def parts(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        for entry in await _in(self._readers, _parts, self._directories.parts, prefix):
            yield entry

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        return self._read(Reader(key, self.local_path(key), start, length))

    async def _read(self, reader: Reader) -> AsyncGenerator[bytes, None]:
        try:
            chunk = await _in(self._readers, reader.read)
            while chunk:
                # The next chunk leaves the disk while this one is sent: 1.4 × the speed of taking turns.
                ahead = _in(self._readers, reader.read) if reader.left else None
                yield chunk
                chunk = await ahead if ahead is not None else b""
        finally:
            if not reader.closed:
                self._readers.submit(reader.close)

    async def join(self, pieces: Pieces) -> AsyncGenerator[bytes, None]:
        # Nothing is open between two chunks: who goes away leaves nothing behind.
        gathering = Gathering(self._directories.place)
        async with aclosing(batches(pieces)) as made:
            async for batch in made:
                yield await _in(self._readers, gathering.read, batch)

    async def size(self, key: str) -> int:
        return await _in(self._readers, _size, key, self.local_path(key))

    async def delete(self, key: str) -> None:
        await _in(self._writers, _unlink, self.local_path(key))

    async def keys(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        root = self._directories.root
        for workspace in await _in(self._readers, _names, root, 32):
            if workspace.startswith(prefix[:32]):
                for shard in await _in(self._readers, _names, root / workspace, 2):
                    for entry in await _in(self._readers, _entries, root / workspace / shard, prefix):
                        yield entry

    def local_path(self, key: str) -> Path:
        return self._directories.path(key)

    async def link(self, key: str, *, disposition: str, media_type: str) -> None:
        checked_key(key)

    async def sweep_temporary(self, older_than: timedelta) -> int:
        return await _in(self._writers, _sweep, self._directories.temporary, older_than)

    async def check(self) -> None:
        await _in(self._writers, _probe, Upload(self._directories, new_key(UUID(int=0)), None))

    async def close(self) -> None:
        """Nothing to let go of: the threads end with the process."""


class _Appending:
    """The way of chunks into a part: one buffer is hashed and written while the other fills; syncs come between."""

    def __init__(self, pool: ThreadPoolExecutor, part: Part, synced: Callable[[int], Awaitable[None]]) -> None:
        self._pool, self._part, self._synced, self._told = pool, part, synced, part.durable
        self._writing: asyncio.Future[None] | None = None
        self._filling = Buffer()
        self._other: Buffer | None = None

    async def run(self, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            if self._part.published:
                self._part.skip(len(chunk))
                continue
            rest = memoryview(chunk)
            while rest := self._filling.take(rest):
                await self._written()
                self._writing = _in(self._pool, self._part.write, self._filling)
                self._filling, self._other = self._other or Buffer(), self._filling
            if self._part.is_due():
                await self._sync()
                await self._tell()
        await self._sync()

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _sync(self) -> None:
        await self._written()
        await _in(self._pool, self._part.sync, self._filling)

    async def _tell(self) -> None:
        if self._part.durable > self._told:
            self._told = self._part.durable
            await self._synced(self._told)

    async def settle(self) -> None:
        """Make durable what has come and say so, after an error that is on its way to the caller."""
        try:
            if self._writing is not None:
                await asyncio.wait([self._writing])
            await _in(self._pool, self._part.sync, self._filling)
            await self._tell()
        except DossierError as error:
            log.warning("storage.part_not_settled", code=error.code)


def _give_way() -> None:
    """Let this thread's hashing wait for those that answer requests, where the processor is short."""
    if sys.platform == "linux":  # elsewhere it would be the whole process
        thread = threading.get_native_id()
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + 10)


def _in(pool: ThreadPoolExecutor, call: Callable[[*Ts], R], *args: *Ts) -> "asyncio.Future[R]":
    """The call's result, from a thread of ``pool``."""
    future = asyncio.get_running_loop().run_in_executor(pool, call, *args)
    # A write whose `put` has failed already is awaited by nobody; its error is no news then.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def _size(key: str, path: Path) -> int:
    with refusing(key):
        return path.stat().st_size


def _unlink(path: Path) -> None:
    with refusing():
        path.unlink(missing_ok=True)


def _names(directory: Path, length: int) -> list[str]:
    """The names in the directory that are ``length`` hex digits; what else lies there is not ours."""
    with refusing():
        names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return [name for name in names if re.fullmatch(f"[0-9a-f]{{{length}}}", name)]


def _entries(shard: Path, prefix: str) -> list[BlobEntry]:
    keys = (f"{shard.parent.name}/{name}" for name in _names(shard, 32))
    return [entry for key in keys if key.startswith(prefix) for entry in _entry(key, shard / key[33:])]


def _entry(key: str, path: Path) -> Iterator[BlobEntry]:
    """One line of the listing, or none if the blob has gone meanwhile."""
    with suppress(BlobMissing), refusing(key):
        status = path.stat()
        yield BlobEntry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _parts(directory: Path, prefix: str) -> list[BlobEntry]:
    with refusing():
        names = [path.name for path in directory.iterdir()] if directory.exists() else []
    keys = (name.replace("-", "/") for name in names if re.fullmatch("[0-9a-f]{32}-[0-9a-f]{32}", name))
    return [entry for key in keys if key.startswith(prefix) for entry in _entry(key, directory / key.replace("/", "-"))]


def _sweep(directory: Path, older_than: timedelta) -> int:
    before = time.time() - older_than.total_seconds()
    with refusing():
        return sum(_sweep_one(directory / name, before) for name in _names(directory, 32))


def _sweep_one(path: Path, before: float) -> bool:
    """Remove the file unless it is young or a living process holds its lock."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        if os.fstat(file).st_mtime > before:
            return False
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink(missing_ok=True)
    except BlockingIOError:
        return False
    finally:
        os.close(file)
    return True


def _probe(upload: Upload) -> None:
    buffer = Buffer()
    buffer.take(memoryview(b"\0"))
    try:
        upload.write(buffer)
    except StorageFull as error:
        raise StorageFailed("No space is left.") from error
    finally:
        upload.discard()
