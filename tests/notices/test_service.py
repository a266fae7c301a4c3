"""Reading, marking as read, and what is left out."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import event

from dossier import notices
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.paging import encode
from dossier.notices import queries
from tests.notices.hear import API, heard, kinds, spread, unread
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
async def three(world: "World", desk: Desk, lease: UUID) -> list[Any]:
    """Three tasks that the viewer was given, the last first, as notices."""
    for title in "abc":
        await desk.task(lease, title=title, assignee_id=world.viewer.member_id)
    await spread(world)
    return await heard(world, world.viewer)


class TestList:
    async def test_newest_first_in_pages(self, three: list[Any]) -> None:
        assert [item["task"]["title"] for item in three] == ["c", "b", "a"]

    async def test_only_unread(self, world: "World", three: list[Any]) -> None:
        await world.viewer.client.post(f"{API}/read", json={"ids": [three[1]["id"]]})
        assert [item["read"] for item in await heard(world, world.viewer)] == [False, True, False]
        assert [item["id"] for item in await heard(world, world.viewer, unread=True)] == [
            three[0]["id"],
            three[2]["id"],
        ]

    async def test_only_mine(self, world: "World", three: list[Any]) -> None:
        assert three
        for who in (world.owner, world.editor, world.stranger):
            assert (await kinds(world, who), await unread(who)) == ([], 0)

    async def test_the_present_name_of_a_document(self, world: "World", desk: Desk, three: list[Any]) -> None:
        path = f"/api/v1/documents/{three[0]['document']['id']}"
        await world.owner.client.patch(path, json={"name": "Renamed.txt"})
        assert {item["document"]["name"] for item in await heard(world, world.viewer)} == {"Renamed.txt"}

    async def test_the_system_has_none(self, world: "World", three: list[Any]) -> None:
        assert three
        async with world.parts.units.read(Actor.system(world.owner.actor.workspace_id)) as unit:
            assert (await notices.list_(unit), await notices.unread(unit)) == (([], None), 0)

    @pytest.mark.parametrize("after", ["x", encode("a"), encode(UUID(int=7))])
    async def test_foreign_cursors(self, world: "World", after: str) -> None:
        answer = await world.viewer.client.get(API, params={"after": after})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


class TestVisibility:
    async def test_restricting_later_hides_at_once_and_in_the_count(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor, world.viewer)
        await desk.task(await desk.document(folder_id), assignee_id=world.viewer.member_id)
        assert (await kinds(world, world.viewer), await unread(world.viewer)) == (["assigned"], 1)
        await desk.restrict(folder_id, world.editor)
        assert (await kinds(world, world.viewer), await unread(world.viewer)) == ([], 0)
        assert await heard(world, world.viewer, unread=True) == []
        answer = await world.viewer.client.post(f"{API}/read", json={})
        assert answer.json() == {"count": 0}
        await desk.restrict(folder_id, world.editor, world.viewer)
        assert (await kinds(world, world.viewer), await unread(world.viewer)) == (["assigned"], 1)

    async def test_the_trash_hides_and_gives_back(
        self, world: "World", desk: Desk, lease: UUID, three: list[Any]
    ) -> None:
        await desk.trash(lease)
        assert (await kinds(world, world.viewer), await unread(world.viewer)) == ([], 0)
        await world.owner.client.post(f"/api/v1/documents/{lease}/restore")
        assert await unread(world.viewer) == len(three)


class TestMarkRead:
    async def test_some_and_all(self, world: "World", three: list[Any]) -> None:
        read = f"{API}/read"
        answer = await world.viewer.client.post(read, json={"ids": [three[0]["id"], str(new_id())]})
        assert (answer.status_code, answer.json()) == (200, {"count": 2})
        assert (await world.viewer.client.post(read, json={"ids": [three[0]["id"]]})).json() == {"count": 2}
        assert (await world.viewer.client.post(read, json={"all": True})).json() == {"count": 0}

    async def test_not_those_of_others(self, world: "World", three: list[Any]) -> None:
        ids = [item["id"] for item in three]
        for who in (world.owner, world.stranger):
            assert (await who.client.post(f"{API}/read", json={"ids": ids, "all": True})).json() == {"count": 0}
        assert await unread(world.viewer) == 3

    @pytest.mark.parametrize("body", [{"ids": ["x"]}, {"all": 1}, {"ids": None}, {"more": 1}, {"ids": [""] * 201}])
    async def test_bad(self, world: "World", body: Any) -> None:
        assert (await world.viewer.client.post(f"{API}/read", json=body)).status_code == 422

    async def test_repeated(self, world: "World", three: list[Any]) -> None:
        for _ in range(2):
            answer = await world.viewer.client.post(
                f"{API}/read", json={"ids": [three[0]["id"]]}, headers={"Idempotency-Key": "k"}
            )
            assert answer.json() == {"count": 2}


class TestPlan:
    @pytest.mark.embedded
    async def test_walks_along_the_persons_own(self, world: "World", desk: Desk, three: list[Any]) -> None:
        """The index gives the order, so that a page reads no more of the person's notices than it shows."""
        for query, index in (
            ({}, "uq_notices_member_id_seq|sqlite_autoindex_notices_2"),
            ({"after": encode(10**9)}, "uq_notices_member_id_seq|sqlite_autoindex_notices_2"),
            ({"unread": True}, "ix_notices_member_id_is_read_seq"),
        ):
            plan = await self.plan(world, desk, query)
            assert any(name in plan for name in index.split("|")), plan
            assert "TEMP B-TREE" not in plan
            assert "SCAN" not in plan

    async def plan(self, world: "World", desk: Desk, query: dict[str, Any]) -> str:
        """How SQLite goes about a page."""
        asked: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        engine = world.parts.database.reader.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        await desk.see(world.viewer, lambda unit: notices.list_(unit, 2, **query))
        event.remove(engine, "before_cursor_execute", note)
        statement, parameters = next(each for each in asked if "FROM notices" in each[0])
        async with world.parts.database.reader.connect() as connection:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row["detail"] for row in rows.mappings())

    async def test_statements_do_not_grow(self, world: "World", desk: Desk, lease: UUID, three: list[Any]) -> None:
        counts = []
        for limit in (1, 3):
            asked: list[str] = []

            def note(_c: Any, _cursor: Any, statement: str, *_more: Any, asked: list[str] = asked) -> None:
                asked.append(statement)

            engine = world.parts.database.reader.sync_engine
            event.listen(engine, "before_cursor_execute", note)
            await desk.see(world.viewer, lambda unit: notices.list_(unit, limit))  # noqa: B023
            event.remove(engine, "before_cursor_execute", note)
            counts.append(len(asked))
        assert counts[0] == counts[1] <= 4


class TestCount:
    async def test_goes_no_further_than_a_thousand(
        self, world: "World", three: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert len(three) == 3
        monkeypatch.setattr(queries, "MOST_COUNTED", 2)
        assert await unread(world.viewer) == 2
