"""A right that is taken away is gone with the next request: no cache, no job, no stream and no ticket keeps it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dossier.feed import routes as feed_routes
from dossier.feed import service as feed
from tests.conftest import Seed, World, someone
from tests.security.calls import PUBLIC, request, table
from tests.security.place import API, Place, made, placed


@pytest.fixture
async def place(tmp_path: Path, embedded_seed: Seed) -> AsyncIterator[Place]:
    """A place to change."""
    async with placed(tmp_path, embedded_seed) as place:
        yield place


async def follow(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> asyncio.Task[httpx.Response]:
    """A live stream that has begun, and ends only by itself or when the program drains."""
    begun, page = asyncio.Event(), feed.page

    async def watched(*args: Any) -> Any:
        begun.set()
        return await page(*args)

    monkeypatch.setattr(feed, "page", watched)
    monkeypatch.setattr(feed_routes, "STREAM_SECONDS", 60)
    monkeypatch.setattr(feed_routes, "POLL_SECONDS", 0.02)
    task = asyncio.create_task(client.get(f"{API}/events/stream"))
    await asyncio.wait_for(begun.wait(), 30)
    return task


async def restrict(world: World, folder_id: str, *grants: dict[str, str]) -> None:
    """Give a folder these grants and no others."""
    await made(await world.owner.client.put(f"{API}/folders/{folder_id}/access", json={"grants": list(grants)}))


async def folder_with_document(world: World, name: str) -> tuple[str, str]:
    """A folder and a document in it with an open task, all named alike."""
    owner = world.owner.client
    folder = await made(await owner.post(f"{API}/folders", json={"name": name}))
    query = {"name": f"{name}.txt", "folder_id": folder["id"]}
    document = await made(await owner.post(f"{API}/documents", params=query, content=name.encode()))
    await made(await owner.post(f"{API}/documents/{document['id']}/tasks", json={"title": name}))
    return folder["id"], document["id"]


async def traces(client: httpx.AsyncClient, word: str) -> list[str]:
    """The lists in which a word occurs."""
    queries = [{}, {"q": word}, {"has_open_tasks": "true"}, {"sort": "-updated_at"}]
    asked = [(f"{API}/documents", query) for query in queries]
    asked += [(f"{API}/{what}", {}) for what in ("folders", "tasks", "events")]
    answers = [await client.get(address, params=query) for address, query in asked]
    return [str(answer.url) for answer in answers if word in answer.text]


class TestGrant:
    @pytest.mark.slow
    async def test_revoked(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        world, client, plan = place.world, place.insider.client, place.ids["plan"]
        await made(await client.get(f"{API}/documents/{plan}"))
        ticket = (await made(await client.post(f"{API}/downloads", json={"document_ids": [plan]})))["url"]
        stream = await follow(client, monkeypatch)
        await restrict(world, place.ids["vault"], {"member_id": str(world.viewer.member_id), "role": "viewer"})
        await made(await world.owner.client.patch(f"{API}/documents/{plan}", json={"name": "after quokka"}))
        assert (await client.get(ticket)).status_code == 404
        await asyncio.sleep(0.1)
        world.app.state.draining = True
        assert "after quokka" not in (await stream).text
        hidden = {
            name: (await client.send(request(world.app, client, name, how))).status_code
            for name, how in table({**place.ids, **place.others}).items()
            if how.kind is not PUBLIC and how.answered("no_right") == 404
        }
        assert set(hidden.values()) == {404}, hidden
        assert {name.partition(":")[0] for name in hidden} > {"download_document", "add_version", "list_task_comments"}
        assert await traces(client, "quokka") == []

    @pytest.mark.parametrize("way", ["out of the group", "no more group", "no more grant"])
    async def test_by_group(self, world: World, way: str) -> None:
        owner, member = world.owner.client, str(world.viewer.member_id)
        folder, document = await folder_with_document(world, "Heron")
        group = (await made(await owner.post(f"{API}/groups", json={"name": "G", "member_ids": [member]})))["id"]
        await restrict(world, folder, {"group_id": group, "role": "viewer"})
        path = f"{API}/documents/{document}"
        assert (await world.viewer.client.get(path)).status_code == 200
        if way == "out of the group":
            await made(await owner.patch(f"{API}/groups/{group}", json={"member_ids": []}))
        elif way == "no more group":
            await made(await owner.delete(f"{API}/groups/{group}"))
        else:
            await restrict(world, folder)
        assert (await world.viewer.client.get(path)).status_code == 404
        assert await traces(world.viewer.client, "Heron") == []

    async def test_a_folder_is_restricted(self, world: World) -> None:
        """At once, though the job that follows has not run: the documents still carry the old scope."""
        folder, document = await folder_with_document(world, "Heron")
        await world.work()
        assert len(await traces(world.editor.client, "Heron")) == 7
        await restrict(world, folder)
        assert await traces(world.editor.client, "Heron") == []
        assert (await world.editor.client.get(f"{API}/documents/{document}/content")).status_code == 404

    async def test_moved_behind_a_restriction(self, world: World) -> None:
        folder, document = await folder_with_document(world, "Heron")
        vault = await made(await world.owner.client.post(f"{API}/folders", json={"name": "Vault"}))
        await restrict(world, vault["id"])
        await world.work()
        await made(await world.owner.client.patch(f"{API}/folders/{folder}", json={"parent_id": vault["id"]}))
        assert await traces(world.editor.client, "Heron") == []
        assert (await world.editor.client.get(f"{API}/documents/{document}")).status_code == 404

    async def test_a_document_moved_behind_a_restriction(self, world: World) -> None:
        _folder, document = await folder_with_document(world, "Heron")
        vault = await made(await world.owner.client.post(f"{API}/folders", json={"name": "Vault"}))
        await restrict(world, vault["id"])
        await world.work()
        path = f"{API}/documents/{document}"
        await made(await world.owner.client.patch(path, json={"folder_id": vault["id"]}))
        assert (await world.editor.client.get(path)).status_code == 404
        assert await traces(world.editor.client, "Heron.txt") == []


class TestRole:
    async def test_lowered(self, world: World) -> None:
        _folder, document = await folder_with_document(world, "Heron")
        path = f"{API}/documents/{document}"
        assert (await world.editor.client.patch(path, json={"description": "mine"})).status_code == 200
        member = f"{API}/members/{world.editor.member_id}"
        await made(await world.owner.client.patch(member, json={"role": "viewer"}))
        assert (await world.editor.client.patch(path, json={"description": "still"})).status_code == 403
        assert (await world.editor.client.get(path)).status_code == 200

    async def test_an_owner_no_more(self, world: World) -> None:
        """Owners are in every scope; who is one no more is in none but the granted ones."""
        second = await someone(world.app, world.parts, world.owner.actor.workspace_id, "second", "owner")
        folder, document = await folder_with_document(world, "Heron")
        await restrict(world, folder)
        assert (await second.client.get(f"{API}/documents/{document}")).status_code == 200
        await made(await world.owner.client.patch(f"{API}/members/{second.member_id}", json={"role": "editor"}))
        assert (await second.client.get(f"{API}/documents/{document}")).status_code == 404
        assert (await second.client.get(f"{API}/invitations")).status_code == 403
        assert await traces(second.client, "Heron") == []


class TestCredentials:
    async def test_a_stream_ends_with_its_token(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        mine = (await made(await world.viewer.client.get(f"{API}/tokens")))["items"][0]["id"]
        stream = await follow(world.viewer.client, monkeypatch)
        await made(await world.owner.client.delete(f"{API}/tokens/{mine}"))
        assert (await asyncio.wait_for(stream, 30)).text.startswith("retry:")
        assert (await world.viewer.client.get(f"{API}/me")).status_code == 401

    async def test_a_ticket_ends_with_its_member(self, world: World) -> None:
        folder, _document = await folder_with_document(world, "Heron")
        ticket = (await made(await world.viewer.client.post(f"{API}/downloads", json={"folder_ids": [folder]})))["url"]
        await made(await world.owner.client.delete(f"{API}/members/{world.viewer.member_id}"))
        assert [(await world.anonymous.request(how, ticket)).status_code for how in ("HEAD", "GET")] == [404, 404]

    async def test_one_second_late(self, world: World) -> None:
        """Papra CVE-2026-35462: an end that is stored and never compared with now."""
        expires = world.clock().isoformat()
        world.clock.move(minutes=-1)
        body = {"name": "short", "scopes": ["read"], "expires_at": expires}
        token = (await made(await world.viewer.client.post(f"{API}/tokens", json=body)))["token"]
        headers = {"Authorization": f"Bearer {token}"}
        assert (await world.anonymous.get(f"{API}/me", headers=headers)).status_code == 200
        world.clock.move(minutes=1)
        assert (await world.anonymous.get(f"{API}/me", headers=headers)).status_code == 401
