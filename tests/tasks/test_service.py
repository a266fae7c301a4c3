"""The verbs on tasks: every rule, and who may."""

import asyncio
from collections.abc import Awaitable
from itertools import product
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from dossier import documents, tasks, users
from dossier.core.actor import Actor, NotAllowed
from dossier.core.errors import Invalid, PreconditionFailed
from dossier.core.ids import new_id
from tests.tasks.make import PAGE_4, QUOTE, Desk

if TYPE_CHECKING:
    from tests.conftest import Someone, World

DUE = "2026-12-01T16:00:00Z"


async def told(desk: Desk, task: Any) -> list[tuple[str, dict[str, Any]]]:
    """Types and data of a task's events, without the title."""
    events = await desk.events(task)
    assert all(event.document_id is not None and event.data["title"] for event in events)
    return [
        (event.type.removeprefix("task."), {key: value for key, value in event.data.items() if key != "title"})
        for event in events
    ]


class TestCreate:
    async def test_on_the_head(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.version(lease, times=2)
        task = await desk.task(lease, title="Check", details="**now**", priority="high", due_at=DUE, target=PAGE_4)
        person = {"id": world.editor.member_id, "name": "Editor"}
        assert task["document"] | {"name": ""} == {"id": lease, "name": "", "folder_id": world.root, "head": 3}
        assert (task["document_id"], task["version"], task["behind"]) == (lease, 3, False)
        assert (task["title"], task["details"], task["priority"]) == ("Check", "**now**", "high")
        assert (task["status"], task["assignee"], task["comment_count"]) == ("open", None, 0)
        assert (task["target"], task["etag"], task["due_at"].isoformat()) == (PAGE_4, "1", "2026-12-01T16:00:00+00:00")
        assert (task["created_by"], task["completed_at"], task["completed_by"]) == (person, None, None)
        assert task["watchers"] == [world.editor.member_id]
        assert task == await desk.see(world.viewer, lambda unit: tasks.get(unit, task["id"]))

    async def test_counts_on_the_document_and_not_in_its_etag(self, world: "World", desk: Desk, lease: UUID) -> None:
        before = await desk.see(world.owner, lambda unit: documents.get(unit, lease))
        await desk.task(lease)
        after = await desk.see(world.owner, lambda unit: documents.get(unit, lease))
        assert (before["open_tasks"], after["open_tasks"]) == (0, 1)
        assert before["etag"] == after["etag"]

    async def test_on_an_old_version(self, desk: Desk, lease: UUID) -> None:
        await desk.version(lease, times=2)
        task = await desk.task(lease, version=2)
        assert (task["version"], task["behind"]) == (2, True)

    async def test_on_a_version_to_come(self, desk: Desk, lease: UUID) -> None:
        with pytest.raises(tasks.UnknownVersion) as caught:
            await desk.task(lease, version=2)
        assert caught.value.fields == {"version": "The newest version is 1."}
        assert await desk.open_tasks(lease) == 0

    async def test_for_somebody(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        assert task["assignee"] == {"id": world.viewer.member_id, "name": "Viewer"}
        assert set(task["watchers"]) == {world.editor.member_id, world.viewer.member_id}
        assert await told(desk, task) == [
            ("created", {"version": 1}),
            ("assigned", {"assignee_id": str(world.viewer.member_id), "previous": None}),
        ]

    async def test_for_oneself(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.editor.member_id)
        assert task["watchers"] == [world.editor.member_id]

    async def test_events_hold_no_details(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, title="Check", details="secret words", target=QUOTE)
        assert [event.data for event in await desk.events(task)] == [{"title": "Check", "version": 1}]

    async def test_by_the_system(self, world: "World", desk: Desk, lease: UUID) -> None:
        system = Actor.system(world.owner.actor.workspace_id, "system:link")
        new = tasks.NewTask(title="Synced")
        task = await desk.units.run(system, lambda unit: tasks.create(unit, lease, new))
        assert (task["created_by"], task["watchers"]) == ({"id": None, "name": "system"}, [])

    async def test_nobody_outside(self, world: "World", desk: Desk, lease: UUID) -> None:
        for unknown in (world.stranger.member_id, new_id()):
            with pytest.raises(users.UnknownPeople) as caught:
                await desk.task(lease, assignee_id=unknown)
            assert list(caught.value.fields or {}) == ["assignee_id"]

    async def test_nobody_who_left(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.do(world.owner, lambda unit: users.deactivate_member(unit, world.viewer.member_id))
        with pytest.raises(users.UnknownPeople):
            await desk.task(lease, assignee_id=world.viewer.member_id)

    async def test_nobody_who_cannot_see_it(self, world: "World", desk: Desk) -> None:
        secret = await desk.document(await desk.folder(world.editor))
        with pytest.raises(tasks.AssigneeShutOut) as caught:
            await desk.task(secret, assignee_id=world.viewer.member_id)
        assert list(caught.value.fields or {}) == ["assignee_id"]
        await desk.task(secret, assignee_id=world.owner.member_id)
        assert await desk.open_tasks(secret) == 1

    async def test_needs_an_editor(self, world: "World", desk: Desk, lease: UUID) -> None:
        with pytest.raises(NotAllowed):
            await desk.task(lease, by=world.viewer)

    async def test_an_editor_by_grant_will_do(self, world: "World", desk: Desk) -> None:
        shared = await desk.document(await desk.folder(world.viewer))
        assert (await desk.task(shared, by=world.viewer))["created_by"]["id"] == world.viewer.member_id

    async def test_a_viewer_by_grant_will_not(self, world: "World", desk: Desk) -> None:
        shared = await desk.document(await desk.folder(world.editor, role="viewer"))
        with pytest.raises(NotAllowed):
            await desk.task(shared)

    async def test_not_on_what_is_hidden(self, world: "World", desk: Desk, lease: UUID) -> None:
        secret = await desk.document(await desk.folder())
        for who, document_id in [(world.editor, secret), (world.stranger, lease), (world.editor, new_id())]:
            with pytest.raises(documents.DocumentNotFound):
                await desk.task(document_id, by=who)

    async def test_not_in_the_trash(self, desk: Desk, lease: UUID) -> None:
        await desk.trash(lease)
        with pytest.raises(documents.DocumentTrashed):
            await desk.task(lease)


class TestUpdate:
    async def test_what_is_given(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, title="Check", details="old", due_at=DUE, target=PAGE_4)
        world.clock.move(minutes=5)
        changed = await desk.change(task, title="Look", priority="low", target=QUOTE)
        new = {"title": "Look", "priority": "low", "target": QUOTE, "etag": "2", "updated_at": changed["updated_at"]}
        assert changed == task | new
        assert changed["updated_at"] > task["updated_at"]
        assert (await told(desk, task))[1:] == [("updated", {"changed": ["priority", "target", "title"]})]

    async def test_null_clears_some_and_leaves_the_rest(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, due_at=DUE, target=PAGE_4, assignee_id=world.viewer.member_id)
        nulls = dict.fromkeys(["title", "details", "priority", "status", "version", "due_at", "target", "assignee_id"])
        changed = await desk.change(task, **nulls)
        assert (changed["due_at"], changed["target"], changed["assignee"]) == (None, None, None)
        assert (changed["title"], changed["status"], changed["version"]) == (task["title"], "open", 1)
        assert (await told(desk, task))[2:] == [
            ("updated", {"changed": ["due_at", "target"]}),
            ("assigned", {"assignee_id": None, "previous": str(world.viewer.member_id)}),
        ]
        assert await desk.titles(world.viewer, due_after=task["due_at"]) == []

    async def test_nothing_new_is_no_change(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, due_at=DUE, target=PAGE_4)
        assert await desk.change(task) == task
        assert await desk.change(task, title=task["title"], due_at=DUE, target=PAGE_4, status="open", version=1) == task
        assert len(await desk.events(task)) == 1

    async def test_any_status_to_any(self, world: "World", desk: Desk, lease: UUID) -> None:
        for start, end in product(["open", "in_progress", "done", "cancelled"], repeat=2):
            task = await desk.change(await desk.task(lease), status=start)
            changed = await desk.change(task, by=world.owner, status=end)
            if start == end:
                assert changed == task
            elif end in ("open", "in_progress"):
                assert (changed["completed_at"], changed["completed_by"]) == (None, None)
            else:
                assert changed["completed_at"] == changed["updated_at"]
                assert changed["completed_by"] == {"id": world.owner.member_id, "name": "Owner"}
            if start != end:
                assert (await told(desk, task))[-1] == ("status_changed", {"from": start, "to": end})
            assert await desk.open_tasks(lease) == int(end in ("open", "in_progress"))
            await desk.do(world.owner, lambda unit: tasks.delete(unit, task["id"]))  # noqa: B023
            assert await desk.open_tasks(lease) == 0

    async def test_to_another_version(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, target=PAGE_4)
        await desk.version(lease, times=2)
        carried = await desk.change(task, version=3)
        assert (carried["version"], carried["behind"], carried["target"]) == (3, False, PAGE_4)
        back = await desk.change(task, version=2, target=None)
        assert (back["version"], back["behind"], back["target"]) == (2, True, None)
        assert (await told(desk, task))[1:] == [
            ("carried_over", {"from": 1, "to": 3}),
            ("updated", {"changed": ["target"]}),
            ("carried_over", {"from": 3, "to": 2}),
        ]
        with pytest.raises(tasks.UnknownVersion):
            await desk.change(task, version=4)

    async def test_a_new_version_of_the_document_leaves_it(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.version(lease)
        seen = await desk.see(world.viewer, lambda unit: tasks.get(unit, task["id"]))
        assert (seen["version"], seen["behind"], seen["document"]["head"], seen["etag"]) == (1, True, 2, "1")

    async def test_giving_it_to_another(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        changed = await desk.change(task, assignee_id=str(world.owner.member_id))
        assert changed["assignee"]["id"] == world.owner.member_id
        assert set(changed["watchers"]) == {who.member_id for who in (world.editor, world.viewer, world.owner)}
        assert (await told(desk, task))[-1] == (
            "assigned",
            {"assignee_id": str(world.owner.member_id), "previous": str(world.viewer.member_id)},
        )
        with pytest.raises(users.UnknownPeople):
            await desk.change(task, assignee_id=str(world.stranger.member_id))

    async def test_not_to_one_shut_out(self, world: "World", desk: Desk) -> None:
        task = await desk.task(await desk.document(await desk.folder(world.editor)))
        with pytest.raises(tasks.AssigneeShutOut):
            await desk.change(task, assignee_id=str(world.viewer.member_id))

    async def test_an_assignee_who_left_stays_named(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.do(world.owner, lambda unit: users.deactivate_member(unit, world.viewer.member_id))
        changed = await desk.change(task, title="Look")
        assert changed["assignee"] == {"id": world.viewer.member_id, "name": "Viewer"}

    async def test_if_match(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.change(task, if_match='"1"', title="Mine")
        with pytest.raises(PreconditionFailed):
            await desk.change(task, if_match='"1"', title="Theirs")
        assert (await desk.change(task, if_match='"2"', title="Ours"))["etag"] == "3"

    async def test_a_refused_change_leaves_nothing(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        with pytest.raises(Invalid):
            await desk.change(task, status="done", title="Look", version=9)
        assert await desk.open_tasks(lease) == 1
        assert await desk.change(task) == task

    async def test_not_in_the_trash(self, desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.trash(lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.change(task, status="done")


class TestWhoMayUpdate:
    async def test_a_viewer_may_not(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for change in ({"status": "done"}, {"title": "x"}, {"assignee_id": str(world.viewer.member_id)}, {}):
            with pytest.raises(NotAllowed):
                await desk.change(task, by=world.viewer, **change)

    async def test_the_assignee_moves_their_own(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        changed = await desk.change(task, by=world.viewer, status="done")
        assert changed["completed_by"]["id"] == world.viewer.member_id
        assert await desk.open_tasks(lease) == 0

    async def test_and_nothing_else(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        for change in ({"title": "x"}, {"status": "done", "title": "x"}, {"due_at": None}, {"assignee_id": None}):
            with pytest.raises(NotAllowed):
                await desk.change(task, by=world.viewer, **change)
        with pytest.raises(NotAllowed):
            await desk.do(world.viewer, lambda unit: tasks.delete(unit, task["id"]))
        assert await desk.change(task) == task

    async def test_an_assignee_no_longer(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        await desk.change(task, assignee_id=None)
        with pytest.raises(NotAllowed):
            await desk.change(task, by=world.viewer, status="done")

    async def test_an_assignee_shut_out_since(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor, world.viewer)
        task = await desk.task(await desk.document(folder_id), assignee_id=world.viewer.member_id)
        await desk.restrict(folder_id, world.editor)
        with pytest.raises(tasks.TaskNotFound):
            await desk.change(task, by=world.viewer, status="done")

    async def test_a_stranger_sees_nothing(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        with pytest.raises(tasks.TaskNotFound):
            await desk.change(task, by=world.stranger, status="done")


class TestDelete:
    async def test_for_good(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "x"))
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"], '"1"'))
        assert await desk.open_tasks(lease) == 0
        assert [what for what, _ in await told(desk, task)] == ["created", "commented", "deleted"]
        with pytest.raises(tasks.TaskNotFound):
            await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))

    async def test_a_closed_one_counts_nothing(self, world: "World", desk: Desk, lease: UUID) -> None:
        task, _other = await desk.task(lease), await desk.task(lease)
        await desk.change(task, status="done")
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))
        assert await desk.open_tasks(lease) == 1

    async def test_stale(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.change(task, title="x")
        with pytest.raises(PreconditionFailed):
            await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"], '"1"'))

    async def test_needs_an_editor(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        for who, refusal in [(world.viewer, NotAllowed), (world.stranger, tasks.TaskNotFound)]:
            with pytest.raises(refusal):
                await desk.do(who, lambda unit: tasks.delete(unit, task["id"]))


class TestCarryOver:
    async def test_all_open_ones(self, world: "World", desk: Desk, lease: UUID) -> None:
        old, begun, done = [await desk.task(lease, target=PAGE_4) for _ in range(3)]
        await desk.change(begun, status="in_progress")
        await desk.change(done, status="done")
        elsewhere = await desk.task(await desk.document())
        await desk.version(lease, times=2)
        fresh = await desk.task(lease)
        carried = (await desk.do(world.editor, lambda unit: tasks.carry_over(unit, lease)))["items"]
        assert [item["id"] for item in carried] == [old["id"], begun["id"], fresh["id"]]
        assert all((item["version"], item["behind"]) == (3, False) for item in carried)
        assert carried[0]["target"] == PAGE_4
        assert carried[2] == fresh
        assert (await told(desk, old))[1:] == [("carried_over", {"from": 1, "to": 3})]
        for task in (done, elsewhere):
            assert (await desk.change(task))["version"] == 1

    async def test_the_given_ones(self, world: "World", desk: Desk, lease: UUID) -> None:
        done, other = await desk.task(lease), await desk.task(lease)
        await desk.change(done, status="done")
        await desk.version(lease)
        ids = [done["id"], done["id"]]
        carried = (await desk.do(world.editor, lambda unit: tasks.carry_over(unit, lease, ids)))["items"]
        assert [(item["id"], item["version"], item["status"]) for item in carried] == [(done["id"], 2, "done")]
        assert (await desk.change(other))["version"] == 1

    async def test_one_of_another_document_stops_all(self, world: "World", desk: Desk, lease: UUID) -> None:
        mine, theirs = await desk.task(lease), await desk.task(await desk.document())
        await desk.version(lease)
        for wrong in (theirs["id"], new_id()):
            ids = [mine["id"], wrong]
            with pytest.raises(tasks.TaskNotFound):
                await desk.do(world.editor, lambda unit: tasks.carry_over(unit, lease, ids))  # noqa: B023
        assert (await desk.change(mine))["version"] == 1

    async def test_who_may(self, world: "World", desk: Desk, lease: UUID) -> None:
        for who, refusal in [(world.viewer, NotAllowed), (world.stranger, documents.DocumentNotFound)]:
            with pytest.raises(refusal):
                await desk.do(who, lambda unit: tasks.carry_over(unit, lease))
        await desk.trash(lease)
        with pytest.raises(documents.DocumentTrashed):
            await desk.do(world.editor, lambda unit: tasks.carry_over(unit, lease))


class TestOfDocument:
    async def test_everything_also_from_the_trash(self, world: "World", desk: Desk, lease: UUID) -> None:
        first, second = await desk.task(lease, details="x"), await desk.task(lease, due_at=DUE)
        for body in "ab":
            await desk.do(world.owner, lambda unit: tasks.add_comment(unit, first["id"], body))  # noqa: B023
        await desk.task(await desk.document())
        await desk.change(second, status="done")
        await desk.trash(lease)
        found = await desk.see(world.owner, lambda unit: tasks.of_document(unit, lease))
        assert [(item["id"], item["status"]) for item in found] == [(first["id"], "open"), (second["id"], "done")]
        assert [[comment["body"] for comment in item["comments"]] for item in found] == [["a", "b"], []]

    async def test_of_nothing(self, world: "World", desk: Desk, lease: UUID) -> None:
        assert await desk.see(world.owner, lambda unit: tasks.of_document(unit, lease)) == []
        with pytest.raises(documents.DocumentNotFound):
            await desk.see(world.stranger, lambda unit: tasks.of_document(unit, lease))


class TestTwoAtOnce:
    async def test_the_count_stays_right(self, world: "World", desk: Desk, lease: UUID) -> None:
        made = await asyncio.gather(
            *(desk.task(lease, by=who, title=f"{n}") for n in range(8) for who in (world.editor, world.owner))
        )
        assert await desk.open_tasks(lease) == 16
        closing: list[Awaitable[Any]] = [
            desk.change(task, by=who, status="done") for task in made[:6] for who in (world.editor, world.owner)
        ]
        gone = [desk.do(world.owner, lambda unit, id_=task["id"]: tasks.delete(unit, id_)) for task in made[6:9]]  # type: ignore[misc]  # a default binds the loop's value
        await asyncio.gather(*closing, *gone)
        assert await desk.open_tasks(lease) == 7
        assert len(await desk.titles(world.viewer, statuses=frozenset({"open"}))) == 7

    async def test_one_of_two_with_the_same_etag_wins(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)

        async def attempt(who: "Someone", status: str) -> str:
            try:
                await desk.change(task, by=who, if_match='"1"', status=status)
            except PreconditionFailed:
                return "stale"
            return status

        results = await asyncio.gather(attempt(world.editor, "done"), attempt(world.owner, "cancelled"))
        assert sorted(results).count("stale") == 1
        assert await desk.open_tasks(lease) == 0

    async def test_tasks_and_versions_together(self, world: "World", desk: Desk, lease: UUID) -> None:
        await asyncio.gather(*(desk.task(lease) for _ in range(5)), *(desk.version(lease) for _ in range(5)))
        carried = await desk.do(world.editor, lambda unit: tasks.carry_over(unit, lease))
        assert [item["version"] for item in carried["items"]] == [6] * 5
        assert await desk.open_tasks(lease) == 5
