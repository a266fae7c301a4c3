"""One document of an export: its contents first, each checked against its digest, then all its history in one Unit."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from dossier import folders, storage
from dossier.core.actor import Actor
from dossier.core.units import Unit
from dossier.documents.models import Document, Tag, Version
from dossier.folders.models import Folder
from dossier.transfer import shapes
from dossier.transfer.errors import ContentDamaged, ExportUnfit
from dossier.transfer.exports.folder import refusing
from dossier.transfer.imports import hung, queries
from dossier.transfer.imports.ids import derived
from dossier.transfer.imports.people import People
from dossier.transfer.imports.reader import Reader
from dossier.transfer.program import Program
from dossier.transfer.progress import Quiet
from dossier.transfer.trees.source import chunks

Received = dict[bytes, storage.Received]


@dataclass(frozen=True, slots=True)
class Bringer:
    """Brings documents of one export into one workspace."""

    program: Program
    actor: Actor
    reader: Reader
    people: People
    folders: dict[UUID, UUID]
    progress: Quiet

    async def missing(self, entries: Sequence[shapes.Entry]) -> list[shapes.Entry]:
        """Those of the documents that are not here yet."""
        ids = {entry.id: derived(self.actor.workspace_id, entry.id) for entry in entries}
        async with self.program.units.read(self.actor) as unit:
            here = await queries.documents_among(unit, ids.values())
        return [entry for entry in entries if ids[entry.id] not in here]

    async def bring(self, entry: shapes.Entry) -> shapes.Document:
        """Bring one document. Raises ContentDamaged, ExportUnfit, PathUnfit, BadName, StorageFull, Unavailable."""
        wanted = await asyncio.to_thread(self.reader.document, entry)
        _check(wanted, entry, self.folders)
        # Nothing may be refused inside of this context once the Unit has committed: it would take the bytes away.
        async with AsyncExitStack() as stack:
            received = await self._receive(stack, wanted)
            await self.program.units.run(self.actor, lambda unit: self._keep(unit, wanted, received))
        return wanted

    async def _receive(self, stack: AsyncExitStack, wanted: shapes.Document) -> Received:
        """Every content once, durable; one that the workspace has already is dropped again when its row is found."""
        found: Received = {}
        for version in {version.sha256: version for version in wanted.versions}.values():
            if version.file is None:
                raise ContentDamaged(f"Version {version.number} was lost before the export.")
            path, sha256 = self.reader.path(version.file), bytes.fromhex(version.sha256)
            source = storage.received(self.program.store, self.actor.workspace_id, self._read(path))
            found[sha256] = await stack.enter_async_context(source)
            if found[sha256].stored.sha256 != sha256:
                raise ContentDamaged(f"{version.file} is not what the export wrote.")
        return found

    async def _read(self, path: Path) -> AsyncIterator[bytes]:
        with refusing(path):
            async for chunk in chunks(path):
                self.progress.moved(len(chunk))
                yield chunk

    async def _keep(self, unit: Unit, wanted: shapes.Document, received: Received) -> None:
        id_ = derived(unit.workspace_id, wanted.id)
        folder = await unit.session.get_one(Folder, self.folders[wanted.folder_id])
        document = _document(wanted, id_, folder, self.people)
        if not document.trashed:
            document.name = await folders.claim(unit, folder.id, document.name, "document", id_, rename=True)
            document.name_key = folders.name_key(document.name)
        unit.session.add(document)
        await unit.session.flush()
        await _add_versions(unit, document, wanted, received, self.people)
        tags = {folders.name_key(tag): tag for tag in wanted.tags}
        for key, tag in tags.items():
            unit.session.add(Tag(document_id=id_, tag_key=key, workspace_id=unit.workspace_id, tag=tag))
        await hung.bring(unit, document, wanted.tasks, self.people)
        unit.record(
            "document.imported",
            document_id=id_,
            folder_id=folder.id,
            name=document.name,
            versions=len(wanted.versions),
            tasks=len(wanted.tasks),
        )
        unit.defer("search.index", document_id=str(id_))


def _check(wanted: shapes.Document, entry: shapes.Entry, known: dict[UUID, UUID]) -> None:
    """What a document must be, whatever its digest says: numbers 1 to n, older sources, a folder, tasks on versions."""
    last = len(wanted.versions)
    numbers = [version.number for version in wanted.versions]
    sources = [(each.number, each.restored_from or each.branched_from or 0) for each in wanted.versions]
    sound = numbers == list(range(1, last + 1)) and all(source < number for number, source in sources)
    if not sound or wanted.id != entry.id or any(task.version > last for task in wanted.tasks):
        raise ExportUnfit(f"{entry.details}: the versions do not add up.")
    if wanted.folder_id not in known:
        raise ExportUnfit(f"{entry.details}: its folder is not in the export.")


def _document(wanted: shapes.Document, id_: UUID, folder: Folder, people: People) -> Document:
    head, name = wanted.versions[-1], folders.clean_name(wanted.name)
    trashed_at = wanted.trashed_at or folder.trashed_at
    return Document(
        id=id_,
        workspace_id=folder.workspace_id,
        folder_id=folder.id,
        scope_id=folder.scope_id,
        name=name,
        name_key=folders.name_key(name),
        description=wanted.description,
        revision=wanted.revision,
        head_number=head.number,
        media_type=head.media_type,
        author_id=people.member(head.author),
        open_tasks=sum(hung.is_open(task) for task in wanted.tasks),
        created_by=people.member(wanted.created_by),
        created_at=wanted.created_at,
        updated_at=wanted.updated_at,
        trashed=trashed_at is not None,
        trashed_at=trashed_at,
        trashed_by=people.member(wanted.trashed_by),
    )


async def _add_versions(
    unit: Unit, document: Document, wanted: shapes.Document, received: Received, people: People
) -> None:
    await storage.adopt(unit, *received.values())
    for each in wanted.versions:
        sha256 = bytes.fromhex(each.sha256)
        version = Version(
            document_id=document.id,
            number=each.number,
            workspace_id=unit.workspace_id,
            sha256=sha256,
            size=received[sha256].stored.size,
            media_type=each.media_type,
            file_name=folders.clean_name(each.file_name),
            comment=each.comment,
            author_id=people.member(each.author),
            created_at=each.created_at,
            restored_from=each.restored_from,
            branched_from=each.branched_from,
        )
        unit.session.add(version)
    await unit.session.flush()
