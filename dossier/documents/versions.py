"""The verbs on versions: append, restore, read. A version is never edited; the head is always the highest number."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from dossier import folders, storage, users
from dossier.core import paging
from dossier.core.actor import Role
from dossier.core.conditions import matches
from dossier.core.errors import PreconditionFailed
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents import locks, queries
from dossier.documents.errors import DocumentNotFound, DocumentTrashed, VersionNotFound
from dossier.documents.media import sniff
from dossier.documents.models import Document, Version

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """Durable bytes on their way to a version: the name that they came with and the author's comment."""

    bytes: storage.Received
    file_name: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What a download needs: the blob's key, its digest and size, and what the bytes are called."""

    key: str
    sha256: bytes
    size: int
    name: str
    number: int
    media_type: str
    created_at: datetime


async def require(
    unit: ReadUnit, document_id: UUID, role: Role = "viewer", *, lock: bool = False, trashed: bool = False
) -> Document:
    """A document that the actor may see (else 404), has ``role`` on (else 403) and that is living unless ``trashed``."""
    found = await queries.find_model(unit, document_id, lock=lock)
    if found is None:
        raise DocumentNotFound
    document, scope_id = found
    await folders.require_role(unit, scope_id, role)
    if document.trashed and not trashed:
        raise DocumentTrashed
    return document


async def get(unit: ReadUnit, document_id: UUID) -> Wire:
    """One document, living or trashed. Raises DocumentNotFound."""
    row = await queries.find(unit, document_id)
    if row is None:
        raise DocumentNotFound
    return (await queries.wires(unit, [row]))[0]


async def add_version(
    unit: Unit, document_id: UUID, upload: Upload, if_match: str | None = None, *, branched_from: int | None = None
) -> Wire:
    """Append a version; the document. Raises 404, 403, DocumentTrashed, DocumentLocked, PreconditionFailed.

    ``branched_from`` names the version that its author had before them, where that was not the newest.
    """
    await advance(unit, document_id, upload, if_match, branched_from)
    return await get(unit, document_id)


async def advance(
    unit: Unit, document_id: UUID, upload: Upload, if_match: str | None = None, branched_from: int | None = None
) -> None:
    document = await require(unit, document_id, "editor", lock=True)
    await locks.require_free(unit, document_id)
    check_match(document, if_match)
    await storage.adopt(unit, upload.bytes)
    version = await _append(unit, document, described(upload) | {"branched_from": branched_from})
    told = facts(version) | ({"branched_from": branched_from} if branched_from else {})
    unit.record("version.added", document_id=document.id, name=document.name, **told)


def described(upload: Upload) -> Row:
    """What the bytes say of their version."""
    stored = upload.bytes.stored
    return {
        "sha256": stored.sha256,
        "size": stored.size,
        "media_type": sniff(stored.head, upload.file_name),
        "file_name": upload.file_name,
        "comment": upload.comment,
    }


def version_row(unit: Unit, document_id: UUID, number: int, about: Row) -> Row:
    """A version that the actor makes now."""
    return about | {
        "document_id": document_id,
        "number": number,
        "workspace_id": unit.workspace_id,
        "author_id": unit.actor.member_id,
        "created_at": unit.now,
    }


async def _append(unit: Unit, document: Document, about: Row) -> Row:
    version = version_row(unit, document.id, document.head_number + 1, about)
    unit.session.add(Version(**version))
    document.head_number = version["number"]
    document.media_type = version["media_type"]
    document.author_id = version["author_id"]
    touch(unit, document)
    await unit.session.flush()
    return version


def touch(unit: Unit, document: Document) -> None:
    """Count a change of what the ETag stands for."""
    document.revision += 1
    document.updated_at = unit.now


def facts(version: Row) -> Wire:
    """What events tell of a version."""
    return {
        "number": version["number"],
        "sha256": version["sha256"].hex(),
        "size": version["size"],
        "media_type": version["media_type"],
        "comment": version["comment"],
    }


async def list_versions(
    unit: ReadUnit, document_id: UUID, limit: int, after: str | None
) -> tuple[list[Wire], str | None]:
    """A page of a document's versions, newest first. Raises DocumentNotFound."""
    await require(unit, document_id, trashed=True)
    cursor = paging.decode(after, int)
    rows = list(await queries.versions(unit, document_id, limit, cursor[0] if cursor else None))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.number))
    people = await users.people(unit, {row.author_id for row in kept if row.author_id})
    return [queries.version_wire(row, row.created_at, people) for row in kept], next_


async def digests_after(unit: ReadUnit, document_id: UUID, number: int) -> list[tuple[int, bytes]]:
    """Numbers and digests of the versions after ``number``, the oldest first. Raises DocumentNotFound."""
    document = await require(unit, document_id, trashed=True)
    return [(row.number, row.sha256) for row in await queries.versions_after(unit, document.id, number)]


async def get_version(unit: ReadUnit, document_id: UUID, number: int) -> Wire:
    """One version. Raises DocumentNotFound, VersionNotFound."""
    found = await _version(unit, await require(unit, document_id, trashed=True), number)
    people = await users.people(unit, [found.author_id] if found.author_id else [])
    return queries.version_wire(found, found.created_at, people)


async def _version(unit: ReadUnit, document: Document, number: int) -> Version:
    found = await queries.version(unit, document.id, number)
    if found is None:
        raise VersionNotFound
    return found


async def restore_version(
    unit: Unit, document_id: UUID, number: int, comment: str = "", if_match: str | None = None
) -> Wire:
    """Append a version with the content of an older one, which it names; nothing is copied. Raises as add_version."""
    document = await require(unit, document_id, "editor", lock=True)
    await locks.require_free(unit, document_id)
    check_match(document, if_match)
    old = await _version(unit, document, number)
    about = {name: getattr(old, name) for name in ("sha256", "size", "media_type", "file_name")}
    version = await _append(unit, document, about | {"comment": comment, "restored_from": number})
    told = facts(version) | {"restored_from": number}
    unit.record("version.added", document_id=document.id, name=document.name, **told)
    return await get(unit, document_id)


async def visible_version(unit: ReadUnit, document_id: UUID, number: int | None = None) -> Content:
    """What a download needs, of the head or of one version. Raises DocumentNotFound, VersionNotFound."""
    row = await queries.content(unit, document_id, number)
    if row is None:
        await require(unit, document_id, trashed=True)
        raise VersionNotFound
    key = await storage.key_of(unit, row.sha256)
    if key is None:
        raise storage.BlobMissing
    return Content(key, row.sha256, row.size, row.name, row.number, row.media_type, row.created_at)


def check_match(document: Document, if_match: str | None) -> None:
    if not matches(if_match, f'"{document.revision}"'):
        raise PreconditionFailed("Somebody changed the document in the meantime; look again.")
