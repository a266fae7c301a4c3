"""The file behind a blob that comes in parts: appended to, synced now and then, published whole at the end.

It lies in ``root/.parts`` as ``<workspace>-<uuid>`` until ``finish`` gives it the blob's own place. What lies behind the
bytes that its owner knows to be synced is cut off before more is appended; a published file is never touched again.
"""

import errno
import fcntl
import os
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from typing import Final

from dossier.core.errors import DossierError
from dossier.storage.blobs import HEAD_BYTES, StoredBlob
from dossier.storage.errors import BlobDamaged, BlobMissing, PartBusy, Unhashed
from dossier.storage.files import (
    SLICE,
    Buffer,
    Directories,
    refusing,
    start_writeback,
    sync_directory,
    sync_file,
)
from dossier.storage.sums import Sums

DUE_BYTES: Final = 1 << 26  # bytes after which a sync is due: a kill costs no more, and the sync has little left to do
DUE_SECONDS: Final = 5.0
_KNOWN: Final = 1024  # running hashes, ~300 bytes each


class Running:
    """Hashes of parts as far as this process has seen them; what is forgotten is read again at the end."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int, Sums]] = OrderedDict()

    def take(self, key: str, offset: int) -> Sums | None:
        """The hash of the first ``offset`` bytes, which the caller goes on with; None where it is not known."""
        if offset == 0:
            return Sums()
        known, hash_ = self._known.pop(key, (-1, None))
        return hash_ if known == offset else None

    def keep(self, key: str, offset: int, hash_: Sums | None) -> None:
        """Remember it; the longest untouched one gives way."""
        self._known.pop(key, None)
        if hash_ is not None:
            self._known[key] = offset, hash_
            if len(self._known) > _KNOWN:
                self._known.popitem(last=False)


class Part:
    """A part under way. All but ``is_due`` and ``skip`` runs in threads, one at a time.

    ``offset`` counts what the kernel has, ``durable`` what outlives a power cut.
    """

    def __init__(self, directories: Directories, key: str, offset: int, hash_: Sums | None) -> None:
        self._directories, self._key = directories, key
        self._path, self._final = directories.part(key), directories.path(key)
        self._lock = threading.Lock()  # a cancelled `append` settles while its thread may still be writing
        self._file = -1
        self._hash = hash_
        self._entry_synced = offset > 0
        self._broken = self._lost = self._over = False
        self._advised = self.offset = self.durable = offset
        self._synced_at = time.monotonic()
        self.published, self._size = False, 0

    def open(self) -> None:
        """Open for appending at ``offset``, or find that all of it is published already: then nothing is written any more.

        Raises PartBusy while another process has it open, BlobMissing and BlobDamaged where fewer bytes are there.
        """
        with self._lock, refusing():
            if self._over:
                return
            self._file = self._opened()
            size = os.fstat(self._file).st_size if self._file >= 0 else self._published_size()
            if size < self.offset:
                raise BlobDamaged.of(self._key)
            if self._file < 0:
                self.published = True
                self._size = size
                return
            if size > self.offset:
                os.ftruncate(self._file, self.offset)
            os.lseek(self._file, self.offset, os.SEEK_SET)

    def _opened(self) -> int:
        try:
            return locked(self._path, os.O_RDWR)
        except FileNotFoundError:
            if self._final.exists():
                return -1
            if self.offset:
                raise BlobMissing.of(self._key) from None
        self._directories.begin_parts()
        return locked(self._path, os.O_RDWR | os.O_CREAT)

    def _published_size(self) -> int:
        return self._final.stat().st_size

    def skip(self, count: int) -> None:
        """Count bytes that are published already."""
        self.offset = self.durable = min(self.offset + count, self._size)

    def is_due(self) -> bool:
        """Whether so much has come, or so long ago, that it should be synced."""
        return self.offset - self.durable >= DUE_BYTES or time.monotonic() - self._synced_at >= DUE_SECONDS

    def write(self, buffer: Buffer) -> None:
        with self._lock, refusing():
            self._write(buffer.emptied())

    def sync(self, buffer: Buffer) -> None:
        """Write the rest and sync: ``durable`` is ``offset`` then. After a failed write what came before is synced.

        After a failed sync nothing is: what was synced before stays good, the rest is cut off at the next opening.
        """
        with self._lock, refusing():
            self._write(buffer.emptied())
            if self._file < 0 or self._lost or (self.durable == self.offset and self._entry_synced):
                return
            try:
                self._sync()
            except OSError:
                self._lost, self._hash = True, None
                raise
            self.durable, self._synced_at = self.offset, time.monotonic()

    def close(self) -> Sums | None:
        """Close the file; the hash of the ``durable`` bytes, where it is known."""
        with self._lock:
            file, self._file, self._over = self._file, -1, True
            if file >= 0:
                os.close(file)
            return self._hash if self.durable == self.offset and not self.published else None

    def _write(self, data: memoryview) -> None:
        if self._file < 0 or self._broken:
            return
        try:
            if self._hash is not None:
                self._hash.update(data)
            while data:
                count = os.write(self._file, data[:SLICE])
                self.offset += count
                data = data[count:]
        except OSError:
            self._broken, self._hash = True, None
            raise
        self._advised = start_writeback(self._file, self._advised, self.offset)

    def _sync(self) -> None:
        sync_file(self._file)
        if os.fstat(self._file).st_size != self.offset:
            raise OSError(errno.EIO, "the file is not as long as what came in")
        if not self._entry_synced:
            sync_directory(self._path.parent)
            self._entry_synced = True


def finish(
    directories: Directories, key: str, size: int, known: Sums | bytes | None, most_read: int | None = None
) -> StoredBlob:
    """Publish a part of ``size`` bytes, all of them synced, or find it published; read it where its digest is not known.

    Raises Unhashed where that would read more than ``most_read`` bytes.
    """
    path, final = directories.part(key), directories.path(key)
    with refusing(key):
        try:
            file, begun = locked(path, os.O_RDWR), True
        except FileNotFoundError:
            file, begun = os.open(final, os.O_RDONLY | os.O_CLOEXEC), False
        try:
            if os.fstat(file).st_size != size:
                raise BlobDamaged.of(key)
            if known is None and most_read is not None and size > most_read:
                raise Unhashed
            known = known or _summed(file)
            head = os.pread(file, HEAD_BYTES, 0)
            if begun:
                os.fchmod(file, 0o440)
                _publish(directories, path, final)
            else:
                directories.keep(final)  # the process that renamed it may have died before the sync
        finally:
            os.close(file)
    return stored(key, known, size, head)


def stored(key: str, known: Sums | bytes, size: int, head: bytes) -> StoredBlob:
    """A part that has become a blob: of its bytes either both sums are known, or the digest alone."""
    if isinstance(known, Sums):
        return StoredBlob(key, known.digest(), size, head, known.crc32)
    return StoredBlob(key, known, size, head)


def _summed(file: int) -> Sums:
    sums, memory, at = Sums(), memoryview(bytearray(SLICE)), 0
    while count := os.preadv(file, [memory], at):
        sums.update(memory[:count])
        at += count
    return sums


def _publish(directories: Directories, path: Path, final: Path) -> None:
    try:
        directories.publish(path, final)
    except OSError:
        # Back, so that the next try makes a new entry and syncs that: this one may be lost though a sync says "fine".
        with suppress(OSError):
            final.rename(path)
        raise


def locked(path: Path, flags: int) -> int:
    """Open under a lock that the kernel drops when the process dies. Raises PartBusy, and what ``os.open`` raises."""
    file = os.open(path, flags | os.O_CLOEXEC, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file).st_ino != path.stat().st_ino:
            raise PartBusy  # published or dropped between the two lines above
    except (OSError, DossierError) as error:
        os.close(file)
        if isinstance(error, BlockingIOError | FileNotFoundError):
            raise PartBusy from error
        raise
    return file
