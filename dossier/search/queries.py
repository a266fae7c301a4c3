"""Every SELECT on the search index."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text

from dossier.core.units import ReadUnit
from dossier.search import tokens
from dossier.search.models import ContentText, IndexRow

SQLITE = """SELECT s.id, s.document_id FROM search_fts CROSS JOIN search_documents AS s ON s.id = search_fts.rowid
WHERE search_fts MATCH :match AND search_fts.rowid < :before AND s.workspace_id = :workspace
ORDER BY search_fts.rowid DESC LIMIT :limit"""
MYSQL = """SELECT s.id, s.document_id FROM search_documents AS s
WHERE MATCH (s.tokens) AGAINST (:match IN BOOLEAN MODE) AND s.id < :before AND s.workspace_id = :workspace
ORDER BY s.id DESC LIMIT :limit"""


async def match(unit: ReadUnit, q: str, before: int | None, limit: int) -> Sequence[tuple[int, UUID]]:
    """(index id, document id) of the workspace's documents with all words of ``q``, the last indexed first.

    Says nothing about who may see them: the caller filters.
    """
    return await hits(unit, q, before, limit, sqlite=SQLITE, mysql=MYSQL)


async def hits(
    unit: ReadUnit, q: str, before: int | None, limit: int, *, sqlite: str, mysql: str
) -> Sequence[tuple[int, UUID]]:
    """(index id, id) of what an index knows with all words of ``q``, by a statement as ``SQLITE`` and one as ``MYSQL``."""
    terms = tokens.query_terms(unit.workspace_id, q)
    if not terms:
        return []
    is_sqlite = unit.session.get_bind().dialect.name == "sqlite"
    values: dict[str, Any] = {
        "match": tokens.fts5_query(terms) if is_sqlite else tokens.mysql_query(terms),
        "before": before if before is not None else 2**62,
        "workspace": unit.workspace_id.bytes,
        "limit": limit,
    }
    rows = await unit.session.execute(text(sqlite if is_sqlite else mysql), values)
    return [(row[0], UUID(bytes=row[1])) for row in rows]


async def row_of(unit: ReadUnit, document_id: UUID) -> IndexRow | None:
    """A document's row in the index."""
    query = select(IndexRow).where(IndexRow.document_id == document_id, IndexRow.workspace_id == unit.workspace_id)
    return (await unit.session.execute(query)).scalar_one_or_none()


async def beginnings_of(unit: ReadUnit, digests: Collection[bytes], length: int) -> dict[str, str]:
    """How the texts of these contents begin, by the digest in hex; those that were not read are left out."""
    query = select(ContentText.sha256, func.substr(ContentText.text, 1, length))
    query = query.where(ContentText.workspace_id == unit.workspace_id, ContentText.sha256.in_(digests))
    return {row[0].hex(): row[1] for row in await unit.session.execute(query)}


async def text_of(unit: ReadUnit, sha256: bytes) -> str | None:
    """The text of a content, or None if it was not read."""
    row = await unit.session.get(ContentText, (unit.workspace_id, sha256))
    return None if row is None else row.text
