"""Workspace settings: what it is called, what it holds, and the rules in force."""

from sqlalchemy import false, func, select

from dossier import folders, users
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents.models import Document, Version
from dossier.storage.models import Blob


async def get(unit: ReadUnit, settings: Settings) -> Wire:
    """The workspace. ``storage`` is for owners, who see all that is counted."""
    return await users.get_workspace(unit) | {
        "storage": await _storage(unit) if unit.actor.role == "owner" else None,
        "trash_days": settings.trash_days,
        "lock_minutes": settings.lock_minutes,
        "max_upload_bytes": settings.max_upload_bytes,
    }


async def rename(unit: Unit, name: str, settings: Settings) -> Wire:
    """Give it another name; the slug stays. Needs an owner. Raises NotAllowed, BadName, Invalid."""
    await folders.rename_workspace(unit, name)
    await unit.session.flush()
    return await get(unit, settings)


async def _storage(unit: ReadUnit) -> Wire:
    """Living documents, all versions, and stored bytes, the same content counted once. Each walks along an index."""
    mine = unit.workspace_id
    documents = select(func.count()).where(Document.workspace_id == mine, Document.trashed == false())
    versions = select(func.count()).where(Version.workspace_id == mine)
    size = select(func.coalesce(func.sum(Blob.size), 0)).where(Blob.workspace_id == mine)
    return {
        "documents": await unit.session.scalar(documents) or 0,
        "versions": await unit.session.scalar(versions) or 0,
        "bytes": int(await unit.session.scalar(size) or 0),
    }
