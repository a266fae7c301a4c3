"""Samples over HTTP: made by a person, looked at, and gone again."""

from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from dossier import samples
from dossier.app import build
from dossier.core.units import Unit
from dossier.samples.models import Sample
from dossier.samples.shapes import Edition, Paper, Plan
from dossier.storage.models import Blob
from dossier.transfer.doctor import Finding, examine
from tests.conftest import Someone, World
from tests.documents.test_documents import add, folder

API = "/api/v1"
FEW = [
    Paper("One.txt", [Edition(b"one", "first"), Edition(b"two")], tags=("t",), tasks=(Plan("Do", said=("so",)),)),
    Paper(
        "Two.md", [Edition(b"# two")], tasks=(Plan("Late", days=-3, status="in_progress"), Plan("Done", status="done"))
    ),
]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two small documents in the place of the real ones."""
    monkeypatch.setattr("dossier.samples.service._write", lambda: FEW)


async def made(by: Someone, status: int = 201, **more: Any) -> Any:
    answer = await by.client.post(f"{API}/samples", **more)
    assert answer.status_code == status, answer.text
    return answer.json()


async def listed(by: Someone, **query: Any) -> dict[str, Any]:
    answer = await by.client.get(f"{API}/documents", params={"limit": 200, **query})
    return {document["name"]: document for document in answer.json()["items"]}


async def folders_of(by: Someone) -> set[str]:
    return {each["name"] for each in (await by.client.get(f"{API}/folders", params={"limit": 200})).json()["items"]}


async def removed(by: Someone, status: int = 204) -> httpx.Response:
    answer = await by.client.delete(f"{API}/samples")
    assert answer.status_code == status, answer.text
    return answer


async def present(world: World, by: Someone) -> bool:
    async with world.parts.units.read(by.actor) as unit:
        return await samples.present(unit)


async def findings(world: World) -> list[Finding]:
    """What the doctor finds, on connections of its own as the command has them: FTS5 remembers what it has read."""
    parts = build(world.parts.settings)
    found = (await examine(parts)).findings
    await parts.close()
    return found


async def counted(world: World) -> tuple[int, int]:
    async def read(unit: Unit) -> tuple[int, int]:
        rows = [await unit.session.scalar(select(func.count()).select_from(table)) for table in (Sample, Blob)]
        return rows[0] or 0, rows[1] or 0

    return await world.parts.units.run(world.owner.actor, read)


@pytest.mark.slow
class TestAll:
    async def test_from_the_first_to_the_last(self, world: World) -> None:
        place = await made(world.editor)
        there = await listed(world.viewer, folder_id=place["folder_id"])
        assert len(there) == 11
        assert {name: document["version"]["number"] for name, document in there.items()}["Meeting notes.md"] == 4
        lease = there["Lease contract.pdf"]
        assert lease["version"]["author"]["id"] == str(world.editor.member_id)
        assert (lease["tags"], lease["open_tasks"]) == (["contract", "office"], 2)
        mine = await world.editor.client.get(
            f"{API}/tasks", params={"assignee": "me", "status": ["open", "in_progress"]}
        )
        tasks = {task["title"]: task for task in mine.json()["items"]}
        late = tasks["Ask for a shorter notice period"]
        assert late["behind"] and late["version"] == 2 and late["comment_count"] == 1
        assert late["target"]["value"].startswith("page=2&viewrect=")
        assert late["target"]["refinedBy"]["exact"] == "Either party may end this lease"
        overdue = await world.editor.client.get(f"{API}/tasks", params={"overdue": True})
        assert [task["title"] for task in overdue.json()["items"]] == ["Ask for a shorter notice period"]
        assert await present(world, world.viewer)
        await world.work()
        assert await findings(world) == []
        await removed(world.editor)
        assert await listed(world.owner) == {} and await listed(world.owner, trashed=True) == {}
        assert "Samples" not in await folders_of(world.owner)
        assert await counted(world) == (0, 0)
        assert not await present(world, world.viewer)
        await world.work()
        assert await findings(world) == []


@pytest.mark.slow
@pytest.mark.usefixtures("few")
class TestCreateSamples:
    async def test_numbers_its_folder(self, world: World) -> None:
        places = [(await made(world.owner))["folder_id"] for _ in range(2)]
        assert len(set(places)) == 2
        assert {"Samples", "Samples (2)"} <= await folders_of(world.viewer)
        assert await counted(world) == (4, 3)

    async def test_tasks_as_they_are_meant(self, world: World) -> None:
        await made(world.editor)
        tasks = (await world.viewer.client.get(f"{API}/tasks")).json()["items"]
        assert {task["title"]: (task["status"], task["comment_count"]) for task in tasks} == {
            "Do": ("open", 1),
            "Late": ("in_progress", 0),
            "Done": ("done", 0),
        }
        assert tasks[0]["title"] == "Late" and tasks[0]["due_at"].endswith("T16:00:00Z")

    async def test_below_a_folder(self, world: World) -> None:
        parent = await folder(world.editor.client, "Here")
        place = await made(world.editor, json={"folder_id": parent["id"]})
        found = (await world.editor.client.get(f"{API}/folders/{place['folder_id']}")).json()
        assert found["parent_id"] == parent["id"]

    async def test_once_per_key(self, world: World) -> None:
        headers = {"Idempotency-Key": "samples"}
        first, second = await made(world.editor, headers=headers), await made(world.editor, headers=headers)
        assert first == second and await counted(world) == (2, 3)

    async def test_not_by_viewers(self, world: World) -> None:
        assert (await made(world.viewer, 403))["code"] == "not_allowed"
        assert [entry async for entry in world.parts.store.keys()] == []  # noqa: SIM118  # a store is no dict

    async def test_not_in_a_hidden_folder(self, world: World) -> None:
        hidden = await folder(world.owner.client, "Hidden")
        await world.owner.client.put(f"{API}/folders/{hidden['id']}/access", json={"grants": []})
        assert (await made(world.editor, 404, json={"folder_id": hidden["id"]}))["code"] == "folder_not_found"


@pytest.mark.slow
@pytest.mark.usefixtures("few")
class TestRemoveSamples:
    async def test_again_and_where_there_are_none(self, world: World) -> None:
        await removed(world.editor)
        await made(world.editor)
        await removed(world.owner)
        await removed(world.owner)

    async def test_not_by_viewers(self, world: World) -> None:
        await made(world.editor)
        await removed(world.viewer, 403)
        assert await counted(world) == (2, 3)

    async def test_ones_own_document_stays_with_its_folder(self, world: World) -> None:
        place = await made(world.editor)
        own = await add(world.editor.client, "own.txt", b"own", folder_id=place["folder_id"])
        await removed(world.owner)
        assert list(await listed(world.viewer)) == ["own.txt"]
        assert (await world.viewer.client.get(f"{API}/documents/{own['id']}")).json()["folder_id"] == place["folder_id"]
        assert "Samples" in await folders_of(world.viewer)
        assert not await present(world, world.viewer)

    async def test_ones_own_folder_stays(self, world: World) -> None:
        place = await made(world.editor)
        await folder(world.editor.client, "Mine", place["folder_id"])
        await removed(world.editor)
        assert {"Samples", "Mine"} <= await folders_of(world.viewer)

    async def test_wherever_they_lie_and_whatever_was_done(self, world: World) -> None:
        place = await made(world.editor)
        there = await listed(world.editor, folder_id=place["folder_id"])
        one, two = there["One.txt"]["id"], there["Two.md"]["id"]
        answers = [
            await world.editor.client.post(f"{API}/documents/{one}/versions", content=b"three"),
            await world.editor.client.patch(f"{API}/documents/{one}", json={"folder_id": str(world.root)}),
            await world.editor.client.put(f"{API}/documents/{one}/lock"),
            await world.editor.client.delete(f"{API}/documents/{two}"),
        ]
        assert [answer.is_success for answer in answers] == [True] * 4
        await removed(world.owner)
        assert await counted(world) == (0, 0)
        assert "Samples" not in await folders_of(world.owner)
        await add(world.editor.client, "One.txt")
        assert await findings(world) == []

    async def test_what_the_actor_may_not_touch_stays(self, world: World) -> None:
        place = await made(world.owner)
        there = await listed(world.owner, folder_id=place["folder_id"])
        hidden = await folder(world.owner.client, "Hidden")
        await world.owner.client.put(f"{API}/folders/{hidden['id']}/access", json={"grants": []})
        one = f"{API}/documents/{there['One.txt']['id']}"
        assert (await world.owner.client.patch(one, json={"folder_id": hidden["id"]})).is_success
        await removed(world.editor)
        assert list(await listed(world.owner)) == ["One.txt"]
        assert not await present(world, world.editor) and await present(world, world.owner)
        await removed(world.owner)
        assert await counted(world) == (0, 0)

    async def test_not_those_of_others(self, world: World) -> None:
        await made(world.stranger)
        await removed(world.owner)
        assert await present(world, world.stranger) and not await present(world, world.owner)

    async def test_bytes_that_a_document_shares_stay(self, world: World) -> None:
        own = await add(world.editor.client, "own.txt", b"one")
        await made(world.editor)
        await removed(world.editor)
        content = await world.viewer.client.get(f"{API}/documents/{own['id']}/content")
        assert content.content == b"one"

    async def test_is_told_in_the_feed(self, world: World) -> None:
        await made(world.editor)
        await removed(world.editor)
        events = (await world.owner.client.get(f"{API}/events", params={"limit": 200})).json()["items"]
        gone = [event for event in events if event["type"] == "document.purged"]
        assert len(gone) == 2 and {event["actor"]["id"] for event in gone} == {str(world.editor.member_id)}


@pytest.mark.slow
@pytest.mark.usefixtures("few")
class TestPresent:
    async def test_home_says_so(self, world: World) -> None:
        async def told() -> Any:
            return (await world.viewer.client.get(f"{API}/home")).json()["has_samples"]

        assert await told() is False
        await made(world.editor)
        assert await told() is True
        await removed(world.editor)
        assert await told() is False

    async def test_not_while_they_lie_in_the_trash(self, world: World) -> None:
        place = await made(world.editor)
        assert await present(world, world.viewer)
        answer = await world.editor.client.delete(f"{API}/folders/{place['folder_id']}", params={"recursive": True})
        assert answer.status_code == 204
        assert not await present(world, world.viewer)
        await removed(world.editor)
        assert await listed(world.owner, trashed=True) == {}
