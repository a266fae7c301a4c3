"""Workspace settings."""

from typing import TYPE_CHECKING

import pytest

from tests.portal.screens import API, got
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


class TestGet:
    async def test_what_it_holds_is_for_owners(self, world: "World") -> None:
        desk = Desk(world)
        lease = await desk.document()
        await desk.version(lease)
        await world.owner.client.post(f"{API}/documents/{lease}/versions/1/restore")
        await desk.trash(await desk.document())
        shown = await got(world.owner, "workspace")
        assert (shown["slug"], shown["name"], shown["trash_days"], shown["lock_minutes"]) == ("acme", "Acme", 30, 60)
        assert shown["storage"] == {"documents": 1, "versions": 4, "bytes": 3 * len("content 1")}
        for who in (world.editor, world.viewer):
            assert (await got(who, "workspace"))["storage"] is None
        theirs = await got(world.stranger, "workspace")
        assert (theirs["slug"], theirs["storage"]) == ("other", {"documents": 0, "versions": 0, "bytes": 0})


class TestRename:
    async def test_and_its_root_folder(self, world: "World") -> None:
        answer = await world.owner.client.patch(f"{API}/workspace", json={"name": " Acme & Söhne "})
        assert (answer.status_code, answer.json()["name"], answer.json()["slug"]) == (200, "Acme & Söhne", "acme")
        assert (await got(world.viewer, "workspace"))["name"] == "Acme & Söhne"
        assert (await got(world.viewer, f"folders/{world.root}"))["name"] == "Acme & Söhne"
        assert (await got(world.viewer, "me"))["memberships"][0]["workspace"]["name"] == "Acme & Söhne"
        told = (await got(world.viewer, "events", types="workspace.renamed"))["items"]
        assert [event["data"] for event in told] == [{"name": "Acme & Söhne", "previous": "Acme"}]
        assert (await got(world.stranger, "workspace"))["name"] == "Other"

    async def test_the_same_name_is_no_event(self, world: "World") -> None:
        await world.owner.client.patch(f"{API}/workspace", json={"name": "Acme"})
        assert (await got(world.viewer, "events", types="workspace.renamed"))["items"] == []

    async def test_is_for_owners(self, world: "World") -> None:
        for who in (world.editor, world.viewer):
            answer = await who.client.patch(f"{API}/workspace", json={"name": "Mine"})
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")

    @pytest.mark.parametrize("name", ["", " ", "a\nb", "a/b", "x" * 201, "ü" * 200])
    async def test_bad(self, world: "World", name: str) -> None:
        answer = await world.owner.client.patch(f"{API}/workspace", json={"name": name})
        assert answer.status_code == 422
        assert (await got(world.owner, "workspace"))["name"] == "Acme"
