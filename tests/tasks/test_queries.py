"""Lists: what is in them, in which order, and what is in none."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import event

from dossier import documents, folders, tasks
from dossier.core.actor import Actor
from dossier.core.clock import utc_now
from dossier.core.ids import new_id
from dossier.core.paging import BadCursor, encode
from dossier.tasks import Filters, queries
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World

SOON = (utc_now() + timedelta(days=1)).isoformat()
LATER = (utc_now() + timedelta(days=2)).isoformat()
PAST = (utc_now() - timedelta(days=1)).isoformat()
FOREIGN_CURSORS = [
    "x",
    "",
    encode(1),
    encode("a", "b"),
    encode(utc_now(), b"short"),
    encode(utc_now()),
    encode("0001-01-01T00:00:00+14:00", new_id()),
    encode("9999-12-31T23:59:59-12:00", new_id()),
    encode("2026-01-01T00:00:00", new_id()),
]
ONE_BY_ONE: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["late", "late done", "soon", "begun", "undated"]),
    ({"statuses": frozenset({"open"})}, ["late", "soon", "undated"]),
    ({"statuses": frozenset({"done", "in_progress"})}, ["late done", "begun"]),
    ({"statuses": frozenset({"cancelled"})}, []),
    ({"assignee": "me"}, ["late"]),
    ({"assignee": "me", "statuses": frozenset({"done"})}, []),
    ({"assignee": "none"}, ["late done", "soon", "undated"]),
    ({"overdue": True}, ["late"]),
    ({"overdue": True, "statuses": frozenset({"done"})}, []),
    ({"overdue": True, "statuses": frozenset({"done", "open"})}, ["late"]),
    ({"due_before": utc_now()}, ["late", "late done"]),
    ({"due_after": utc_now()}, ["soon", "begun"]),
    ({"due_after": utc_now(), "due_before": utc_now() + timedelta(hours=36)}, ["soon"]),
    ({"watching": True}, ["late"]),
    ({"created_by": "me"}, []),
]


class TestWorkspaceOf:
    async def test_tells_anybody(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        assert await desk.see(world.stranger, lambda unit: tasks.workspace_of(unit, task["id"])) == (
            world.owner.actor.workspace_id
        )
        assert await desk.see(world.stranger, lambda unit: tasks.workspace_of(unit, new_id())) is None


class TestOrder:
    async def test_by_due_date_and_none_last(self, world: "World", desk: Desk, lease: UUID) -> None:
        for title, due_at in [("d", None), ("b", SOON), ("c", LATER), ("e", None), ("a", PAST)]:
            await desk.task(lease, title=title, due_at=due_at)
        assert await desk.titles(world.viewer) == ["a", "b", "c", "d", "e"]

    async def test_pages_are_complete_without_doubles(self, world: "World", desk: Desk, lease: UUID) -> None:
        made = []
        for number in range(23):
            due_at = [None, SOON, LATER][number % 3]
            task = await desk.task(lease, title=f"{number}", due_at=due_at)
            status = ["open", "in_progress", "done", "cancelled"][number % 4]
            await desk.change(task, status=status)
            made.append(((due_at or "9", number), f"{number}"))
        assert await desk.titles(world.viewer) == [title for _, title in sorted(made)]

    async def test_a_page_stands_while_rows_come_and_go(self, world: "World", desk: Desk, lease: UUID) -> None:
        first, second, third = [await desk.task(lease, title=title, due_at=SOON) for title in "abc"]
        items, after = await desk.see(world.viewer, lambda unit: tasks.list_(unit, Filters(), 2))
        assert [item["id"] for item in items] == [first["id"], second["id"]]
        await desk.do(world.editor, lambda unit: tasks.delete(unit, second["id"]))
        items, after = await desk.see(world.viewer, lambda unit: tasks.list_(unit, Filters(), 2, after))
        assert ([item["id"] for item in items], after) == ([third["id"]], None)

    async def test_foreign_cursors(self, world: "World", desk: Desk) -> None:
        for after in FOREIGN_CURSORS:
            with pytest.raises(BadCursor):
                await desk.see(world.viewer, lambda unit: tasks.list_(unit, Filters(), 2, after))  # noqa: B023


class TestFilters:
    @pytest.fixture
    async def some(self, world: "World", desk: Desk, lease: UUID) -> dict[str, Any]:
        """Tasks by title, on two documents."""
        memo = await desk.document()
        some = {
            "late": await desk.task(lease, title="late", due_at=PAST, assignee_id=world.viewer.member_id),
            "late done": await desk.task(lease, title="late done", due_at=PAST),
            "soon": await desk.task(memo, title="soon", due_at=SOON, by=world.owner),
            "begun": await desk.task(memo, title="begun", due_at=LATER, assignee_id=world.editor.member_id),
            "undated": await desk.task(memo, title="undated"),
        }
        await desk.change(some["late done"], status="done")
        await desk.change(some["begun"], status="in_progress")
        return some

    @pytest.mark.usefixtures("some")
    async def test_one_by_one(self, world: "World", desk: Desk) -> None:
        for filters, titles in ONE_BY_ONE:
            assert await desk.titles(world.viewer, **filters) == titles, filters

    @pytest.mark.usefixtures("some")
    async def test_by_person(self, world: "World", desk: Desk) -> None:
        assert await desk.titles(world.viewer, assignee=world.editor.member_id) == ["begun"]
        assert await desk.titles(world.viewer, created_by=world.owner.member_id) == ["soon"]
        assert await desk.titles(world.viewer, assignee=world.stranger.member_id) == []
        assert await desk.titles(world.editor, created_by="me") == ["late", "late done", "begun", "undated"]

    async def test_by_document(self, world: "World", desk: Desk, lease: UUID, some: dict[str, Any]) -> None:
        assert await desk.titles(world.viewer, document_id=lease) == ["late", "late done"]
        assert await desk.titles(world.viewer, document_id=some["soon"]["document_id"], assignee="none") == [
            "soon",
            "undated",
        ]

    async def test_of_no_such_document(self, world: "World", desk: Desk) -> None:
        with pytest.raises(documents.DocumentNotFound):
            await desk.titles(world.viewer, document_id=new_id())

    @pytest.mark.usefixtures("some")
    async def test_the_system_is_nobody(self, world: "World", desk: Desk) -> None:
        async with desk.units.read(Actor.system(world.owner.actor.workspace_id)) as unit:
            assert len((await tasks.list_(unit, Filters()))[0]) == 5
            for filters in (Filters(assignee="me"), Filters(watching=True), Filters(created_by="me")):
                assert (await tasks.list_(unit, filters))[0] == []

    async def test_overdue_follows_the_clock(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, title="soon", due_at=SOON)
        assert await desk.titles(world.viewer, overdue=True) == []
        world.clock.move(days=2)
        assert await desk.titles(world.viewer, overdue=True) == ["soon"]


class TestVisibility:
    async def test_nothing_crosses_a_workspace(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        assert await desk.titles(world.stranger) == []
        for filters in ({"assignee": world.editor.member_id}, {"created_by": world.editor.member_id}):
            assert await desk.titles(world.stranger, **filters) == []
        with pytest.raises(documents.DocumentNotFound):
            await desk.titles(world.stranger, document_id=lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.see(world.stranger, lambda unit: tasks.get(unit, task["id"]))

    async def test_a_restricted_folder_leaves_no_trace(self, world: "World", desk: Desk) -> None:
        secret = await desk.document(await desk.folder(world.editor))
        await desk.task(secret, title="secret")
        assert await desk.titles(world.editor) == ["secret"]
        assert await desk.titles(world.owner) == ["secret"]
        for filters in ({}, {"created_by": world.editor.member_id}, {"statuses": frozenset({"open"})}):
            assert await desk.titles(world.viewer, **filters) == []

    async def test_restricting_later_hides_at_once(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor, world.viewer)
        task = await desk.task(await desk.document(folder_id), assignee_id=world.viewer.member_id)
        assert await desk.titles(world.viewer, assignee="me") == [task["title"]]
        await desk.restrict(folder_id, world.editor)
        assert await desk.titles(world.viewer, assignee="me") == []
        assert await desk.titles(world.viewer, watching=True) == []
        with pytest.raises(tasks.TaskNotFound):
            await desk.see(world.viewer, lambda unit: tasks.get(unit, task["id"]))

    async def test_the_trash_hides_and_gives_back(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.trash(lease)
        assert await desk.titles(world.viewer) == []
        assert await desk.titles(world.viewer, document_id=lease) == []
        with pytest.raises(tasks.TaskNotFound):
            await desk.see(world.owner, lambda unit: tasks.get(unit, task["id"]))
        answer = await world.owner.client.post(f"/api/v1/documents/{lease}/restore")
        assert answer.status_code == 200, answer.text
        assert await desk.titles(world.viewer) == [task["title"]]

    async def test_purging_takes_tasks_along(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "x"))
        await desk.trash(lease)
        answer = await world.owner.client.delete(f"/api/v1/documents/{lease}", params={"purge": True})
        assert answer.status_code == 204, answer.text
        assert await desk.see(world.owner, lambda unit: tasks.workspace_of(unit, task["id"])) is None
        assert await desk.see(world.owner, lambda unit: queries.comments(unit, task["id"], 9, None)) == []
        assert await desk.see(world.owner, lambda unit: queries.watchers_of(unit, [task["id"]])) == {}


class TestPlan:
    @pytest.mark.embedded
    async def test_no_list_passes_over_the_whole_workspace(self, world: "World", desk: Desk, lease: UUID) -> None:
        for filters, index in [
            (Filters(), "ix_tasks_workspace (workspace_id=? AND status=?"),
            (Filters(assignee="me"), "ix_tasks_assignee (workspace_id=? AND assignee_id=? AND status=?"),
            (Filters(document_id=lease), "ix_tasks_document (document_id=? AND status=?"),
            (Filters(watching=True), "ix_task_watchers_member_id_task_id (member_id=?"),
        ]:
            for after in (None, encode(utc_now(), new_id())):
                plan = await self.plan(world, desk, filters, after)
                assert index in plan
                assert "SCAN tasks" not in plan
                assert plan.count("ix_tasks_workspace") == (4 if filters == Filters() else 0)

    async def plan(self, world: "World", desk: Desk, filters: Filters, after: str | None) -> str:
        """How SQLite goes about a page."""
        asked: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        engine = world.parts.database.reader.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        await desk.see(world.viewer, lambda unit: tasks.list_(unit, filters, 2, after))
        event.remove(engine, "before_cursor_execute", note)
        statement, parameters = next(each for each in asked if "UNION ALL" in each[0] and "FROM tasks" in each[0])
        async with world.parts.database.reader.connect() as connection:
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return "\n".join(row["detail"] for row in rows.mappings())


class TestWires:
    async def test_one_that_has_just_vanished_is_left_out(self, world: "World", desk: Desk, lease: UUID) -> None:
        """On MySQL two statements of one ReadUnit can see different access."""
        task = await desk.task(lease)

        async def ask() -> list[Any]:
            async with desk.units.read(world.viewer.actor) as unit:
                found = await queries.find(unit, task["id"])
                assert found is not None
                unit.memo[folders.queries.MEMO] = {}
                return await queries.wires(unit, [found])

        assert await ask() == []
