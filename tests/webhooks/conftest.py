"""What the tests of webhooks start from: a program that may send to this machine, a receiver, and short words."""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from dossier.core.settings import Settings
from tests.webhooks.hooks import Hooks
from tests.webhooks.receiver import Receiver

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Settings of a program that may send to this machine."""
    return settings.model_copy(update={"outward_http": True, "outward_allow": "127.0.0.0/8"})


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver, app = Receiver(), web.Application()
    app.router.add_post("/hook", receiver.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def hooks(world: "World", receiver: Receiver) -> Hooks:
    """Short words in the world."""
    return Hooks(world, receiver)
