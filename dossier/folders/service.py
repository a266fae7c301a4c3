"""The verbs on folders: make, rename, move, restrict, remove."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete

from dossier import users
from dossier.core import paging
from dossier.core.actor import RANK, NotAllowed, Role
from dossier.core.conditions import matches
from dossier.core.errors import PreconditionFailed
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.folders import queries
from dossier.folders.claims import claim, release
from dossier.folders.errors import FolderCycle, FolderNotFound, FolderTooDeep, RootFolder
from dossier.folders.models import Folder, Grant, Scope
from dossier.folders.names import clean_name, name_key
from dossier.folders.schemas import FolderChange, GrantIn

DEEPEST = 64


async def require(
    unit: ReadUnit, folder_id: UUID, role: Role = "viewer", *, lock: bool = False, trashed: bool = False
) -> Folder:
    """A folder that the actor may see (else 404) and has ``role`` in (else 403)."""
    folder = await queries.find(unit, folder_id, lock=lock, trashed=trashed)
    if folder is None:
        raise FolderNotFound
    await require_role(unit, folder.scope_id, role)
    return folder


async def check(unit: ReadUnit, folder_id: UUID, *, trashed: bool = False) -> None:
    """``require`` for a viewer who needs nothing of the folder itself."""
    if not await queries.scopes_among(unit, [folder_id], trashed=trashed):
        raise FolderNotFound


async def scopes_of(unit: ReadUnit, folder_ids: Collection[UUID], role: Role) -> dict[UUID, UUID]:
    """The scopes of living folders by their ids, in one statement. Raises as ``require``, for any of them."""
    found = await queries.scopes_among(unit, folder_ids)
    if len(found) < len(set(folder_ids)):
        raise FolderNotFound
    for scope_id in set(found.values()):
        await require_role(unit, scope_id, role)
    return found


async def require_role(unit: ReadUnit, scope_id: UUID, role: Role) -> None:
    """Refuse (403) where the actor's role in the scope is below ``role``."""
    if RANK[(await queries.roles(unit)).get(scope_id, "viewer")] < RANK[role]:
        raise NotAllowed(f"This needs the role {role} in the folder.")


async def get(unit: ReadUnit, folder_id: UUID) -> Wire:
    """One folder. Raises FolderNotFound."""
    return await _view(unit, await require(unit, folder_id))


async def _view(unit: ReadUnit, folder: Folder) -> Wire:
    seen = folder.parent_id is not None and await queries.find(unit, folder.parent_id) is not None
    return (await _wires(unit, [(folder, seen)]))[0]


async def _wires(unit: ReadUnit, rows: Sequence[tuple[Folder, bool]]) -> list[Wire]:
    known = await queries.roles(unit)
    brought = await queries.owning(unit, [folder.scope_id for folder, _ in rows])
    return [
        queries.wire(folder, known[folder.scope_id], brought.get(folder.scope_id) == folder.id, seen)
        for folder, seen in rows
    ]


async def list_(
    unit: ReadUnit, parent_id: UUID | None, limit: int, after: str | None, *, top: bool = False
) -> tuple[list[Wire], str | None]:
    """A page of visible folders by name: below one, everywhere, or only the ``top`` ones, from which all others are
    reached."""
    if parent_id is not None:
        await require(unit, parent_id)
    rows = list(await queries.list_(unit, parent_id, limit, paging.decode(after, bytes, UUID), top=top))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row[0].name_key, row[0].id))
    return await _wires(unit, kept), next_


async def create(unit: Unit, name: str, parent_id: UUID | None = None, *, exist_ok: bool = False) -> Wire:
    """Make a folder; with ``exist_ok`` an existing one of that name is answered. Raises BadName, NameTaken, NotAllowed."""
    parent = await require(unit, parent_id or (await queries.root(unit)).id, "editor", lock=True)
    name = clean_name(name)
    if exist_ok and (existing := await queries.named(unit, parent.id, name_key(name))) and existing[0] == "folder":
        return await get(unit, existing[1])
    if len(await queries.path(unit, parent)) >= DEEPEST:
        raise FolderTooDeep
    folder = new_folder(unit, parent.id, parent.scope_id, name, new_id())
    await claim(unit, parent.id, name, "folder", folder.id)
    unit.session.add(folder)
    await unit.session.flush()
    unit.record("folder.created", folder_id=folder.id, name=name, parent_id=str(parent.id))
    return await _view(unit, folder)


def new_folder(unit: Unit, parent_id: UUID | None, scope_id: UUID, name: str, id_: UUID) -> Folder:
    """A folder's row."""
    return Folder(
        id=id_,
        workspace_id=unit.workspace_id,
        parent_id=parent_id,
        scope_id=scope_id,
        name=name,
        name_key=name_key(name),
        created_by=unit.actor.member_id,
        created_at=unit.now,
        updated_at=unit.now,
        revision=1,
    )


async def update(unit: Unit, folder_id: UUID, change: FolderChange, if_match: str | None = None) -> Wire:
    """Rename and/or move. Raises FolderNotFound, NotAllowed, PreconditionFailed, NameTaken, FolderCycle, RootFolder."""
    await queries.find(unit, (await queries.root(unit)).id, lock=True)  # one change of the tree at a time: no cycles
    folder = await require(unit, folder_id, "editor", lock=True)
    if folder.parent_id is None:
        raise RootFolder
    if not matches(if_match, f'"{folder.revision}"'):
        raise PreconditionFailed
    name = folder.name if change.name is None else clean_name(change.name)
    target = folder.parent_id if change.parent_id is None else change.parent_id
    if target != folder.parent_id:
        await _check_target(unit, folder, target)
    await _place(unit, folder, target, name)
    return await _view(unit, folder)


async def _check_target(unit: Unit, folder: Folder, target_id: UUID) -> None:
    target = await require(unit, target_id, "editor", lock=True)
    chain = await queries.path(unit, target)
    if folder.id in {step.id for step in chain}:
        raise FolderCycle
    tree = await queries.subtree(unit, folder.id)
    if len(chain) + _depth(tree, folder.id) > DEEPEST:
        raise FolderTooDeep


def _depth(tree: Sequence[Folder], top: UUID) -> int:
    depth = {top: 1}
    for folder in tree:
        if folder.parent_id in depth:
            depth[folder.id] = depth[folder.parent_id] + 1
    return max(depth.values())


async def _place(unit: Unit, folder: Folder, parent_id: UUID, name: str) -> None:
    if (parent_id, name) == (folder.parent_id, folder.name):
        return
    before = {"name": folder.name, "parent_id": str(folder.parent_id)}
    await release(unit, folder.id)
    await claim(unit, parent_id, name, "folder", folder.id)
    moved = parent_id != folder.parent_id
    folder.parent_id, folder.name, folder.name_key = parent_id, name, name_key(name)
    folder.revision += 1
    folder.updated_at = unit.now
    unit.record(
        "folder.moved" if moved else "folder.renamed",
        folder_id=folder.id,
        name=name,
        parent_id=str(parent_id),
        previous=before,
    )
    if moved and folder.id not in (await queries.owning(unit, [folder.scope_id])).values():
        parent = await unit.session.get_one(Folder, parent_id)
        await _rescope(unit, folder, parent.scope_id)


async def _rescope(unit: Unit, folder: Folder, scope_id: UUID) -> None:
    """Give the folder and what inherits from it another scope. Documents follow by the event, in batches."""
    old = folder.scope_id
    if old == scope_id:
        return
    for each in await queries.subtree(unit, folder.id, trashed=True):
        if each.scope_id == old:
            each.scope_id = scope_id
    await unit.session.flush()
    unit.memo.pop(queries.MEMO, None)
    unit.record("folder.access_changed", folder_id=folder.id, scope_id=str(scope_id), previous_scope_id=str(old))


async def access(unit: ReadUnit, folder_id: UUID) -> Wire:
    """The access in force in a folder, for its editors. Raises FolderNotFound, NotAllowed."""
    folder = await require(unit, folder_id, "editor")
    brought = await queries.owning(unit, [folder.scope_id])
    grants = [_grant_wire(grant) for grant in await queries.grants(unit, folder.scope_id)]
    return {"restricted": brought.get(folder.scope_id) == folder.id, "grants": grants if brought else None}


def _grant_wire(grant: Grant) -> Wire:
    is_member = grant.principal == "member"
    return {
        "member_id": grant.principal_id if is_member else None,
        "group_id": None if is_member else grant.principal_id,
        "role": grant.role,
    }


async def restrict(unit: Unit, folder_id: UUID, grants: Sequence[GrantIn]) -> Wire:
    """Give a folder an access list of its own, or replace it. Needs the role owner there. Raises 404, 403, RootFolder."""
    folder = await _for_access(unit, folder_id)
    await users.require_members(unit, [grant.member_id for grant in grants if grant.member_id])
    await users.require_groups(unit, [grant.group_id for grant in grants if grant.group_id])
    scope_id = folder.scope_id
    if (await queries.owning(unit, [scope_id])).get(scope_id) == folder.id:
        await unit.session.execute(delete(Grant).where(Grant.scope_id == scope_id))
        _grant(unit, scope_id, grants)
        unit.record(
            "folder.access_changed", folder_id=folder.id, scope_id=str(scope_id), previous_scope_id=str(scope_id)
        )
    else:
        scope = Scope(id=new_id(), workspace_id=unit.workspace_id, folder_id=folder.id, is_root=False)
        unit.session.add(scope)
        await unit.session.flush()
        _grant(unit, scope.id, grants)
        await _rescope(unit, folder, scope.id)
    await unit.session.flush()
    return {"restricted": True, "grants": [_grant_wire(grant) for grant in await queries.grants(unit, folder.scope_id)]}


def _grant(unit: Unit, scope_id: UUID, grants: Sequence[GrantIn]) -> None:
    best: dict[tuple[str, UUID], str] = {}
    for grant in grants:
        who = ("member", grant.member_id) if grant.member_id else ("group", grant.group_id)
        if who[1] is not None and RANK[grant.role] > RANK.get(best.get((who[0], who[1]), ""), 0):
            best[(who[0], who[1])] = grant.role
    for (principal, id_), role in best.items():
        unit.session.add(Grant(scope_id=scope_id, principal=principal, principal_id=id_, role=role))


async def unrestrict(unit: Unit, folder_id: UUID) -> None:
    """Let a restricted folder inherit its parent's access again; nothing happens where it does. Raises 404, 403."""
    folder = await _for_access(unit, folder_id)
    scope_id = folder.scope_id
    if (await queries.owning(unit, [scope_id])).get(scope_id) != folder.id or folder.parent_id is None:
        return
    parent = await unit.session.get_one(Folder, folder.parent_id)
    await _rescope(unit, folder, parent.scope_id)
    await unit.session.execute(delete(Grant).where(Grant.scope_id == scope_id))


async def _for_access(unit: Unit, folder_id: UUID) -> Folder:
    await queries.find(unit, (await queries.root(unit)).id, lock=True)
    folder = await require(unit, folder_id, "owner", lock=True)
    if folder.parent_id is None:
        raise RootFolder
    return folder


# Removal: the documents room trashes what lies inside


async def bury(unit: Unit, folder_id: UUID) -> list[UUID]:
    """Make a folder and all below it tombstones; their ids. The caller has trashed the documents in them."""
    tree = await queries.subtree(unit, folder_id)
    for folder in tree:
        folder.trashed_at = unit.now
        unit.record("folder.trashed", folder_id=folder.id, name=folder.name)
    await release(unit, *(folder.id for folder in tree))
    return [folder.id for folder in tree]


async def revive(unit: Unit, folder_id: UUID) -> None:
    """Bring a tombstone and the tombstones above it back to life, numbered where the name is taken."""
    folder = await unit.session.get_one(Folder, folder_id)
    for step in await queries.path(unit, folder):
        if step.trashed_at is None or step.parent_id is None:
            continue
        step.name = await claim(unit, step.parent_id, step.name, "folder", step.id, rename=True)
        step.name_key = name_key(step.name)
        step.trashed_at = None
        step.revision += 1
        unit.record("folder.restored", folder_id=step.id, name=step.name)
    await unit.session.flush()
