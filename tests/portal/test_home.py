"""Home: what waits for me, what I worked on, what happened lately; and how little work that is."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from sqlalchemy import insert, text

from dossier import tasks
from dossier.core.clock import utc_now
from dossier.core.events import EventRow
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.portal.screens import home
from tests.notices.hear import spread
from tests.portal.screens import asked, got, plans
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World

SOON = (utc_now() + timedelta(days=1)).isoformat()
PAST = (utc_now() - timedelta(days=1)).isoformat()


@pytest.fixture
def desk(world: "World") -> Desk:
    """Builders in the world."""
    return Desk(world)


def names(documents: list[Any]) -> list[str]:
    """The names of documents."""
    return [document["name"] for document in documents]


class TestEmpty:
    async def test_nothing_yet(self, world: "World") -> None:
        shown = await got(world.viewer, "home")
        assert shown.pop("lately") == []
        assert shown == {
            "tasks": [],
            "waiting": [],
            "recent": [],
            "counts": {"my_open_tasks": 0, "my_overdue_tasks": 0, "unread": 0},
            "empty": True,
            "has_samples": False,
        }

    async def test_what_one_may_not_see_and_the_trash_are_nothing(self, world: "World", desk: Desk) -> None:
        await desk.document(await desk.folder(world.editor))
        await desk.trash(await desk.document())
        assert (await got(world.viewer, "home"))["empty"] is True
        assert (await got(world.editor, "home"))["empty"] is False
        assert (await got(world.owner, "home"))["empty"] is False
        assert (await got(world.stranger, "home"))["empty"] is True


class TestTasks:
    async def test_mine_and_open_by_due_date(self, world: "World", desk: Desk) -> None:
        lease = await desk.document()
        mine: dict[str, Any] = {"assignee_id": world.viewer.member_id}
        for title, due_at in (("some day", None), ("soon", SOON), ("late", PAST)):
            await desk.task(lease, title=title, due_at=due_at, **mine)
        done = await desk.task(lease, title="done", due_at=PAST, **mine)
        await desk.change(done, status="done")
        await desk.task(lease, title="another's", assignee_id=world.owner.member_id)
        await spread(world)
        shown = await got(world.viewer, "home")
        assert [task["title"] for task in shown["tasks"]] == ["late", "soon", "some day"]
        assert shown["counts"] == {"my_open_tasks": 3, "my_overdue_tasks": 1, "unread": 5}
        assert names(shown["waiting"]) == ["Lease 1.txt"]

    async def test_counts_go_on_where_the_list_ends(
        self, world: "World", desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(home, "TASKS", 2)
        lease = await desk.document()
        for _ in range(4):
            await desk.task(lease, assignee_id=world.viewer.member_id)
        shown = await got(world.viewer, "home")
        assert (len(shown["tasks"]), shown["counts"]["my_open_tasks"]) == (2, 4)
        monkeypatch.setattr(home, "COUNTED", 3)
        assert (await got(world.viewer, "home"))["counts"]["my_open_tasks"] == 3


class TestWaiting:
    async def test_locked_by_me_first_and_only_while_it_lasts(self, world: "World", desk: Desk) -> None:
        worked, locked, others = [await desk.document() for _ in range(3)]
        await desk.task(worked, assignee_id=world.editor.member_id)
        for who, document_id in ((world.editor, locked), (world.owner, others)):
            await who.client.put(f"/api/v1/documents/{document_id}/lock", json={"minutes": 30})
        assert names((await got(world.editor, "home"))["waiting"]) == ["Lease 2.txt", "Lease 1.txt"]
        world.clock.move(minutes=31)
        assert names((await got(world.editor, "home"))["waiting"]) == ["Lease 1.txt"]

    async def test_once_however_many_tasks(self, world: "World", desk: Desk) -> None:
        lease = await desk.document()
        for _ in range(3):
            await desk.task(lease, assignee_id=world.viewer.member_id)
        assert names((await got(world.viewer, "home"))["waiting"]) == ["Lease 1.txt"]


class TestRecent:
    async def test_touched_by_me_the_last_first(self, world: "World", desk: Desk) -> None:
        first, second, _ = [await desk.document(by=world.editor) for _ in range(3)]
        await desk.document(by=world.owner)
        task = await desk.task(second)
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "x"))
        await world.editor.client.patch(f"/api/v1/documents/{first}", json={"description": "x"})
        assert names((await got(world.editor, "home"))["recent"]) == ["Lease 1.txt", "Lease 2.txt", "Lease 3.txt"]
        await desk.trash(first)
        assert names((await got(world.editor, "home"))["recent"]) == ["Lease 2.txt", "Lease 3.txt"]

    async def test_not_what_was_shut_since(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor)
        await desk.document(folder_id, by=world.editor)
        assert names((await got(world.editor, "home"))["recent"]) == ["Lease 2.txt"]
        await desk.restrict(folder_id)
        shown = await got(world.editor, "home")
        assert (shown["recent"], shown["lately"], shown["empty"]) == ([], [], True)


class TestWork:
    async def test_statements_do_not_grow(self, world: "World", desk: Desk) -> None:
        counts: list[int] = []
        for many in (1, 12):
            for _ in range(many):
                document_id = await desk.document(await desk.folder(world.editor), by=world.editor)
                task = await desk.task(document_id, assignee_id=world.editor.member_id)
                await desk.do(world.owner, lambda unit: tasks.add_comment(unit, task["id"], "x"))  # noqa: B023
                await world.editor.client.put(f"/api/v1/documents/{document_id}/lock", json={"minutes": 30})
            await spread(world)
            with asked(world) as statements:
                await desk.see(world.editor, home.get)
            counts.append(len([each for each in statements if not each[0].startswith("BEGIN")]))
        assert counts[0] == counts[1] <= 24

    @pytest.mark.embedded
    async def test_walks_along_indexes(self, world: "World", desk: Desk) -> None:
        lease = await desk.document(by=world.editor)
        await desk.task(lease, assignee_id=world.editor.member_id)
        with asked(world) as statements:
            await desk.see(world.editor, home.get)
        plan = await plans(world, statements)
        for index in (
            "ix_tasks_assignee (workspace_id=? AND assignee_id=? AND status=?",
            "ix_document_locks_holder_id_expires_at (holder_id=? AND expires_at>?",
            "ix_events_workspace_id_actor_id_seq (workspace_id=? AND actor_id=?",
            "ix_notices_member_id_is_read_seq (member_id=? AND is_read=?",
        ):
            assert index in plan, index
        scans = [line for line in plan.splitlines() if line.startswith("SCAN") and not line.startswith(HARMLESS)]
        assert scans == [], "no table is read from its beginning to its end"

    @pytest.mark.slow
    async def test_a_long_log_is_not_read(self, world: "World", desk: Desk) -> None:
        """Whoever sees nothing of 20,000 events waits for 2,000 of them at most."""
        secret = await desk.document(await desk.folder(world.owner))
        last = (await got(world.owner, "events", limit=200))["next"]

        async def fill(unit: Unit) -> None:
            await unit.session.execute(
                insert(EventRow), [_event(unit, int(last) + n, secret) for n in range(1, 20_001)]
            )
            await unit.session.execute(COUNT, {"seq": int(last) + 20_000, "workspace": unit.workspace_id.bytes})

        await world.parts.units.run(world.owner.actor, fill)
        with asked(world) as statements:
            page = await got(world.viewer, "activity")
        assert (page["items"], page["next"] is None) == ([], False)
        assert len(statements) < 15


COUNT = text("UPDATE event_counters SET seq = :seq WHERE workspace_id = :workspace")
HARMLESS = ("SCAN CONSTANT", "SCAN anon", "SCAN (", "SCAN SUBQUERY")


def _event(unit: Unit, seq: int, document_id: UUID) -> dict[str, Any]:
    return {
        "workspace_id": unit.workspace_id,
        "seq": seq,
        "id": new_id(),
        "type": "document.updated",
        "document_id": document_id,
        "folder_id": None,
        "task_id": None,
        "actor_id": unit.actor.member_id,
        "actor_name": "x",
        "at": unit.now,
        "stored": {"name": "x", "changed": ["tags"]},
    }
