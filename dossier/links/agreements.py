"""What was learnt of the other side, and what both sides agree on; each verb a Unit."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import false, select, true, update

from dossier.connectors import Item
from dossier.core.units import ReadUnit, Unit
from dossier.links import items
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.notes import Notes
from dossier.links.sync.books import Stale, View
from dossier.links.sync.planner import Base
from dossier.links.waits import LATER, backoff


class Agreements(Notes):
    """Looking, and the base of each item."""

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
            for row in (await unit.session.execute(there)).scalars().all():
                if row.remote_id not in ids:
                    await items.lose(unit, link, row)
            await self._find_again(unit, link)
            link.cursor, link.listed_at = cursor, unit.now

        await self._do(verb)

    async def told(self, cursor: str) -> None:
        """What a feed told as gone may have another id now."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            await self._find_again(unit, link)
            link.cursor = cursor

        await self._do(verb)

    async def _find_again(self, unit: Unit, link: LinkRow) -> None:
        """What is gone since the last run and what is new may be one, where ids are paths."""
        await unit.session.flush()
        unknown = items.of(link).where(LinkItemRow.there == true(), LinkItemRow.node_id.is_(None))
        fresh = [row for row in (await unit.session.execute(unknown)).scalars().all() if not row.agreed]
        if not fresh:
            return
        gone = items.of(link).where(LinkItemRow.there == false(), LinkItemRow.dirty == true())
        for row in (await unit.session.execute(gone.where(LinkItemRow.node_id.is_not(None)))).scalars().all():
            same = _same(row, fresh)
            if same is not None:
                fresh.remove(same)
                await self._take_over(unit, link, row, same)

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
        if item is not None and row.node_id is not None and base.digest and base.digest != row.base_digest:
            told: dict[str, Any] = {"link_id": str(link.id), "name": link.name, "number": base.number}
            unit.record("link.sent", document_id=row.node_id, **told)
        items.put_base(row, base)
        if item is not None:
            parent = await items.by_remote(unit, link, item.parent_id) if item.parent_id else None
            if item.parent_id and parent is None:
                raise Stale
            await items.claim(unit, link, row, item.id)
            items.put_theirs(row, item, parent.id if parent else None)
        await items.agreed(unit, link, row)

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

    async def rest(self, view: View, state: str, reason: str = "", detail: str = "") -> None:
        """Until something happens."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            row.dirty, row.state, row.reason, row.detail = state == "waiting", state, reason, detail[:500]
            row.tries = 0

        await self._do(verb)

    async def rest_all(self, views: Sequence[View]) -> None:
        """Those that are still as they were looked at."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            known = {view.key: view for view in views}
            query = items.of(link).where(LinkItemRow.id.in_(list(known))).with_for_update()
            rows = (await unit.session.execute(query)).scalars().all()
            now = {view.key: view for view in await items.views(unit, link, rows)}
            for row in rows:
                if now.get(row.id) == known[row.id]:
                    items.settle(row)

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


def _same(row: LinkItemRow, fresh: Collection[LinkItemRow]) -> LinkItemRow | None:
    """The one new item that this one was renamed to: by what survives a rename, else by a tag that no other has."""
    kin = [each for each in fresh if each.folder == row.folder]
    lasting = [each for each in kin if row.lasting and each.lasting == row.lasting]
    tagged = [each for each in kin if row.their_tag and each.their_tag == row.their_tag]
    found = lasting or tagged
    return found[0] if len(found) == 1 else None
