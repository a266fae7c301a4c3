"""From rows to the shapes of an export."""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from uuid import UUID

from dossier.core.units import ReadUnit
from dossier.folders.models import Folder, Grant
from dossier.tasks.models import Comment, Task
from dossier.transfer import shapes
from dossier.transfer.exports import queries
from dossier.transfer.exports.plan import Spot
from dossier.transfer.exports.queries import Whole

Emails = dict[UUID, str]


def contents(whole: Whole, spot: Spot) -> dict[bytes, str]:
    """digest → the file that the content lies in: the head's where people look for it, former ones with the details."""
    head = whole.versions[-1]
    files = {head.sha256: spot.content}
    for version in whole.versions:
        suffix = PurePosixPath(version.file_name).suffix
        kept = suffix if re.fullmatch(r"\.\w{1,16}", suffix) else ""
        files.setdefault(version.sha256, f"{spot.details}/v{version.number}{kept}")
    return files


def document(whole: Whole, files: dict[bytes, str], emails: Emails) -> shapes.Document:
    """A document; a content that ``files`` does not name was lost."""
    row = whole.document
    return shapes.Document(
        id=row.id,
        name=row.name,
        folder_id=row.folder_id,
        description=row.description,
        tags=list(whole.tags),
        revision=row.revision,
        created_by=_who(emails, row.created_by),
        created_at=row.created_at,
        updated_at=row.updated_at,
        trashed_at=row.trashed_at,
        trashed_by=_who(emails, row.trashed_by),
        versions=_versions(whole, files, emails),
        tasks=[_task(whole, task, emails) for task in whole.tasks],
    )


def _versions(whole: Whole, files: dict[bytes, str], emails: Emails) -> list[shapes.Version]:
    return [
        shapes.Version(
            number=each.number,
            sha256=each.sha256.hex(),
            size=each.size,
            media_type=each.media_type,
            file_name=each.file_name,
            comment=each.comment,
            author=_who(emails, each.author_id),
            created_at=each.created_at,
            restored_from=each.restored_from,
            branched_from=each.branched_from,
            file=files.get(each.sha256),
        )
        for each in whole.versions
    ]


def _task(whole: Whole, task: Task, emails: Emails) -> shapes.Task:
    return shapes.Task(
        id=task.id,
        title=task.title,
        details=task.details,
        status=task.status,  # type: ignore[arg-type]  # the table holds no other
        priority=task.priority,  # type: ignore[arg-type]  # the table holds no other
        assignee=_who(emails, task.assignee_id),
        due_at=task.due_at,
        version=task.version_number,
        target=task.target,
        created_by=_who(emails, task.created_by),
        created_at=task.created_at,
        updated_at=task.updated_at,
        completed_at=task.completed_at,
        completed_by=_who(emails, task.completed_by),
        watchers=_all(emails, whole.watchers[task.id]),
        comments=[_comment(each, emails) for each in whole.comments[task.id]],
    )


def _comment(comment: Comment, emails: Emails) -> shapes.Comment:
    return shapes.Comment(comment.id, _who(emails, comment.author_id), comment.body, comment.created_at)


def named(whole: Whole) -> Iterable[UUID | None]:
    """Everybody whom a document names."""
    yield from (whole.document.created_by, whole.document.trashed_by)
    yield from (version.author_id for version in whole.versions)
    for task in whole.tasks:
        yield from (task.assignee_id, task.created_by, task.completed_by, *whole.watchers[task.id])
        yield from (comment.author_id for comment in whole.comments[task.id])


def _folder(row: Folder, access: list[Grant] | None, emails: Emails, groups: set[UUID]) -> shapes.Folder:
    grants = None if access is None else [_grant(grant, emails, groups) for grant in access]
    return shapes.Folder(
        id=row.id,
        parent_id=row.parent_id,
        name=row.name,
        access=None if grants is None else [grant for grant in grants if grant is not None],
        created_by=_who(emails, row.created_by),
        created_at=row.created_at,
        updated_at=row.updated_at,
        trashed_at=row.trashed_at,
    )


def _grant(grant: Grant, emails: Emails, groups: set[UUID]) -> shapes.Grant | None:
    """A grant; None for that of a group that is gone, which gives nobody anything."""
    role: shapes.Role = grant.role  # type: ignore[assignment]  # the table holds no other
    if grant.principal == "group":
        return shapes.Grant(role, group=grant.principal_id) if grant.principal_id in groups else None
    email = _who(emails, grant.principal_id)
    return None if email is None else shapes.Grant(role, member=email)


async def people(unit: ReadUnit) -> shapes.People:
    """Members and groups; no secret is among what is known of them."""
    members = await queries.people(unit)
    emails = {member.id: user.email for member, user in members}
    return shapes.People(
        members=[
            shapes.Member(
                email=user.email,
                name=user.name,
                role=member.role,  # type: ignore[arg-type]  # the table holds no other
                active=member.deactivated_at is None and user.deactivated_at is None,
                created_at=member.created_at,
            )
            for member, user in members
        ],
        groups=[
            shapes.Group(group.id, group.name, _all(emails, inside), group.created_at)
            for group, inside in await queries.groups(unit)
        ],
    )


async def tree(unit: ReadUnit) -> Sequence[shapes.Folder]:
    """All folders, parents first."""
    rows, access = await queries.folders(unit), await queries.access(unit)
    members = [grant.principal_id for grants in access.values() for grant in grants if grant.principal == "member"]
    emails = await queries.emails(unit, [*members, *(row.created_by for row in rows)])
    groups = {group.id for group, _members in await queries.groups(unit)}
    return [_folder(row, access.get(row.id), emails, groups) for row in rows]


def _who(emails: Emails, id_: UUID | None) -> str | None:
    return None if id_ is None else emails.get(id_)


def _all(emails: Emails, ids: Sequence[UUID]) -> list[str]:
    return sorted(emails[id_] for id_ in ids if id_ in emails)
