"""Folders against their parents and names, and the table of names against what lives."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import and_, false, select
from sqlalchemy.orm import aliased

from dossier import folders
from dossier.core import paging
from dossier.core.units import ReadUnit
from dossier.documents.models import Document
from dossier.folders.models import Folder, Name, Scope
from dossier.transfer.doctor.patient import Patient

PAGE = 500
FIRST = (UUID(int=0), b"")


async def check(patient: Patient) -> None:
    """All folders, then all names."""
    after: UUID | None = FIRST[0]
    while after is not None:
        async with patient.read() as unit:
            after = await _folders(patient, unit, after)
    place: tuple[UUID, bytes] | None = FIRST
    while place is not None:
        async with patient.read() as unit:
            place = await _strays(patient, unit, place)


async def _folders(patient: Patient, unit: ReadUnit, after: UUID) -> UUID | None:
    parent = aliased(Folder)
    columns: tuple[Any, ...] = (
        *Folder.__table__.columns,
        parent.scope_id.label("parent_scope"),
        Scope.folder_id.label("bringer"),
    )
    query = (
        select(*columns).outerjoin(parent, parent.id == Folder.parent_id).outerjoin(Scope, Scope.id == Folder.scope_id)
    )
    rows = (await unit.session.execute(query.where(Folder.id > after).order_by(Folder.id).limit(PAGE))).all()
    mine = [row for row in rows if patient.concerns(row.workspace_id)]
    for row in mine:
        if row.bringer != row.id and row.scope_id != row.parent_scope:
            patient.found("scope_repeat", row.id, "Neither its own nor its parent's.", row.workspace_id)
    await _names(patient, unit, [row for row in mine if row.parent_id is not None and row.trashed_at is None])
    patient.looked_at("folders", len(mine))
    return rows[-1].id if rows else None


async def _names(patient: Patient, unit: ReadUnit, rows: Sequence[Any]) -> None:
    query = select(Name.node_id, Name.folder_id, Name.name_key, Name.kind)
    names = {
        row[0]: row[1:] for row in await unit.session.execute(query.where(Name.node_id.in_([row.id for row in rows])))
    }
    for row in rows:
        if row.id not in names:
            patient.found("name_missing", row.id, row.name, row.workspace_id)
        elif names[row.id] != (row.parent_id, folders.name_key(row.name), "folder") or row.name_key != names[row.id][1]:
            patient.found("name_wrong", row.id, row.name, row.workspace_id)


async def _strays(patient: Patient, unit: ReadUnit, after: tuple[UUID, bytes]) -> tuple[UUID, bytes] | None:
    """A page of names that nothing living has."""
    here, child = aliased(Folder), aliased(Folder)
    order = (Name.folder_id, Name.name_key)
    query = select(Name.folder_id, Name.name_key, Name.node_id, Name.kind, here.workspace_id, Document.id, child.id)
    query = query.outerjoin(here, here.id == Name.folder_id)
    is_document = and_(Document.id == Name.node_id, Document.folder_id == Name.folder_id, Document.trashed == false())
    is_folder = and_(child.id == Name.node_id, child.parent_id == Name.folder_id, child.trashed_at.is_(None))
    query = query.outerjoin(Document, is_document).outerjoin(child, is_folder)
    query = query.where(paging.beyond(order, after)).order_by(*order).limit(PAGE)
    rows = (await unit.session.execute(query)).all()
    for folder_id, key, node_id, kind, workspace_id, document, folder in rows:
        if patient.concerns(workspace_id):
            patient.looked_at("names")
            if (document if kind == "document" else folder) is None:
                patient.found("name_stray", node_id, f"{key.decode()} in {folder_id}.", workspace_id)
    return (rows[-1].folder_id, rows[-1].name_key) if rows else None
