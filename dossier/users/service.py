"""The verbs on workspaces and the people in them."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from dossier.core import events, paging, passwords
from dossier.core.actor import Actor, Role
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.users import queries
from dossier.users.errors import LastOwner, MemberNotFound, SlugTaken, UnknownPeople
from dossier.users.models import SLUG, GroupMember, Member, User, Workspace, email_fault, fold, name_fault
from dossier.users.queries import Membership, Person

# Workspaces


async def create_workspace(unit: Unit, slug: str, name: str) -> None:
    """Make the unit's workspace (with ``unit.workspace_id``) and its event counter. Raises Invalid, SlugTaken."""
    if not SLUG.fullmatch(slug):
        raise Invalid(fields={"slug": "Lower-case letters, digits and hyphens inside, at most 63."})
    _check_name(name)
    if await queries.workspace_by_slug(unit, slug) is not None:
        raise SlugTaken
    unit.session.add(Workspace(id=unit.workspace_id, slug=slug, name=name.strip(), created_at=unit.now))
    unit.session.add(events.EventCounter(workspace_id=unit.workspace_id, seq=0))
    await unit.session.flush()
    unit.record("workspace.created", slug=slug, name=name.strip())


async def find_workspace(unit: ReadUnit, slug: str) -> UUID | None:
    """The id of the workspace with this slug, whichever the unit's own is; None where there is none."""
    return await queries.workspace_by_slug(unit, slug)


async def get_workspace(unit: ReadUnit) -> Wire:
    """The unit's workspace: id, slug, name, created_at."""
    row = await queries.workspace(unit)
    return {"id": row.id, "slug": row.slug, "name": row.name, "created_at": row.created_at}


async def rename_workspace(unit: Unit, name: str) -> str:
    """Give the workspace another name; the one before. The slug in addresses stays. Needs an owner. Raises Invalid."""
    unit.actor.require_admin()
    _check_name(name)
    row = await queries.workspace(unit, lock=True)
    before, row.name = row.name, name.strip()
    return before


# People, across workspaces: for the sessions room


async def find_person(unit: ReadUnit, who: str | UUID) -> Person | None:
    """A person by e-mail or id, in whatever workspaces, with the password's hash."""
    user = await (queries.user(unit, who) if isinstance(who, UUID) else queries.user_by_email(unit, who))
    if user is None:
        return None
    return Person(user.id, user.email, user.name, user.password_hash, user.deactivated_at is None)


async def memberships(unit: ReadUnit, user_id: UUID) -> list[Membership]:
    """The workspaces that a person is in, by name; none where the person or every membership is deactivated."""
    return await queries.memberships(unit, user_id=user_id)


async def membership(unit: ReadUnit, member_id: UUID) -> Membership | None:
    """The membership with this id in whatever workspace; None where it or the person is deactivated."""
    return next(iter(await queries.memberships(unit, id=member_id)), None)


async def user_of(unit: ReadUnit, member_id: UUID) -> UUID | None:
    """The person behind a member of this workspace, active or not."""
    return await queries.user_of(unit, member_id)


async def set_password(unit: Unit, user_id: UUID, password_hash: str, *, before: str | None) -> bool:
    """Set the hash where it still is ``before``, and say so in the log of each workspace of the person.

    The last thing that a Unit does, since it takes event numbers of several workspaces.
    """
    user = await queries.user(unit, user_id, lock=True)
    if user is None or user.password_hash != before:
        return False
    user.password_hash = password_hash
    for mine in sorted(await memberships(unit, user_id), key=lambda mine: mine.workspace_id):
        actor = Actor(mine.workspace_id, mine.member_id, user_id, mine.name, "viewer")
        changed = events.NewEvent("password.changed", None, None, None, {"member_id": str(mine.member_id)})
        await events.write(unit, actor, [changed])
    return True


async def rehash(unit: Unit, user_id: UUID, password_hash: str) -> None:
    """Keep the same password under today's parameters; no event, since nothing changed for people."""
    user = await queries.user(unit, user_id, lock=True)
    if user is not None:
        user.password_hash = password_hash


async def rename_person(unit: Unit, user_id: UUID, name: str) -> None:
    """Give a person another name, in all their workspaces. Raises Invalid."""
    _check_name(name)
    user = await queries.user(unit, user_id, lock=True)
    if user is not None:
        user.name = name.strip()


async def new_user(unit: Unit, email: str, name: str, password_hash: str | None, *, service: bool = False) -> User:
    """A person nobody knew, or a program. Raises Invalid."""
    _check_name(name)
    if fault := email_fault(email, service=service):
        raise Invalid(fields={"email": fault})
    user = User(id=new_id(), email=email, email_key=fold(email), name=name.strip(), created_at=unit.now)
    user.password_hash = password_hash
    unit.session.add(user)
    await unit.session.flush()
    return user


# Members


async def add_member(
    unit: Unit, email: str, name: str, role: Role, password: str | None = None, *, overwrite: bool = False
) -> UUID:
    """Make the person with this e-mail an active member in ``role``; the member's id.

    An unknown person is created with ``name`` and ``password``. A known one keeps both, unless ``overwrite`` sets the
    password; a known member is reactivated and given the role. Raises Invalid, UnfitPassword, LastOwner, NotAllowed.
    """
    unit.actor.require_admin()
    if fault := email_fault(email):
        raise Invalid(fields={"email": fault})
    hash_ = None if password is None else await passwords.hash_new(password, email)
    user = await queries.user_by_email(unit, email, lock=True)
    if user is None:
        return await enrol(unit, await new_user(unit, email, name, hash_), role)
    member_id = await enrol(unit, user, role)
    if overwrite and hash_ is not None:
        user.password_hash = hash_
        unit.record("password.changed", member_id=str(member_id))
    return member_id


async def enrol(unit: Unit, user: User, role: str) -> UUID:
    """Make a person an active member in ``role``, whoever does it; the member's id. Raises LastOwner."""
    owners = await queries.lock_owners(unit)
    member = await queries.member_of(unit, user.id)
    if member is None:
        member = Member(id=new_id(), workspace_id=unit.workspace_id, user_id=user.id, role=role, created_at=unit.now)
        unit.session.add(member)
        await unit.session.flush()
        unit.record("member.added", member_id=str(member.id), name=user.name, role=role)
        return member.id
    _set_role(unit, member, role, owners)
    _set_active(unit, member, True, owners)
    return member.id


async def find_member(unit: ReadUnit, email: str) -> UUID | None:
    """The active member with this e-mail in the workspace, or None."""
    user = await queries.user_by_email(unit, email)
    found = [] if user is None else await memberships(unit, user.id)
    return next((mine.member_id for mine in found if mine.workspace_id == unit.workspace_id), None)


async def list_members(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the members, deactivated ones too. E-mails of people are shown to owners and to oneself."""
    last = paging.decode(after, UUID) or (None,)
    rows = list(await queries.members(unit, limit, last[0]))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row[0].id))
    return await _wires(unit, kept), next_


async def search_members(unit: ReadUnit, fits: Callable[[str], bool], limit: int, most: int = 5000) -> list[Wire]:
    """The first active members whose names fit; of more than ``most`` members only the first are looked at."""
    found = [id_ for id_, name in await queries.active_names(unit, most) if fits(name)][:limit]
    return await _wires(unit, list(await queries.members_by_id(unit, found))) if found else []


async def update_member(unit: Unit, member_id: UUID, *, role: Role | None = None, active: bool | None = None) -> Wire:
    """Change role, activity or both. Needs an owner. Raises MemberNotFound, LastOwner, NotAllowed."""
    unit.actor.require_admin()
    return await _change(unit, member_id, role, active)


async def deactivate_member(unit: Unit, member_id: UUID) -> None:
    """End a membership; sessions and tokens end with it, at once. Owners may, and everybody may leave.

    Raises MemberNotFound, LastOwner, NotAllowed.
    """
    if member_id == unit.actor.member_id:
        unit.actor.require_scope("admin")
    else:
        unit.actor.require_admin()
    await _change(unit, member_id, None, False)


async def reactivate_member(unit: Unit, member_id: UUID) -> None:
    """Take a former member back, with the role and groups of before. Raises MemberNotFound, NotAllowed."""
    await update_member(unit, member_id, active=True)


async def _change(unit: Unit, member_id: UUID, role: Role | None, active: bool | None) -> Wire:
    owners = await queries.lock_owners(unit)
    row = await queries.member(unit, member_id)
    if row is None:
        raise MemberNotFound
    if role is not None:
        _set_role(unit, row[0], role, owners)
    if active is not None:
        _set_active(unit, row[0], active, owners)
    return (await _wires(unit, [row]))[0]


def _set_role(unit: Unit, member: Member, role: str, owners: set[UUID]) -> None:
    if role != "owner" and owners == {member.id}:
        raise LastOwner("Make somebody else an owner first.")
    if member.role != role:
        unit.record("member.updated", member_id=str(member.id), role=role, before=member.role)
        member.role = role


def _set_active(unit: Unit, member: Member, active: bool, owners: set[UUID]) -> None:
    if not active and owners == {member.id}:
        raise LastOwner("Make somebody else an owner first.")
    if active != (member.deactivated_at is None):
        unit.record("member.reactivated" if active else "member.deactivated", member_id=str(member.id))
        member.deactivated_at = None if active else unit.now


async def _wires(unit: ReadUnit, rows: list[tuple[Member, User]]) -> list[Wire]:
    groups: dict[UUID, list[UUID]] = {}
    pairs = await queries.in_groups(unit, GroupMember.member_id.in_([member.id for member, _ in rows]))
    for group_id, member_id in pairs:
        groups.setdefault(member_id, []).append(group_id)
    return [_wire(unit.actor, member, user, groups.get(member.id, [])) for member, user in rows]


def _wire(actor: Actor, member: Member, user: User, group_ids: list[UUID]) -> Wire:
    shown: dict[str, Any] = {"id": member.id, "name": user.name, "email": None, "role": member.role}
    if (actor.role == "owner" or actor.member_id == member.id) and not user.is_service:
        shown["email"] = user.email
    is_active = member.deactivated_at is None and user.deactivated_at is None
    return shown | {"active": is_active, "group_ids": group_ids, "created_at": member.created_at}


def _check_name(name: str) -> None:
    if fault := name_fault(name):
        raise Invalid(fields={"name": fault})


async def actor_of(unit: ReadUnit, member_id: UUID) -> Actor | None:
    """The actor that an active member of this workspace is, for work on their behalf; None where there is none."""
    mine = await membership(unit, member_id)
    if mine is None or mine.workspace_id != unit.workspace_id:
        return None
    return Actor(mine.workspace_id, mine.member_id, mine.user_id, mine.name, mine.role)


# What other rooms ask before they name somebody


async def member_exists(unit: ReadUnit, member_id: UUID) -> bool:
    """Whether this is an active member of the workspace."""
    return bool(await queries.known_members(unit, {member_id}))


async def require_members(unit: ReadUnit, ids: Iterable[UUID], field: str = "member_ids") -> None:
    """Refuse (422 UnknownPeople, under ``field``) unless all are active members of the workspace."""
    wanted = set(ids)
    if wanted and (unknown := wanted - await queries.known_members(unit, wanted)):
        raise _unknown("member", field, unknown)


async def require_groups(unit: ReadUnit, ids: Iterable[UUID], field: str = "group_ids") -> None:
    """Refuse (422 UnknownPeople, under ``field``) unless all are groups of the workspace."""
    wanted = set(ids)
    if wanted and (unknown := wanted - await queries.known_groups(unit, wanted)):
        raise _unknown("group", field, unknown)


def _unknown(kind: str, field: str, ids: Iterable[UUID]) -> UnknownPeople:
    return UnknownPeople(fields={field: f"No such {kind} here: {', '.join(sorted(map(str, ids)))}."})
