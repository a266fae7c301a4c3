"""Programs that are members."""

from functools import partial

import pytest

from dossier import users
from dossier.core.actor import Actor, NotAllowed
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.users.models import User, email_fault, is_service
from tests.users.house import House


class TestAddService:
    async def test_is_a_member_that_nobody_can_sign_in_as(self, house: House) -> None:
        member_id = await house.run(lambda unit: users.add_service(unit, "A program", "editor"))
        async with house.units.read(Actor.system(house.acme)) as unit:
            mine = await users.membership(unit, member_id)
            assert mine is not None
            person = await unit.session.get(User, mine.user_id)
        assert person is not None
        assert (mine.name, mine.role, person.password_hash, person.is_service) == ("A program", "editor", None, True)

    async def test_needs_an_owner(self, house: House) -> None:
        viewer = await house.add("vera@example.com", "editor")
        with pytest.raises(NotAllowed):
            await house.act(viewer, lambda unit: users.add_service(unit, "A program", "viewer"))

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 201])
    async def test_has_a_name(self, house: House, name: str) -> None:
        with pytest.raises(Invalid):
            await house.run(lambda unit: users.add_service(unit, name, "viewer"))


class TestRequireService:
    async def test_takes_a_program(self, house: House) -> None:
        member_id = await house.run(lambda unit: users.add_service(unit, "A program", "editor"))
        await house.run(lambda unit: users.require_service(unit, member_id))

    async def test_refuses_a_person(self, house: House) -> None:
        with pytest.raises(Invalid):
            await house.run(lambda unit: users.require_service(unit, house.owner))

    async def test_does_not_know_others(self, house: House) -> None:
        there = await house.run(lambda unit: users.add_service(unit, "A program", "editor"), house.other)
        for member_id in (there, house.stranger, new_id()):
            with pytest.raises(users.MemberNotFound):
                await house.run(partial(users.require_service, member_id=member_id))


class TestIsService:
    @pytest.mark.parametrize("email", ["x@service.invalid", "X@Service.Invalid"])
    def test_by_its_domain(self, email: str) -> None:
        assert is_service(email)
        assert email_fault(email)
        assert email_fault(email, service=True) is None

    @pytest.mark.parametrize("email", ["x@example.com", "x@service.invalid.example.com", "x@aservice.invalid"])
    def test_no_other(self, email: str) -> None:
        assert not is_service(email)
        assert email_fault(email) is None
