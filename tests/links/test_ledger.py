"""The engine on the books of a real database, with people, faults and kills from a seed, as the simulator in memory."""

import asyncio
import hashlib
import random
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import select

from dossier import documents, folders, storage
from dossier.connectors import Caps, RemoteError
from dossier.core.actor import Actor
from dossier.core.errors import DossierError
from dossier.core.units import ReadUnit, Unit
from dossier.links import items, service
from dossier.links.ledger import Ledger
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.places import FolderPlace
from dossier.links.schemas import Choice, Limits, NewLink
from dossier.links.sync.books import Books
from dossier.links.sync.engine import Engine
from dossier.worker import Worker
from tests.conftest import World
from tests.connectors.memory import MemoryRemote
from tests.links.simulator import NAMES, SYSTEMS, Killed

FEW, MANY = 12, 400
CHOICES = [Choice(keep="ours"), Choice(keep="theirs")]


class Lives:
    """A workspace's folder and a system in memory, and what a seed makes of them."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.seed, self.dice = world, seed, random.Random(seed)
        self.units, self.store = world.parts.units, world.parts.store
        self.actor = world.owner.actor
        self.remote = MemoryRemote(self.dice.choice(SYSTEMS))
        self.remote.before, self.remote.after = self._before, self._after
        self.calm, self.said = False, 0
        self.mortal, self.faulty = self.dice.choice([0.02, 0.08]), self.dice.choice([0, 0.05])
        self.link_id = self.folder_id = UUID(int=0)

    async def begin(self) -> None:
        """The folder and the link; jobs leave it alone."""
        made = await self._do(lambda unit: folders.create(unit, "Shared"))
        self.folder_id = made["id"]
        place = FolderPlace(kind="folder", path="/nowhere")
        new = NewLink(name="Memory", folder_id=self.folder_id, place=place, limits=Limits(most_deleted=1000))

        async def make(unit: Unit) -> Any:
            wire = await service.create(unit, new, cast(Any, None))
            (await unit.session.get_one(LinkRow, wire["id"])).state = "paused"
            return wire

        self.link_id = (await self._do(make))["id"]

    async def _do(self, verb: Any) -> Any:
        return await self.units.run(self.actor, verb)

    def _before(self, _what: str) -> None:
        if self.calm:
            return
        if self.dice.random() < 0.03:
            self.their_act()
        self._die()
        if self.dice.random() < self.faulty:
            raise RemoteError("unreachable", "lost")

    def _after(self, _what: str) -> None:
        if not self.calm:
            self._die()
            if self.dice.random() < self.faulty:
                raise RemoteError("unreachable", "lost")

    def _die(self) -> None:
        if self.dice.random() < self.mortal:
            raise Killed

    def _content(self) -> bytes:
        self.said += 1
        return f"{self.seed}.{self.said}".encode()

    # People

    def their_act(self) -> None:
        """Somebody there."""
        dice, remote = self.dice, self.remote
        nodes = sorted(remote.nodes.values(), key=lambda node: node.id)
        holders = [None, *[node.id for node in nodes if node.folder]]
        node = dice.choice(nodes) if nodes else None
        what = dice.choice(["new", "new", "folder", "edit", "edit", "move", "rename", "delete"])
        try:
            if what in {"new", "folder"} or node is None:
                remote.their_new(dice.choice(holders), dice.choice(NAMES), self._content(), folder=what == "folder")
            elif what == "edit" and not node.folder:
                remote.their_edit(node.id, self._content())
            elif what in {"move", "rename"}:
                name = node.name if what == "move" else dice.choice(NAMES)
                remote.their_move(node.id, dice.choice(holders), name)
            elif what == "delete":
                remote.their_delete(node.id)
        except RemoteError:
            return

    async def our_act(self) -> None:
        """Somebody here; what is refused was not done."""
        dice = self.dice
        tree, papers = await self._living()
        holder = dice.choice(tree)
        paper = dice.choice(papers) if papers else None
        box = dice.choice(tree[1:]) if len(tree) > 1 else None
        what = dice.choice(["new", "new", "folder", "edit", "edit", "move", "rename", "trash", "box"])
        name = dice.choice(NAMES)
        try:
            if what == "new" or paper is None:
                await self._upload(lambda unit, up: documents.add(unit, up, holder, name))
            elif what == "folder":
                await self._do(lambda unit: folders.create(unit, name, holder))
            elif what == "edit":
                await self._upload(lambda unit, up: documents.add_version(unit, paper, up))
            elif what in {"move", "rename"}:
                change = documents.DocumentChange(**({"name": name} if what == "rename" else {"folder_id": holder}))
                await self._do(lambda unit: documents.update(unit, paper, change))
            elif what == "trash":
                await self._do(lambda unit: documents.trash_document(unit, paper))
            elif box is not None and dice.random() < 0.5:
                await self._do(lambda unit: folders.update(unit, box, folders.FolderChange(parent_id=holder)))
            elif box is not None:
                await self._do(lambda unit: documents.trash_folder(unit, box, recursive=True))
        except DossierError:
            return

    async def _upload(self, verb: Any) -> None:
        content = self._content()

        async def chunks() -> Any:
            yield content

        async with storage.received(self.store, self.actor.workspace_id, chunks()) as bytes_:
            upload = documents.Upload(bytes_, "file.txt")
            await self._do(lambda unit: verb(unit, upload))

    async def _living(self) -> tuple[list[UUID], list[UUID]]:
        async def read(unit: ReadUnit) -> tuple[list[UUID], list[UUID]]:
            tree = [each.id for each in await folders.subtree(unit, self.folder_id)]
            return tree, [each.id for each in await documents.in_folders(unit, tree)]

        async with self.units.read(self.actor) as unit:
            return await read(unit)

    async def only(self) -> Any:
        """The one document."""
        (id_,) = (await self._living())[1]
        async with self.units.read(self.actor) as unit:
            return await documents.get(unit, id_)

    # The link

    async def sync(self) -> Engine:
        """What was done here is noted; then a run, whatever becomes of it."""
        await Worker(self.world.parts).follow()
        self.world.clock.move(seconds=4000 if self.calm else 10)
        ledger = Ledger(self.units, self.store, Actor.system(self.actor.workspace_id, "Memory"), self.link_id)
        engine = Engine(cast(Books, _Mortal(ledger, self)), self.remote, width=1)
        try:
            await engine.run()
        except (Killed, RemoteError):
            return engine
        return engine

    async def live(self) -> None:
        """Rounds of people and runs."""
        for _ in range(self.dice.randint(2, 4)):
            for _ in range(self.dice.randint(1, 6)):
                await self.our_act()
                self.their_act()
            await self.sync()
            await self._choose()

    async def _choose(self) -> None:
        async def verb(unit: Unit) -> None:
            link = await unit.session.get_one(LinkRow, self.link_id)
            query = items.of(link).where(LinkItemRow.state == "held").order_by(LinkItemRow.id)
            for row in (await unit.session.execute(query)).scalars().all():
                if row.conflict:
                    keep = self.dice.choice(CHOICES)
                    await service.choose(unit, self.link_id, row.id, keep)

        try:
            await self._do(verb)
        except DossierError:
            return

    async def settle(self) -> None:
        """Quiet, until a run does nothing."""
        self.calm = True
        for _ in range(12):
            await self._choose()
            writes = self.remote.writes
            engine = await self.sync()
            if not engine.outcome.steps and self.remote.writes == writes:
                return
        raise AssertionError(f"seed {self.seed} never comes to rest")

    async def judge(self) -> None:
        """Both sides agree, each thing is known once, and nothing that the link replaced is lost."""
        tree, papers = await self._living()
        async with self.units.read(self.actor) as unit:
            link = await unit.session.get_one(LinkRow, self.link_id)
            rows = (await unit.session.execute(items.of(link))).scalars().all()
            kept = set((await unit.session.execute(select(storage.models.Blob.sha256))).scalars())
            views = {view.key: view for view in await items.views(unit, link, rows)}
        there = self.remote.nodes
        assert {row.node_id for row in rows} == {*tree[1:], *papers}
        assert {row.remote_id for row in rows} == set(there)
        assert len(rows) == len(there) == len(tree) - 1 + len(papers)
        for row in rows:
            view, node = views[row.id], there[row.remote_id or ""]
            assert view.ours and view.theirs and view.base
            assert view.ours.place.parent == view.theirs.place.parent
            if not row.folder:
                assert view.ours.digest == hashlib.sha256(node.content).digest()
        for content in self.remote.replaced:
            assert hashlib.sha256(content).digest() in kept or content in self.remote.contents()


class _Mortal:
    """The ledger, in a process that may be killed before and after each Unit."""

    def __init__(self, ledger: Ledger, lives: Lives) -> None:
        self._ledger, self._lives = ledger, lives

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._ledger, name)
        if not asyncio.iscoroutinefunction(method):
            return method

        async def mortal(*args: Any, **kwargs: Any) -> Any:
            if not self._lives.calm:
                self._lives._die()
            answer = await method(*args, **kwargs)
            if not self._lives.calm:
                self._lives._die()
            return answer

        return mortal


async def _live(world: World, seed: int) -> None:
    lives = Lives(world, seed)
    await lives.begin()
    await lives.live()
    await lives.settle()
    await lives.judge()


@pytest.mark.parametrize("number", range(FEW))
async def test_both_sides_agree_whatever_happens(world: World, number: int) -> None:
    await _live(world, number)


@pytest.mark.long
@pytest.mark.parametrize("number", range(FEW, MANY))
async def test_hundreds_of_lives(world: World, number: int) -> None:
    await _live(world, number)


class TestFeedOfPaths:
    """A system whose ids are paths and that has a feed of changes, as WebDAV with sync tokens."""

    @pytest.mark.parametrize("folder", [False, True])
    async def test_renamed_there_is_renamed_here(self, world: World, folder: bool) -> None:
        lives = Lives(world, 0)
        lives.remote, lives.calm = MemoryRemote(Caps(feed=True, conditional_write=True)), True
        await lives.begin()
        above = lives.remote.their_new(None, "papers", folder=True)
        file = lives.remote.their_new(above.id, "a.txt", b"one")
        await lives.sync()
        before = await lives.only()
        if folder:
            lives.remote.their_move(above.id, None, "contracts")
        else:
            lives.remote.their_move(file.id, None, "b.txt")
        await lives.sync()
        after = await lives.only()
        assert (after["id"], after["name"]) == (before["id"], "a.txt" if folder else "b.txt")
