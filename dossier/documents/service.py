"""The verbs on documents. Adding, versions, locks and the trash have rooms of their own beside this file."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete

from dossier import folders
from dossier.core import paging
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents import locks, queries
from dossier.documents.models import Document, Tag
from dossier.documents.schemas import DocumentChange
from dossier.documents.statements import Filters
from dossier.documents.versions import check_match, get, require, touch

Match = Callable[[ReadUnit, str, int | None, int], Awaitable[Sequence[tuple[int, UUID]]]]
HITS_A_ROUND, MOST_ROUNDS = 200, 5


async def list_(
    unit: ReadUnit, filters: Filters, sort: str, limit: int, after: str | None
) -> tuple[list[Wire], str | None]:
    """A page of visible documents. Raises FolderNotFound, BadCursor."""
    if filters.folder_id is not None:
        await folders.check(unit, filters.folder_id, trashed=filters.trashed)
    by_name = sort.endswith("name")
    rows = await queries.page(
        unit, filters, sort, limit, paging.decode(after, bytes if by_name else paging.Moment, UUID)
    )
    kept, next_ = paging.page(
        rows, limit, lambda row: paging.encode(row.name_key if by_name else row.updated_at, row.id)
    )
    return await queries.wires(unit, kept), next_


async def search(
    unit: ReadUnit, match: Match, q: str, filters: Filters, limit: int, after: str | None
) -> tuple[list[Wire], str | None]:
    """A page of visible documents that match ``q``, the last indexed first. A page may be short and still have a next."""
    cursor = paging.decode(after, int)
    before = cursor[0] if cursor else None
    rows: list[Any] = []
    for _ in range(MOST_ROUNDS):
        hits = await match(unit, q, before, HITS_A_ROUND)
        for start in range(0, len(hits), limit):  # a page at a time: mostly all of the first may be seen
            found = await queries.by_ids(unit, [id_ for _, id_ in hits[start : start + limit]], filters)
            rows += found[: limit - len(rows)]
            if len(rows) == limit:
                last = rows[-1].id
                position = next(number for number, id_ in hits if id_ == last)
                more = position != hits[-1][0] or len(hits) == HITS_A_ROUND
                return await queries.wires(unit, rows), paging.encode(position) if more else None
        if len(hits) < HITS_A_ROUND:
            return await queries.wires(unit, rows), None
        before = hits[-1][0]
    return await queries.wires(unit, rows), paging.encode(before)


async def check_addable(unit: ReadUnit, folder_id: UUID | None) -> None:
    """Before bytes are received: refuse who may not add to the folder (the root without one)."""
    await folders.require(unit, folder_id or (await folders.root(unit)).id, "editor")


async def check_writable(unit: ReadUnit, document_id: UUID, if_match: str | None = None) -> None:
    """Before bytes are received: refuse who may not add a version. Raises as ``add_version``."""
    check_match(await require(unit, document_id, "editor"), if_match)
    await locks.require_free(unit, document_id)


async def update(unit: Unit, document_id: UUID, change: DocumentChange, if_match: str | None = None) -> Wire:
    """Rename, move, tag, describe. Raises 404, 403, PreconditionFailed, NameTaken, BadName, DocumentLocked."""
    document = await require(unit, document_id, "editor", lock=True)
    check_match(document, if_match)
    changed = await _place(unit, document, change)
    if change.description is not None and change.description != document.description:
        document.description = change.description
        changed.append("description")
    if change.tags is not None and await _retag(unit, document.id, change.tags):
        changed.append("tags")
    if changed:
        touch(unit, document)
        unit.record("document.updated", document_id=document.id, name=document.name, changed=changed)
    await unit.session.flush()
    return await get(unit, document_id)


async def _place(unit: Unit, document: Document, change: DocumentChange) -> list[str]:
    name = document.name if change.name is None else folders.clean_name(change.name)
    target = change.folder_id or document.folder_id
    if (name, target) == (document.name, document.folder_id):
        return []
    await locks.require_free(unit, document.id)
    folder = await folders.require(unit, target, "editor")
    changed = [
        what for what, differs in (("name", name != document.name), ("folder", target != document.folder_id)) if differs
    ]
    unit.record(
        "document.moved" if "folder" in changed else "document.renamed",
        document_id=document.id,
        folder_id=target,
        name=name,
        previous={"name": document.name, "folder_id": str(document.folder_id)},
    )
    await folders.release(unit, document.id)
    document.name = await folders.claim(unit, target, name, "document", document.id)
    document.name_key = folders.name_key(name)
    document.folder_id, document.scope_id = folder.id, folder.scope_id
    return changed


async def _retag(unit: Unit, document_id: UUID, tags: Sequence[str]) -> bool:
    wanted = {folders.name_key(tag): tag for tag in tags}
    before = (await queries.tags_of(unit, [document_id])).get(document_id, [])
    if sorted(before) == sorted(wanted.values()):
        return False
    await unit.session.execute(delete(Tag).where(Tag.document_id == document_id))
    for key, tag in wanted.items():
        unit.session.add(Tag(document_id=document_id, tag_key=key, workspace_id=unit.workspace_id, tag=tag))
    return True


async def adjust_open_tasks(unit: Unit, document_id: UUID, change: int) -> None:
    """Count open tasks up or down; called by the tasks room only, which has locked the document."""
    document = await unit.session.get_one(Document, document_id)
    document.open_tasks += change
