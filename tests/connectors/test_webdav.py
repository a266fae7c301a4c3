"""WebDAV servers that fail, lie, or want to lead astray; each one scripted."""

import asyncio
import tracemalloc
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aiohttp
import pytest

from dossier.connectors import RemoteError
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.content import content, listed, read
from tests.connectors.scripted import Request, Scripted, answer, file, folder, multistatus, scripted

OC = "<oc:fileid>77</oc:fileid>"


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


async def refused(call: object) -> RemoteError:
    """The error that a call raises."""
    with pytest.raises(RemoteError) as raised:
        await call  # type: ignore[misc]
    return raised.value


class TestStatus:
    @pytest.mark.parametrize(
        ("status", "kind"),
        [
            (400, "refused"),
            (401, "sign_in"),
            (403, "refused"),
            (405, "unsupported"),
            (410, "missing"),
            (404, "missing"),
            (423, "locked"),
            (429, "throttled"),
            (500, "unreachable"),
            (502, "unreachable"),
            (503, "unreachable"),
            (507, "full"),
            (200, "unreachable"),
        ],
    )
    async def test_of_a_look(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script["PROPFIND /dav/"] = answer(status, b"<html>")
        error = await refused(dav.check())
        assert error.kind == kind
        assert "127.0.0.1" not in error.detail

    @pytest.mark.parametrize(
        ("status", "kind"), [(409, "missing"), (405, "name_taken"), (403, "refused"), (507, "full")]
    )
    async def test_of_mkcol(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script |= {"PROPFIND": answer(404), "MKCOL": answer(status)}
        assert (await refused(dav.make_folder(None, "f"))).kind == kind

    @pytest.mark.parametrize(
        ("status", "kind"),
        [(409, "missing"), (412, "name_taken"), (423, "locked"), (403, "refused"), (502, "unreachable")],
    )
    async def test_of_move(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script |= {"PROPFIND": answer(404), "PROPFIND /dav/a": multistatus([file("/dav/a")])}
        server.script["MOVE"] = answer(status)
        assert (await refused(dav.move("a", None, "b"))).kind == kind

    @pytest.mark.parametrize(
        ("status", "kind"), [(409, "changed"), (412, "changed"), (423, "locked"), (403, "refused")]
    )
    async def test_of_delete(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script |= {"PROPFIND": multistatus([file("/dav/a")]), "DELETE": answer(status)}
        assert (await refused(dav.delete("a"))).kind == kind

    async def test_of_a_delete_that_came_too_late(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script |= {"PROPFIND": multistatus([file("/dav/a")]), "DELETE": answer(404)}
        await dav.delete("a")

    async def test_of_what_lies_below(self, server: Scripted, dav: WebDavConnector) -> None:
        inner = "<d:response><d:href>/dav/f/x</d:href><d:status>HTTP/1.1 423 Locked</d:status></d:response>"
        server.script |= {"PROPFIND": multistatus([folder("/dav/f/")]), "DELETE": multistatus([inner])}
        assert (await refused(dav.delete("f"))).kind == "locked"

    @pytest.mark.parametrize("status", [409, 423, 507, 403])
    async def test_of_put(self, server: Scripted, dav: WebDavConnector, status: int) -> None:
        """The hidden file is taken away, whether it was made or not."""
        server.script |= {"PROPFIND": answer(404), "PUT": answer(status), "DELETE": answer(404)}
        kinds = {409: "missing", 423: "locked", 507: "full", 403: "refused"}
        assert (await refused(dav.create(None, "a", content(b"1")))).kind == kinds[status]
        (put,), (deleted,) = server.asked("PUT"), server.asked("DELETE")
        assert put.target == deleted.target != "/dav/a"

    @pytest.mark.parametrize("status", [429, 503])
    async def test_retry_after_seconds(self, server: Scripted, dav: WebDavConnector, status: int) -> None:
        server.script["PROPFIND /dav/"] = answer(status, b"", "Retry-After: 17")
        error = await refused(dav.check())
        assert (error.kind, error.retry_after) == ("throttled", 17.0)

    async def test_retry_after_a_date_by_the_servers_clock(self, server: Scripted, dav: WebDavConnector) -> None:
        headers = ("Date: Sat, 28 Nov 2020 10:00:00 GMT", "Retry-After: Sat, 28 Nov 2020 10:01:30 GMT")
        server.script["PROPFIND /dav/"] = answer(503, b"", *headers)
        error = await refused(dav.check())
        assert (error.kind, error.retry_after) == ("throttled", 90.0)

    async def test_retry_after_nonsense(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = answer(429, b"", "Retry-After: soon")
        error = await refused(dav.check())
        assert (error.kind, error.retry_after) == ("throttled", None)


class TestListing:
    async def test_hrefs_as_servers_write_them(self, server: Scripted, dav: WebDavConnector) -> None:
        host = server.address.removesuffix("/dav/")
        hrefs = ["/dav/%c3%a9", f"{host}/dav/a%20b", "/dav/pl+us", "https://127.0.0.1/%64av/c", "/dav/d%2525"]
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav"), *map(file, hrefs), folder("/dav/f")])
        server.script["PROPFIND /dav/f/"] = multistatus([folder(f"{host}/dav/f/"), file("/dav/f/x")])
        assert set(await listed(dav)) == {"\u00e9", "a b", "pl+us", "c", "d%25", "f", "f/x"}

    @pytest.mark.parametrize(
        "href",
        [
            "/etc/passwd",
            "/davos/a",
            "/dav/../secret",
            "/dav/%2e%2e/secret",
            "/dav/a%2Fb",
            "/dav/a%00b",
            "/dav/%ff",
            "/dav/f/too/deep",
            "http://elsewhere.example/dav/a",
            "//elsewhere.example/dav/a",
            "a",
            "http://[/dav/a",
            "",
        ],
    )
    async def test_an_href_outside_is_ignored(self, server: Scripted, dav: WebDavConnector, href: str) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/"), file(href), file("/dav/good")])
        assert set(await listed(dav)) == {"good"}

    async def test_duplicates_count_once(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/"), *[folder("/dav/f/")] * 5, folder("/dav/%66")])
        server.script["PROPFIND /dav/f/"] = multistatus([folder("/dav/f/"), folder("/dav/f"), folder("/dav/")])
        pages = [[item.id for item in page.items] async for page in dav.changes()]
        assert pages == [["f"]]

    async def test_a_folder_without_end(self, server: Scripted, dav: WebDavConnector) -> None:
        async def again(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(multistatus([folder(request.target), folder(f"{request.target}x/")]))

        server.script["PROPFIND"] = again
        server.script["PROPFIND /dav/"] = again
        assert (await refused(listed(dav))).kind == "unreachable"
        assert len(server.seen) < 110

    async def test_what_is_not_in_the_answer_is_not_deleted(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([])
        assert (await refused(listed(dav))).kind == "unreachable"

    async def test_an_item_that_cannot_be_read(self, server: Scripted, dav: WebDavConnector) -> None:
        secret = "<d:response><d:href>/dav/x</d:href><d:status>HTTP/1.1 403 Forbidden</d:status></d:response>"
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/"), secret])
        assert (await refused(listed(dav))).kind == "refused"

    async def test_a_folder_that_goes_meanwhile(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script |= {"PROPFIND": answer(404), "PROPFIND /dav/": multistatus([folder("/dav/"), folder("/dav/f/")])}
        assert set(await listed(dav)) == {"f"}

    async def test_a_folder_that_is_there_and_not(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/"), folder("/dav/f/")])
        server.script |= {"PROPFIND /dav/f/": answer(404), "PROPFIND /dav/f": multistatus([folder("/dav/f/")])}
        assert (await refused(listed(dav))).kind == "missing"

    async def test_requests_at_a_time(self, server: Scripted, session: aiohttp.ClientSession) -> None:
        running, most = 0, 0

        async def slowly(request: Request, writer: asyncio.StreamWriter) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.02)
            running -= 1
            writer.write(multistatus([folder(request.target)]))

        names = [f"/dav/{number}/" for number in range(12)]
        server.script |= {"PROPFIND": slowly, "PROPFIND /dav/": multistatus(map(folder, ["/dav/", *names]))}
        await listed(WebDavConnector(session, server.address, concurrency=3))
        assert most == 3

    async def test_never_asks_for_everything_at_once(self, server: Scripted, dav: WebDavConnector) -> None:
        await listed(dav)
        assert {request.headers["depth"] for request in server.seen} == {"0", "1"}


class TestXml:
    SELF = "<d:response><d:href>/dav/</d:href><d:propstat><d:prop><d:resourcetype><d:collection/></d:resourcetype>"
    SELF += "</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response>"
    # Both would be good answers, if entities were made into text.
    BOMB = (
        '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
        f'<d:multistatus xmlns:d="DAV:">{SELF}&b;</d:multistatus>'
    )
    FILE = (
        '<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
        f'<d:multistatus xmlns:d="DAV:">{SELF}&a;</d:multistatus>'
    )

    @pytest.mark.parametrize(
        "body",
        [
            BOMB,
            FILE,
            "",
            "<html/>",
            "<d:multistatus xmlns:d='DAV:'>",
            "no xml",
            '<?xml version="1.0" encoding="x"?><a/>',
        ],
    )
    async def test_what_is_no_answer(self, server: Scripted, dav: WebDavConnector, body: str) -> None:
        server.script["PROPFIND /dav/"] = answer(207, body.encode())
        assert (await refused(listed(dav))).kind == "unreachable"

    async def test_20_megabytes(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/")], more="<d:x/>" * (20_000_000 // 6))
        tracemalloc.start()
        try:
            assert (await refused(listed(dav))).kind == "unreachable"
            assert tracemalloc.get_traced_memory()[1] < 60_000_000
        finally:
            tracemalloc.stop()

    async def test_deep(self, server: Scripted, dav: WebDavConnector) -> None:
        deep = "<d:x>" * 100_000 + "</d:x>" * 100_000
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/")], more=deep)
        assert await listed(dav) == {}

    @pytest.mark.parametrize("size", ["-1", "1e9", "\u0663", "9" * 30, " "])
    async def test_a_size_that_is_none(self, server: Scripted, dav: WebDavConnector, size: str) -> None:
        item = file("/dav/a").replace(">3<", f">{size}<")
        server.script["PROPFIND /dav/a"] = multistatus([item])
        found = await dav.stat("a")
        assert found and found.size is None

    async def test_a_date_that_is_none(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", date="yesterday")])
        found = await dav.stat("a")
        assert found and found.modified_at is None and found.tag


class TestOpen:
    @pytest.fixture(autouse=True)
    def a_file(self, server: Scripted) -> None:
        server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a")])

    async def test_a_body_that_ends_early(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["GET"] = answer(200, b"ab", length=3)
        assert (await refused(read(dav, "a"))).kind == "unreachable"

    @pytest.mark.parametrize("body", [b"ab", b"abcd"])
    async def test_another_length_than_listed(self, server: Scripted, dav: WebDavConnector, body: bytes) -> None:
        server.script["GET"] = answer(200, body)
        assert (await refused(read(dav, "a"))).kind == "unreachable"

    async def test_no_length_and_too_few(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["GET"] = b"HTTP/1.1 200 x\r\nConnection: close\r\n\r\nab"
        assert (await refused(read(dav, "a"))).kind == "unreachable"

    async def test_half_of_it(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["GET"] = answer(206, b"abc", "Content-Range: bytes 0-2/9")
        assert (await refused(read(dav, "a"))).kind == "unreachable"

    async def test_packed_against_our_wish(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["GET"] = answer(200, b"abc", "Content-Encoding: br")
        assert (await refused(read(dav, "a"))).kind == "unreachable"
        assert server.asked("GET")[0].headers["accept-encoding"] == "identity"

    async def test_rewritten_in_place(self, server: Scripted, dav: WebDavConnector) -> None:
        async def rewrite(request: Request, writer: asyncio.StreamWriter) -> None:
            server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", etag='"2"')])
            writer.write(answer(200, b"abc"))

        server.script["GET"] = rewrite
        item = await dav.stat("a")
        assert item
        assert (await refused(read(dav, "a", item.tag))).kind == "changed"

    async def test_silence(self, server: Scripted, dav: WebDavConnector) -> None:
        async def stall(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(200, b"ab", length=3))
            await writer.drain()
            await asyncio.sleep(2)

        server.script["GET"] = stall
        assert (await refused(read(dav, "a"))).kind == "unreachable"

    async def test_slow_is_not_silent(self, server: Scripted, dav: WebDavConnector) -> None:
        async def drip(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(200, length=3))
            for letter in (b"a", b"b", b"c"):
                await asyncio.sleep(0.2)
                writer.write(letter)
                await writer.drain()

        server.script["GET"] = drip
        assert await read(dav, "a") == b"abc"

    async def test_reset(self, server: Scripted, dav: WebDavConnector) -> None:
        async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.write(answer(200, b"ab", length=3))
            await writer.drain()
            writer.transport.abort()

        server.script["GET"] = reset
        assert (await refused(read(dav, "a"))).kind == "unreachable"


class TestConnection:
    async def test_silence_before_the_answer(self, server: Scripted, dav: WebDavConnector) -> None:
        async def stall(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(2)

        server.script["PROPFIND /dav/"] = stall
        assert (await refused(dav.check())).kind == "unreachable"

    async def test_reset(self, server: Scripted, dav: WebDavConnector) -> None:
        async def reset(request: Request, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        server.script["PROPFIND /dav/"] = reset
        assert (await refused(dav.check())).kind == "unreachable"

    async def test_nobody_there(self, session: aiohttp.ClientSession) -> None:
        async with scripted() as gone:
            address = gone.address
        error = await refused(WebDavConnector(session, address).check())
        assert error.kind == "unreachable" and "127.0.0.1" not in error.detail

    async def test_an_upload_that_nobody_takes(self, server: Scripted, dav: WebDavConnector) -> None:
        async def stall(request: Request, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(2)

        server.script |= {"PROPFIND": answer(404), "PUT": stall, "DELETE": answer(404)}
        server.unread = Everything()
        assert (await refused(dav.create(None, "a", content(bytes(50_000_000))))).kind == "unreachable"

    async def test_a_slow_upload_is_not_silent(self, server: Scripted, dav: WebDavConnector) -> None:
        whole = content(b"abcdef", piece=1)

        async def drip(start: int) -> AsyncIterator[bytes]:
            async for piece in whole.open(start):
                await asyncio.sleep(0.1)
                yield piece

        server.script |= {"PROPFIND": answer(404), "PUT": answer(507), "DELETE": answer(404)}
        slow = type(whole)(whole.size, whole.sha256, whole.media_type, drip)
        assert (await refused(dav.create(None, "a", slow))).kind == "full"
        assert server.asked("PUT")[0].body == b"abcdef"

    @pytest.mark.parametrize(
        "location",
        [
            "http://localhost:{port}/dav/a/",
            "http://127.0.0.1:1/dav/a/",
            "https://127.0.0.1:{port}/dav/a/",
            "//elsewhere.example/dav/a/",
            "/login",
            "/dav/a",
            "",
        ],
    )
    async def test_no_redirect_is_followed(self, server: Scripted, dav: WebDavConnector, location: str) -> None:
        port = server.address.split(":")[2].split("/")[0]
        server.script["PROPFIND /dav/a"] = answer(302, b"", f"Location: {location.format(port=port)}")
        assert (await refused(dav.stat("a"))).kind == "refused"
        assert [request.target for request in server.seen] == ["/dav/", "/dav/a"]

    async def test_but_to_the_same_place_with_a_slash(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/%C3%A9"] = answer(301, b"", f"Location: {server.address}%c3%a9/")
        server.script["PROPFIND /dav/%C3%A9/"] = multistatus([folder("/dav/%C3%A9/")])
        found = await dav.stat("\u00e9")
        assert found and found.folder

    async def test_credentials(self, server: Scripted, session: aiohttp.ClientSession) -> None:
        await WebDavConnector(session, server.address, user="\u00e9", password="a:b").check()
        await WebDavConnector(session, server.address, token="t").check()
        await WebDavConnector(session, server.address).check()
        given = list(dict.fromkeys(request.headers.get("authorization") for request in server.seen))
        assert given == ["Basic w6k6YTpi", "Bearer t", None]

    @pytest.mark.parametrize(
        "address", ["ftp://a/", "http:///dav/", "/dav/", "http://u:p@a/dav/", "http://a/?b", "http://a/#b"]
    )
    async def test_an_address_that_is_none(self, session: aiohttp.ClientSession, address: str) -> None:
        with pytest.raises(ValueError, match="address"):
            WebDavConnector(session, address)


class Everything(set[str]):
    """A set that has everything in it."""

    def __contains__(self, _: object) -> bool:
        return True


class TestTags:
    async def test_no_etag_at_all(self, server: Scripted, dav: WebDavConnector) -> None:
        tags = set()
        for size, date in ((3, "10:00:00"), (4, "10:00:00"), (4, "10:00:01")):
            server.script["PROPFIND /dav/a"] = multistatus(
                [file("/dav/a", etag="", size=size, date=f"Sat, 28 Nov 2020 {date} GMT")]
            )
            found = await dav.stat("a")
            assert found
            tags.add(found.tag)
        assert len(tags) == 3

    async def test_a_young_file_has_another_tag_later(self, server: Scripted, dav: WebDavConnector) -> None:
        """Where an ETag counts seconds, one more edit might not show."""
        found = []
        for now in ("10:00:01", "10:00:02"):
            server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a")], f"Date: Sat, 28 Nov 2026 {now} GMT")
            found.append(await dav.stat("a"))
        young, old = found
        assert young and old and young.tag != old.tag and young.etag == old.etag
        server.script["GET"] = answer(200, b"abc")
        assert await read(dav, "a", young.tag) == b"abc"

    async def test_a_weak_one_becomes_strong(self, server: Scripted, dav: WebDavConnector) -> None:
        found = []
        for etag in ('W/"1"', '"1"'):
            server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", etag=etag)])
            found.append(await dav.stat("a"))
        assert found[0] and found[1] and found[0].etag == found[1].etag


class TestNextcloud:
    """No real one is among the servers of the tests: these are what its documentation says it answers."""

    @pytest.fixture(autouse=True)
    def is_one(self, server: Scripted) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/", OC)])

    async def test_fileid_and_checksums(self, server: Scripted, dav: WebDavConnector) -> None:
        sums = f"SHA1:{'AB' * 20} MD5:{'cd' * 16} ADLER32:00000000 SHA256:short"
        more = f"{OC}<oc:checksums><oc:checksum>{sums}</oc:checksum></oc:checksums>"
        server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", more=more)])
        await dav.check()
        found = await dav.stat("a")
        assert found and found.lasting == "77" and found.tag == found.etag == '"1"'
        assert found.digests == {"sha1": "ab" * 20, "md5": "cd" * 16}
        assert dav.caps.digests == {"sha1", "md5", "sha256"} and dav.caps.conditional_write

    async def test_create_is_one_conditional_put(self, server: Scripted, dav: WebDavConnector) -> None:
        async def made(request: Request, writer: asyncio.StreamWriter) -> None:
            server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", etag='"9"', more=OC)])
            writer.write(answer(201, b"", 'OC-ETag: "9"'))

        server.script |= {"PROPFIND": answer(404), "PUT": made}
        item = await dav.create(None, "a", content(b"abc"))
        (put,) = server.asked("PUT")
        assert (put.target, put.headers["if-none-match"], put.body) == ("/dav/a", "*", b"abc")
        assert item.etag == '"9"'

    async def test_create_that_comes_too_late(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script |= {"PROPFIND": answer(404), "PUT": answer(412)}
        assert (await refused(dav.create(None, "a", content(b"abc")))).kind == "name_taken"

    @pytest.mark.parametrize(("status", "kind"), [(412, "changed"), (423, "locked"), (404, "missing"), (507, "full")])
    async def test_put_is_conditional(self, server: Scripted, dav: WebDavConnector, status: int, kind: str) -> None:
        server.script |= {"PROPFIND /dav/a": multistatus([file("/dav/a", more=OC)]), "PUT": answer(status)}
        assert (await refused(dav.put("a", content(b"abc"), if_match='"1"'))).kind == kind
        assert server.asked("PUT")[0].headers["if-match"] == '"1"'

    async def test_somebody_writes_right_after_us(self, server: Scripted, dav: WebDavConnector) -> None:
        """Theirs is not taken for ours: the tag that comes back is none of a file."""

        async def overtaken(request: Request, writer: asyncio.StreamWriter) -> None:
            server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a", etag='"theirs"', more=OC)])
            writer.write(answer(204, b"", 'ETag: "ours"'))

        server.script |= {"PROPFIND /dav/a": multistatus([file("/dav/a", more=OC)]), "PUT": overtaken}
        item = await dav.put("a", content(b"abc"), if_match='"1"')
        assert item.tag == item.etag == ""


class TestHidden:
    async def test_old_ones_are_swept(self, server: Scripted, dav: WebDavConnector) -> None:
        old, young = (f".dossier-{letter * 32}.part" for letter in "ab")
        found = [
            folder("/dav/"),
            file(f"/dav/{old}", date="Fri, 27 Nov 2026 09:59:59 GMT"),
            file(f"/dav/{young}", date="Fri, 27 Nov 2026 10:00:01 GMT"),
        ]
        server.script["PROPFIND /dav/"] = multistatus(found, "Date: Sat, 28 Nov 2026 10:00:00 GMT")
        server.script["DELETE"] = answer(204)
        assert await listed(dav) == {}
        assert [request.target for request in server.asked("DELETE")] == [f"/dav/{old}"]

    async def test_a_folder_with_one_is_not_empty(self, server: Scripted, dav: WebDavConnector) -> None:
        found = [folder("/dav/f/"), file(f"/dav/f/.dossier-{'a' * 32}.part")]
        server.script |= {"PROPFIND /dav/f": multistatus(found[:1]), "PROPFIND /dav/f/": multistatus(found)}
        assert (await refused(dav.delete("f"))).kind == "changed"


async def test_dates_are_utc(server: Scripted, dav: WebDavConnector) -> None:
    server.script["PROPFIND /dav/a"] = multistatus([file("/dav/a")])
    found = await dav.stat("a")
    assert found and found.modified_at == datetime(2026, 11, 28, 10, tzinfo=UTC)


class TestKeptConnections:
    async def test_one_that_is_closed_under_an_upload(self, session: aiohttp.ClientSession) -> None:
        """Nobody knows then whether it took effect: the caller looks, and nothing is sent again by itself."""
        bodies: list[bytes] = []

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                    length = int(head.partition("content-length: ")[2].partition("\r\n")[0] or 0)
                    body = await reader.readexactly(length)
                    if head.startswith("put"):
                        bodies.append(body)
                        if len(bodies) == 1:
                            break
                    good = multistatus([folder("/dav/")]) if head.startswith("propfind /dav/ ") else answer(404)
                    writer.write(good.replace(b"Connection: close", b"Connection: keep-alive"))
            except asyncio.IncompleteReadError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/dav/"
        sent = bytes(range(256)) * 1000
        error = await refused(WebDavConnector(session, address, silence_seconds=5).create(None, "a", content(sent)))
        server.close()
        assert error.kind == "unreachable"
        assert bodies == [sent]


class TestCheck:
    async def test_a_file(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([file("/dav/")])
        assert (await refused(dav.check())).kind == "refused"

    async def test_which_server(self, server: Scripted, dav: WebDavConnector) -> None:
        server.script["PROPFIND /dav/"] = multistatus([folder("/dav/")], "Server: own/1.0")
        assert "own/1.0" in await dav.check()
        assert not dav.caps.conditional_write and not dav.caps.digests
