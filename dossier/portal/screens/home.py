"""Home: what waits for me, what I worked on, and what happened lately."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ScalarResult, exists, false, func, select

from dossier import folders, notices, samples, tasks
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.documents import Filters as Narrowed
from dossier.documents import queries as documents
from dossier.documents.models import Document, Lock
from dossier.portal.screens import activity
from dossier.tasks import Filters
from dossier.tasks.models import OPEN

TASKS, WAITING, RECENT, LATELY, COUNTED = 50, 20, 12, 20, 1000
LOOKED_BACK = 200
"""How many of the actor's last events are looked at for the documents that they touched."""


async def get(unit: ReadUnit) -> Wire:
    """All that Home shows of the actor, who is a member: about twenty statements, whatever there is."""
    mine, _ = await tasks.list_(unit, Filters(assignee="me", statuses=OPEN), TASKS)
    open_, overdue = await tasks.count_mine(unit, COUNTED)
    waiting = [*await _locked(unit), *(task["document_id"] for task in mine)]
    recent = await _touched(unit)
    waiting = list(dict.fromkeys(waiting))[:WAITING]
    shown = await _documents(unit, {*waiting, *recent})
    lately, _ = await activity.page(unit, LATELY)
    return {
        "tasks": mine,
        "waiting": [shown[id_] for id_ in waiting if id_ in shown],
        "recent": [shown[id_] for id_ in recent if id_ in shown],
        "lately": lately,
        "counts": {"my_open_tasks": open_, "my_overdue_tasks": overdue, "unread": await notices.unread(unit)},
        "empty": not shown and not await _anything(unit),
        "has_samples": await samples.present(unit),
    }


async def _documents(unit: ReadUnit, ids: set[UUID]) -> dict[UUID, Wire]:
    rows = await documents.by_ids(unit, list(ids), Narrowed()) if ids else []
    return {wire["id"]: wire for wire in await documents.wires(unit, rows)}


async def _locked(unit: ReadUnit) -> Sequence[UUID]:
    """The documents that the actor holds a lease on, the one that ends first at the top."""
    query = select(Lock.document_id).where(Lock.holder_id == unit.actor.member_id, Lock.expires_at > unit.now)
    query = query.where(await documents.readable(unit, Lock.document_id))
    return _ids(await unit.session.scalars(query.order_by(Lock.expires_at).limit(WAITING)))


async def _touched(unit: ReadUnit) -> Sequence[UUID]:
    """The documents that the actor's last events are about, the last at the top."""
    mine = select(EventRow.document_id, EventRow.seq).where(
        EventRow.workspace_id == unit.workspace_id, EventRow.actor_id == unit.actor.member_id
    )
    last = mine.order_by(EventRow.seq.desc()).limit(LOOKED_BACK).subquery()
    query = select(last.c.document_id).where(await documents.readable(unit, last.c.document_id))
    query = query.group_by(last.c.document_id).order_by(func.max(last.c.seq).desc())
    return _ids(await unit.session.scalars(query.limit(RECENT)))


def _ids(found: ScalarResult[Any]) -> Sequence[UUID]:
    return found.all()


async def _anything(unit: ReadUnit) -> bool:
    """Whether the workspace has a document that the actor may see."""
    scopes = list(await folders.roles(unit))
    seen = await folders.visible(unit, Document.folder_id)
    found = exists().where(Document.scope_id.in_(scopes), Document.trashed == false(), seen)
    return bool(await unit.session.scalar(select(found)))
