"""Invitations."""

from datetime import timedelta
from functools import partial

import pytest

from dossier import users
from dossier.core.actor import NOBODY, Actor, NotAllowed
from dossier.core.errors import Conflict, Invalid
from dossier.core.ids import new_id
from dossier.core.web import Wire
from dossier.users.errors import InvitationNotFound
from tests.users.house import House


async def invite(house: House, email: str = "tom@example.com", role: str = "editor") -> Wire:
    return await house.act(house.owner, lambda unit: users.invite(unit, email, role, house.settings))


def secret_of(invitation: Wire) -> str:
    return str(invitation["url"]).partition("#")[2]


async def accept(house: House, secret: str, name: str | None = "Tom", hash_: str | None = "h") -> users.Membership:
    return await house.run(lambda unit: users.accept_invitation(unit, secret, name, hash_))


class TestInvite:
    async def test_shows_a_link_and_promises_a_mail(self, house: House) -> None:
        made = await invite(house)
        assert made["url"].startswith("http://dossier.test/join#")
        assert made["created_by"] == {"id": house.owner, "name": "Olga"}
        assert await house.jobs() == [("users.send_invitation", {"invitation_id": str(made["id"])})]
        event = (await house.events())[-1]
        assert (event.type, event.data["email"], event.data["role"]) == (
            "invitation.created",
            "tom@example.com",
            "editor",
        )
        assert secret_of(made) not in str([one.data for one in await house.events()])

    async def test_replaces_an_open_one(self, house: House) -> None:
        first = await invite(house, role="owner")
        second = await invite(house, "TOM@example.com", "viewer")
        with pytest.raises(users.LinkEnded):
            await accept(house, secret_of(first))
        assert (await accept(house, secret_of(second))).role == "viewer"

    async def test_lasts_as_long_as_is_said(self, house: House) -> None:
        made = await house.act(
            house.owner, lambda unit: users.invite(unit, "t@example.com", "viewer", house.settings, 3)
        )
        assert made["expires_at"] - made["created_at"] == timedelta(days=3)

    async def test_not_a_member(self, house: House) -> None:
        with pytest.raises(users.AlreadyMember):
            await invite(house, "Olga@Example.com")

    async def test_needs_an_owner(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        with pytest.raises(NotAllowed):
            await house.act(tom, lambda unit: users.invite(unit, "x@example.com", "viewer", house.settings))


class TestListInvitations:
    async def test_only_open_ones_of_this_workspace(self, house: House) -> None:
        await house.run(lambda unit: users.invite(unit, "far@example.com", "viewer", house.settings), house.other)
        gone, done, kept = [await invite(house, f"{name}@example.com") for name in ("a", "b", "c")]
        await house.run(lambda unit: users.revoke_invitation(unit, gone["id"]))
        await accept(house, secret_of(done))
        async with house.units.read(Actor.system(house.acme)) as unit:
            page, _ = await users.list_invitations(unit, 10, None)
        assert [one["id"] for one in page] == [kept["id"]]
        assert "url" not in page[0]
        house.clock.move(days=house.settings.invitation_days, seconds=1)
        async with house.units.read(Actor.system(house.acme)) as unit:
            assert await users.list_invitations(unit, 10, None) == ([], None)


class TestRevokeInvitation:
    async def test_ends_every_link(self, house: House) -> None:
        made = await invite(house)
        await house.work()
        await house.run(lambda unit: users.revoke_invitation(unit, made["id"]))
        for secret in (secret_of(made), house.mail.secret()):
            with pytest.raises(users.LinkEnded):
                await accept(house, secret)
        with pytest.raises(InvitationNotFound):
            await house.run(lambda unit: users.revoke_invitation(unit, made["id"]))

    async def test_not_another_workspaces(self, house: House) -> None:
        made = await invite(house)
        for id_ in (made["id"], new_id()):
            with pytest.raises(InvitationNotFound):
                await house.run(partial(users.revoke_invitation, invitation_id=id_), house.other)


class TestFindInvited:
    async def test_shows_what_is_offered_and_keeps_the_link(self, house: House) -> None:
        made = await invite(house)
        async with house.units.read(NOBODY) as unit:
            found = await users.find_invited(unit, secret_of(made))
        assert found == users.Invited(made["id"], house.acme, "tom@example.com", "editor")
        await accept(house, secret_of(made))


class TestAcceptInvitation:
    async def test_makes_a_new_person(self, house: House) -> None:
        made = await invite(house)
        mine = await accept(house, secret_of(made))
        assert (mine.name, mine.role, mine.workspace_id) == ("Tom", "editor", house.acme)
        assert (await house.told())[-2:] == ["member.added", "invitation.accepted"]
        with pytest.raises(users.LinkEnded):
            await accept(house, secret_of(made))

    async def test_takes_a_known_person(self, house: House) -> None:
        made = await invite(house, "sven@example.com")
        mine = await accept(house, secret_of(made), "Evil", None)
        assert (mine.name, mine.role) == ("Sven", "editor")

    async def test_takes_a_former_member_back(self, house: House) -> None:
        tom = await house.add("tom@example.com", "viewer")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        mine = await accept(house, secret_of(await invite(house)), None, None)
        assert (mine.member_id, mine.role) == (tom, "editor")

    async def test_refuses_where_the_person_came_in_between(self, house: House) -> None:
        made = await invite(house, "sven@example.com")
        with pytest.raises(Conflict):
            await accept(house, secret_of(made), "Sven", "a hash for a new person")

    async def test_refuses_who_became_a_member(self, house: House) -> None:
        made = await invite(house)
        await house.add("tom@example.com", "viewer")
        with pytest.raises(users.AlreadyMember):
            await accept(house, secret_of(made), None, None)

    async def test_needs_a_name(self, house: House) -> None:
        with pytest.raises(Invalid):
            await accept(house, secret_of(await invite(house)), None)

    async def test_not_in_another_workspace(self, house: House) -> None:
        secret = secret_of(await invite(house))
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.accept_invitation(unit, secret, "Tom", "h"), house.other)

    async def test_not_a_second_after_its_time(self, house: House) -> None:
        made = await invite(house)
        house.clock.move(days=house.settings.invitation_days, seconds=1)
        with pytest.raises(users.LinkEnded):
            await accept(house, secret_of(made))


class TestForgetExpired:
    async def test_drops_what_ended_long_ago(self, house: House) -> None:
        made = await invite(house)
        await house.run(users.forget_expired)
        await house.run(lambda unit: users.find_link(unit, "invite", secret_of(made)))
        house.clock.move(days=house.settings.invitation_days + 91)
        await house.run(users.forget_expired)
        house.clock.move(days=-house.settings.invitation_days - 91)
        async with house.units.read(Actor.system(house.acme)) as unit:
            assert await users.list_invitations(unit, 10, None) == ([], None)
            with pytest.raises(users.LinkEnded):
                await users.find_link(unit, "invite", secret_of(made))
