"""Dossier's side of a link in memory: what the ledger does on a database, small enough for thousands of runs."""

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from uuid import UUID

from dossier import folders
from dossier.connectors import Content, Item
from dossier.links.sync.books import Cycle, Earlier, NotEmpty, Received, Stale, Terms, View
from dossier.links.sync.planner import Base, Ours, Place, Theirs


def sha(content: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(content).digest()


@dataclass
class Thing:
    """A document or folder here."""

    id: UUID
    parent: UUID | None
    name: str
    folder: bool
    versions: list[bytes] = field(default_factory=list)
    trashed: bool = False


@dataclass
class Row:
    """An item of the link in the books."""

    key: UUID
    folder: bool
    node: UUID | None = None
    remote_id: str | None = None
    theirs: Theirs | None = None
    base: Base | None = None
    size: int | None = None
    #: That of ``theirs`` when it went.
    tag: str = ""
    conflict: bool = False
    dirty: bool = True
    revision: int = 0
    tries: int = 0
    next_at: float = 0
    state: str = ""


@dataclass(frozen=True)
class Bytes:
    """Received."""

    content: bytes
    digest: bytes


class MemoryBooks:
    """Things here and the rows about them. People here use the methods of ``our_…``."""

    def __init__(self, terms: Terms) -> None:
        self.given = terms
        self.things: dict[UUID, Thing] = {}
        self.rows: dict[UUID, Row] = {}
        self.now = 0.0
        self.changes = 0
        self.braked: tuple[int, int] | None = None
        #: What came once more although it was a version already.
        self.doubled: list[bytes] = []
        self._ids = 0

    # What people do here

    def our_new(self, parent: UUID | None, name: str, content: bytes = b"", *, folder: bool = False) -> Thing | None:
        """A new document or folder; None where the name is taken."""
        if self._named(parent, name):
            return None
        thing = Thing(self._id(), parent, name, folder, [] if folder else [content])
        self.things[thing.id] = thing
        self._mark(thing)
        return thing

    def our_edit(self, thing: Thing, content: bytes) -> None:
        """A new version."""
        thing.versions.append(content)
        self._mark(thing)

    def our_move(self, thing: Thing, parent: UUID | None, name: str) -> bool:
        """Rename or move, unless that cannot be."""
        taken = self._named(parent, name)
        if (taken and taken is not thing) or (thing.folder and self._inside(parent, thing.id)):
            return False
        thing.parent, thing.name = parent, name
        self._mark(thing)
        return True

    def our_trash(self, thing: Thing) -> None:
        """Away with all in it."""
        for child in [each for each in self.things.values() if each.parent == thing.id and not each.trashed]:
            self.our_trash(child)
        thing.trashed = True
        self._mark(thing)

    def our_choice(self, row: Row, *, ours: bool) -> None:
        """What a person says of a conflict: the head stays, or theirs becomes the head again."""
        thing = self.things[row.node] if row.node else None
        if not ours and thing and not thing.trashed and row.base:
            thing.versions.append(next(each for each in thing.versions if sha(each) == row.base.digest))
        row.conflict = False
        self._touch(row)

    def living(self) -> list[Thing]:
        """All that is not in the trash."""
        return [thing for thing in self.things.values() if not thing.trashed]

    def contents(self) -> set[bytes]:
        """Every content that can still be had here."""
        return {content for thing in self.things.values() for content in thing.versions}

    def _id(self) -> UUID:
        self._ids += 1
        return UUID(int=self._ids)

    def _named(self, parent: UUID | None, name: str) -> Thing | None:
        key = folders.name_key(name)
        for thing in self.things.values():
            if thing.parent == parent and not thing.trashed and folders.name_key(thing.name) == key:
                return thing
        return None

    def _free(self, parent: UUID | None, name: str, me: Thing | None = None, *, folder: bool) -> str:
        free, n = name, 1
        while (taken := self._named(parent, free)) and taken is not me:
            n += 1
            free = folders.numbered(name, n, extension=not folder)
        return free

    def _inside(self, id_: UUID | None, above: UUID) -> bool:
        while id_ is not None:
            if id_ == above:
                return True
            id_ = self.things[id_].parent
        return False

    def _mark(self, thing: Thing) -> None:
        self.changes += 1
        row = self._row_of(thing.id)
        if row is None:
            if thing.trashed:
                return
            row = Row(self._id(), thing.folder, thing.id)
            self.rows[row.key] = row
        self._touch(row)

    def _touch(self, row: Row) -> None:
        row.dirty, row.revision, row.tries, row.next_at = True, row.revision + 1, 0, 0

    def _row_of(self, node: UUID | None) -> Row | None:
        return next((row for row in self.rows.values() if row.node == node and node is not None), None)

    def _by_remote(self, remote_id: str | None) -> Row | None:
        return next((row for row in self.rows.values() if row.remote_id == remote_id and remote_id), None)

    def _node(self, key: UUID | None) -> UUID | None:
        """The living folder here of an item; the link's own without one."""
        if key is None:
            return None
        row = self.rows.get(key)
        if row is None or row.node is None or self.things[row.node].trashed:
            raise Stale
        return row.node

    def _ours(self, row: Row) -> Ours | None:
        thing = self.things.get(row.node) if row.node else None
        if thing is None or thing.trashed:
            return None
        parent = self._row_of(thing.parent)
        place = Place(parent.key if parent else None, thing.name)
        return Ours(place) if thing.folder else Ours(place, sha(thing.versions[-1]), len(thing.versions))

    def _checked(self, view: View) -> Row:
        row = self.rows.get(view.key)
        if row is None or row.revision != view.revision or self._ours(row) != view.ours:
            raise Stale
        return row

    def _theirs(self, item: Item) -> Theirs | None:
        parent = self._by_remote(item.parent_id)
        if item.parent_id is not None and (parent is None or parent.theirs is None):
            return None
        return Theirs(Place(parent.key if parent else None, item.name), item.tag, item.etag)

    # The books

    async def terms(self) -> Terms:
        """As given."""
        return self.given

    async def observe(self, items: Sequence[Item], gone: Sequence[str] = ()) -> None:
        """Note what is there."""
        for item in items:
            self._note(item)
        for remote_id in gone:
            row = self._by_remote(remote_id)
            if row is not None:
                self._lose(row)

    def _note(self, item: Item) -> None:
        theirs, row = self._theirs(item), self._by_remote(item.id)
        if theirs is None:
            return
        if row is not None and row.folder != item.folder:
            # Another thing lies at that path now.
            self._lose(row)
            row.remote_id, row = None, None
        if row is None:
            row = Row(self._id(), item.folder, remote_id=item.id)
            self.rows[row.key] = row
        if row.theirs != theirs:
            row.theirs, row.size = theirs, item.size
            self._touch(row)

    def _lose(self, row: Row) -> None:
        if row.theirs is None:
            return
        row.tag, row.theirs = row.theirs.tag, None
        self._touch(row)
        for child in list(self.rows.values()):
            if child.theirs is not None and child.theirs.place.parent == row.key:
                self._lose(child)

    async def unlisted(self, ids: set[str]) -> bool:
        """Whether something is missing."""
        return any(row.theirs is not None and row.remote_id not in ids for row in self.rows.values())

    async def listed(self, ids: set[str], cursor: str | None) -> None:
        """What was not listed is gone, or has another id now."""
        for row in list(self.rows.values()):
            if row.theirs is not None and row.remote_id not in ids:
                self._lose(row)
        self._find_again()
        self.given = replace(self.given, cursor=cursor)

    async def told(self, cursor: str) -> None:
        """What is gone may have another id now."""
        self._find_again()
        self.given = replace(self.given, cursor=cursor)

    def _find_again(self) -> None:
        fresh = [row for row in self.rows.values() if row.node is None and row.base is None and row.theirs]
        for row in [each for each in self.rows.values() if each.theirs is None and each.node and each.dirty]:
            same = [each for each in fresh if each.theirs and each.theirs.tag == row.tag and not each.folder]
            if len(same) == 1 and not row.folder:
                row.remote_id, row.theirs, row.size = same[0].remote_id, same[0].theirs, same[0].size
                del self.rows[same[0].key]
                fresh.remove(same[0])
                self._touch(row)

    async def keep_cursor(self, cursor: str | None) -> None:
        """Remember it."""
        self.given = replace(self.given, cursor=cursor)

    async def waiting(self) -> list[View]:
        """What is due."""
        return [self._view(row) for row in self.rows.values() if row.dirty and row.next_at <= self.now]

    async def count(self) -> int:
        """All rows."""
        return len(self.rows)

    def _view(self, row: Row) -> View:
        ours = self._ours(row)
        return View(
            row.key, row.folder, row.revision, row.remote_id, ours, row.theirs, row.base, row.size, row.conflict
        )

    async def view(self, key: UUID) -> View | None:
        """As it is now."""
        row = self.rows.get(key)
        return self._view(row) if row else None

    async def at(self, remote_id: str) -> View | None:
        """By the id there."""
        row = self._by_remote(remote_id)
        return self._view(row) if row else None

    async def content(self, view: View, number: int) -> Content:
        """A version's bytes."""
        row = self.rows.get(view.key)
        if row is None or row.node is None:
            raise Stale
        content = self.things[row.node].versions[number - 1]

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        return Content(len(content), sha(content), "", lambda start: chunks())

    async def versions_after(self, view: View, number: int) -> list[tuple[int, bytes]]:
        """The newer ones."""
        row = self._checked(view)
        versions = self.things[row.node].versions if row.node else []
        return [(n, sha(content)) for n, content in enumerate(versions, 1) if n > number]

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Bytes]:
        """All of it."""
        content = b"".join([chunk async for chunk in chunks])
        yield Bytes(content, sha(content))

    async def rewritten(self, view: View, received: Received, number: int) -> bool:
        """As MemoryRemote rewrites."""
        row = self.rows.get(view.key)
        if row is None or row.node is None or not isinstance(received, Bytes):
            raise Stale
        mine = self.things[row.node].versions[number - 1]
        return received.content.rstrip(b"!") == mine.rstrip(b"!")

    async def agree(self, view: View, base: Base, item: Item | None = None) -> None:
        """Remember."""
        row = self.rows.get(view.key)
        if row is None or row.revision != view.revision:
            raise Stale
        row.base = base
        if item is not None:
            theirs = self._theirs(item)
            if theirs is None:
                raise Stale
            self._claim(row, item.id)
            row.theirs, row.size = theirs, item.size
        row.revision += 1

    def _claim(self, row: Row, remote_id: str) -> None:
        """The item with this id is this one. What had the id before, where ids are paths, is gone."""
        other = self._by_remote(remote_id)
        if other is not None and other is not row:
            self._lose(other)
            other.remote_id = None
        row.remote_id = remote_id

    async def create_ours(self, view: View, received: Received | None) -> None:
        """Make it, or become one with what is there."""
        row = self._checked(view)
        assert view.theirs
        parent, name = self._node(view.theirs.place.parent), view.theirs.place.name
        thing = self.things.get(row.node) if row.node else None
        there = self._named(parent, name)
        other = self._row_of(there.id) if there else None
        if there and other and there.folder == row.folder and other.theirs is None and thing is None:
            return await self.merge(self._view(other), view)
        self.changes += 1
        if thing is None or not row.folder:
            content = received.content if isinstance(received, Bytes) else b""
            name = self._free(parent, name, folder=row.folder)
            thing = Thing(self._id(), parent, name, row.folder, [] if row.folder else [content])
            self.things[thing.id] = thing
            row.node = thing.id
        else:
            thing.trashed, thing.parent = False, parent
            thing.name = self._free(parent, thing.name, thing, folder=True)
        self._agree(row, thing, view.theirs)
        return None

    def _agree(self, row: Row, thing: Thing, theirs: Theirs) -> None:
        digest, number = (b"", 0) if thing.folder else (sha(thing.versions[-1]), len(thing.versions))
        row.base = Base(theirs.place.parent, thing.name, theirs.place.name, digest, number, theirs.tag)
        row.revision += 1

    async def pull(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """One version more, or several."""
        row, thing = self._document(view)
        assert isinstance(received, Bytes)
        assert row.base
        assert view.theirs
        self._append(thing, received, before)
        self.changes += 1
        row.base = replace(row.base, digest=received.digest, number=len(thing.versions), tag=view.theirs.tag)
        row.revision += 1

    def _document(self, view: View) -> tuple[Row, Thing]:
        row = self._checked(view)
        assert row.node
        return row, self.things[row.node]

    async def branch(self, view: View, received: Received, before: Sequence[Earlier] = (), *, conflict: bool) -> None:
        """Theirs, and ours above it."""
        row, thing = self._document(view)
        assert isinstance(received, Bytes)
        assert view.theirs
        head = thing.versions[-1]
        self._append(thing, received, before)
        thing.versions.append(head)
        self.changes += 1
        place = row.base or Base(view.theirs.place.parent, thing.name, view.theirs.place.name)
        number = len(thing.versions) - 1
        row.base = replace(place, digest=received.digest, number=number, tag=view.theirs.tag)
        row.conflict = row.conflict or conflict
        row.revision += 1

    async def revive(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """Back, with theirs."""
        row = self._checked(view)
        assert row.node
        assert view.theirs
        assert isinstance(received, Bytes)
        thing, parent = self.things[row.node], self._node(view.theirs.place.parent)
        thing.parent, thing.name = parent, self._free(parent, thing.name, folder=False)
        thing.trashed = False
        self._append(thing, received, before)
        self.changes += 1
        self._agree(row, thing, view.theirs)

    async def move_ours(self, view: View) -> None:
        """Where theirs is."""
        row = self._checked(view)
        assert row.node
        assert row.base
        assert view.theirs
        thing, parent = self.things[row.node], self._node(view.theirs.place.parent)
        if thing.folder and self._inside(parent, thing.id):
            raise Cycle
        same = row.base.their_name == view.theirs.place.name
        name = thing.name if same else view.theirs.place.name
        name = self._free(parent, name, thing, folder=thing.folder)
        thing.parent, thing.name = parent, name
        self.changes += 1
        row.base = replace(row.base, parent=view.theirs.place.parent, our_name=name, their_name=view.theirs.place.name)
        row.revision += 1

    async def trash_ours(self, view: View) -> None:
        """Into the trash."""
        row = self._checked(view)
        assert row.node
        thing = self.things[row.node]
        if any(each.parent == thing.id and not each.trashed for each in self.things.values()):
            raise NotEmpty
        thing.trashed = True
        self.changes += 1
        del self.rows[row.key]

    async def merge(self, keep: View, drop: View) -> None:
        """One from now on."""
        kept, dropped = self._checked(keep), self._checked(drop)
        kept.remote_id, kept.theirs, kept.size = dropped.remote_id, dropped.theirs, dropped.size
        if dropped.base is not None:
            kept.base, kept.conflict = replace(dropped.base, number=0), False
        del self.rows[dropped.key]
        for child in self.rows.values():
            self._adopt(child, dropped.key, kept.key)
        self._touch(kept)

    def _adopt(self, row: Row, old: UUID, new: UUID) -> None:
        if row.theirs and row.theirs.place.parent == old:
            row.theirs = replace(row.theirs, place=Place(new, row.theirs.place.name))
            row.revision += 1
        if row.base and row.base.parent == old:
            row.base = replace(row.base, parent=new)
            row.revision += 1

    async def moved_there(self, view: View, item: Item, base: Base) -> None:
        """With all in it."""
        row = self._checked(view)
        old = view.remote_id
        await self.agree(view, base, item)
        if row.folder and old and old != item.id:
            for each in self.rows.values():
                if each.remote_id and each.remote_id.startswith(old.rstrip("/") + "/"):
                    each.remote_id = item.id.rstrip("/") + each.remote_id[len(old.rstrip("/")) :]
                    each.revision += 1

    async def forget(self, view: View) -> None:
        """Strike it off."""
        row = self._checked(view)
        del self.rows[row.key]

    async def rest(self, view: View, state: str, reason: str = "", detail: str = "") -> None:
        """Until something happens."""
        row = self._checked(view)
        row.dirty, row.state = state == "waiting", f"{state} {reason}"

    async def rest_all(self, views: Sequence[View]) -> None:
        """All that are still so."""
        for view in views:
            with suppress(Stale):
                await self.rest(view, "synced")

    async def fail(self, view: View, code: str, detail: str, *, permanent: bool) -> None:
        """Later."""
        row = self.rows.get(view.key)
        if row is not None:
            row.tries += 1
            row.state = f"failed {code}"
            row.next_at = self.now + (1e9 if permanent else min(900, 2**row.tries))

    async def brake(self, deleted: int, replaced: int) -> None:
        """Stop."""
        self.braked = (deleted, replaced)

    def _append(self, thing: Thing, received: Bytes, before: Sequence[Earlier]) -> None:
        """Theirs, the oldest first."""
        earlier = [each.received.content for each in before if isinstance(each.received, Bytes)]
        self.doubled += [content for content in earlier if content in thing.versions]
        thing.versions += [*earlier, received.content]
