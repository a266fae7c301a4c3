"""The walk through a local tree: folders first, then their files, compared with what is in Dossier already.

Started again after any end, it finds what the last run committed and goes on; nothing is remembered anywhere else.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from dossier import folders
from dossier.core.actor import Actor
from dossier.core.errors import DossierError
from dossier.core.units import Unit
from dossier.transfer.errors import PathUnfit
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet
from dossier.transfer.trees import queries, source
from dossier.transfer.trees.batch import FATAL, Batch, Item
from dossier.transfer.trees.report import TreeReport
from dossier.transfer.trees.side import Names, Side
from dossier.transfer.trees.slots import Place, Slots
from dossier.transfer.trees.source import File, Listing

FOLDERS_A_UNIT = 50


async def import_tree(
    program: Program, actor: Actor, path: Path, folder: Sequence[str] = (), progress: Quiet | None = None
) -> TreeReport:
    """Bring a file, or all that lies in a folder, into the folder ``folder`` (a path of names, made if need be).

    A file whose bytes are the head's is left alone, another one becomes a new version, a new name a new document. What
    cannot be read and what Dossier refuses is in the report and the run goes on. Raises PathUnfit, BadName, NameTaken,
    NotAllowed for ``folder``, and StorageFull or Unavailable at any moment.
    """
    report, progress = TreeReport(), progress or Quiet()
    await Walk(_Here(program, actor, report, progress), report, progress).run(path, folder)
    return report


class _Here(Batch):
    """The database and the store of this program."""

    async def target(self, names: Sequence[str]) -> UUID:
        return await self._program.units.run(self._actor, lambda unit: _target(unit, names))

    async def places(self, folder_id: UUID) -> Mapping[bytes, Place]:
        async with self._program.units.read(self._actor) as unit:
            return await queries.places(unit, folder_id)

    async def make(self, new: Names, parent_id: UUID) -> dict[Path, UUID | DossierError]:
        async def make(unit: Unit) -> dict[Path, UUID | DossierError]:
            return {path: (await folders.create(unit, name, parent_id))["id"] for path, name in new.items()}

        try:
            return await self._program.units.run(self._actor, make)
        except FATAL:
            raise
        except DossierError as error:
            return dict.fromkeys(new, error)


class Walk:
    """Takes a tree to a side, and reports. ``apart`` gives what is not the content of its place a name of its own."""

    def __init__(self, side: Side, report: TreeReport, progress: Quiet, *, apart: bool = False) -> None:
        self._side, self.report, self._progress, self._apart = side, report, progress, apart

    async def run(self, path: Path, folder: Sequence[str]) -> None:
        """All that lies at a path, into the folder of this path of names. Raises as ``import_tree``."""
        first = await asyncio.to_thread(_look_at, path)
        if self._progress.shows:
            self._progress.expect(*await asyncio.to_thread(source.measure, first))
        target = await self._side.target(folder)
        waiting = list((await self._visit(first, target)).items())
        while waiting:
            below, folder_id = waiting.pop()
            found = await self._look_into(below)
            if found is not None:
                waiting += (await self._visit(found, folder_id)).items()
        await self._side.finish()

    async def _look_into(self, folder: Path) -> Listing | None:
        try:
            return await asyncio.to_thread(source.listing, folder)
        except OSError as error:
            self.report.fail(folder, error)
            return None

    async def _visit(self, found: Listing, folder_id: UUID) -> dict[Path, UUID]:
        """Take in the files of one folder and make its sub-folders; the ids of those."""
        for path, reason in found.skipped:
            self.report.skip(path, reason)
        names = await self._names(found)
        slots = Slots(await self._side.places(folder_id), list(names.values()))
        made = await self._make([path for path in found.folders if path in names], names, slots, folder_id)
        await self._take_in(found.files, names, slots, folder_id)
        return made

    async def _names(self, found: Listing) -> Names:
        """The names as Dossier keeps them; those that it refuses are reported."""
        names: Names = {}
        for path in (*found.folders, *(file.path for file in found.files)):
            try:
                names[path] = folders.upload_name(path.name)
            except folders.BadName as error:
                await self._fail(path, error)
        return names

    async def _fail(self, path: Path, error: DossierError) -> None:
        """A file is left out; of a folder all that lies below, which is counted."""
        self.report.fail(path, error)
        if await asyncio.to_thread(path.is_dir):
            count, _size = await asyncio.to_thread(source.measure, Listing(folders=[path]))
            self.report.failed[-1]["reason"] += f" {count} files below it were left out."

    async def _make(self, paths: Sequence[Path], names: Names, slots: Slots, parent_id: UUID) -> dict[Path, UUID]:
        """The folders of these paths, found or made."""
        taken = {path: slots.take("folder", names[path]) for path in paths}
        new = [(path, slot.name) for path, slot in taken.items() if slot.place is None]
        made = {path: slot.place.id for path, slot in taken.items() if slot.place is not None}
        for start in range(0, len(new), FOLDERS_A_UNIT):
            made |= await self._make_some(dict(new[start : start + FOLDERS_A_UNIT]), parent_id)
        self.report.folders += len(made)
        return made

    async def _make_some(self, new: Names, parent_id: UUID) -> dict[Path, UUID]:
        made: dict[Path, UUID] = {}
        for path, result in (await self._side.make(new, parent_id)).items():
            if isinstance(result, DossierError):
                await self._fail(path, result)
            else:
                made[path] = result
        self.report.new_folders += len(made)
        return made

    async def _take_in(self, files: Sequence[File], names: Names, slots: Slots, folder_id: UUID) -> None:
        self.report.files += len(files)
        self.report.bytes += sum(file.size for file in files)
        named = [file for file in files if file.path in names]
        digests = await self._digests(named, names, slots)
        for file in sorted(named, key=lambda file: not slots.knows(digests.get(file.path))):
            sha256 = digests.get(file.path)
            slot = slots.take("document", names[file.path], sha256, only=self._apart and sha256 is not None)
            try:
                unchanged = slot.place is not None and await self._same(file, slot.place)
            except OSError as error:
                self.report.fail(file.path, error)
                continue
            if unchanged:
                self._pass_over(file)
            else:
                await self._side.put(Item(file, folder_id, slot, names[file.path]))

    async def _digests(self, files: Sequence[File], names: Names, slots: Slots) -> dict[Path, bytes]:
        """The digests of files whose place they decide: whose names are equal in Dossier, or which are kept ``apart`` from
        what is there. One that cannot be read has none."""
        counts = Counter(names[file.path] for file in files)
        digests: dict[Path, bytes] = {}
        for file in files:
            name = names[file.path]
            if counts[name] > 1 or (self._apart and slots.has(name)):
                with suppress(OSError):
                    digests[file.path] = await asyncio.to_thread(source.digest, file.path)
        return digests

    @staticmethod
    async def _same(file: File, place: Place) -> bool:
        return file.size == place.size and await asyncio.to_thread(source.digest, file.path) == place.sha256

    def _pass_over(self, file: File) -> None:
        self.report.unchanged += 1
        self._progress.moved(file.size)
        self._progress.done()


def _look_at(path: Path) -> Listing:
    """What an import begins with: one file, or a folder. A link that the caller names is followed."""
    try:
        path = path.resolve(strict=True)
        return source.listing(path) if path.is_dir() else Listing(files=[File(path, source.size(path))])
    except OSError as error:
        raise PathUnfit(f"{path}: {error.strerror or error}") from error


async def _target(unit: Unit, names: Sequence[str]) -> UUID:
    """The folder with this path below the root, made where it is not there."""
    folder_id: UUID = (await folders.root(unit)).id
    for name in names:
        folder_id = (await folders.create(unit, name, folder_id, exist_ok=True))["id"]
    return folder_id
