"""The set-up and the pages around it."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from dossier import users
from dossier.app import Parts
from dossier.core.actor import NOBODY
from tests.conftest import World, client_of

API = "/api/v1"


def wish(link_: str, /, **other: Any) -> dict[str, Any]:
    """What the first owner says."""
    given = {
        "email": "mara@example.com",
        "name": "Mara",
        "password": "correct horse battery",
        "workspace": "Acme & Söhne",
    }
    return {"link": link_, **given, **other}


@pytest.fixture
async def link(parts: Parts) -> str:
    """A set-up link's secret."""
    return await parts.units.run(NOBODY, lambda unit: users.make_link(unit, "setup", None, timedelta(days=1)))


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    """Nobody."""
    return client_of(app)


class TestSetUp:
    async def test_once(self, client: httpx.AsyncClient, link: str) -> None:
        done = await client.post(f"{API}/setup", json=wish(link))
        assert (done.status_code, done.json()["slug"]) == (201, "acme-sohne")
        again = await client.post(f"{API}/setup", json=wish(link, slug="second"))
        assert (again.status_code, again.json()["code"]) == (404, "link_ended")
        body = {"email": "mara@example.com", "password": "correct horse battery"}
        assert (await client.post(f"{API}/session", json=body)).status_code == 201

    async def test_a_refusal_keeps_the_link(self, client: httpx.AsyncClient, link: str) -> None:
        refused = await client.post(f"{API}/setup", json=wish(link, password="short"))
        assert (refused.status_code, "password" in refused.json()["fields"]) == (422, True)
        assert (await client.post(f"{API}/setup", json=wish(link))).status_code == 201

    async def test_ends_after_a_day(self, client: httpx.AsyncClient, link: str, clock: Any) -> None:
        clock.move(days=1, seconds=1)
        assert (await client.post(f"{API}/setup", json=wish(link))).status_code == 404

    @pytest.mark.parametrize(
        "change", [{"link": "x"}, {"link": ""}, {"email": "x"}, {"slug": "a b"}, {"role": "owner"}]
    )
    async def test_bad(self, client: httpx.AsyncClient, link: str, change: dict[str, str]) -> None:
        assert (await client.post(f"{API}/setup", json=wish(link, **change))).status_code in (404, 422)


class TestPages:
    async def test_swagger_brings_everything_along(self, world: World) -> None:
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=world.app), base_url="http://127.0.0.1:8000")
        page = await client.get("/api/docs")
        assert "script-src 'self'" in page.headers["content-security-policy"]
        for address in re.findall(r'(?:src|href)="([^"]+)"', page.text):
            assert address.startswith("/"), address
            assert (await client.get(address)).status_code == 200, address

    async def test_no_other_asset(self, world: World) -> None:
        for name in ("../service.py", "%2e%2e%2fservice.py", "index.html", "x"):
            assert (await world.anonymous.get(f"/assets/{name}")).status_code == 404


class TestHealth:
    async def test_live_and_ready(self, world: World) -> None:
        assert (await world.anonymous.get("/health/live")).json() == {"status": "ok"}
        ready = (await world.anonymous.get("/health/ready")).json()
        parts = {"database", "schema", "storage"} | ({"redis"} if world.parts.redis else set())
        assert (ready["status"], ready["parts"].keys()) == ("ok", parts)

    async def test_not_ready_while_stopping(self, world: World) -> None:
        world.parts.health.leaving = True
        answer = await world.anonymous.get("/health/ready")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
