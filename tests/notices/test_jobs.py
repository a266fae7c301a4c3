"""Whom an event concerns, and who is not told."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import delete, event, func, select

from dossier import folders, notices, tasks, users
from dossier.core import events
from dossier.core.actor import Actor
from dossier.core.events import ConsumerCursor
from dossier.core.units import Unit
from dossier.folders.schemas import GrantIn
from dossier.notices.models import Notice
from dossier.worker import Worker
from tests.notices.hear import heard, kinds, spread
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


class TestAssigned:
    async def test_by_somebody_else(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        (told,) = await heard(world, world.viewer)
        assert {name: told[name] for name in ("kind", "read", "version", "text")} == {
            "kind": "assigned",
            "read": False,
            "version": None,
            "text": None,
        }
        assert told["actor"] == {"id": str(world.editor.member_id), "name": "Editor"}
        assert told["task"] == {"id": str(task["id"]), "title": "Check clause 7"}
        assert told["document"] == {"id": str(lease), "name": "Lease 1.txt"}
        assert await kinds(world, world.editor) == []

    async def test_to_oneself(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, assignee_id=world.editor.member_id)
        assert await kinds(world, world.editor) == []

    async def test_later_and_away_again(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.change(task, assignee_id=world.viewer.member_id)
        await desk.change(task, assignee_id=world.owner.member_id)
        await desk.change(task, assignee_id=None)
        assert await kinds(world, world.viewer) == [], "it was gone before anybody was told"
        await desk.change(task, assignee_id=world.owner.member_id)
        assert await kinds(world, world.owner) == ["assigned"]


class TestCommented:
    async def test_watchers_assignee_and_creator(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.do(world.editor, lambda unit: tasks.unwatch(unit, task["id"]))
        await desk.do(world.viewer, lambda unit: tasks.unwatch(unit, task["id"]))
        await desk.do(world.owner, lambda unit: tasks.add_comment(unit, task["id"], "by phone " * 100))
        for who in (world.viewer, world.editor):
            told = (await heard(world, who))[0]
            assert (told["kind"], told["text"]) == ("commented", ("by phone " * 100)[:300])
        assert await kinds(world, world.owner) == []
        await desk.do(world.owner, lambda unit: tasks.watch(unit, task["id"]))
        await desk.do(world.viewer, lambda unit: tasks.add_comment(unit, task["id"], "done?"))
        assert await kinds(world, world.owner) == ["commented"]
        assert await kinds(world, world.viewer) == ["commented", "assigned"]


class TestCompleted:
    async def test_done_by_somebody_else(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.change(task, by=world.viewer, status="in_progress")
        await desk.change(task, by=world.viewer, status="done")
        assert await kinds(world, world.editor) == ["completed"]
        assert await kinds(world, world.viewer) == ["assigned"]

    async def test_cancelled_is_not_done(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.change(task, by=world.owner, status="cancelled")
        assert await kinds(world, world.editor) == []


class TestNewVersion:
    async def test_creator_last_author_and_people_with_open_tasks(self, world: "World", desk: Desk) -> None:
        document_id = await desk.document(by=world.editor)
        task = await desk.task(document_id, assignee_id=world.viewer.member_id)
        await desk.version(document_id)  # by the owner
        told = (await heard(world, world.editor))[0]
        assert (told["kind"], told["version"], told["task"]) == ("new_version", 2, None)
        assert await kinds(world, world.viewer) == ["new_version", "assigned"]
        assert await kinds(world, world.owner) == []
        await desk.change(task, by=world.viewer, status="done")
        await world.editor.client.post(f"/api/v1/documents/{document_id}/versions?comment=signed", content=b"3")
        assert await kinds(world, world.viewer) == ["new_version", "assigned"]
        told = (await heard(world, world.owner))[0]
        assert (told["kind"], told["version"], told["text"]) == ("new_version", 3, "signed")

    async def test_restored_and_by_the_system(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.version(lease)
        answer = await world.editor.client.post(f"/api/v1/documents/{lease}/versions/1/restore")
        assert answer.status_code == 201
        (told,) = await heard(world, world.owner)
        assert (told["version"], told["actor"]["name"], told["text"]) == (3, "Editor", None)


class TestWhoMayNotSee:
    async def test_is_not_told(self, world: "World", desk: Desk) -> None:
        """Neither somebody who lost the right before, nor one of the same workspace whom a watch names."""
        folder_id = await desk.folder(world.editor, world.viewer)
        task = await desk.task(await desk.document(folder_id), assignee_id=world.viewer.member_id)
        await desk.restrict(folder_id, world.editor)
        await desk.do(world.owner, lambda unit: tasks.add_comment(unit, task["id"], "secret"))
        await spread(world)
        await desk.restrict(folder_id, world.editor, world.viewer)
        assert await kinds(world, world.viewer) == [], "what came while shut out does not come later"
        assert await kinds(world, world.editor) == ["commented"]

    async def test_by_group_and_as_an_owner(self, world: "World", desk: Desk) -> None:
        group = await desk.do(
            world.owner,
            lambda unit: users.create_group(unit, "Legal", [world.viewer.member_id, world.editor.member_id]),
        )
        folder_id = await desk.folder()
        grants = [GrantIn(group_id=group["id"], role="editor")]
        await desk.do(world.owner, lambda unit: folders.restrict(unit, folder_id, grants))
        document_id = await desk.document(folder_id)
        await desk.task(document_id, assignee_id=world.viewer.member_id)
        task = await desk.task(document_id, assignee_id=world.owner.member_id)
        assert await kinds(world, world.viewer) == ["assigned"]
        assert await kinds(world, world.owner) == ["assigned"]
        await desk.do(world.owner, lambda unit: users.delete_group(unit, group["id"]))
        await desk.do(world.owner, lambda unit: tasks.add_comment(unit, task["id"], "x"))
        await spread(world)
        assert await rows(world) == 2

    async def test_former_members(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.do(world.owner, lambda unit: users.deactivate_member(unit, world.viewer.member_id))
        await spread(world)
        assert await rows(world) == 0


async def rows(world: "World") -> int:
    """How many notices there are."""
    async with world.parts.units.read(world.owner.actor) as unit:
        return await unit.session.scalar(select(func.count()).select_from(Notice)) or 0


class TestFollow:
    async def test_twice_is_once(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.do(world.owner, lambda unit: tasks.add_comment(unit, task["id"], "x"))
        await spread(world)
        before = await rows(world)
        assert before == 3

        async def forget(unit: Unit) -> None:
            await unit.session.execute(delete(ConsumerCursor).where(ConsumerCursor.consumer == "notices.people"))

        await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), forget)
        await spread(world)
        assert await rows(world) == before

    async def test_what_is_gone_meanwhile(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))
        other = await desk.document()
        await desk.task(other, assignee_id=world.viewer.member_id)
        await desk.trash(other)
        await world.owner.client.delete(f"/api/v1/documents/{other}", params={"purge": True})
        assert await kinds(world, world.viewer) == []

    async def test_goes_with_its_task_and_document(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.task(lease, assignee_id=world.viewer.member_id)
        assert await kinds(world, world.viewer) == ["assigned"] * 2
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))
        assert await rows(world) == 1
        await desk.trash(lease)
        await world.owner.client.delete(f"/api/v1/documents/{lease}", params={"purge": True})
        assert await rows(world) == 0

    async def test_statements_do_not_grow_with_people(self, world: "World", desk: Desk, lease: UUID) -> None:
        counts: list[int] = []
        for number in (1, 10):
            people = await _more(world, number)
            task = await desk.task(lease)
            for member_id in people:
                await desk.do(world.editor, lambda unit: tasks.comments.add_watchers(unit, task["id"], member_id))  # noqa: B023
            await spread(world)
            await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "x"))  # noqa: B023
            asked: list[str] = []

            def note(_c: Any, _cursor: Any, statement: str, *_more: Any, asked: list[str] = asked) -> None:
                asked.append(statement)

            engine = world.parts.database.writer.sync_engine
            event.listen(engine, "before_cursor_execute", note)
            await spread(world)
            event.remove(engine, "before_cursor_execute", note)
            counts.append(len(asked))
        assert counts[0] == counts[1] < 20


async def _more(world: "World", count: int) -> list[UUID]:
    async def add(unit: Unit) -> list[UUID]:
        return [await users.add_member(unit, f"p{count}-{n}@example.com", "P", "viewer") for n in range(count)]

    return await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), add)


class TestSweep:
    async def test_after_90_days(
        self, world: "World", desk: Desk, lease: UUID, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(notices.service, "BATCH", 2)
        for _ in range(5):
            await desk.task(lease, assignee_id=world.viewer.member_id)
        await spread(world)
        world.clock.move(days=89)
        await desk.task(lease, assignee_id=world.viewer.member_id)
        await self.keep_house(world)
        assert await rows(world) == 6
        world.clock.move(days=2)
        await self.keep_house(world)
        assert await kinds(world, world.viewer) == ["assigned"]

    async def keep_house(self, world: "World") -> None:
        """The hourly round of this room."""
        worker = Worker(world.parts, jobs_=notices.JOBS)
        await worker.keep_house()
        await worker.follow()
        world.clock.move(minutes=1)
        while (job := await worker._claim()) is not None:
            if job.kind in notices.JOBS:
                await worker._run(job)

    async def test_nobody_is_told_of_what_would_be_swept(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease, assignee_id=world.viewer.member_id)
        world.clock.move(days=91)
        await spread(world)
        assert await rows(world) == 0
        async with world.parts.units.read(world.owner.actor) as unit:
            assert world.owner.actor.workspace_id not in await events.behind(unit, "notices.people")
