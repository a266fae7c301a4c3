"""Finding tasks by their words."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select

from dossier import tasks
from dossier.core.actor import Actor
from dossier.core.events import ConsumerCursor, EventRow
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.tasks import finding
from dossier.tasks.models import TaskText
from dossier.worker import Worker
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import Someone, World


async def found(world: "World", who: "Someone", q: str, limit: int = 8) -> list[str]:
    """The titles of what somebody finds."""
    await Worker(world.parts, consumers=tasks.CONSUMERS).follow()
    async with world.parts.units.read(who.actor) as unit:
        return [task["title"] for task in await tasks.find(unit, q, limit)]


class TestFind:
    async def test_title_and_details_without_case_and_accents(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, title="Straße prüfen", details="Die **Größe** weicht ab")
        await desk.task(lease, title="Another")
        for q in ("strasse", "STRASSE PRÜ", "grosse", "weicht prufen"):
            assert await found(world, world.viewer, q) == ["Straße prüfen"], q
        for q in ("stra ", "nowhere", "", "!!!", '"', "NEAR("):
            assert await found(world, world.viewer, q) == [], q

    async def test_open_ones_first_then_the_last_changed(self, world: "World", desk: Desk, lease: UUID) -> None:
        first, second, third, fourth = [await desk.task(lease, title=f"rent {n}") for n in range(1, 5)]
        assert await found(world, world.viewer, "rent") == ["rent 4", "rent 3", "rent 2", "rent 1"]
        await desk.change(fourth, status="done")
        await desk.change(second, status="in_progress")
        await desk.change(first, details="more")
        assert await found(world, world.viewer, "rent") == ["rent 1", "rent 3", "rent 2", "rent 4"]
        assert await found(world, world.viewer, "rent", 2) == ["rent 1", "rent 3"]
        assert third

    async def test_what_it_says_now(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, title="apples")
        assert await found(world, world.viewer, "apples") == ["apples"]
        await desk.change(task, title="oranges")
        assert await found(world, world.viewer, "apples") == []
        assert await found(world, world.viewer, "oranges") == ["oranges"]
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))
        assert await found(world, world.viewer, "oranges") == []

    async def test_only_what_one_may_see_now(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor, world.viewer)
        document_id = await desk.document(folder_id)
        await desk.task(document_id, title="secret")
        assert await found(world, world.viewer, "secret") == ["secret"]
        assert await found(world, world.stranger, "secret") == []
        await desk.restrict(folder_id, world.editor)
        assert await found(world, world.viewer, "secret") == []
        await desk.trash(document_id)
        assert await found(world, world.editor, "secret") == []
        await world.owner.client.post(f"/api/v1/documents/{document_id}/restore")
        assert await found(world, world.editor, "secret") == ["secret"]

    async def test_many_hidden_ones_do_not_hide_one(
        self, world: "World", desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding, "HITS_A_ROUND", 2)
        await desk.task(await desk.document(), title="rent open")
        secret = await desk.document(await desk.folder(world.editor))
        for _ in range(5):
            await desk.task(secret, title="rent")
        assert await found(world, world.viewer, "rent") == ["rent open"]


class TestFollow:
    async def test_again_changes_nothing_and_an_old_log_comes_in(self, world: "World", desk: Desk, lease: UUID) -> None:
        for n in range(3):
            await desk.task(lease, title=f"rent {n}")
        assert len(await found(world, world.viewer, "rent")) == 3

        async def forget(unit: Unit) -> None:
            await unit.session.execute(delete(ConsumerCursor).where(ConsumerCursor.consumer == "tasks.search"))

        async def lose(unit: Unit) -> None:
            second = await unit.session.scalar(select(TaskText.id).order_by(TaskText.id).offset(1).limit(1))
            await unit.session.execute(delete(TaskText).where(TaskText.id == second))

        system = Actor.system(world.owner.actor.workspace_id)
        for spoil in (forget, lose, forget):
            await world.parts.units.run(system, spoil)
        assert await found(world, world.viewer, "rent") == ["rent 1", "rent 2", "rent 0"]
        async with world.parts.units.read(system) as unit:
            assert await unit.session.scalar(select(func.count()).select_from(TaskText)) == 3

    async def test_of_a_task_whose_document_was_trashed_at_once(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, title="rent")
        await desk.trash(lease)
        assert await found(world, world.viewer, "rent") == []
        await world.owner.client.post(f"/api/v1/documents/{lease}/restore")
        assert await found(world, world.viewer, "rent") == ["rent"]


class TestRunIndex:
    @pytest.mark.parametrize("count", [0, 3])
    async def test_all_tasks_of_an_imported_document(
        self, world: "World", desk: Desk, lease: UUID, count: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(finding, "BATCH", 2)
        for _ in range(count):
            await desk.task(lease, title="rent")

        async def imported(unit: Unit) -> bool:
            event = EventRow(type="document.imported", document_id=lease, task_id=None, stored={"tasks": count})
            await finding.follow(unit, event)
            return unit.deferred > 0

        assert await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), imported) is (count > 0)
        await Worker(world.parts, jobs_=tasks.JOBS).work()
        async with world.parts.units.read(world.viewer.actor) as unit:
            assert len(await tasks.find(unit, "rent", 8)) == count


class TestConcerned:
    async def test_of_none(self, world: "World", desk: Desk) -> None:
        assert await desk.see(world.viewer, lambda unit: tasks.concerned(unit, new_id())) is None

    async def test_everybody_once(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        known: Any = await desk.see(world.viewer, lambda unit: tasks.concerned(unit, task["id"]))
        assert known.assignee_id == world.viewer.member_id
        assert known.everybody == {world.viewer.member_id, world.editor.member_id}
