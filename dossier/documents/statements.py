"""The statements on documents that are asked all the time, made once for each shape and given their values with each use.

They are on tables: what SQLAlchemy does to make, to look up and to take apart a statement of mapped classes costs several
times what the databases do.
"""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import BindParameter, ColumnElement, Integer, Select, and_, bindparam, exists, select, union_all

from dossier import folders
from dossier.core import paging
from dossier.core.prepared import Prepared
from dossier.documents.models import Document, Lock, Tag, Version

D, V, L, T = (model.__table__.c for model in (Document, Version, Lock, Tag))
SORTS: dict[str, tuple[Any, str, bool]] = {
    "name": (D.name_key, "name", False),
    "-name": (D.name_key, "name", True),
    "updated_at": (D.updated_at, "updated", False),
    "-updated_at": (D.updated_at, "updated", True),
}
COLUMNS: tuple[Any, ...] = (
    *(D.id, D.name, D.name_key, D.folder_id, D.description, D.created_at, D.updated_at, D.trashed_at, D.revision),
    *(D.open_tasks, V.number, V.sha256, V.size, V.media_type, V.file_name, V.comment, V.author_id),
    *(V.created_at.label("version_created_at"), V.restored_from, V.branched_from),
    *(L.holder_id, L.acquired_at, L.expires_at),
)
Shape = tuple[bool | str | None, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is narrowed to. ``type`` is a media type or its first half ("image/")."""

    folder_id: UUID | None = None
    tag: bytes | None = None
    type: str | None = None
    author_id: UUID | None = None
    has_open_tasks: bool | None = None
    trashed: bool = False

    @property
    def shape(self) -> Shape:
        """Which conditions there are."""
        kind = None if self.type is None else "family" if self.type.rstrip("*").endswith("/") else "type"
        return self.tag is not None, kind, self.author_id is not None, self.has_open_tasks

    @property
    def values(self) -> dict[str, Any]:
        """What the conditions compare with."""
        type_ = self.type
        if self.shape[1] == "family":
            type_ = re.sub("([/%_])", r"/\1", (type_ or "").rstrip("*")) + "%"
        return {"trashed": self.trashed, "tag": self.tag, "type": type_, "author": self.author_id}


def _conditions(shape: Shape) -> list[ColumnElement[bool]]:
    """The filters of a shape as SQL conditions; the folder is the caller's."""
    tagged, kind, authored, has_open_tasks = shape
    found: list[ColumnElement[bool]] = [D.trashed == bindparam("trashed")]
    if tagged:
        found.append(exists().where(T.document_id == D.id, T.tag_key == bindparam("tag")))
    if kind is not None:
        type_ = bindparam("type", type_=D.media_type.type)
        found.append(D.media_type == type_ if kind == "type" else D.media_type.like(type_, escape="/"))
    if authored:
        found.append(D.author_id == bindparam("author"))
    if has_open_tasks is not None:
        found.append(D.open_tasks > 0 if has_open_tasks else D.open_tasks == 0)
    return found


def _with_head(query: Select[Any]) -> Select[Any]:
    """With its head, and its lock at ``now``."""
    head = and_(V.document_id == D.id, V.number == D.head_number)
    alive = and_(L.document_id == D.id, L.expires_at > bindparam("now"))
    return query.join(Version.__table__, head).outerjoin(Lock.__table__, alive)


def _details() -> Select[Any]:
    return _with_head(select(*COLUMNS).select_from(Document.__table__))


ONE = Prepared(
    _details().where(D.id == bindparam("id"), D.workspace_id == bindparam("workspace"), folders.seen(D.folder_id))
)

_AMONG = D.id.in_(bindparam("ids", expanding=True))
BRIEFS = Prepared(select(D.id, D.name, D.folder_id, D.head_number).where(_AMONG, folders.seen(D.folder_id)))


@cache
def those(shape: Shape) -> Prepared:
    """The visible ones among ``ids``, with their heads."""
    return Prepared(_details().where(_AMONG, folders.seen(D.folder_id), *_conditions(shape)))


@cache
def in_folder(shape: Shape, sort: str, goes_on: bool) -> Prepared:
    """A page of what lies directly in ``folder``, which the caller has found visible."""
    mine = (D.folder_id == bindparam("folder"), D.workspace_id == bindparam("workspace"))
    return Prepared(_in_order(_details().where(*mine, *_conditions(shape)), "folder", sort, goes_on).limit(_limit()))


@cache
def everywhere(shape: Shape, sort: str, goes_on: bool, scopes: int) -> Prepared:
    """A page of what is visible, put together from one along each scope, ``scope_0`` and so on."""
    mine = (folders.seen(D.folder_id), *_conditions(shape))
    pages = []
    for number in range(scopes):
        query = select(D.id).where(D.scope_id == bindparam(f"scope_{number}"), *mine)
        pages.append(_in_order(query, "scope", sort, goes_on).limit(_limit()).subquery())
    # The page drives the join: with a condition on the workspace, SQLite would walk all of its documents instead.
    ids = union_all(*(select(part.c.id) for part in pages)).subquery()
    query = _with_head(select(*COLUMNS).select_from(ids).join(Document.__table__, D.id == ids.c.id))
    return Prepared(query.order_by(*_order(sort)).limit(_limit()))


def _in_order(query: Select[Any], where: str, sort: str, goes_on: bool) -> Select[Any]:
    """Along the index of that sort, from ``after_key`` and ``after_id`` on where the page ``goes_on``."""
    column, by, down = SORTS[sort]
    if goes_on:
        after = (bindparam("after_key", type_=column.type), bindparam("after_id", type_=D.id.type))
        query = query.where(paging.beyond((column, D.id), after, down=down))
    query = paging.along(query, Document.__table__, f"ix_documents_{where}_{by}")
    return query.order_by(*_order(sort))


def _order(sort: str) -> tuple[Any, Any]:
    column, _, down = SORTS[sort]
    return (column.desc(), D.id.desc()) if down else (column, D.id)


def _limit() -> BindParameter[int]:
    return bindparam("limit", type_=Integer())


_ITS = T.document_id.in_(bindparam("ids", expanding=True))
TAGS = Prepared(select(T.document_id, T.tag).where(_ITS).order_by(T.document_id, T.tag_key))
