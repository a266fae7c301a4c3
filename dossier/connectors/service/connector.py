"""The contract on a service of OpenDAL's."""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from dossier.connectors.contract import Caps, Connector, Content, Item, OldVersion, Page, RemoteError, Right
from dossier.connectors.names import STALE_SECONDS, checked_name, is_hidden, is_name, steps_of
from dossier.connectors.sending import Exact
from dossier.connectors.service.calls import Calls
from dossier.connectors.service.moving import Mover
from dossier.connectors.service.reading import file_of, folder_of, pieces, tag_of
from dossier.connectors.service.sending import fits, send, sweep, way
from dossier.connectors.service.traits import Storage
from dossier.core.log import log

_PAGE: Final = 500
_LONGEST_PATH: Final = 1024  # bytes of UTF-8
_MOST_COUNTED: Final = 1000
_CONTROL: Final = re.compile("[\x00-\x1f\x7f]")


class ServiceConnector(Connector):
    """What lies below a root in a storage service. An id is the path from there on; that of a folder ends with "/".

    What the service can do, the library tells: conditions on writes and renames are used where there are any. Without
    them it is looked just before the last bytes go, and what somebody writes in the moment between is lost; a rename is a
    copy and a deletion, through this machine where the service copies nothing itself. A folder's is one for each file in
    it, in no one step: one that breaks off is in both places.

    Names with a step that is no name of ours ("..", white space at an end) are left out; the log says so once.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage, self._traits = storage, storage.traits
        root = storage.root.strip("/")
        self._base = f"{_path(root)}/" if root else ""
        self._calls = Calls(storage.service, storage.config)
        self.caps = Caps(
            conditional_write=self._calls.can.write_with_if_match, case_sensitive=self._traits.case_sensitive
        )
        #: Whether a listing tells other tags than a look at the file does: then each file is looked at.
        self._looks: bool | None = None
        self._told = False

    async def check(self) -> str:
        await self._there()
        count = 0
        async with aclosing(self._calls.entries(self._base)) as entries:
            async for _ in entries:
                count += 1
                if count == _MOST_COUNTED:
                    return f"A place; files and folders at its top: {count} or more."
        return f"A place; files and folders at its top: {count}."

    async def _there(self) -> None:
        """Raises ``missing`` where the place is gone: it is not to be taken for one that is empty."""
        if not self._traits.keys and self._base and await self._about(self._base) is None:
            raise RemoteError("missing", "There is no such folder.")
        await self._calls.holds(self._base)

    async def _about(self, path: str) -> Any | None:
        """A file or folder as the path says."""
        about = await self._calls.stat(path)
        return about if about is not None and about.is_dir == path.endswith("/") else None

    # Reading

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        await self._there()
        seen: set[str] = set()
        waiting = [""]
        while waiting:
            page: list[Item] = []
            async for item in self._below(waiting.pop(), seen):
                page.append(item)
                if item.folder and not self._lists_deep:
                    waiting.append(item.id)
                if len(page) >= _PAGE:
                    yield Page(page)
                    page = []
            if page:
                yield Page(page)

    @property
    def _lists_deep(self) -> bool:
        return bool(self._calls.can.list_with_recursive)

    async def _below(self, folder: str, seen: set[str]) -> AsyncIterator[Item]:
        """What a folder holds, or all that lies below it where the service lists so; folders first."""
        stale: list[str] = []
        try:
            async for entry in self._calls.entries(self._base + folder, deep=self._lists_deep):
                path = self._below_base(entry)
                if is_hidden(path.rstrip("/").rpartition("/")[2]) and entry.metadata.is_dir:
                    stale += [entry.path] if self._is_stale(entry) else []
                    continue
                for item in await self._listed(path, entry.metadata, seen):
                    yield item
        except RemoteError as error:
            # A folder that goes while it is listed.
            if error.kind != "missing" or not folder or await self.stat(folder) is not None:
                raise
        for path in stale:
            await sweep(self._calls, path)

    def _below_base(self, entry: Any) -> str:
        path: str = entry.path.removeprefix("/")
        if not path.startswith(self._base):
            raise RemoteError("unreachable", "The listing names what is elsewhere.")
        return path.removeprefix(self._base)

    def _is_stale(self, entry: Any) -> bool:
        when = entry.metadata.last_modified
        return when is not None and datetime.now(UTC) - when > timedelta(seconds=STALE_SECONDS)

    async def _listed(self, path: str, about: Any, seen: set[str]) -> list[Item]:
        """An entry, after the folders that it is the first to lie in."""
        *above, name = path.split("/")
        if _CONTROL.search(path) or not all(is_name(step) for step in (*above, *([name] if name else []))):
            self._tell()
            return []
        ids = ["/".join(above[: depth + 1]) + "/" for depth in range(len(above))]
        folders = [folder_of(item_id) for item_id in ids if item_id not in seen]
        seen.update(ids)
        if not name:
            return folders
        item = await self._looked_at(path, about)
        return [*folders, item] if item else folders

    async def _looked_at(self, item_id: str, about: Any) -> Item | None:
        """A file of a listing. None where it went while it was listed."""
        if self._looks is not False:
            found = await self._about(self._base + item_id)
            if found is None:
                return None
            if self._looks is None:
                told = (tag_of(item_id, about), about.content_length)
                self._looks = told != (tag_of(item_id, found), found.content_length)
            about = found
        return file_of(item_id, about)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            log.warning("connectors.service.path_is_no_name", service=self._storage.service)

    async def stat(self, item_id: str) -> Item | None:
        about = await self._about(self._base + _path(item_id))
        if about is None:
            return None
        return folder_of(item_id) if about.is_dir else file_of(item_id, about)

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        item_id = (parent_id or "") + checked_name(name)
        return await self.stat(item_id) or await self.stat(f"{item_id}/")

    async def _file(self, item_id: str) -> Any:
        """What is known of a file. Raises ``missing``."""
        path = self._base + _path(item_id)
        about = None if path.endswith("/") else await self._about(path)
        if about is None:
            raise RemoteError("missing", "There is no such file or folder.")
        return about

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        about = await self._file(item_id)
        if if_tag not in (None, tag_of(item_id, about)):
            raise _changed()
        yield self._read(item_id, about)

    async def _read(self, item_id: str, about: Any) -> AsyncIterator[bytes]:
        """The bytes of a file. Raises ``changed`` where it is another by the end."""
        size = 0
        async for piece in pieces(await self._calls.reader(self._base + item_id, about.etag or "")):
            size += len(piece)
            yield piece
        if tag_of(item_id, await self._file(item_id)) != tag_of(item_id, about):
            raise _changed()
        if size != about.content_length:
            raise RemoteError("unreachable", f"The service has sent {size} bytes, and announced others.")

    # Writing

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        item_id = await self._free(parent_id, name)
        fits(self._calls, content.size)

        async def before() -> None:
            if await self.find(parent_id, name) is not None:
                raise _taken()

        condition = {"if_not_exists": True} if self._calls.can.write_with_if_not_exists else {}
        try:
            return await self._send(item_id, content, condition, None if condition else before)
        except RemoteError as error:
            raise _taken() if condition and error.kind == "changed" else error from None

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        about = await self._file(item_id)
        fits(self._calls, content.size)

        async def before() -> None:
            if tag_of(item_id, await self._file(item_id)) != if_match:
                raise _changed()

        if tag_of(item_id, about) != if_match:
            raise _changed()
        guarded = about.etag and self._calls.can.write_with_if_match
        condition = {"if_match": about.etag} if guarded else {}
        return await self._send(item_id, content, condition, None if guarded else before)

    async def _send(self, item_id: str, content: Content, condition: dict[str, Any], before: Any) -> Item:
        async with way(self._storage, self._calls, self._base, item_id) as (calls, path):
            sent = await send(
                calls, path, aiter(Exact(content)), content.media_type, condition=condition, before=before
            )
        about = await self._file(item_id)
        item = file_of(item_id, about)
        if item.size == content.size and about.content_md5 in (None, "", sent):
            return item
        # Somebody has written since: whatever comes next finds another tag, and reads it.
        return Item(item_id, item.parent_id, item.name, size=content.size)

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        item_id = f"{await self._free(parent_id, name)}/"
        await self._calls.make_folder(self._base + item_id)
        return folder_of(item_id)

    async def _free(self, parent_id: str | None, name: str) -> str:
        """The id of a file of a name that nothing has. Raises ``name_taken``, ``missing``, ``refused``."""
        item_id = (parent_id or "") + checked_name(name)
        if self.name_for(name) != name or len((self._base + item_id).encode()) >= _LONGEST_PATH:
            raise RemoteError("refused", "The service cannot keep this name: it is too long, or holds what it may not.")
        if parent_id is not None and (not parent_id.endswith("/") or await self.stat(parent_id) is None):
            raise RemoteError("missing", "There is no such folder.")
        if await self.find(parent_id, name) is not None:
            raise _taken()
        return item_id

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        item = await self.stat(item_id)
        if item is None:
            raise RemoteError("missing", "There is no such file or folder.")
        target = (parent_id or "") + checked_name(name) + ("/" if item.folder else "")
        if target == item_id:
            return item
        if item.folder and target.startswith(item_id):
            raise RemoteError("refused", "A folder cannot go into itself.")
        await self._free(parent_id, name)
        mover = Mover(self._storage, self._calls, self._base)
        if item.folder:
            await mover.folder(item_id, target, await self._all_below(item_id))
            return folder_of(target)
        await mover.file(item_id, target)
        return file_of(target, await self._file(target))

    async def _all_below(self, folder: str) -> Sequence[str]:
        """The ids of all that lies in a folder, those of folders before what lies in them."""
        found, waiting, seen = list[str](), [folder], {folder}
        for each in waiting:
            inside = [item async for item in self._below(each, seen)]
            found += [item.id for item in inside]
            waiting += [item.id for item in inside if item.folder and not self._lists_deep]
        return [item_id for item_id in found if item_id.startswith(folder) and item_id != folder]

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        path = self._base + _path(item_id)
        about = await self._about(path)
        if about is None:
            return None
        if not about.is_dir:
            if if_match not in (None, tag_of(item_id, about)):
                raise _changed()
            return await self._calls.delete(path, (about.etag or "") if if_match is not None else "")
        if await self._calls.holds(path):
            raise RemoteError("changed", "The folder is not empty.")
        await self._calls.delete(path)
        if await self._about(path) is not None:
            raise RemoteError("changed", "The folder is not empty.")
        return None

    async def versions(self, item_id: str) -> list[OldVersion]:
        raise RemoteError("unsupported", "The versions that this service may keep cannot be asked for.")

    def open_version(self, item_id: str, version_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise RemoteError("unsupported", "The versions that this service may keep cannot be asked for.")

    async def rights(self, item_id: str | None) -> list[Right]:
        raise RemoteError("unsupported", "Who may do what in this service cannot be asked for.")

    def name_for(self, name: str) -> str:
        return self._traits.fit(name)

    async def close(self) -> None:
        await self._calls.close()


def _path(item_id: str) -> str:
    """A path that can be asked for. Raises ``refused``; over FTP the end of a line is the end of a command."""
    steps_of(item_id.removesuffix("/"))
    if _CONTROL.search(item_id):
        raise RemoteError("refused", "This name cannot be a file's or a folder's.")
    return item_id


def _changed() -> RemoteError:
    return RemoteError("changed", "The file is not what it was any more.")


def _taken() -> RemoteError:
    return RemoteError("name_taken", "There is something of this name already.")
