"""Notices live: the stream tells how many are unread, at its beginning and when that changes."""

import asyncio
import re
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from dossier.feed import routes as feed_routes
from tests.notices.hear import API, spread
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import Someone, World


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_routes, "STREAM_SECONDS", 30.0)
    # Only the bell wakes it.
    monkeypatch.setattr(feed_routes, "POLL_SECONDS", 30.0)
    monkeypatch.setattr(feed_routes, "LEAST_SECONDS", 0.0)


def following(who: "Someone") -> "asyncio.Task[list[int]]":
    """The counts that a stream tells."""

    async def follow() -> list[int]:
        answer = await who.client.get("/api/v1/events/stream")
        return [int(count) for count in re.findall(r'^event: notice\ndata: {"unread": (\d+)}$', answer.text, re.M)]

    return asyncio.create_task(follow())


async def ended(world: "World", *streams: "asyncio.Task[list[int]]") -> list[list[int]]:
    """What the streams have told, which end with the process."""
    await asyncio.sleep(0.3)
    world.app.state.draining = True
    world.parts.units.bell.ring()
    return list(await asyncio.gather(*streams))


class TestStream:
    async def test_tells_of_a_new_one_and_of_reading(self, world: "World", desk: Desk, lease: UUID) -> None:
        mine, others = following(world.viewer), following(world.owner)
        await asyncio.sleep(0.2)
        await desk.task(lease, assignee_id=world.viewer.member_id)
        await spread(world)
        await asyncio.sleep(0.2)
        answer = await world.viewer.client.post(f"{API}/read", json={"all": True})
        assert answer.json() == {"count": 0}
        assert await ended(world, mine, others) == [[0, 1, 0], [0]]

    async def test_follows_rights(self, world: "World", desk: Desk) -> None:
        folder_id = await desk.folder(world.viewer)
        await desk.task(await desk.document(folder_id), by=world.owner, assignee_id=world.viewer.member_id)
        await spread(world)
        mine = following(world.viewer)
        await asyncio.sleep(0.2)
        await desk.restrict(folder_id)
        assert await ended(world, mine) == [[1, 0]]
