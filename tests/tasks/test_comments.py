"""Comments, watching and history."""

import asyncio
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from dossier import tasks
from dossier.core.actor import Actor, NotAllowed
from dossier.core.errors import Conflict
from dossier.core.paging import BadCursor, encode
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import Someone, World


class TestAddComment:
    async def test_by_an_editor(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        comment = await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "**ok**"))
        assert comment["author"] == {"id": world.editor.member_id, "name": "Editor"}
        assert (comment["task_id"], comment["body"]) == (task["id"], "**ok**")
        seen = await desk.see(world.viewer, lambda unit: tasks.get(unit, task["id"]))
        assert seen == task | {"comment_count": 1}
        event = (await desk.events(task))[-1]
        assert (event.type, event.data) == (
            "task.commented",
            {"title": task["title"], "comment_id": str(comment["id"])},
        )

    async def test_by_the_assignee_with_any_role(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        comment = await desk.do(world.viewer, lambda unit: tasks.add_comment(unit, task["id"], "done soon"))
        assert comment["author"]["id"] == world.viewer.member_id

    async def test_by_nobody_else(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for who, refusal in [(world.viewer, NotAllowed), (world.stranger, tasks.TaskNotFound)]:
            with pytest.raises(refusal):
                await desk.do(who, lambda unit: tasks.add_comment(unit, task["id"], "x"))

    async def test_not_in_the_trash(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.trash(lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "x"))

    async def test_many_at_once_are_all_counted(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)

        async def say(who: "Someone", number: int) -> Any:
            return await desk.do(who, lambda unit: tasks.add_comment(unit, task["id"], f"{number}"))

        await asyncio.gather(*(say(who, n) for n in range(5) for who in (world.editor, world.owner)))
        assert (await desk.change(task))["comment_count"] == 10


class TestListComments:
    async def test_oldest_first_in_pages(self, world: "World", desk: Desk, lease: UUID) -> None:
        task, other = await desk.task(lease), await desk.task(lease)
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, other["id"], "elsewhere"))
        for number in range(5):
            await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], f"{number}"))  # noqa: B023
        found: list[str] = []
        after: str | None = None
        while True:
            items, after = await desk.see(world.viewer, lambda unit: tasks.list_comments(unit, task["id"], 2, after))  # noqa: B023
            found += [item["body"] for item in items]
            if after is None:
                break
        assert found == ["0", "1", "2", "3", "4"]

    async def test_of_what_is_hidden(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.see(world.stranger, lambda unit: tasks.list_comments(unit, task["id"]))

    async def test_foreign_cursors(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for after in ["x", encode(1), encode(b"short")]:
            with pytest.raises(BadCursor):
                await desk.see(world.viewer, lambda unit: tasks.list_comments(unit, task["id"], 2, after))  # noqa: B023


class TestWatch:
    async def test_on_and_off_again_and_again(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for verb, expected in [
            (tasks.watch, {world.editor.member_id, world.viewer.member_id}),
            (tasks.unwatch, {world.editor.member_id}),
        ]:
            for _ in range(2):
                await desk.do(world.viewer, lambda unit: verb(unit, task["id"]))  # noqa: B023
                seen = await desk.see(world.viewer, lambda unit: tasks.get(unit, task["id"]))
                assert set(seen["watchers"]) == expected
                assert seen["etag"] == "1"

    async def test_the_creator_may_stop(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.do(world.editor, lambda unit: tasks.unwatch(unit, task["id"]))
        assert (await desk.change(task, status="done"))["watchers"] == []

    async def test_not_what_is_hidden(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for verb in (tasks.watch, tasks.unwatch):
            with pytest.raises(tasks.TaskNotFound):
                await desk.do(world.stranger, lambda unit: verb(unit, task["id"]))  # noqa: B023

    async def test_not_by_the_system(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        with pytest.raises(NotAllowed):
            await desk.units.run(
                Actor.system(world.owner.actor.workspace_id), lambda unit: tasks.watch(unit, task["id"])
            )

    async def test_twice_at_the_same_moment(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        twice = [desk.do(world.viewer, lambda unit: tasks.watch(unit, task["id"])) for _ in range(4)]
        assert not [
            error for error in await asyncio.gather(*twice, return_exceptions=True) if isinstance(error, Conflict)
        ]


class TestHistory:
    async def test_who_did_what_when(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, title="Check")
        await desk.task(lease, title="Another")
        await desk.change(task, by=world.owner, status="done")
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "private words"))
        found: list[Any] = []
        after: str | None = None
        while True:
            items, after = await desk.see(world.viewer, lambda unit: tasks.history(unit, task["id"], 2, after))  # noqa: B023
            found += items
            if after is None:
                break
        assert [(item["type"], item["actor"]["name"]) for item in found] == [
            ("task.created", "Editor"),
            ("task.status_changed", "Owner"),
            ("task.commented", "Editor"),
        ]
        assert found[1]["data"] == {"title": "Check", "from": "open", "to": "done"}
        assert [item["at"] for item in found] == sorted(item["at"] for item in found)
        assert "private words" not in str(found)

    async def test_of_what_is_hidden(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.see(world.stranger, lambda unit: tasks.history(unit, task["id"]))

    async def test_foreign_cursors(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for after in ["x", encode("a"), encode(1, 2)]:
            with pytest.raises(BadCursor):
                await desk.see(world.viewer, lambda unit: tasks.history(unit, task["id"], 2, after))  # noqa: B023
