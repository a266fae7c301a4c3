"""Where requests to addresses that customers typed may go: every way to our own network that we know of is shut."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from pydantic import ValidationError

from dossier.core.outward import AddressNotAllowed, Outward, first_bytes, networks, was_refused
from dossier.core.settings import Settings

LOOPBACK = networks("127.0.0.0/8, ::1/128")
NOT_PUBLIC = [
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001"),
    *("0", "0.0.0.0", "10.0.0.1", "10.1", "0xa000001", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.257"),
    *("100.64.0.1", "100.100.100.200", "169.254.169.254", "0xa9fea9fe", "2852039166", "0251.0376.0251.0376"),
    *("192.0.0.192", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "192.88.99.1", "168.63.129.16"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "127.0.0.1.", "127。0。0。1", "①②⑦.⓪.⓪.①"),
    *("[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]", "[::127.0.0.1]"),
    *("[64:ff9b::7f00:1]", "[64:ff9b::8.8.8.8]", "[64:ff9b:1::1]", "[2002:7f00:1::]", "[2001:0:1::1]"),
    *("[fe80::1]", "[fe80::1%25eth0]", "[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]"),
    *("[3fff::1]", "[100::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]"),
]
PUBLIC = ["8.8.8.8", "134744072", "93.184.216.34", "[2606:2800:220:1:248:1893:25c8:1946]", "[::ffff:8.8.8.8]"]
BAD = [
    *("", "https://", "https:///path", "dms.example", "//dms.example", "ftp://dms.example", "javascript:alert(1)"),
    *("file:///etc/passwd", "gopher://dms.example", "http://dms.example", "HTTP://dms.example", "https:dms.example"),
    *("https://user@dms.example", "https://user:word@dms.example", "https://:@dms.example", "https://@dms.example"),
    *("https://8.8.8.8@127.0.0.1", "https://dms.example\\@127.0.0.1/", "https://dms.example/#there"),
    *(
        "https://dms.example:0",
        "https://dms.example:99999",
        "https://dms.example:x",
        "https://[::1",
        "https://[1.2.3.4]",
    ),
    *("https://dms example", " https://dms.example", "https://dms.example\n", "https://dms.example/\r\nX: 1"),
    *("https://dms.example/\x00", "https://dms.example/\t", "https://dms.example/" + "a" * 2048),
    *("https://" + "a" * 64 + ".example", "https://dms..example", "https://dms.example/" + "ä" * 700),
]


def leading(*found: str) -> Outward:
    """A way out on which every name leads to these addresses."""

    async def lookup(_host: str, _port: int) -> Sequence[str]:
        return found

    return Outward(lookup=lookup)


async def refused(outward: Outward, url: str) -> bool:
    """Whether a request is refused before a connection is made."""
    async with outward.session() as session:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)) as error:
            await session.get(url, ssl=False)
        return was_refused(error.value)


class TestCheck:
    @pytest.mark.parametrize("host", NOT_PUBLIC)
    def test_literals_that_lead_inside(self, host: str) -> None:
        for port in ("", ":8443"):
            with pytest.raises(AddressNotAllowed):
                Outward().check(f"https://{host}{port}/hook")

    @pytest.mark.parametrize("host", PUBLIC)
    def test_literals_that_are_public(self, host: str) -> None:
        Outward().check(f"https://{host}/hook")

    @pytest.mark.parametrize("url", BAD)
    def test_what_is_no_address_for_this(self, url: str) -> None:
        with pytest.raises(AddressNotAllowed) as error:
            Outward().check(url)
        assert error.value.fields
        assert error.value.fields.keys() == {"url"}

    @pytest.mark.parametrize(
        "host", ["dms.example", "dms.example.", "dms.example:8443", "bücher.example", "例え.テスト", "a_b.example"]
    )
    def test_names(self, host: str) -> None:
        Outward().check(f"https://{host}/a/b?c=d")

    def test_http_where_it_is_allowed(self) -> None:
        Outward(http=True).check("http://dms.example/")
        with pytest.raises(AddressNotAllowed):
            Outward(http=True).check("http://127.0.0.1/")

    def test_networks_that_are_let_through(self) -> None:
        outward = Outward(networks("10.1.0.0/16, fd00:1::/32"))
        for host in ("10.1.2.3", "[::ffff:10.1.2.3]", "[fd00:1::7]", "0x0a010203"):
            outward.check(f"https://{host}/")
        for host in ("10.2.0.1", "127.0.0.1", "[fd00:2::7]"):
            with pytest.raises(AddressNotAllowed):
                outward.check(f"https://{host}/")


class TestVerify:
    @pytest.mark.parametrize(
        "found", [("127.0.0.1",), ("10.0.0.7",), ("8.8.8.8", "169.254.169.254"), ("::1",), ("fe80::1%eth0",)]
    )
    async def test_a_name_that_leads_inside(self, found: Sequence[str]) -> None:
        with pytest.raises(AddressNotAllowed):
            await leading(*found).verify("https://dms.example/")

    async def test_a_name_that_is_public(self) -> None:
        await leading("8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946").verify("https://dms.example/")

    async def test_localhost_by_its_name(self) -> None:
        with pytest.raises(AddressNotAllowed):
            await Outward().verify("https://localhost/")

    async def test_a_name_that_nobody_knows_yet(self) -> None:
        async def lookup(_host: str, _port: int) -> Sequence[str]:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")

        await Outward(lookup=lookup).verify("https://dms.example/")


class TestSession:
    @pytest.mark.parametrize("host", [host for host in NOT_PUBLIC if host != "[fe80::1%25eth0]"])
    async def test_no_connection_to_a_literal(self, host: str) -> None:
        """Whatever ``check`` was not asked: notations that only a resolver understands are resolved, and judged then."""
        assert await refused(Outward(), f"https://{host}:9/hook")

    @pytest.mark.parametrize("found", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
    async def test_no_connection_by_a_name(self, found: str) -> None:
        assert await refused(leading(found), "https://dms.example/hook")
        assert await refused(leading("8.8.8.8", found), "https://dms.example/hook"), "one that is inside spoils all"

    async def test_a_name_that_changes_in_between(self, receiver: str) -> None:
        """DNS rebinding: public when it is typed, inside when it is sent to."""
        answers = iter([["8.8.8.8"], ["127.0.0.1"]])

        async def lookup(_host: str, _port: int) -> Sequence[str]:
            return next(answers)

        outward = Outward(lookup=lookup, http=True)
        url = receiver.replace("127.0.0.1", "rebinding.example")
        await outward.verify(url)
        assert await refused(outward, url)

    async def test_the_connection_goes_to_the_judged_address(self, receiver: str) -> None:
        """The name is asked for once a connection; what it says later does not matter."""
        asked = []

        async def lookup(host: str, _port: int) -> Sequence[str]:
            asked.append(host)
            return ["127.0.0.1"]

        url = receiver.replace("127.0.0.1", "dms.example")
        async with Outward(LOOPBACK, http=True, lookup=lookup).session() as session, session.get(url) as answer:
            assert answer.status == 200
        assert asked == ["dms.example"]

    async def test_a_redirect_leads_nowhere_either(self, receiver: str) -> None:
        """Nobody should follow one; who does is judged again."""
        async with Outward(networks("127.0.0.1/32"), http=True).session() as session:
            with pytest.raises(aiohttp.ClientConnectorError) as error:
                await session.get(f"{receiver}/away")
        assert was_refused(error.value)

    async def test_http_that_is_no_longer_allowed(self, receiver: str) -> None:
        async with Outward(LOOPBACK).session() as session:
            with pytest.raises(aiohttp.ClientOSError) as error:
                await session.get(receiver)
        assert was_refused(error.value)

    async def test_no_proxy_of_the_environment(self, receiver: str, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        async with Outward(LOOPBACK, http=True).session() as session, session.get(receiver) as answer:
            assert answer.status == 200

    async def test_no_cookie_is_kept(self, receiver: str) -> None:
        async with Outward(LOOPBACK, http=True).session() as session:
            for _ in range(2):
                async with session.get(receiver) as answer:
                    assert await answer.text() == "no cookie"

    async def test_a_wrong_certificate(self, tmp_path: Path) -> None:
        context = await certificate(tmp_path)
        server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0, ssl=context)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        async with server, Outward(LOOPBACK).session() as session:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await session.get(url)

    async def test_who_cannot_be_reached_was_not_refused(self) -> None:
        async with Outward(LOOPBACK, http=True).session() as session:
            with pytest.raises(aiohttp.ClientConnectorError) as error:
                await session.get("http://127.0.0.1:9/")
        assert not was_refused(error.value)

    async def test_a_slow_answer(self, receiver: str) -> None:
        async with Outward(LOOPBACK, http=True).session(whole=0.2) as session:
            with pytest.raises(TimeoutError):
                await session.get(f"{receiver}/slow")


class TestFirstBytes:
    @pytest.mark.parametrize(("most", "wanted"), [(4096, 4096), (10**6, 10**6), (10**9, 10**7)])
    async def test_no_more_than_wanted(self, receiver: str, most: int, wanted: int) -> None:
        async with Outward(LOOPBACK, http=True).session() as session, session.get(f"{receiver}/huge") as answer:
            assert len(await first_bytes(answer, most, 10)) == wanted

    async def test_what_is_packed_stays_packed(self, receiver: str) -> None:
        async with Outward(LOOPBACK, http=True).session() as session, session.get(f"{receiver}/bomb") as answer:
            assert await first_bytes(answer, 4096, 10) == b"packed"

    @pytest.mark.parametrize("path", ["/drip", "/torn"])
    async def test_what_came_of_one_that_does_not_end(self, receiver: str, path: str) -> None:
        async with Outward(LOOPBACK, http=True).session() as session, session.get(f"{receiver}{path}") as answer:
            assert await first_bytes(answer, 4096, 0.3) == b"some"


class TestSettings:
    def test_of_the_variables(self) -> None:
        outward = Outward.from_settings(Settings(outward_allow="10.0.0.0/8,::1/128", outward_http=True))
        assert outward.http
        assert outward.lets(ipaddress.ip_address("10.1.1.1"))

    def test_nothing_by_default(self) -> None:
        outward = Outward.from_settings(Settings())
        assert (outward.allow, outward.http) == ((), False)

    @pytest.mark.parametrize("wrong", ["10.0.0.1/8", "x", "10.0.0.0/33"])
    def test_what_is_no_network_stops_the_start(self, wrong: str) -> None:
        with pytest.raises(ValidationError):
            Settings(outward_allow=wrong)


@pytest.fixture
async def receiver() -> AsyncIterator[str]:
    """The address of a server on this machine."""

    async def root(request: web.Request) -> web.Response:
        answer = web.Response(text=request.headers.get("Cookie", "no cookie"))
        answer.set_cookie("a", "b")
        return answer

    async def slow(_request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return web.Response()

    async def away(_request: web.Request) -> web.Response:
        raise web.HTTPFound("http://127.0.0.2:9/")

    async def huge(_request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 10**7)

    async def drip(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"some")
        if request.path == "/drip":
            await asyncio.sleep(5)
        assert request.transport is not None
        request.transport.abort()
        return answer

    async def bomb(_request: web.Request) -> web.Response:
        return web.Response(body=b"packed", headers={"Content-Encoding": "gzip"})

    app = web.Application()
    app.add_routes([web.get("/", root), web.get("/slow", slow), web.get("/away", away), web.get("/huge", huge)])
    app.add_routes([web.get("/bomb", bomb), web.get("/drip", drip), web.get("/torn", drip)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def certificate(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS by a certificate that nobody vouches for."""
    key, own = folder / "tls.key", folder / "tls.crt"
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    words += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(own)]
    making = await asyncio.create_subprocess_exec("openssl", *words, stderr=asyncio.subprocess.DEVNULL)
    assert await making.wait() == 0
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(own, key)
    return context
