"""Files on their way in, hundreds to a Unit: a commit costs an fsync, and so does every file."""

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

MOST_FILES, MOST_VERSIONS, ENOUGH_BYTES, AT_ONCE = 500, 50, 16 << 20, 8
"""New documents go in by one insert; versions take statements each, and others wait for the Unit meanwhile."""

FATAL = (StorageFull, Unavailable)
"""What will not be better at the next file: the run ends, and can be started again."""


@dataclass(frozen=True, slots=True)
class Item:
    """A local file, the folder and place that it goes to, and its own name."""

    file: File
    folder_id: UUID
    slot: Slot
    name: str


Stored = tuple[Item, storage.Received]


class Batch:
    """Collects items and commits them together, but for those that are refused."""

    def __init__(self, program: Program, actor: Actor, report: TreeReport, progress: Quiet) -> None:
        self._program, self._actor, self._report, self._progress = program, actor, report, progress
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._items: list[Item] = []
        self._size = 0

    async def put(self, item: Item) -> None:
        """Take an item; commit when enough have come. Raises StorageFull, Unavailable."""
        self._items.append(item)
        self._size += item.file.size
        versions = sum(each.slot.place is not None for each in self._items)
        if len(self._items) == MOST_FILES or versions == MOST_VERSIONS or self._size >= ENOUGH_BYTES:
            await self.finish()

    async def finish(self) -> None:
        """Commit what waits. Raises StorageFull, Unavailable."""
        items, self._items, self._size = self._items, [], 0
        async with AsyncExitStack() as stack:
            results = await asyncio.gather(*(self._store(stack, item) for item in items), return_exceptions=True)
            stored: list[Stored] = []
            for item, result in zip(items, results, strict=True):
                if isinstance(result, OSError):
                    self._report.fail(item.file.path, result)
                elif isinstance(result, BaseException):
                    raise result
                else:
                    stored.append((item, result))
            await self._commit(stored)
        self._progress.done(len(items))

    async def _commit(self, stored: Sequence[Stored]) -> None:
        """Commit together; where one is refused, half and half, down to the one. The bytes stay until all is told."""
        if not stored:
            return
        try:
            await self._program.units.run(self._actor, lambda unit: _keep(unit, stored))
        except FATAL:
            raise
        except DossierError as error:
            if len(stored) == 1:
                self._report.fail(stored[0][0].file.path, error)
                return
            half = len(stored) // 2
            await self._commit(stored[:half])
            await self._commit(stored[half:])
        else:
            added = sum(item.slot.place is None for item, _ in stored)
            self._report.added += added
            self._report.versions += len(stored) - added

    async def _store(self, stack: AsyncExitStack, item: Item) -> storage.Received:
        async with self._gate:
            bytes_ = storage.received(self._program.store, self._actor.workspace_id, self._read(item.file.path))
            return await stack.enter_async_context(bytes_)

    async def _read(self, path: Path) -> AsyncIterator[bytes]:
        async for chunk in chunks(path):
            self._progress.moved(len(chunk))
            yield chunk


async def _keep(unit: Unit, stored: Sequence[Stored]) -> None:
    uploads = [(item, documents.Upload(received, item.name)) for item, received in stored]
    new = [
        documents.Addition(upload, item.folder_id, item.slot.name) for item, upload in uploads if not item.slot.place
    ]
    await documents.add_many(unit, new)
    for item, upload in uploads:
        if item.slot.place:
            await documents.add_version(unit, item.slot.place.id, upload)
