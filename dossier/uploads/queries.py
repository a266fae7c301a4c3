"""Every SELECT on uploads. An upload is seen by the member who sends it; by others only what is ``arriving``."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select, union_all

from dossier import documents, folders
from dossier.core.units import ReadUnit
from dossier.uploads.models import Upload

OPEN = ("receiving", "hashing", "refused")


async def find(unit: ReadUnit, upload_id: UUID, *, lock: bool = False) -> Upload | None:
    """The actor's own upload, expired or not; locked for a change with ``lock``."""
    query = select(Upload).where(
        Upload.id == upload_id, Upload.workspace_id == unit.workspace_id, Upload.member_id == unit.actor.member_id
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await unit.session.execute(query)).scalar_one_or_none()


async def anybodys(unit: ReadUnit, upload_id: UUID, *, lock: bool = False) -> Upload | None:
    """An upload of the workspace, whoever sends it; for work that was promised to its sender."""
    query = select(Upload).where(Upload.id == upload_id, Upload.workspace_id == unit.workspace_id)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return (await unit.session.execute(query)).scalar_one_or_none()


async def list_(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[Upload]:
    """The actor's own that are neither ended nor expired, oldest first; one more than ``limit``."""
    # A page per state: an ``IN`` with ORDER BY would sort all that are open.
    query = select(Upload.id).where(Upload.member_id == unit.actor.member_id, Upload.expires_at > unit.now)
    if after is not None:
        query = query.where(Upload.id > after)
    oldest = query.order_by(Upload.id).limit(limit + 1)
    ids = union_all(*(select(oldest.where(Upload.state == state).subquery().c.id) for state in OPEN)).subquery()
    # The workspace is a condition out here only: SQLite would walk all of its uploads.
    found = select(Upload).join(ids, Upload.id == ids.c.id).where(Upload.workspace_id == unit.workspace_id)
    found = found.order_by(Upload.id).limit(limit + 1)
    return (await unit.session.execute(found)).scalars().all()


async def arriving(
    unit: ReadUnit, limit: int, after: UUID | None, folder_id: UUID | None, document_id: UUID | None
) -> Sequence[Upload]:
    """Those that wait for their digest and whose place the actor may see, whoever sends them, oldest first; one more than
    ``limit``. Expired ones too: until the sweep takes them, their job makes their end."""
    query = select(Upload).where(Upload.workspace_id == unit.workspace_id, Upload.state == "hashing")
    query = query.where(
        or_(
            await folders.visible(unit, Upload.folder_id, living=True),
            await documents.readable(unit, Upload.document_id),
        )
    )
    if folder_id is not None:
        query = query.where(func.coalesce(Upload.folder_id, documents.folder_of(Upload.document_id)) == folder_id)
    if document_id is not None:
        query = query.where(Upload.document_id == document_id)
    if after is not None:
        query = query.where(Upload.id > after)
    return (await unit.session.execute(query.order_by(Upload.id).limit(limit + 1))).scalars().all()


async def count(unit: ReadUnit) -> int:
    """How many of the actor's own are neither ended nor expired."""
    query = select(func.count()).select_from(Upload).where(Upload.member_id == unit.actor.member_id)
    query = query.where(Upload.state.in_(OPEN), Upload.expires_at > unit.now)
    return await unit.session.scalar(query) or 0


async def expired(unit: ReadUnit, limit: int) -> Sequence[Upload]:
    """Anybody's in the workspace that have expired; locked for their end."""
    query = select(Upload).where(Upload.workspace_id == unit.workspace_id, Upload.expires_at <= unit.now)
    query = query.order_by(Upload.expires_at).limit(limit).with_for_update()
    return (await unit.session.execute(query)).scalars().all()


async def workspace_of(unit: ReadUnit, id_: UUID) -> UUID | None:
    """The workspace of an upload, whoever asks; only to find out which membership the request is about."""
    return await unit.session.scalar(select(Upload.workspace_id).where(Upload.id == id_))
