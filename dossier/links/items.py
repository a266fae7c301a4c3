"""The rows of a link's items: finding them, seeing both sides of them, and noting what changed on either."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, func, select, true

from dossier import documents, folders
from dossier.connectors import Item
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.sync.books import View
from dossier.links.sync.planner import Base, Direction, Ours, Place, Theirs, plan

CHUNK = 500
MOST_NAME = 1024


def key_of(remote_id: str) -> bytes:
    """What the index of remote ids holds."""
    return hashlib.sha256(remote_id.encode()).digest()


def of(link: LinkRow) -> Select[LinkItemRow]:
    """The items of a link."""
    return select(LinkItemRow).where(LinkItemRow.link_id == link.id)


async def get(unit: ReadUnit, link: LinkRow, id_: UUID, *, lock: bool = False) -> LinkItemRow | None:
    """An item by its own id."""
    query = of(link).where(LinkItemRow.id == id_).execution_options(populate_existing=True)
    return (await unit.session.execute(query.with_for_update() if lock else query)).scalar_one_or_none()


async def by_remote(unit: ReadUnit, link: LinkRow, remote_id: str) -> LinkItemRow | None:
    """The item with this id there."""
    query = of(link).where(LinkItemRow.remote_key == key_of(remote_id))
    return (await unit.session.execute(query)).scalar_one_or_none()


async def by_remotes(unit: ReadUnit, link: LinkRow, remote_ids: Collection[str]) -> dict[str, LinkItemRow]:
    """The items with these ids there."""
    keys = [key_of(each) for each in remote_ids]
    found: dict[str, LinkItemRow] = {}
    for start in range(0, len(keys), CHUNK):
        rows = await unit.session.execute(of(link).where(LinkItemRow.remote_key.in_(keys[start : start + CHUNK])))
        found |= {row.remote_id or "": row for row in rows.scalars()}
    return found


async def by_nodes(unit: ReadUnit, link: LinkRow, node_ids: Collection[UUID]) -> dict[UUID, LinkItemRow]:
    """The items that are these documents and folders."""
    ids, found = list(node_ids), dict[UUID, LinkItemRow]()
    for start in range(0, len(ids), CHUNK):
        rows = await unit.session.execute(of(link).where(LinkItemRow.node_id.in_(ids[start : start + CHUNK])))
        found |= {row.node_id: row for row in rows.scalars() if row.node_id}
    return found


async def of_node(unit: ReadUnit, node_id: UUID) -> Sequence[LinkItemRow]:
    """The items of all links that are this document or folder."""
    query = select(LinkItemRow).where(LinkItemRow.node_id == node_id, LinkItemRow.workspace_id == unit.workspace_id)
    return (await unit.session.execute(query)).scalars().all()


async def count(unit: ReadUnit, link: LinkRow) -> int:
    """How many items a link has."""
    return (await unit.session.scalar(select(func.count()).where(LinkItemRow.link_id == link.id))) or 0


def due(unit: ReadUnit) -> ColumnElement[bool]:
    """What may have to be worked on now."""
    return and_(LinkItemRow.dirty == true(), LinkItemRow.next_at <= unit.now)


# Both sides


async def views(unit: ReadUnit, link: LinkRow, rows: Sequence[LinkItemRow]) -> list[View]:
    """The items with both sides as they are now. One in a folder that the books do not know yet is left out: the consumer
    of events is about to note it."""
    ours, early = await _ours(unit, link, rows)
    return [
        View(
            key=row.id,
            folder=row.folder,
            revision=row.revision,
            remote_id=row.remote_id,
            ours=ours.get(row.node_id) if row.node_id else None,
            theirs=_theirs(row),
            base=base_of(row),
            size=row.their_size,
            conflict=row.conflict,
            rests=not row.dirty,
        )
        for row in rows
        if row.node_id not in early
    ]


def _theirs(row: LinkItemRow) -> Theirs | None:
    return Theirs(Place(row.their_parent, row.their_name), row.their_tag, row.their_etag) if row.there else None


def base_of(row: LinkItemRow) -> Base | None:
    """What both sides agreed on last."""
    if not row.agreed:
        return None
    digest = row.base_digest or b""
    return Base(row.base_parent, row.base_name, row.base_their_name, digest, row.base_number, row.base_tag)


def put_base(row: LinkItemRow, base: Base) -> None:
    """Remember what both sides agree on."""
    row.agreed = True
    row.base_parent, row.base_name, row.base_their_name = base.parent, base.our_name, base.their_name
    row.base_digest, row.base_number, row.base_tag = base.digest or None, base.number, base.tag


async def _ours(
    unit: ReadUnit, link: LinkRow, rows: Sequence[LinkItemRow]
) -> tuple[dict[UUID, Ours], set[UUID | None]]:
    """What lies in the link here, and what does in a folder that the books do not know yet."""
    found: dict[UUID, tuple[UUID, str, bytes, int]] = {}
    papers = [row.node_id for row in rows if row.node_id and not row.folder]
    for start in range(0, len(papers), CHUNK):
        for head in await documents.heads_of(unit, papers[start : start + CHUNK]):
            found[head.id] = (head.folder_id, head.name, head.sha256, head.head_number)
    for id_ in [row.node_id for row in rows if row.node_id and row.folder]:
        folder = await folders.find(unit, id_)
        if folder is not None and folder.parent_id is not None:
            found[id_] = (folder.parent_id, folder.name, b"", 0)
    folder_ids = {each[0] for each in found.values()}
    parents: dict[UUID, UUID | None] = {id_: row.id for id_, row in (await by_nodes(unit, link, folder_ids)).items()}
    parents[link.folder_id] = None
    unknown = {id_ for id_ in folder_ids - set(parents) if await inside(unit, link, id_)}
    ours = {
        id_: Ours(Place(parents[folder_id], name), digest, number)
        for id_, (folder_id, name, digest, number) in found.items()
        if folder_id in parents
    }
    return ours, {id_ for id_, each in found.items() if each[0] in unknown}


async def inside(unit: ReadUnit, link: LinkRow, folder_id: UUID) -> bool:
    """Whether a living folder lies in the link's own."""
    folder = await folders.find(unit, folder_id)
    return folder is not None and link.folder_id in {step.id for step in await folders.path(unit, folder)}


# Noting


def touch(unit: Unit, row: LinkItemRow) -> None:
    """Something about it changed: it is looked at anew, at once."""
    row.revision += 1
    row.dirty, row.tries, row.next_at, row.changed_at = True, 0, unit.now, unit.now


def new(unit: Unit, link: LinkRow, *, folder: bool, node_id: UUID | None = None) -> LinkItemRow:
    """An item that nothing is known of yet."""
    row = LinkItemRow(
        id=new_id(),
        link_id=link.id,
        workspace_id=unit.workspace_id,
        folder=folder,
        node_id=node_id,
        revision=0,
        next_at=unit.now,
        changed_at=unit.now,
    )
    unit.session.add(row)
    return row


async def note(unit: Unit, link: LinkRow, seen: Sequence[Item]) -> None:
    """What the other side has. What is as noted already is not touched."""
    rows = await by_remotes(
        unit, link, {item.id for item in seen} | {item.parent_id for item in seen if item.parent_id}
    )
    for item in seen:
        parent = rows.get(item.parent_id) if item.parent_id else None
        if (item.parent_id and (parent is None or not parent.there)) or len(item.name) > MOST_NAME:
            continue
        row = rows.get(item.id)
        if row is not None and row.folder != item.folder:
            # Another thing lies at that path now.
            await lose(unit, link, row)
            row.remote_id, row.remote_key, row = None, None, None
            await unit.session.flush()
        if row is None:
            row = new(unit, link, folder=item.folder)
            row.remote_id, row.remote_key, row.there = item.id, key_of(item.id), False
            rows[item.id] = row
        if put_theirs(row, item, parent.id if parent else None):
            touch(unit, row)
    await unit.session.flush()


def put_theirs(row: LinkItemRow, item: Item, parent: UUID | None) -> bool:
    """Remember how an item is there; whether that is news."""
    told = (True, parent, item.name, item.tag, item.etag)
    news = told != (row.there, row.their_parent, row.their_name, row.their_tag, row.their_etag)
    row.there, row.their_parent, row.their_name, row.their_tag, row.their_etag = told
    row.their_size, row.lasting = item.size, item.lasting
    return news


def settle(row: LinkItemRow) -> None:
    """Nothing is to be done about it until something happens."""
    row.dirty, row.state, row.reason, row.detail, row.tries = False, "synced", "", "", 0


async def agreed(unit: Unit, link: LinkRow, row: LinkItemRow) -> None:
    """What both sides agree on was just put down; where that is all there is, the item rests."""
    row.revision += 1
    await unit.session.flush()
    for view in await views(unit, link, [row]):
        direction = cast(Direction, link.direction)
        if plan(view.ours, view.theirs, view.base, direction, conflict=view.conflict) is None:
            settle(row)


async def lose(unit: Unit, link: LinkRow, row: LinkItemRow) -> None:
    """It is gone there, and so is all in it."""
    if not row.there:
        return
    row.there = False
    touch(unit, row)
    if row.folder:
        within = of(link).where(LinkItemRow.their_parent == row.id, LinkItemRow.there == true())
        for child in (await unit.session.execute(within)).scalars().all():
            await lose(unit, link, child)


async def claim(unit: Unit, link: LinkRow, row: LinkItemRow, remote_id: str) -> None:
    """The item with this id there is this one. What had the id before, where ids are paths, is gone."""
    other = await by_remote(unit, link, remote_id)
    if other is not None and other.id != row.id:
        await lose(unit, link, other)
        other.remote_id, other.remote_key = None, None
        await unit.session.flush()
    row.remote_id, row.remote_key = remote_id, key_of(remote_id)


async def touch_tree(unit: Unit, link: LinkRow, row: LinkItemRow) -> None:
    """It and all that was in it when both sides last agreed are looked at anew."""
    touch(unit, row)
    if row.folder:
        within = of(link).where(LinkItemRow.base_parent == row.id)
        for child in (await unit.session.execute(within)).scalars().all():
            await touch_tree(unit, link, child)


async def mark(unit: Unit, link: LinkRow, node_id: UUID, folder_id: UUID | None, *, folder: bool) -> bool:
    """A document or folder here changed; whether this link has to look at it."""
    known = (await by_nodes(unit, link, [node_id])).get(node_id)
    if known is not None:
        touch(unit, known)
        return True
    if folder_id is None or not await inside(unit, link, folder_id):
        return False
    await enrol(unit, link, node_id, folder=folder)
    return True


async def enrol(unit: Unit, link: LinkRow, node_id: UUID, *, folder: bool) -> None:
    """Take a document, or a folder with all in it, into the books; what is in them already is looked at anew."""
    nodes: list[tuple[UUID, bool]] = [(node_id, False)]
    if folder:
        tree = [each.id for each in await folders.subtree(unit, node_id)]
        nodes = [(id_, True) for id_ in tree if id_ != link.folder_id]
        nodes += [(document.id, False) for document in await documents.in_folders(unit, tree)]
    known = await by_nodes(unit, link, [id_ for id_, _ in nodes])
    for id_, is_folder in nodes:
        if id_ in known:
            touch(unit, known[id_])
        else:
            new(unit, link, folder=is_folder, node_id=id_)
    await unit.session.flush()


async def wires(unit: ReadUnit, link: LinkRow, rows: Sequence[LinkItemRow]) -> list[dict[str, Any]]:
    """As the API tells of them; what was never agreed on by the name that it has here."""
    nameless = [row for row in rows if not row.base_name and not row.their_name]
    ours = {view.key: view.ours.place.name for view in await views(unit, link, nameless) if view.ours}
    return [wire(row) | ({"name": ours[row.id]} if row.id in ours else {}) for row in rows]


def wire(row: LinkItemRow) -> dict[str, Any]:
    """As the API tells of it."""
    return {
        "id": row.id,
        "kind": "folder" if row.folder else "document",
        "node_id": row.node_id,
        "remote_id": row.remote_id,
        "name": row.base_name or row.their_name,
        "their_name": row.their_name or row.base_their_name,
        "state": row.state,
        "reason": row.reason,
        "detail": row.detail,
        "conflict": row.conflict,
        "task_id": row.task_id,
        "version": row.base_number or None,
        "waiting": row.dirty,
        "tries": row.tries,
        "next_at": row.next_at if row.dirty and row.tries else None,
        "changed_at": row.changed_at,
    }
