"""The folders of an export with their access lists; those of an earlier try are found again by their ids."""

from collections.abc import Sequence
from uuid import UUID

from dossier import folders
from dossier.core.units import Unit
from dossier.folders.models import Folder, Grant, Scope
from dossier.transfer import shapes
from dossier.transfer.errors import ExportUnfit
from dossier.transfer.imports.ids import derived
from dossier.transfer.imports.people import People

Folders = dict[UUID, UUID]
"""source folder id → folder id here."""

SCOPE = 1
"""Sets the id of a folder's scope apart from the folder's own."""


async def bring(unit: Unit, wanted: Sequence[shapes.Folder], people: People, known: Folders) -> tuple[Folders, int]:
    """Make folders, parents first; ``known`` holds those of earlier calls. With these, and how many were made.

    Raises ExportUnfit, BadName.
    """
    found, made = dict(known), 0
    for each in wanted:
        if each.parent_id is None:
            found[each.id] = (await folders.root(unit)).id
            continue
        id_ = derived(unit.workspace_id, each.id)
        if each.parent_id not in found:
            raise ExportUnfit(f"{shapes.FOLDERS}: the folder above {each.name!r} is missing.")
        if await unit.session.get(Folder, id_) is None:
            await _make(unit, each, id_, found[each.parent_id], people)
            made += 1
        found[each.id] = id_
    return found, made


async def _make(unit: Unit, wanted: shapes.Folder, id_: UUID, parent_id: UUID, people: People) -> None:
    parent = await unit.session.get_one(Folder, parent_id)
    name = folders.clean_name(wanted.name)
    scope_id = await _scope(unit, wanted, id_, people)
    if wanted.trashed_at is None:
        name = await folders.claim(unit, parent_id, name, "folder", id_, rename=True)
    folder = Folder(
        id=id_,
        workspace_id=unit.workspace_id,
        parent_id=parent_id,
        scope_id=scope_id or parent.scope_id,
        name=name,
        name_key=folders.name_key(name),
        revision=1,
        created_by=people.member(wanted.created_by),
        created_at=wanted.created_at,
        updated_at=wanted.updated_at,
        trashed_at=wanted.trashed_at,
    )
    unit.session.add(folder)
    await unit.session.flush()
    unit.record("folder.created", folder_id=id_, name=name, parent_id=str(parent_id))


async def _scope(unit: Unit, wanted: shapes.Folder, folder_id: UUID, people: People) -> UUID | None:
    """The folder's own scope with its grants, or None where it inherits."""
    if wanted.access is None:
        return None
    scope = Scope(id=derived(unit.workspace_id, wanted.id, SCOPE), workspace_id=unit.workspace_id, is_root=False)
    scope.folder_id = folder_id
    unit.session.add(scope)
    await unit.session.flush()
    for grant in wanted.access:
        who = people.member(grant.member) if grant.group is None else people.group(grant.group)
        if who is not None:
            principal = "member" if grant.group is None else "group"
            unit.session.add(Grant(scope_id=scope.id, principal=principal, principal_id=who, role=grant.role))
    return scope.id
