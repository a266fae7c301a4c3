"""Folders over HTTP: the tree, names, access, and that what is restricted leaves no trace anywhere."""

import asyncio
from typing import Any

import httpx
import pytest

from tests.conftest import World
from tests.documents.test_documents import add, everything, folder

API = "/api/v1"


async def restrict(world: World, folder_id: str, **grants: str) -> None:
    """Restrict a folder to the named members of the world (name=role)."""
    body = {"grants": [{"member_id": str(getattr(world, who).member_id), "role": role} for who, role in grants.items()]}
    answer = await world.owner.client.put(f"{API}/folders/{folder_id}/access", json=body)
    assert answer.status_code == 200, answer.text


async def names(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The names of the folders that the client sees."""
    return [item["name"] for item in (await client.get(f"{API}/folders", params=query)).json()["items"]]


class TestTree:
    async def test_make_and_list(self, world: World) -> None:
        top = await folder(world.editor.client, "Top")
        await folder(world.editor.client, "Sub", top["id"])
        assert await names(world.viewer.client) == ["Acme", "Sub", "Top"]
        assert await names(world.viewer.client, parent_id=top["id"]) == ["Sub"]
        assert (top["parent_id"], top["restricted"], top["role"]) == (str(world.root), False, "editor")

    async def test_top(self, world: World) -> None:
        hidden = await folder(world.owner.client, "Hidden")
        shown = await folder(world.owner.client, "Shown", hidden["id"])
        await folder(world.owner.client, "Below", shown["id"])
        await restrict(world, hidden["id"])
        await restrict(world, shown["id"], viewer="viewer")
        assert await names(world.viewer.client, top=True) == ["Acme", "Shown"]
        assert await names(world.owner.client, top=True) == ["Acme"]

    async def test_pages(self, world: World) -> None:
        for n in range(5):
            await folder(world.editor.client, f"F{n}")
        seen: list[str] = []
        after: str | None = None
        while True:
            query: dict[str, Any] = {"limit": 2, **({"after": after} if after else {})}
            page = (await world.editor.client.get(f"{API}/folders", params=query)).json()
            seen += [item["name"] for item in page["items"]]
            after = page["next"]
            if after is None:
                break
        assert seen == ["Acme", "F0", "F1", "F2", "F3", "F4"]

    async def test_taken_name_whatever_the_case(self, world: World) -> None:
        await folder(world.editor.client, "Straße")
        answer = await world.editor.client.post(f"{API}/folders", json={"name": "STRASSE"})
        assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")

    async def test_rename_and_move(self, world: World) -> None:
        a, b = await folder(world.editor.client, "A"), await folder(world.editor.client, "B")
        answer = await world.editor.client.patch(
            f"{API}/folders/{a['id']}", json={"name": "C", "parent_id": b["id"]}, headers={"If-Match": '"1"'}
        )
        assert (answer.json()["name"], answer.json()["parent_id"], answer.json()["etag"]) == ("C", b["id"], "2")
        stale = await world.editor.client.patch(
            f"{API}/folders/{a['id']}", json={"name": "D"}, headers={"If-Match": '"1"'}
        )
        assert stale.status_code == 412

    async def test_not_below_itself(self, world: World) -> None:
        top = await folder(world.editor.client, "Top")
        sub = await folder(world.editor.client, "Sub", top["id"])
        for target in (top, sub):
            answer = await world.editor.client.patch(f"{API}/folders/{top['id']}", json={"parent_id": target["id"]})
            assert (answer.status_code, answer.json()["code"]) == (409, "folder_cycle")

    async def test_two_moves_at_once_make_no_ring(self, world: World) -> None:
        a, b = await folder(world.editor.client, "A"), await folder(world.editor.client, "B")
        answers = await asyncio.gather(
            world.editor.client.patch(f"{API}/folders/{a['id']}", json={"parent_id": b["id"]}),
            world.owner.client.patch(f"{API}/folders/{b['id']}", json={"parent_id": a["id"]}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]

    async def test_too_deep(self, world: World) -> None:
        place = await folder(world.editor.client, "1")
        for depth in range(2, 64):
            place = await folder(world.editor.client, str(depth), place["id"])
        answer = await world.editor.client.post(f"{API}/folders", json={"name": "64", "parent_id": place["id"]})
        assert (answer.status_code, answer.json()["code"]) == (409, "folder_too_deep")

    async def test_the_root_stays(self, world: World) -> None:
        path = f"{API}/folders/{world.root}"
        for request in (
            world.owner.client.patch(path, json={"name": "x"}),
            world.owner.client.delete(path, params={"recursive": True}),
            world.owner.client.put(f"{path}/access", json={"grants": []}),
        ):
            answer = await request
            assert (answer.status_code, answer.json()["code"]) == (409, "root_folder")

    async def test_foreign_parent(self, world: World) -> None:
        answer = await world.editor.client.post(
            f"{API}/folders", json={"name": "x", "parent_id": str(world.other_root)}
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "folder_not_found")

    async def test_foreign_target(self, world: World) -> None:
        place = await folder(world.editor.client, "A")
        change = {"parent_id": str(world.other_root)}
        answer = await world.editor.client.patch(f"{API}/folders/{place['id']}", json=change)
        assert answer.status_code == 404

    async def test_viewer_may_not(self, world: World) -> None:
        assert (await world.viewer.client.post(f"{API}/folders", json={"name": "x"})).status_code == 403


class TestAccess:
    async def test_no_trace_for_others(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        document = await add(world.owner.client, "plan.txt", b"plan", folder_id=secret["id"])
        sub = await folder(world.owner.client, "Sub", secret["id"])
        await restrict(world, secret["id"], editor="viewer")
        await world.work()
        client = world.viewer.client
        assert await names(client) == ["Acme"]
        assert await everything(client) == []
        assert await everything(client, q="plan") == []
        for path in (
            f"folders/{secret['id']}",
            f"folders/{sub['id']}",
            f"documents/{document['id']}",
            f"documents/{document['id']}/content",
            f"documents/{document['id']}/versions",
        ):
            assert (await client.get(f"{API}/{path}")).status_code == 404
        assert (await client.get(f"{API}/documents", params={"folder_id": secret["id"]})).status_code == 404
        events = (await client.get(f"{API}/events", params={"limit": 200})).json()["items"]
        assert not [
            event for event in events if event["document_id"] or event["folder_id"] not in (None, str(world.root))
        ]

    async def test_granted_member(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        document = await add(world.owner.client, "plan.txt", folder_id=secret["id"])
        await restrict(world, secret["id"], viewer="editor")
        assert await names(world.viewer.client) == ["Acme", "Secret"]
        assert await everything(world.viewer.client) == ["plan.txt"]
        path = f"{API}/documents/{document['id']}/versions"
        assert (await world.viewer.client.post(path, content=b"two")).status_code == 201
        assert (await world.editor.client.post(path, content=b"two")).status_code == 404

    async def test_by_group(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        members = [str(world.viewer.member_id)]
        group = await world.owner.client.post(f"{API}/groups", json={"name": "Board", "member_ids": members})
        body = {"grants": [{"group_id": group.json()["id"], "role": "viewer"}]}
        assert (await world.owner.client.put(f"{API}/folders/{secret['id']}/access", json=body)).status_code == 200
        assert await names(world.viewer.client) == ["Acme", "Secret"]
        assert await names(world.editor.client) == ["Acme"]
        await world.owner.client.patch(f"{API}/groups/{group.json()['id']}", json={"member_ids": []})
        assert await names(world.viewer.client) == ["Acme"]

    async def test_revoked_at_once(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        await restrict(world, secret["id"], viewer="viewer")
        assert (await world.viewer.client.get(f"{API}/folders/{secret['id']}")).status_code == 200
        await restrict(world, secret["id"])
        assert (await world.viewer.client.get(f"{API}/folders/{secret['id']}")).status_code == 404

    async def test_lifted(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        await add(world.owner.client, "plan.txt", folder_id=secret["id"])
        await restrict(world, secret["id"])
        await world.work()
        assert (await world.owner.client.delete(f"{API}/folders/{secret['id']}/access")).status_code == 204
        await world.work()
        assert await everything(world.viewer.client) == ["plan.txt"]
        assert await names(world.viewer.client) == ["Acme", "Secret"]

    async def test_moved_in_and_out(self, world: World) -> None:
        secret = await folder(world.owner.client, "Secret")
        await restrict(world, secret["id"])
        place = await folder(world.owner.client, "Open")
        document = await add(world.owner.client, "a.txt", folder_id=place["id"])
        await world.owner.client.patch(f"{API}/folders/{place['id']}", json={"parent_id": secret["id"]})
        assert await everything(world.viewer.client) == []  # at once, before the job has run
        await world.work()
        assert await everything(world.viewer.client) == []
        assert await everything(world.owner.client) == ["a.txt"]
        await world.owner.client.patch(f"{API}/folders/{place['id']}", json={"parent_id": str(world.root)})
        assert (await world.viewer.client.get(f"{API}/documents/{document['id']}")).status_code == 200
        await world.work()
        assert await everything(world.viewer.client) == ["a.txt"]

    async def test_nested_restriction_stays_its_own(self, world: World) -> None:
        outer = await folder(world.owner.client, "Outer")
        inner = await folder(world.owner.client, "Inner", outer["id"])
        await restrict(world, inner["id"], viewer="viewer")
        await restrict(world, outer["id"], editor="viewer")
        assert await names(world.viewer.client) == ["Acme", "Inner"]
        assert await names(world.editor.client) == ["Acme", "Outer"]
        shown = (await world.viewer.client.get(f"{API}/folders/{inner['id']}")).json()
        assert shown["parent_id"] is None
        assert shown["restricted"] is True

    async def test_who_may_change_it(self, world: World) -> None:
        place = await folder(world.editor.client, "A")
        answer = await world.editor.client.put(f"{API}/folders/{place['id']}/access", json={"grants": []})
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        shown = await world.editor.client.get(f"{API}/folders/{place['id']}/access")
        assert shown.json() == {"restricted": False, "grants": None}

    @pytest.mark.parametrize("who", ["stranger", "nobody"])
    async def test_unknown_people(self, world: World, who: str) -> None:
        place = await folder(world.owner.client, "A")
        id_ = str(world.stranger.member_id) if who == "stranger" else "0198c0de-0000-7000-8000-00000000dead"
        body = {"grants": [{"member_id": id_, "role": "viewer"}]}
        answer = await world.owner.client.put(f"{API}/folders/{place['id']}/access", json=body)
        assert answer.status_code == 422

    @pytest.mark.parametrize("grant", [{}, {"role": "owner"}, {"member_id": "x", "role": "viewer"}, {"role": "king"}])
    async def test_bad_grants(self, world: World, grant: dict[str, str]) -> None:
        place = await folder(world.owner.client, "A")
        answer = await world.owner.client.put(f"{API}/folders/{place['id']}/access", json={"grants": [grant]})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
