"""Blobs on the local disk: ``root/<workspace>/<last two hex digits>/<uuid>``, begun in ``root/.tmp``.

The order that makes a blob durable is in ``_Upload.finish`` and ``_Directories.publish``, and nowhere else:
write → fsync file → fsync the parents of new directories → rename → fsync directory.
A failed fsync is never tried again: the kernel may have dropped the pages and would then answer "fine".
"""

import asyncio
import errno
import fcntl
import hashlib
import mmap
import os
import re
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar, TypeVarTuple
from uuid import UUID

from dossier.core.errors import StorageFull
from dossier.storage.blobs import HEAD_BYTES, BlobEntry, BlobStore, StoredBlob, checked_key, new_key
from dossier.storage.errors import BlobDamaged, BlobMissing, BodyTooLarge, StorageFailed

_BATCH: Final = 1 << 20  # bytes a thread works on in one go: few hand-overs of the GIL, little memory
_SLICE: Final = 1 << 18  # bytes of one write(2): with 1 MiB ext4 asks for folios so large that it was 1.3 × slower
_WRITEBACK: Final = 1 << 23  # bytes after which the disk starts, so that fsync has little left to do: 1.4 × faster
_WRITERS: Final = 16  # fsyncs that may wait for the disk at once; readers have threads of their own
_READERS: Final = 8
_KNOWN: Final = 4096  # directories remembered as durable, ~150 bytes each

Ts = TypeVarTuple("Ts")
R = TypeVar("R")


class LocalBlobs(BlobStore):
    """A ``BlobStore`` in one directory of one file system; several processes may share it.

    An upload or download in flight holds about 2 MiB, and a thread only while there is something to write or read,
    so slow clients cost no threads. The first ``put`` or ``check`` makes ``root``.
    """

    def __init__(self, root: Path) -> None:
        self._directories = _Directories(root)
        self._writers = ThreadPoolExecutor(_WRITERS, "blob-write")
        self._readers = ThreadPoolExecutor(_READERS, "blob-read")

    async def put(self, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None) -> StoredBlob:
        upload = _Upload(self._directories, new_key(workspace_id), limit)
        try:
            await self._receive(upload, chunks)
        except BaseException:
            # Shielded, for a second cancellation must not stop the removal.
            await asyncio.shield(_in(self._writers, upload.discard))
            raise
        return upload.stored()

    async def _receive(self, upload: "_Upload", chunks: AsyncIterator[bytes]) -> None:
        """One buffer is hashed and written while the other fills; a body that fits into one takes a single hop."""
        writing: asyncio.Future[None] | None = None
        filling = _Buffer()
        other: _Buffer | None = None
        async for chunk in chunks:
            upload.count(len(chunk))
            rest = memoryview(chunk)
            while rest := filling.take(rest):
                if writing is not None:
                    await writing
                writing = _in(self._writers, upload.write, filling)
                filling, other = other or _Buffer(), filling
        if writing is not None:
            await writing
        await _in(self._writers, upload.finish, filling)

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        return self._read(_Reader(key, self.local_path(key), start, length))

    async def _read(self, reader: "_Reader") -> AsyncIterator[bytes]:
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

    async def sweep_temporary(self, older_than: timedelta) -> int:
        return await _in(self._writers, _sweep, self._directories.temporary, older_than)

    async def check(self) -> None:
        await _in(self._writers, _probe, _Upload(self._directories, new_key(UUID(int=0)), None))


class _Directories:
    """Where files lie, and which directories are known to outlive a power cut."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.temporary = self.root / ".tmp"
        self._known: set[str] = set()

    def path(self, key: str) -> Path:
        workspace, name = checked_key(key).split("/")
        return self.root / workspace / name[-2:] / name

    def begin(self) -> None:
        """Make ``root`` and ``root/.tmp``; whether the latter outlives a power cut is all the same."""
        for directory in (*reversed(self.root.parents), self.root):
            if not directory.exists():
                self._keep(directory)
        self.temporary.mkdir(mode=0o750, exist_ok=True)

    def publish(self, temporary: Path, final: Path) -> None:
        """Give the synced file its final name, durably."""
        self._keep(final.parent.parent)
        self._keep(final.parent)
        temporary.rename(final)
        _sync_directory(final.parent)

    def _keep(self, directory: Path) -> None:
        """Make the directory if need be and sync its entry, for one found here may be another process's, not synced."""
        try:
            directory.mkdir(mode=0o750)
        except FileExistsError:
            if str(directory) in self._known:
                return
        self._sync_entry(directory)
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known.add(str(directory))

    def _sync_entry(self, directory: Path) -> None:
        try:
            _sync_directory(directory.parent)
        except OSError:
            # The next fsync could say "fine" about an entry that this one lost; a new entry starts afresh.
            with suppress(OSError):
                directory.rmdir()
            raise


class _Buffer:
    """1 MiB straight from the kernel: only what is filled takes memory, and filling it again costs no page faults."""

    def __init__(self) -> None:
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = memoryview(mmap.mmap(-1, _BATCH, flags=flags))
        self._used = 0

    def take(self, data: memoryview) -> memoryview:
        """Keep what there is room for; the rest of ``data``."""
        taken = min(len(data), _BATCH - self._used)
        self._memory[self._used : self._used + taken] = data[:taken]
        self._used += taken
        return data[taken:]

    def emptied(self) -> memoryview:
        """What was taken, until it is filled again."""
        used, self._used = self._used, 0
        return self._memory[:used]


class _Upload:
    """One body on its way to the disk. ``count`` runs on the event loop, the rest in threads, one at a time."""

    def __init__(self, directories: _Directories, key: str, limit: int | None) -> None:
        self._directories = directories
        self._key = key
        self._limit = limit
        self._final = directories.path(key)
        self._temporary = directories.temporary / self._final.name
        self._lock = threading.Lock()  # a cancelled `put` discards while its thread may still be writing
        self._over = False
        self._file = -1
        self._sha256 = hashlib.sha256()
        self._size = 0
        self._written = 0
        self._advised = 0
        self._head = b""

    def count(self, size: int) -> None:
        """Add to the size; ``BodyTooLarge`` before the bytes over the limit go anywhere."""
        self._size += size
        if self._limit is not None and self._size > self._limit:
            raise BodyTooLarge(f"At most {self._limit} bytes are allowed.", limit=self._limit)

    def write(self, buffer: _Buffer) -> None:
        with self._lock, _refusing():
            if not self._over:
                self._write(buffer.emptied())

    def finish(self, buffer: _Buffer) -> None:
        """Write the rest and make the file durable under its final name."""
        with self._lock, _refusing():
            if not self._over:
                self._write(buffer.emptied())
                self._sync()
                self._directories.publish(self._temporary, self._final)
                self._close()  # not before: a sweep may take what has no lock

    def discard(self) -> None:
        """Leave nothing; the final name goes too, for nobody has heard of it."""
        with self._lock:
            self._over = True
            self._close()
            for path in (self._temporary, self._final):
                with suppress(OSError):
                    path.unlink()

    def stored(self) -> StoredBlob:
        return StoredBlob(self._key, self._sha256.digest(), self._size, self._head)

    def _write(self, data: memoryview) -> None:
        if self._file < 0:
            self._create()
            self._head = bytes(data[:HEAD_BYTES])  # a buffer is full before it is written, unless it is the last
        self._sha256.update(data)
        self._written += len(data)
        while data:
            data = data[os.write(self._file, data[:_SLICE]) :]
        self._start_writeback()

    def _start_writeback(self) -> None:
        """The kernel's "don't need" starts to write what is dirty; nothing leaves the cache, for nothing is clean yet."""
        new = self._written - self._advised
        if sys.platform == "linux" and new >= _WRITEBACK:
            with suppress(OSError):
                os.posix_fadvise(self._file, self._advised, new, os.POSIX_FADV_DONTNEED)
            self._advised = self._written

    def _create(self) -> None:
        try:
            self._file = _create(self._temporary)
        except FileNotFoundError:
            self._directories.begin()
            self._file = _create(self._temporary)
        # The lock tells a sweep that this process lives; the kernel drops it when the process dies.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _sync(self) -> None:
        _sync(self._file)
        if os.fstat(self._file).st_size != self._size:
            raise OSError(errno.EIO, "the file is not as long as what came in")

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


class _Reader:
    """A piece of one file, read chunk by chunk in threads; it closes itself at the end."""

    def __init__(self, key: str, path: Path, start: int, length: int | None) -> None:
        self._key = key
        self._path = path
        self._position = start
        self._length = length
        self._lock = threading.Lock()  # an abandoned reader is closed while its thread may still be reading
        self._file = -1
        self.left = 0  # bytes still to come
        self.closed = False

    def read(self) -> bytes:
        """The next chunk; empty at the end."""
        with self._lock, _refusing(self._key):
            if self.closed:
                return b""
            if self._file < 0:
                self._open()
            data = os.pread(self._file, min(_BATCH, self.left), self._position)
            if self.left and not data:
                raise BlobDamaged.of(self._key)
            self._position += len(data)
            self.left -= len(data)
            if not self.left:
                self._close()
            return data

    def close(self) -> None:
        with self._lock:
            self._close()

    def _open(self) -> None:
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        there = max(os.fstat(self._file).st_size - self._position, 0)
        self.left = there if self._length is None else self._length
        if self.left > there:
            raise BlobDamaged.of(self._key)

    def _close(self) -> None:
        self.left = 0
        self.closed = True
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


def _in(pool: ThreadPoolExecutor, call: Callable[[*Ts], R], *args: *Ts) -> "asyncio.Future[R]":
    """The call's result, from a thread of ``pool``."""
    future = asyncio.get_running_loop().run_in_executor(pool, call, *args)
    # A write whose `put` has failed already is awaited by nobody; its error is no news then.
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


@contextmanager
def _refusing(key: str | None = None) -> Iterator[None]:
    """The operating system's errors as Dossier's; with ``key``, a file that is not there is a missing blob."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from error
        if key is not None and error.errno == errno.ENOENT:
            raise BlobMissing.of(key) from error
        raise StorageFailed from error


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)


def _sync(file: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)  # fsync stops at the drive's cache there
    else:
        os.fsync(file)


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _sync(directory)
    finally:
        os.close(directory)


def _size(key: str, path: Path) -> int:
    with _refusing(key):
        return path.stat().st_size


def _unlink(path: Path) -> None:
    with _refusing():
        path.unlink(missing_ok=True)


def _names(directory: Path, length: int) -> list[str]:
    """The names in the directory that are ``length`` hex digits; what else lies there is not ours."""
    with _refusing():
        names = [path.name for path in directory.iterdir()] if directory.exists() else []
    return [name for name in names if re.fullmatch(f"[0-9a-f]{{{length}}}", name)]


def _entries(shard: Path, prefix: str) -> list[BlobEntry]:
    keys = (f"{shard.parent.name}/{name}" for name in _names(shard, 32))
    return [entry for key in keys if key.startswith(prefix) for entry in _entry(key, shard / key[33:])]


def _entry(key: str, path: Path) -> Iterator[BlobEntry]:
    """One line of the listing, or none if the blob has gone meanwhile."""
    with suppress(BlobMissing), _refusing(key):
        status = path.stat()
        yield BlobEntry(key, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))


def _sweep(directory: Path, older_than: timedelta) -> int:
    before = time.time() - older_than.total_seconds()
    with _refusing():
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


def _probe(upload: _Upload) -> None:
    buffer = _Buffer()
    buffer.take(memoryview(b"\0"))
    try:
        upload.write(buffer)
    except StorageFull as error:
        raise StorageFailed("No space is left.") from error
    finally:
        upload.discard()
