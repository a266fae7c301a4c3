"""Every SELECT on downloads. What the actor may see is decided by the folders' and documents' rooms, inside their SQL."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select

from dossier import documents, folders, storage
from dossier.core.ids import digest
from dossier.core.units import ReadUnit
from dossier.downloads.models import Ticket

FOLDERS_A_TIME, PAGE = 200, 1000
Content = tuple[Row[Any], str, int | None]
"""A document's head, and its blob's key and CRC-32."""


@dataclass(frozen=True, slots=True)
class Place:
    """A folder of a tree."""

    id: UUID
    parent_id: UUID | None
    name: str
    updated_at: datetime


async def ticket(unit: ReadUnit, secret: str) -> Ticket | None:
    """The ticket with this secret, of whatever workspace, if it is still good."""
    query = select(Ticket).where(Ticket.secret_hash == digest(secret), Ticket.expires_at > unit.now)
    return await unit.session.scalar(query)


async def tree(unit: ReadUnit, folder_id: UUID) -> dict[UUID, Place]:
    """A living folder and those below it that the actor may see, parents before children; empty if it is hidden itself.

    Below a hidden folder nothing is taken: a path through it would tell its name.
    """
    known = await folders.roles(unit)
    seen: dict[UUID, Place] = {}
    for folder in await folders.subtree(unit, folder_id):
        if folder.scope_id in known and (folder.id == folder_id or folder.parent_id in seen):
            seen[folder.id] = Place(folder.id, folder.parent_id, folder.name, folder.updated_at)
    return seen


async def contents(unit: ReadUnit, folder_ids: Sequence[UUID]) -> AsyncIterator[Content]:
    """The living documents directly in these folders, by folder and name.

    A page of 1,000 documents takes at most three statements.
    """
    for start in range(0, len(folder_ids), FOLDERS_A_TIME):
        some = folder_ids[start : start + FOLDERS_A_TIME]
        rows = await documents.heads_in(unit, some, PAGE)
        while rows:
            for content in await located(unit, rows):
                yield content
            after = rows[-1].folder_id, rows[-1].name_key, rows[-1].id
            rows = await documents.heads_in(unit, some, PAGE, after)


async def located(unit: ReadUnit, rows: Sequence[Row[Any]]) -> list[Content]:
    """Heads with what is known of their blobs. Raises BlobMissing where a head's blob has no row."""
    keys = await storage.keys_of(unit, {row.sha256 for row in rows})
    try:
        return [(row, *keys[row.sha256]) for row in rows]
    except KeyError as error:
        raise storage.BlobMissing from error
