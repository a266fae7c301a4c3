"""Requests to a fake of Microsoft Graph, and what goes wrong with them."""

from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from dossier.connectors import RemoteError
from dossier.connectors.graph import GraphConnector
from tests.connectors.content import read
from tests.connectors.fake_graph import CREDENTIALS, DRIVE, FakeGraph, graph_connector
from tests.connectors.graph_calls import content, pages, refused


class TestRequests:
    async def test_every_method_says_it(self, fake: FakeGraph, graph: GraphConnector) -> None:
        """Whatever is called: throttled, torn and lying answers come as what they are."""
        node = fake.add(None, "a.txt", b"text")
        etag = node.etag
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: graph.check(),
            lambda: graph.stat(node.id),
            lambda: graph.find(None, "a.txt"),
            lambda: pages(graph),
            lambda: read(graph, node.id),
            lambda: graph.create(None, "b.txt", content(b"1")),
            lambda: graph.put(node.id, content(b"1"), if_match=etag),
            lambda: graph.make_folder(None, "f"),
            lambda: graph.move(node.id, None, "c.txt"),
            lambda: graph.delete(node.id),
            lambda: graph.versions(node.id),
            lambda: graph.rights(node.id),
        ]
        await graph.check()
        for call in calls:
            for how, kind in ((429, "throttled"), (423, "locked"), ("reset", "unreachable"), (502, "unreachable")):
                fake.faults.clear()
                fake.fail("*", "/v1.0", how, times=9, headers={"Retry-After": "7"}, code="")
                async with refused(kind):
                    await call()
        assert [each.name for each in fake.nodes.values()] == ["root", "a.txt"]
        assert fake.nodes[node.id].etag == etag

    async def test_throttled_now_and_then(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.throttle_every = 3
        waits = []
        for _ in range(9):
            try:
                await graph.find(None, "none")
            except RemoteError as error:
                waits.append(error.retry_after)
        assert waits == [7.0] * len(waits) and len(waits) >= 3

    async def test_a_body_that_is_cut_off_or_no_json(self, fake: FakeGraph, graph: GraphConnector) -> None:
        await graph.check()
        fake.fail("GET", "/items", "truncate")
        async with refused("unreachable"):
            await graph.check()
        fake.fail("GET", "/items", 200, code="")
        async with refused("unreachable"):
            await graph.check()

    async def test_the_token_goes_to_no_other_address(self, fake: FakeGraph, graph: GraphConnector) -> None:
        for where in ("https://elsewhere.example/x", fake.base_url.replace("127.0.0.1", "127.0.0.1.elsewhere.example")):
            async with refused("unreachable"):
                await graph.graph.call("GET", where)
        assert fake.requests == fake.made("POST", "/token")

    @pytest.mark.parametrize("where", ["ftp://elsewhere.example/", "http://[", "http://127.0.0.1:bad/"])
    async def test_a_location_that_cannot_be_asked(self, fake: FakeGraph, graph: GraphConnector, where: str) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.fail("GET", "/content", 302, headers={"Location": where})
        async with refused("unreachable"):
            await read(graph, node.id)

    async def test_a_redirection_without_an_end(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.fail("GET", "/", 302, skip=2, times=99, headers={"Location": f"{fake.origin}/dl/1"})
        async with refused("unreachable"):
            await read(graph, node.id)
        assert len(fake.made("GET", "/dl/")) == 4


async def test_a_server_that_is_not_there(fake: FakeGraph) -> None:
    async with graph_connector(fake) as graph:
        await graph.check()
        await fake.stop()
        async with refused("unreachable"):
            await graph.check()
    async with aiohttp.ClientSession() as session:
        silent = GraphConnector(session, CREDENTIALS, drive_id=DRIVE, base_url=fake.base_url, token_url=fake.token_url)
        async with refused("unreachable"):
            await silent.check()
