"""What is about to be there: seen by all who will see the document, and by nobody else."""

from typing import Any

import httpx
import pytest

from dossier.core import jobs
from dossier.uploads import JOBS
from tests.conftest import World
from tests.uploads.sender import API, BODY, TUS, Sender, forget, left

ID = "0198c0de-7777-7000-8000-000000000009"
pytestmark = pytest.mark.usefixtures("nothing_is_read_at_once")


async def seen(client: httpx.AsyncClient, **query: str) -> list[Any]:
    """The arrivals that somebody sees."""
    answer = await client.get(f"{API}/arrivals", params=query)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def told(client: httpx.AsyncClient) -> list[Any]:
    """The events that somebody reads of them."""
    answer = await client.get(f"{API}/events", params={"types": "upload.hashing"})
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["items"]
    return found


async def folder(world: World, name: str, parent: str | None = None) -> str:
    """A new folder's id."""
    answer = await world.owner.client.post(f"{API}/folders", json={"name": name, "parent_id": parent})
    return str(answer.json()["id"])


class TestArrivals:
    async def test_from_the_last_byte_to_the_document(self, sender: Sender, world: World) -> None:
        address = await sender.begin(len(BODY), "lease.pdf")
        await sender.send(address, 0, BODY[:-1])
        assert await seen(world.viewer.client) == [], "what is still being sent is the sender's own business"
        forget(world)
        await sender.send(address, len(BODY) - 1, BODY[-1:])
        (found,) = await seen(world.viewer.client, folder_id=str(world.root))
        assert found == {
            "id": address.rsplit("/", 1)[1],
            "name": "lease.pdf",
            "path": "",
            "folder_id": str(world.root),
            "document_id": None,
            "size": len(BODY),
            "state": "hashing",
            "author": {"id": str(world.editor.member_id), "name": found["author"]["name"]},
            "created_at": found["created_at"],
        }
        (event,) = await told(world.viewer.client)
        assert (event["folder_id"], event["document_id"]) == (str(world.root), None)
        data = {"upload_id": found["id"], "name": "lease.pdf", "path": "", "size": len(BODY)}
        assert event["data"] == data
        assert (await world.viewer.client.get(address)).status_code == 404, "the upload itself stays the sender's"
        await world.work()
        assert await seen(world.viewer.client) == []
        assert (await sender.look(address))["state"] == "done"
        activity = (await world.viewer.client.get(f"{API}/activity")).json()["items"]
        assert [item["type"] for item in activity if item["type"] != "folder.created"] == ["document.added"]

    async def test_a_version_of_a_document(self, sender: Sender, world: World) -> None:
        document = (await sender.whole(b"first", "lease.pdf")).headers["dossier-document"]
        other = (await sender.whole(b"other", "other.pdf")).headers["dossier-document"]
        await left(sender, world, "lease v2.pdf", document_id=document)
        (found,) = await seen(world.viewer.client, document_id=document)
        assert (found["document_id"], found["folder_id"], found["name"]) == (document, None, "lease v2.pdf")
        assert await seen(world.viewer.client, folder_id=str(world.root)) == [found]
        assert await seen(world.viewer.client, document_id=other) == []
        (event,) = await told(world.viewer.client)
        assert (event["folder_id"], event["document_id"]) == (str(world.root), document)
        assert (await world.owner.client.delete(f"{API}/documents/{document}")).status_code == 204
        assert await seen(world.viewer.client) == [], "nothing comes to what is in the trash"

    async def test_it_is_seen_where_it_will_lie(self, sender: Sender, world: World) -> None:
        outer = await folder(world, "2026")
        inner = await folder(world, "signed", outer)
        await left(sender, world, "a.txt", path="2026/signed")
        (found,) = await seen(world.viewer.client, folder_id=inner)
        assert (found["folder_id"], found["path"]) == (inner, "")
        await left(sender, world, "b.txt", path="2026/signed/by us/march")
        assert [item["path"] for item in await seen(world.viewer.client, folder_id=inner)] == ["", "by us/march"]
        assert await seen(world.viewer.client, folder_id=str(world.root)) == []
        await world.work()
        places = (await sender.client.get(f"{API}/documents")).json()["items"]
        assert {item["name"]: item["folder_id"] == inner for item in places} == {"a.txt": True, "b.txt": False}

    async def test_a_folder_that_the_sender_does_not_see_is_met_at_the_end(self, sender: Sender, world: World) -> None:
        hidden = await folder(world, "board")
        body = {"grants": [{"member_id": str(world.viewer.member_id), "role": "viewer"}]}
        assert (await world.owner.client.put(f"{API}/folders/{hidden}/access", json=body)).status_code == 200
        address = await left(sender, world, "a.txt", path="plans")
        assert (await sender.finish(address, folder_id=hidden)).status_code == 404
        assert await seen(world.viewer.client, folder_id=hidden) == []
        (found,) = await seen(world.viewer.client)
        assert (found["folder_id"], found["path"]) == (str(world.root), "plans"), "as before"

    async def test_only_who_may_see_the_place(self, sender: Sender, world: World) -> None:
        shut = await folder(world, "board")
        body = {"grants": [{"member_id": str(world.editor.member_id), "role": "editor"}]}
        assert (await world.owner.client.put(f"{API}/folders/{shut}/access", json=body)).status_code == 200
        await left(sender, world, "canary.txt", folder_id=shut)
        assert len(await seen(world.owner.client, folder_id=shut)) == 1
        assert await seen(world.viewer.client) == await seen(world.stranger.client) == []
        assert await told(world.viewer.client) == await told(world.stranger.client) == []
        for client in (world.viewer.client, world.stranger.client):
            answer = await client.get(f"{API}/arrivals", params={"folder_id": shut})
            assert (answer.status_code, answer.json()["code"]) == (404, "folder_not_found")
        answer = await world.stranger.client.get(f"{API}/arrivals", params={"folder_id": str(world.root)})
        assert answer.status_code == 404

    async def test_a_folder_in_the_trash_waits_for_nothing(self, sender: Sender, world: World) -> None:
        place = await folder(world, "2026")
        await left(sender, world, "a.txt", folder_id=place)
        assert (await world.owner.client.delete(f"{API}/folders/{place}")).status_code == 204
        assert await seen(world.viewer.client) == []
        answer = await world.viewer.client.get(f"{API}/arrivals", params={"folder_id": place})
        assert (answer.status_code, answer.json()["code"]) == (404, "folder_not_found")

    @pytest.mark.parametrize("way", ["deleted", "expired", "refused", "left"])
    async def test_what_does_not_come_after_all(self, sender: Sender, world: World, way: str) -> None:
        address = await left(sender, world)
        assert len(await seen(world.owner.client)) == 1
        if way == "deleted":
            assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        elif way == "expired":
            world.clock.move(days=8)
            job = jobs.new(world.editor.actor.workspace_id, "uploads.sweep", {}, world.clock(), world.clock())
            await JOBS["uploads.sweep"].run(world.parts, job)
        elif way == "refused":
            assert (await sender.whole(b"sooner")).status_code == 204
            await world.work()
        else:
            member = f"{API}/members/{world.editor.member_id}"
            assert (await world.owner.client.delete(member)).status_code == 204
            await world.work()
        assert await seen(world.owner.client) == []

    async def test_told_once_and_again_where_it_is_another(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        await sender.finish(address)
        await sender.finish(address, on_conflict="rename")
        await sender.finish(address, name="b.txt")
        assert [event["data"]["name"] for event in await told(world.viewer.client)] == ["a.txt", "b.txt"]
        assert [item["name"] for item in await seen(world.viewer.client)] == ["b.txt"]

    async def test_pages(self, sender: Sender, world: World) -> None:
        for number in range(5):
            await left(sender, world, f"{number}.txt")
        names: list[str] = []
        after: str | None = None
        while after is not None or not names:
            query = {"limit": 2} | ({"after": after} if after else {})
            page = (await world.viewer.client.get(f"{API}/arrivals", params=query)).json()
            names += [item["name"] for item in page["items"]]
            after = page["next"]
        assert names == [f"{number}.txt" for number in range(5)]

    @pytest.mark.parametrize(
        ("query", "status", "code"),
        [
            ({"after": "nonsense"}, 422, "bad_cursor"),
            ({"folder_id": "../etc"}, 422, "invalid"),
            ({"document_id": ID}, 404, "document_not_found"),
            ({"folder_id": ID}, 404, "folder_not_found"),
            ({"limit": 0}, 422, "invalid"),
        ],
    )
    async def test_bad_questions(self, world: World, query: dict[str, str], status: int, code: str) -> None:
        answer = await world.viewer.client.get(f"{API}/arrivals", params=query)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_nobody_without_sign_in(self, world: World) -> None:
        assert (await world.anonymous.get(f"{API}/arrivals")).status_code == 401
