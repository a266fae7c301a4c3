"""Locks of ours where a server has its own mind about them; real ones are in test_webdav_servers."""

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from dossier.connectors import RemoteError
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.content import content
from tests.connectors.scripted import Request, Scripted, answer, file, folder, multistatus, scripted

TOKEN = "opaquelocktoken:e71d4fae-5dec-22d6-fea5-00a0c91e6be4"
LOCKED = answer(200, b"<prop/>", f"Lock-Token: <{TOKEN}>")


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """A server of class 2 with a file "a" and an empty folder "f"; what is moved onto "a" is there."""
    async with scripted() as made:

        async def kept(request: Request, writer: asyncio.StreamWriter) -> None:
            made.script[f"PROPFIND {request.target}"] = multistatus([file(request.target, etag='"2"', size=3)])
            writer.write(answer(201))

        made.script |= {
            "OPTIONS": answer(200, b"", "DAV: 1, 2", "Allow: LOCK"),
            "PROPFIND /dav/": multistatus([folder("/dav/")]),
            "PROPFIND /dav/a": multistatus([file("/dav/a")]),
            "PROPFIND /dav/f": multistatus([folder("/dav/f/")]),
            "PROPFIND /dav/f/": multistatus([folder("/dav/f/")]),
            "PUT": kept,
            "LOCK": LOCKED,
            "UNLOCK": answer(204),
            "MOVE": answer(204),
            "DELETE": answer(204),
        }
        yield made


@pytest.fixture
async def dav(server: Scripted) -> AsyncIterator[WebDavConnector]:
    """A connector that has looked at the server."""
    async with aiohttp.ClientSession() as session:
        made = WebDavConnector(session, server.address, user="u", password="p", silence_seconds=0.5)
        await made.check()
        yield made


async def put(dav: WebDavConnector) -> None:
    """Replace "a"."""
    found = await dav.stat("a")
    assert found
    await dav.put("a", content(b"abc"), if_match=found.etag)


def methods(server: Scripted) -> list[str]:
    """What was asked that is no look."""
    return [request.method for request in server.seen if request.method not in ("PROPFIND", "OPTIONS")]


class TestOffer:
    async def test_class_two(self, dav: WebDavConnector) -> None:
        assert dav.caps.locks

    @pytest.mark.parametrize(
        "said",
        [answer(200, b"", "DAV: 1, 3"), answer(200), answer(405), answer(403), answer(501)],
        ids=["no class 2", "silent", "405", "403", "501"],
    )
    async def test_none(self, server: Scripted, dav: WebDavConnector, said: bytes) -> None:
        server.script["OPTIONS"] = said
        await dav.check()
        assert not dav.caps.locks
        await put(dav)
        await dav.delete("f")
        assert methods(server) == ["PUT", "MOVE", "DELETE"]

    async def test_those_of_nextcloud_are_not_asked_for(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", "<oc:fileid>77</oc:fileid>")])
        await dav.check()
        assert not dav.caps.locks


class TestHeld:
    async def test_put(self, server: Scripted, dav: WebDavConnector) -> None:
        await put(dav)
        assert methods(server) == ["PUT", "LOCK", "MOVE", "UNLOCK"], "held only once all bytes are there"
        (lock,), (move,), (unlock,) = server.asked("LOCK"), server.asked("MOVE"), server.asked("UNLOCK")
        assert lock.target == unlock.target == "/dav/a"
        assert lock.headers["timeout"] == "Second-60" and b"exclusive" in lock.body
        assert move.headers["if"] == f"<{server.address}a> (<{TOKEN}>)"
        assert unlock.headers["lock-token"] == f"<{TOKEN}>"

    async def test_delete_a_folder(self, server: Scripted, dav: WebDavConnector) -> None:
        await dav.delete("f")
        assert methods(server) == ["LOCK", "DELETE", "UNLOCK"]
        assert server.asked("LOCK")[0].headers["depth"] == "infinity"
        assert server.asked("DELETE")[0].headers["if"] == f"<{server.address}f/> (<{TOKEN}>)"

    async def test_a_file_without_a_condition_is_not_held(self, server: Scripted, dav: WebDavConnector) -> None:
        await dav.delete("a")
        assert methods(server) == ["DELETE"]

    @pytest.mark.parametrize("status", [400, 404, 409, 412, 500])
    async def test_a_lock_that_is_gone_already(self, server: Scripted, dav: WebDavConnector, status: int) -> None:
        server.script["UNLOCK"] = answer(status)
        await put(dav)
        await dav.delete("f")

    async def test_it_is_let_go_where_the_write_is_refused(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["MOVE"] = answer(403)
        with pytest.raises(RemoteError) as refused:
            await put(dav)
        assert refused.value.kind == "refused"
        assert methods(server) == ["PUT", "LOCK", "MOVE", "UNLOCK", "DELETE"], "and the hidden file goes"

    async def test_it_is_let_go_where_we_are_stopped(self, server: Scripted, dav: WebDavConnector) -> None:
        under_way = asyncio.Event()

        async def hangs(_: Request, writer: asyncio.StreamWriter) -> None:
            under_way.set()
            await asyncio.sleep(0.3)
            writer.write(answer(204))

        server.script["MOVE"] = hangs
        task = asyncio.create_task(put(dav))
        await under_way.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert methods(server)[-2:] == ["UNLOCK", "DELETE"]


class TestRefused:
    @pytest.mark.parametrize("status", [403, 405, 501])
    async def test_without_a_lock_it_goes_on(self, server: Scripted, dav: WebDavConnector, status: int) -> None:
        server.script["LOCK"] = answer(status)
        await put(dav)
        assert methods(server) == ["PUT", "LOCK", "MOVE"]
        assert "if" not in server.asked("MOVE")[0].headers

    @pytest.mark.parametrize(
        ("status", "kind"), [(423, "locked"), (503, "unreachable"), (401, "sign_in"), (409, "missing")]
    )
    async def test_put(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script["LOCK"] = answer(status)
        with pytest.raises(RemoteError) as refused:
            await put(dav)
        assert refused.value.kind == kind
        assert methods(server) == ["PUT", "LOCK", "DELETE"]
        assert server.asked("DELETE")[0].target == server.asked("PUT")[0].target != "/dav/a", "only the hidden file"

    async def test_something_in_the_folder_is_locked(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["LOCK"] = answer(207, b"<multistatus xmlns='DAV:'/>")
        with pytest.raises(RemoteError) as refused:
            await dav.delete("f")
        assert refused.value.kind == "locked"
        assert methods(server) == ["LOCK"]

    async def test_the_file_goes_just_before_it_is_locked(self, server: Scripted, dav: WebDavConnector) -> None:
        """The lock makes an empty file then, which nobody wanted."""
        server.script["LOCK"] = LOCKED.replace(b"200", b"201", 1)
        with pytest.raises(RemoteError) as refused:
            await put(dav)
        assert refused.value.kind == "missing"
        assert methods(server) == ["PUT", "LOCK", "DELETE", "UNLOCK", "DELETE"]
        assert server.asked("DELETE")[0].target == "/dav/a"
        assert server.asked("DELETE")[0].headers["if"] == f"<{server.address}a> (<{TOKEN}>)"

    @pytest.mark.parametrize("said", ["", "none", "<>", "<a> <b>", "<" + "x" * 5000 + ">"])
    async def test_a_token_that_cannot_be_named(self, server: Scripted, dav: WebDavConnector, said: str) -> None:
        server.script["LOCK"] = answer(200, b"", f"Lock-Token: {said}")
        await put(dav)
        assert methods(server) == ["PUT", "LOCK", "MOVE"]
