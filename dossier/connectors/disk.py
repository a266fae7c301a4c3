"""The steps on a disk that a folder's connector is made of; each blocks.

A path is walked name by name from the root's descriptor, and no step follows a symbolic link: whatever is put in the way
meanwhile, nothing outside of the root is read or written.
"""

import ctypes
import errno
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from dossier.connectors.contract import Item, Kind, RemoteError
from dossier.connectors.names import STALE_SECONDS, is_hidden, is_name, steps_of
from dossier.core.log import log

_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOREPLACE: Final = 1
#: An edit within one tick of a file system's clock leaves no other time behind. Seconds that a tick lasts at most: a
#: kernel's is 10 ms, that of file systems which keep no fractions 2 s (FAT).
_TICK, _COARSE_TICK = 0.05, 2.5
#: By so much a file of ours is made older than it is, so that whoever edits it in the same tick leaves another time.
BACKDATED_NS: Final = 100_000_000
_FRESH: Final = "~"
_KINDS: Final[dict[int, Kind]] = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.ELOOP: "missing",  # a symbolic link in the way: nothing that is listed
    errno.ENXIO: "missing",  # a socket
    errno.EEXIST: "name_taken",
    errno.ENOTEMPTY: "changed",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EBUSY: "locked",
    errno.ETXTBSY: "locked",
    **dict.fromkeys(
        (
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ENAMETOOLONG,
            errno.EINVAL,
            errno.EILSEQ,
            errno.EFBIG,
            errno.EXDEV,
        ),
        "refused",
    ),
}


def error_of(error: OSError) -> RemoteError:
    """A failure of the disk as the contract's."""
    kind = _KINDS.get(error.errno or 0, "unreachable")
    return RemoteError(kind, f"The folder's file system answers: {os.strerror(error.errno or errno.EIO)}.")


@contextmanager
def refusing() -> Iterator[None]:
    """Raises RemoteError for what the file system refuses."""
    try:
        yield
    except OSError as error:
        raise error_of(error) from error


@contextmanager
def folder(root: Path, steps: Sequence[str]) -> Iterator[int]:
    """The descriptor of a folder below the root."""
    descriptor = os.open(root, _FOLDER & ~os.O_NOFOLLOW)  # the root itself may be a link: a person has named it
    try:
        for step in steps:
            descriptor, above = os.open(step, _FOLDER, dir_fd=descriptor), descriptor
            os.close(above)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def place(root: Path, item_id: str) -> Iterator[tuple[int, str]]:
    """The descriptor of an item's folder, and the item's name in it."""
    *above, name = steps_of(item_id)
    with refusing(), folder(root, above) as descriptor:
        yield descriptor, name


def tag_of(found: os.stat_result) -> str:
    """What ``put`` compares: size, times and number of the file. The time of the last change of its state is among them
    because some programs put the time of their edits back."""
    return f"{found.st_size:x}-{found.st_mtime_ns:x}-{found.st_ctime_ns:x}-{found.st_ino:x}"


def is_same(tag: str, found: os.stat_result) -> bool:
    """Whether a tag, fresh or not, is the file's."""
    return tag.removesuffix(_FRESH) == tag_of(found)


def _freshness(found: os.stat_result) -> str:
    """A mark on the tag of a file so young that one more edit might not show. It goes with time: the tag becomes
    another, and whoever has read the file meanwhile reads it once more."""
    tick = _COARSE_TICK if found.st_mtime_ns % 1_000_000_000 == 0 else _TICK
    return _FRESH if time.time_ns() - found.st_mtime_ns < tick * 1e9 else ""


def _moment(seconds: float) -> datetime | None:
    """None for what no calendar has: a broken clock may write any number."""
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(seconds, UTC)
    return None


def item_of(parent_id: str | None, name: str, found: os.stat_result) -> Item | None:
    """A file or folder; None for links, sockets, devices and hidden files of ours."""
    if not is_name(name) or not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        return None
    is_folder = stat.S_ISDIR(found.st_mode)
    # Two names of one file (hard links) cannot be told apart by its number.
    lasting = f"{found.st_dev}:{found.st_ino}" if is_folder or found.st_nlink == 1 else ""
    item_id = f"{parent_id}/{name}" if parent_id else name
    modified = _moment(found.st_mtime)
    if is_folder:
        return Item(item_id, parent_id, name, folder=True, modified_at=modified, lasting=lasting)
    tag = tag_of(found)
    return Item(
        item_id,
        parent_id,
        name,
        tag=tag + _freshness(found),
        etag=tag,
        size=found.st_size,
        modified_at=modified,
        lasting=lasting,
    )


def look(root: Path, item_id: str) -> Item | None:
    """An item as it is now, or None."""
    try:
        with place(root, item_id) as (where, name):
            found = os.stat(name, dir_fd=where, follow_symlinks=False)
    except RemoteError as error:
        if error.kind != "missing":
            raise
        return None
    return item_of(item_id.rpartition("/")[0] or None, name, found)


def listing(root: Path, parent_id: str | None, told: Callable[[], None]) -> list[Item]:
    """What lies in a folder; nothing where that has gone meanwhile. ``told`` is called for a name that is no UTF-8.

    Raises RemoteError where the root is gone or a folder may not be read: that its content is deleted must not be read
    out of that.
    """
    try:
        with refusing(), folder(root, steps_of(parent_id) if parent_id else ()) as where, os.scandir(where) as entries:
            return [item for entry in entries for item in _listed(where, parent_id, entry.name, told)]
    except RemoteError as error:
        if parent_id is None or error.kind != "missing":
            raise
        with refusing(), folder(root, ()):
            return []


def _listed(where: int, parent_id: str | None, name: str, told: Callable[[], None]) -> Iterator[Item]:
    if not name.isascii() and any("\ud800" <= each <= "\udfff" for each in name):
        told()
        return
    try:
        found = os.stat(name, dir_fd=where, follow_symlinks=False)
    except FileNotFoundError:
        return
    if is_hidden(name):
        _sweep(where, name, found)
    elif item := item_of(parent_id, name, found):
        yield item


def _sweep(where: int, name: str, found: os.stat_result) -> None:
    """Take away what an upload that broke off has left."""
    if stat.S_ISREG(found.st_mode) and time.time() - found.st_mtime > STALE_SECONDS:
        with suppress(OSError):
            os.unlink(name, dir_fd=where)
            log.info("connectors.folder.swept")


def rename(source: tuple[int, str], target: tuple[int, str]) -> None:
    """Rename without replacing anything. Raises ``name_taken``; ``refused`` where the file system has no way to that."""
    answer = _renameat2(source, target)
    if answer == 0:
        return
    if answer not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
        raise OSError(answer, os.strerror(answer))
    # NFS knows no such flag, and hard links instead; for folders these do not exist, but a folder replaces only an
    # empty one.
    if stat.S_ISDIR(os.stat(source[1], dir_fd=source[0], follow_symlinks=False).st_mode):
        _rename_folder(source, target)
    else:
        os.link(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0], follow_symlinks=False)
        os.unlink(source[1], dir_fd=source[0])


def _rename_folder(source: tuple[int, str], target: tuple[int, str]) -> None:
    try:
        os.stat(target[1], dir_fd=target[0], follow_symlinks=False)
    except FileNotFoundError:
        os.rename(source[1], target[1], src_dir_fd=source[0], dst_dir_fd=target[0])
    else:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _renameat2(source: tuple[int, str], target: tuple[int, str]) -> int:
    """Linux's rename that refuses to replace; 0, or the number of its error. ENOSYS where the C library has none."""
    if _LIBRARY is None:
        return errno.ENOSYS
    done = _LIBRARY(source[0], os.fsencode(source[1]), target[0], os.fsencode(target[1]), _NOREPLACE)
    return 0 if done == 0 else ctypes.get_errno()


def _found_renameat2() -> Any:
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if call is not None:
        call.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    return call


_LIBRARY: Final = _found_renameat2()
