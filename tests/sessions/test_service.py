"""Sign-in, passwords and invitations by link, below HTTP."""

from datetime import timedelta
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select, update

from dossier import sessions, users
from dossier.core import passwords
from dossier.core.actor import NOBODY
from dossier.core.errors import Invalid, Unauthenticated
from dossier.core.ids import digest
from dossier.sessions import service
from dossier.sessions.errors import WrongPassword
from dossier.sessions.models import SessionRow, TokenRow
from dossier.sessions.schemas import Acceptance
from dossier.users.models import User
from tests.users.house import PASSWORD, House

LASTS = timedelta(days=14)


async def sign_in(house: House, email: str = "olga@example.com", password: str = PASSWORD) -> str:
    return await sessions.sign_in(house.units, email, password, "pytest", LASTS)


async def identity(house: House, secret: str) -> service.Identity:
    async with house.units.read(NOBODY) as unit:
        return await service.by_session(unit, secret)


async def person(house: House, email: str) -> users.Person:
    async with house.units.read(NOBODY) as unit:
        found = await users.find_person(unit, email)
    assert found is not None
    return found


async def deactivate_everywhere(house: House, email: str) -> None:
    gone = update(User).where(User.email_key == email).values(deactivated_at=house.clock())
    await house.run(lambda unit: unit.session.execute(gone))


class TestSignIn:
    async def test_opens_a_session_of_which_only_the_digest_is_kept(self, house: House) -> None:
        secret = await sign_in(house, "OLGA@example.com")
        async with house.units.read(NOBODY) as unit:
            row = (await unit.session.scalars(select(SessionRow))).one()
        assert (row.id_hash, row.user_agent) == (digest(secret), "pytest")
        assert (await identity(house, secret)).memberships[0].member_id == house.owner

    @pytest.mark.parametrize("email", ["olga@example.com", "nobody@example.com", "", "no mail", "\x00", "x" * 400])
    async def test_refuses_alike(self, house: House, email: str) -> None:
        with pytest.raises(sessions.BadCredentials) as caught:
            await sign_in(house, email, "wrong password")
        assert (str(caught.value), caught.value.fields) == ("E-mail or password is wrong", None)

    @pytest.mark.parametrize("case", ["unknown", "without a password", "deactivated", "wrong"])
    async def test_works_as_hard_whatever_is_wrong(
        self, house: House, monkeypatch: pytest.MonkeyPatch, case: str
    ) -> None:
        await house.add("tom@example.com", password=None if case == "without a password" else PASSWORD)
        if case == "deactivated":
            await deactivate_everywhere(house, "tom@example.com")
        seen: list[str] = []
        verify = passwords.verify

        async def counted(password_hash: str | None, password: str) -> bool:
            seen.append(password)
            return await verify(password_hash, password)

        monkeypatch.setattr(passwords, "verify", counted)
        email = "unknown@example.com" if case == "unknown" else "tom@example.com"
        given = "wrong password" if case == "wrong" else PASSWORD
        with pytest.raises(sessions.BadCredentials):
            await sign_in(house, email, given)
        assert seen == [given]

    async def test_refuses_a_person_without_a_workspace(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        with pytest.raises(sessions.BadCredentials):
            await sign_in(house, "tom@example.com")

    async def test_refuses_where_the_password_changed_meanwhile(
        self, house: House, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        olga = await person(house, "olga@example.com")

        async def verify(password_hash: str | None, password: str) -> bool:
            await house.units.run(
                NOBODY, lambda unit: users.set_password(unit, olga.id, "newer", before=olga.password_hash)
            )
            return True

        monkeypatch.setattr(passwords, "verify", verify)
        with pytest.raises(sessions.BadCredentials):
            await sign_in(house)

    async def test_renews_an_old_hash(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        before = (await person(house, "olga@example.com")).password_hash
        monkeypatch.setattr(passwords, "HASHER", PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
        await sign_in(house)
        after = (await person(house, "olga@example.com")).password_hash
        assert after is not None
        assert (after != before, passwords.outdated(after)) == (True, False)
        await sign_in(house)
        assert (await person(house, "olga@example.com")).password_hash == after


class TestBySession:
    async def test_ends_after_its_time_without_use(self, house: House) -> None:
        secret = await sign_in(house)
        house.clock.move(days=14, seconds=-5)
        await identity(house, secret)
        house.clock.move(seconds=6)
        with pytest.raises(Unauthenticated):
            await identity(house, secret)

    async def test_lasts_longer_with_use(self, house: House) -> None:
        secret = await sign_in(house)
        house.clock.move(days=13)
        who = await identity(house, secret)
        assert who.stale
        await house.units.run(NOBODY, lambda unit: service.touch(unit, who, LASTS))
        house.clock.move(days=13)
        await identity(house, secret)

    async def test_is_fresh_for_five_minutes(self, house: House) -> None:
        secret = await sign_in(house)
        house.clock.move(seconds=290)
        assert not (await identity(house, secret)).stale
        house.clock.move(seconds=11)
        assert (await identity(house, secret)).stale

    async def test_ends_with_the_last_membership(self, house: House) -> None:
        tom = await house.add("tom@example.com")
        secret = await sign_in(house, "tom@example.com")
        await house.run(lambda unit: users.deactivate_member(unit, tom))
        with pytest.raises(Unauthenticated):
            await identity(house, secret)

    async def test_ends_with_the_person(self, house: House) -> None:
        secret = await sign_in(house)
        await deactivate_everywhere(house, "olga@example.com")
        with pytest.raises(Unauthenticated):
            await identity(house, secret)


class TestSignOut:
    async def test_ends_this_session_alone(self, house: House) -> None:
        one, two = await sign_in(house), await sign_in(house)
        who = await identity(house, one)
        await house.units.run(NOBODY, lambda unit: sessions.sign_out(unit, who))
        with pytest.raises(Unauthenticated):
            await identity(house, one)
        await identity(house, two)
        # A touch that comes late does not bring it back.
        await house.units.run(NOBODY, lambda unit: service.touch(unit, who, LASTS))
        with pytest.raises(Unauthenticated):
            await identity(house, one)


class TestChangePassword:
    async def test_ends_the_other_sessions(self, house: House) -> None:
        here, there = await sign_in(house), await sign_in(house)
        await service.change_password(house.units, await identity(house, here), PASSWORD, "battery staple")
        await identity(house, here)
        with pytest.raises(Unauthenticated):
            await identity(house, there)
        with pytest.raises(sessions.BadCredentials):
            await sign_in(house)
        await sign_in(house, password="battery staple")
        assert (await house.told())[-1] == "password.changed"

    async def test_needs_the_present_one(self, house: House) -> None:
        here, there = await sign_in(house), await sign_in(house)
        with pytest.raises(WrongPassword):
            await service.change_password(house.units, await identity(house, here), "wrong", "battery staple")
        await identity(house, there)
        await sign_in(house)

    @pytest.mark.parametrize("password", ["short", "x" * 1001, "OLGA@example.com"])
    async def test_refuses_an_unfit_one(self, house: House, password: str) -> None:
        who = await identity(house, await sign_in(house))
        with pytest.raises(passwords.UnfitPassword):
            await service.change_password(house.units, who, PASSWORD, password)

    async def test_not_by_a_token(self, house: House) -> None:
        token = await house.token(house.owner)
        async with house.units.read(NOBODY) as unit:
            who = await service.by_token(unit, token)
        with pytest.raises(sessions.SessionNeeded):
            await service.change_password(house.units, who, PASSWORD, "battery staple")


class TestResetPassword:
    async def _link(self, house: House) -> str:
        await house.units.run(NOBODY, lambda unit: service.request_reset(unit, "olga@example.com"))
        await house.work()
        return house.mail.secret()

    async def test_ends_all_sessions(self, house: House) -> None:
        secret, link = await sign_in(house), await self._link(house)
        await service.reset_password(house.units, link, "battery staple")
        with pytest.raises(Unauthenticated):
            await identity(house, secret)
        await sign_in(house, password="battery staple")
        assert (await house.told())[-1] == "password.changed"

    async def test_works_once_and_ends_the_other_links(self, house: House) -> None:
        one, two = await self._link(house), await self._link(house)
        await service.reset_password(house.units, one, "battery staple")
        for link in (one, two):
            with pytest.raises(users.LinkEnded):
                await service.reset_password(house.units, link, "battery staple 2")

    async def test_not_a_second_after_its_time(self, house: House) -> None:
        link = await self._link(house)
        house.clock.move(minutes=house.settings.reset_minutes, seconds=1)
        with pytest.raises(users.LinkEnded):
            await service.reset_password(house.units, link, "battery staple")

    async def test_an_unfit_password_leaves_the_link(self, house: House) -> None:
        link = await self._link(house)
        with pytest.raises(passwords.UnfitPassword):
            await service.reset_password(house.units, link, "olga@example.com")
        await service.reset_password(house.units, link, "battery staple")


class TestAccept:
    async def _link(self, house: House, email: str) -> str:
        made = await house.run(lambda unit: users.invite(unit, email, "editor", house.settings))
        return str(made["url"]).partition("#")[2]

    async def _accept(self, house: House, link: str, signed_in: Any = None, **body: Any) -> service.Accepted:
        return await service.accept(house.units, Acceptance(link=link, **body), signed_in, "pytest", LASTS)

    async def test_a_new_person_signs_in_with_it(self, house: House) -> None:
        done = await self._accept(house, await self._link(house, "tom@example.com"), name="Tom", password=PASSWORD)
        assert (done.membership.slug, done.membership.role) == ("acme", "editor")
        assert (await identity(house, done.secret)).user_id == done.membership.user_id
        await sign_in(house, "tom@example.com")

    @pytest.mark.parametrize(
        ("body", "fields"),
        [({}, ["name", "password"]), ({"name": "Tom"}, ["password"]), ({"password": PASSWORD}, ["name"])],
    )
    async def test_a_new_person_gives_name_and_password(self, house: House, body: Any, fields: list[str]) -> None:
        with pytest.raises(Invalid) as caught:
            await self._accept(house, await self._link(house, "tom@example.com"), **body)
        assert list(caught.value.fields or {}) == fields

    async def test_a_known_person_gives_the_password(self, house: House) -> None:
        link = await self._link(house, "sven@example.com")
        for body in ({}, {"password": "wrong password"}, {"name": "Sven", "password": "another password"}):
            with pytest.raises(sessions.BadCredentials):
                await self._accept(house, link, **body)
        done = await self._accept(house, link, name="Evil", password=PASSWORD)
        assert (done.membership.name, len((await identity(house, done.secret)).memberships)) == ("Sven", 2)

    async def test_or_is_signed_in(self, house: House) -> None:
        sven, olga = await person(house, "sven@example.com"), await person(house, "olga@example.com")
        link = await self._link(house, "sven@example.com")
        with pytest.raises(sessions.BadCredentials):
            await self._accept(house, link, olga.id)
        assert (await self._accept(house, link, sven.id)).membership.role == "editor"

    async def test_a_deactivated_person_cannot(self, house: House) -> None:
        await deactivate_everywhere(house, "sven@example.com")
        with pytest.raises(sessions.BadCredentials):
            await self._accept(house, await self._link(house, "sven@example.com"), password=PASSWORD)

    async def test_an_ended_link(self, house: House) -> None:
        link = await self._link(house, "tom@example.com")
        house.clock.move(days=house.settings.invitation_days, seconds=1)
        with pytest.raises(users.LinkEnded):
            await self._accept(house, link, name="Tom", password=PASSWORD)


class TestForgetExpired:
    async def test_keeps_what_lives(self, house: House) -> None:
        secret = await sign_in(house)
        await house.token(house.owner, days=1)
        await house.run(sessions.forget_expired)
        await identity(house, secret)
        house.clock.move(days=100)
        await house.run(sessions.forget_expired)
        async with house.units.read(NOBODY) as unit:
            assert (await unit.session.scalars(select(SessionRow))).all() == []
            assert (await unit.session.scalars(select(TokenRow))).all() == []
