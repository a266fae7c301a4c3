"""The export: a plan of paths, page after page of documents, the lists of folders and people, and last the manifest."""

import asyncio
import hashlib
from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path
from uuid import UUID

from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.transfer import shapes
from dossier.transfer.errors import ContentDamaged
from dossier.transfer.exports import describe, plan, queries, write
from dossier.transfer.exports.folder import Destination
from dossier.transfer.exports.plan import LIVING, TRASH, Plan, Spot
from dossier.transfer.exports.write import Writer
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet
from dossier.transfer.report import Report

DOCUMENTS_A_PAGE, AT_ONCE = 100, 4
COUNTED = ("documents", "versions", "tasks", "written", "unchanged", "bytes")
README = """This is an export of a workspace of Dossier.

documents/       the documents as people know them, in their folders
trash/           documents that lay in the trash
details/         for each document a folder: document.json with all that is known of it (tags, versions, tasks, comments),
                 and the contents of former versions; the same for the trash in "trash details/"
folders.jsonl    the folders and who may see them
people.json      members and groups
documents.jsonl  where each document.json lies
export.json      counts and digests, written last

`dossier import FOLDER --workspace NAME` brings it into an empty workspace. Another export into this folder keeps what is
the same, and removes the files of documents that have moved or gone.
"""


async def export_workspace(program: Program, actor: Actor, dest: Path, progress: Quiet | None = None) -> Report:
    """Write the actor's workspace with all versions, tasks and people to a folder of its own, for people and `import`.

    An earlier export of the same workspace there, whole or cut off, is brought up to date: what is the same stays. Content
    that cannot be read is in the report and in the manifest, and the rest goes on. Raises DestinationTaken, PathUnfit,
    ExportUnfit (a newer format lies there), StorageFull.
    """
    destination = Destination(dest)
    with destination.opened(actor.workspace_id) as earlier, Plan() as spots:
        return await _Export(program, actor, destination, progress or Quiet()).run(spots, earlier=earlier)


class _Export:
    def __init__(self, program: Program, actor: Actor, destination: Destination, progress: Quiet) -> None:
        self._units, self._actor, self._destination, self._progress = program.units, actor, destination, progress
        self._report = Report(dict.fromkeys(COUNTED, 0))
        self._writer = Writer(destination, program.store, self._report, progress)
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def run(self, spots: Plan, *, earlier: bool) -> Report:
        async with self._units.read(self._actor, relaxed=True) as unit:
            await plan.make(unit, spots)
            self._progress.expect(spots.documents, await queries.total_size(unit))
        files = {shapes.INDEX: await self._documents(spots), **await self._lists()}
        if earlier:
            swept = await asyncio.to_thread(write.sweep, self._writer, self._destination, (LIVING, TRASH))
            self._report.count("removed", swept)
        await asyncio.to_thread(self._destination.write, "README.txt", README.encode())
        await asyncio.to_thread(self._destination.finish, await self._manifest(files))
        return self._report

    # Documents

    async def _documents(self, spots: Plan) -> str:
        """Write all documents and their index; the index's digest."""
        temporary, sha256 = await asyncio.to_thread(self._destination.temporary), hashlib.sha256()
        waiting = iter(spots)
        with temporary.open("xb") as file:
            while page := list(islice(waiting, DOCUMENTS_A_PAGE)):
                lines = b"".join(map(shapes.line, await self._page(page)))
                sha256.update(lines)
                file.write(lines)
        await asyncio.to_thread(self._destination.adopt, temporary, shapes.INDEX)
        return sha256.hexdigest()

    async def _page(self, spots: Sequence[Spot]) -> list[shapes.Entry]:
        await asyncio.to_thread(self._folders, [spot.content for spot in spots if spot.id is None])
        placed = {spot.id: spot for spot in spots if spot.id is not None}
        async with self._units.read(self._actor, relaxed=True) as unit:
            found = await queries.wholes(unit, list(placed))
            emails = await queries.emails(unit, chain.from_iterable(map(describe.named, found)))
        writing = (self._one(whole, placed[whole.document.id], emails) for whole in found)
        results = await asyncio.gather(*writing, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [result for result in results if isinstance(result, shapes.Entry)]

    def _folders(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._destination.make(self._destination.root / path)
            self._writer.use(path.rstrip("/"))

    async def _one(self, whole: queries.Whole, spot: Spot, emails: dict[UUID, str]) -> shapes.Entry | None:
        async with self._gate:
            if not whole.versions:
                self._report.fail(spot.content, ContentDamaged("The document has no version."))
                return None
            return await self._writer.write(whole, spot, emails)

    # Lists

    async def _lists(self) -> dict[str, str]:
        """Write people and folders, after the documents, which may name some that came meanwhile; their digests."""
        async with self._units.read(self._actor, relaxed=True) as unit:
            people, folders = await describe.people(unit), await describe.tree(unit)
        self._report.counts |= {"folders": len(folders), "members": len(people.members), "groups": len(people.groups)}
        lists = {shapes.PEOPLE: shapes.encode(people), shapes.FOLDERS: b"".join(map(shapes.line, folders))}
        for path, data in lists.items():
            await asyncio.to_thread(self._destination.write, path, data)
        return {path: hashlib.sha256(data).hexdigest() for path, data in lists.items()}

    async def _manifest(self, files: dict[str, str]) -> shapes.Manifest:
        async with self._units.read(self._actor, relaxed=True) as unit:
            workspace = await queries.workspace(unit)
            counted = ("documents", "versions", "tasks", "folders", "members", "groups")
            return shapes.Manifest(
                version=shapes.VERSION,
                id=new_id(),
                workspace_id=workspace.id,
                slug=workspace.slug,
                name=workspace.name,
                exported_at=unit.now,
                counts={name: self._report.counts[name] for name in counted},
                files=files,
                failed=self._report.failed,
            )
