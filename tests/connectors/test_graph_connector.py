"""The connector of Microsoft Graph, against a fake that behaves as Graph is known to."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web

from dossier.connectors import Connector, Content
from dossier.connectors.graph import GraphConnector
from tests.connectors.content import read, read_version
from tests.connectors.fake_graph import UNIT, FakeGraph, graph_connector
from tests.connectors.graph_calls import LARGE, PIECES, content, refused, xored


def test_it_is_a_connector(graph: GraphConnector) -> None:
    connector: Connector = graph
    assert connector.caps.feed and connector.caps.stable_ids and not connector.caps.case_sensitive


class TestReading:
    async def test_check(self, fake: FakeGraph, graph: GraphConnector) -> None:
        assert await graph.check() == "Folder “root” of the drive “Documents” (business)."
        file = fake.add(None, "a.txt", b"")
        for place in ("item!404", file.id):
            async with graph_connector(fake, folder_id=place) as other, refused("missing"):
                await other.check()

    @pytest.mark.parametrize(
        "name", ["a.txt", "50% & more #1.txt", "ä ü+€ 漢字.txt", "it's (1), a=b;c@d!.txt", "a%2Fb"]
    )
    async def test_find(self, fake: FakeGraph, graph: GraphConnector, name: str) -> None:
        folder = fake.add(None, "f & g")
        node = fake.add(folder.id, name, b"1")
        fake.add(None, name.upper(), b"22")
        inner, top = await graph.find(folder.id, name), await graph.find(None, name)
        assert inner and top
        assert (inner.id, inner.size, top.size) == (node.id, 1, 2)
        assert await graph.find(folder.id, "none") is None
        assert await graph.find("none", name) is None

    async def test_stat(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        item = await graph.stat(node.id)
        assert item and item.name == "a.txt"
        assert await graph.stat("item!404") is None

    @pytest.mark.parametrize("odd", ["", ".", "..", "../items/root!1", "a/b", "a\\b", "root:", "a\0", "\udce9"])
    async def test_what_is_no_id_or_name_is_never_sent(self, fake: FakeGraph, graph: GraphConnector, odd: str) -> None:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: graph.stat(odd),
            lambda: read(graph, odd),
            lambda: graph.put(odd, content(b"1"), if_match=""),
            lambda: graph.delete(odd),
            lambda: graph.versions(odd),
            lambda: graph.rights(odd),
            lambda: graph.move(odd, None, "a"),
            lambda: graph.find(odd, "a"),
            lambda: graph.create(odd, "a", content(b"1")),
            lambda: graph.make_folder(odd, "a"),
            lambda: graph.create(None, odd, content(b"1")),
            lambda: graph.make_folder(None, odd),
        ]
        if odd in ("a\\b", "root:"):  # which Graph alone takes for no name
            assert await graph.find(None, odd) is None
        else:
            calls += [lambda: graph.find(None, odd), lambda: graph.move("item!404", None, odd)]
        for call in calls:
            async with refused("refused"):
                await call()
        assert fake.requests == []

    async def test_names_that_would_become_others_are_never_sent(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node, odd = fake.add(None, "a.txt", b"1"), fake.add(None, "con.txt", b"1")
        for name in (" a", "a ", "a.", "~$a", "con", "x" * 256, "a:b"):
            async with refused("refused"):
                await graph.create(None, name, content(b"1"))
            async with refused("refused"):
                await graph.make_folder(None, name)
            async with refused("refused"):
                await graph.move(node.id, None, name)
        assert fake.made("PUT") == fake.made("PATCH") == []
        # What is called so already can be moved and found.
        folder = await graph.make_folder(None, "f")
        assert (await graph.move(odd.id, folder.id, "con.txt")).parent_id == folder.id
        assert await graph.find(folder.id, "con.txt")

    async def test_bytes(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        assert await read(graph, node.id, node.ctag) == LARGE
        empty = fake.add(None, "b.bin", b"")
        assert await read(graph, empty.id) == b""
        assert {seen.headers["accept-encoding"] for seen in fake.made("GET", "/dl/")} == {"identity"}

    async def test_no_bytes(self, fake: FakeGraph, graph: GraphConnector) -> None:
        async with refused("missing"):
            await read(graph, "item!404")
        async with refused("missing"):
            await read(graph, fake.add(None, "folder").id)

    async def test_another_tag(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        tag = node.ctag
        async with graph.open(node.id, if_tag=tag) as chunks:
            async for _ in chunks:
                break
            fake.edit(node.id, b"2")
            async with refused("changed"):
                async for _ in chunks:
                    pass
        async with refused("changed"):
            await read(graph, node.id, tag)

    async def test_a_connection_that_breaks(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        for how in ("truncate", "reset", 500, 404):
            fake.faults.clear()
            fake.fail("GET", "/dl/", how, times=2)  # aiohttp asks again by itself where nothing came
            async with refused("unreachable"):
                await read(graph, node.id)
        fake.faults.clear()
        assert await read(graph, node.id) == LARGE

    @pytest.mark.parametrize(
        ("head", "sent", "kind"),
        [
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"0123456789", ""),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"01234", "unreachable"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"0123456", ""),  # as for an office file
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b"01234\r\n0\r\n\r\n", ""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b"01234\r\n", "unreachable"),
        ],
    )
    async def test_where_the_bytes_end(
        self, fake: FakeGraph, graph: GraphConnector, head: bytes, sent: bytes, kind: str
    ) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + sent)
            await writer.drain()
            writer.close()

        node = fake.add(None, "a.docx", b"0123456789")
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bytes"
        fake.fail("GET", "/content", 302, times=9, headers={"Location": where})
        async with server:
            if kind:
                async with refused(kind):
                    await read(graph, node.id)
            else:
                assert sent.startswith(await read(graph, node.id))

    async def test_what_the_reader_raises_stays_what_it_is(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)

        async def keep() -> None:
            async with graph.open(node.id) as chunks:
                async for _ in chunks:
                    raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            await keep()

    async def test_versions(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.edit(node.id, b"22", "Grace")
        fake.edit(node.id, b"333")
        fake.page_size = 2
        found = await graph.versions(node.id)
        assert [(each.id, each.size, each.author) for each in found] == [
            ("3.0", 3, "Ada"),
            ("2.0", 2, "Grace"),
            ("1.0", 1, "Ada"),
        ]
        async with refused("missing"):
            await graph.versions("item!404")

    async def test_the_bytes_of_a_version(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        fake.edit(node.id, b"2")
        assert await read_version(graph, node.id, "1.0") == LARGE
        async with refused("refused"):
            await read_version(graph, node.id, "2.0")
        async with refused("refused"):
            await read_version(graph, node.id, "../../x")
        node.versions.pop(0)
        async with refused("missing"):
            await read_version(graph, node.id, "1.0")


class TestCreate:
    @pytest.mark.parametrize("data", [b"", b"some text", LARGE])
    async def test_it(self, fake: FakeGraph, data: bytes) -> None:
        folder = fake.add(None, "f")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(folder.id, "50% #1.txt", content(data))
            assert fake.nodes[item.id].data == data
            assert item == await graph.stat(item.id)
            assert (item.parent_id, item.size, item.name) == (folder.id, len(data), "50% #1.txt")
            assert item.digests == {"quickxor": xored(data).hex()}
        assert fake.sessions == {}

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_nothing_is_replaced(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "A.txt", b"theirs")
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("name_taken"):
                await graph.create(None, "a.TXT", content(data))
            async with refused("missing"):
                await graph.create("item!404", "a.txt", content(data))
        assert node.data == b"theirs" and node.content == 1

    async def test_a_lost_answer_of_a_small_file(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.fail("PUT", "/content", "reset", after=True)
        async with refused("unreachable"):
            await graph.create(None, "a.txt", content(b"text"))
        assert await graph.find(None, "a.txt")

    async def test_a_name_that_cannot_be(self, graph: GraphConnector) -> None:
        async with refused("refused"):
            await graph.create(None, "a?.txt", content(b""))


class TestPut:
    @pytest.mark.parametrize("data", [b"", b"some text", LARGE])
    async def test_it(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "a.txt", b"one")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.put(node.id, content(data), if_match=node.etag)
            assert item == await graph.stat(node.id)
        assert node.data == data and item.id == node.id

    @pytest.mark.parametrize("data", [b"some text", LARGE])
    async def test_another_state(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "a.txt", b"one")
        etag = node.etag
        fake.edit(node.id, b"theirs")
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("changed"):
                await graph.put(node.id, content(data), if_match=etag)
            async with refused("missing"):
                await graph.put("item!404", content(data), if_match=etag)
        assert node.data == b"theirs"

    @pytest.mark.parametrize(("data", "at"), [(b"some text", "/content"), (LARGE, "/createUploadSession")])
    async def test_a_change_after_the_look(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch, data: bytes, at: str
    ) -> None:
        """The other side itself refuses: 412."""
        node = fake.add(None, "a.txt", b"one")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if path.endswith(at):
                fake.edit(node.id, b"theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with graph_connector(fake, **PIECES) as graph, refused("changed"):
            await graph.put(node.id, content(data), if_match=node.etag)
        assert node.data == b"theirs"
        assert len(fake.made("PUT", "/content")) == (1 if at == "/content" else 0)
        assert fake.made("PUT", "/up/") == []

    async def test_a_change_while_the_pieces_travel(self, fake: FakeGraph) -> None:
        node = fake.add(None, "a.txt", b"one")

        async def stream(start: int) -> AsyncIterator[bytes]:
            yield LARGE[: 4 * UNIT]
            fake.edit(node.id, b"theirs")
            yield LARGE[4 * UNIT :]

        sent = Content(len(LARGE), hashlib.sha256(LARGE).digest(), "text/plain", stream)
        async with graph_connector(fake, **PIECES) as graph, refused("changed"):
            await graph.put(node.id, sent, if_match=node.etag)
        assert node.data == b"theirs" and fake.sessions == {}

    async def test_a_lock(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.docx", b"one")
        fake.fail("PUT", "/content", 423, code="resourceLocked")
        async with refused("locked"):
            await graph.put(node.id, content(b"two"), if_match=node.etag)


class TestOfficeFiles:
    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_rewritten_after_the_answer(self, fake: FakeGraph, data: bytes) -> None:
        """The answer shows what was sent; the item is another a moment later, and its author says by whom."""
        fake.rewrites = "after"
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.docx", content(data))
            assert (item.size, item.digests["quickxor"]) == (len(data), xored(data).hex())
            later = await graph.stat(item.id)
            assert later
            assert later.tag != item.tag and later.digests != item.digests and later.author == "SharePoint App"
            async with refused("changed"):
                await graph.put(item.id, content(b"next"), if_match=item.etag)

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_rewritten_within_the_answer(self, fake: FakeGraph, data: bytes) -> None:
        """No error, though size and digest are not those of what was sent: they are shown as they are."""
        fake.rewrites = "within"
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.docx", content(data))
            assert item == await graph.stat(item.id)
            assert (item.size, item.digests["quickxor"]) == (len(data) + 11, xored(data + b"<enriched/>").hex())
            item = await graph.put(item.id, content(data), if_match=item.etag)
            assert item.size == len(data) + 11
            assert await read(graph, item.id, item.tag) == data + b"<enriched/>"


class TestFolders:
    async def test_make(self, fake: FakeGraph, graph: GraphConnector) -> None:
        top = await graph.make_folder(None, "Ä & 1")
        inner = await graph.make_folder(top.id, "b")
        assert (top.folder, top.tag, top.parent_id, inner.parent_id) == (True, "", None, top.id)
        async with refused("name_taken"):
            await graph.make_folder(None, "ä & 1")
        async with refused("missing"):
            await graph.make_folder("item!404", "c")

    async def test_move(self, fake: FakeGraph, graph: GraphConnector) -> None:
        first, second = fake.add(None, "first"), fake.add(None, "second")
        file, taken = fake.add(first.id, "a.txt", b"1"), fake.add(second.id, "taken.txt", b"2")
        item = await graph.move(file.id, second.id, "b.txt")
        assert (item.id, item.parent_id, item.name) == (file.id, second.id, "b.txt")
        item = await graph.move(file.id, None, "B.txt")
        assert (item.parent_id, item.name) == (None, "B.txt")
        async with refused("name_taken"):
            await graph.move(file.id, second.id, "Taken.txt")
        async with refused("missing"):
            await graph.move("item!404", None, "x")
        async with refused("missing"):
            await graph.move(file.id, "item!404", "x")
        async with refused("refused"):
            await graph.move(first.id, first.id, "x")
        assert taken.data == b"2" and fake.nodes[file.id].name == "B.txt"

    async def test_delete_a_file(self, fake: FakeGraph, graph: GraphConnector) -> None:
        file = fake.add(None, "a.txt", b"1")
        etag = file.etag
        fake.edit(file.id, b"2")
        async with refused("changed"):
            await graph.delete(file.id, if_match=etag)
        await graph.delete(file.id, if_match=file.etag)
        assert file.id not in fake.nodes
        await graph.delete(file.id, if_match=etag)
        fake.add(None, "b.txt", b"")
        await graph.delete(fake.named("b.txt").id)

    async def test_delete_loses_a_race(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = fake.add(None, "a.txt", b"1")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if request.method == "DELETE":
                fake.edit(file.id, b"theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with refused("changed"):
            await graph.delete(file.id, if_match=file.etag)
        assert fake.nodes[file.id].data == b"theirs"

    async def test_delete_a_folder_that_changed_after_the_look(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = fake.add(None, "f")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if request.method == "DELETE":
                fake.rename(folder.id, "theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with refused("changed"):
            await graph.delete(folder.id)
        assert folder.id in fake.nodes

    async def test_delete_a_folder(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = fake.add(None, "f")
        file = fake.add(folder.id, "a.txt", b"1")
        async with refused("changed"):
            await graph.delete(folder.id)
        assert file.id in fake.nodes
        fake.remove(file.id)
        await graph.delete(folder.id)
        assert folder.id not in fake.nodes
        fake.fail("DELETE", "/items", 404, code="itemNotFound")
        await graph.delete(fake.add(None, "g").id)

    async def test_nothing_outside_is_touched(self, fake: FakeGraph) -> None:
        mine, theirs = fake.add(None, "mine"), fake.add(None, "theirs.txt", b"1")
        async with graph_connector(fake, folder_id=mine.id) as graph:
            await graph.delete(theirs.id)
            async with refused("missing"):
                await graph.put(theirs.id, content(b"2"), if_match=theirs.etag)
            async with refused("missing"):
                await graph.move(theirs.id, None, "x")
            async with refused("missing"):
                await read(graph, theirs.id)
            async with refused("missing"):
                await graph.versions(theirs.id)
        assert fake.nodes[theirs.id].data == b"1"

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_nothing_goes_outside(self, fake: FakeGraph, data: bytes) -> None:
        """Into no folder beside the linked one, not into that by its id, and into no file."""
        mine, theirs = fake.add(None, "mine"), fake.add(fake.add(None, "theirs").id, "inner")
        file, theirs_file = fake.add(mine.id, "a.txt", b"1"), fake.add(theirs.id, "b.txt", b"1")
        async with graph_connector(fake, folder_id=mine.id, **PIECES) as graph:
            for parent in (theirs.id, mine.id, "root", fake.root.id, file.id):
                async with refused("missing"):
                    await graph.create(parent, "c.txt", content(data))
                async with refused("missing"):
                    await graph.make_folder(parent, "c")
                async with refused("missing"):
                    await graph.move(file.id, parent, "c.txt")
            assert await graph.find(theirs.id, theirs_file.name) is None
            deep = await graph.make_folder((await graph.make_folder(None, "d")).id, "e")
            assert (await graph.create(deep.id, "c.txt", content(data))).parent_id == deep.id
            assert (await graph.move(file.id, deep.id, "d.txt")).parent_id == deep.id
            assert await graph.find(deep.id, "d.txt")
        assert [each.name for each in fake.nodes.values() if each.parent == theirs.id] == ["b.txt"]
        assert file.name == "d.txt"

    async def test_a_folder_has_no_versions_or_etag(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = await graph.make_folder(None, "f")
        assert folder.etag == folder.tag == ""
        async with refused("missing"):
            await graph.versions(folder.id)
        await graph.delete(folder.id, if_match=folder.etag)
        assert folder.id not in fake.nodes

    async def test_a_move_to_where_it_is_changes_nothing(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(fake.add(None, "f").id, "a.txt", b"1")
        item = await graph.move(node.id, node.parent, "a.txt")
        assert item == await graph.stat(node.id) and fake.made("PATCH") == []
        assert (await graph.move(node.id, node.parent, "A.txt")).name == "A.txt"
