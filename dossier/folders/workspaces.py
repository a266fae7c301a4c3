"""A workspace and its root folder, which carries its name: made together, renamed together."""

from uuid import UUID

from dossier import users
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.folders import queries, service
from dossier.folders.models import Scope
from dossier.folders.names import clean_name, name_key


async def found_workspace(unit: Unit, slug: str, name: str) -> UUID:
    """Make the unit's workspace with its root folder; the root folder's id. Raises what the users room raises."""
    await users.create_workspace(unit, slug, name)
    scope = Scope(id=new_id(), workspace_id=unit.workspace_id, folder_id=new_id(), is_root=True)
    unit.session.add(scope)
    await unit.session.flush()
    unit.session.add(service.new_folder(unit, None, scope.id, clean_name(name), scope.folder_id))
    await unit.session.flush()
    unit.memo.pop(queries.MEMO, None)
    return scope.folder_id


async def rename_workspace(unit: Unit, name: str) -> None:
    """Give the workspace another name; its slug stays. Needs an owner. Raises BadName, Invalid, NotAllowed."""
    name = clean_name(name)
    before = await users.rename_workspace(unit, name)
    root = await service.require(unit, (await queries.root(unit)).id, lock=True)
    if name != before:
        root.name, root.name_key = name, name_key(name)
        root.revision += 1
        root.updated_at = unit.now
        unit.record("workspace.renamed", folder_id=root.id, name=name, previous=before)
