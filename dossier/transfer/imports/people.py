"""People and groups of an export: whoever is here stays as they are; others come as former members, without a password."""

from dataclasses import dataclass
from uuid import UUID

from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.transfer import shapes
from dossier.transfer.errors import ExportUnfit
from dossier.transfer.imports import queries
from dossier.transfer.imports.ids import derived
from dossier.users.models import Group, GroupMember, Member, User, email_fault, fold, name_fault


@dataclass(frozen=True, slots=True)
class People:
    """Who the people and groups of an export are here."""

    members: dict[str, UUID]
    groups: dict[UUID, UUID]

    def member(self, email: str | None) -> UUID | None:
        """The member with this e-mail; None is the system. Raises ExportUnfit for somebody whom the export forgot."""
        if email is None:
            return None
        try:
            return self.members[fold(email)]
        except KeyError:
            raise ExportUnfit(f"The export does not say who {email} is.") from None

    def group(self, source: UUID) -> UUID:
        """The group that is ``source`` in the export. Raises ExportUnfit."""
        if source not in self.groups:
            raise ExportUnfit(f"The export does not have the group {source}.")
        return self.groups[source]


async def bring(unit: Unit, people: shapes.People) -> People:
    """Make the members and groups that are not here yet. Raises ExportUnfit."""
    _check(people)
    known = await queries.users(unit, [member.email for member in people.members])
    members = await queries.member_ids(unit)
    for each in people.members:
        if fold(each.email) not in members:
            members[fold(each.email)] = await _add_member(unit, each, known.get(fold(each.email)))
    found = People(members, {})
    groups = await queries.groups(unit)
    for group in people.groups:
        mine = groups.get(fold(group.name))
        found.groups[group.id] = await _add_group(unit, group, found) if mine is None else mine.id
    return found


def _check(people: shapes.People) -> None:
    faults = [email_fault(member.email, service=True) or name_fault(member.name) for member in people.members]
    faults += [name_fault(group.name) for group in people.groups]
    if fault := next(filter(None, faults), None):
        raise ExportUnfit(f"{shapes.PEOPLE}: {fault}")


async def _add_member(unit: Unit, wanted: shapes.Member, user: User | None) -> UUID:
    if user is None:
        user = User(id=new_id(), email=wanted.email, email_key=fold(wanted.email), name=wanted.name.strip())
        user.password_hash, user.created_at = None, wanted.created_at
        unit.session.add(user)
        await unit.session.flush()
    member = Member(id=new_id(), workspace_id=unit.workspace_id, user_id=user.id, role=wanted.role)
    member.created_at, member.deactivated_at = wanted.created_at, unit.now
    unit.session.add(member)
    await unit.session.flush()
    unit.record("member.added", member_id=str(member.id), name=user.name, role=wanted.role, active=False)
    return member.id


async def _add_group(unit: Unit, wanted: shapes.Group, people: People) -> UUID:
    group = Group(id=derived(unit.workspace_id, wanted.id), workspace_id=unit.workspace_id, name=wanted.name)
    group.name_key, group.created_at = fold(wanted.name), wanted.created_at
    unit.session.add(group)
    await unit.session.flush()
    inside = sorted({id_ for id_ in map(people.member, wanted.members) if id_})
    unit.session.add_all(GroupMember(group_id=group.id, member_id=id_) for id_ in inside)
    unit.record("group.created", group_id=str(group.id), name=group.name, member_ids=[str(id_) for id_ in inside])
    return group.id
