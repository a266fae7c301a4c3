"""The verbs on links. Only owners make and change them; who sees a document sees where it lives on the other side."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, true, update

from dossier import documents, folders
from dossier.core import paging
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.jobs import NOBODY
from dossier.core.units import ReadUnit, Unit
from dossier.core.vault import Vault
from dossier.core.web import Wire
from dossier.links import boxes, items, promises
from dossier.links.errors import LinkItemNotFound, LinkNotBraked, LinkNotFound, LinkOverlap, NoConflict
from dossier.links.graph import hints, sign_ins
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.places import place_of
from dossier.links.schemas import Choice, Limits, LinkChange, NewLink

LEASE = timedelta(seconds=60)


def actor_of(link: LinkRow) -> Actor:
    """Who a link is, where it does something here."""
    return Actor.system(link.workspace_id, link.name)


async def require(unit: ReadUnit, link_id: UUID, *, lock: bool = False) -> LinkRow:
    """A link of the workspace. Raises LinkNotFound, NotAllowed."""
    unit.actor.require_admin()
    query = select(LinkRow).where(LinkRow.id == link_id, LinkRow.workspace_id == unit.workspace_id)
    query = query.with_for_update().execution_options(populate_existing=True) if lock else query
    link = (await unit.session.execute(query)).scalar_one_or_none()
    if link is None:
        raise LinkNotFound
    return link


async def create(unit: Unit, new: NewLink, vault: Vault) -> Wire:
    """Join a folder with a place; all that is in the folder is taken into the books. Raises FolderNotFound, LinkOverlap."""
    unit.actor.require_admin()
    folder = await folders.require(unit, new.folder_id, "owner", lock=True)
    await _refuse_overlap(unit, folder.id)
    place = new.place.model_dump(mode="json")
    link = LinkRow(
        id=new_id(),
        workspace_id=unit.workspace_id,
        folder_id=folder.id,
        name=new.name,
        kind=place.pop("kind"),
        config=place,
        sealed=None,
        direction=new.direction,
        limits=new.limits.model_dump(),
        state="paused" if new.paused else promises.ACTIVE,
        trouble="",
        detail="",
        leased_by=NOBODY,
        leased_until=unit.now,
        created_by=unit.actor.member_id,
        created_at=unit.now,
    )
    await _seal(unit, link, new.credentials, vault)
    unit.session.add(link)
    await unit.session.flush()
    await items.enrol(unit, link, folder.id, folder=True)
    unit.record("link.created", folder_id=folder.id, link_id=str(link.id), name=link.name, kind=link.kind)
    await promises.promise(unit, link)
    return await _wire(unit, link)


async def _seal(unit: Unit, link: LinkRow, credentials: dict[str, str] | None, vault: Vault) -> None:
    secrets = await sign_ins.take(unit, link.kind, link.config, credentials, vault)
    if secrets is not None:
        boxes.put(link, secrets, vault)


async def _refuse_overlap(unit: Unit, folder_id: UUID) -> None:
    """Two links on one document would each take the other's writes for a person's."""
    tree = {each.id for each in await folders.subtree(unit, folder_id)}
    folder = await folders.require(unit, folder_id)
    above = {each.id for each in await folders.path(unit, folder)}
    mine = select(LinkRow.folder_id).where(LinkRow.workspace_id == unit.workspace_id)
    if set((await unit.session.execute(mine)).scalars()) & (tree | above):
        raise LinkOverlap


async def list_(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the workspace's links. Raises NotAllowed."""
    unit.actor.require_admin()
    last = paging.decode(after, UUID)
    query = select(LinkRow).where(LinkRow.workspace_id == unit.workspace_id).order_by(LinkRow.id).limit(limit + 1)
    rows = (await unit.session.execute(query.where(LinkRow.id > last[0]) if last else query)).scalars().all()
    kept, next_ = paging.page(list(rows), limit, lambda row: paging.encode(row.id))
    return [await _wire(unit, link) for link in kept], next_


async def get(unit: ReadUnit, link_id: UUID) -> Wire:
    """One link. Raises LinkNotFound, NotAllowed."""
    return await _wire(unit, await require(unit, link_id))


async def change(unit: Unit, link_id: UUID, wanted: LinkChange, vault: Vault) -> Wire:
    """Rename, pause, go on, other limits or credentials. Raises LinkNotFound, NotAllowed."""
    link = await require(unit, link_id, lock=True)
    if wanted.name is not None:
        link.name = wanted.name
    if wanted.limits is not None:
        await _limit(unit, link, wanted.limits)
    if wanted.direction is not None and wanted.direction != link.direction:
        link.direction = wanted.direction
        # What the old direction held back is looked at anew.
        await _look_again(unit, link, LinkItemRow.state == "held")
    await _seal(unit, link, wanted.credentials, vault)
    if wanted.paused:
        link.state = "paused" if link.state != "braked" else "braked"
        hints.let_go(unit, link)
    elif wanted.paused is False or (wanted.credentials is not None and link.state == "broken"):
        await _go_on(unit, link)
    unit.record("link.changed", folder_id=link.folder_id, link_id=str(link.id), name=link.name, state=link.state)
    return await _wire(unit, link)


async def _limit(unit: Unit, link: LinkRow, limits: Limits) -> None:
    """Other limits; what the old ones left alone is looked at anew."""
    old, link.limits = _limits(link), limits.model_dump()
    if (old.types, old.max_bytes) != (limits.types, limits.max_bytes):
        await _look_again(unit, link, LinkItemRow.state.in_(["held", "failed"]))
        await promises.promise(unit, link)


def _limits(link: LinkRow) -> Limits:
    return Limits.model_validate(link.limits)


async def _go_on(unit: Unit, link: LinkRow) -> None:
    if link.state == "braked":
        return
    link.state, link.trouble, link.detail, link.failures = promises.ACTIVE, "", "", 0
    link.asked_at = unit.now
    await promises.promise(unit, link)


async def _look_again(unit: Unit, link: LinkRow, *which: Any) -> None:
    rows = update(LinkItemRow).where(LinkItemRow.link_id == link.id, *which)
    seen = {"dirty": True, "tries": 0, "next_at": unit.now, "revision": LinkItemRow.revision + 1}
    await unit.session.execute(rows.values(seen))


async def run(unit: Unit, link_id: UUID) -> Wire:
    """A run now; what failed is tried again at once. Raises LinkNotFound, NotAllowed."""
    link = await require(unit, link_id, lock=True)
    link.asked_at = unit.now
    await _look_again(unit, link, LinkItemRow.state == "failed", LinkItemRow.dirty == true())
    await promises.promise(unit, link)
    return await _wire(unit, link)


async def resync(unit: Unit, link_id: UUID) -> Wire:
    """List everything anew at the next run. Raises LinkNotFound, NotAllowed."""
    link = await require(unit, link_id, lock=True)
    link.cursor = link.listed_at = None
    link.asked_at = unit.now
    await _look_again(unit, link)
    await promises.promise(unit, link)
    return await _wire(unit, link)


async def release(unit: Unit, link_id: UUID) -> Wire:
    """Let the run go that the brake stopped. Raises LinkNotFound, LinkNotBraked, NotAllowed."""
    link = await require(unit, link_id, lock=True)
    if link.state != "braked":
        raise LinkNotBraked
    link.state, link.released = promises.ACTIVE, True
    await _go_on(unit, link)
    unit.record("link.released", folder_id=link.folder_id, link_id=str(link.id), name=link.name)
    return await _wire(unit, link)


async def remove(unit: Unit, link_id: UUID) -> None:
    """End a link. What is here and what is there stays as it is. Raises LinkNotFound, NotAllowed."""
    link = await require(unit, link_id, lock=True)
    unit.record("link.removed", folder_id=link.folder_id, link_id=str(link.id), name=link.name)
    hints.let_go(unit, link)
    await unit.session.execute(delete(LinkItemRow).where(LinkItemRow.link_id == link.id))
    await unit.session.delete(link)


async def list_items(
    unit: ReadUnit, link_id: UUID, state: str | None, limit: int, after: str | None, *, conflict: bool = False
) -> tuple[list[Wire], str | None]:
    """A page of a link's items. Raises LinkNotFound, NotAllowed."""
    link = await require(unit, link_id)
    last = paging.decode(after, UUID)
    query = items.of(link).order_by(LinkItemRow.id).limit(limit + 1)
    if state is not None:
        query = query.where(LinkItemRow.state == state)
    if conflict:
        query = query.where(LinkItemRow.conflict == true())
    rows = (await unit.session.execute(query.where(LinkItemRow.id > last[0]) if last else query)).scalars().all()
    kept, next_ = paging.page(list(rows), limit, lambda row: paging.encode(row.id))
    return await items.wires(unit, link, kept), next_


async def _item(unit: Unit, link_id: UUID, item_id: UUID) -> tuple[LinkRow, LinkItemRow]:
    link = await require(unit, link_id, lock=True)
    row = await items.get(unit, link, item_id, lock=True)
    if row is None:
        raise LinkItemNotFound
    return link, row


async def retry(unit: Unit, link_id: UUID, item_id: UUID) -> Wire:
    """Look at one item again now. Raises LinkNotFound, LinkItemNotFound, NotAllowed."""
    link, row = await _item(unit, link_id, item_id)
    items.touch(unit, row)
    await promises.promise(unit, link)
    return items.wire(row)


async def choose(unit: Unit, link_id: UUID, item_id: UUID, choice: Choice) -> Wire:
    """End a conflict: ours goes over there, or theirs becomes the newest version here.

    Raises LinkNotFound, LinkItemNotFound, NoConflict, NotAllowed.
    """
    link, row = await _item(unit, link_id, item_id)
    if not row.conflict or row.node_id is None:
        raise NoConflict
    if choice.keep == "theirs":
        await documents.restore_version(unit, row.node_id, row.base_number, f"As it is in {link.name}")
    await settle(unit, link, row)
    return items.wire(row)


async def settle(unit: Unit, link: LinkRow, row: LinkItemRow) -> None:
    """The conflict is over: what is the newest version now goes over."""
    row.conflict, row.task_id = False, None
    items.touch(unit, row)
    await promises.promise(unit, link)


async def of_document(unit: ReadUnit, document_id: UUID) -> list[Wire]:
    """Where a document lives on other sides, for whoever sees it. Raises DocumentNotFound."""
    await documents.require(unit, document_id, trashed=True)
    found: list[Wire] = []
    for row in await items.of_node(unit, document_id):
        link = await unit.session.get_one(LinkRow, row.link_id)
        (item,) = await items.wires(unit, link, [row])
        found.append({"link_id": link.id, "link": link.name, "kind": link.kind, "item": item})
    return found


async def _wire(unit: ReadUnit, link: LinkRow) -> Wire:
    return (await _wires(unit, [link]))[0]


async def _wires(unit: ReadUnit, links: Sequence[LinkRow]) -> list[Wire]:
    return [
        {
            "id": link.id,
            "name": link.name,
            "folder_id": link.folder_id,
            "place": place_of(link.kind, link.config),
            "has_credentials": link.sealed is not None,
            "direction": link.direction,
            "limits": _limits(link).model_dump(),
            "state": link.state,
            "trouble": link.trouble or None,
            "detail": link.detail,
            **await _counts(unit, link),
            "created_at": link.created_at,
            "ran_at": link.ran_at,
            "in_step_at": link.in_step_at,
            "hints_until": hints.until(unit, link),
        }
        for link in links
    ]


async def _counts(unit: ReadUnit, link: LinkRow) -> dict[str, int]:
    await unit.session.flush() if isinstance(unit, Unit) else None
    mine = LinkItemRow.link_id == link.id
    by_state = select(LinkItemRow.state, func.count()).where(mine).group_by(LinkItemRow.state)
    states = {row[0]: row[1] for row in await unit.session.execute(by_state)}
    waiting = await unit.session.scalar(select(func.count()).where(mine, LinkItemRow.dirty == true()))
    conflicts = await unit.session.scalar(select(func.count()).where(mine, LinkItemRow.conflict == true()))
    return {
        "items": sum(states.values()),
        "waiting": waiting or 0,
        "failed": states.get("failed", 0),
        "held": states.get("held", 0),
        "conflicts": conflicts or 0,
    }
