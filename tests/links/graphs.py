"""A workspace whose links may be made to a Microsoft Graph of our own, and what its tests have in common."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import select

from dossier import sessions
from dossier.app import Parts, create_app, equip
from dossier.core.actor import NOBODY
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.links import making
from dossier.links.models import LinkRow, SignInRow
from dossier.sessions import door
from tests.conftest import Someone, World, client_of
from tests.connectors.fake_graph import CREDENTIALS, DRIVE, FakeGraph
from tests.links.conftest import Joined

HOME = "https://dossier.example"
SECRET = {"client_secret": CREDENTIALS.secret}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """At an address that Graph can post to; what is on this machine may be linked."""
    more = {"outward_http": True, "outward_allow": "127.0.0.0/8", "public_url": HOME}
    return settings.model_copy(update=more)


_programs: list[FastAPI] = []


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    """The HTTP program at that address, which is not that of the other tests; one for all."""
    if not _programs:
        _programs.append(create_app(parts))
    equip(_programs[0], parts)
    return _programs[0]


@pytest.fixture
async def graph(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGraph]:
    """The other side, which reaches us as it would over the network."""
    fake = await FakeGraph().start()
    monkeypatch.setitem(making.CLOUDS, "global", (fake.base_url, fake.token_url))
    fake.client = client_of(world.app)
    yield fake
    await fake.stop()


@dataclass
class Hinted:
    """A link with it."""

    joined: Joined
    graph: FakeGraph
    app: dict[str, str]

    @property
    def world(self) -> World:
        return self.joined.world

    @property
    def place(self) -> dict[str, str]:
        return {"kind": "graph", "drive_id": DRIVE, **self.app}

    @property
    def hook(self) -> str:
        return f"{HOME}/api/v1/hooks/graph/{self.joined.link_id}"

    async def make(self, credentials: dict[str, str] | None = None, **more: Any) -> "Hinted":
        """The link, and its first run."""
        if not self.joined.folder_id:
            await self.joined.folder("Shared")
        told = {"name": "There", "folder_id": self.joined.folder_id, "place": self.place, **more}
        made = await self.joined.call("POST", "/links", 201, json=told | {"credentials": credentials or SECRET})
        self.joined.link_id = made["id"]
        await self.world.work()
        return self

    async def link(self) -> Any:
        """How it stands."""
        return await self.joined.call("GET", f"/links/{self.joined.link_id}")

    async def row(self) -> LinkRow:
        """What the database has of it."""
        async with self.world.parts.units.read(self.world.owner.actor) as unit:
            return await unit.session.get_one(LinkRow, UUID(self.joined.link_id))

    async def sign_ins(self) -> list[SignInRow]:
        """What the database has of sign-ins."""
        async with self.world.parts.units.read(self.world.owner.actor) as unit:
            return list((await unit.session.execute(select(SignInRow))).scalars())

    async def browser(self, who: Someone | None = None) -> httpx.AsyncClient:
        """A browser with somebody's session, which comes from another site."""
        user_id = (who or self.world.owner).actor.user_id
        assert user_id is not None
        id_ = user_id

        async def open_(unit: Unit) -> str:
            return await sessions.open_session(unit, id_, "test", timedelta(days=1))

        client = client_of(self.world.app)
        secret = await self.world.parts.units.run(NOBODY, open_)
        name = door.cookie_name(self.world.parts.settings)
        client.headers.update({"Cookie": f"{name}={secret}", "Sec-Fetch-Site": "cross-site"})
        return client

    async def begin(self, **more: Any) -> Any:
        """A sign-in that waits for the browser to come back."""
        return await self.joined.call("POST", "/link_sign_ins", 201, json=self.app | more)

    async def come_back(self, told: dict[str, str], who: Someone | None = None) -> str:
        """Where the browser is sent on to."""
        answer = await (await self.browser(who)).get("/api/v1/link_sign_ins/done", params=told)
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    async def sign_in(self, **more: Any) -> str:
        """The id of a sign-in that is done."""
        begun = await self.begin(**more)
        there = await self.come_back(self.graph.sign_in(begun["url"]))
        assert there == f"/integrations/new?sign_in={begun['id']}"
        id_: str = begun["id"]
        return id_


@pytest.fixture
def hinted(joined: Joined, graph: FakeGraph) -> Hinted:
    """Not linked yet."""
    return Hinted(joined, graph, {"tenant": CREDENTIALS.tenant, "client_id": str(uuid4())})
