"""What is true of one real WebDAV server and not of all: locks, credentials, conditions, and their own ways."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from dossier.connectors import RemoteError
from dossier.connectors.webdav import WebDavConnector
from dossier.connectors.webdav.wire import authorization
from tests.connectors.content import Gate, content, listed, read
from tests.connectors.servers import PASSWORD, USER, DavServer

pytestmark = pytest.mark.slow
LOCK = (
    '<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>'
    "<owner>somebody</owner></lockinfo>"
)
#: Good answers to a PUT; rclone says 201 whatever was there.
WRITTEN = (200, 201, 204)
EACH = pytest.mark.parametrize("server", ["apache", "wsgidav", "rclone"], indirect=True)


@pytest.fixture
def server(request: pytest.FixtureRequest) -> DavServer:
    """The server of that name."""
    found: DavServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The caller's session."""
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
async def dav(server: DavServer, session: aiohttp.ClientSession, request: pytest.FixtureRequest) -> WebDavConnector:
    """A place of the test's own."""
    name = f"own{time.time_ns()}"
    await WebDavConnector(session, server.address, user=USER, password=PASSWORD).make_folder(None, name)
    return WebDavConnector(session, f"{server.address}{name}/", user=USER, password=PASSWORD)


def folder_of(server: DavServer) -> Path:
    """Where the newest place lies on the disk."""
    return max(server.files.glob("own*"))


async def locked(server: DavServer, session: aiohttp.ClientSession, name: str) -> None:
    """Let somebody lock a file."""
    headers = {**authorization(USER, PASSWORD, ""), "Depth": "0", "Timeout": "Second-60"}
    address = f"{server.address}{folder_of(server).name}/{name}"
    async with session.request("LOCK", address, data=LOCK, headers=headers) as response:
        assert response.status == 200, await response.text()


class TestSignIn:
    @EACH
    async def test_a_wrong_password(self, server: DavServer, session: aiohttp.ClientSession) -> None:
        for connector in (
            WebDavConnector(session, server.address, user=USER, password="wrong"),
            WebDavConnector(session, server.address),
        ):
            with pytest.raises(RemoteError) as refused:
                await connector.check()
            assert refused.value.kind == "sign_in"


class TestLocks:
    @EACH
    async def test_nothing_is_written_over_a_lock(
        self, server: DavServer, session: aiohttp.ClientSession, dav: WebDavConnector
    ) -> None:
        made = await dav.create(None, "a", content(b"1"))
        await locked(server, session, "a")
        for call in (
            dav.put(made.id, content(b"2"), if_match=made.etag),
            dav.delete(made.id),
            dav.move("a", None, "b"),
        ):
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind == "locked"
        assert (await listed(dav)).keys() == {"a"}
        assert await read(dav, "a") == b"1"


async def put_by_somebody(server: DavServer, session: aiohttp.ClientSession, name: str) -> int:
    """The answer to somebody's writing. Apache says 207 where it is a folder above that is locked."""
    headers = authorization(USER, PASSWORD, "")
    address = f"{server.address}{folder_of(server).name}/{name}"
    async with session.put(address, data=b"theirs", headers=headers) as response:
        return response.status


class TestLocksOfOurs:
    @pytest.mark.parametrize("server", ["wsgidav", "rclone"], indirect=True)
    async def test_nobody_writes_between_our_look_and_our_write(
        self, server: DavServer, session: aiohttp.ClientSession, dav: WebDavConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from dossier.connectors.webdav import writing

        await dav.check()
        assert dav.caps.locks and not dav.caps.conditional_write
        made = await dav.create(None, "a", content(b"1"))
        theirs: list[int] = []
        move = writing.move

        async def overtaken(*args: object, **named: object) -> None:
            theirs.append(await put_by_somebody(server, session, "a"))
            await move(*args, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(writing, "move", overtaken)
        await dav.put(made.id, content(b"ours"), if_match=made.etag)
        assert theirs == [423]
        assert await read(dav, "a") == b"ours"
        assert await put_by_somebody(server, session, "a") in WRITTEN, "the lock is gone with our write"
        assert await read(dav, "a") == b"theirs"

    @EACH
    async def test_nothing_comes_into_a_folder_that_we_delete(
        self, server: DavServer, session: aiohttp.ClientSession, dav: WebDavConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from dossier.connectors.webdav.reading import propfind

        await dav.check()
        assert dav.caps.locks
        await dav.make_folder(None, "f")
        theirs: list[int] = []

        async def overtaken(*args: object, **named: object) -> object:
            answer = await propfind(*args, **named)  # type: ignore[arg-type]
            if args[2] == "1":
                theirs.append(await put_by_somebody(server, session, "f/a"))
            return answer

        monkeypatch.setattr("dossier.connectors.webdav.connector.propfind", overtaken)
        await dav.delete("f")
        assert theirs == [207 if dav.caps.conditional_write else 423]
        monkeypatch.undo()
        assert await dav.stat("f") is None
        again = await dav.make_folder(None, "f")
        assert await put_by_somebody(server, session, "f/a") in WRITTEN, "the lock is gone with the folder"
        with pytest.raises(RemoteError) as refused:
            await dav.delete(again.id)
        assert refused.value.kind == "changed"
        assert await read(dav, "f/a") == b"theirs", "and gone as well after a deletion that was not to be"
        assert await put_by_somebody(server, session, "f/a") in WRITTEN

    @pytest.mark.parametrize("server", ["wsgidav", "rclone"], indirect=True)
    async def test_a_lock_is_gone_when_our_write_is_refused(
        self, server: DavServer, session: aiohttp.ClientSession, dav: WebDavConnector
    ) -> None:
        await dav.check()
        made = await dav.create(None, "a", content(b"1"))
        assert await put_by_somebody(server, session, "a") in WRITTEN
        with pytest.raises(RemoteError) as refused:
            await dav.put(made.id, content(b"2"), if_match=made.etag)
        assert refused.value.kind == "changed"
        assert await put_by_somebody(server, session, "a") in WRITTEN


class TestApache:
    pytestmark = pytest.mark.parametrize("server", ["apache"], indirect=True)

    async def test_it_compares_the_etag_when_it_moves(self, server: DavServer, dav: WebDavConnector) -> None:
        await dav.check()
        assert dav.caps.conditional_write

    async def test_an_edit_after_our_look(
        self, server: DavServer, dav: WebDavConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server's own comparison: our look finds the file as it was, and then somebody writes."""
        from dossier.connectors.webdav import writing

        made = await dav.create(None, "a", content(b"1"))
        settled = writing.settled

        async def then_somebody_writes(*args: object) -> object:
            looked = await settled(*args)  # type: ignore[arg-type]
            (folder_of(server) / "a").write_bytes(b"theirs")
            return looked

        monkeypatch.setattr(writing, "settled", then_somebody_writes)
        with pytest.raises(RemoteError) as refused:
            await dav.put(made.id, content(b"ours"), if_match=made.etag)
        assert refused.value.kind == "changed"
        assert await read(dav, "a") == b"theirs"

    async def test_two_edits_in_one_second(self, server: DavServer, dav: WebDavConnector) -> None:
        tags = []
        for number in range(3):
            (folder_of(server) / "a").write_bytes(str(number).encode())
            found = await dav.stat("a")
            assert found
            tags.append(found.tag)
            await asyncio.sleep(0.02)
        assert len(set(tags)) == 3


class TestOnDisk:
    @EACH
    async def test_what_somebody_puts_there(self, server: DavServer, dav: WebDavConnector) -> None:
        assert await listed(dav) == {}
        folder = folder_of(server) / "f #%é"
        folder.mkdir()
        (folder / "a+b?").write_bytes(b"1")
        for path in (folder, folder / "a+b?"):
            if os.geteuid() == 0:
                os.chown(path, 65534, 65534)
        await asyncio.sleep(1.5)  # rclone looks at a folder again after a second
        assert set(await listed(dav)) == {"f #%é", "f #%é/a+b?"}
        assert await read(dav, "f #%é/a+b?") == b"1"

    @EACH
    async def test_an_upload_that_breaks_off_leaves_nothing_in_sight(
        self, server: DavServer, dav: WebDavConnector
    ) -> None:
        gate = Gate(bytes(5_000_000), KeyError("ours"))
        gate.open.set()
        with pytest.raises(KeyError):
            await dav.create(None, "a", gate.content)
        await asyncio.sleep(0.2)
        assert await listed(dav) == {}
        # A busy server may begin to write when we have taken it away already: then it is swept later.
        assert [each.name for each in folder_of(server).iterdir() if not each.name.endswith(".part")] == []

    @EACH
    async def test_old_uploads_are_swept(self, server: DavServer, dav: WebDavConnector) -> None:
        old = folder_of(server) / f".dossier-{'a' * 32}.part"
        old.write_bytes(b"half")
        os.utime(old, (time.time() - 100_000,) * 2)
        if os.geteuid() == 0:
            os.chown(old, 65534, 65534)
        await asyncio.sleep(1.5)
        assert await listed(dav) == {}
        assert not old.exists()


class TestWsgiDav:
    pytestmark = pytest.mark.parametrize("server", ["wsgidav"], indirect=True)

    async def test_no_file_goes_astray(self, server: DavServer, dav: WebDavConnector) -> None:
        """Its MOVE takes "?" and ";" for the end of a path."""
        (folder_of(server) / "f?g").mkdir()
        made = await dav.create(None, "a", content(b"1"))
        for call in (
            dav.create(None, "b?c", content(b"2")),
            dav.create("f?g", "b", content(b"2")),
            dav.move(made.id, None, "b;c"),
            dav.move(made.id, "f?g", "b"),
        ):
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind == "refused"
        assert set(await listed(dav)) == {"a", "f?g"}
