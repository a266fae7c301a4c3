"""Who may do what on the other side of a link, as it is told here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from dossier.connectors import Caps, RemoteError, Right
from dossier.connectors.contract import MOST_RIGHTS
from dossier.links import runs
from tests.connectors.fake_graph import FakeGraph
from tests.connectors.memory import MemoryRemote
from tests.links.conftest import Joined
from tests.links.graphs import Hinted, app, graph, hinted, settings
from tests.links.test_links import write

__all__ = ["app", "graph", "hinted", "settings"]


@pytest.fixture
def remote(monkeypatch: pytest.MonkeyPatch) -> MemoryRemote:
    """What every link has as its other side."""
    made = MemoryRemote(Caps())

    @asynccontextmanager
    async def connected(*_: Any) -> AsyncIterator[MemoryRemote]:
        yield made

    monkeypatch.setattr(runs, "connected", connected)
    return made


async def ask(joined: Joined, status: int = 200, **query: Any) -> Any:
    """As the owner."""
    return await joined.call("GET", f"/links/{joined.link_id}/rights", status, params=query)


class TestTold:
    async def test_of_the_place_and_of_an_item(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        joined.share.chmod(0o750)
        (joined.share / "a.txt").chmod(0o666)
        of_place = await ask(joined)
        assert of_place["told"]
        assert {each["kind"]: each["may"] for each in of_place["items"]} == {
            "person": "own",
            "group": "read",
            "us": "write",
        }
        assert all(set(each) == {"who", "kind", "may", "inherited"} for each in of_place["items"])
        [item] = await joined.items()
        of_item = await ask(joined, item_id=item["id"])
        assert {each["kind"]: each["may"] for each in of_item["items"]}["everyone"] == "write"

    async def test_while_it_runs(self, joined: Joined) -> None:
        """No lease is needed, and none is taken."""
        await joined.make()
        before = (joined.share.stat(), await joined.call("GET", f"/links/{joined.link_id}"))
        assert (await ask(joined))["told"]
        assert (joined.share.stat(), await joined.call("GET", f"/links/{joined.link_id}")) == before

    async def test_at_most_so_many_and_what_cannot_be_sent_on(self, joined: Joined, remote: MemoryRemote) -> None:
        await joined.make()
        remote.told_rights = [Right("\udce9" + "x" * 999, "\ud800", "group", inherited=True)] * (MOST_RIGHTS + 1)
        items = (await ask(joined))["items"]
        assert len(items) == MOST_RIGHTS
        assert items[0] == {"who": "?" + "x" * 299, "kind": "group", "may": "?", "inherited": True}

    async def test_not_told(self, joined: Joined, remote: MemoryRemote) -> None:
        await joined.make()
        assert await ask(joined) == {"told": False, "items": []}
        remote.told_rights = []
        assert await ask(joined) == {"told": True, "items": []}

    async def test_of_a_drive(self, hinted: Hinted, graph: FakeGraph) -> None:
        graph.permissions = {graph.root.id: [{"roles": ["read"], "link": {"scope": "organization"}}]}
        folder = graph.add(None, "Legal")
        await hinted.make()
        [item] = await hinted.joined.items()
        assert item["remote_id"] == folder.id
        [right] = (await ask(hinted.joined, item_id=item["id"]))["items"]
        assert right == {
            "who": "Anyone in the organization who has the link",
            "kind": "link",
            "may": "read",
            "inherited": True,
        }


class TestRefused:
    async def test_only_owners(self, joined: Joined) -> None:
        await joined.make()
        path = f"/api/v1/links/{joined.link_id}/rights"
        for who in (joined.world.editor, joined.world.viewer):
            assert (await who.client.get(path)).status_code == 403
        assert (await joined.world.stranger.client.get(path)).status_code == 404

    async def test_what_is_not_the_links(self, joined: Joined) -> None:
        await joined.make()
        assert (await ask(joined, 404, item_id=str(uuid4())))["code"] == "link_item_not_found"
        assert (await ask(joined, 422, item_id="../secret"))["code"] == "invalid"
        joined.link_id = str(uuid4())
        assert (await ask(joined, 404))["code"] == "link_not_found"

    async def test_what_is_not_there_yet(self, joined: Joined) -> None:
        await joined.make(direction="in")
        await joined.add("a.txt", b"one")
        await joined.run()
        [item] = await joined.items()
        refused = await ask(joined, 422, item_id=item["id"])
        assert (refused["code"], refused["reason"]) == ("link_unreachable", "missing")

    async def test_a_place_that_is_gone(self, joined: Joined) -> None:
        await joined.make()
        joined.share.rename(joined.share.with_name("elsewhere"))
        refused = await ask(joined, 422)
        assert (refused["code"], refused["reason"]) == ("link_unreachable", "missing")

    async def test_what_goes_wrong_there(
        self, joined: Joined, remote: MemoryRemote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await joined.make()

        async def rights(_: str | None) -> list[Right]:
            raise RemoteError("sign_in", "The credentials are not taken.")

        monkeypatch.setattr(remote, "rights", rights)
        refused = await ask(joined, 422)
        assert (refused["code"], refused["reason"]) == ("link_unreachable", "sign_in")
        assert "credentials" in refused["detail"]

    async def test_no_answer_in_time(
        self, joined: Joined, remote: MemoryRemote, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await joined.make()
        monkeypatch.setattr(remote, "rights", lambda _: asyncio.sleep(60))
        monkeypatch.setattr(runs, "TRY_SECONDS", 0.05)
        refused = await ask(joined, 422)
        assert (refused["code"], refused["reason"]) == ("link_unreachable", "unreachable")
