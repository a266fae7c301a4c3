"""A whole folder of files goes on one side: the link stops and asks, whatever it does can be taken back, and it stays small.

The state is made through the verbs of documents and of the books, many items to a transaction; that a run then finds
nothing to do is the proof that it is one that runs would have come to.
"""

import resource
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select

from dossier import documents, storage
from dossier.connectors.folder import FolderConnector
from dossier.core.actor import Actor
from dossier.core.events import EventRow
from dossier.core.units import Unit
from dossier.links import items, jobs, runs
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.sync.planner import Base
from tests.links.conftest import Joined

COUNTS = [300, pytest.param(10_000, marks=pytest.mark.long)]
CONTENT = b"the same in each"
MOST_MEGABYTES = 300
AT_ONCE = 250


def batched(all_: list[Any]) -> list[list[Any]]:
    """In parts of which each is one transaction."""
    return [all_[start : start + AT_ONCE] for start in range(0, len(all_), AT_ONCE)]


async def chunks() -> AsyncIterator[bytes]:
    """What each file holds."""
    yield CONTENT


class Masses:
    """A link whose folder ``all`` holds many files, on either side."""

    def __init__(self, joined: Joined, count: int) -> None:
        self.joined, self.count = joined, count
        self.world, self.there = joined.world, joined.share / "all"
        self.actor, self.units = self.world.owner.actor, self.world.parts.units
        self.folder_id = ""

    async def make(self) -> None:
        """Everything in step."""
        await self.joined.folder("Shared")
        inner = {"name": "all", "parent_id": self.joined.folder_id}
        self.folder_id = (await self.joined.call("POST", "/folders", 201, json=inner))["id"]
        self.there.mkdir()
        names = [f"{number}.txt" for number in range(self.count)]
        for name in names:
            (self.there / name).write_bytes(CONTENT)
        for some in batched(names):
            async with storage.received(self.world.parts.store, self.actor.workspace_id, chunks()) as got:
                await self.units.run(self.actor, partial(self._add, names=some, got=got))
        place = {"kind": "folder", "path": str(self.joined.share)}
        told = {"name": "Share", "folder_id": self.joined.folder_id, "place": place, "paused": True}
        self.joined.link_id = (await self.joined.call("POST", "/links", 201, json=told))["id"]
        found = [item async for page in FolderConnector(self.joined.share).changes() for item in page.items]
        await self.units.run(self.actor, lambda unit: self._agree(unit, {item.name: item for item in found}))
        await self.joined.call("PATCH", f"/links/{self.joined.link_id}", json={"paused": False})

    async def _add(self, unit: Unit, names: list[str], got: Any) -> None:
        for name in names:
            await documents.add(unit, documents.Upload(got, name), UUID(self.folder_id), name)

    async def _agree(self, unit: Unit, theirs: dict[str, Any]) -> None:
        link = await unit.session.get_one(LinkRow, UUID(self.joined.link_id))
        rows = (await unit.session.execute(items.of(link))).scalars().all()
        (box,) = (row.id for row in rows if row.folder)
        seen = {view.key: view for view in await items.views(unit, link, rows)}
        for row in rows:
            ours = seen[row.id].ours
            assert ours
            item, parent = theirs[ours.place.name], None if row.folder else box
            await items.claim(unit, link, row, item.id)
            items.put_theirs(row, item, parent)
            items.put_base(row, Base(parent, item.name, item.name, ours.digest, ours.number, item.tag))
            items.settle(row)

    async def run(self) -> Any:
        """One run, as a worker does it; how the link stands then, what it took and how many seconds."""
        async with self.units.read(self.actor) as unit:
            link = await unit.session.get_one(LinkRow, UUID(self.joined.link_id))
            link_id, workspace_id = link.id, link.workspace_id

        def again(unit: Unit) -> Any:
            return self._look_again(unit, link_id)

        await self.units.run(self.actor, again)
        assert await runs.run(self.world.parts, workspace_id, link_id)
        return await self.joined.call("GET", f"/links/{link_id}")

    async def _look_again(self, unit: Unit, link_id: UUID) -> None:
        (await unit.session.get_one(LinkRow, link_id)).looked_at = None

    async def follow(self, type_: str) -> None:
        """What the consumer of events does about the last event of a kind."""

        async def verb(unit: Unit) -> None:
            query = select(EventRow).where(EventRow.type == type_).order_by(EventRow.seq.desc()).limit(1)
            await jobs.follow(unit, (await unit.session.execute(query)).scalar_one())

        await self.units.run(Actor.system(self.actor.workspace_id), verb)

    async def here(self) -> list[UUID]:
        """The documents that are not in the trash."""
        async with self.units.read(self.actor) as unit:
            return [each.id for each in await documents.in_folders(unit, [UUID(self.folder_id)])]

    async def nodes(self) -> list[UUID]:
        """The documents that the link knows."""
        async with self.units.read(self.actor) as unit:
            query = select(LinkItemRow.node_id).where(LinkItemRow.folder.is_(False))
            return [id_ for id_ in (await unit.session.execute(query)).scalars() if id_]

    async def restore(self, ids: list[UUID]) -> None:
        """Out of the trash, back to where they were."""
        for some in batched(ids):

            async def verb(unit: Unit, some: list[UUID] = some) -> None:
                for id_ in some:
                    await documents.restore_document(unit, id_)

            await self.units.run(self.actor, verb)


@pytest.fixture(params=COUNTS)
async def masses(joined: Joined, request: pytest.FixtureRequest) -> Masses:
    """In step: a run does nothing."""
    made = Masses(joined, request.param)
    await made.make()
    link = await made.run()
    assert (link["state"], link["items"], link["waiting"], link["failed"]) == ("active", made.count + 1, 0, 0)
    return made


def peak() -> int:
    """Megabytes that this process had at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


async def test_all_of_theirs_go(masses: Masses) -> None:
    known = await masses.nodes()
    for path in masses.there.iterdir():
        path.unlink()
    before, start = peak(), time.monotonic()
    link = await masses.run()
    assert peak() - before < MOST_MEGABYTES and time.monotonic() - start < 5 + masses.count / 100
    assert (link["state"], link["trouble"]) == ("braked", "link_braked")
    assert str(masses.count) in link["detail"]
    plan = await masses.joined.call("GET", f"/links/{masses.joined.link_id}/plan")
    assert plan["brake"] and plan["counts"] == {"trash_ours": masses.count}
    assert len(plan["steps"]) == min(masses.count, 1000)
    assert len(await masses.here()) == masses.count

    await masses.joined.call("POST", f"/links/{masses.joined.link_id}/release")
    link = await masses.run()
    assert (link["state"], link["failed"]) == ("active", 0)
    assert await masses.here() == []
    await masses.restore(known)
    assert sorted(await masses.here()) == sorted(known)


async def test_all_of_ours_go(masses: Masses) -> None:
    known, folder = await masses.here(), f"/folders/{masses.folder_id}"
    await masses.joined.call("DELETE", folder, 204, params={"recursive": True})
    await masses.follow("folder.trashed")
    before, start = peak(), time.monotonic()
    link = await masses.run()
    assert peak() - before < MOST_MEGABYTES and time.monotonic() - start < 5 + masses.count / 100
    assert (link["state"], link["trouble"]) == ("braked", "link_braked")
    plan = await masses.joined.call("GET", f"/links/{masses.joined.link_id}/plan")
    assert plan["brake"] and plan["counts"] == {"delete_theirs": masses.count + 1}
    assert len(list(masses.there.iterdir())) == masses.count

    # Brought back, there is nothing left to delete, braked or not.
    await masses.joined.call("POST", f"{folder}/restore")
    await masses.follow("folder.restored")
    await masses.joined.call("POST", f"/links/{masses.joined.link_id}/release")
    link = await masses.run()
    assert (link["state"], link["waiting"], link["failed"]) == ("active", 0, 0)
    assert sorted(await masses.here()) == sorted(known)
    assert len(list(masses.there.iterdir())) == masses.count

    # Meant, it goes.
    await masses.joined.call("DELETE", folder, 204, params={"recursive": True})
    await masses.follow("folder.trashed")
    assert (await masses.run())["state"] == "braked"
    await masses.joined.call("POST", f"/links/{masses.joined.link_id}/release")
    assert (await masses.run())["failed"] == 0
    assert not masses.there.exists()
    await masses.joined.call("POST", f"{folder}/restore")
    assert sorted(await masses.here()) == sorted(known)
