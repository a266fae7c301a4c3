"""Files on their way in, some dozens to a Unit: a commit costs an fsync, and so does every file."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dossier import documents, storage
from dossier.core.actor import Actor
from dossier.core.errors import DossierError, StorageFull, Unavailable
from dossier.core.units import Unit
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet
from dossier.transfer.trees.report import TreeReport
from dossier.transfer.trees.slots import Slot
from dossier.transfer.trees.source import File, chunks

MOST_FILES, ENOUGH_BYTES, AT_ONCE = 50, 16 << 20, 8
FATAL = (StorageFull, Unavailable)
"""What will not be better at the next file: the run ends, and can be started again."""


@dataclass(frozen=True, slots=True)
class Item:
    """A local file, the folder and place that it goes to, and its own name."""

    file: File
    folder_id: UUID
    slot: Slot
    name: str


class Batch:
    """Collects items and commits them together; where one is refused, each by itself."""

    def __init__(self, program: Program, actor: Actor, report: TreeReport, progress: Quiet) -> None:
        self._program, self._actor, self._report, self._progress = program, actor, report, progress
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._items: list[Item] = []
        self._size = 0

    async def put(self, item: Item) -> None:
        """Take an item; commit when enough have come. Raises StorageFull, Unavailable."""
        self._items.append(item)
        self._size += item.file.size
        if len(self._items) == MOST_FILES or self._size >= ENOUGH_BYTES:
            await self.finish()

    async def finish(self) -> None:
        """Commit what waits. Raises StorageFull, Unavailable."""
        items, self._items, self._size = self._items, [], 0
        try:
            await self._commit(items)
        except FATAL:
            raise
        except DossierError:
            # The bytes are gone with the Unit that refused one of them; each file is read again.
            for item in items:
                await self._alone(item)
        self._progress.done(len(items))

    async def _alone(self, item: Item) -> None:
        try:
            await self._commit([item])
        except FATAL:
            raise
        except DossierError as error:
            self._report.fail(item.file.path, error)

    async def _commit(self, items: Sequence[Item]) -> None:
        # Nothing may be refused inside of this context once the Unit has committed: it would take the bytes away.
        async with AsyncExitStack() as stack:
            results = await asyncio.gather(*(self._store(stack, item) for item in items), return_exceptions=True)
            for result in results:
                if isinstance(result, BaseException) and not isinstance(result, OSError):
                    raise result
            stored = [
                (item, each) for item, each in zip(items, results, strict=True) if isinstance(each, storage.Received)
            ]
            if stored:
                await self._program.units.run(self._actor, lambda unit: _keep(unit, stored))
        self._count(items, results)

    async def _store(self, stack: AsyncExitStack, item: Item) -> storage.Received:
        async with self._gate:
            bytes_ = storage.received(self._program.store, self._actor.workspace_id, self._read(item.file.path))
            return await stack.enter_async_context(bytes_)

    async def _read(self, path: Path) -> AsyncIterator[bytes]:
        async for chunk in chunks(path):
            self._progress.moved(len(chunk))
            yield chunk

    def _count(self, items: Sequence[Item], results: Sequence[storage.Received | BaseException]) -> None:
        for item, result in zip(items, results, strict=True):
            if isinstance(result, OSError):
                self._report.fail(item.file.path, result)
            elif item.slot.place is None:
                self._report.added += 1
            else:
                self._report.versions += 1


async def _keep(unit: Unit, stored: Sequence[tuple[Item, storage.Received]]) -> None:
    for item, received in stored:
        upload = documents.Upload(received, item.name)
        if item.slot.place is None:
            await documents.add(unit, upload, item.folder_id, item.slot.name)
        else:
            await documents.add_version(unit, item.slot.place.id, upload)
