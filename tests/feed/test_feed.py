"""The feed: in order, without gaps, filtered by what the actor may see now; and the live stream."""

import asyncio
from typing import Any

import pytest

from dossier.feed import routes, service
from tests.conftest import World
from tests.documents.test_documents import add, folder

API = "/api/v1"


async def feed(client: Any, **query: Any) -> Any:
    """A page of the feed."""
    answer = await client.get(f"{API}/events", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


class TestFeed:
    async def test_gapless_and_in_order(self, world: World) -> None:
        await asyncio.gather(*(add(world.editor.client, f"{n}.txt") for n in range(10)))
        items = (await feed(world.owner.client, limit=200))["items"]
        assert [item["seq"] for item in items] == list(range(1, len(items) + 1))
        assert [item["type"] for item in items].count("document.added") == 10

    async def test_going_on(self, world: World) -> None:
        await add(world.editor.client, "a.txt")
        page = await feed(world.owner.client, limit=2)
        seen = [item["seq"] for item in page["items"]]
        while page["items"]:
            page = await feed(world.owner.client, limit=2, after=page["next"])
            seen += [item["seq"] for item in page["items"]]
        assert seen == list(range(1, len(seen) + 1))
        await add(world.editor.client, "b.txt")
        assert [item["type"] for item in (await feed(world.owner.client, after=page["next"]))["items"]] == [
            "document.added"
        ]

    async def test_a_failed_change_leaves_nothing(self, world: World) -> None:
        await add(world.editor.client, "a.txt")
        before = (await feed(world.owner.client, limit=200))["next"]
        await world.editor.client.post(f"{API}/documents", params={"name": "a.txt"}, content=b"x")
        assert (await feed(world.owner.client, after=before)) == {"items": [], "next": before}

    async def test_types_and_document(self, world: World) -> None:
        one, _two = await add(world.editor.client, "a.txt"), await add(world.editor.client, "b.txt")
        await world.editor.client.patch(f"{API}/documents/{one['id']}", json={"name": "c.txt"})
        page = await feed(world.viewer.client, document_id=one["id"])
        assert [item["type"] for item in page["items"]] == ["document.added", "document.renamed", "document.updated"]
        page = await feed(world.viewer.client, types=["document.added"])
        assert len(page["items"]) == 2

    async def test_each_event_follows_its_own_document(self, world: World) -> None:
        shown = await add(world.owner.client, "open.txt")
        secret = await folder(world.owner.client, "Secret")
        hidden = await add(world.owner.client, "plan.txt", folder_id=secret["id"])
        last = await add(world.owner.client, "last.txt")
        await world.owner.client.put(f"{API}/folders/{secret['id']}/access", json={"grants": []})
        seen = [item["document_id"] for item in (await feed(world.viewer.client, types=["document.added"]))["items"]]
        assert seen == [shown["id"], last["id"]]
        owners = [item["document_id"] for item in (await feed(world.owner.client, types=["document.added"]))["items"]]
        assert owners == [shown["id"], hidden["id"], last["id"]]
        await world.owner.client.delete(f"{API}/folders/{secret['id']}/access")
        seen = [item["document_id"] for item in (await feed(world.viewer.client, types=["document.added"]))["items"]]
        assert seen == owners

    async def test_people_are_for_owners(self, world: World) -> None:
        assert [item for item in (await feed(world.owner.client))["items"] if item["type"] == "member.added"]
        assert not [item for item in (await feed(world.editor.client))["items"] if item["type"] == "member.added"]

    async def test_purged_leaves_a_word(self, world: World) -> None:
        document = await add(world.editor.client, "a.txt")
        await world.editor.client.delete(f"{API}/documents/{document['id']}")
        await world.owner.client.delete(f"{API}/documents/{document['id']}", params={"purge": True})
        assert (await feed(world.viewer.client, limit=200))["items"][-1]["type"] == "document.purged"

    @pytest.mark.parametrize("after", ["-1", "x", str(2**63)])
    async def test_bad_after(self, world: World, after: str) -> None:
        assert (await world.owner.client.get(f"{API}/events", params={"after": after})).status_code == 422


class TestStream:
    @pytest.fixture(autouse=True)
    def _short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routes, "STREAM_SECONDS", 3.0)
        monkeypatch.setattr(routes, "POLL_SECONDS", 0.05)

    async def test_live(self, world: World) -> None:
        after = (await feed(world.viewer.client, limit=200))["next"]
        stream = asyncio.create_task(world.viewer.client.get(f"{API}/events/stream", params={"after": after}))
        await asyncio.sleep(0.1)
        document = await add(world.editor.client, "a.txt")
        answer = await stream
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "event: document.added" in answer.text
        assert document["id"] in answer.text

    async def test_many_commits_are_one_look(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each commit of anybody rings, and there are as many streams as people."""
        monkeypatch.setattr(routes, "STREAM_SECONDS", 60.0)
        looks, page = list[int](), service.page

        async def counted(unit: Any, after: int, limit: int) -> Any:
            looks.append(after)
            return await page(unit, after, limit)

        monkeypatch.setattr(service, "page", counted)
        began = asyncio.get_running_loop().time()
        stream = asyncio.create_task(world.viewer.client.get(f"{API}/events/stream"))
        while len(looks) < 3:
            await asyncio.sleep(0.02)
            world.parts.units.bell.ring()
        assert asyncio.get_running_loop().time() - began > 2 * routes.LEAST_SECONDS - 0.1
        document = await add(world.editor.client, "a.txt")
        while len(looks) < 4:
            await asyncio.sleep(0.02)
            world.parts.units.bell.ring()
        world.app.state.draining = True
        assert document["id"] in (await stream).text

    async def test_resumed(self, world: World) -> None:
        await add(world.editor.client, "a.txt")
        answer = await world.owner.client.get(f"{API}/events/stream", headers={"Last-Event-ID": "0"})
        assert answer.text.count("\nid: ") == len((await feed(world.owner.client, limit=200))["items"])

    async def test_restricted(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        await world.owner.client.put(f"{API}/folders/{secret['id']}/access", json={"grants": []})
        stream = asyncio.create_task(world.viewer.client.get(f"{API}/events/stream"))
        await asyncio.sleep(0.1)
        await add(world.owner.client, "plan.txt", folder_id=secret["id"])
        assert "plan.txt" not in (await stream).text

    async def test_ends_with_the_token(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routes, "STREAM_SECONDS", 30)
        stream = asyncio.create_task(world.viewer.client.get(f"{API}/events/stream"))
        await asyncio.sleep(0.1)
        await world.owner.client.delete(f"{API}/members/{world.viewer.member_id}")
        await asyncio.wait_for(stream, 5)

    async def test_ends_when_draining(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(routes, "STREAM_SECONDS", 30)
        stream = asyncio.create_task(world.viewer.client.get(f"{API}/events/stream"))
        await asyncio.sleep(0.1)
        world.app.state.draining = True
        await asyncio.wait_for(stream, 5)
