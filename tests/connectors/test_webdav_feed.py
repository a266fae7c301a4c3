"""Collection synchronization (RFC 6578) with a scripted server: no server of files among those of the tests has it."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest

from dossier.connectors import Item, Page, RemoteError
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.scripted import Scripted, answer, file, folder, multistatus, scripted

REPORTS = (
    "<d:supported-report-set><d:supported-report><d:report><d:sync-collection/></d:report></d:supported-report>"
    "</d:supported-report-set>"
)
PARTIAL = "<d:response><d:href>/dav/</d:href><d:status>HTTP/1.1 507 Insufficient Storage</d:status></d:response>"


def token(value: str) -> str:
    """As a multistatus ends."""
    return f"<d:sync-token>{value}</d:sync-token>"


def gone(href: str) -> str:
    """A member that was removed."""
    return f"<d:response><d:href>{href}</d:href><d:status>HTTP/1.1 404 Not Found</d:status></d:response>"


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    """One that has a feed, and two items."""
    async with scripted() as made:
        made.script["OPTIONS /dav/"] = answer(200, b"", "Allow: OPTIONS, GET, PROPFIND, REPORT")
        both = [folder("/dav/", REPORTS + token("t1")), folder("/dav/b/"), file("/dav/a.txt")]
        made.script["PROPFIND /dav/"] = multistatus(both)
        made.script["PROPFIND /dav/b/"] = multistatus([folder("/dav/b/")])
        yield made


@pytest.fixture
async def dav(server: Scripted) -> AsyncIterator[WebDavConnector]:
    """A connector."""
    async with aiohttp.ClientSession() as session:
        yield WebDavConnector(session, server.address, silence_seconds=1)


@pytest.fixture(autouse=True)
def depths(server: Scripted) -> None:
    """Depth 0 is asked for the base alone."""

    async def propfind(request: object, writer: object) -> None:
        depth = request.headers["depth"]  # type: ignore[attr-defined]
        said = [folder("/dav/", REPORTS + token("t1"))]
        said += [folder("/dav/b/"), file("/dav/a.txt")] if depth == "1" else []
        writer.write(multistatus(said))  # type: ignore[attr-defined]

    server.script["PROPFIND /dav/"] = propfind


async def pages(dav: WebDavConnector, cursor: str | None) -> list[Page]:
    """All of a look."""
    return [page async for page in dav.changes(cursor)]


def ids(found: list[Item]) -> list[str]:
    """In the order they came."""
    return [item.id for item in found]


class TestOffered:
    async def test_a_listing_ends_with_the_token_of_its_beginning(self, dav: WebDavConnector) -> None:
        await dav.check()
        found = await pages(dav, None)
        assert dav.caps.feed
        assert sorted(item.id for page in found for item in page.items) == ["a.txt", "b"]
        assert [page.cursor for page in found if page.cursor] == ["t1"] == [found[-1].cursor]

    @pytest.mark.parametrize("allow", ["Allow: OPTIONS, PROPFIND", "X: y"])
    async def test_not_asked_of_who_knows_no_report(self, server: Scripted, dav: WebDavConnector, allow: str) -> None:
        server.script["OPTIONS /dav/"] = answer(200, b"", allow)
        await dav.check()
        assert (await pages(dav, None))[-1].cursor is None
        assert not dav.caps.feed
        assert not [request for request in server.asked("PROPFIND") if b"sync-token" in request.body]

    @pytest.mark.parametrize("said", ["", REPORTS, token("t1"), REPORTS + token("")])
    async def test_half_of_it_is_none(self, server: Scripted, dav: WebDavConnector, said: str) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", said)])
        await dav.check()
        assert not dav.caps.feed


class TestChanges:
    async def test_what_became_of_the_members(self, server: Scripted, dav: WebDavConnector) -> None:
        said = [file("/dav/new/deep/c.txt"), folder("/dav/new/deep/"), folder("/dav/new/"), gone("/dav/a.txt")]
        server.script["REPORT"] = multistatus([*said, file("/dav/.dossier-" + "a" * 32 + ".part")], more=token("t2"))
        (page,) = await pages(dav, "t<1>&")
        assert ids(page.items) == ["new", "new/deep", "new/deep/c.txt"]
        assert page.items[2].parent_id == "new/deep"
        assert (page.gone, page.cursor) == (["a.txt"], "t2")
        (asked,) = server.asked("REPORT")
        assert (asked.target, asked.headers["depth"]) == ("/dav/", "0")
        assert b"<d:sync-token>t&lt;1&gt;&amp;</d:sync-token><d:sync-level>infinite</d:sync-level>" in asked.body

    async def test_in_parts(self, server: Scripted, dav: WebDavConnector) -> None:
        parts = iter(
            [
                multistatus([file("/dav/1.txt"), PARTIAL], more=token("t2")),
                multistatus([file("/dav/2.txt"), PARTIAL], more=token("t3")),
                multistatus([file("/dav/3.txt")], more=token("t4")),
            ]
        )

        async def report(request: object, writer: object) -> None:
            writer.write(next(parts))  # type: ignore[attr-defined]

        server.script["REPORT"] = report
        found = await pages(dav, "t1")
        assert [(ids(page.items), page.cursor) for page in found] == [
            (["1.txt"], "t2"),
            (["2.txt"], "t3"),
            (["3.txt"], "t4"),
        ]
        asked = [re.findall(b"<d:sync-token>(.*)</d:sync-token>", request.body) for request in server.asked("REPORT")]
        assert asked == [[b"t1"], [b"t2"], [b"t3"]]

    async def test_in_the_same_part_for_ever(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["REPORT"] = multistatus([PARTIAL], more=token("t1"))
        with pytest.raises(RemoteError) as refusal:
            await pages(dav, "t1")
        assert refusal.value.resync

    @pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 412, 501])
    async def test_a_token_that_is_not_taken(self, server: Scripted, dav: WebDavConnector, status: int) -> None:
        server.script["REPORT"] = answer(status)
        with pytest.raises(RemoteError) as refusal:
            await pages(dav, "t1")
        assert refusal.value.resync

    @pytest.mark.parametrize(
        ("status", "kind"), [(401, "sign_in"), (429, "throttled"), (500, "unreachable"), (200, "unreachable")]
    )
    async def test_what_says_nothing_of_the_token(
        self, server: Scripted, dav: WebDavConnector, status: int, kind: str
    ) -> None:
        server.script["REPORT"] = answer(status)
        with pytest.raises(RemoteError) as refusal:
            await pages(dav, "t1")
        assert refusal.value.kind == kind

    @pytest.mark.parametrize("more", ["", token("")])
    async def test_without_an_end(self, server: Scripted, dav: WebDavConnector, more: str) -> None:
        server.script["REPORT"] = multistatus([file("/dav/c.txt")], more=more)
        with pytest.raises(RemoteError) as refusal:
            await pages(dav, "t1")
        assert refusal.value.kind == "unreachable"

    async def test_one_that_cannot_be_read(self, server: Scripted, dav: WebDavConnector) -> None:
        denied = gone("/dav/c.txt").replace("404 Not Found", "403 Forbidden")
        server.script["REPORT"] = multistatus([denied], more=token("t2"))
        with pytest.raises(RemoteError) as refusal:
            await pages(dav, "t1")
        assert refusal.value.kind == "refused"

    async def test_an_href_outside_is_ignored(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["REPORT"] = multistatus([file("/other/c.txt"), gone("/dav/../x")], more=token("t2"))
        (page,) = await pages(dav, "t1")
        assert (page.items, page.gone, page.cursor) == ([], [], "t2")
