"""Every SELECT on people, groups, invitations and links: within the unit's workspace, but for the first part."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, select

from dossier.core.actor import Role
from dossier.core.prepared import Prepared
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.users.models import SERVICES, Group, GroupMember, Invitation, Link, Member, User, Workspace, fold

PEOPLE = "users.people"
Query = TypeVar("Query", bound=Select[*tuple[Any, ...]])


@dataclass(frozen=True, slots=True)
class Person:
    """A person across all workspaces, for whoever checks passwords."""

    id: UUID
    email: str
    name: str
    password_hash: str | None = field(repr=False)
    active: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in one workspace, both of them active."""

    member_id: UUID
    user_id: UUID
    name: str
    role: Role
    workspace_id: UUID
    slug: str
    workspace: str


@dataclass(frozen=True, slots=True)
class Invited:
    """An open invitation, as its link shows it."""

    id: UUID
    workspace_id: UUID
    email: str
    role: str


# People across workspaces


async def workspace_by_slug(unit: ReadUnit, slug: str) -> UUID | None:
    """The workspace with this slug, whichever it is."""
    return await unit.session.scalar(select(Workspace.id).where(Workspace.slug == slug))


async def workspace_ids(unit: ReadUnit) -> Sequence[UUID]:
    """All workspaces of the program; for rounds of housekeeping and the set-up."""
    return (await unit.session.execute(select(Workspace.id).order_by(Workspace.id))).scalars().all()


async def workspace(unit: ReadUnit, *, lock: bool = False) -> Workspace:
    """The unit's workspace."""
    query = _locked(select(Workspace).where(Workspace.id == unit.workspace_id), lock)
    return (await unit.session.execute(query)).scalar_one()


async def workspace_slug(unit: ReadUnit) -> str:
    """The slug of the unit's workspace."""
    return (await unit.session.execute(select(Workspace.slug).where(Workspace.id == unit.workspace_id))).scalar_one()


async def workspace_name(unit: ReadUnit) -> str:
    """The name of the unit's workspace."""
    return (await unit.session.execute(select(Workspace.name).where(Workspace.id == unit.workspace_id))).scalar_one()


async def user(unit: ReadUnit, id_: UUID, *, lock: bool = False) -> User | None:
    """A person by id, in whatever workspaces."""
    return await unit.session.scalar(_locked(select(User).where(User.id == id_), lock))


async def user_by_email(unit: ReadUnit, email: str, *, lock: bool = False) -> User | None:
    """A person by e-mail, in whatever workspaces."""
    return await unit.session.scalar(_locked(select(User).where(User.email_key == fold(email)), lock))


async def memberships(unit: ReadUnit, **of: UUID) -> list[Membership]:
    """The active memberships with this ``id``, or of this ``user_id``, by the name of the workspace."""
    ((name, value),) = of.items()
    return [Membership(*row) for row in await _MEMBERSHIPS[name].rows(unit, {"of": value})]


def active() -> ColumnElement[bool]:
    """Neither the membership nor the person is deactivated."""
    return and_(Member.deactivated_at.is_(None), User.deactivated_at.is_(None))


# Asked with every request, so on tables and made once.
M, U, W = (model.__table__.c for model in (Member, User, Workspace))
_NAMED = Member.__table__.join(User.__table__, U.id == M.user_id)
_PLACED = _NAMED.join(Workspace.__table__, W.id == M.workspace_id)
_ACTIVE: Any = select(M.id, M.user_id, U.name, M.role, W.id, W.slug, W.name).select_from(_PLACED)
_ACTIVE = _ACTIVE.where(M.deactivated_at.is_(None), U.deactivated_at.is_(None)).order_by(W.name, W.id)
_MEMBERSHIPS = {name: Prepared(_ACTIVE.where(M[name] == bindparam("of"))) for name in ("id", "user_id")}
_THESE = (M.workspace_id == bindparam("workspace"), M.id.in_(bindparam("ids", expanding=True)))
_PEOPLE = Prepared(select(M.id, U.name).select_from(_NAMED).where(*_THESE))


def _locked(query: Query, lock: bool) -> Query:
    return query.with_for_update().execution_options(populate_existing=True) if lock else query


# Members of this workspace


async def people(unit: ReadUnit, ids: Iterable[UUID]) -> dict[UUID, Wire]:
    """``{"id", "name"}`` of members of this workspace by id, deactivated ones too; unknown ids are left out."""
    known: dict[UUID, Wire] = unit.memo.setdefault(PEOPLE, {})
    wanted = set(ids)
    if missing := wanted - known.keys():
        values = {"workspace": unit.workspace_id, "ids": list(missing)}
        for id_, name in await _PEOPLE.rows(unit, values):
            known[id_] = {"id": id_, "name": name}
    return {id_: known[id_] for id_ in wanted & known.keys()}


async def known_members(unit: ReadUnit, ids: Collection[UUID]) -> set[UUID]:
    """Which of these are active members."""
    query = select(Member.id).join(User, User.id == Member.user_id)
    query = query.where(_here(unit, Member), Member.id.in_(ids), active())
    return set((await unit.session.scalars(query)).all())


async def active_roles(unit: ReadUnit, ids: Collection[UUID]) -> dict[UUID, str]:
    """The active members among these, with their roles in the workspace."""
    query = select(Member.id, Member.role).join(User, User.id == Member.user_id)
    rows = await unit.session.execute(query.where(_here(unit, Member), Member.id.in_(ids), active()))
    return {row[0]: row[1] for row in rows}


async def active_names(unit: ReadUnit, limit: int) -> Sequence[tuple[UUID, str]]:
    """Active members with their names, in the order they came."""
    query = select(Member.id, User.name).join(User, User.id == Member.user_id).where(_here(unit, Member), active())
    return (await unit.session.execute(query.order_by(Member.id).limit(limit))).all()


async def members_by_id(unit: ReadUnit, ids: Collection[UUID]) -> Sequence[tuple[Member, User]]:
    """These members, in the order they came."""
    query = select(Member, User).join(User, User.id == Member.user_id).where(_here(unit, Member), Member.id.in_(ids))
    return (await unit.session.execute(query.order_by(Member.id))).all()


async def members(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[tuple[Member, User]]:
    """Members in the order they came, one more than ``limit``."""
    query = select(Member, User).join(User, User.id == Member.user_id).where(_here(unit, Member))
    return (await unit.session.execute(_page(query, Member.id, limit, after))).all()


async def member(unit: ReadUnit, id_: UUID) -> tuple[Member, User] | None:
    """One member, active or not; locked."""
    await unit.session.execute(_locked(select(Member).where(_here(unit, Member), Member.id == id_), True))
    query = select(Member, User).join(User, User.id == Member.user_id).where(_here(unit, Member), Member.id == id_)
    return (await unit.session.execute(query)).one_or_none()


async def user_of(unit: ReadUnit, id_: UUID) -> UUID | None:
    """The person behind a member, active or not."""
    return await unit.session.scalar(select(Member.user_id).where(_here(unit, Member), Member.id == id_))


async def member_of(unit: ReadUnit, user_id: UUID) -> Member | None:
    """The membership of a person, active or not; locked."""
    query = select(Member).where(_here(unit, Member), Member.user_id == user_id)
    return await unit.session.scalar(_locked(query, True))


async def lock_owners(unit: ReadUnit) -> set[UUID]:
    """The active owners who are people, locked in the order of their ids, so that two cannot leave at the same moment."""
    service = exists().where(User.id == Member.user_id, User.email_key.endswith(SERVICES))
    query = select(Member).where(_here(unit, Member), Member.role == "owner", Member.deactivated_at.is_(None), ~service)
    return {owner.id for owner in await unit.session.scalars(_locked(query.order_by(Member.id), True))}


async def owner_emails(unit: ReadUnit) -> dict[UUID, str]:
    """Member id → e-mail of the active owners who are people."""
    query = select(Member.id, User.email).join(User, User.id == Member.user_id)
    query = query.where(_here(unit, Member), Member.role == "owner", active(), ~User.email_key.endswith(SERVICES))
    return {row[0]: row[1] for row in await unit.session.execute(query.order_by(Member.id))}


# Groups


def groups_of(member_id: Any) -> Select[UUID]:
    """The ids of the groups that a member is in, as a query to put into an ``IN``."""
    return select(GroupMember.group_id).where(GroupMember.member_id == member_id)


async def members_in(unit: ReadUnit, group_ids: Collection[UUID]) -> set[UUID]:
    """Who is in at least one of these groups."""
    return {member_id for _, member_id in await in_groups(unit, Group.id.in_(group_ids))} if group_ids else set()


async def known_groups(unit: ReadUnit, ids: Collection[UUID]) -> set[UUID]:
    """Which of these are groups."""
    return set((await unit.session.scalars(select(Group.id).where(_here(unit, Group), Group.id.in_(ids)))).all())


async def groups(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[Group]:
    """Groups in the order they were made, one more than ``limit``."""
    return (await unit.session.scalars(_page(select(Group).where(_here(unit, Group)), Group.id, limit, after))).all()


async def group(unit: ReadUnit, id_: UUID, *, lock: bool = False) -> Group | None:
    """One group."""
    query = select(Group).where(_here(unit, Group), Group.id == id_)
    return await unit.session.scalar(_locked(query, lock))


async def group_named(unit: ReadUnit, name: str) -> UUID | None:
    """The group with this name, compared without case."""
    return await unit.session.scalar(select(Group.id).where(_here(unit, Group), Group.name_key == fold(name)))


async def in_groups(unit: ReadUnit, which: ColumnElement[bool]) -> Sequence[tuple[UUID, UUID]]:
    """Pairs (group, member), in a steady order."""
    query = select(GroupMember.group_id, GroupMember.member_id).join(Group, Group.id == GroupMember.group_id)
    query = query.where(_here(unit, Group), which).order_by(GroupMember.group_id, GroupMember.member_id)
    return (await unit.session.execute(query)).all()


# Invitations and links


def is_open(unit: ReadUnit) -> ColumnElement[bool]:
    """Neither accepted nor revoked nor expired."""
    return and_(Invitation.accepted_at.is_(None), Invitation.revoked_at.is_(None), Invitation.expires_at > unit.now)


async def invitations(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[Invitation]:
    """Open invitations in the order they were made, one more than ``limit``."""
    query = select(Invitation).where(_here(unit, Invitation), is_open(unit))
    return (await unit.session.scalars(_page(query, Invitation.id, limit, after))).all()


async def lock_invitations(unit: ReadUnit, which: ColumnElement[bool]) -> Sequence[Invitation]:
    """The open ones among these, locked."""
    query = select(Invitation).where(_here(unit, Invitation), is_open(unit), which).order_by(Invitation.id)
    return (await unit.session.scalars(_locked(query, True))).all()


async def invited(unit: ReadUnit, id_: UUID) -> Invited | None:
    """An open invitation of whatever workspace, for whoever holds its link."""
    query = select(Invitation.id, Invitation.workspace_id, Invitation.email, Invitation.role)
    row = (await unit.session.execute(query.where(Invitation.id == id_, is_open(unit)))).one_or_none()
    return None if row is None else Invited(*row)


async def link(unit: ReadUnit, kind: str, secret_hash: bytes) -> Link | None:
    """A link that is still good."""
    query = select(Link).where(Link.secret_hash == secret_hash, Link.kind == kind)
    return await unit.session.scalar(query.where(Link.used_at.is_(None), Link.expires_at > unit.now))


async def count_links(unit: ReadUnit, kind: str, subject_id: UUID) -> int:
    """How many links to this subject are still good."""
    query = select(func.count()).where(Link.kind == kind, Link.subject_id == subject_id)
    return (await unit.session.scalar(query.where(Link.used_at.is_(None), Link.expires_at > unit.now))) or 0


def _here(unit: ReadUnit, table: type[Member] | type[Group] | type[Invitation]) -> ColumnElement[bool]:
    return table.workspace_id == unit.workspace_id


def _page(query: Query, id_: Any, limit: int, after: UUID | None) -> Query:
    if after is not None:
        query = query.where(id_ > after)
    return query.order_by(id_).limit(limit + 1)
