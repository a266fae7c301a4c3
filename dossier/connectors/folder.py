"""A folder on this machine or on a share that is mounted on it."""

import asyncio
import os
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final, TypeVar

from dossier.connectors import disk, modes
from dossier.connectors.contract import Caps, Connector, Content, Item, OldVersion, Page, RemoteError, Right
from dossier.connectors.names import child_of, fitting, hidden_name, parent_of
from dossier.connectors.sending import Exact
from dossier.core.log import log

_PAGE: Final = 1000
_PIECE: Final = 1 << 20
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe of that name must not block

R = TypeVar("R")


class FolderConnector(Connector):
    """The files and folders below ``root``. An id is the path from there on, with "/" between names.

    Symbolic links, sockets, pipes and devices are not there, wherever they point. Names that are no UTF-8 are left out,
    with all below them; the log says so once. Nothing outside of ``root`` is ever touched.

    A new file appears whole, under a hidden name first and by a rename that cannot replace anything; ``put`` compares
    the tag just before it replaces, so that an edit in the microseconds between is lost. Where files are older than
    a tick of the file system's clock, their tags change with every edit; younger ones have a tag that changes once more
    by itself (``disk.tag_of``). Whoever mounts a share must see to it that the folder is missing, not empty, when the
    share is not mounted.
    """

    caps = Caps()

    def __init__(self, root: Path) -> None:
        self._root = root
        self._told = False

    async def check(self) -> str:
        found = await asyncio.to_thread(disk.listing, self._root, None, self._tell)
        return f"A folder; files and folders in it: {len(found)}."

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        waiting: list[str | None] = [None]
        while waiting:
            found = await asyncio.to_thread(disk.listing, self._root, waiting.pop(), self._tell)
            for start in range(0, len(found), _PAGE):
                yield Page(found[start : start + _PAGE])
            waiting += [item.id for item in found if item.folder]

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            log.warning("connectors.folder.name_is_no_utf8")

    async def stat(self, item_id: str) -> Item | None:
        return await asyncio.to_thread(disk.look, self._root, item_id)

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        return await self.stat(child_of(parent_id, name))

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        opening = asyncio.create_task(asyncio.to_thread(_opened, self._root, item_id))
        try:
            file = await asyncio.shield(opening)
        except asyncio.CancelledError:
            opening.add_done_callback(_closed)
            raise
        with file:
            found = os.fstat(file.fileno())
            if if_tag is not None and not disk.is_same(if_tag, found):
                raise _changed()
            yield _pieces(file, found)

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        item_id = child_of(parent_id, name)
        # Before the bytes are sent: a taken name is the usual case when a call is repeated.
        if await self._exists(item_id):
            raise RemoteError("name_taken", "There is something of this name already.")
        return await self._write(item_id, content, _publish)

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        def replace(where: int, hidden: str, name: str) -> None:
            kept = os.stat(name, dir_fd=where, follow_symlinks=False)
            if not stat.S_ISREG(kept.st_mode):
                raise _missing()
            os.chmod(hidden, stat.S_IMODE(kept.st_mode), dir_fd=where)
            if not disk.is_same(if_match, os.stat(name, dir_fd=where, follow_symlinks=False)):
                raise _changed()
            os.replace(hidden, name, src_dir_fd=where, dst_dir_fd=where)

        found = await self.stat(item_id)
        if found is None or found.folder:
            raise _missing()
        if found.etag != if_match.removesuffix("~"):
            raise _changed()
        return await self._write(item_id, content, replace)

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        def make(where: int, name: str) -> None:
            os.mkdir(name, dir_fd=where)
            os.fsync(where)

        item_id = child_of(parent_id, name)
        await self._at(item_id, make)
        return await self._there(item_id)

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        target = child_of(parent_id, name)
        if f"{target}/".startswith(f"{item_id}/"):
            if target == item_id:
                return await self._there(item_id)
            raise RemoteError("refused", "A folder cannot go into itself.")
        if await self.stat(item_id) is None:
            raise _missing()
        await asyncio.to_thread(_move, self._root, item_id, target)
        return await self._there(target)

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        def remove(where: int, name: str) -> None:
            found = os.stat(name, dir_fd=where, follow_symlinks=False)
            if stat.S_ISDIR(found.st_mode):
                os.rmdir(name, dir_fd=where)
            elif stat.S_ISREG(found.st_mode):
                if if_match is not None and not disk.is_same(if_match, found):
                    raise _changed()
                os.unlink(name, dir_fd=where)

        try:
            await self._at(item_id, remove)
        except RemoteError as error:
            if error.kind != "missing":
                raise

    async def versions(self, item_id: str) -> list[OldVersion]:
        raise RemoteError("unsupported", "A folder keeps no old versions.")

    def open_version(self, item_id: str, version_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise RemoteError("unsupported", "A folder keeps no old versions.")

    async def rights(self, item_id: str | None) -> list[Right]:
        if item_id is not None:
            return await self._at(item_id, modes.rights)
        return await asyncio.to_thread(modes.of_root, self._root)

    def name_for(self, name: str) -> str:
        return fitting(name)

    async def close(self) -> None:
        """Nothing to let go of: descriptors live as long as a call."""

    async def _at(self, item_id: str, call: Callable[[int, str], R]) -> R:
        """Call with the descriptor of an item's folder and the item's name, in a thread."""

        def run() -> R:
            with disk.place(self._root, item_id) as (where, name):
                return call(where, name)

        return await asyncio.to_thread(run)

    async def _exists(self, item_id: str) -> bool:
        def is_there(where: int, name: str) -> bool:
            with suppress(FileNotFoundError):
                os.stat(name, dir_fd=where, follow_symlinks=False)
                return True
            return False

        return await self._at(item_id, is_there)

    async def _there(self, item_id: str) -> Item:
        found = await self.stat(item_id)
        if found is None:
            raise _missing()
        return found

    async def _write(self, item_id: str, content: Content, publish: Callable[[int, str, str], None]) -> Item:
        """Send into a hidden file beside the item, and ``publish`` it once it is durable."""
        draft = _Draft(parent_of(item_id), publish)
        try:
            await self._at(item_id, draft.begin)
            async for chunk in Exact(content):
                await asyncio.to_thread(draft.write, chunk)
            written = await self._at(item_id, draft.finish)
        except BaseException:
            with suppress(RemoteError):
                # Shielded, for a second cancellation must not stop the removal.
                await asyncio.shield(self._at(item_id, draft.discard))
            raise
        finally:
            await asyncio.shield(asyncio.to_thread(draft.close))
        if written is None:
            raise RemoteError("unreachable", "The file has gone while it was written.")
        return written


class _Draft:
    """A hidden file on its way to its name. Its steps run in threads, and a thread goes on when its call is cancelled: so
    they come one after the other, and none comes after the end, when the descriptor may be another file's."""

    def __init__(self, parent_id: str | None, publish: Callable[[int, str, str], None]) -> None:
        self._parent_id, self._publish = parent_id, publish
        self._hidden = hidden_name()
        self._lock = threading.Lock()
        self._over = False
        self._file = -1

    def begin(self, where: int, _name: str) -> None:
        with self._lock:
            if not self._over:
                self._file = os.open(self._hidden, _NEW, 0o666, dir_fd=where)

    def write(self, chunk: bytes) -> None:
        with self._lock, disk.refusing():
            rest = memoryview(chunk)
            while rest and not self._over:
                rest = rest[os.write(self._file, rest) :]

    def finish(self, where: int, name: str) -> Item | None:
        """The item; None where it has gone, or the draft was over."""
        with self._lock:
            if self._over:
                return None
            now = time.time_ns()
            os.utime(self._file, ns=(now, now - disk.BACKDATED_NS))
            os.fsync(self._file)
            self._publish(where, self._hidden, name)
            os.fsync(where)
            # By its descriptor: what somebody else has put in its place by now is not what was written.
            return disk.item_of(self._parent_id, name, os.fstat(self._file))

    def discard(self, where: int, _name: str) -> None:
        self.close()
        with suppress(FileNotFoundError):
            os.unlink(self._hidden, dir_fd=where)

    def close(self) -> None:
        with self._lock:
            self._over = True
            file, self._file = self._file, -1
            if file >= 0:
                os.close(file)


def _publish(where: int, hidden: str, name: str) -> None:
    disk.rename((where, hidden), (where, name))


def _closed(opening: asyncio.Task[FileIO]) -> None:
    """Close what is opened when nobody waits for it any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _opened(root: Path, item_id: str) -> FileIO:
    with disk.place(root, item_id) as (where, name):
        descriptor = os.open(name, _READ, dir_fd=where)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _missing()
    return FileIO(descriptor)


async def _pieces(file: FileIO, found: os.stat_result) -> AsyncIterator[bytes]:
    """The bytes of the file. Raises ``changed`` where somebody wrote into them meanwhile."""
    with disk.refusing():
        at = 0
        while piece := await asyncio.to_thread(file.read, _PIECE):
            at += len(piece)
            yield piece
        if disk.tag_of(os.fstat(file.fileno())) != disk.tag_of(found):
            raise _changed()
        if at != found.st_size:
            raise RemoteError("unreachable", "The file ended early.")


def _move(root: Path, item_id: str, target: str) -> None:
    with disk.place(root, item_id) as source, disk.place(root, target) as (where, name):
        disk.rename(source, (where, name))
        os.fsync(where)
        os.fsync(source[0])


def _missing() -> RemoteError:
    return RemoteError("missing", "There is no such file or folder.")


def _changed() -> RemoteError:
    return RemoteError("changed", "The file is not what it was any more.")
