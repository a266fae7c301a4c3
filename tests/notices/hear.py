"""What somebody is told."""

from typing import TYPE_CHECKING, Any

from dossier import notices
from dossier.worker import Worker

if TYPE_CHECKING:
    from tests.conftest import Someone, World

API = "/api/v1/notices"


async def spread(world: "World") -> None:
    """Let the consumer tell people what happened."""
    await Worker(world.parts, consumers=notices.CONSUMERS).follow()


async def heard(world: "World", who: "Someone", **query: Any) -> list[Any]:
    """What somebody is told, newest first, by pages of two."""
    await spread(world)
    items: list[Any] = []
    while True:
        answer = await who.client.get(API, params={"limit": 2, **query})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        items += page["items"]
        if page["next"] is None:
            return items
        query["after"] = page["next"]


async def kinds(world: "World", who: "Someone") -> list[str]:
    """The kinds of what somebody is told, newest first."""
    return [item["kind"] for item in await heard(world, who)]


async def unread(who: "Someone") -> int:
    """How many unread notices somebody has."""
    answer = await who.client.get(f"{API}/unread")
    assert answer.status_code == 200, answer.text
    count: int = answer.json()["count"]
    return count
