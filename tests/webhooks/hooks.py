"""What the tests of webhooks do over and over."""

from typing import TYPE_CHECKING, Any

import httpx

from dossier import webhooks
from dossier.worker import Worker
from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from tests.conftest import World

API = "/api/v1"
PATH = f"{API}/webhooks"


class Hooks:
    """The owner's webhooks, and a worker that knows nothing else."""

    def __init__(self, world: "World", receiver: Receiver) -> None:
        self.world, self.receiver = world, receiver
        self.client = world.owner.client

    def worker(self) -> Worker:
        """A worker of this room."""
        return Worker(self.world.parts, webhooks.JOBS, webhooks.CONSUMERS)

    async def work(self) -> None:
        """Promise and send all that is due."""
        worker = self.worker()
        await worker.follow()
        await worker.work()

    async def later(self, **by: float) -> None:
        """Work after some time."""
        self.world.clock.move(**by)
        await self.work()

    async def add(self, *types: str, **fields: Any) -> Any:
        """An endpoint at the receiver for these types; its secret is in it."""
        body = {"url": self.receiver.url, "types": list(types)} | fields
        return await good(await self.client.post(PATH, json=body))

    async def document(self, name: str) -> str:
        """A document by the editor, by its id."""
        answer = await self.world.editor.client.post(f"{API}/documents", params={"name": name}, content=b"x")
        id_: str = (await good(answer))["id"]
        return id_

    async def version(self, document_id: str) -> None:
        """One more version of it."""
        await good(await self.world.editor.client.post(f"{API}/documents/{document_id}/versions", content=b"y"))

    async def get(self, hook: Any) -> Any:
        """An endpoint as it is now."""
        return await good(await self.client.get(f"{PATH}/{hook['id']}"))

    async def deliveries(self, hook: Any, **query: Any) -> list[Any]:
        """Its deliveries, oldest first, by pages of three."""
        items: list[Any] = []
        while True:
            page = await good(await self.client.get(f"{PATH}/{hook['id']}/deliveries", params={"limit": 3, **query}))
            items += page["items"]
            if page["next"] is None:
                return items[::-1]
            query["after"] = page["next"]

    async def delivery(self, hook: Any, number: int = -1) -> Any:
        """One of its deliveries with the tries; the newest unless another is wanted."""
        id_ = (await self.deliveries(hook))[number]["id"]
        return await good(await self.client.get(f"{PATH}/{hook['id']}/deliveries/{id_}"))

    async def states(self, hook: Any) -> list[str]:
        """The states of its deliveries, oldest first."""
        return [each["state"] for each in await self.deliveries(hook)]


async def good(answer: httpx.Response) -> Any:
    """The body of an answer that must be good."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None
