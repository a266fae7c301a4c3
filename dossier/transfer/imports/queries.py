"""Every SELECT of the import of an export."""

from collections.abc import Collection, Iterable
from uuid import UUID

from sqlalchemy import exists, select

from dossier.core.events import EventRow
from dossier.core.units import ReadUnit
from dossier.documents.models import Document
from dossier.folders.models import Folder
from dossier.users.models import Group, Member, User, fold

STARTED = "import.started"


async def is_empty(unit: ReadUnit) -> bool:
    """Whether the workspace has no document and no folder but the root, the trash included."""
    documents = exists().where(Document.workspace_id == unit.workspace_id)
    folders = exists().where(Folder.workspace_id == unit.workspace_id, Folder.parent_id.is_not(None))
    return not (await unit.session.execute(select(documents | folders))).scalar_one()


async def began(unit: ReadUnit, export_id: UUID) -> bool:
    """Whether the log says that an import of this export began here."""
    query = select(EventRow.stored).where(EventRow.workspace_id == unit.workspace_id, EventRow.type == STARTED)
    rows = (await unit.session.execute(query)).scalars()
    return any(data.get("export_id") == str(export_id) for data in rows)


async def member_ids(unit: ReadUnit) -> dict[str, UUID]:
    """Folded e-mail → member, of all members of the workspace."""
    query = select(User.email_key, Member.id).join(Member, Member.user_id == User.id)
    rows = await unit.session.execute(query.where(Member.workspace_id == unit.workspace_id))
    return dict(rows.all())


async def users(unit: ReadUnit, emails: Collection[str]) -> dict[str, User]:
    """Folded e-mail → person, of whatever workspace."""
    found: dict[str, User] = {}
    wanted = sorted(map(fold, emails))
    for start in range(0, len(wanted), 500):
        rows = await unit.session.execute(select(User).where(User.email_key.in_(wanted[start : start + 500])))
        found |= {user.email_key: user for user in rows.scalars()}
    return found


async def groups(unit: ReadUnit) -> dict[str, Group]:
    """Folded name → group."""
    rows = (await unit.session.execute(select(Group).where(Group.workspace_id == unit.workspace_id))).scalars()
    return {group.name_key: group for group in rows}


async def documents_among(unit: ReadUnit, ids: Iterable[UUID]) -> set[UUID]:
    """Those of the documents that are here."""
    return set((await unit.session.scalars(select(Document.id).where(Document.id.in_(list(ids))))).all())
