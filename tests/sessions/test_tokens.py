"""Personal access tokens, below HTTP."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from sqlalchemy import select

from dossier import sessions, users
from dossier.core.actor import NOBODY, Actor, NotAllowed
from dossier.core.errors import Invalid, Unauthenticated
from dossier.core.ids import digest, new_id
from dossier.core.web import Wire
from dossier.sessions import service
from dossier.sessions.errors import TokenNotFound
from dossier.sessions.models import TokenRow
from tests.users.house import House


async def identity(house: House, token: str) -> service.Identity:
    async with house.units.read(NOBODY) as unit:
        return await service.by_token(unit, token)


async def create(house: House, token: str, *scopes: str, name: str = "t", **by: float) -> Wire:
    """Make a token as the bearer of another one."""
    who = await identity(house, token)
    actor = who.actor(who.memberships[0])
    expires = house.clock() + timedelta(**by) if by else None
    return await house.units.run(actor, lambda unit: sessions.create_token(unit, name, scopes, expires, who.expires_at))


class TestMakeToken:
    async def test_keeps_only_the_digest(self, house: House) -> None:
        token = await house.token(house.owner, "write", "read")
        assert token.startswith("dsr_")
        async with house.units.read(NOBODY) as unit:
            row = (await unit.session.scalars(select(TokenRow))).one()
        assert (row.secret_hash, row.scopes) == (digest(token), "read write")
        event = (await house.events())[-1]
        assert event.type == "token.created"
        assert token not in str(event.data)

    @pytest.mark.parametrize("scopes", [[], ["root"], ["read", "everything"]])
    async def test_refuses_unknown_scopes(self, house: House, scopes: Iterable[str]) -> None:
        with pytest.raises(Invalid):
            await house.run(lambda unit: sessions.make_token(unit, house.owner, "t", scopes))

    async def test_refuses_an_end_in_the_past(self, house: House) -> None:
        with pytest.raises(Invalid):
            await house.token(house.owner, seconds=-1)

    async def test_only_for_active_members_here(self, house: House) -> None:
        for member_id in (house.stranger, new_id()):
            with pytest.raises(users.UnknownPeople):
                await house.token(member_id)


class TestByToken:
    async def test_is_the_member_in_one_workspace(self, house: House) -> None:
        await house.add("sven@example.com", "viewer")
        token = await house.token(house.stranger, "read", workspace=house.other)
        who = await identity(house, token)
        assert ([mine.slug for mine in who.memberships], who.may) == (["other"], frozenset({"read"}))
        actor = who.actor(who.memberships[0])
        assert (actor.kind, actor.role, actor.member_id) == ("token", "owner", house.stranger)
        with pytest.raises(users.WorkspaceNotFound):
            who.pick("acme")

    async def test_not_a_second_after_its_time(self, house: House) -> None:
        token = await house.token(house.owner, hours=1)
        house.clock.move(minutes=59)
        await identity(house, token)
        house.clock.move(seconds=61)
        with pytest.raises(Unauthenticated):
            await identity(house, token)

    async def test_not_of_a_deactivated_member(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        token = await house.token(tom)
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        with pytest.raises(Unauthenticated):
            await identity(house, token)

    @pytest.mark.parametrize("token", ["", "dsr_", "dsr_unknown", "é", "x" * 10000])
    async def test_not_an_unknown_one(self, house: House, token: str) -> None:
        with pytest.raises(Unauthenticated):
            await identity(house, token)

    async def test_notes_its_last_use(self, house: House) -> None:
        token = await house.token(house.owner)
        who = await identity(house, token)
        assert who.stale
        await house.units.run(NOBODY, lambda unit: service.touch(unit, who, timedelta(days=1)))
        assert not (await identity(house, token)).stale


class TestCreateToken:
    async def test_not_more_than_the_maker_may(self, house: House) -> None:
        token = await house.token(house.owner, "read", "write")
        assert (await create(house, token, "read"))["scopes"] == ["read"]
        for scopes in (["admin"], ["read", "admin"]):
            with pytest.raises(NotAllowed):
                await create(house, token, *scopes)

    async def test_not_longer_than_the_maker_lasts(self, house: House) -> None:
        token = await house.token(house.owner, hours=1)
        end = (await identity(house, token)).expires_at
        assert (await create(house, token, "read"))["expires_at"] == end
        assert (await create(house, token, "read", days=1))["expires_at"] == end
        sooner = (await create(house, token, "read", minutes=1))["expires_at"]
        assert end is not None
        assert sooner < end

    async def test_not_by_the_system(self, house: House) -> None:
        with pytest.raises(NotAllowed):
            await house.run(lambda unit: sessions.create_token(unit, "t", ["read"], None, None))


class TestListTokens:
    async def _list(self, house: House, who: UUID, whose: UUID | None = None) -> list[str]:
        async with house.units.read(Actor.system(house.acme)) as unit:
            actor = await users.actor_of(unit, who)
        assert actor is not None
        async with house.units.read(actor) as unit:
            return [token["name"] for token in (await sessions.list_tokens(unit, whose, 50, None))[0]]

    async def test_ones_own_and_for_owners_anybodys(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        await create(house, await house.token(tom), "read", name="mine")
        assert await self._list(house, tom) == ["t", "mine"]
        assert await self._list(house, tom, tom) == ["t", "mine"]
        assert await self._list(house, house.owner, tom) == ["t", "mine"]
        assert await self._list(house, house.owner) == []
        with pytest.raises(NotAllowed):
            await self._list(house, tom, house.owner)

    async def test_living_ones_of_this_workspace(self, house: House) -> None:
        await house.token(house.owner, hours=1)
        await house.token(house.stranger, workspace=house.other)
        assert await self._list(house, house.owner, house.stranger) == []
        assert await self._list(house, house.owner) == ["t"]
        house.clock.move(hours=1, seconds=1)
        assert await self._list(house, house.owner) == []


class TestRevokeToken:
    async def _id(self, house: House, token: str) -> UUID:
        found = (await identity(house, token)).id
        assert found is not None
        return found

    async def test_ends_it_at_once(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        for revoker in (tom, house.owner):
            token = await house.token(tom)
            id_ = await self._id(house, token)
            await house.act(revoker, partial(sessions.revoke_token, token_id=id_))
            with pytest.raises(Unauthenticated):
                await identity(house, token)
            with pytest.raises(TokenNotFound):
                await house.act(revoker, partial(sessions.revoke_token, token_id=id_))
        assert (await house.told())[-1] == "token.revoked"

    async def test_others_are_not_there(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        token = await house.token(house.owner)
        id_ = await self._id(house, token)
        with pytest.raises(TokenNotFound):
            await house.act(tom, lambda unit: sessions.revoke_token(unit, id_))
        with pytest.raises(TokenNotFound):
            await house.act(house.stranger, lambda unit: sessions.revoke_token(unit, id_), house.other)
        await identity(house, token)
