"""Groups."""

from functools import partial

import pytest

from dossier import users
from dossier.core.actor import Actor, NotAllowed
from dossier.core.ids import new_id
from dossier.users.errors import GroupNameTaken
from tests.users.house import House


class TestCreateGroup:
    async def test_holds_members(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        group = await house.run(lambda unit: users.create_group(unit, "Legal", [tom, house.owner, tom]))
        assert (group["name"], group["member_ids"]) == ("Legal", sorted([house.owner, tom]))
        async with house.units.read(Actor.system(house.acme)) as unit:
            assert list(await unit.session.scalars(users.groups_of(tom))) == [group["id"]]
            assert await users.get_group(unit, group["id"]) == group
        assert (await house.told())[-1] == "group.created"

    async def test_a_name_is_taken_once_without_case(self, house: House) -> None:
        await house.run(lambda unit: users.create_group(unit, "Légal", []))
        with pytest.raises(GroupNameTaken):
            await house.run(lambda unit: users.create_group(unit, "LE\u0301GAL", []))
        await house.run(lambda unit: users.create_group(unit, "Légal", []), house.other)

    async def test_only_members_of_this_workspace(self, house: House) -> None:
        with pytest.raises(users.UnknownPeople):
            await house.run(lambda unit: users.create_group(unit, "Legal", [house.stranger]))
        async with house.units.read(Actor.system(house.acme)) as unit:
            assert await users.list_groups(unit, 10, None) == ([], None)

    async def test_needs_an_owner(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        with pytest.raises(NotAllowed):
            await house.act(tom, lambda unit: users.create_group(unit, "Legal", []))


class TestUpdateGroup:
    async def test_replaces_the_members(self, house: House) -> None:
        tom, eve = await house.add("tom@example.com"), await house.add("eve@example.com")
        group = await house.run(lambda unit: users.create_group(unit, "Legal", [tom, house.owner]))
        changed = await house.run(lambda unit: users.update_group(unit, group["id"], member_ids=[eve, tom]))
        assert (changed["name"], changed["member_ids"]) == ("Legal", sorted([eve, tom]))
        assert (await house.told())[-1] == "group.updated"

    async def test_renames_also_to_another_case(self, house: House) -> None:
        group = await house.run(lambda unit: users.create_group(unit, "legal", [house.owner]))
        changed = await house.run(lambda unit: users.update_group(unit, group["id"], name="Legal"))
        assert (changed["name"], changed["member_ids"]) == ("Legal", [house.owner])

    async def test_not_to_a_taken_name(self, house: House) -> None:
        await house.run(lambda unit: users.create_group(unit, "Legal", []))
        group = await house.run(lambda unit: users.create_group(unit, "Sales", []))
        with pytest.raises(GroupNameTaken):
            await house.run(lambda unit: users.update_group(unit, group["id"], name="LEGAL"))

    async def test_former_members_may_stay_but_not_come(self, house: House) -> None:
        tom, eve = await house.add("tom@example.com"), await house.add("eve@example.com")
        group = await house.run(lambda unit: users.create_group(unit, "Legal", [tom]))
        for member_id in (tom, eve):
            await house.run(partial(users.deactivate_member, member_id=member_id))
        await house.run(lambda unit: users.update_group(unit, group["id"], member_ids=[tom, house.owner]))
        with pytest.raises(users.UnknownPeople):
            await house.run(lambda unit: users.update_group(unit, group["id"], member_ids=[tom, eve]))

    async def test_another_workspaces_is_not_there(self, house: House) -> None:
        theirs = await house.run(lambda unit: users.create_group(unit, "Legal", []), house.other)
        for id_ in (theirs["id"], new_id()):
            with pytest.raises(users.GroupNotFound):
                await house.run(partial(users.update_group, group_id=id_, name="x"))


class TestDeleteGroup:
    async def test_leaves_the_members(self, house: House) -> None:
        group = await house.run(lambda unit: users.create_group(unit, "Legal", [house.owner]))
        await house.run(lambda unit: users.delete_group(unit, group["id"]))
        async with house.units.read(Actor.system(house.acme)) as unit:
            assert list(await unit.session.scalars(users.groups_of(house.owner))) == []
            assert await users.member_exists(unit, house.owner)
        with pytest.raises(users.GroupNotFound):
            await house.run(lambda unit: users.delete_group(unit, group["id"]))
        assert (await house.told())[-1] == "group.deleted"


class TestListGroups:
    async def test_pages(self, house: House) -> None:
        for name in ("a", "b", "c"):
            await house.run(partial(users.create_group, name=name, member_ids=[]))
        async with house.units.read(Actor.system(house.acme)) as unit:
            first, after = await users.list_groups(unit, 2, None)
            rest, end = await users.list_groups(unit, 2, after)
        assert ([group["name"] for group in first + rest], end) == (["a", "b", "c"], None)
