"""Every SELECT of the export. The system asks, so nothing is hidden; each call reads one snapshot."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Select, and_, false, func, select

from dossier.core.units import ReadUnit
from dossier.documents.models import Document, Tag, Version
from dossier.folders.models import Folder, Grant, Scope
from dossier.storage.models import Blob
from dossier.tasks.models import Comment, Task, Watcher
from dossier.users.models import Group, GroupMember, Member, User, Workspace

STREAM = {"yield_per": 1000}


class Listed(NamedTuple):
    """A document as the plan needs it."""

    id: UUID
    folder_id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class Whole:
    """A document with all that hangs on it. ``keys``: the blob's key by digest, as far as there is a row."""

    document: Document
    tags: Sequence[str]
    versions: Sequence[Version]
    keys: dict[bytes, str]
    tasks: Sequence[Task]
    comments: dict[UUID, list[Comment]]
    watchers: dict[UUID, list[UUID]]


async def workspace(unit: ReadUnit) -> Workspace:
    """The unit's workspace."""
    return await unit.session.get_one(Workspace, unit.workspace_id)


async def folders(unit: ReadUnit) -> Sequence[Folder]:
    """All folders, tombstones too, parents before children, else by name."""
    query = select(Folder).where(Folder.workspace_id == unit.workspace_id).order_by(Folder.name_key, Folder.id)
    below: dict[UUID | None, list[Folder]] = defaultdict(list)
    for folder in (await unit.session.execute(query)).scalars():
        below[folder.parent_id].append(folder)
    ordered = below.pop(None, [])
    for folder in ordered:
        ordered += below.pop(folder.id, [])
    return ordered


async def access(unit: ReadUnit) -> dict[UUID, list[Grant]]:
    """folder id → its own access list, for the folders that have one."""
    query = select(Scope.id, Folder.id).join(Folder, and_(Folder.id == Scope.folder_id, Folder.scope_id == Scope.id))
    query = query.where(Scope.workspace_id == unit.workspace_id, Scope.is_root == false())
    brought = dict((await unit.session.execute(query)).all())
    grants = select(Grant.scope_id, Grant).join(Scope, Scope.id == Grant.scope_id)
    grants = grants.where(Scope.workspace_id == unit.workspace_id).order_by(Grant.principal_id)
    found = _lists(await unit.session.execute(grants))
    return {folder_id: found[scope_id] for scope_id, folder_id in brought.items()}


async def total_size(unit: ReadUnit) -> int:
    """The bytes of all versions together."""
    query = select(func.coalesce(func.sum(Version.size), 0)).where(Version.workspace_id == unit.workspace_id)
    return int((await unit.session.execute(query)).scalar_one())


async def living(unit: ReadUnit) -> AsyncIterator[Listed]:
    """The living documents, folder by folder and there by name."""
    query = _listed(unit, trashed=False).order_by(Document.folder_id, Document.name_key, Document.id)
    async for row in await unit.session.stream(query, execution_options=STREAM):
        yield Listed(*row)


async def trashed(unit: ReadUnit) -> AsyncIterator[Listed]:
    """The documents in the trash, by name."""
    query = _listed(unit, trashed=True).order_by(Document.name_key, Document.id)
    async for row in await unit.session.stream(query, execution_options=STREAM):
        yield Listed(*row)


def _listed(unit: ReadUnit, *, trashed: bool) -> Select[UUID, UUID, str]:
    query = select(Document.id, Document.folder_id, Document.name)
    return query.where(Document.workspace_id == unit.workspace_id, Document.trashed == trashed)


async def people(unit: ReadUnit) -> Sequence[tuple[Member, User]]:
    """All members, former ones too, in the order they came."""
    query = select(Member, User).join(User, User.id == Member.user_id).where(Member.workspace_id == unit.workspace_id)
    return (await unit.session.execute(query.order_by(Member.id))).all()


async def groups(unit: ReadUnit) -> Sequence[tuple[Group, list[UUID]]]:
    """All groups by name, with the members in them."""
    mine = Group.workspace_id == unit.workspace_id
    pairs = select(GroupMember.group_id, GroupMember.member_id).join(Group, Group.id == GroupMember.group_id)
    inside = _lists(await unit.session.execute(pairs.where(mine).order_by(GroupMember.member_id)))
    rows = (await unit.session.execute(select(Group).where(mine).order_by(Group.name_key))).scalars()
    return [(group, inside[group.id]) for group in rows]


async def emails(unit: ReadUnit, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The e-mails of members."""
    wanted = {id_ for id_ in ids if id_ is not None}
    query = select(Member.id, User.email).join(User, User.id == Member.user_id)
    rows = await unit.session.execute(query.where(Member.workspace_id == unit.workspace_id, Member.id.in_(wanted)))
    return dict(rows.all())


async def wholes(unit: ReadUnit, ids: Sequence[UUID]) -> list[Whole]:
    """These documents with all that hangs on them, in the order of ``ids``; those that are gone are left out."""
    session = unit.session
    mine = and_(Document.workspace_id == unit.workspace_id, Document.id.in_(ids))
    documents = {each.id: each for each in (await session.execute(select(Document).where(mine))).scalars()}
    tags = select(Tag.document_id, Tag.tag).where(Tag.document_id.in_(ids)).order_by(Tag.document_id, Tag.tag_key)
    of_tags = _lists(await session.execute(tags))
    versions = select(Version.document_id, Version).where(Version.document_id.in_(ids))
    of_versions = _lists(await session.execute(versions.order_by(Version.document_id, Version.number)))
    tasks = select(Task.document_id, Task).where(Task.document_id.in_(ids)).order_by(Task.id)
    of_tasks = _lists(await session.execute(tasks))
    keys = await _keys(unit, {each.sha256 for each in chain(*of_versions.values())})
    hung = await _on_tasks(unit, ids)
    return [
        Whole(documents[id_], of_tags[id_], of_versions[id_], keys, of_tasks[id_], *hung)
        for id_ in ids
        if id_ in documents
    ]


async def _on_tasks(unit: ReadUnit, ids: Sequence[UUID]) -> tuple[dict[UUID, list[Comment]], dict[UUID, list[UUID]]]:
    """Comments and watchers by task, of all tasks of these documents."""
    mine = Task.document_id.in_(ids)
    comments = select(Comment.task_id, Comment).join(Task, Task.id == Comment.task_id).where(mine)
    watchers = select(Watcher.task_id, Watcher.member_id).join(Task, Task.id == Watcher.task_id).where(mine)
    return (
        _lists(await unit.session.execute(comments.order_by(Comment.id))),
        _lists(await unit.session.execute(watchers.order_by(Watcher.member_id))),
    )


async def _keys(unit: ReadUnit, digests: set[bytes]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    wanted = list(digests)
    for start in range(0, len(wanted), 500):
        some = Blob.sha256.in_(wanted[start : start + 500])
        rows = await unit.session.execute(
            select(Blob.sha256, Blob.key).where(Blob.workspace_id == unit.workspace_id, some)
        )
        found |= dict(rows.all())
    return found


def _lists(rows: Any) -> defaultdict[UUID, list[Any]]:
    """Pairs as lists by the first of each."""
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for key, value in rows:
        found[key].append(value)
    return found
