"""What a WebDAV server says that we may do."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from dossier.connectors import RemoteError, Right
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.scripted import Scripted, answer, file, folder, multistatus, scripted
from tests.connectors.servers import PASSWORD, USER, DavServer

OC = "<oc:fileid>77</oc:fileid>"
FOLLOWS_3744 = answer(200, b"", "DAV: 1, 2", "DAV: Access-Control, extended-mkcol")


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """A server with an empty folder."""
    async with scripted() as made:
        yield made


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """The caller's session."""
    async with aiohttp.ClientSession() as made:
        yield made


@pytest.fixture
def dav(server: Scripted, session: aiohttp.ClientSession) -> WebDavConnector:
    """A connector that loses its patience soon."""
    return WebDavConnector(session, server.address, user="u", password="p", silence_seconds=0.3)


def granted(*names: str) -> str:
    """A property that says so; with one of a namespace that is not DAV's."""
    each = "".join(f"<d:privilege><d:{name}/></d:privilege>" for name in names)
    other = '<d:privilege><x:read-free-busy xmlns:x="urn:x"/></d:privilege>'
    return f"<d:current-user-privilege-set>{each}{other}</d:current-user-privilege-set>"


async def refused(dav: WebDavConnector, item_id: str | None) -> str:
    """The kind of error."""
    with pytest.raises(RemoteError) as raised:
        await dav.rights(item_id)
    return raised.value.kind


class TestPrivileges:
    @pytest.mark.parametrize(
        ("names", "may"),
        [
            (["read"], "read"),
            (["read", "read-acl", "read-current-user-privilege-set"], "read"),
            (["read", "write", "write-content", "write-properties", "bind", "unbind", "unlock"], "write"),
            (["read", "write", "write-acl"], "own"),
            (["all", "read", "write"], "own"),
            (["read", "bind"], "bind, read"),
            (["write"], "write only"),
            ([], None),
        ],
    )
    async def test_ours(self, server: Scripted, dav: WebDavConnector, names: list[str], may: str | None) -> None:
        server.script["OPTIONS"] = FOLLOWS_3744
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", granted(*names))])
        assert await dav.rights(None) == ([Right("Dossier", may, "us")] if may else [])

    async def test_of_an_item(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["OPTIONS"] = FOLLOWS_3744
        server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", more=granted("read"))])
        assert await dav.rights("a") == [Right("Dossier", "read", "us")]
        assert b"current-user-privilege-set" in server.seen[-1].body
        assert b"oc:permissions" not in server.seen[-1].body
        server.script["PROPFIND /dav/a"] = answer(404)
        assert await refused(dav, "a") == "missing"

    async def test_only_who_knows_of_them_is_asked(self, server: Scripted, dav: WebDavConnector) -> None:
        for said in (answer(200, b"", "DAV: 1, 2"), answer(204), answer(405), answer(501)):
            server.script["OPTIONS"] = said
            assert await refused(dav, None) == "unsupported"
        assert not any(b"privilege" in each.body for each in server.seen)

    async def test_who_says_so_and_does_not_answer(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["OPTIONS"] = FOLLOWS_3744
        assert await refused(dav, None) == "unsupported"


class TestLetters:
    @pytest.mark.parametrize(
        ("letters", "may"),
        [
            ("RGDNVCK", "write"),
            ("SGCK", "write"),
            ("RG", "read"),
            ("", "read"),
            ("GDNV", "read, delete, rename, move"),
            ("GC", "read, add files"),
        ],
    )
    async def test_of_a_folder(self, server: Scripted, dav: WebDavConnector, letters: str, may: str) -> None:
        told = f"{OC}<oc:permissions>{letters}</oc:permissions>"
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", told + granted("all"))])
        assert await dav.rights(None) == [Right("Dossier", may, "us")]
        assert server.asked("OPTIONS") == []

    @pytest.mark.parametrize(("letters", "may"), [("RGDNVW", "write"), ("SRG", "read"), ("GD", "read, delete")])
    async def test_of_a_file(self, server: Scripted, dav: WebDavConnector, letters: str, may: str) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", OC)])
        told = f"{OC}<oc:permissions>{letters}</oc:permissions>"
        server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", more=told)])
        assert await dav.rights("a") == [Right("Dossier", may, "us")]

    async def test_not_told(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", OC)])
        assert await refused(dav, None) == "unsupported"


@pytest.mark.slow
@pytest.mark.parametrize("server", ["apache", "wsgidav", "rclone"])
async def test_real_servers_do_not_say(
    request: pytest.FixtureRequest, session: aiohttp.ClientSession, server: str
) -> None:
    at: DavServer = request.getfixturevalue(server)
    assert await refused(WebDavConnector(session, at.address, user=USER, password=PASSWORD), None) == "unsupported"
