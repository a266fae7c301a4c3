"""The folder that an export is written to: whose it is, and files that are whole or not there at all.

A file is written under ``.begun/``, synced, renamed into place, and its folder is synced. Everything here blocks but
``Content``, which works in threads.
"""

import asyncio
import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path
from uuid import UUID

import msgspec

from dossier.core.errors import DossierError, StorageFull
from dossier.transfer import shapes
from dossier.transfer.errors import ContentDamaged, DestinationTaken, ExportUnfit, PathUnfit

TEMPORARY = ".begun"
BATCH = 1 << 20
Known = shapes.Manifest | shapes.Begun


class Destination:
    """A folder that this process alone writes an export to. All paths are relative to it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._numbers = count()

    @contextmanager
    def opened(self, workspace_id: UUID) -> Iterator[bool]:
        """Take the folder, and mark it as unfinished until ``finish``; whether an earlier export lies in it.

        Raises DestinationTaken, PathUnfit.
        """
        with refusing(self.root), self._alone():
            known = self._earlier(workspace_id)
            self.write(shapes.BEGUN, shapes.encode(shapes.Begun(workspace_id)))
            self.remove(shapes.MANIFEST)
            yield known

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as error:
            raise DestinationTaken("Another export is writing there.") from error
        finally:
            os.close(lock)

    def _earlier(self, workspace_id: UUID) -> bool:
        """Whether an export of this workspace lies here, whole or cut off. Raises DestinationTaken for anything else."""
        names = {path.name for path in self.root.iterdir()} - {TEMPORARY}
        known = what_lies_in(self.root)
        if names and (known is None or known.workspace_id != workspace_id):
            what = "an export of another workspace" if known else "something else"
            raise DestinationTaken(f"{self.root} holds {what}; an export needs an empty folder or its own earlier one.")
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)
        return bool(names)

    def finish(self, manifest: shapes.Manifest) -> None:
        """Say that all is there: the very last write."""
        self.write(shapes.MANIFEST, shapes.encode(manifest))
        self.remove(shapes.BEGUN)
        shutil.rmtree(self.root / TEMPORARY, ignore_errors=True)

    def write(self, path: str, data: bytes) -> None:
        """Put a small file in place."""
        temporary = self.temporary()
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        self.publish(temporary, path)

    def adopt(self, temporary: Path, path: str) -> None:
        """Sync a file that was written to a temporary path, and put it in place."""
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        self.publish(temporary, path)

    def temporary(self) -> Path:
        """A new path to write to."""
        folder = self.root / TEMPORARY
        folder.mkdir(exist_ok=True)
        return folder / str(next(self._numbers))

    def publish(self, temporary: Path, path: str) -> None:
        """Give a synced file its place."""
        final = self.root / path
        self.make(final.parent)
        _clear(final)
        temporary.rename(final)
        _sync(final.parent)

    def make(self, folder: Path) -> None:
        """Make a folder and those above it."""
        missing = [each for each in (folder, *folder.parents) if not each.is_dir()]
        for each in reversed(missing):
            if each.is_symlink() or each.is_file():
                each.unlink()  # a document of an earlier export had this path
            each.mkdir(exist_ok=True)
            _sync(each.parent)

    def remove(self, path: str) -> bool:
        """Remove a file; whether it was there."""
        try:
            (self.root / path).unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        _sync((self.root / path).parent)
        return True

    def read(self, path: str) -> bytes | None:
        """A small file, or None."""
        try:
            return (self.root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def size(self, path: str) -> int | None:
        """The size of a file, or None where there is none."""
        file = self.root / path
        return file.stat().st_size if file.is_file() and not file.is_symlink() else None

    def sha256(self, path: str) -> bytes:
        """The digest of a file."""
        with (self.root / path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()


class Content:
    """The bytes of one content on their way into a ``Destination``."""

    def __init__(self, destination: Destination, path: str, sha256: bytes, modified_at: datetime) -> None:
        self._destination, self._path, self._sha256 = destination, path, sha256
        self._modified_at = modified_at.timestamp()
        self._hash = hashlib.sha256()

    async def write(self, chunks: AsyncIterator[bytes]) -> None:
        """Write all that comes. Raises ContentDamaged where the digest is not the promised one: nothing is there then."""
        temporary = await asyncio.to_thread(self._destination.temporary)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        try:
            async for chunk in chunks:
                await asyncio.to_thread(self._append, file, chunk)
            await asyncio.to_thread(self._finish, file, temporary)
        finally:
            os.close(file)
            with suppress(FileNotFoundError):
                temporary.unlink()

    def _append(self, file: int, chunk: bytes) -> None:
        self._hash.update(chunk)
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(file, rest) :]

    def _finish(self, file: int, temporary: Path) -> None:
        if self._hash.digest() != self._sha256:
            raise ContentDamaged("The stored bytes are not what their digest says.")
        os.utime(file, (self._modified_at, self._modified_at))
        os.fsync(file)
        self._destination.publish(temporary, self._path)


def what_lies_in(root: Path) -> Known | None:
    """What a folder says of itself: a whole export, one that was cut off, or None for anything else.

    Raises OSError, and ExportUnfit for the export of a newer Dossier.
    """
    for name in (shapes.MANIFEST, shapes.BEGUN):
        with suppress(FileNotFoundError, NotADirectoryError, msgspec.MsgspecError):
            data = (root / name).read_bytes()
            if msgspec.json.decode(data, type=shapes.Header).version > shapes.VERSION:
                raise ExportUnfit("This export is of a newer format; a newer Dossier is needed.")
            known: Known = msgspec.json.decode(data, type=Known)
            return known
    return None


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """The operating system's errors as Dossier's."""
    try:
        yield
    except DossierError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFull(f"No space is left at {path}.") from error
        raise PathUnfit(f"{error.filename or path}: {error.strerror or error}") from error


def _clear(final: Path) -> None:
    """A folder of an earlier export had this path; what is in it is stale."""
    if final.is_dir() and not final.is_symlink():
        shutil.rmtree(final)


def _sync(folder: Path) -> None:
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
