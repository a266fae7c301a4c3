"""Every SELECT on documents and versions. What the actor may see is decided here, inside the SQL.

Inside one folder visibility is one condition (its scope, checked by the caller). Across folders a list is a UNION ALL of one
keyset page per visible scope, since an ``IN`` with ORDER BY would sort the whole set.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, and_, bindparam, false, literal, select, true

from dossier import folders, users
from dossier.core import paging
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.documents import statements
from dossier.documents.models import Document, Lock, Version
from dossier.documents.statements import Filters


async def workspace_of(unit: ReadUnit, id_: UUID) -> UUID | None:
    """The workspace of a document, whoever asks; only to find out which membership the request is about."""
    return await unit.session.scalar(select(Document.workspace_id).where(Document.id == id_))


async def find(unit: ReadUnit, document_id: UUID) -> Row[Any] | None:
    """A visible document, living or trashed, with its head."""
    values = await folders.seen_values(unit) | {"id": document_id, "now": unit.now}
    return await statements.ONE.one(unit, values)


async def find_model(unit: ReadUnit, document_id: UUID, *, lock: bool = False) -> tuple[Document, UUID] | None:
    """A visible document's own row, and its folder's scope; locked for a change with ``lock``."""
    values = await folders.seen_values(unit) | {"id": document_id}
    row = (await unit.session.execute(_LOCKED if lock else _MODEL, values)).one_or_none()
    return None if row is None else (row[0], row[1])


_MODEL = select(Document, folders.scope_of(Document.folder_id)).where(
    Document.id == bindparam("id"),
    Document.workspace_id == bindparam("workspace"),
    folders.seen(Document.folder_id),
)
_LOCKED = _MODEL.with_for_update().execution_options(populate_existing=True)


async def by_ids(unit: ReadUnit, ids: Sequence[UUID], filters: Filters) -> list[Row[Any]]:
    """The visible ones among ``ids`` that pass the filters, in the order of ``ids``."""
    if not ids:
        return []
    # Neither workspace nor folder is a condition, or SQLite would walk all that lies in them instead: what the actor may see
    # names the workspace, and the folder is compared here.
    values = await folders.seen_values(unit) | filters.values | {"ids": list(ids), "now": unit.now}
    rows = {row.id: row for row in await statements.those(filters.shape).rows(unit, values)}
    found = [rows[id_] for id_ in ids if id_ in rows]
    return [row for row in found if filters.folder_id in (None, row.folder_id)]


async def page(
    unit: ReadUnit, filters: Filters, sort: str, limit: int, after: tuple[Any, UUID] | None
) -> list[Row[Any]]:
    """``limit + 1`` visible documents from the one after ``after`` on."""
    values = filters.values | {"now": unit.now, "limit": limit + 1}
    if after is not None:
        values |= {"after_key": after[0], "after_id": after[1]}
    if filters.folder_id is not None:
        values |= {"folder": filters.folder_id, "workspace": unit.workspace_id}
        query = statements.in_folder(filters.shape, sort, after is not None)
    else:
        values |= await folders.seen_values(unit)
        scopes = {f"scope_{number}": scope for number, scope in enumerate(values["scopes"])}
        if not scopes:
            return []
        values |= scopes
        query = statements.everywhere(filters.shape, sort, after is not None, len(scopes))
    return await query.rows(unit, values)


async def versions(unit: ReadUnit, document_id: UUID, limit: int, before: int | None) -> Sequence[Version]:
    """``limit + 1`` versions, newest first, from the one below ``before``."""
    query = select(Version).where(Version.document_id == document_id)
    if before is not None:
        query = query.where(Version.number < before)
    return (await unit.session.execute(query.order_by(Version.number.desc()).limit(limit + 1))).scalars().all()


async def versions_after(unit: ReadUnit, document_id: UUID, number: int) -> Sequence[Version]:
    """The versions after ``number``, the oldest first."""
    newer = select(Version).where(Version.document_id == document_id, Version.number > number)
    return (await unit.session.execute(newer.order_by(Version.number))).scalars().all()


async def version(unit: ReadUnit, document_id: UUID, number: int) -> Version | None:
    """One version of a document that the caller has found visible."""
    return await unit.session.get(Version, (document_id, number))


async def content(unit: ReadUnit, document_id: UUID, number: int | None) -> Row[Any] | None:
    """What a download needs of a visible document's version (the head without ``number``)."""
    wanted = Document.head_number if number is None else literal(number)
    columns: tuple[Any, ...] = (
        Document.name,
        Version.number,
        Version.media_type,
        Version.created_at,
        Version.sha256,
        Version.size,
    )
    query = (
        select(*columns)
        .join(Version, and_(Version.document_id == Document.id, Version.number == wanted))
        .where(
            Document.id == document_id,
            Document.workspace_id == unit.workspace_id,
            await folders.visible(unit, Document.folder_id),
        )
    )
    row: Row[Any] | None = (await unit.session.execute(query)).one_or_none()
    return row


async def lock_of(unit: ReadUnit, document_id: UUID) -> Lock | None:
    """The lock's row, living or run out."""
    query = select(Lock).where(Lock.document_id == document_id)
    return (await unit.session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()


async def locked(unit: ReadUnit, ids: Sequence[UUID]) -> list[UUID]:
    """Those of ``ids`` that have a lock's row, living or run out."""
    found: list[UUID] = []
    for start in range(0, len(ids), 500):
        query = select(Lock.document_id).where(Lock.document_id.in_(ids[start : start + 500]))
        found += (await unit.session.execute(query)).scalars()
    return found


async def tags_of(unit: ReadUnit, ids: Sequence[UUID]) -> dict[UUID, list[str]]:
    """The tags of many documents, by name."""
    found: dict[UUID, list[str]] = {}
    for document_id, tag in await statements.TAGS.rows(unit, {"ids": list(ids)}):
        found.setdefault(document_id, []).append(tag)
    return found


async def readable(unit: ReadUnit, document_id: Any) -> ColumnElement[bool]:
    """The condition that the document in column ``document_id`` is living and visible; for the rooms above."""
    return await folders.visible(unit, _folder_of(document_id, Document.trashed == false()))


def read_by(document_id: Any) -> ColumnElement[bool]:
    """``readable`` for a statement that is made once, with the values of ``folders.seen_values``."""
    return folders.seen(_folder_of(document_id, Document.trashed == false()))


async def authors_before(unit: ReadUnit, document_id: UUID, number: int) -> set[UUID]:
    """The members who made the document and its version before ``number``, whoever asks; for the rooms above."""
    before = and_(Version.document_id == Document.id, Version.number == number - 1)
    query = select(Document.created_by, Version.author_id).outerjoin(Version, before)
    query = query.where(Document.id == document_id, Document.workspace_id == unit.workspace_id)
    return {id_ for row in await unit.session.execute(query) for id_ in row if id_ is not None}


def folder_of(document_id: Any) -> Any:
    """The folder of the document in column ``document_id``, trashed or not, as a scalar sub-query."""
    return _folder_of(document_id)


def _folder_of(document_id: Any, *conditions: ColumnElement[bool]) -> Any:
    query = select(Document.folder_id).where(Document.id == document_id, *conditions)
    # Named, since SQLAlchemy by itself correlates only with the select just around it, and this one lies deeper.
    return query.correlate_except(Document).scalar_subquery()


async def briefs(unit: ReadUnit, ids: Iterable[UUID]) -> dict[UUID, Wire]:
    """{id, name, folder_id, head} of visible documents, for what hangs on them."""
    wanted = list(set(ids))
    rows = await statements.BRIEFS.rows(unit, await folders.seen_values(unit) | {"ids": wanted}) if wanted else []
    return {
        row.id: {"id": row.id, "name": row.name, "folder_id": row.folder_id, "head": row.head_number} for row in rows
    }


async def in_folders(unit: ReadUnit, ids: Sequence[UUID], *, trashed: bool = False) -> list[Document]:
    """All documents lying in these folders, seen or not; for work on whole trees."""
    found: list[Document] = []
    for start in range(0, len(ids), 500):
        query = select(Document).where(Document.folder_id.in_(ids[start : start + 500]), Document.trashed == trashed)
        found += (await unit.session.execute(query.order_by(Document.name_key))).scalars()
    return found


def _heads(seen: ColumnElement[bool]) -> Select[Any]:
    columns: tuple[Any, ...] = (Document.id, Document.name, Document.name_key, Document.folder_id, Document.head_number)
    head = and_(Version.document_id == Document.id, Version.number == Document.head_number)
    query: Select[Any] = select(*columns, Version.sha256, Version.size, Version.created_at).join(Version, head)
    return query.where(Document.trashed == false(), seen)  # which names the workspace


async def heads_of(unit: ReadUnit, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    """The visible living ones among ``ids``: (id, name, name_key, folder_id, head_number), and of the head (sha256, size,
    created_at)."""
    query = _heads(await folders.visible(unit, Document.folder_id))
    rows: Sequence[Row[Any]] = (await unit.session.execute(query.where(Document.id.in_(ids)))).all()
    return rows


async def heads_in(
    unit: ReadUnit, folder_ids: Sequence[UUID], limit: int, after: tuple[UUID, bytes, UUID] | None = None
) -> Sequence[Row[Any]]:
    """A page of what lies directly in these folders, with the columns of ``heads_of``, by folder, name_key and id."""
    query = _heads(await folders.visible(unit, Document.folder_id))
    query = query.order_by(Document.folder_id, Document.name_key, Document.id)
    rows: list[Row[Any]] = []
    if after is not None:
        # The folder under way has a statement of its own: in one with the others, each page would pass over its start.
        further = paging.beyond((Document.name_key, Document.id), after[1:])
        rest = query.where(Document.folder_id == after[0], further)
        rows += await unit.session.execute(rest.limit(limit))
    others = [id_ for id_ in folder_ids if after is None or id_ > after[0]]
    if others and len(rows) < limit:
        rows += await unit.session.execute(query.where(Document.folder_id.in_(others)).limit(limit - len(rows)))
    return rows


async def expired(unit: ReadUnit, before: datetime, limit: int) -> Sequence[Document]:
    """Documents of the workspace that came into the trash before ``before``."""
    query = select(Document).where(
        Document.workspace_id == unit.workspace_id, Document.trashed == true(), Document.trashed_at < before
    )
    return (await unit.session.execute(query.order_by(Document.trashed_at).limit(limit))).scalars().all()


async def misplaced(unit: ReadUnit, limit: int) -> Sequence[Document]:
    """Documents whose repeated scope is not their folder's (after a folder was moved or restricted)."""
    scope = folders.scope_of(Document.folder_id)
    query = select(Document).where(Document.workspace_id == unit.workspace_id, Document.scope_id != scope)
    return (await unit.session.execute(query.limit(limit))).scalars().all()


async def used_digests(unit: ReadUnit, digests: Sequence[bytes]) -> set[bytes]:
    """Those of ``digests`` that a version of the workspace still has."""
    query = select(Version.sha256).where(Version.workspace_id == unit.workspace_id, Version.sha256.in_(digests))
    return set((await unit.session.execute(query.distinct())).scalars())


# Wire shapes


async def wires(unit: ReadUnit, rows: Sequence[Row[Any]]) -> list[Wire]:
    """Rows of ``COLUMNS`` as they go out; two more statements for tags and people, however many rows."""
    tags = await tags_of(unit, [row.id for row in rows]) if rows else {}
    people = await users.people(unit, {id_ for row in rows for id_ in (row.author_id, row.holder_id) if id_})
    return [_wire(row, tags.get(row.id, []), people) for row in rows]


def _wire(row: Row[Any], tags: list[str], people: dict[UUID, Wire]) -> Wire:
    lock = None
    if row.holder_id is not None:
        lock = {"holder": people[row.holder_id], "acquired_at": row.acquired_at, "expires_at": row.expires_at}
    return {
        "id": row.id,
        "name": row.name,
        "folder_id": row.folder_id,
        "description": row.description,
        "tags": tags,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "trashed_at": row.trashed_at,
        "etag": str(row.revision),
        "lock": lock,
        "open_tasks": row.open_tasks,
        "version": version_wire(row, row.version_created_at, people),
    }


def version_wire(row: Any, created_at: datetime, people: dict[UUID, Wire]) -> Wire:
    """A version as it goes out, from a Version or a row with its columns."""
    return {
        "number": row.number,
        "sha256": row.sha256.hex(),
        "size": row.size,
        "media_type": row.media_type,
        "file_name": row.file_name,
        "comment": row.comment,
        "author": people.get(row.author_id) or {"id": None, "name": "system"},
        "created_at": created_at,
        "restored_from": row.restored_from,
        "branched_from": row.branched_from,
    }
