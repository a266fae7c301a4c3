"""One folder of a drive under the contract. Source: learn.microsoft.com/graph/api/resources/onedrive.

SharePoint may rewrite an office file that it takes; ``items.py`` tells what is shown of that.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from dossier.connectors.contract import MOST_RIGHTS, Caps, Content, Item, OldVersion, Page, RemoteError, Right
from dossier.connectors.graph.auth import TOKEN_URL, Credentials
from dossier.connectors.graph.feed import Feed
from dossier.connectors.graph.items import is_left_out, item_of, parent_of, version_of
from dossier.connectors.graph.names import fitting, is_path, of_item, segment, to_be_made
from dossier.connectors.graph.rights import rights_of
from dossier.connectors.graph.uploads import PIECE_BYTES, SMALL_BYTES, Upload, whole
from dossier.connectors.graph.wire import CREATE_ONLY, FAILURES, GRAPH_URL, Graph, torn
from dossier.connectors.names import checked_name

_CHUNK_BYTES: Final = 1 << 18


class GraphConnector:
    """The folder ``folder_id`` (or ``root``) of the drive ``drive_id``. ``session`` stays its maker's, who closes it.

    ``put`` is checked by the other side in the same step up to ``small_bytes``. A larger file is checked when its upload
    begins and, by us, right before its last piece; for a change in that last moment the other side keeps the version.
    """

    caps = Caps(
        feed=True,
        stable_ids=True,
        conditional_write=True,
        versions=True,
        hints=True,
        case_sensitive=False,
        digests=frozenset({"quickxor"}),
    )

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        *,
        drive_id: str,
        folder_id: str = "root",
        base_url: str = GRAPH_URL,
        token_url: str = TOKEN_URL,
        seconds: float = 60.0,
        small_bytes: int = SMALL_BYTES,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        #: For subscriptions and the picker.
        self.graph = Graph(session, credentials, base_url=base_url, token_url=token_url, seconds=seconds)
        self._drive, self._folder, self._client_id = drive_id, folder_id, credentials.client_id
        self._items = f"/drives/{segment(drive_id)}/items/"
        self._root: dict[str, Any] = {}
        self._small_bytes, self._piece_bytes = small_bytes, piece_bytes

    async def check(self) -> str:
        root = await self._ask_root()
        if "folder" not in root:
            raise RemoteError("missing", "What the link was made to is no folder.")
        drive = (await self.graph.call("GET", f"/drives/{segment(self._drive)}")).body
        return f"Folder “{root.get('name', '')}” of the drive “{drive.get('name', '')}” ({drive.get('driveType', '')})."

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        async for page in Feed(self.graph, self._drive, await self._root_id()).pages(cursor):
            yield page

    async def stat(self, item_id: str) -> Item | None:
        raw = await self._look(item_id)
        return None if raw is None else item_of(raw, await self._root_id())

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        if is_path(checked_name(name)):
            return None
        parent = segment(await self._root_id()) if parent_id is None else of_item(parent_id)
        raw = await self._found(f"{self._items}{parent}:/{segment(name)}")
        return None if raw is None or not await self._is_inside(raw) else item_of(raw, await self._root_id())

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        item = await self._file(item_id)
        self._match(item.tag, if_tag)
        async with self.graph.content(f"{self._items}{of_item(item_id)}/content") as response:
            yield self._bytes(response, item, if_tag)

    async def _bytes(self, response: aiohttp.ClientResponse, item: Item, if_tag: str | None) -> AsyncIterator[bytes]:
        async for chunk in self._whole(response, item.size):
            yield chunk
        if if_tag is not None:
            now = await self.stat(item.id)
            self._match("" if now is None else now.tag, if_tag)

    @staticmethod
    async def _whole(response: aiohttp.ClientResponse, size: int | None) -> AsyncIterator[bytes]:
        count, announced = 0, _announced(response, size)
        try:
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                count += len(chunk)
                yield chunk
        except FAILURES as error:
            raise torn(error) from error
        if announced is not None and count != announced:
            raise RemoteError("unreachable", f"{count} bytes came of the {announced} that were announced.")

    @staticmethod
    def _match(tag: str, if_tag: str | None) -> None:
        if if_tag is not None and tag != if_tag:
            raise RemoteError("changed", "The file was changed in between.")

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        to_be_made(name)
        where = f"{self._items}{segment(await self._parent(parent_id))}:/{segment(name)}"
        if content.size <= self._small_bytes:
            headers = {"Content-Type": content.media_type}
            data = await whole(content)
            raw = (await self.graph.call("PUT", f"{where}:/content?{CREATE_ONLY}", data=data, headers=headers)).body
        else:
            wanted = {"item": {"@microsoft.graph.conflictBehavior": "fail", "name": name}}
            raw = await self._upload(content, f"{where}:/createUploadSession", wanted)
        return item_of(raw, await self._root_id())

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        where = self._items + of_item(item_id)
        item = await self._file(item_id)
        if item.etag != if_match:
            raise RemoteError("changed", "The file was changed in between.")
        if content.size <= self._small_bytes:
            headers = {"Content-Type": content.media_type, "If-Match": if_match}
            raw = (await self.graph.call("PUT", f"{where}/content", data=await whole(content), headers=headers)).body
        else:
            wanted = {"item": {"@microsoft.graph.conflictBehavior": "replace"}}
            raw = await self._upload(content, f"{where}/createUploadSession", wanted, replacing=item)
        return item_of(raw, await self._root_id())

    async def _upload(
        self, content: Content, where: str, wanted: dict[str, Any], replacing: Item | None = None
    ) -> dict[str, Any]:
        async def begin() -> str:
            headers = {"If-Match": replacing.etag} if replacing else {}
            return str((await self.graph.call("POST", where, body=wanted, headers=headers)).body.get("uploadUrl", ""))

        async def before_last() -> None:
            # By the tag: the session itself may change the item's metadata.
            now = await self.stat(replacing.id) if replacing else None
            if replacing and (now is None or now.tag != replacing.tag):
                raise RemoteError("changed", "The file was changed while another version was on its way.")

        return await Upload(self.graph, content, begin, before_last, piece_bytes=self._piece_bytes).run()

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        to_be_made(name)
        parent = segment(await self._parent(parent_id))
        wanted = {"name": name, "folder": {}, "@microsoft.graph.conflictBehavior": "fail"}
        raw = (await self.graph.call("POST", f"{self._items}{parent}/children", body=wanted)).body
        return item_of(raw, await self._root_id())

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        checked_name(name)
        item = await self.stat(item_id)
        if item is None:
            raise RemoteError("missing", "The item is not there any more.")
        if name != item.name:
            to_be_made(name)
        parent = await self._parent(parent_id)
        if (item.parent_id, item.name) == (parent_id, name):
            return item  # asked for all the same, it would be changed
        wanted = {"name": name, "parentReference": {"id": parent}}
        raw = (await self.graph.call("PATCH", f"{self._items}{of_item(item_id)}?{CREATE_ONLY}", body=wanted)).body
        return item_of(raw, await self._root_id())

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        raw = await self._look(item_id)
        if raw is None:
            return
        item = item_of(raw, await self._root_id())
        if if_match is not None and item.etag != if_match:
            raise RemoteError("changed", "The item was changed in between.")
        where = self._items + of_item(item_id)
        if item.folder and (await self.graph.call("GET", f"{where}/children?$top=1")).body.get("value"):
            raise RemoteError("changed", "The folder is not empty.")
        # A folder goes with all that is in it: its eTag is asked for, so that it is the one that was looked into.
        match = str(raw.get("eTag", "")) if item.folder else if_match
        try:
            await self.graph.call("DELETE", where, headers={"If-Match": match} if match else {})
        except RemoteError as error:
            if error.kind != "missing":
                raise

    async def versions(self, item_id: str) -> list[OldVersion]:
        await self._file(item_id)
        entries = self.graph.listed(f"{self._items}{of_item(item_id)}/versions")
        found = [version_of(raw) async for raw in entries]
        return sorted(found, key=lambda each: each.modified_at.timestamp() if each.modified_at else 0.0, reverse=True)

    @asynccontextmanager
    async def open_version(self, item_id: str, version_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        await self._file(item_id)
        where = f"{self._items}{of_item(item_id)}/versions/{of_item(version_id)}/content"
        async with self.graph.content(where) as response:
            yield self._whole(response, None)

    async def rights(self, item_id: str | None) -> list[Right]:
        if item_id is not None and await self._look(item_id) is None:
            raise RemoteError("missing", "The item is not there any more.")
        item = segment(await self._root_id() if item_id is None else item_id)
        found: list[Right] = []
        async for raw in self.graph.listed(f"{self._items}{item}/permissions"):
            found += rights_of(raw, self._client_id)
            if len(found) >= MOST_RIGHTS:
                break
        return found[:MOST_RIGHTS]

    def name_for(self, name: str) -> str:
        return fitting(name)

    async def close(self) -> None:
        """Nothing: the connections are the session's."""

    async def _found(self, where: str) -> dict[str, Any] | None:
        """What lies at an address; None for nothing, and for what no link can hold."""
        try:
            raw = (await self.graph.call("GET", where)).body
        except RemoteError as error:
            if error.kind != "missing":
                raise
            return None
        return None if "deleted" in raw or is_left_out(raw) else raw

    async def _look(self, item_id: str) -> dict[str, Any] | None:
        """An item below the linked folder, or None."""
        raw = await self._found(self._items + of_item(item_id))
        if raw is None or "root" in raw or raw.get("id") == await self._root_id() or not await self._is_inside(raw):
            return None
        return raw

    async def _file(self, item_id: str) -> Item:
        """A file below the linked folder. Raises ``missing``."""
        item = await self.stat(item_id)
        if item is None or item.folder:
            raise RemoteError("missing", "The file is not there any more.")
        return item

    async def _parent(self, parent_id: str | None) -> str:
        """The id of the linked folder, or of one below it. Raises ``missing``."""
        if parent_id is None:
            return await self._root_id()
        folder = await self.stat(parent_id)
        if folder is None or not folder.folder:
            raise RemoteError("missing", "The folder is not there any more.")
        return folder.id

    async def _ask_root(self) -> dict[str, Any]:
        self._root = (await self.graph.call("GET", self._items + segment(self._folder))).body
        if not self._root.get("id"):
            raise RemoteError("unreachable", "Microsoft Graph told of an item without an id or name.")
        return self._root

    async def _root_id(self) -> str:
        """The id of the linked folder, which is asked for once: ``root`` is the name of a folder, not its id."""
        return str((self._root or await self._ask_root())["id"])

    async def _is_inside(self, raw: dict[str, Any]) -> bool:
        """Whether an item lies below the linked folder, by its folders one after the other."""
        root, passed, at = await self._root_id(), set[str](), parent_of(raw)
        if "root" in self._root:
            return bool(at)  # all that has a folder lies below the drive's root
        while at != root:
            if not at or at in passed:
                return False
            passed.add(at)
            folder = await self._found(self._items + segment(at))
            at = parent_of(folder) if folder else ""
        return True


def _announced(response: aiohttp.ClientResponse, size: int | None) -> int | None:
    """How many bytes have to come; None where the transfer's own form tells its end.

    The size that was told is the last resort: SharePoint hands out office files that are longer or shorter than it says.
    """
    if "Content-Encoding" in response.headers or "Transfer-Encoding" in response.headers:
        return None
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else size
