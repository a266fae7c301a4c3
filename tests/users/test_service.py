"""Workspaces and members."""

from uuid import UUID

import pytest

from dossier import users
from dossier.core import passwords
from dossier.core.actor import NOBODY, Actor, NotAllowed
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.passwords import UnfitPassword
from dossier.core.units import Unit
from tests.users.house import PASSWORD, House


class TestCreateWorkspace:
    async def test_makes_the_units_workspace(self, house: House) -> None:
        id_ = new_id()
        await house.run(lambda unit: users.create_workspace(unit, "new", "  New "), id_)
        events = await house.events(id_)
        assert [(event.type, event.seq, event.data) for event in events] == [
            ("workspace.created", 1, {"slug": "new", "name": "New"})
        ]

    async def test_a_slug_is_taken_once(self, house: House) -> None:
        with pytest.raises(users.SlugTaken):
            await house.run(lambda unit: users.create_workspace(unit, "acme", "Acme"), new_id())

    @pytest.mark.parametrize(("slug", "name", "field"), [("Bad Slug", "x", "slug"), ("good", "a\nb", "name")])
    async def test_refuses_bad_names(self, house: House, slug: str, name: str, field: str) -> None:
        with pytest.raises(Invalid) as caught:
            await house.run(lambda unit: users.create_workspace(unit, slug, name), new_id())
        assert list(caught.value.fields or {}) == [field]


class TestFindWorkspace:
    async def test_finds_by_slug_from_anywhere(self, house: House) -> None:
        async with house.units.read(NOBODY) as unit:
            assert await users.find_workspace(unit, "acme") == house.acme
            assert await users.find_workspace(unit, "none") is None
            assert set(await users.workspace_ids(unit)) == {house.acme, house.other}


class TestAddMember:
    async def test_makes_an_unknown_person(self, house: House) -> None:
        member_id = await house.add("Tom@Example.com", "editor")
        async with house.units.read(Actor.system(house.acme)) as unit:
            person = await users.find_person(unit, "tom@example.COM")
            assert await users.find_member(unit, "TOM@example.com") == member_id
        assert person is not None
        assert person.email == "Tom@Example.com"
        assert await passwords.verify(person.password_hash, PASSWORD)
        assert "member.added" in await house.told()

    async def test_takes_a_known_person_as_they_are(self, house: House) -> None:
        await house.run(lambda unit: users.add_member(unit, "sven@example.com", "Evil", "viewer", "another password"))
        async with house.units.read(NOBODY) as unit:
            person = await users.find_person(unit, "sven@example.com")
            assert person is not None
            assert {mine.slug: mine.role for mine in await users.memberships(unit, person.id)} == {
                "acme": "viewer",
                "other": "owner",
            }
        assert person.name == "Sven"
        assert await passwords.verify(person.password_hash, PASSWORD)

    async def test_overwrites_the_password_where_asked(self, house: House) -> None:
        add = users.add_member
        await house.run(lambda unit: add(unit, "sven@example.com", "", "viewer", "another password", overwrite=True))
        async with house.units.read(NOBODY) as unit:
            person = await users.find_person(unit, "sven@example.com")
        assert person is not None
        assert await passwords.verify(person.password_hash, "another password")

    async def test_reactivates_and_gives_the_role(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        assert await house.add("tom@example.com", "viewer") == tom
        assert (await house.told())[-3:] == ["member.deactivated", "member.updated", "member.reactivated"]

    async def test_does_not_demote_the_last_owner(self, house: House) -> None:
        with pytest.raises(users.LastOwner):
            await house.add("olga@example.com", "viewer")

    @pytest.mark.parametrize(
        ("email", "name", "field"), [("no mail", "x", "email"), ("a@b.c", "", "name"), ("a@b.c", "x\r\ny", "name")]
    )
    async def test_refuses_bad_input(self, house: House, email: str, name: str, field: str) -> None:
        with pytest.raises(Invalid) as caught:
            await house.run(lambda unit: users.add_member(unit, email, name, "viewer"))
        assert list(caught.value.fields or {}) == [field]

    async def test_refuses_a_short_password(self, house: House) -> None:
        with pytest.raises(UnfitPassword):
            await house.add("tom@example.com", password="short")

    async def test_needs_an_owner(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        with pytest.raises(NotAllowed):
            await house.act(tom, lambda unit: users.add_member(unit, "x@example.com", "X", "viewer"))


class TestListMembers:
    async def test_pages_through_this_workspace_only(self, house: House) -> None:
        for name in ("a", "b", "c"):
            await house.add(f"{name}@example.com")
        seen, after = [], None
        async with house.units.read(Actor.system(house.acme)) as unit:
            for _ in range(4):
                page, after = await users.list_members(unit, 1, after)
                seen += [member["name"] for member in page]
        assert (seen, after) == (["Olga", "A", "B", "C"], None)

    async def test_shows_groups(self, house: House) -> None:
        group = await house.run(lambda unit: users.create_group(unit, "Legal", [house.owner]))
        async with house.units.read(Actor.system(house.acme)) as unit:
            page, _ = await users.list_members(unit, 10, None)
        assert page[0]["group_ids"] == [group["id"]]


class TestUpdateMember:
    async def test_changes_the_role(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        wire = await house.run(lambda unit: users.update_member(unit, tom, role="editor"))
        assert (wire["role"], wire["active"]) == ("editor", True)
        event = (await house.events())[-1]
        assert (event.type, event.data) == (
            "member.updated",
            {"member_id": str(tom), "role": "editor", "before": "viewer"},
        )

    async def test_says_nothing_where_nothing_changes(self, house: House) -> None:
        before = await house.told()
        await house.run(lambda unit: users.update_member(unit, house.owner, role="owner", active=True))
        assert await house.told() == before

    async def test_the_last_owner_stays_one(self, house: House) -> None:
        with pytest.raises(users.LastOwner):
            await house.run(lambda unit: users.update_member(unit, house.owner, role="editor"))

    async def test_a_former_owner_does_not_count(self, house: House) -> None:
        second = await house.add("tom@example.com", "owner")
        await house.run(lambda unit: users.deactivate_member(unit, second))
        with pytest.raises(users.LastOwner):
            await house.run(lambda unit: users.update_member(unit, house.owner, role="editor"))

    async def test_one_of_two_owners_may_go(self, house: House) -> None:
        await house.add("tom@example.com", "owner")
        await house.act(house.owner, lambda unit: users.update_member(unit, house.owner, role="viewer"))
        with pytest.raises(NotAllowed):
            await house.act(house.owner, lambda unit: users.update_member(unit, house.owner, role="owner"))

    @pytest.mark.parametrize("who", ["stranger", "nobody"])
    async def test_others_are_not_there(self, house: House, who: str) -> None:
        id_ = house.stranger if who == "stranger" else new_id()
        with pytest.raises(users.MemberNotFound):
            await house.run(lambda unit: users.update_member(unit, id_, role="viewer"))


class TestDeactivateMember:
    async def test_ends_and_begins_again(self, house: House) -> None:
        tom = await house.add("tom@example.com")

        async def there(unit: Unit) -> bool:
            return await users.member_exists(unit, tom)

        await house.run(lambda unit: users.deactivate_member(unit, tom))
        assert not await house.run(there)
        assert await house.run(lambda unit: users.actor_of(unit, tom)) is None
        await house.run(lambda unit: users.reactivate_member(unit, tom))
        assert await house.run(there)

    async def test_everybody_may_leave(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        await house.act(tom, lambda unit: users.deactivate_member(unit, tom))
        assert (await house.told())[-1] == "member.deactivated"

    async def test_nobody_may_throw_others_out(self, house: House) -> None:
        tom, eve = await house.add("tom@example.com", "editor"), await house.add("eve@example.com")
        with pytest.raises(NotAllowed):
            await house.act(tom, lambda unit: users.deactivate_member(unit, eve))

    async def test_the_last_owner_cannot_leave(self, house: House) -> None:
        with pytest.raises(users.LastOwner):
            await house.act(house.owner, lambda unit: users.deactivate_member(unit, house.owner))


class TestPeople:
    async def test_names_members_of_this_workspace_only(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        async with house.units.read(Actor.system(house.acme)) as unit:
            found = await users.people(unit, [tom, house.stranger, new_id()])
            assert found == {tom: {"id": tom, "name": "Tom"}}
            assert await users.people(unit, []) == {}

    async def test_asks_once_per_unit(self, house: House) -> None:
        async with house.units.read(Actor.system(house.acme)) as unit:
            first = await users.people(unit, [house.owner])
            await unit.session.close()
            assert (await users.people(unit, [house.owner]))[house.owner] is first[house.owner]


class TestRequire:
    async def test_members(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        await house.run(lambda unit: users.require_members(unit, [house.owner]))
        await house.run(lambda unit: users.require_members(unit, []))
        unknown = sorted([str(tom), str(house.stranger)])
        with pytest.raises(users.UnknownPeople) as caught:
            await house.run(lambda unit: users.require_members(unit, [house.owner, tom, house.stranger], "assignee"))
        assert caught.value.fields == {"assignee": f"No such member here: {', '.join(unknown)}."}

    async def test_groups(self, house: House) -> None:
        mine = await house.run(lambda unit: users.create_group(unit, "Legal", []))
        theirs = await house.run(lambda unit: users.create_group(unit, "Legal", []), house.other)
        await house.run(lambda unit: users.require_groups(unit, [mine["id"]]))
        with pytest.raises(users.UnknownPeople):
            await house.run(lambda unit: users.require_groups(unit, [mine["id"], theirs["id"]]))


class TestSetPassword:
    async def _user(self, house: House) -> users.Person:
        async with house.units.read(NOBODY) as unit:
            person = await users.find_person(unit, "sven@example.com")
        assert person is not None
        return person

    async def test_tells_every_workspace_of_the_person(self, house: House) -> None:
        await house.add("sven@example.com")
        person = await self._user(house)
        verb = users.set_password
        assert await house.units.run(NOBODY, lambda unit: verb(unit, person.id, "h", before=person.password_hash))
        for workspace in (house.acme, house.other):
            events = await house.events(workspace)
            assert (events[-1].type, events[-1].seq) == ("password.changed", len(events))
            assert events[-1].actor_id == UUID(events[-1].data["member_id"])

    async def test_not_over_a_newer_one(self, house: House) -> None:
        person = await self._user(house)
        assert not await house.units.run(
            NOBODY, lambda unit: users.set_password(unit, person.id, "h", before="older hash")
        )
        assert (await self._user(house)).password_hash == person.password_hash


class TestRenamePerson:
    async def test_refuses_a_bad_name(self, house: House) -> None:
        with pytest.raises(Invalid):
            await house.units.run(NOBODY, lambda unit: users.rename_person(unit, new_id(), "a\nb"))
