"""How SQLite goes about what is asked of documents, however many there are."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event

from dossier.core.ids import new_id
from dossier.core.units import ReadUnit
from dossier.documents import Filters, queries
from tests.conftest import World

pytestmark = pytest.mark.embedded
IDS = [new_id() for _ in range(200)]


async def plan(world: World, verb: Callable[[ReadUnit], Awaitable[Any]]) -> str:
    """The plan of the last statement of a verb."""
    asked: list[tuple[str, Any]] = []
    engine = world.parts.database.reader.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    async with world.parts.units.read(world.viewer.actor) as unit:
        await verb(unit)
    event.remove(engine, "before_cursor_execute", note)
    statement, parameters = asked[-1]
    async with world.parts.database.reader.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "\n".join(row["detail"] for row in rows.mappings())


class TestByIds:
    @pytest.mark.parametrize("ids", [IDS[:1], IDS], ids=len)
    @pytest.mark.parametrize("filters", [Filters(), Filters(folder_id=new_id()), Filters(has_open_tasks=True)])
    async def test_documents_are_looked_up_and_no_list_is_walked(
        self, world: World, ids: list[UUID], filters: Filters
    ) -> None:
        found = await plan(world, lambda unit: queries.by_ids(unit, ids, filters))
        assert "SEARCH documents USING INDEX sqlite_autoindex_documents_1 (id=?)" in found
        assert "ix_documents" not in found

    async def test_heads_too(self, world: World) -> None:
        found = await plan(world, lambda unit: queries.heads_of(unit, IDS))
        assert "SEARCH documents USING INDEX sqlite_autoindex_documents_1 (id=?)" in found

    async def test_nothing_is_asked_for_nothing(self, world: World) -> None:
        async with world.parts.units.read(world.viewer.actor) as unit:
            assert await queries.by_ids(unit, [], Filters()) == []
            assert not unit.memo
