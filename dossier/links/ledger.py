"""The books of one link on the database: what the engine asks for (``sync.books.Books``), each a Unit of its own.

What happens here is done by the verbs of the documents and folders, as the link: the events say so, and the next look finds
both sides agreed. So nothing has to remember which change came from where.
"""

from asyncio import to_thread as in_thread
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import delete, select, true, update

from dossier import documents, folders, storage, tasks
from dossier.connectors import Content, Item
from dossier.core.actor import Actor
from dossier.core.errors import DossierError, PreconditionFailed, Unavailable
from dossier.core.jobs import NOBODY
from dossier.core.units import ReadUnit, Unit, Units
from dossier.links import items
from dossier.links.errors import LinkGone
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.sync.books import Cycle, NotEmpty, Received, Refused, Stale, Terms, View
from dossier.links.sync.office import same_work
from dossier.links.sync.planner import Base
from dossier.links.waits import LATER, backoff

T = TypeVar("T")
PATH_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Got:
    """Bytes of theirs, durable here."""

    stored: storage.Received

    @property
    def digest(self) -> bytes:
        """Their SHA-256."""
        return self.stored.stored.sha256


class Ledger:
    """One link's books, for as long as ``holder`` has its lease. Raises LinkGone afterwards."""

    def __init__(
        self, units: Units, store: storage.BlobStore, actor: Actor, link_id: UUID, holder: UUID = NOBODY
    ) -> None:
        self.units, self.store, self.actor, self.link_id, self.holder = units, store, actor, link_id, holder

    async def _do(self, verb: Callable[[Unit, LinkRow], Awaitable[T]]) -> T:
        """A Unit on the link. Refusals of the rooms below become the engine's own words."""

        async def run(unit: Unit) -> T:
            return await verb(unit, await self._link(unit))

        try:
            return await self.units.run(self.actor, run)
        except (Unavailable, LinkGone):
            raise
        except folders.FolderCycle:
            raise Cycle from None
        except folders.FolderNotEmpty:
            raise NotEmpty from None
        except (documents.DocumentNotFound, documents.DocumentTrashed, folders.FolderNotFound, PreconditionFailed):
            raise Stale from None
        except DossierError as error:
            if error.status >= 500:
                raise
            raise Refused(error.code, error.detail) from error

    async def _read(self, verb: Callable[[ReadUnit, LinkRow], Awaitable[T]]) -> T:
        async with self.units.read(self.actor) as unit:
            return await verb(unit, await self._link(unit))

    async def _link(self, unit: ReadUnit) -> LinkRow:
        query = select(LinkRow).where(LinkRow.id == self.link_id, LinkRow.workspace_id == unit.workspace_id)
        link = (await unit.session.execute(query)).scalar_one_or_none()
        if link is None or link.leased_by != self.holder:
            # Deleted, or another run has it: what this one saw may be older than what that one did.
            raise LinkGone
        return link

    async def _checked(self, unit: Unit, link: LinkRow, view: View) -> LinkItemRow:
        """The row that a decision was made on, locked. Raises Stale where anything is different now."""
        row = await items.get(unit, link, view.key, lock=True)
        if row is None or row.revision != view.revision:
            raise Stale
        now = await items.views(unit, link, [row])
        if not now or now[0].ours != view.ours:
            raise Stale
        return row

    async def _node(self, unit: Unit, link: LinkRow, key: UUID | None) -> UUID:
        """The living folder here that an item is, or the link's own."""
        if key is None:
            return link.folder_id
        row = await items.get(unit, link, key)
        if row is None or row.node_id is None or await folders.find(unit, row.node_id) is None:
            raise Stale
        return row.node_id

    # The link

    async def terms(self) -> Terms:
        """As the link says now."""

        async def verb(_unit: ReadUnit, link: LinkRow) -> Terms:
            return Terms(direction=link.direction, cursor=link.cursor, released=link.released, **link.limits)  # type: ignore[arg-type]

        return await self._read(verb)

    async def keep_cursor(self, cursor: str | None) -> None:
        """How far the feed was read."""

        async def verb(_unit: Unit, link: LinkRow) -> None:
            link.cursor = cursor

        await self._do(verb)

    async def brake(self, deleted: int, replaced: int) -> None:
        """Stop, and say so."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            link.state, link.trouble = "braked", "link_braked"
            link.detail = f"The next run would delete {deleted} and replace {replaced} items; look, and release it."
            told: dict[str, Any] = {"link_id": str(link.id), "name": link.name, "deleted": deleted, "replaced": replaced}
            unit.record("link.braked", folder_id=link.folder_id, **told)

        await self._do(verb)

    # Looking

    async def observe(self, seen: Sequence[Item], gone: Sequence[str] = ()) -> None:
        """Note a page."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            await items.note(unit, link, seen)
            for row in (await items.by_remotes(unit, link, gone)).values():
                await items.lose(unit, link, row)

        await self._do(verb)

    async def unlisted(self, ids: set[str]) -> bool:
        """Whether something that was there was not listed."""

        async def verb(unit: ReadUnit, link: LinkRow) -> bool:
            there = select(LinkItemRow.remote_id).where(LinkItemRow.link_id == link.id, LinkItemRow.there == true())
            return not ids.issuperset((await unit.session.execute(there)).scalars())

        return await self._read(verb)

    async def listed(self, ids: set[str], cursor: str | None) -> None:
        """What a whole listing did not hold is gone, or has another id now."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            there = items.of(link).where(LinkItemRow.there == true())
            # All ids of a link in memory: some 100 bytes each.
            rows = (await unit.session.execute(there)).scalars().all()
            lost = [row for row in rows if row.remote_id not in ids]
            fresh = [row for row in rows if row.node_id is None and not row.agreed and row.remote_id in ids]
            for row in lost:
                same = _same(row, fresh) if row.node_id is not None else None
                if same is None:
                    await items.lose(unit, link, row)
                    continue
                fresh.remove(same)
                await self._take_over(unit, link, row, same)
            link.cursor = cursor

        await self._do(verb)

    # Items

    async def waiting(self) -> list[View]:
        """What is due."""

        async def verb(unit: ReadUnit, link: LinkRow) -> list[View]:
            rows = await unit.session.execute(items.of(link).where(items.due(unit)).order_by(LinkItemRow.id))
            return await items.views(unit, link, rows.scalars().all())

        return await self._read(verb)

    async def count(self) -> int:
        """All items."""
        return await self._read(items.count)

    async def view(self, key: UUID) -> View | None:
        """One item."""

        async def verb(unit: ReadUnit, link: LinkRow) -> View | None:
            row = await items.get(unit, link, key)
            found = await items.views(unit, link, [row]) if row else []
            return found[0] if found else None

        return await self._read(verb)

    async def at(self, remote_id: str) -> View | None:
        """The item with this id there."""

        async def verb(unit: ReadUnit, link: LinkRow) -> View | None:
            row = await items.by_remote(unit, link, remote_id)
            found = await items.views(unit, link, [row]) if row else []
            return found[0] if found else None

        return await self._read(verb)

    async def content(self, view: View, number: int) -> Content:
        """The bytes of a version."""

        async def verb(unit: ReadUnit, link: LinkRow) -> Content:
            row = await items.get(unit, link, view.key)
            if row is None or row.node_id is None:
                raise Stale
            found = await documents.visible_version(unit, row.node_id, number)
            return Content(found.size, found.sha256, found.media_type, lambda start: self.store.open(found.key, start))

        try:
            return await self._read(verb)
        except (documents.DocumentNotFound, documents.VersionNotFound):
            raise Stale from None

    async def versions_after(self, view: View, number: int) -> list[tuple[int, bytes]]:
        """The newer ones, the oldest first."""

        async def verb(unit: ReadUnit, link: LinkRow) -> list[tuple[int, bytes]]:
            row = await items.get(unit, link, view.key)
            if row is None or row.node_id is None:
                raise Stale
            return await documents.digests_after(unit, row.node_id, number)

        return await self._read(verb)

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Got]:
        """Durable bytes, for as long as it takes to name them."""
        async with storage.received(self.store, self.actor.workspace_id, chunks) as bytes_:
            yield Got(bytes_)

    async def rewritten(self, view: View, received: Received, number: int) -> bool:
        """Whether only the properties of an Office file differ."""
        mine = await self._key(view, number)
        theirs = _got(received).stored.stored.key
        if mine is None:
            return False
        async with storage.on_disk(self.store, mine) as one, storage.on_disk(self.store, theirs) as other:
            return await in_thread(same_work, one, other)

    async def _key(self, view: View, number: int) -> str | None:
        """The blob of a version that may be an Office file."""

        async def verb(unit: ReadUnit, link: LinkRow) -> str | None:
            row = await items.get(unit, link, view.key)
            if row is None or row.node_id is None:
                raise Stale
            found = await documents.visible_version(unit, row.node_id, number)
            return found.key if "officedocument" in found.media_type else None

        try:
            return await self._read(verb)
        except (documents.DocumentNotFound, documents.VersionNotFound):
            return None

    # What both agree on

    async def agree(self, view: View, base: Base, item: Item | None = None) -> None:
        """Remember it."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await items.get(unit, link, view.key, lock=True)
            if row is None or row.revision != view.revision:
                raise Stale
            await self._learn(unit, link, row, base, item)

        await self._do(verb)

    async def _learn(self, unit: Unit, link: LinkRow, row: LinkItemRow, base: Base, item: Item | None) -> None:
        items.put_base(row, base)
        if item is not None:
            parent = await items.by_remote(unit, link, item.parent_id) if item.parent_id else None
            if item.parent_id and parent is None:
                raise Stale
            await items.claim(unit, link, row, item.id)
            items.put_theirs(row, item, parent.id if parent else None)
        row.revision += 1

    async def moved_there(self, view: View, item: Item, base: Base) -> None:
        """It and, where ids are paths, all in it."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            await self._learn(unit, link, row, base, item)
            old, now = (view.remote_id or "").rstrip("/") + "/", item.id.rstrip("/") + "/"
            if not row.folder or old == now or old == "/":
                return
            below = [row]
            for parent in below:
                within = items.of(link).where(LinkItemRow.their_parent == parent.id, LinkItemRow.there == true())
                children = (await unit.session.execute(within)).scalars().all()
                for child in children:
                    if child.remote_id and child.remote_id.startswith(old):
                        await items.claim(unit, link, child, now + child.remote_id.removeprefix(old))
                        child.revision += 1
                below += [child for child in children if child.folder]

        await self._do(verb)

    async def merge(self, keep: View, drop: View) -> None:
        """Two items are one."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            await self._take_over(
                unit, link, await self._checked(unit, link, keep), await self._checked(unit, link, drop)
            )

        await self._do(verb)

    async def _take_over(self, unit: Unit, link: LinkRow, kept: LinkItemRow, dropped: LinkItemRow) -> None:
        """``kept`` gets the other side of ``dropped``, and what was agreed on about it."""
        remote_id, base = dropped.remote_id, items.base_of(dropped)
        told = (dropped.there, dropped.their_parent, dropped.their_name, dropped.their_tag, dropped.their_etag)
        size, lasting = dropped.their_size, dropped.lasting
        await unit.session.delete(dropped)
        await unit.session.flush()
        kept.there, kept.their_parent, kept.their_name, kept.their_tag, kept.their_etag = told
        kept.their_size, kept.lasting = size, lasting
        if remote_id:
            await items.claim(unit, link, kept, remote_id)
        if base is not None:
            items.put_base(kept, replace(base, number=0))
            kept.conflict = False
        items.touch(unit, kept)
        for column in (LinkItemRow.their_parent, LinkItemRow.base_parent):
            moved = update(LinkItemRow).where(LinkItemRow.link_id == link.id, column == dropped.id)
            await unit.session.execute(moved.values({column: kept.id, LinkItemRow.revision: LinkItemRow.revision + 1}))

    async def forget(self, view: View) -> None:
        """Strike it off."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            await unit.session.delete(await self._checked(unit, link, view))

        await self._do(verb)

    async def rest(self, view: View, state: str, reason: str = "") -> None:
        """Until something happens."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            row.dirty, row.state, row.reason, row.detail = state == "waiting", state, reason, ""
            row.tries = 0

        await self._do(verb)

    async def fail(self, view: View, code: str, detail: str, *, permanent: bool) -> None:
        """Later, or not before something changes."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await items.get(unit, link, view.key, lock=True)
            if row is None:
                return
            row.tries += 1
            row.state, row.reason, row.detail = "failed", code, detail[:500]
            row.next_at = LATER if permanent else unit.now + backoff(row.tries)

        await self._do(verb)

    # What is done here

    async def create_ours(self, view: View, received: Received | None) -> None:
        """Make it, bring the folder back, or become one with what is there already."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            folder_id = await self._node(unit, link, row.their_parent)
            name = fit(row.their_name)
            taken = await folders.named(unit, folder_id, folders.name_key(name))
            other = (await items.by_nodes(unit, link, [taken[1]])).get(taken[1]) if taken else None
            revivable = row.folder and row.node_id is not None
            if taken and other and other.folder == row.folder and not other.there and not revivable:
                return await self._take_over(unit, link, other, row)
            if row.folder:
                await self._make_folder(unit, row, folder_id, name)
            else:
                await self._make_document(unit, link, row, folder_id, name, _got(received))
            return None

        await self._do(verb)

    async def _make_folder(self, unit: Unit, row: LinkItemRow, folder_id: UUID, name: str) -> None:
        if row.node_id is not None and await folders.find(unit, row.node_id, trashed=True) is not None:
            if await folders.find(unit, row.node_id) is None:
                await folders.revive(unit, row.node_id)
            made = await folders.get(unit, row.node_id)
            if made["parent_id"] != folder_id:
                free = await folders.free_name(unit, folder_id, made["name"], "folder")
                change = folders.FolderChange(name=free, parent_id=folder_id)
                made = await folders.update(unit, row.node_id, change)
        else:
            free = await folders.free_name(unit, folder_id, name, "folder")
            made = await folders.create(unit, free, folder_id)
            row.node_id = made["id"]
        items.put_base(row, Base(row.their_parent, made["name"], row.their_name))
        row.revision += 1

    async def _make_document(
        self, unit: Unit, link: LinkRow, row: LinkItemRow, folder_id: UUID, name: str, got: Got
    ) -> None:
        upload = documents.Upload(got.stored, name, f"From {link.name}")
        made = await documents.add(unit, upload, folder_id, name, on_conflict="rename")
        row.node_id = made["id"]
        items.put_base(row, Base(row.their_parent, made["name"], row.their_name, got.digest, 1, row.their_tag))
        row.revision += 1

    async def pull(self, view: View, received: Received) -> None:
        """One version more."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, base = await self._checked(unit, link, view), view.base
            if row.node_id is None or base is None:
                raise Stale
            made = await self._append(unit, link, row.node_id, _got(received))
            items.put_base(row, replace(base, digest=received.digest, number=made, tag=row.their_tag))
            row.revision += 1

        await self._do(verb)

    async def _append(
        self, unit: Unit, link: LinkRow, document_id: UUID, got: Got, branched_from: int | None = None
    ) -> int:
        """Their bytes as a version; its number."""
        name = (await documents.get(unit, document_id))["name"]
        upload = documents.Upload(got.stored, name, f"From {link.name}")
        made = await documents.add_version(unit, document_id, upload, branched_from=branched_from)
        number: int = made["version"]["number"]
        return number

    async def branch(self, view: View, received: Received, *, conflict: bool) -> None:
        """Theirs, ours above it again, and a task for a person."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, ours = await self._checked(unit, link, view), view.ours
            if row.node_id is None or ours is None:
                raise Stale
            base = view.base or Base(row.their_parent, ours.place.name, row.their_name)
            number = await self._append(unit, link, row.node_id, _got(received), base.number or None)
            kept = await documents.restore_version(unit, row.node_id, ours.number, "Kept above what came from the link")
            items.put_base(row, replace(base, digest=received.digest, number=number, tag=row.their_tag))
            row.revision += 1
            if conflict:
                await self._ask(unit, link, row, number, kept["version"]["number"])

        await self._do(verb)

    async def _ask(self, unit: Unit, link: LinkRow, row: LinkItemRow, theirs: int, ours: int) -> None:
        row.conflict = True
        if row.node_id is None:
            return
        if row.task_id is None:
            title = f"Choose between version {ours} and version {theirs}"
            details = (
                f"This document was changed here and in {link.name} at the same time. Version {theirs} is theirs, "
                f"version {ours} is ours and the newest. To keep ours, close this task. To keep theirs, restore version "
                f"{theirs} and close this task. Until then nothing is replaced there."
            )
            task = await tasks.create(unit, row.node_id, tasks.NewTask(title=title, details=details))
            row.task_id = task["id"]
        unit.record(
            "link.conflict", document_id=row.node_id, link_id=str(link.id), name=link.name, theirs=theirs, ours=ours
        )

    async def revive(self, view: View, received: Received) -> None:
        """Back with theirs as the newest version, or made anew."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            folder_id, name = await self._node(unit, link, row.their_parent), fit(row.their_name)
            got = _got(received)
            if row.node_id is None or not await documents.in_trash(unit, row.node_id):
                return await self._make_document(unit, link, row, folder_id, name, got)
            back = await documents.restore_document(unit, row.node_id, folder_id, rename=True)
            number = await self._append(unit, link, row.node_id, got)
            base = Base(row.their_parent, back["name"], row.their_name, got.digest, number, row.their_tag)
            items.put_base(row, base)
            row.revision += 1
            return None

        await self._do(verb)

    async def move_ours(self, view: View) -> None:
        """To where theirs is."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, base, ours = await self._checked(unit, link, view), view.base, view.ours
            if row.node_id is None or base is None or ours is None:
                raise Stale
            folder_id = await self._node(unit, link, row.their_parent)
            wanted = ours.place.name if row.their_name == base.their_name else fit(row.their_name)
            name = await _free(unit, folder_id, wanted, row)
            if row.folder:
                await folders.update(unit, row.node_id, folders.FolderChange(name=name, parent_id=folder_id))
            else:
                change = documents.DocumentChange(name=name, folder_id=folder_id)
                await documents.update(unit, row.node_id, change)
            items.put_base(row, replace(base, parent=row.their_parent, our_name=name, their_name=row.their_name))
            row.revision += 1

        await self._do(verb)

    async def trash_ours(self, view: View) -> None:
        """Into the trash, and off the books."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            if row.node_id is None:
                raise Stale
            if row.folder:
                await documents.trash_folder(unit, row.node_id)
            else:
                await documents.trash_document(unit, row.node_id)
            await unit.session.execute(delete(LinkItemRow).where(LinkItemRow.id == row.id))

        await self._do(verb)


def fit(name: str) -> str:
    """A name of theirs as it can be held here."""
    try:
        return folders.clean_name(name)
    except folders.BadName:
        return folders.clean_name(folders.portable_name(name))


async def _free(unit: Unit, folder_id: UUID, name: str, row: LinkItemRow) -> str:
    """The name, numbered where another thing has it."""
    taken = await folders.named(unit, folder_id, folders.name_key(name))
    if taken is None or taken[1] == row.node_id:
        return name
    return await folders.free_name(unit, folder_id, name, "folder" if row.folder else "document")


def _same(row: LinkItemRow, fresh: Collection[LinkItemRow]) -> LinkItemRow | None:
    """The one new item that this one was renamed to: by what survives a rename, else by a tag that no other has."""
    kin = [each for each in fresh if each.folder == row.folder]
    lasting = [each for each in kin if row.lasting and each.lasting == row.lasting]
    tagged = [each for each in kin if row.their_tag and each.their_tag == row.their_tag]
    found = lasting or tagged
    return found[0] if len(found) == 1 else None


def _got(received: Received | None) -> Got:
    if not isinstance(received, Got):
        raise Stale
    return received
