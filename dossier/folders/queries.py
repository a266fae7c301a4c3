"""Every SELECT on folders. What the actor may see is decided here, inside the SQL.

A folder's scope is the truth about who may see what lies in it. ``roles`` asks once per Unit which scopes the actor is in.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, cast, false, literal, null, or_, select, true, union_all
from sqlalchemy.orm import aliased

from dossier import users
from dossier.core import paging
from dossier.core.actor import RANK
from dossier.core.prepared import Prepared
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.folders.models import Folder, Grant, Name, Scope

MEMO = "folders.roles"


async def roles(unit: ReadUnit) -> dict[UUID, str]:
    """The scopes that the actor is in, with the highest role in each."""
    if MEMO not in unit.memo:
        unit.memo[MEMO] = await _roles(unit)
    known: dict[UUID, str] = unit.memo[MEMO]
    return known


async def _roles(unit: ReadUnit) -> dict[UUID, str]:
    actor = unit.actor
    if actor.role == "owner":
        rows = await _ALL.rows(unit, {"workspace": actor.workspace_id})
    else:
        rows = await _MINE.rows(unit, {"workspace": actor.workspace_id, "member": actor.member_id})
    best: dict[UUID, str] = {}
    for scope_id, granted in rows:
        role = granted or actor.role
        if RANK[role] > RANK.get(best.get(scope_id, ""), 0):
            best[scope_id] = role
    return best


S, G, F = (model.__table__.c for model in (Scope, Grant, Folder))
# (scope, granted role, or none where the role in the workspace counts): all; the root's and those granted to a member.
_HERE = S.workspace_id == bindparam("workspace")
_ALL = Prepared(select(S.id, null()).where(_HERE))
_ME = bindparam("member", type_=S.id.type)
_TO_ME = or_(
    and_(G.principal == "member", G.principal_id == _ME),
    and_(G.principal == "group", G.principal_id.in_(users.groups_of(_ME))),
)
_GRANTED = select(G.scope_id, G.role).select_from(Grant.__table__.join(Scope.__table__, S.id == G.scope_id))
_ROOT = select(S.id, cast(null(), G.role.type).label("role")).where(_HERE, S.is_root == true())
_MINE = Prepared(union_all(_ROOT, _GRANTED.where(_HERE, _TO_ME)))


async def visible(unit: ReadUnit, folder_id: Any, *, living: bool = False) -> ColumnElement[bool]:
    """The condition that the folder in column ``folder_id`` is one whose content the actor may see, trashed or not unless
    ``living``.

    One value, not an EXISTS: MariaDB makes a join of that, begins at the folders, and sorts all that lies in them.
    """
    mine = Folder.workspace_id == unit.workspace_id
    scope = select(Folder.scope_id).where(Folder.id == folder_id, mine).correlate_except(Folder)
    if living:
        scope = scope.where(Folder.trashed_at.is_(None))
    return scope.scalar_subquery().in_(list(await roles(unit)))


def seen(folder_id: Any) -> ColumnElement[bool]:
    """``visible`` for a statement that is made once, with the values of ``seen_values``."""
    scope = select(F.scope_id).where(F.id == folder_id, F.workspace_id == bindparam("workspace"))
    return scope.correlate_except(Folder.__table__).scalar_subquery().in_(bindparam("scopes", expanding=True))


async def seen_values(unit: ReadUnit) -> dict[str, Any]:
    """What ``seen`` compares with."""
    return {"workspace": unit.workspace_id, "scopes": list(await roles(unit))}


async def readers(unit: ReadUnit, folder_id: UUID, member_ids: Collection[UUID]) -> set[UUID]:
    """Those of the members, active ones, who may see what lies in a folder; whoever asks."""
    brought = select(Scope.id, Scope.is_root).join(Folder, Folder.scope_id == Scope.id)
    query = brought.where(Folder.id == folder_id, Folder.workspace_id == unit.workspace_id)
    scope_id, is_root = (await unit.session.execute(query)).one()
    known = await users.active_roles(unit, member_ids)
    if is_root:
        return set(known)
    rows = (await unit.session.execute(select(Grant).where(Grant.scope_id == scope_id))).scalars().all()
    let_in = {grant.principal_id for grant in rows if grant.principal == "member"}
    let_in |= await users.members_in(unit, {grant.principal_id for grant in rows if grant.principal == "group"})
    return {id_ for id_, role in known.items() if role == "owner" or id_ in let_in}


def scope_of(folder_id: Any) -> Any:
    """The scope of the folder in column ``folder_id``, as a scalar sub-query."""
    return select(Folder.scope_id).where(Folder.id == folder_id).correlate_except(Folder).scalar_subquery()


async def workspace_of(unit: ReadUnit, id_: UUID) -> UUID | None:
    """The workspace of a folder, whoever asks; only to find out which membership the request is about."""
    return await unit.session.scalar(select(Folder.workspace_id).where(Folder.id == id_))


async def find(unit: ReadUnit, folder_id: UUID, *, lock: bool = False, trashed: bool = False) -> Folder | None:
    """A folder that the actor may see, living unless ``trashed``; locked for a change with ``lock``."""
    values = await seen_values(unit) | {"id": folder_id}
    options = {"populate_existing": lock}
    return (await unit.session.execute(_one(lock, trashed), values, execution_options=options)).scalar_one_or_none()


@cache
def _one(lock: bool, trashed: bool) -> Select[Folder]:
    mine = (Folder.workspace_id == bindparam("workspace"), Folder.scope_id.in_(bindparam("scopes", expanding=True)))
    query = select(Folder).where(Folder.id == bindparam("id"), *mine)
    if not trashed:
        query = query.where(Folder.trashed_at.is_(None))
    return query.with_for_update() if lock else query


async def scopes_among(unit: ReadUnit, folder_ids: Iterable[UUID], *, trashed: bool = False) -> dict[UUID, UUID]:
    """The scopes of those of the folders that the actor may see, living ones unless ``trashed``."""
    values = await seen_values(unit) | {"ids": sorted(set(folder_ids))}
    return dict(await (_SCOPES if trashed else _SCOPES_LIVING).rows(unit, values))


_AMONG = F.id.in_(bindparam("ids", expanding=True))
_SEEN = (_AMONG, F.workspace_id == bindparam("workspace"), F.scope_id.in_(bindparam("scopes", expanding=True)))
_SCOPES = Prepared(select(F.id, F.scope_id).where(*_SEEN))
_SCOPES_LIVING = Prepared(select(F.id, F.scope_id).where(*_SEEN, F.trashed_at.is_(None)))


async def root(unit: ReadUnit) -> Folder:
    """The workspace's root folder."""
    query = select(Folder).where(Folder.workspace_id == unit.workspace_id, Folder.parent_id.is_(None))
    return (await unit.session.execute(query)).scalar_one()


async def list_(
    unit: ReadUnit, parent_id: UUID | None, limit: int, after: tuple[bytes, UUID] | None, *, top: bool = False
) -> Sequence[tuple[Folder, bool]]:
    """Visible living folders by name, below ``parent_id`` or everywhere, and whether each one's parent is visible;
    with ``top`` only those whose parent is not."""
    parent = aliased(Folder)
    scopes = list(await roles(unit))
    seen = select(parent.id).where(parent.id == Folder.parent_id, parent.scope_id.in_(scopes)).exists()
    query = select(Folder, seen).where(Folder.workspace_id == unit.workspace_id, Folder.scope_id.in_(scopes))
    query = query.where(Folder.trashed_at.is_(None))
    if parent_id is not None:
        query = query.where(Folder.parent_id == parent_id)
    if top:
        query = query.where(~seen)
    if after is not None:
        query = query.where(paging.beyond((Folder.name_key, Folder.id), after))
    rows = await unit.session.execute(query.order_by(Folder.name_key, Folder.id).limit(limit + 1))
    return [(row[0], row[1]) for row in rows]


async def children(unit: ReadUnit, parent_id: UUID) -> Sequence[Folder]:
    """All living folders directly below, seen or not; for work on whole trees."""
    query = select(Folder).where(Folder.parent_id == parent_id, Folder.trashed_at.is_(None))
    return (await unit.session.execute(query.order_by(Folder.name_key))).scalars().all()


async def subtree(unit: ReadUnit, folder_id: UUID, *, trashed: bool = False) -> Sequence[Folder]:
    """The folder and all below it, seen or not, parents before children. Living ones unless ``trashed``."""
    top = select(Folder.id, literal(0).label("depth")).where(
        Folder.id == folder_id, Folder.workspace_id == unit.workspace_id
    )
    tree = top.cte("tree", recursive=True)
    tree = tree.union_all(
        select(Folder.id, tree.c.depth + 1).join(tree, Folder.parent_id == tree.c.id).where(tree.c.depth < 100)
    )
    query = select(Folder).join(tree, tree.c.id == Folder.id).order_by(tree.c.depth, Folder.name_key)
    if not trashed:
        query = query.where(Folder.trashed_at.is_(None))
    return (await unit.session.execute(query)).scalars().all()


async def path(unit: ReadUnit, folder: Folder) -> list[Folder]:
    """From the root to the folder."""
    chain = [folder]
    while chain[0].parent_id is not None:
        parent = await unit.session.get(Folder, chain[0].parent_id)
        if parent is None:
            break
        chain.insert(0, parent)
    return chain


async def named(unit: ReadUnit, folder_id: UUID, key: bytes) -> tuple[str, UUID] | None:
    """What lies under this name: (kind, id)."""
    row = await unit.session.get(Name, (folder_id, key))
    return None if row is None else (row.kind, row.node_id)


async def grants(unit: ReadUnit, scope_id: UUID) -> Sequence[Grant]:
    """The grants of a scope."""
    rows = await unit.session.execute(select(Grant).where(Grant.scope_id == scope_id).order_by(Grant.principal_id))
    return rows.scalars().all()


def wire(folder: Folder, role: str, restricted: bool, parent_seen: bool) -> Wire:
    """A folder as it goes out."""
    return {
        "id": folder.id,
        "parent_id": folder.parent_id if parent_seen else None,
        "name": folder.name,
        "restricted": restricted,
        "role": role,
        "created_at": folder.created_at,
        "updated_at": folder.updated_at,
        "etag": str(folder.revision),
    }


async def owning(unit: ReadUnit, scope_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """scope id → the folder that brought it, for the restricted ones among ``scope_ids``."""
    query = select(Scope.id, Scope.folder_id).where(Scope.id.in_(set(scope_ids)), Scope.is_root == false())
    return {row[0]: row[1] for row in await unit.session.execute(query)}
