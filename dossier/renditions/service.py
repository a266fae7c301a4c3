"""The verbs on renditions: look whether there is one, ask for it, keep it, and let go of those that nothing needs."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from dossier import documents, storage
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.renditions import kinds, queries
from dossier.renditions.models import FAILED, MAKING, PDF, READY, THUMBNAIL, Rendition

AHEAD = timedelta(days=-1)
"""A person waits for a rendition: its job goes before those that nobody waits for."""

STALE = timedelta(minutes=15)
"""After this a job that has not been heard of is asked for again."""

TYPES = {PDF: kinds.PDF, THUMBNAIL: "image/webp"}
NO_PREVIEW = "There is no preview of this type."
NO_OFFICE = "Previews of office files need LibreOffice, which this installation does not have."


@dataclass(frozen=True, slots=True)
class Work:
    """What a job is to make: a rendition of one content, of a media type, and the version that it was asked for."""

    document_id: str
    number: int
    sha256: str
    media_type: str
    make: str

    @classmethod
    def of(cls, document_id: UUID, content: documents.Content, kind: str) -> Self:
        """The work on a version."""
        return cls(str(document_id), content.number, content.sha256.hex(), content.media_type, kind)

    def payload(self) -> dict[str, Any]:
        """As a job carries it."""
        return asdict(self)

    @property
    def source(self) -> bytes:
        """The digest of what it is made of."""
        return bytes.fromhex(self.sha256)


@dataclass(frozen=True, slots=True)
class Look:
    """How a rendition stands: its bytes where it is ready, else why not. ``wanted``: nobody has asked for it yet."""

    state: str
    made: documents.Content | None = None
    reason: str | None = None
    wanted: bool = False


async def look(unit: ReadUnit, content: documents.Content, kind: str) -> Look:
    """How the rendition of a version stands, which the caller has found visible."""
    row = await queries.find(unit, content.sha256, kind)
    if row is None or (row.state == MAKING and row.at < unit.now - STALE):
        return Look(MAKING, wanted=True)
    if row.state != READY or row.blob_sha256 is None:
        return Look(row.state, reason=row.reason)
    blob = await storage.find(unit, row.blob_sha256)
    if blob is None:
        raise storage.BlobMissing
    name = f"{content.name.rpartition('.')[0] or content.name}.{'pdf' if kind == PDF else 'webp'}"
    bytes_ = replace(content, key=blob.key, sha256=blob.sha256, size=blob.size)
    return Look(READY, replace(bytes_, name=name, media_type=TYPES[kind], created_at=row.at))


async def pdf(unit: ReadUnit, content: documents.Content, *, able: bool) -> Look:
    """How the PDF of an office file stands; ``able``: there is a program that makes it."""
    found = await look(unit, content, PDF)
    return found if able or not found.wanted else Look("unavailable", reason=NO_OFFICE)


async def thumbnail(unit: ReadUnit, content: documents.Content) -> Look:
    """How the thumbnail of a version stands; that of an office file is made of its PDF, once that was asked for."""
    if not kinds.may_have_thumbnail(content.media_type):
        return Look("unavailable")
    if content.media_type in kinds.OFFICE:
        page = await look(unit, content, PDF)
        if page.state != READY:
            return Look("unavailable" if page.wanted else page.state)
    return await look(unit, content, THUMBNAIL)


async def preview(unit: ReadUnit, document_id: UUID, number: int, *, able: bool) -> tuple[Wire, Work | None]:
    """How a version is shown, and the work that has to be asked for. Raises DocumentNotFound, VersionNotFound."""
    content = await documents.visible_version(unit, document_id, number)
    kind = kinds.kind_of(content.media_type)
    here = f"/api/v1/documents/{document_id}/versions/{number}"
    if kind == "none":
        return _wire(kind, Look("unavailable", reason=NO_PREVIEW), content, None), None
    if content.media_type not in kinds.OFFICE:
        return _wire(kind, Look(READY), content, f"{here}/content?inline=true"), None
    found = await pdf(unit, content, able=able)
    wire = _wire(kind, found, found.made or content, f"{here}/rendition" if found.made else None)
    return wire, Work.of(document_id, content, PDF) if found.wanted else None


def _wire(kind: str, found: Look, content: documents.Content, url: str | None) -> Wire:
    return {
        "kind": kind,
        "state": found.state,
        "url": url,
        "media_type": content.media_type,
        "size": content.size,
        "reason": found.reason,
        "truncated": kind in ("text", "markdown", "csv") and content.size > kinds.MOST_TEXT,
    }


async def ask(unit: Unit, work: Work) -> None:
    """Promise a rendition; once, however many ask. Raises DocumentNotFound, VersionNotFound."""
    content = await documents.visible_version(unit, UUID(work.document_id), work.number)
    row = await queries.find(unit, content.sha256, work.make, lock=True)
    if row is not None and not (row.state == MAKING and row.at < unit.now - STALE):
        return
    await _put(unit, work, MAKING)
    unit.defer("renditions.make", delay=AHEAD, **work.payload())


async def _put(
    unit: Unit, work: Work, state: str, *, blob_sha256: bytes | None = None, reason: str | None = None
) -> None:
    row = await queries.find(unit, work.source, work.make, lock=True)
    if row is None:
        row = Rendition(workspace_id=unit.workspace_id, source_sha256=work.source, kind=work.make)
        unit.session.add(row)
    row.state, row.blob_sha256, row.reason, row.at = state, blob_sha256, reason and reason[:500], unit.now
    await unit.session.flush()


# What jobs call


async def source(unit: ReadUnit, work: Work) -> tuple[str, str, int] | None:
    """(key, media type, size) of the bytes to work on; None where it is made already, or its source is gone."""
    row = await queries.find(unit, work.source, work.make)
    digest, media_type = work.source, work.media_type
    if work.make == THUMBNAIL and media_type in kinds.OFFICE:
        page = await queries.find(unit, work.source, PDF)
        digest, media_type = (page.blob_sha256 if page else None) or b"", kinds.PDF
    blob = None if row is not None and row.state == READY else await storage.find(unit, digest)
    return None if blob is None else (blob.key, media_type, blob.size)


async def keep(unit: Unit, work: Work, bytes_: storage.Received) -> None:
    """Make these bytes the rendition; nothing where no version has its source any more."""
    if not await documents.used_digests(unit, [work.source]):
        return await forget(unit, [work.source])
    await storage.adopt(unit, bytes_)
    return await _put(unit, work, READY, blob_sha256=bytes_.stored.sha256)


async def fail(unit: Unit, work: Work, reason: str) -> None:
    """Remember why there is none."""
    await _put(unit, work, FAILED, reason=reason)


async def forget(unit: Unit, digests: Collection[bytes]) -> None:
    """Let go of the renditions of those of these contents that no version has, and of their blobs."""
    gone = set(digests) - await documents.used_digests(unit, list(digests))
    rows = await queries.of_sources(unit, gone)
    made = {row.blob_sha256 for row in rows if row.blob_sha256 is not None}
    for row in rows:
        await unit.session.delete(row)
    await unit.session.flush()
    kept = await documents.used_digests(unit, list(made)) | await queries.used_digests(unit, made)
    await storage.forget(unit, made - kept)
