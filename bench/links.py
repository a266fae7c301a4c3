"""A link's first run over many files, and what one change costs afterwards, there and here.

    python -m bench.links [--items N,N,…]

Embedded (SQLite, local disk); the other side is a system in this process that has a feed of changes, so that Dossier's own
work is what is measured. The cost of one change should not grow with the number of items; four calls at most is the goal.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from dossier import documents, folders, storage
from dossier.app import Parts, build
from dossier.connectors import Caps
from dossier.core import log, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.links import service
from dossier.links.jobs import CONSUMERS
from dossier.links.ledger import Ledger
from dossier.links.places import FolderPlace
from dossier.links.schemas import NewLink
from dossier.links.sync.engine import Engine
from dossier.worker import Worker
from tests.connectors.memory import MemoryRemote, Node

ROUNDS, A_FOLDER = 7, 200


class Bench:
    """One link with ``items`` files, 200 a folder."""

    def __init__(self, parts: Parts, items: int) -> None:
        self.parts, self.items = parts, items
        self.actor = Actor.system(new_id())
        self.remote = MemoryRemote(Caps(feed=True, stable_ids=True, conditional_write=True))
        self.calls = 0
        self.remote.before = self._count
        self.link_id = UUID(int=0)

    def _count(self, _what: str) -> None:
        self.calls += 1

    async def begin(self) -> None:
        """The workspace, the other side's files, and the link."""
        run, actor = self.parts.units.run, self.actor
        await run(actor, lambda unit: folders.found_workspace(unit, "bench", "Bench"))
        folder = await run(actor, lambda unit: folders.create(unit, "Linked"))
        for number in range(0, self.items, A_FOLDER):
            name = f"folder {number:06}"
            self.remote.nodes[name] = Node(name, None, name, folder=True)
            for each in range(number, min(number + A_FOLDER, self.items)):
                node = Node(f"#{each}", name, f"{each:06}.txt", folder=False, content=b"%d" % each, tag=f"t{each}")
                self.remote.nodes[node.id] = node
        new = NewLink(
            name="There", folder_id=folder["id"], place=FolderPlace(kind="folder", path="/nowhere"), paused=True
        )

        async def make(unit: Unit) -> Any:
            return await service.create(unit, new, cast(Any, None))

        self.link_id = (await run(actor, make))["id"]

    async def run(self, *, look: bool = True) -> Engine:
        """One run."""
        ledger = Ledger(self.parts.units, self.parts.store, self.actor, self.link_id)
        engine = Engine(ledger, self.remote)
        await engine.run(look=look)
        return engine

    async def note(self) -> None:
        """The consumer of links has seen all events."""
        await Worker(self.parts, consumers=CONSUMERS).follow()

    async def change_there(self, number: int) -> tuple[float, int]:
        """Seconds and calls until one edit there is a version here."""
        self.remote.their_edit(f"#{number}", b"changed %d" % time.perf_counter_ns())
        return await self._timed(look=True)

    async def change_here(self, number: int) -> tuple[float, int]:
        """Seconds and calls until one new version here is there."""
        document_id = await self._document(f"{number:06}.txt")

        async def chunks() -> Any:
            yield b"ours %d" % time.perf_counter_ns()

        async with storage.received(self.parts.store, self.actor.workspace_id, chunks()) as bytes_:
            upload = documents.Upload(bytes_, "a.txt")
            await self.parts.units.run(self.actor, lambda unit: documents.add_version(unit, document_id, upload))
        await self.note()
        return await self._timed(look=False)

    async def _timed(self, *, look: bool) -> tuple[float, int]:
        self.calls, began = 0, time.perf_counter()
        engine = await self.run(look=look)
        took = time.perf_counter() - began
        assert sum(engine.outcome.steps.values()) == 1, engine.outcome
        return took, self.calls

    async def _document(self, name: str) -> UUID:
        async with self.parts.units.read(self.actor) as unit:
            filters = documents.Filters()
            page, _ = await documents.list_(unit, filters, "name", 200, None)
            return next(UUID(str(each["id"])) for each in page if each["name"] == name)


async def measure(items: int) -> None:
    """Print what one size comes to."""
    with tempfile.TemporaryDirectory() as name:
        migrate.upgrade(f"sqlite:///{Path(name) / 'dossier.sqlite3'}")
        parts = build(Settings(data_dir=Path(name)))
        bench = Bench(parts, items)
        await bench.begin()
        began = time.perf_counter()
        await bench.run()
        first = time.perf_counter() - began
        await bench.note()
        # What the first run did comes by as events, and is found agreed.
        began = time.perf_counter()
        await bench.run(look=False)
        echo = time.perf_counter() - began
        there = [await bench.change_there(number) for number in range(ROUNDS)]
        await bench.note()
        await bench.run(look=False)
        here = [await bench.change_here(number) for number in range(ROUNDS)]
        print(
            f"{items} files: first run {first:.1f} s ({items / first:.0f} files/s), finding it agreed {echo:.1f} s; "
            f"one change there {_told(there)}; one change here {_told(here)}"
        )
        await parts.close()


def _told(rounds: list[tuple[float, int]]) -> str:
    times = sorted(seconds * 1000 for seconds, _ in rounds)
    calls = {calls for _, calls in rounds}
    return f"{statistics.median(times):.0f} ms ({times[0]:.0f} to {times[-1]:.0f}), {max(calls)} calls"


def main() -> None:
    """All sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", default="1000,10000")
    log.configure("console", "error")
    for items in parser.parse_args().items.split(","):
        asyncio.run(measure(int(items)))


if __name__ == "__main__":
    main()
