"""The verbs on groups: some members under one name, to give access to. Everybody sees them; owners change them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import delete

from dossier.core import paging
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.users import queries
from dossier.users.errors import GroupNameTaken, GroupNotFound
from dossier.users.models import Group, GroupMember, fold
from dossier.users.service import require_members


async def list_groups(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the groups."""
    last = paging.decode(after, UUID) or (None,)
    kept, next_ = paging.page(
        list(await queries.groups(unit, limit, last[0])), limit, lambda group: paging.encode(group.id)
    )
    return await _wires(unit, kept), next_


async def get_group(unit: ReadUnit, group_id: UUID) -> Wire:
    """One group. Raises GroupNotFound."""
    return (await _wires(unit, [await _group(unit, group_id)]))[0]


async def create_group(unit: Unit, name: str, member_ids: Collection[UUID]) -> Wire:
    """Make a group. Needs an owner. Raises GroupNameTaken, UnknownPeople, NotAllowed."""
    unit.actor.require_admin()
    await _check_free(unit, name, None)
    group = Group(id=new_id(), workspace_id=unit.workspace_id, name=name, name_key=fold(name), created_at=unit.now)
    unit.session.add(group)
    await unit.session.flush()
    await _put_in(unit, group.id, set(member_ids))
    unit.record("group.created", group_id=str(group.id), name=name, member_ids=_texts(member_ids))
    return await get_group(unit, group.id)


async def update_group(
    unit: Unit, group_id: UUID, *, name: str | None = None, member_ids: Collection[UUID] | None = None
) -> Wire:
    """Rename a group, or put another set of members in it. Needs an owner.

    Raises GroupNotFound, GroupNameTaken, UnknownPeople, NotAllowed. Former members who are in it may stay.
    """
    unit.actor.require_admin()
    group = await _group(unit, group_id, lock=True)
    if name is not None:
        await _check_free(unit, name, group.id)
        group.name, group.name_key = name, fold(name)
    if member_ids is not None:
        await _replace(unit, group.id, set(member_ids))
    wire = await get_group(unit, group.id)
    unit.record("group.updated", group_id=str(group.id), name=group.name, member_ids=_texts(wire["member_ids"]))
    return wire


async def delete_group(unit: Unit, group_id: UUID) -> None:
    """Remove a group, and with it what it gave access to. Needs an owner. Raises GroupNotFound, NotAllowed."""
    unit.actor.require_admin()
    group = await _group(unit, group_id, lock=True)
    await unit.session.execute(delete(GroupMember).where(GroupMember.group_id == group.id))
    await unit.session.delete(group)
    unit.record("group.deleted", group_id=str(group.id), name=group.name)


async def _group(unit: ReadUnit, group_id: UUID, *, lock: bool = False) -> Group:
    group = await queries.group(unit, group_id, lock=lock)
    if group is None:
        raise GroupNotFound
    return group


async def _check_free(unit: ReadUnit, name: str, mine: UUID | None) -> None:
    if await queries.group_named(unit, name) not in (None, mine):
        raise GroupNameTaken


async def _replace(unit: Unit, group_id: UUID, wanted: set[UUID]) -> None:
    present = {member_id for _, member_id in await queries.in_groups(unit, Group.id == group_id)}
    gone = present - wanted
    if gone:
        out = delete(GroupMember).where(GroupMember.group_id == group_id, GroupMember.member_id.in_(gone))
        await unit.session.execute(out)
    await _put_in(unit, group_id, wanted - present)


async def _put_in(unit: Unit, group_id: UUID, member_ids: set[UUID]) -> None:
    await require_members(unit, member_ids)
    unit.session.add_all(GroupMember(group_id=group_id, member_id=id_) for id_ in sorted(member_ids))
    await unit.session.flush()


async def _wires(unit: ReadUnit, groups: Sequence[Group]) -> list[Wire]:
    inside: dict[UUID, list[UUID]] = {group.id: [] for group in groups}
    for group_id, member_id in await queries.in_groups(unit, Group.id.in_(inside)):
        inside[group_id].append(member_id)
    return [
        {"id": group.id, "name": group.name, "member_ids": inside[group.id], "created_at": group.created_at}
        for group in groups
    ]


def _texts(ids: Collection[UUID]) -> list[str]:
    return sorted(map(str, ids))
