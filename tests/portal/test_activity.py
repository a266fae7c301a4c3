"""Activity: newest first, in the words of a sentence, of what one may see now."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from dossier import tasks
from dossier.core.paging import encode
from dossier.portal.screens import activity
from tests.portal.screens import API, asked, everything, got, plans
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def desk(world: "World") -> Desk:
    """Builders in the world."""
    return Desk(world)


@pytest.fixture
async def lease(desk: Desk) -> UUID:
    """A document of the owner's in the root folder."""
    return await desk.document()


def types(items: list[Any]) -> list[str]:
    """The types of entries."""
    return [item["type"] for item in items]


async def last(world: "World", **query: Any) -> Any:
    """The newest entry, as the viewer sees it."""
    return (await got(world.viewer, "activity", **query))["items"][0]


class TestWords:
    async def test_version(self, world: "World", lease: UUID) -> None:
        path = f"{API}/documents/{lease}/versions"
        await world.editor.client.post(f"{path}?comment=signed", content=b"two")
        entry = await last(world)
        assert (entry["type"], entry["version"], entry["comment"]) == ("version.added", 2, "signed")
        assert entry["actor"] == {"id": str(world.editor.member_id), "name": "Editor"}
        assert entry["document"] == {"id": str(lease), "name": "Lease 1.txt"}
        assert (entry["task"], entry["folder"], entry["person"], entry["status"]) == (None, None, None, None)
        await world.editor.client.post(f"{path}/1/restore")
        entry = await last(world)
        assert (entry["version"], entry["restored_from"], entry["comment"]) == (3, 1, None)

    async def test_tasks(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, assignee_id=world.viewer.member_id)
        entry = await last(world)
        assert (entry["type"], entry["task"]) == ("task.assigned", {"id": str(task["id"]), "title": "Check clause 7"})
        assert entry["person"] == {"id": str(world.viewer.member_id), "name": "Viewer"}
        await desk.do(world.editor, lambda unit: tasks.add_comment(unit, task["id"], "said " * 100))
        assert (await last(world))["comment"] == ("said " * 100)[:140]
        await desk.change(task, status="done")
        assert (await last(world))["status"] == "done"
        await desk.change(task, assignee_id=None)
        assert (await last(world))["person"] is None
        await desk.do(world.editor, lambda unit: tasks.delete(unit, task["id"]))
        page = await got(world.viewer, "activity", types=["task.deleted", "task.commented"])
        assert [(entry["type"], entry["comment"]) for entry in page["items"]] == [
            ("task.deleted", None),
            ("task.commented", None),
        ]

    async def test_renamed_once_and_by_both_names(self, world: "World", lease: UUID) -> None:
        await world.editor.client.patch(f"{API}/documents/{lease}", json={"name": "Contract.txt"})
        items = (await got(world.viewer, "activity"))["items"]
        assert types(items) == ["document.renamed", "document.added"]
        assert [item["document"]["name"] for item in items] == ["Contract.txt"] * 2
        assert items[0]["previous_name"] == "Lease 1.txt"
        await world.editor.client.patch(f"{API}/documents/{lease}", json={"name": "b.txt", "tags": ["x"]})
        assert types((await got(world.viewer, "activity"))["items"])[:2] == ["document.updated", "document.renamed"]

    async def test_folders(self, world: "World") -> None:
        made = (await world.editor.client.post(f"{API}/folders", json={"name": "Contracts"})).json()
        entry = await last(world)
        assert (entry["type"], entry["folder"]) == ("folder.created", {"id": made["id"], "name": "Contracts"})
        assert entry["document"] is None

    async def test_purged_by_its_last_name(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.trash(lease)
        await world.owner.client.delete(f"{API}/documents/{lease}", params={"purge": True})
        entry = await last(world)
        assert (entry["type"], entry["document"]["name"]) == ("document.purged", "Lease 1.txt")


class TestPages:
    async def test_newest_first_complete_without_doubles(self, world: "World", desk: Desk) -> None:
        for _ in range(7):
            await desk.document()
        seen = await everything(world.viewer, "activity", limit=3)
        assert [item["document"]["name"] for item in seen] == [f"Lease {n}.txt" for n in range(7, 0, -1)]
        assert [item["seq"] for item in seen] == sorted((item["seq"] for item in seen), reverse=True)

    async def test_a_window_after_the_other(self, world: "World", desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(activity, "WINDOW", 2)
        for _ in range(7):
            await desk.document()
        assert len(await everything(world.viewer, "activity")) == 7

    async def test_of_one_document(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.document()
        await desk.task(lease)
        await desk.version(lease)
        seen = await everything(world.viewer, "activity", document_id=str(lease), limit=1)
        assert types(seen) == ["version.added", "task.created", "document.added"]
        await desk.trash(lease)
        assert types(await everything(world.viewer, "activity", document_id=str(lease)))[0] == "document.trashed"

    async def test_only_some_types(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease)
        assert types(await everything(world.viewer, "activity", types=["document.added"])) == ["document.added"]
        query = {"document_id": str(lease), "types": ["task.created"]}
        assert types(await everything(world.viewer, "activity", **query)) == ["task.created"]

    @pytest.mark.parametrize("after", ["x", encode("a"), encode(UUID(int=7))])
    async def test_foreign_cursors(self, world: "World", after: str) -> None:
        answer = await world.viewer.client.get(f"{API}/activity", params={"after": after})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")


class TestVisibility:
    async def test_by_present_rights(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor, world.viewer)
        document_id = await desk.document(folder_id)
        assert "document.added" in types(await everything(world.viewer, "activity"))
        await desk.restrict(folder_id, world.editor)
        assert await everything(world.viewer, "activity") == []
        answer = await world.viewer.client.get(f"{API}/activity", params={"document_id": str(document_id)})
        assert (answer.status_code, answer.json()["code"]) == (404, "document_not_found")
        assert "document.added" in types(await everything(world.editor, "activity"))

    async def test_a_hidden_folder_is_not_named_by_what_came_out_of_it(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.editor)
        document_id = await desk.document(folder_id)
        await world.editor.client.patch(f"{API}/documents/{document_id}", json={"folder_id": str(world.root)})
        seen = {item["type"]: item for item in await everything(world.viewer, "activity")}
        assert seen.keys() == {"document.added", "document.moved"}
        assert seen["document.added"]["folder"] is None
        assert seen["document.moved"]["folder"] == {"id": str(world.root), "name": "Acme"}
        assert str(folder_id) not in str(seen)

    async def test_people_are_in_no_activity(self, world: "World") -> None:
        assert "member.added" in types((await got(world.owner, "events"))["items"])
        assert await everything(world.owner, "activity") == []

    @pytest.mark.usefixtures("lease")
    async def test_nothing_crosses_a_workspace(self, world: "World") -> None:
        assert await everything(world.stranger, "activity") == []


class TestPlan:
    @pytest.mark.embedded
    async def test_of_one_document_by_its_index(self, world: "World", desk: Desk, lease: UUID) -> None:
        with asked(world) as statements:
            await desk.see(world.viewer, lambda unit: activity.page(unit, 10, document_id=lease))
        plan = await plans(world, [each for each in statements if "FROM events" in each[0]])
        assert "ix_events_document_id_seq (document_id=? AND seq<?" in plan
        assert "TEMP B-TREE" not in plan
