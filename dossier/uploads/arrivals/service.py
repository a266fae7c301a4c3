"""What is about to be there. Unlike the upload that it comes by, whoever may see the place may know of it."""

from uuid import UUID

from dossier import documents, folders, users
from dossier.core import paging
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.uploads import queries
from dossier.uploads.models import Upload


async def page(
    unit: ReadUnit, limit: int, after: str | None, folder_id: UUID | None = None, document_id: UUID | None = None
) -> tuple[list[Wire], str | None]:
    """A page of what is about to be there where the actor may look; in one folder, or as versions of one document.

    Raises FolderNotFound, DocumentNotFound, BadCursor.
    """
    if folder_id is not None:
        await folders.check(unit, folder_id)
    if document_id is not None:
        await documents.require(unit, document_id)
    cursor = paging.decode(after, UUID)
    rows = list(await queries.arriving(unit, limit, cursor[0] if cursor else None, folder_id, document_id))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.id))
    people = await users.people(unit, {row.member_id for row in kept}) if kept else {}
    return [_wire(row, people[row.member_id]) for row in kept], next_


def _wire(upload: Upload, author: Wire) -> Wire:
    return {
        "id": upload.id,
        "name": upload.name,
        "path": upload.path,
        "folder_id": upload.folder_id,
        "document_id": upload.document_id,
        "size": upload.size,
        "state": upload.state,
        "author": author,
        "created_at": upload.created_at,
    }
