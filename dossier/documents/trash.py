"""The trash: a tombstone with a period, restore, purge. Deleting a document never touches its bytes; purging ends them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, select

from dossier import folders, storage
from dossier.core.conditions import matches
from dossier.core.errors import PreconditionFailed
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents import locks, queries, versions
from dossier.documents.errors import NotTrashed
from dossier.documents.models import Document, Version


async def trash(unit: Unit, document_id: UUID, if_match: str | None = None) -> None:
    """Put a document into the trash; its name is free again. Raises 404, 403, PreconditionFailed, DocumentLocked."""
    document = await versions.require(unit, document_id, "editor", lock=True)
    if not matches(if_match, f'"{document.revision}"'):
        raise PreconditionFailed
    await _bury(unit, [document])


async def _bury(unit: Unit, documents: Sequence[Document]) -> None:
    ids = [document.id for document in documents]
    for document_id in await queries.locked(unit, ids):
        await locks.require_free(unit, document_id)
        await locks.drop(unit, document_id)
    for document in documents:
        document.trashed, document.trashed_at, document.trashed_by = True, unit.now, unit.actor.member_id
        versions.touch(unit, document)
        unit.record("document.trashed", document_id=document.id, folder_id=document.folder_id, name=document.name)
    await folders.release(unit, *ids)


async def restore(unit: Unit, document_id: UUID, folder_id: UUID | None = None, *, rename: bool = False) -> Wire:
    """Bring a document back from the trash, with the folders above it if they are gone. Raises 404, 403, NotTrashed,
    NameTaken."""
    document = await versions.require(unit, document_id, "editor", lock=True, trashed=True)
    if not document.trashed:
        raise NotTrashed
    target = await folders.require(unit, folder_id or document.folder_id, "editor", trashed=folder_id is None)
    if target.trashed_at is not None:
        await folders.revive(unit, target.id)
    await _revive(unit, document, target.id, target.scope_id, rename=rename)
    return await versions.get(unit, document_id)


async def in_trash(unit: ReadUnit, document_id: UUID) -> bool:
    """Whether a document that the actor may see lies in the trash."""
    found = await queries.find_model(unit, document_id)
    return found is not None and found[0].trashed


async def _revive(unit: Unit, document: Document, folder_id: UUID, scope_id: UUID, *, rename: bool) -> None:
    name = await folders.claim(unit, folder_id, document.name, "document", document.id, rename=rename)
    document.name, document.name_key = name, folders.name_key(name)
    document.folder_id, document.scope_id = folder_id, scope_id
    document.trashed, document.trashed_at, document.trashed_by = False, None, None
    versions.touch(unit, document)
    await unit.session.flush()
    unit.record("document.restored", document_id=document.id, folder_id=folder_id, name=name)


async def purge(unit: Unit, document_id: UUID) -> None:
    """End a trashed document for good: its row, versions, tasks, and bytes that nothing else names. Needs the role owner.

    Raises 404, 403, NotTrashed.
    """
    document = await versions.require(unit, document_id, "owner", lock=True, trashed=True)
    if not document.trashed:
        raise NotTrashed
    await _end(unit, [document])


async def _end(unit: Unit, documents: Sequence[Document]) -> None:
    for document in documents:
        mine = Version.document_id == document.id
        digests = (await unit.session.execute(select(Version.sha256).where(mine))).scalars().all()
        await unit.session.execute(delete(Version).where(mine))
        unit.record("document.purged", document_id=document.id, folder_id=document.folder_id, name=document.name)
        await unit.session.delete(document)
        await unit.session.flush()
        kept = await queries.used_digests(unit, digests)
        await storage.forget(unit, set(digests) - kept)


async def discard(unit: Unit, document_ids: Sequence[UUID]) -> None:
    """End documents for good at once, living or trashed, locked or not; for a room above that made them itself.

    Needs the role editor on each. Raises 404, 403.
    """
    found = [await versions.require(unit, id_, "editor", lock=True, trashed=True) for id_ in sorted(document_ids)]
    await folders.release(unit, *document_ids)
    await _end(unit, found)


async def purge_expired(unit: Unit, days: int, limit: int = 100) -> int:
    """Purge what lay in the workspace's trash for longer than ``days``; how many went (at most ``limit``)."""
    documents = await queries.expired(unit, unit.now - timedelta(days=days), limit)
    await _end(unit, documents)
    return len(documents)


async def trash_folder(unit: Unit, folder_id: UUID, *, recursive: bool = False) -> None:
    """Remove a folder; with ``recursive`` all in it goes to the trash. Raises 404, 403, RootFolder, FolderNotEmpty,
    DocumentLocked."""
    folder = await folders.require(unit, folder_id, "editor", lock=True)
    if folder.parent_id is None:
        raise folders.RootFolder
    tree = await folders.subtree(unit, folder_id)
    for scope_id in {each.scope_id for each in tree}:
        await folders.require_role(unit, scope_id, "editor")
    documents = await queries.in_folders(unit, [each.id for each in tree])
    if not recursive and (len(tree) > 1 or documents):
        raise folders.FolderNotEmpty
    await _bury(unit, documents)
    await folders.bury(unit, folder_id)


async def restore_folder(unit: Unit, folder_id: UUID) -> Wire:
    """Bring back a removed folder with all that went into the trash with it. Raises 404, 403, NotTrashed."""
    folder = await folders.require(unit, folder_id, "editor", trashed=True)
    if folder.trashed_at is None:
        raise NotTrashed
    gone_at = folder.trashed_at
    tree = [each for each in await folders.subtree(unit, folder_id, trashed=True) if each.trashed_at == gone_at]
    for each in tree:
        await folders.revive(unit, each.id)
    for document in await queries.in_folders(unit, [each.id for each in tree], trashed=True):
        if document.trashed_at == gone_at:
            scope_id = next(each.scope_id for each in tree if each.id == document.folder_id)
            await _revive(unit, document, document.folder_id, scope_id, rename=True)
    return await folders.get(unit, folder_id)
