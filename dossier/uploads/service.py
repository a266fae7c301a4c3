"""The verbs on uploads. The bytes come by ``reception.py``, outside of any Unit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from dossier import documents, folders, storage, users
from dossier.core import paging
from dossier.core.actor import Actor, NotAllowed
from dossier.core.errors import DossierError, Invalid
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.uploads import queries, targets
from dossier.uploads.errors import (
    ChecksumMismatch,
    TooManyUploads,
    UploadExpired,
    UploadIncomplete,
    UploadLengthMismatch,
    UploadNotFound,
)
from dossier.uploads.metadata import names_of
from dossier.uploads.models import Upload
from dossier.uploads.schemas import Finish, Metadata

MOST_OPEN = 1000


@dataclass(frozen=True, slots=True)
class Promise:
    """What is to come: ``size`` bytes, or at most so many while it is ``deferred``; ``concat`` and ``direct`` as the row has
    them."""

    size: int
    deferred: bool = False
    concat: str | None = None
    direct: bool = False


async def create(unit: Unit, told: Metadata, sent: str, promise: Promise, lasts: timedelta) -> Wire:
    """Promise to take bytes; refuses at once what cannot end well.

    Raises NotAllowed, FolderNotFound, DocumentNotFound, DocumentTrashed, DocumentLocked, NameTaken, BadName, NameMissing,
    Invalid, PreconditionFailed, TooManyUploads.
    """
    if unit.actor.member_id is None:
        raise NotAllowed("Only members upload.")
    if await queries.count(unit) >= MOST_OPEN:
        raise TooManyUploads(f"You have {MOST_OPEN} open uploads; finish or delete some.")
    upload = Upload(id=new_id(), workspace_id=unit.workspace_id, member_id=unit.actor.member_id, sent=sent)
    upload.size, upload.deferred, upload.concat = promise.size, promise.deferred, promise.concat
    upload.direct, upload.promised = promise.direct, bytes.fromhex(told.sha256) or None
    upload.comment, upload.on_conflict, upload.path = told.comment, told.on_conflict, "/".join(names_of(told.path))
    if upload.is_part:
        upload.name, upload.path = "", ""
    else:
        await _aim(unit, upload, told)
    upload.state, upload.received = "receiving", 0
    upload.created_at, upload.expires_at = unit.now, unit.now + lasts
    upload.key = await storage.hold(unit)
    unit.session.add(upload)
    return wire(upload)


async def _aim(unit: Unit, upload: Upload, told: Metadata) -> None:
    upload.document_id, upload.if_match = told.document_id, _etag(told)
    upload.folder_id = None if told.document_id else told.folder_id or (await folders.root(unit)).id
    upload.name = await _name(unit, told)
    await targets.check(unit, upload)


async def joined(unit: ReadUnit, concat: str, ids: Sequence[UUID], limit: int) -> Promise:
    """The promise of a file that is put together of parts. Raises as ``parts``, and BodyTooLarge."""
    size = sum(part.size for part in await parts(unit, ids))
    if size > limit:
        raise storage.BodyTooLarge(f"A file here has at most {limit} bytes.", limit=limit)
    return Promise(size, concat=concat)


async def parts(unit: ReadUnit, ids: Sequence[UUID]) -> list[Upload]:
    """One's own uploads, each a part that is whole. Raises UploadNotFound, UploadExpired, UploadIncomplete."""
    found = [await get(unit, id_) for id_ in ids]
    if not all(part.is_whole for part in found):
        raise UploadIncomplete("Not all of these are parts whose bytes are all here.")
    return found


async def tell_length(unit: Unit, upload_id: UUID, size: int, limit: int) -> Upload:
    """How many bytes it has after all. Raises UploadNotFound, BodyTooLarge, UploadLengthMismatch."""
    upload = await _locked(unit, upload_id)
    if not upload.deferred:
        if size != upload.size:
            raise UploadLengthMismatch(f"It has {upload.size} bytes.")
        return upload
    if size > limit:
        raise storage.BodyTooLarge(f"A file here has at most {limit} bytes.", limit=limit)
    if size < upload.received:
        raise UploadLengthMismatch(f"{upload.received} bytes are here already.")
    upload.size, upload.deferred = size, False
    upload.received = min(upload.received, upload.most)
    return upload


def _etag(told: Metadata) -> str | None:
    if told.if_match and told.document_id is None:
        raise Invalid(fields={"if_match": "Only with document_id."})
    quoted = told.if_match.startswith(('"', "W/")) or told.if_match in ("", "*")
    return (told.if_match if quoted else f'"{told.if_match}"') or None


async def _name(unit: ReadUnit, told: Metadata) -> str:
    if told.filename:
        return folders.upload_name(told.filename)
    if told.document_id is None:
        raise documents.NameMissing(fields={"filename": "Give the file's name."})
    name: str = (await documents.get(unit, told.document_id))["name"]
    return name


def wire(upload: Upload) -> Wire:
    """An upload as it goes out."""
    made = None if upload.made_id is None else {"id": upload.made_id, "version": upload.made_number}
    return {
        "id": upload.id,
        "name": upload.name,
        "folder_id": upload.folder_id,
        "document_id": upload.document_id,
        "path": upload.path,
        "comment": upload.comment,
        "on_conflict": upload.on_conflict,
        "size": None if upload.deferred else upload.size,
        "offset": upload.received,
        "part": upload.is_part,
        "direct": upload.direct,
        "state": upload.state,
        "problem": upload.problem,
        "document": made,
        "created_at": upload.created_at,
        "expires_at": upload.expires_at,
    }


async def get(unit: ReadUnit, upload_id: UUID) -> Upload:
    """One's own upload. Raises UploadNotFound, UploadExpired."""
    upload = await queries.find(unit, upload_id)
    if upload is None:
        raise UploadNotFound
    if upload.expires_at <= unit.now:
        raise UploadExpired
    return upload


async def open_(unit: ReadUnit, upload_id: UUID) -> Upload:
    """One's own upload to go on with. Raises UploadNotFound, UploadExpired, and 404 or 403 where the right is lost."""
    upload = await get(unit, upload_id)
    await targets.check_right(unit, upload)
    return upload


async def list_(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of one's own uploads that are not ended, oldest first."""
    cursor = paging.decode(after, UUID)
    rows = list(await queries.list_(unit, limit, cursor[0] if cursor else None))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.id))
    return [wire(row) for row in kept], next_


async def _locked(unit: Unit, upload_id: UUID) -> Upload:
    upload = await queries.find(unit, upload_id, lock=True)
    if upload is None:
        raise UploadNotFound
    return upload


async def note(unit: Unit, upload_id: UUID, received: int, lasts: timedelta) -> Upload:
    """Write down how much is durable, and give it new time. Raises UploadNotFound."""
    upload = await _locked(unit, upload_id)
    if upload.state == "receiving":
        upload.received = min(received, upload.most)
        upload.expires_at = unit.now + lasts
    return upload


async def finish(unit: Unit, upload_id: UUID, bytes_: storage.Received, answer: Finish | None = None) -> Upload:
    """Make the document or version of the bytes; nothing more happens to an upload that has ended.

    Raises UploadNotFound, ChecksumMismatch where they are not what was promised, and what ``targets.make`` raises.
    """
    upload = await _locked(unit, upload_id)
    if upload.state == "done":
        return upload
    if upload.promised not in (None, bytes_.stored.sha256):
        raise ChecksumMismatch("The file has another SHA-256 than was promised.")
    _answer(upload, answer or Finish())
    document = await targets.make(unit, upload, bytes_)
    upload.state, upload.problem, upload.sha256 = "done", None, bytes_.stored.sha256
    upload.received, upload.made_id, upload.made_number = upload.size, document["id"], document["version"]["number"]
    await storage.let_go(unit, [upload.key])
    return upload


async def hash_later(unit: Unit, upload_id: UUID, answer: Finish | None = None) -> Upload:
    """Leave the end to a job that reads the bytes first; one that has been left to it already only takes the answer.

    Raises UploadNotFound, and 404 or 403 where the right is lost.
    """
    upload = await _locked(unit, upload_id)
    if upload.state == "done":
        return upload
    before = (upload.state, *_place(upload))
    _answer(upload, answer or Finish())
    await targets.check_right(unit, upload)  # others see it from now on
    await targets.settle(unit, upload)
    if upload.state != "hashing":
        upload.state, upload.problem, upload.received = "hashing", None, upload.most
        unit.defer("uploads.hash", upload=str(upload_id))
    if before != (upload.state, *_place(upload)):
        await targets.announce(unit, upload)
    return upload


def _place(upload: Upload) -> tuple[object, ...]:
    return upload.folder_id, upload.document_id, upload.path, upload.name


async def hashing(unit: ReadUnit, upload_id: UUID) -> tuple[Upload, Actor | None] | None:
    """An upload that waits for its digest, with who sends it unless they have left; None where it has ended."""
    upload = await queries.anybodys(unit, upload_id)
    if upload is None or upload.state != "hashing":
        return None
    return upload, await users.actor_of(unit, upload.member_id)


async def disown(unit: Unit, upload_id: UUID) -> None:
    """Refuse the end of an upload whose sender has left; it expires like any other, or they come back and answer."""
    upload = await queries.anybodys(unit, upload_id, lock=True)
    if upload is not None and upload.state == "hashing":
        upload.state, upload.problem = "refused", _problem(NotAllowed("Whoever sent it was no member any more."))


def check_answer(answer: Finish) -> None:
    """Refuse an answer that is none, before it is tried. Raises Invalid, BadName."""
    if answer.folder_id and answer.document_id:
        raise Invalid(fields={"folder_id": "Either a folder or a document."})
    if answer.name is not None:
        folders.upload_name(answer.name)


def _answer(upload: Upload, answer: Finish) -> None:
    if answer.folder_id:
        upload.folder_id, upload.document_id, upload.path = answer.folder_id, None, ""
    if answer.document_id:
        upload.folder_id, upload.document_id = None, answer.document_id
    if answer.folder_id or answer.document_id:
        upload.if_match = None
    if answer.name is not None:
        upload.name = folders.upload_name(answer.name)
    upload.comment = upload.comment if answer.comment is None else answer.comment
    upload.on_conflict = answer.on_conflict or upload.on_conflict


async def refuse(unit: Unit, upload_id: UUID, error: DossierError, sha256: bytes, lasts: timedelta) -> None:
    """Keep why the end was refused; the bytes stay for another answer. Nothing happens where it has ended or gone."""
    upload = await queries.find(unit, upload_id, lock=True)
    if upload is not None and upload.state != "done":
        upload.state, upload.sha256, upload.received = "refused", sha256, upload.most
        upload.problem = _problem(error)
        upload.expires_at = unit.now + lasts


def _problem(error: DossierError) -> Wire:
    return {"code": error.code, "title": error.title, "detail": error.detail}


def require_whole(upload: Upload) -> None:
    """Refuse (409) where bytes are still to come here."""
    if upload.direct:
        return
    if upload.is_part or (upload.state == "receiving" and upload.received < upload.size):
        raise UploadIncomplete(f"{upload.received} of {upload.size} bytes are here.")


async def remove(unit: Unit, upload_id: UUID) -> str | None:
    """Forget an upload; the key of bytes that nobody will want, if any. What it became stays. Raises UploadNotFound."""
    upload = await _locked(unit, upload_id)
    return next(iter(await _end(unit, [upload])), None)


async def forget_expired(unit: Unit, limit: int) -> tuple[int, list[str]]:
    """Forget expired uploads of the workspace: how many (at most ``limit``), and the keys of bytes that nobody will want."""
    found = await queries.expired(unit, limit)
    return len(found), await _end(unit, list(found))


async def _end(unit: Unit, uploads: list[Upload]) -> list[str]:
    keys = [upload.key for upload in uploads if upload.state != "done"]
    for upload in uploads:
        await unit.session.delete(upload)
    await storage.let_go(unit, keys)
    return keys
