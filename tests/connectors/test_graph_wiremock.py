"""The connector of Microsoft Graph against scenarios of a real WireMock: another server's HTTP, and its faults."""

import asyncio
import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from dossier.connectors import Content, RemoteError
from dossier.connectors.graph import Credentials, GraphConnector, Hint, Subscriptions, Validation, heard
from tools.servers import WireMock

pytestmark = pytest.mark.slow

STUBS = Path(__file__).parent / "wiremock_graph/mappings"
DATA = bytes(400_000)


@pytest.fixture(scope="module")
def server() -> Iterator[WireMock]:
    server = WireMock()
    try:
        shutil.copytree(STUBS, server.folder / "mappings")
        yield server.start()
    finally:
        server.close()


@pytest.fixture
async def graph(server: WireMock) -> AsyncIterator[GraphConnector]:
    """Every scenario at its beginning, and no request counted."""
    assert server.ask("POST", "/__admin/scenarios/reset")[0] == 200
    assert server.ask("DELETE", "/__admin/requests")[0] == 200
    async with aiohttp.ClientSession() as session:
        yield GraphConnector(
            session,
            Credentials("contoso", "app", secret="a secret"),
            drive_id="drive",
            base_url=f"{server.origin}/v1.0",
            token_url=f"{server.origin}/{{tenant}}/oauth2/v2.0/token",
            seconds=2.0,
            small_bytes=1000,
            piece_bytes=320 << 10,
        )


def content(data: bytes) -> Content:
    async def stream(start: int) -> AsyncIterator[bytes]:
        yield data[start:]

    return Content(len(data), hashlib.sha256(data).digest(), "text/plain", stream)


def came(server: WireMock, method: str, path: str) -> int:
    """How many requests came."""
    status, told = server.ask("POST", "/__admin/requests/count", json.dumps({"method": method, "urlPath": path}))
    assert status == 200
    return int(json.loads(told)["count"])


def unmatched(server: WireMock) -> list[str]:
    """What came and is in no scenario."""
    requests = json.loads(server.ask("GET", "/__admin/requests/unmatched")[1])["requests"]
    return [f"{each['method']} {each['url']}" for each in requests]


async def test_a_cursor_that_is_not_known_any_more(graph: GraphConnector, server: WireMock) -> None:
    pages = [page async for page in graph.changes()]
    assert [item.name for item in pages[0].items] == ["Lease.docx"]
    assert pages[0].items[0].digests == {"quickxor": "d2b0c413" + "0" * 16 + "03" + "0" * 14}
    with pytest.raises(RemoteError) as caught:
        [page async for page in graph.changes(pages[-1].cursor)]
    assert caught.value.resync
    assert unmatched(server) == []


async def test_throttled_then_there(graph: GraphConnector) -> None:
    with pytest.raises(RemoteError) as caught:
        await graph.stat("BUSY")
    assert (caught.value.kind, caught.value.retry_after) == ("throttled", 13.0)
    item = await graph.stat("BUSY")
    assert item and item.name == "busy.txt"


async def test_a_precondition(graph: GraphConnector, server: WireMock) -> None:
    item = await graph.stat("FILE")
    assert item
    with pytest.raises(RemoteError) as caught:
        await graph.put("FILE", content(b"new"), if_match=item.etag)
    assert caught.value.kind == "changed"
    assert came(server, "PUT", "/v1.0/drives/drive/items/FILE/content") == 1
    assert unmatched(server) == []


@pytest.mark.parametrize("item", ["RESET", "GARBAGE", "SLOW"])
async def test_no_answer(graph: GraphConnector, item: str) -> None:
    with pytest.raises(RemoteError) as caught:
        await graph.stat(item)
    assert caught.value.kind == "unreachable"
    assert "127.0.0.1" not in caught.value.detail


async def test_a_name_that_is_taken_at_the_last_piece(graph: GraphConnector, server: WireMock) -> None:
    with pytest.raises(RemoteError) as caught:
        await graph.create(None, "taken.bin", content(DATA))
    assert caught.value.kind == "name_taken"
    assert (came(server, "PUT", "/up/taken"), came(server, "DELETE", "/up/taken")) == (2, 1)
    assert unmatched(server) == []


async def test_a_session_that_has_run_out(graph: GraphConnector, server: WireMock) -> None:
    item = await graph.create(None, "late.bin", content(DATA))
    assert (item.id, item.size, item.parent_id) == ("NEW", 400_000, None)
    assert (came(server, "PUT", "/up/first"), came(server, "PUT", "/up/second")) == (1, 2)
    assert unmatched(server) == []


async def test_a_validation_and_a_notification(graph: GraphConnector, server: WireMock) -> None:
    found: list[Hint | Validation] = []
    both = asyncio.Event()

    async def posted(request: web.Request) -> web.Response:
        what = heard(request.query, await request.read(), ["the state"])
        found.extend([what] if isinstance(what, Validation) else what)
        if len(found) == 2:
            both.set()
        return web.Response(text=what.text) if isinstance(what, Validation) else web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hook", posted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        made = await Subscriptions(graph.graph, "drive").create(url, "the state", until)
        assert (made.id, made.until) == ("sub-1", until)
        await asyncio.wait_for(both.wait(), 10)
    finally:
        await runner.cleanup()
    assert set(found) == {Validation("Validation: a token & more"), Hint("changed", "sub-1")}
    assert unmatched(server) == []
