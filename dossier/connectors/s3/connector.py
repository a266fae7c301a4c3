"""The contract on a bucket."""

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from typing import Any, Final

from dossier.connectors.contract import Caps, Connector, Content, Item, OldVersion, Page, RemoteError, Right
from dossier.connectors.names import MOST_BYTES, checked_name, fitting, hidden_name, is_name, steps_of
from dossier.connectors.s3.bucket import Bucket, BucketPlace
from dossier.connectors.s3.moving import copy_all, copy_one
from dossier.connectors.s3.sending import PART_BYTES, send
from dossier.core.log import log

_LONGEST_KEY: Final = 1024  # bytes of UTF-8
#: SeaweedFS takes a backslash for a slash.
_UNFIT: Final = re.compile("[/\\\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
#: SeaweedFS keeps the versions of a file in a folder of its name and ".versions".
_MOST_ELSEWHERE: Final = MOST_BYTES - len(".versions")
_NO_ETAG: Final = f'"{"0" * 32}"'


class S3Connector(Connector):
    """The objects of a bucket below a prefix. An id is the key without the prefix; that of a folder ends with "/".

    A folder is a key that ends so (``make_folder`` writes one, empty), or whatever other keys begin with: such a one goes
    with its last file. Keys with a step that is no name ("a//b", "..") are left out; the log says so once.

    The tag is the ETag alone: it is of the content, and a listing tells no more, in a bucket that keeps versions neither.
    ``check`` finds out whether the store honours conditions on writes, by one on an object that is not there: AWS,
    SeaweedFS and others do. Elsewhere it is looked just before, and what is written in the milliseconds between is lost.
    A move is copies and then deletions, in no one step: a folder that breaks off in between is in both places.
    Objects over 5 GiB cannot be moved. About ``part_bytes`` (at least 5 MiB) are held for each file that is sent.
    """

    def __init__(self, place: BucketPlace, *, part_bytes: int = PART_BYTES) -> None:
        self.caps = Caps()
        prefix = place.prefix.strip("/")
        self._prefix = f"{prefix}/" if prefix else ""
        self._bucket, self._part_bytes = Bucket(place), part_bytes
        self._most = _MOST_ELSEWHERE if place.endpoint else MOST_BYTES
        self._honours: bool | None = None
        self._told = False

    async def check(self) -> str:
        page = await self._bucket.call("list_objects_v2", Prefix=self._prefix, MaxKeys=1)
        versioned = await self._is_versioned()
        honours = await self._known_conditions()
        self.caps = Caps(conditional_write=honours, versions=versioned)
        return (
            f"A bucket{', with versions' if versioned else ''}{'' if page.get('Contents') else ', with nothing in it'}."
        )

    async def _is_versioned(self) -> bool:
        try:
            return (await self._bucket.call("get_bucket_versioning")).get("Status") == "Enabled"
        except RemoteError as error:
            if error.kind not in ("refused", "unsupported"):
                raise
            return False  # whoever may not ask gets no versions

    async def _known_conditions(self) -> bool:
        """Whether the store refuses a write under a condition that does not hold. One that does not leaves an empty
        object under a hidden name, which is taken away, its version too."""
        if self._honours is None:
            key = self._prefix + hidden_name()
            try:
                answer = await self._bucket.call("put_object", Key=key, Body=b"", IfMatch=_NO_ETAG)
            except RemoteError as error:
                if error.kind not in ("changed", "missing", "refused", "unsupported"):
                    raise
                self._honours = error.kind in ("changed", "missing")
            else:
                which: dict[str, Any] = {"VersionId": answer["VersionId"]} if answer.get("VersionId") else {}
                await self._bucket.call("delete_object", Key=key, **which)
                self._honours = False
        return self._honours

    # Reading

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        seen: set[str] = set()
        async for page in self._bucket.pages("list_objects_v2", self._prefix):
            items = [item for each in page.get("Contents", ()) for item in self._listed(each, seen)]
            if items:
                yield Page(items)

    def _listed(self, entry: dict[str, Any], seen: set[str]) -> list[Item]:
        """An object, after the folders that it is the first to lie in."""
        path = entry["Key"].removeprefix(self._prefix)
        *above, name = path.split("/")
        if not all(is_name(step) for step in (*above, *([name] if name else []))):
            self._tell()
            return []
        ids = ["/".join(above[: depth + 1]) + "/" for depth in range(len(above))]
        folders = [_folder(item_id) for item_id in ids if item_id not in seen]
        seen.update(ids)
        return [*folders, _file(path, entry["ETag"], entry["Size"], entry["LastModified"])] if name else folders

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            log.warning("connectors.s3.key_is_no_path")

    async def stat(self, item_id: str) -> Item | None:
        steps_of(item_id.removesuffix("/"))
        if item_id.endswith("/"):
            page = await self._bucket.call("list_objects_v2", Prefix=self._prefix + item_id, MaxKeys=1)
            return _folder(item_id) if page.get("Contents") else None
        head = await self._bucket.head(self._prefix + item_id)
        return _file(item_id, head["ETag"], head["ContentLength"], head["LastModified"]) if head else None

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        item_id = (parent_id or "") + checked_name(name)
        return await self.stat(item_id) or await self.stat(f"{item_id}/")

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        steps_of(item_id.removesuffix("/"))
        if item_id.endswith("/"):
            raise _missing()
        condition: dict[str, Any] = {} if if_tag is None else {"IfMatch": if_tag}
        answer = await self._bucket.call("get_object", Key=self._prefix + item_id, **condition)
        try:
            if if_tag not in (None, answer["ETag"]):  # of a store that knows no conditions
                raise _changed()
            yield self._bucket.pieces(answer)
        finally:
            answer["Body"].close()

    # Writing

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        item_id = await self._free(parent_id, name)
        condition = {"IfNoneMatch": "*"} if await self._known_conditions() else {}
        try:
            return await self._send(item_id, content, condition)
        except RemoteError as error:
            raise _taken() if error.kind == "changed" else error from error

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        item = await self.stat(item_id)
        if item is None or item.folder:
            raise _missing()
        if item.etag != if_match:
            raise _changed()
        return await self._send(item_id, content, {"IfMatch": if_match} if await self._known_conditions() else {})

    async def _send(self, item_id: str, content: Content, condition: dict[str, str]) -> Item:
        key = self._prefix + item_id
        etag = await send(self._bucket, key, content, condition, part_bytes=self._part_bytes)
        head = await self._bucket.head(key)
        # Somebody may have written since: the tag is that of what was sent.
        modified = head["LastModified"] if head and head["ETag"] == etag else None
        return _file(item_id, etag, content.size, modified)

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        item_id = await self._free(parent_id, name) + "/"
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if await self._known_conditions() else {}
        try:
            await self._bucket.call("put_object", Key=self._prefix + item_id, Body=b"", **condition)
        except RemoteError as error:
            raise _taken() if error.kind == "changed" else error from error
        return _folder(item_id)

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        item = await self.stat(item_id)
        if item is None:
            raise _missing()
        checked_name(name)
        target = (parent_id or "") + name + ("/" if item.folder else "")
        if target == item_id:
            return item
        if item.folder and target.startswith(item_id):
            raise RemoteError("refused", "A folder cannot go into itself.")
        await self._free(parent_id, name)
        honours = await self._known_conditions()
        if item.folder:
            await copy_all(self._bucket, self._prefix + item_id, self._prefix + target, honours=honours)
        else:
            await copy_one(self._bucket, self._prefix + item_id, self._prefix + target, item.etag, honours=honours)
        return await self.stat(target) or _folder(target)

    async def _free(self, parent_id: str | None, name: str) -> str:
        """The id of a file of a name that nothing has. Raises ``name_taken``, ``missing``, ``refused``."""
        item_id = (parent_id or "") + checked_name(name)
        if "\\" in name or len(name.encode()) > self._most or len((self._prefix + item_id).encode()) >= _LONGEST_KEY:
            raise RemoteError(
                "refused", "The name is too long, or has a backslash, which some stores take for a slash."
            )
        if parent_id is not None and (not parent_id.endswith("/") or await self.stat(parent_id) is None):
            raise _missing()
        if await self.find(parent_id, name) is not None:
            raise _taken()
        return item_id

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        steps_of(item_id.removesuffix("/"))
        key = self._prefix + item_id
        condition: dict[str, Any] = {}
        if item_id.endswith("/"):
            page = await self._bucket.call("list_objects_v2", Prefix=key, MaxKeys=2)
            if any(each["Key"] != key for each in page.get("Contents", ())):
                raise RemoteError("changed", "The folder is not empty.")
        elif if_match is not None:
            item = await self.stat(item_id)
            if item is None:
                return
            if item.etag != if_match:
                raise _changed()
            condition = {"IfMatch": if_match} if await self._known_conditions() else {}
        with _if_there():
            await self._bucket.call("delete_object", Key=key, **condition)

    async def versions(self, item_id: str) -> list[OldVersion]:
        if not await self._is_versioned():
            raise RemoteError("unsupported", "The bucket keeps no versions.")
        if await self.stat(item_id) is None:
            raise _missing()
        key = self._prefix + item_id
        found: list[OldVersion] = []
        async for page in self._bucket.pages("list_object_versions", key):
            own = [each for each in page.get("Versions", ()) if each["Key"] == key]
            found += [_version(each) for each in own]
            if any(each["Key"] != key for each in page.get("Versions", ())):
                break
        return found

    @asynccontextmanager
    async def open_version(self, item_id: str, version_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        steps_of(item_id)
        answer = await self._bucket.call("get_object", Key=self._prefix + item_id, VersionId=version_id)
        try:
            if answer.get("VersionId") != version_id:  # of a store, or a bucket, that hands out the newest instead
                raise RemoteError("unsupported", "The bucket keeps no versions.")
            yield self._bucket.pieces(answer)
        finally:
            answer["Body"].close()

    async def rights(self, item_id: str | None) -> list[Right]:
        raise RemoteError("unsupported", "Who may do what in a bucket is in policies that the store does not sum up.")

    def name_for(self, name: str) -> str:
        return fitting(name, _UNFIT, self._most)

    async def close(self) -> None:
        await self._bucket.close()


@contextmanager
def _if_there() -> Iterator[None]:
    """What is gone is gone."""
    try:
        yield
    except RemoteError as error:
        if error.kind != "missing":
            raise


def _file(item_id: str, etag: str, size: int, modified: datetime | None) -> Item:
    parent, slash, name = item_id.rpartition("/")
    when = modified.astimezone(UTC) if modified else None
    return Item(item_id, parent + slash or None, name, tag=etag, etag=etag, size=size, modified_at=when)


def _version(entry: dict[str, Any]) -> OldVersion:
    when = entry["LastModified"].astimezone(UTC)
    return OldVersion(entry["VersionId"], when, entry["Size"], tag=entry["ETag"])


def _folder(item_id: str) -> Item:
    parent, slash, name = item_id.removesuffix("/").rpartition("/")
    return Item(item_id, parent + slash or None, name, folder=True)


def _missing() -> RemoteError:
    return RemoteError("missing", "There is no such file or folder.")


def _changed() -> RemoteError:
    return RemoteError("changed", "The file is not what it was any more.")


def _taken() -> RemoteError:
    return RemoteError("name_taken", "There is something of this name already.")
