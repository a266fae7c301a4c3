"""The one SELECT of an import: what lies in a folder of Dossier, by name."""

from uuid import UUID

from sqlalchemy import and_, false, select

from dossier.core.units import ReadUnit
from dossier.documents.models import Document, Version
from dossier.folders.models import Folder
from dossier.transfer.trees.slots import Place


async def places(unit: ReadUnit, folder_id: UUID) -> dict[bytes, Place]:
    """The living folders and documents directly in a folder by ``name_key``, the latter with their heads' digests."""
    inside = select(Folder.name_key, Folder.id, Folder.name).where(
        Folder.parent_id == folder_id, Folder.trashed_at.is_(None)
    )
    found = {key: Place("folder", id_, name) for key, id_, name in await unit.session.execute(inside)}
    head = and_(Version.document_id == Document.id, Version.number == Document.head_number)
    documents = select(Document.name_key, Document.id, Document.name, Version.sha256, Version.size).join(Version, head)
    documents = documents.where(Document.folder_id == folder_id, Document.trashed == false())
    for key, id_, name, sha256, size in await unit.session.execute(documents):
        found[key] = Place("document", id_, name, sha256, size)
    return found
