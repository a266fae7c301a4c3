"""One line and some numbers per request, by its route; and ids of requests that only an edge of ours may give."""

from dataclasses import replace
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from dossier.app import create_app
from dossier.core import metrics
from tests.conftest import World, client_of
from tests.lines import Lines

Capture = pytest.CaptureFixture[str]


def counted(**labels: str) -> float:
    """Requests with these labels so far."""
    return metrics.REGISTRY.get_sample_value("dossier_requests_total", labels) or 0.0


class TestLine:
    async def test_what_it_tells(self, world: World, capfd: Capture) -> None:
        lines = Lines(capfd)
        answer = await world.editor.client.get("/api/v1/documents?q=canary")
        (line,) = lines.of("request")
        assert line.pop("ms") >= 0
        assert line.pop("timestamp")
        assert line == {
            "event": "request",
            "level": "info",
            "method": "GET",
            "route": "/api/v1/documents",
            "status": 200,
            "member": str(world.editor.member_id),
            "request_id": answer.headers["x-request-id"],
        }

    async def test_nobody(self, world: World, capfd: Capture) -> None:
        lines = Lines(capfd)
        await world.anonymous.get("/api/v1/documents")
        (line,) = lines.of("request")
        assert (line["status"], "member" in line) == (401, False)

    async def test_a_path_that_nobody_knows_is_a_dash(self, world: World, capfd: Capture) -> None:
        lines = Lines(capfd)
        before = counted(method="GET", route="-", status="404")
        for path in ("/canary/1", "/canary/2"):
            await world.anonymous.get(path)
        assert [line["route"] for line in lines.of("request")] == ["-", "-"]
        assert counted(method="GET", route="-", status="404") == before + 2

    async def test_health_is_not_worth_a_line(self, world: World, capfd: Capture) -> None:
        lines = Lines(capfd)
        await world.anonymous.get("/health/live")
        assert lines.of("request") == []

    async def test_one_that_fails(self, world: World, capfd: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
        lines = Lines(capfd)
        monkeypatch.setattr("dossier.documents.queries.page", None)
        await world.editor.client.get("/api/v1/documents")
        assert [line["status"] for line in lines.of("request")] == [500]


class TestNumbers:
    async def test_a_method_that_nobody_knows_is_other(self, world: World) -> None:
        before = counted(method="other", route="-", status="404")
        await world.anonymous.request("CANARY", "/nowhere")
        assert counted(method="other", route="-", status="404") == before + 1
        assert counted(method="CANARY", route="-", status="404") == 0

    async def test_bytes_and_refusals(self, world: World) -> None:
        def value(name: str, **labels: str) -> float:
            return metrics.REGISTRY.get_sample_value(name, labels) or 0.0

        names = ("dossier_received_bytes_total", "dossier_sent_bytes_total")
        before, refused = [value(name) for name in names], value("dossier_refusals_total", code="not_found")
        added = await world.editor.client.post("/api/v1/documents?name=a.bin", content=b"x" * 5000)
        got = await world.editor.client.get(f"/api/v1/documents/{added.json()['id']}/content")
        await world.editor.client.get(f"/api/v1/documents/{UUID(int=1)}")
        assert len(got.content) == 5000
        grown = [value(name) - was for name, was in zip(names, before, strict=True)]
        assert (grown[0], 5000 < grown[1] < 8000) == (5000, True)
        assert (
            value("dossier_refusals_total", code="document_not_found")
            + value("dossier_refusals_total", code="not_found")
            > refused
        )
        assert value("dossier_uploads_under_way") == 0
        assert value("dossier_requests_under_way") == 0


def behind(world: World, proxies: int) -> httpx.AsyncClient:
    """A client of the program with so many proxies in front."""
    settings = world.parts.settings.model_copy(update={"trusted_proxies": proxies})
    app: FastAPI = create_app(replace(world.parts, settings=settings))
    return client_of(app)


@pytest.mark.slow
class TestRequestId:
    @pytest.mark.parametrize("given", ["7f3a9c0e5b1d4f6a8c2e0b9d7f5a3c1e", "0198c0de-0000-7000-8000-000000000000"])
    async def test_of_the_edge(self, world: World, given: str) -> None:
        answer = await behind(world, 1).get("/api/v1/nowhere", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] == given
        assert answer.json()["request_id"] == given

    @pytest.mark.parametrize("given", ["short", "x" * 65, "with space in it", "tab\there-and-more", "a,b;c=d-and-more"])
    async def test_one_of_another_shape_is_not_taken(self, world: World, given: str) -> None:
        answer = await behind(world, 1).get("/api/v1/nowhere", headers={"X-Request-Id": given})
        assert str(UUID(answer.headers["x-request-id"])) != given

    async def test_of_a_stranger(self, world: World) -> None:
        given = "7f3a9c0e5b1d4f6a8c2e0b9d7f5a3c1e"
        answer = await behind(world, 0).get("/api/v1/nowhere", headers={"X-Request-Id": given})
        assert answer.headers["x-request-id"] != given
