"""The import of an export: people, folders, documents. Cut off and started again, it goes on where it was."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from dossier.core.actor import Actor
from dossier.core.errors import DossierError, StorageFull, Unavailable
from dossier.core.units import Unit
from dossier.transfer import shapes
from dossier.transfer.errors import WorkspaceNotEmpty
from dossier.transfer.imports import people, queries, tree
from dossier.transfer.imports.documents import Bringer
from dossier.transfer.imports.people import People
from dossier.transfer.imports.reader import Reader
from dossier.transfer.imports.tree import Folders
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet
from dossier.transfer.report import Report

FOLDERS_A_UNIT, AT_ONCE = 100, 8
FATAL = (StorageFull, Unavailable)


async def import_export(program: Program, actor: Actor, root: Path, progress: Quiet | None = None) -> Report:
    """Make of an export what it was made of, in the actor's empty workspace.

    All is as it was, with its times and people (unknown ones come as former members without a password); ids are new. A
    document whose bytes are not what the export wrote is in the report, and the rest goes on. What is here already from
    an import of the same export that was cut off is passed over. Raises ExportUnfit, PathUnfit, WorkspaceNotEmpty,
    StorageFull, Unavailable.
    """
    reader = await asyncio.to_thread(Reader, root)
    return await _Import(program, actor, reader, progress or Quiet()).run()


class _Import:
    def __init__(self, program: Program, actor: Actor, reader: Reader, progress: Quiet) -> None:
        self._program, self._actor, self._reader, self._progress = program, actor, reader, progress
        self._report = Report({"documents": 0, "versions": 0, "tasks": 0, "folders": 0, "present": 0})

    async def run(self) -> Report:
        wanted = await asyncio.to_thread(self._reader.people)
        found = await self._program.units.run(self._actor, lambda unit: self._begin(unit, wanted))
        self._progress.expect(self._reader.manifest.counts.get("documents", 0), 0)
        bringer = Bringer(self._program, self._actor, self._reader, found, await self._folders(found), self._progress)
        entries = self._reader.entries()
        while page := await asyncio.to_thread(_page, entries):
            missing = await bringer.missing(page)
            self._report.count("present", len(page) - len(missing))
            self._progress.done(len(page) - len(missing))
            bringing = (self._bring(bringer, entry) for entry in missing)
            # All of them end before the first error goes on, for they use the database.
            for result in await asyncio.gather(*bringing, return_exceptions=True):
                if result is not None:
                    raise result
        if not self._report.failed:
            await self._program.units.run(self._actor, self._end)
        return self._report

    async def _begin(self, unit: Unit, wanted: shapes.People) -> People:
        """Refuse a workspace with other things in it, or say that it begins here."""
        export_id = self._reader.manifest.id
        if not await queries.began(unit, export_id):
            if not await queries.is_empty(unit):
                raise WorkspaceNotEmpty(
                    "An export can only be imported into a workspace without documents and folders, or again into the one "
                    "where its import was cut off."
                )
            unit.record("import.started", export_id=str(export_id), slug=self._reader.manifest.slug)
        return await people.bring(unit, wanted)

    async def _end(self, unit: Unit) -> None:
        unit.record("import.finished", export_id=str(self._reader.manifest.id), counts=self._report.counts)

    async def _folders(self, found: People) -> Folders:
        wanted = await asyncio.to_thread(self._reader.folders)
        known: Folders = {}
        for start in range(0, len(wanted), FOLDERS_A_UNIT):
            known, made = await self._some_folders(wanted[start : start + FOLDERS_A_UNIT], found, known)
            self._report.count("folders", made)
        return known

    async def _some_folders(self, some: list[shapes.Folder], found: People, known: Folders) -> tuple[Folders, int]:
        return await self._program.units.run(self._actor, lambda unit: tree.bring(unit, some, found, known))

    async def _bring(self, bringer: Bringer, entry: shapes.Entry) -> None:
        try:
            brought = await bringer.bring(entry)
        except FATAL:
            raise
        except DossierError as error:
            self._report.fail(entry.details, error)
        else:
            self._report.count("documents")
            self._report.count("versions", len(brought.versions))
            self._report.count("tasks", len(brought.tasks))
        self._progress.done()


def _page(entries: Iterator[shapes.Entry]) -> list[shapes.Entry]:
    return list(islice(entries, AT_ONCE))
