"""Events as CloudEvents 1.0, one and in batches."""

from typing import Any

import pytest

from dossier.core.ids import new_id
from dossier.feed import cloud_event
from tests.conftest import World
from tests.documents.test_documents import add, folder

API = "/api/v1/events"
BATCH = "application/cloudevents-batch+json"


def event(**ids: Any) -> Any:
    """An event as the feed shows it."""
    wire = {
        "id": new_id(),
        "seq": 1,
        "type": "a.b",
        "at": None,
        "document_id": None,
        "folder_id": None,
        "task_id": None,
    }
    return wire | ids


class TestOne:
    def test_subject_is_what_is_nearest(self) -> None:
        document, task, place = new_id(), new_id(), new_id()
        for ids, subject in (
            ({"document_id": document}, f"documents/{document}"),
            ({"document_id": document, "folder_id": place}, f"documents/{document}"),
            ({"document_id": document, "task_id": task}, f"tasks/{task}"),
            ({"folder_id": place}, f"folders/{place}"),
        ):
            assert cloud_event(event(**ids), new_id())["subject"] == subject

    def test_none_of_an_event_about_people(self) -> None:
        assert "subject" not in cloud_event(event(), new_id())


class TestBatch:
    async def test_by_accept(self, world: World) -> None:
        await add(world.editor.client, "a.txt")
        plain = (await world.owner.client.get(API)).json()
        answer = await world.owner.client.get(API, headers={"Accept": BATCH})
        assert answer.headers["content-type"] == BATCH
        assert answer.headers["vary"] == "Accept"
        batch = answer.json()
        assert [each["data"] for each in batch] == plain["items"]
        workspace = world.owner.actor.workspace_id
        for each in batch:
            assert (each["specversion"], each["datacontenttype"]) == ("1.0", "application/json")
            assert (each["id"], each["type"], each["time"]) == tuple(
                each["data"][name] for name in ("id", "type", "at")
            )
            assert each["source"] == f"urn:uuid:{workspace}"

    async def test_going_on_by_link(self, world: World) -> None:
        for number in range(5):
            await add(world.editor.client, f"{number}.txt")
        path, names = f"{API}?types=document.added&limit=2", []
        while True:
            answer = await world.viewer.client.get(path, headers={"Accept": BATCH})
            names += [each["data"]["data"]["name"] for each in answer.json()]
            if not answer.json():
                break
            link, _, rel = answer.headers["link"].partition("; ")
            assert rel == 'rel="next"'
            path = link.strip("<>")
        assert names == [f"{number}.txt" for number in range(5)]

    async def test_no_more_than_one_may_see(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        await world.owner.client.put(f"/api/v1/folders/{secret['id']}/access", json={"grants": []})
        await add(world.owner.client, "plan.txt", folder_id=secret["id"])
        assert "plan.txt" not in (await world.viewer.client.get(API, headers={"Accept": BATCH})).text

    @pytest.mark.parametrize("accept", ["*/*", "application/json", "application/cloudevents+json"])
    async def test_not_unless_it_is_named(self, world: World, accept: str) -> None:
        answer = await world.owner.client.get(API, headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"
