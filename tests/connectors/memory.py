"""Somebody else's system in memory, under the contract: with a feed or without, ids that stay or paths, with versions."""

import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dossier.connectors import Caps, Content, Item, OldVersion, Page, RemoteError, Right

PAGE = 7
WHEN = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
Hook = Callable[[str], None]


@dataclass
class Node:
    """One file or folder there."""

    id: str
    parent: str | None
    name: str
    folder: bool
    content: bytes = b""
    tag: str = ""
    history: list[bytes] = field(default_factory=list)
    old_tags: list[str] = field(default_factory=list)


class MemoryRemote:
    """The connector and the system behind it. ``before`` and ``after`` may raise: a lost question, a lost answer.

    People on that side use the methods of ``their_…``, which no hook sees.
    """

    def __init__(self, caps: Caps, *, rewrites: bool = False, tells_tags: bool = True) -> None:
        self.caps, self.rewrites, self.tells_tags = caps, rewrites, tells_tags
        self.nodes: dict[str, Node] = {}
        self.log: list[str] = []
        self.expired_before = 0
        self.before: Hook = lambda what: None
        self.after: Hook = lambda what: None
        self.writes = 0
        #: None: it does not tell.
        self.told_rights: list[Right] | None = None
        #: What the link replaced or deleted here.
        self.replaced: set[bytes] = set()
        self._numbers = itertools.count(1)

    # What people do there

    def their_new(self, parent: str | None, name: str, content: bytes = b"", *, folder: bool = False) -> Node:
        """A new file or folder. Raises RemoteError name_taken, missing."""
        return self._make(parent, name, content, folder=folder)

    def their_edit(self, id_: str, content: bytes) -> None:
        """New bytes in a file."""
        self._write(self.nodes[id_], content)

    def their_move(self, id_: str, parent: str | None, name: str) -> str:
        """Rename or move; the id from then on. Raises RemoteError name_taken, refused."""
        return self._move(self.nodes[id_], parent, name).id

    def their_delete(self, id_: str) -> None:
        """Remove an item with all in it."""
        for child in [node.id for node in self.nodes.values() if node.parent == id_]:
            self.their_delete(child)
        del self.nodes[id_]
        self.log.append(id_)

    def forget_cursors(self) -> None:
        """No cursor that was given out is known from now on."""
        self.expired_before = len(self.log)
        self.log.append("")

    def path(self, node: Node) -> str:
        """The names from the top down."""
        above = f"{self.path(self.nodes[node.parent])}/" if node.parent else ""
        return above + node.name

    def contents(self) -> set[bytes]:
        """Every content that can still be had there."""
        return {bytes_ for node in self.nodes.values() for bytes_ in [node.content, *node.history] if not node.folder}

    def _make(self, parent: str | None, name: str, content: bytes, *, folder: bool) -> Node:
        self._require_folder(parent)
        if self._named(parent, name):
            raise RemoteError("name_taken", name)
        node = Node("", parent, name, folder, content, "" if folder else self._tag())
        node.id = f"#{next(self._numbers)}" if self.caps.stable_ids else self.path(node)
        self.nodes[node.id] = node
        self.log.append(node.id)
        return node

    def _write(self, node: Node, content: bytes) -> None:
        if self.caps.versions:
            node.history.append(node.content)
            node.old_tags.append(node.tag)
        node.content, node.tag = content, self._tag()
        self.log.append(node.id)

    def _move(self, node: Node, parent: str | None, name: str) -> Node:
        self._require_folder(parent)
        taken = self._named(parent, name)
        if taken and taken is not node:
            raise RemoteError("name_taken", name)
        above = parent
        while above is not None:
            if above == node.id:
                raise RemoteError("refused", "A folder cannot go into itself.")
            above = self.nodes[above].parent
        node.parent, node.name = parent, name
        self.log.append(node.id)
        if not self.caps.stable_ids:
            self._rename_ids(node)
        return node

    def _rename_ids(self, node: Node) -> None:
        old, new = node.id, self.path(node)
        children = [child for child in self.nodes.values() if child.parent == old]
        del self.nodes[old]
        node.id = new
        self.nodes[new] = node
        self.log += [old, new]
        for child in children:
            child.parent = new
            self._rename_ids(child)

    def _tag(self) -> str:
        return f"t{next(self._numbers)}"

    def _named(self, parent: str | None, name: str) -> Node | None:
        key = name if self.caps.case_sensitive else name.casefold()
        for node in self.nodes.values():
            if node.parent == parent and (node.name if self.caps.case_sensitive else node.name.casefold()) == key:
                return node
        return None

    def _require_folder(self, id_: str | None) -> None:
        if id_ is not None and (id_ not in self.nodes or not self.nodes[id_].folder):
            raise RemoteError("missing", "The folder is gone.")

    def _get(self, id_: str) -> Node:
        if id_ not in self.nodes:
            raise RemoteError("missing", "It is gone.")
        return self.nodes[id_]

    def _item(self, node: Node) -> Item:
        size = None if node.folder else len(node.content)
        return Item(node.id, node.parent, node.name, node.folder, node.tag, node.tag, size)

    # The contract

    async def check(self) -> str:
        """Always there."""
        self.before("check")
        return "In memory."

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        """From the log, or everything."""
        self.before("changes")
        if cursor is not None and int(cursor) < self.expired_before:
            raise RemoteError("resync", "The cursor is too old.")
        end = str(len(self.log)) if self.caps.feed else None
        touched = set(self.log[int(cursor) :]) if cursor is not None else set(self.nodes)
        above = {id_ for each in touched for id_ in self._above(each)}
        nodes = sorted((self.nodes[id_] for id_ in (touched & set(self.nodes)) | above), key=self._order)
        gone = sorted(touched - set(self.nodes) - {""}) if cursor is not None else []
        items = [self._item(node) for node in nodes]
        for start in range(0, len(items), PAGE):
            yield Page(items[start : start + PAGE])
            self.after("changes")
        yield Page([], gone, end)

    def _above(self, id_: str) -> list[str]:
        found: list[str] = []
        node = self.nodes.get(id_)
        while node is not None and node.parent is not None:
            found.append(node.parent)
            node = self.nodes[node.parent]
        return found

    def _order(self, node: Node) -> tuple[int, str]:
        return len(self._above(node.id)), node.id

    async def stat(self, item_id: str) -> Item | None:
        """As it is."""
        self.before("stat")
        node = self.nodes.get(item_id)
        return self._item(node) if node else None

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        """By name."""
        self.before("find")
        node = self._named(parent_id, name)
        return self._item(node) if node else None

    @asynccontextmanager
    async def open(self, item_id: str, *, if_tag: str | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """In two pieces."""
        self.before("open")
        node = self._get(item_id)
        if if_tag is not None and node.tag != if_tag:
            raise RemoteError("changed", "It was changed.")
        content, tag = node.content, node.tag

        async def chunks() -> AsyncIterator[bytes]:
            yield content[: len(content) // 2]
            self.after("open")
            if if_tag is not None and node.tag != tag:
                raise RemoteError("changed", "It was changed.")
            yield content[len(content) // 2 :]

        yield chunks()

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        """A file of the link's own."""
        bytes_ = await _read(content)
        self.before("create")
        node = self._make(parent_id, name, bytes_, folder=False)
        return self._written(node, "create")

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        """New bytes."""
        bytes_ = await _read(content)
        self.before("put")
        node = self._get(item_id)
        if node.tag != if_match:
            raise RemoteError("changed", "It was changed.")
        self.replaced.add(node.content)
        self._write(node, bytes_)
        return self._written(node, "put")

    def _written(self, node: Node, what: str) -> Item:
        self.writes += 1
        item = self._item(node)
        if self.rewrites and node.name.endswith("x"):
            self._write(node, node.content + b"!")
        self.after(what)
        return item

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        """A folder of the link's own."""
        self.before("make_folder")
        node = self._make(parent_id, name, b"", folder=True)
        self.writes += 1
        item = self._item(node)
        self.after("make_folder")
        return item

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        """Rename or move."""
        self.before("move")
        node = self._move(self._get(item_id), parent_id, name)
        self.writes += 1
        item = self._item(node)
        self.after("move")
        return item

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        """Remove a file or an empty folder."""
        self.before("delete")
        node = self.nodes.get(item_id)
        if node is None:
            return
        if (if_match is not None and node.tag != if_match) or any(n.parent == item_id for n in self.nodes.values()):
            raise RemoteError("changed", "It was changed, or is not empty.")
        if not node.folder:
            self.replaced.add(node.content)
        del self.nodes[item_id]
        self.log.append(item_id)
        self.writes += 1
        self.after("delete")

    async def versions(self, item_id: str) -> list[OldVersion]:
        """What it keeps."""
        if not self.caps.versions:
            raise RemoteError("unsupported", "It keeps none.")
        self.before("versions")
        node = self._get(item_id)
        kept = zip([*node.history, node.content], [*node.old_tags, node.tag], strict=True)
        found = [
            OldVersion(f"{number}.0", WHEN, len(content), "Ada", tag if self.tells_tags else "")
            for number, (content, tag) in enumerate(kept, 1)
        ]
        return found[::-1]

    @asynccontextmanager
    async def open_version(self, item_id: str, version_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """An old one."""
        self.before("open_version")
        history, number = self._get(item_id).history, int(version_id.removesuffix(".0"))
        if number > len(history):
            raise RemoteError("refused", "That is the newest.")

        async def chunks() -> AsyncIterator[bytes]:
            yield history[number - 1]
            self.after("open_version")

        yield chunks()

    async def rights(self, item_id: str | None) -> list[Right]:
        """What the test says."""
        if self.told_rights is None:
            raise RemoteError("unsupported", "It does not tell.")
        if item_id is not None:
            self._get(item_id)
        return self.told_rights

    def name_for(self, name: str) -> str:
        """It cannot hold colons."""
        return name.replace(":", "_")

    async def close(self) -> None:
        """Nothing is open."""


async def _read(content: Content) -> bytes:
    return b"".join([chunk async for chunk in content.open(0)])
