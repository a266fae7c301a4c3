"""The files behind the local blobs: buffers, uploads and readers, and the one place that knows in which order to sync.

The order that makes a blob durable is in ``Upload.finish`` and ``Directories.publish``, and nowhere else:
write → fsync file → fsync the parents of new directories → rename → fsync directory.
A failed fsync is never tried again: the kernel may have dropped the pages and would then answer "fine".
"""

import errno
import fcntl
import mmap
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from dossier.core.errors import StorageFull
from dossier.storage.blobs import HEAD_BYTES, StoredBlob, checked_key
from dossier.storage.errors import BlobDamaged, BlobMissing, BodyTooLarge, StorageFailed
from dossier.storage.sums import Sums

SLICE: Final = 1 << 18  # bytes of one write(2): with 1 MiB ext4 asks for folios so large that it was 1.3 × slower
_WRITEBACK: Final = 1 << 23  # bytes after which the disk starts, so that fsync has little left to do: 1.4 × faster
_KNOWN: Final = 4096  # directories remembered as durable, ~150 bytes each
_BATCH: Final = 1 << 20  # bytes a thread works on in one go: few hand-overs of the GIL, little memory


class Directories:
    """Where files lie, and which directories are known to outlive a power cut."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._root = str(self.root)
        self.temporary = self.root / ".tmp"
        self.parts = self.root / ".parts"
        self._known: set[str] = set()

    def path(self, key: str) -> Path:
        return Path(self.place(key))

    def place(self, key: str) -> str:
        """The path as text: pathlib takes as long for one as a small file takes to read."""
        workspace, name = checked_key(key).split("/")
        return f"{self._root}/{workspace}/{name[-2:]}/{name}"

    def begin(self) -> None:
        """Make ``root`` and ``root/.tmp``; whether the latter outlives a power cut is all the same."""
        for directory in (*reversed(self.root.parents), self.root):
            if not directory.exists():
                self._keep(directory)
        self.temporary.mkdir(mode=0o750, exist_ok=True)

    def part(self, key: str) -> Path:
        return self.parts / checked_key(key).replace("/", "-")

    def begin_parts(self) -> None:
        """Make ``root/.parts``, durably: what lies there is counted on."""
        self.begin()
        self._keep(self.parts)

    def publish(self, temporary: Path, final: Path) -> None:
        """Give the synced file its final name, durably."""
        self._keep(final.parent.parent)
        self._keep(final.parent)
        temporary.rename(final)
        sync_directory(final.parent)

    def keep(self, final: Path) -> None:
        """Make durable that a published file lies there."""
        self._keep(final.parent.parent)
        self._keep(final.parent)
        sync_directory(final.parent)

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
            sync_directory(directory.parent)
        except OSError:
            # The next fsync could say "fine" about an entry that this one lost; a new entry starts afresh.
            with suppress(OSError):
                directory.rmdir()
            raise


class Buffer:
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


class Upload:
    """One body on its way to the disk. ``count`` runs on the event loop, the rest in threads, one at a time."""

    def __init__(self, directories: Directories, key: str, limit: int | None) -> None:
        self._directories = directories
        self._key = key
        self._limit = limit
        self._final = directories.path(key)
        self._temporary = directories.temporary / self._final.name
        self._lock = threading.Lock()  # a cancelled `put` discards while its thread may still be writing
        self._over = False
        self._file = -1
        self._sums = Sums()
        self._size = 0
        self._written = 0
        self._advised = 0
        self._head = b""

    def count(self, size: int) -> None:
        """Add to the size; ``BodyTooLarge`` before the bytes over the limit go anywhere."""
        self._size += size
        if self._limit is not None and self._size > self._limit:
            raise BodyTooLarge(f"At most {self._limit} bytes are allowed.", limit=self._limit)

    def write(self, buffer: Buffer) -> None:
        with self._lock, refusing():
            if not self._over:
                self._write(buffer.emptied())

    def finish(self, buffer: Buffer) -> None:
        """Write the rest and make the file durable under its final name."""
        with self._lock, refusing():
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
        return StoredBlob(self._key, self._sums.digest(), self._size, self._head, self._sums.crc32)

    def _write(self, data: memoryview) -> None:
        if self._file < 0:
            self._create()
            self._head = bytes(data[:HEAD_BYTES])  # a buffer is full before it is written, unless it is the last
        self._sums.update(data)
        self._written += len(data)
        while data:
            data = data[os.write(self._file, data[:SLICE]) :]
        self._advised = start_writeback(self._file, self._advised, self._written)

    def _create(self) -> None:
        try:
            self._file = _create(self._temporary)
        except FileNotFoundError:
            self._directories.begin()
            self._file = _create(self._temporary)
        # The lock tells a sweep that this process lives; the kernel drops it when the process dies.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def _sync(self) -> None:
        sync_file(self._file)
        if os.fstat(self._file).st_size != self._size:
            raise OSError(errno.EIO, "the file is not as long as what came in")

    def _close(self) -> None:
        file, self._file = self._file, -1
        if file >= 0:
            os.close(file)


class Reader:
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
        with self._lock, refusing(self._key):
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


@contextmanager
def refusing(key: str | None = None) -> Iterator[None]:
    """The operating system's errors as Dossier's; with ``key``, a file that is not there is a missing blob."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull from error
        if key is not None and error.errno == errno.ENOENT:
            raise BlobMissing.of(key) from error
        raise StorageFailed from error


def start_writeback(file: int, since: int, until: int) -> int:
    """Let the disk begin with what is dirty, if it is much; up to where it has been told to.

    The kernel's "don't need" starts to write what is dirty; nothing leaves the cache, for nothing is clean yet.
    """
    if sys.platform != "linux" or until - since < _WRITEBACK:
        return since
    with suppress(OSError):
        os.posix_fadvise(file, since, until - since, os.POSIX_FADV_DONTNEED)
    return until


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o440)


def sync_file(file: int) -> None:
    if sys.platform == "darwin":
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)  # fsync stops at the drive's cache there
    else:
        os.fsync(file)


def sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        sync_file(directory)
    finally:
        os.close(directory)
