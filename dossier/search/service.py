"""The verbs of search: put a document into the index with what is known of it now."""

import asyncio
from uuid import UUID

from dossier import documents
from dossier.core.units import ReadUnit, Unit
from dossier.search import queries, tokens
from dossier.search.models import ContentText, IndexRow


async def tokens_of(unit: ReadUnit, document_id: UUID) -> str:
    """A document's token string: name, tags, description, and the text of its head where it was read.

    Raises DocumentNotFound.
    """
    document = await documents.get(unit, document_id)
    head = bytes.fromhex(document["version"]["sha256"])
    text = await queries.text_of(unit, head) or ""
    parts = [document["name"], " ".join(document["tags"]), document["description"], text]
    return await asyncio.to_thread(tokens.index_string, unit.workspace_id, *parts)


async def put(unit: Unit, document_id: UUID, index_string: str) -> None:
    """Make this the document's place in the index; it counts as the newest."""
    row = await queries.row_of(unit, document_id)
    if row is not None and row.tokens == index_string:
        return
    if row is not None:
        await unit.session.delete(row)
        await unit.session.flush()
    unit.session.add(IndexRow(document_id=document_id, workspace_id=unit.workspace_id, tokens=index_string))


async def keep_text(unit: Unit, sha256: bytes, text: str) -> None:
    """Remember the text of a content."""
    await unit.session.merge(ContentText(workspace_id=unit.workspace_id, sha256=sha256, text=text))
