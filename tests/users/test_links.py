"""Links that work once."""

from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import select

from dossier import users
from dossier.core.actor import NOBODY
from dossier.core.ids import digest, new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.users.models import Link
from tests.users.house import House

HOUR = timedelta(hours=1)


class TestLinkAddress:
    def test_keeps_the_secret_out_of_what_is_sent(self) -> None:
        address = users.link_address(Settings(public_url="https://d.example/"), "reset", "abc")
        assert address == "https://d.example/reset#abc"


class TestTakeLink:
    async def test_once(self, house: House) -> None:
        subject = new_id()
        secret = await house.run(lambda unit: users.make_link(unit, "reset", subject, HOUR))
        assert await house.run(lambda unit: users.find_link(unit, "reset", secret)) == subject
        assert await house.run(lambda unit: users.take_link(unit, "reset", secret)) == subject
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "reset", secret))

    async def test_ends_the_other_links_to_the_subject(self, house: House) -> None:
        mine, yours = new_id(), new_id()
        one, two, other = [
            await house.run(partial(users.make_link, kind="reset", subject_id=subject, lasts=HOUR))
            for subject in (mine, mine, yours)
        ]
        assert await house.run(lambda unit: users.count_links(unit, "reset", mine)) == 2
        await house.run(lambda unit: users.take_link(unit, "reset", one))
        assert await house.run(lambda unit: users.count_links(unit, "reset", mine)) == 0
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "reset", two))
        assert await house.run(lambda unit: users.take_link(unit, "reset", other)) == yours

    async def test_set_up_links_have_no_subject_and_end_together(self, house: House) -> None:
        one = await house.run(lambda unit: users.make_link(unit, "setup", None, HOUR))
        two = await house.run(lambda unit: users.make_link(unit, "setup", None, HOUR))
        assert await house.run(lambda unit: users.take_link(unit, "setup", two)) is None
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "setup", one))

    async def test_not_a_second_after_its_time(self, house: House) -> None:
        secret = await house.run(lambda unit: users.make_link(unit, "reset", new_id(), HOUR))
        house.clock.move(seconds=3601)
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "reset", secret))

    @pytest.mark.parametrize("secret", ["", "unknown", "é" * 40, "\x00"])
    async def test_not_an_unknown_one(self, house: House, secret: str) -> None:
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "reset", secret))

    async def test_not_of_another_kind(self, house: House) -> None:
        secret = await house.run(lambda unit: users.make_link(unit, "invite", new_id(), HOUR))
        with pytest.raises(users.LinkEnded):
            await house.run(lambda unit: users.take_link(unit, "setup", secret))

    async def test_given_back_where_the_unit_fails(self, house: House) -> None:
        secret = await house.run(lambda unit: users.make_link(unit, "setup", None, HOUR))

        async def fails(unit: Unit) -> None:
            await users.take_link(unit, "setup", secret)
            raise users.SlugTaken

        with pytest.raises(users.SlugTaken):
            await house.run(fails)
        await house.run(lambda unit: users.take_link(unit, "setup", secret))

    async def test_only_the_digest_is_kept(self, house: House) -> None:
        secret = await house.run(lambda unit: users.make_link(unit, "setup", None, HOUR))
        async with house.units.read(NOBODY) as unit:
            link = (await unit.session.scalars(select(Link))).one()
        assert link.secret_hash == digest(secret)
        assert len(secret) >= 40
