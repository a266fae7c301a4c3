"""The contract on a WebDAV server."""

import asyncio
import re
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import replace
from typing import Final

import aiohttp

from dossier.connectors.contract import Caps, Connector, Content, Item, OldVersion, Page, RemoteError, Right
from dossier.connectors.names import (
    MOST_BYTES,
    STALE_SECONDS,
    child_of,
    fitting,
    is_hidden,
    steps_of,
)
from dossier.connectors.webdav import feed, privileges, writing
from dossier.connectors.webdav.answers import Found
from dossier.connectors.webdav.locks import held
from dossier.connectors.webdav.places import Base
from dossier.connectors.webdav.reading import Listing, Make, bare, is_strong, item_of, make_of, offers, propfind
from dossier.connectors.webdav.wire import Wire, authorization

_DEEPEST: Final = 100
_ASTRAY: Final = re.compile("[?;]")
_UNFIT: Final = re.compile("[/\\\\\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


class WebDavConnector(Connector):
    """The files and folders below the collection at ``base``. An id is the decoded path from there on.

    The caller makes the session, with its TLS and client certificate, and closes it. ``connect_seconds`` bounds
    connecting, ``silence_seconds`` the time in which nothing moves; a whole transfer is not bounded. Redirects are not
    followed, but to the same place with a slash. An answer that is XML may have ``answer_bytes``: some 30,000 items in
    one folder.

    Nextcloud, ownCloud and Apache check ``if_match`` themselves (``writing`` says how). Others are asked just before, and
    a folder what is in it before it is deleted, since DELETE knows no condition on content (RFC 4918, section 9.6.1):
    under a lock where the server has them (``check`` finds out); elsewhere what somebody does in the milliseconds between
    is lost.

    Where the server has a feed of changes (RFC 6578; ``check`` finds out), a look costs what changed; elsewhere every
    folder is listed.

    Tags tell every change of a file's content; that of a file written in the last two seconds changes once more.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: str,
        *,
        user: str = "",
        password: str = "",
        token: str = "",
        concurrency: int = 2,
        connect_seconds: float = 10.0,
        silence_seconds: float = 60.0,
        answer_bytes: int = 16 << 20,
    ) -> None:
        if not 1 <= concurrency <= 4:
            raise ValueError("One to four requests at a time.")
        self.caps = Caps()
        self._make: Make | None = None
        self._concurrency = concurrency
        self._wire = Wire(
            session,
            Base(base),
            authorization(user, password, token),
            connect_seconds=connect_seconds,
            silence_seconds=silence_seconds,
            answer_bytes=answer_bytes,
        )

    async def check(self) -> str:
        listing = await propfind(self._wire, (), "0", slash=True)
        if not listing.found[()].folder:
            raise RemoteError("refused", "The address is that of a file.")
        make = self._learn(listing)
        classes, methods = await offers(self._wire)
        has_feed = "REPORT" in methods and bool(await feed.token(self._wire))
        # Those of Nextcloud are made up for clients that insist on them.
        self.caps = replace(self.caps, feed=has_feed, locks="2" in classes and make != "oc")
        return f"A WebDAV folder of {listing.server or 'a server that does not say what it is'}."

    def _learn(self, listing: Listing) -> Make:
        self._make = make_of(listing)
        digests = {"md5", "sha1", "sha256"} if self._make == "oc" else set[str]()
        self._wire.owncloud = self._make == "oc"
        conditional = self._make in ("oc", "apache")
        self.caps = replace(self.caps, conditional_write=conditional, digests=frozenset(digests))
        return self._make

    async def _known_make(self) -> Make:
        return self._make or self._learn(await propfind(self._wire, (), "0", slash=True))

    async def _look(self, path: list[str]) -> tuple[Item, Found]:
        # What an item is made of depends on the server's make.
        await self._known_make()
        return await writing.look(self._wire, path)

    # Reading

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        await self._known_make()
        if cursor is not None:
            async for page in feed.changes(self._wire, cursor):
                yield page
            return
        # The token of before the walk: what changes meanwhile comes again.
        token = await feed.token(self._wire) if self.caps.feed else ""
        waiting: list[list[str]] = [[]]
        while waiting:
            asked, waiting = waiting[-self._concurrency :], waiting[: -self._concurrency]
            for items in await _all([self._children(path) for path in asked]):
                if items:
                    yield Page(items)
                waiting += [steps_of(item.id) for item in items if item.folder]
        if token:
            yield Page(cursor=token)

    async def _children(self, path: list[str]) -> list[Item]:
        """What lies in a folder; nothing where that has gone since it was listed."""
        if len(path) > _DEEPEST:
            raise RemoteError("unreachable", f"The server's folders go deeper than {_DEEPEST} steps.")
        try:
            listing = await propfind(self._wire, path, "1", slash=True)
        except RemoteError as error:
            if not path or error.kind != "missing" or await self.stat("/".join(path)) is not None:
                raise
            return []
        below = {steps: found for steps, found in listing.found.items() if len(steps) > len(path)}
        for steps, found in below.items():
            if is_hidden(steps[-1]):
                await writing.sweep(self._wire, list(steps), found, listing.date, STALE_SECONDS)
        return [item_of(steps, found, listing.date) for steps, found in below.items() if not is_hidden(steps[-1])]

    async def stat(self, item_id: str) -> Item | None:
        try:
            return (await self._look(steps_of(item_id)))[0]
        except RemoteError as error:
            if error.kind != "missing":
                raise
            return None

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        return await self.stat(child_of(parent_id, name))

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        path = steps_of(item_id)
        item = await self._file(path)
        if if_tag is not None and item.etag != bare(if_tag):
            raise _changed()
        async with self._wire.asked("GET", path) as response:
            if response.status != 200:
                raise RemoteError("unreachable", f"The server answers {response.status} to GET.")
            yield self._bytes(response, path, item, if_tag)

    async def _bytes(
        self, response: aiohttp.ClientResponse, path: list[str], item: Item, if_tag: str | None
    ) -> AsyncIterator[bytes]:
        """The body. Of a file that is rewritten in place meanwhile the ETag came before: it is looked at once more."""
        size = 0
        async for piece in self._wire.pieces(response):
            size += len(piece)
            yield piece
        if (await self._file(path)).etag != item.etag:
            raise RemoteError("changed" if if_tag is not None else "unreachable", "The file was changed meanwhile.")
        # The library has compared them with Content-Length.
        if item.size not in (None, size):
            raise RemoteError("unreachable", f"The server has sent {size} bytes, and listed others.")

    async def _file(self, path: list[str]) -> Item:
        item, _ = await self._look(path)
        if item.folder:
            raise RemoteError("missing", "There is a folder of this name, and no file.")
        return item

    # Writing

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        make, path = await self._known_make(), await self._free(parent_id, name)
        if make == "oc":
            return await writing.send(self._wire, path, content, {"If-None-Match": "*"}, new=True)
        return await writing.send_aside(self._wire, path, content, if_match=None)

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        path, make = steps_of(item_id), await self._known_make()
        self._check_target(path)
        item, found = await self._look(path)
        if item.folder:
            raise RemoteError("missing", "There is a folder of this name, and no file.")
        if item.etag != bare(if_match):
            raise _changed()
        if make != "oc":
            guard: writing.Guard = "etag" if make == "apache" else "lock" if self.caps.locks else "look"
            return await writing.send_aside(self._wire, path, content, if_match=if_match, guard=guard)
        condition = {"If-Match": found.etag} if is_strong(found) else {}
        return await writing.send(self._wire, path, content, condition, new=False)

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        path = await self._free(parent_id, name)
        async with self._wire.asked("MKCOL", path, slash=True):
            pass
        return (await self._look(path))[0]

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        path, target = steps_of(item_id), steps_of(child_of(parent_id, name))
        item, _ = await self._look(path)
        if target == path:
            return item
        if target[: len(path)] == path:
            raise RemoteError("refused", "A folder cannot go into itself.")
        await self._free(parent_id, name)
        await writing.move(self._wire, path, target, slash=item.folder)
        return (await self._look(target))[0]

    async def _free(self, parent_id: str | None, name: str) -> list[str]:
        """The path of a name that nothing has. Asked beforehand: rclone answers 201 to MKCOL of a folder that is there,
        and a missing parent is 403 or 500 to some, a name too long 405 or 500. Raises ``name_taken``, ``missing``,
        ``refused``."""
        path = steps_of(child_of(parent_id, name))
        if len(name.encode()) > MOST_BYTES:
            raise RemoteError("refused", f"The name has more than {MOST_BYTES} bytes.")
        if parent_id is not None and not (await self._look(path[:-1]))[0].folder:
            raise RemoteError("missing", "There is a file of the folder's name.")
        if await self.stat("/".join(path)) is not None:
            raise RemoteError("name_taken", "There is something of this name already.")
        self._check_target(path)
        return path

    def _check_target(self, path: list[str]) -> None:
        """Raises ``refused`` for what wsgidav would move to another place: it decodes a MOVE's target too early, and takes
        "?" and ";" for the end of the path."""
        if self._make == "wsgidav" and any(_ASTRAY.search(name) for name in path):
            raise RemoteError("refused", "This server cannot take a name with ? or ; in it.")

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        path = steps_of(item_id)
        try:
            slash = (await self._look(path))[0].folder
            # A file's condition is the server's to check, or there is none; an empty folder may be filled meanwhile.
            holds = self.caps.locks and (slash or (if_match is not None and not self.caps.conditional_write))
            async with held(self._wire, path, slash=slash) if holds else nullcontext[dict[str, str]]({}) as condition:
                item, found = await self._look(path)
                if item.folder != slash or (if_match is not None and item.etag != bare(if_match)):
                    raise _changed()
                if item.folder and len((await propfind(self._wire, path, "1", slash=True)).found) > 1:
                    raise RemoteError("changed", "The folder is not empty.")
                strong = {"If-Match": found.etag} if if_match and is_strong(found) else {}
                headers = {**condition, **strong}
                async with self._wire.asked("DELETE", path, slash=item.folder, headers=headers) as response:
                    await writing.check_parts(self._wire, "DELETE", response)
        except RemoteError as error:
            if error.kind != "missing":
                raise

    async def versions(self, item_id: str) -> list[OldVersion]:
        raise RemoteError("unsupported", "WebDAV has no common way to old versions.")

    def open_version(self, item_id: str, version_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise RemoteError("unsupported", "WebDAV has no common way to old versions.")

    async def rights(self, item_id: str | None) -> list[Right]:
        await self._known_make()
        return await privileges.rights(self._wire, [] if item_id is None else steps_of(item_id))

    def name_for(self, name: str) -> str:
        return fitting(_ASTRAY.sub("_", name) if self._make == "wsgidav" else name, _UNFIT)

    async def close(self) -> None:
        """Nothing to let go of: the session is the caller's."""


async def _all(calls: Sequence[Coroutine[None, None, list[Item]]]) -> list[list[Item]]:
    """What the calls answer, made at the same time; the first error ends the others."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _changed() -> RemoteError:
    return RemoteError("changed", "The file is not what it was any more.")
