"""Documents against their versions, tasks, names and folders: page after page by id, a snapshot each."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, or_, select

from dossier import folders
from dossier.core import jobs
from dossier.core.events import ConsumerCursor, EventRow
from dossier.core.units import ReadUnit
from dossier.documents.models import Document, Version
from dossier.folders.models import Folder, Name
from dossier.storage.models import Blob
from dossier.tasks.models import OPEN, Task
from dossier.transfer.doctor.patient import Patient

PAGE = 500
FIRST = UUID(int=0)


async def check(patient: Patient) -> None:
    """All documents."""
    async with patient.read() as unit:
        patient.progress.expect(await unit.session.scalar(select(func.count()).select_from(Document)) or 0, 0)
    after: UUID | None = FIRST
    while after is not None:
        async with patient.read() as unit:
            after = await _page(patient, unit, after)


async def _page(patient: Patient, unit: ReadUnit, after: UUID) -> UUID | None:
    # By id alone, whichever workspace: an index on the workspace would have to sort all of it for each page.
    columns: tuple[Any, ...] = (*Document.__table__.columns, Folder.scope_id.label("folder_scope"))
    head = and_(Version.document_id == Document.id, Version.number == Document.head_number)
    query = select(
        *columns, Version.number, Version.media_type.label("head_type"), Version.author_id.label("head_author")
    )
    query = query.outerjoin(Folder, Folder.id == Document.folder_id).outerjoin(Version, head)
    rows = (await unit.session.execute(query.where(Document.id > after).order_by(Document.id).limit(PAGE))).all()
    mine = [row for row in rows if patient.concerns(row.workspace_id)]
    if mine:
        for verb in (_heads, _contents, _names, _tasks, _scopes):
            await verb(patient, unit, mine)
    patient.looked_at("documents", len(mine))
    patient.progress.done(len(rows))
    return rows[-1].id if rows else None


async def _heads(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    query = select(Version.document_id, func.count(), func.min(Version.number), func.max(Version.number))
    query = query.where(Version.document_id.in_([row.id for row in rows])).group_by(Version.document_id)
    numbers = {row[0]: row[1:] for row in await unit.session.execute(query)}
    for row in rows:
        count, least, most = numbers.get(row.id, (0, 0, 0))
        patient.looked_at("versions", count)
        if (least, most) != (1, count):
            patient.found("versions_gap", row.id, f"{count} versions, {least} to {most}.", row.workspace_id)
        if row.head_number != most:
            patient.found("head_wrong", row.id, f"{row.head_number} instead of {most}.", row.workspace_id)
        elif (row.media_type, row.author_id) != (row.head_type, row.head_author):
            patient.found("head_repeat", row.id, "Media type or author.", row.workspace_id)


async def _contents(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    same = and_(Blob.workspace_id == Version.workspace_id, Blob.sha256 == Version.sha256)
    query = select(Version.document_id, Version.number, Version.workspace_id, Version.size, Blob.size)
    query = query.outerjoin(Blob, same).where(Version.document_id.in_([row.id for row in rows]))
    query = query.where(or_(Blob.size.is_(None), Blob.size != Version.size))
    wrong: Iterable[Any] = await unit.session.execute(query)
    for document_id, number, workspace_id, size, there in wrong:
        code = "content_unknown" if there is None else "content_size"
        patient.found(code, document_id, f"Version {number}: {size} bytes, stored {there}.", workspace_id)


async def _names(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    query = select(Name.node_id, Name.folder_id, Name.name_key, Name.kind)
    names = {
        row[0]: row[1:] for row in await unit.session.execute(query.where(Name.node_id.in_([row.id for row in rows])))
    }
    for row in rows:
        if not row.trashed and row.id not in names:
            patient.found("name_missing", row.id, row.name, row.workspace_id)
        elif not row.trashed and names[row.id] != (row.folder_id, folders.name_key(row.name), "document"):
            patient.found("name_wrong", row.id, row.name, row.workspace_id)
        if row.name_key != folders.name_key(row.name):
            patient.found("name_wrong", row.id, f"{row.name} is sorted wrong.", row.workspace_id)


async def _tasks(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    query = select(Task.document_id, func.count()).where(Task.document_id.in_([row.id for row in rows]))
    query = query.where(Task.status.in_(sorted(OPEN))).group_by(Task.document_id)
    counts = dict((await unit.session.execute(query)).all())
    for row in rows:
        if row.open_tasks != counts.get(row.id, 0):
            detail = f"{row.open_tasks} instead of {counts.get(row.id, 0)}."
            patient.found("open_tasks_wrong", row.id, detail, row.workspace_id)


async def _scopes(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    wrong = [row for row in rows if row.scope_id != row.folder_scope]
    waits = {id_: await _rewriting(unit, id_) for id_ in {row.workspace_id for row in wrong}}
    for row in wrong:
        if not waits[row.workspace_id]:
            patient.found("scope_repeat", row.id, "Not its folder's.", row.workspace_id)


async def _rewriting(unit: ReadUnit, workspace_id: UUID) -> bool:
    """Whether scopes are being rewritten by a job, or one is about to be promised: then they may differ for a while."""
    if await jobs.promised(unit.session, workspace_id, "documents.rescope"):
        return True
    cursor = select(ConsumerCursor.seq).where(
        ConsumerCursor.consumer == "documents.access", ConsumerCursor.workspace_id == workspace_id
    )
    done = await unit.session.scalar(cursor) or 0
    news = select(EventRow.seq).where(EventRow.workspace_id == workspace_id, EventRow.seq > done)
    return await unit.session.scalar(news.where(EventRow.type == "folder.access_changed").limit(1)) is not None
