"""The local side of an import: what lies in a folder, and the bytes of a file. Links are never followed."""

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class File:
    """A regular file."""

    path: Path
    size: int


@dataclass(slots=True)
class Listing:
    """What lies in one folder, by name: folders, regular files, and what is left out with the reason why."""

    folders: list[Path] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)


def listing(folder: Path) -> Listing:
    """Look into one folder. Raises OSError. Blocks."""
    found = Listing()
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: os.fsencode(entry.name)):
            _sort_in(found, entry)
    return found


def _sort_in(found: Listing, entry: "os.DirEntry[str]") -> None:
    path = Path(entry.path)
    if entry.is_symlink():
        found.skipped.append((path, "a symbolic link"))
    elif entry.is_dir(follow_symlinks=False):
        found.folders.append(path)
    elif entry.is_file(follow_symlinks=False):
        with suppress(FileNotFoundError):  # removed at this very moment
            found.files.append(File(path, entry.stat(follow_symlinks=False).st_size))
    else:
        found.skipped.append((path, "neither a file nor a folder"))


def measure(found: Listing) -> tuple[int, int]:
    """How many regular files lie there and below, and how many bytes; what cannot be read counts as nothing. Blocks."""
    count, size = len(found.files), sum(file.size for file in found.files)
    waiting = list(found.folders)
    while waiting:
        with suppress(OSError):
            found = listing(waiting.pop())
            waiting += found.folders
            count += len(found.files)
            size += sum(file.size for file in found.files)
    return count, size


async def chunks(path: Path) -> AsyncIterator[bytes]:
    """The bytes of a regular file, 1 MiB at a time. Raises OSError, also for what has become a link meanwhile."""
    first, file = await asyncio.to_thread(_begin, path)
    if file is None:
        yield first
        return
    try:
        while first:
            yield first
            first = await asyncio.to_thread(os.read, file, CHUNK)
    finally:
        os.close(file)


def _begin(path: Path) -> tuple[bytes, int | None]:
    """The first chunk, and the open file where there may be more: most files take one hop to a thread."""
    file = open_regular(path)
    try:
        first = os.read(file, CHUNK)
    except OSError:
        os.close(file)
        raise
    if len(first) < CHUNK:
        os.close(file)
        return first, None
    return first, file


def open_regular(path: Path) -> int:
    """A descriptor of a regular file, for reading. Raises OSError, also for anything else that lies there."""
    # Without O_NONBLOCK, opening a pipe that took the file's place would wait for a writer for ever.
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise OSError(f"{path} is not a regular file")
    return file


def size(path: Path) -> int:
    """The size of a regular file. Raises OSError, also for anything else. Blocks."""
    file = open_regular(path)
    try:
        return os.fstat(file).st_size
    finally:
        os.close(file)


def digest(path: Path) -> bytes:
    """The SHA-256 of a regular file. Raises OSError. Blocks."""
    with os.fdopen(open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").digest()
