"""What the side door answers, and that it answers nothing else."""

import httpx
import pytest

from dossier.core.gathering import Gatherer
from dossier.core.health import Health, Probe, Unfit
from dossier.core.sidedoor import side_door
from dossier.core.web import HEADERS
from tests.conftest import World


async def bad() -> None:
    raise Unfit("canary")


def client(world: World, health: Health) -> httpx.AsyncClient:
    """A client at the side door."""
    transport = httpx.ASGITransport(app=side_door(health, Gatherer(world.parts.units)))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:1")


class TestSideDoor:
    async def test_well(self, world: World) -> None:
        door = client(world, world.parts.health)
        assert (await door.get("/health/live")).json() == {"status": "ok"}
        assert (await door.get("/health/ready")).json()["status"] == "ok"
        metrics = await door.get("/metrics")
        assert metrics.headers["content-type"].startswith("text/plain; version=")
        assert "dossier_build_info" in metrics.text

    async def test_not_ready(self, world: World) -> None:
        answer = await client(world, Health([Probe("storage", bad)])).get("/health/ready")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["parts"]["storage"]["state"] == "failed"
        assert "canary" not in answer.text

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/metrics"])
    async def test_protective_headers(self, world: World, path: str) -> None:
        answer = await client(world, world.parts.health).get(path)
        assert {name.lower(): value for name, value in HEADERS.items()}.items() <= dict(answer.headers).items()

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [("GET", "/", 404), ("GET", "/api/v1/me", 404), ("GET", "/health", 404), ("POST", "/metrics", 405)],
    )
    async def test_nothing_else(self, world: World, method: str, path: str, status: int) -> None:
        assert (await client(world, world.parts.health).request(method, path)).status_code == status
