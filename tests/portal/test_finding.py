"""Search of everything, as the palette asks."""

from typing import TYPE_CHECKING, Any

import pytest

from dossier.portal.screens import finding
from tests.portal.screens import API, asked, got
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def desk(world: "World") -> Desk:
    """Builders in the world."""
    return Desk(world)


async def found(world: "World", q: str, **query: Any) -> dict[str, list[str]]:
    """The names of what the viewer finds."""
    shown = await got(world.viewer, "search", q=q, **query)
    return {
        "documents": [hit["document"]["name"] for hit in shown["documents"]],
        "tasks": [task["title"] for task in shown["tasks"]],
        "people": [member["name"] for member in shown["people"]],
    }


class TestEverything:
    async def test_of_each_kind(self, world: "World", desk: Desk) -> None:
        lease = await desk.document()
        await desk.task(lease, title="Ask the viewer for a lease")
        await world.work()
        assert await found(world, "lease") == {
            "documents": ["Lease 1.txt"],
            "tasks": ["Ask the viewer for a lease"],
            "people": [],
        }
        assert await found(world, "VIEW") == {
            "documents": [],
            "tasks": ["Ask the viewer for a lease"],
            "people": ["Viewer"],
        }

    @pytest.mark.parametrize("q", ["", " ", "!!!", '"', "' OR 1=1 --", "\x00", "文" * 300])
    async def test_without_words_nothing(self, world: "World", q: str) -> None:
        assert await found(world, q) == {"documents": [], "tasks": [], "people": []}

    async def test_only_active_people_of_this_workspace(self, world: "World") -> None:
        assert (await found(world, "e", limit=20))["people"] == ["Editor"]
        assert (await found(world, "strang"))["people"] == []
        await world.owner.client.delete(f"{API}/members/{world.editor.member_id}")
        assert (await found(world, "editor"))["people"] == []

    async def test_e_mails_are_for_owners_and_oneself(self, world: "World") -> None:
        (shown,) = (await got(world.viewer, "search", q="owner"))["people"]
        assert shown["email"] is None
        (shown,) = (await got(world.owner, "search", q="viewer"))["people"]
        assert shown["email"] == world.viewer.email

    async def test_no_more_than_asked_for(self, world: "World", desk: Desk) -> None:
        for _ in range(3):
            await desk.task(await desk.document(), title="lease")
        await world.work()
        known = await found(world, "lease", limit=2)
        assert (len(known["documents"]), len(known["tasks"])) == (2, 2)

    async def test_what_is_hidden(self, world: "World", desk: Desk) -> None:
        await desk.task(await desk.document(await desk.folder(world.editor)), title="lease")
        await world.work()
        assert await found(world, "lease") == {"documents": [], "tasks": [], "people": []}

    @pytest.mark.parametrize("query", [{}, {"q": "a" * 501}, {"q": "a", "limit": 0}, {"q": "a", "limit": 21}])
    async def test_bad(self, world: "World", query: dict[str, Any]) -> None:
        assert (await world.viewer.client.get(f"{API}/search", params=query)).status_code == 422

    async def test_statements_do_not_grow(self, world: "World", desk: Desk) -> None:
        counts: list[int] = []
        for many in (1, 6):
            for _ in range(many):
                await desk.task(await desk.document(), title="lease of the viewer", assignee_id=world.viewer.member_id)
            await world.work()
            with asked(world) as statements:
                await desk.see(world.viewer, lambda unit: finding.everything(unit, "lease", 8))
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 16
