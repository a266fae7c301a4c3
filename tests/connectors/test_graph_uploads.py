"""Large files in pieces, to a fake of Microsoft Graph that breaks off as Graph is known to."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web

from dossier.connectors import Content, RemoteError
from dossier.connectors.graph import GraphConnector
from dossier.connectors.graph.uploads import Source
from tests.connectors.fake_graph import UNIT, FakeGraph, graph_connector
from tests.connectors.graph_calls import LARGE, PIECES, content, refused, xored


class TestUpload:
    async def test_pieces(self, fake: FakeGraph) -> None:
        async with graph_connector(fake, **PIECES) as graph:
            await graph.create(None, "a.bin", content(LARGE))
        sent = fake.made("PUT", "/up/")
        assert [seen.size for seen in sent] == [UNIT] * 5 + [123]
        assert sent[-1].headers["content-range"] == f"bytes {5 * UNIT}-{5 * UNIT + 122}/{len(LARGE)}"

    async def test_four_mebibytes_are_one_request(self, fake: FakeGraph, graph: GraphConnector) -> None:
        await graph.create(None, "a.bin", content(bytes(4 << 20)))
        assert fake.made("PUT", "/up/") == []
        await graph.create(None, "b.bin", content(bytes((4 << 20) + 1)))
        assert len(fake.made("PUT", "/up/")) == 1

    async def test_the_pieces_are_what_the_service_takes(self, graph: GraphConnector) -> None:
        assert graph._piece_bytes % UNIT == 0 and graph._piece_bytes < 60 << 20

    async def test_a_name_that_is_taken_at_the_last_piece(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complete = fake._complete

        def late(*arguments: Any) -> web.Response:
            fake.add(None, "a.bin", b"theirs")
            return complete(*arguments)

        monkeypatch.setattr(fake, "_complete", late)
        async with graph_connector(fake, **PIECES) as graph, refused("name_taken"):
            await graph.create(None, "a.bin", content(LARGE))
        assert fake.named("a.bin").data == b"theirs"
        assert fake.sessions == {}  # cancelled

    @pytest.mark.parametrize("how", ["reset", 500, 503, 429])
    @pytest.mark.parametrize("after", [False, True])
    async def test_a_piece_that_is_torn(self, fake: FakeGraph, how: Any, after: bool) -> None:
        """Whether it came or not: the session says where to go on."""
        opened: list[int] = []
        fake.fail("PUT", "/up/", how, skip=2, times=2, after=after, headers={"Retry-After": "0"}, code="")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE, opened=opened))
        assert fake.nodes[item.id].data == LARGE
        # What came is not sent again.
        assert len(fake.made("PUT", "/up/")) == (6 if after else 8)
        assert opened == ([0] if after else [0, 2 * UNIT, 2 * UNIT])

    async def test_a_piece_that_is_there_already(self, fake: FakeGraph) -> None:
        """416: neither the answer nor the state came through, and the piece was sent twice."""
        fake.fail("PUT", "/up/", "reset", skip=1, after=True)
        fake.fail("GET", "/up/", "reset", times=2)  # aiohttp asks again by itself
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE))
        assert fake.nodes[item.id].data == LARGE
        assert len(fake.made("GET", "/up/")) == 3

    async def test_a_piece_that_never_comes_through(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 500, skip=2, times=99)
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", content(LARGE))
        assert len(fake.made("PUT", "/up/")) == 2 + 5
        assert fake.sessions == {} and len(fake.nodes) == 1

    async def test_a_wait_that_is_too_long_is_left_to_the_caller(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 429, skip=2, headers={"Retry-After": "300"}, code="")
        async with graph_connector(fake, **PIECES) as graph:
            with pytest.raises(RemoteError) as caught:
                await graph.create(None, "a.bin", content(LARGE))
        assert (caught.value.kind, caught.value.retry_after) == ("throttled", 300.0)
        assert fake.sessions == {}

    @pytest.mark.parametrize("how", ["reset", 500])
    async def test_a_last_answer_that_is_lost(self, fake: FakeGraph, how: Any) -> None:
        """Nobody can say whether the file is there: the caller looks, and finds its own."""
        fake.fail("PUT", "/up/", how, skip=5, after=True)
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("unreachable"):
                await graph.create(None, "a.bin", content(LARGE))
            item = await graph.find(None, "a.bin")
        assert item and item.digests == {"quickxor": xored(LARGE).hex()}

    async def test_our_own_file_is_not_taken_for_theirs(self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last piece came, its answer did not, and the session is there still: the name is taken by ourselves."""
        complete = fake._complete

        def kept(name: str, session: Any) -> web.Response:
            answer = complete(name, session)
            fake.sessions[name] = session
            del session.data[5 * UNIT :]
            return answer

        monkeypatch.setattr(fake, "_complete", kept)
        fake.fail("PUT", "/up/", "reset", skip=5, after=True)
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("unreachable"):
                await graph.create(None, "a.bin", content(LARGE))
            assert await graph.find(None, "a.bin")
            node = fake.add(None, "b.bin", b"one")
            fake.fail("PUT", "/up/", "reset", skip=5, after=True)
            async with refused("unreachable"):
                await graph.put(node.id, content(LARGE), if_match=node.etag)

    @pytest.mark.parametrize("status", [404, 410, 401])
    async def test_a_session_that_has_run_out(self, fake: FakeGraph, status: int) -> None:
        fake.fail("PUT", "/up/", status, skip=3)
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE))
            assert fake.nodes[item.id].data == LARGE
            fake.fail("PUT", "/up/", status, times=2)
            async with refused("unreachable"):
                await graph.create(None, "b.bin", content(LARGE))
        assert len(fake.made("POST", "/createUploadSession")) == 4

    async def test_a_call_that_is_cancelled_cancels_the_session(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrived = asyncio.Event()

        async def stuck(start: int) -> AsyncIterator[bytes]:
            yield LARGE[: 2 * UNIT]
            arrived.set()
            await asyncio.Event().wait()

        async with graph_connector(fake, **PIECES) as graph:
            task = asyncio.create_task(graph.create(None, "a.bin", Content(len(LARGE), b"", "text/plain", stuck)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert fake.sessions == {} and len(fake.made("DELETE", "/up/")) == 1

    @pytest.mark.parametrize("size", [5, 5 * UNIT])
    async def test_bytes_that_end_early(self, fake: FakeGraph, size: int) -> None:
        short = content(b"123")
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", Content(size, b"", "text/plain", short.open))
        assert len(fake.nodes) == 1 and fake.sessions == {}

    @pytest.mark.parametrize("size", [5, 5 * UNIT + 1])
    async def test_other_bytes_than_announced(self, fake: FakeGraph, size: int) -> None:
        data = LARGE[:size]
        async with graph_connector(fake, **PIECES) as graph:
            for sent in (data[:-1], data + b"1", bytes([data[0] ^ 1]) + data[1:]):
                other = Content(size, hashlib.sha256(data).digest(), "text/plain", content(sent).open)
                async with refused("unreachable"):
                    await graph.create(None, "a.bin", other)
        assert len(fake.nodes) == 1 and fake.sessions == {}
        # The last piece never leaves.
        assert len(fake.made("PUT", "/")) == (0 if size == 5 else 15)

    async def test_bytes_that_are_others_when_they_are_asked_for_again(self, fake: FakeGraph) -> None:
        """A torn piece is read again, and only what is sent at last counts."""
        opened: list[int] = []

        def stream(start: int) -> AsyncIterator[bytes]:
            opened.append(start)
            return content(LARGE if start == 0 else bytes(len(LARGE))).open(start)

        fake.fail("PUT", "/up/", 500, skip=2)
        sent = Content(len(LARGE), hashlib.sha256(LARGE).digest(), "text/plain", stream)
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", sent)
        assert opened == [0, 2 * UNIT] and len(fake.nodes) == 1

    async def test_bytes_are_the_same_from_wherever_they_are_asked_for(self) -> None:
        source = Source(content(LARGE, chunk=1000))
        for start, count in ((0, 5000), (5000, 5000), (7000, 100), (6000, 10), (9000, 0), (0, 1), (99_999, 7)):
            assert await source.take(start, count) == LARGE[start : start + count]
        assert await source.take(100_006, len(LARGE) - 100_006) == LARGE[100_006:]
        assert await source.take(200_000, len(LARGE) - 200_000) == LARGE[200_000:]
        await source.close()

    async def test_no_room(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 507, skip=5, code="")
        async with graph_connector(fake, **PIECES) as graph, refused("full"):
            await graph.create(None, "a.bin", content(LARGE))
        assert fake.sessions == {}
