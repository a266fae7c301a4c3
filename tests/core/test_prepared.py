"""Prepared SELECTs say the same as those that SQLAlchemy makes anew, on both stacks."""

from sqlalchemy import bindparam, select

from dossier.core.prepared import Prepared
from dossier.core.units import Unit
from dossier.users.models import Member, User
from tests.conftest import World

M, U = (model.__table__.c for model in (Member, User))
THESE = Prepared(
    select(M.id, M.role, M.created_at, M.deactivated_at, U.id, U.email)
    .select_from(Member.__table__.join(User.__table__, U.id == M.user_id))
    .where(M.workspace_id == bindparam("workspace"), M.id.in_(bindparam("ids", expanding=True)), M.role != "viewer")
    .order_by(M.id)
)


class TestRows:
    async def test_they_are_as_the_types_say(self, world: World) -> None:
        ids = [world.owner.member_id, world.editor.member_id, world.viewer.member_id]
        async with world.parts.units.read(world.owner.actor) as unit:
            values = {"workspace": unit.workspace_id, "ids": ids, "more": "is no fault"}
            found = await THESE.rows(unit, values)
            wanted = (await unit.session.execute(THESE.statement, {"workspace": unit.workspace_id, "ids": ids})).all()
        assert [tuple(row) for row in found] == [tuple(row) for row in wanted]
        assert [(row.id, row.role, row.email) for row in found] == [
            (world.owner.member_id, "owner", "owner@example.com"),
            (world.editor.member_id, "editor", "editor@example.com"),
        ]

    async def test_lists_of_any_length(self, world: World) -> None:
        ids = [world.owner.member_id, world.editor.member_id]
        async with world.parts.units.read(world.owner.actor) as unit:
            for count in (1, 0, 2, 1):
                found = await THESE.rows(unit, {"workspace": unit.workspace_id, "ids": ids[:count]})
                assert [row.id for row in found] == ids[:count]

    async def test_one_or_none(self, world: World) -> None:
        async with world.parts.units.read(world.owner.actor) as unit:
            found = await THESE.one(unit, {"workspace": unit.workspace_id, "ids": [world.owner.member_id]})
            assert found is not None
            assert found.email == "owner@example.com"
            assert await THESE.one(unit, {"workspace": unit.workspace_id, "ids": []}) is None

    async def test_what_a_unit_has_changed_is_seen(self, world: World) -> None:
        async def verb(unit: Unit) -> str:
            member = await unit.session.get_one(Member, world.editor.member_id)
            member.role = "owner"
            values = {"workspace": world.owner.actor.workspace_id, "ids": [world.editor.member_id]}
            found = await THESE.one(unit, values)
            assert found is not None
            return str(found.role)

        assert await world.parts.units.run(world.owner.actor, verb) == "owner"
