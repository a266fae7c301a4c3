"""SQLite in one hop for a statement: what is sent when, and that a snapshot is still one."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.conftest import World

pytestmark = pytest.mark.embedded
COUNT = text("SELECT COUNT(*) FROM users")
RENAME = text("UPDATE users SET name = 'Other'")
NAMES = text("SELECT DISTINCT name FROM users")


@pytest.fixture
def hops(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What connections are asked to do in their threads from now on."""
    import aiosqlite

    seen: list[str] = []
    execute: Any = aiosqlite.Connection._execute

    async def noted(self: Any, function: Any, *args: Any, **more: Any) -> Any:
        seen.append(function.__name__)
        return await execute(self, function, *args, **more)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", noted)
    return seen


class TestHops:
    async def test_a_statement_is_one_and_a_reading_transaction_none(self, world: World, hops: list[str]) -> None:
        async with world.parts.units.read(world.owner.actor) as unit:
            await unit.session.execute(COUNT)
        hops.clear()
        async with world.parts.units.read(world.owner.actor) as unit:
            assert (await unit.session.execute(COUNT)).scalar() == 4
            assert len((await unit.session.execute(NAMES)).all()) == 4
        assert hops == ["_work", "_work"]

    async def test_a_unit_that_asks_nothing_is_none(self, world: World, hops: list[str]) -> None:
        async with world.parts.units.read(world.owner.actor) as unit:
            await unit.session.execute(COUNT)
        hops.clear()
        async with world.parts.units.read(world.owner.actor) as unit:
            await unit.session.connection()
        assert hops == []


class TestTransactions:
    async def test_a_reading_unit_is_one_snapshot_and_the_next_another(self, world: World) -> None:
        units, actor = world.parts.units, world.owner.actor
        async with units.read(actor) as unit:
            before = (await unit.session.execute(NAMES)).all()
            await units.run(actor, lambda other: other.session.execute(RENAME))
            assert (await unit.session.execute(NAMES)).all() == before
        async with units.read(actor) as unit:
            assert (await unit.session.execute(NAMES)).scalars().all() == ["Other"]

    async def test_rows_that_come_one_by_one_are_of_the_same_snapshot(self, world: World) -> None:
        units, actor = world.parts.units, world.owner.actor
        async with units.read(actor) as unit:
            found = [row async for row in await unit.session.stream(NAMES)]
            await units.run(actor, lambda other: other.session.execute(RENAME))
            assert (await unit.session.execute(NAMES)).all() == found
            assert [row async for row in await unit.session.stream(NAMES)] == found
            assert len(found) == 4

    async def test_reading_cannot_write(self, world: World) -> None:
        with pytest.raises(OperationalError, match="readonly"):
            async with world.parts.units.read(world.owner.actor) as unit:
                await unit.session.execute(RENAME)

    async def test_what_failed_leaves_nothing_open(self, world: World) -> None:
        for _ in range(20):  # more than there are connections
            with pytest.raises(OperationalError, match="no such table"):
                async with world.parts.units.read(world.owner.actor) as unit:
                    await unit.session.execute(text("SELECT * FROM no_table"))
        async with world.parts.units.read(world.owner.actor) as unit:
            assert (await unit.session.execute(COUNT)).scalar() == 4
