"""One try: what is asked of the receiver, and how what goes wrong is told."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from dossier.core.clock import utc_now
from dossier.core.ids import new_id
from dossier.core.outward import Outward, networks
from dossier.webhooks.sending import Letter, Result, _pause, post
from dossier.webhooks.signing import new_secret
from tests.core.test_outward import certificate

if TYPE_CHECKING:
    from tests.webhooks.receiver import Receiver

NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)
HERE = Outward(networks("127.0.0.0/8"), http=True)


def letter(url: str) -> Letter:
    """A message to an address."""
    return Letter(new_id(), 1, url, new_id(), b"{}", [new_secret()])


async def sent(url: str, tls: ssl.SSLContext | None = None) -> Result:
    """What becomes of one."""
    async with HERE.session(tls=tls, whole=2) as session:
        return await post(session, letter(url), utc_now)


class TestPost:
    @pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
    async def test_good(self, receiver: "Receiver", code: int) -> None:
        async def answer(_request: web.Request) -> web.Response:
            return web.Response(status=code)

        receiver.answer = answer
        result = await sent(receiver.url)
        assert (result.delivered, result.status, result.error) == (True, code, None)
        assert receiver.got[0].headers["user-agent"].startswith("Dossier-Webhooks/")

    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("http://127.0.0.1:9/", "It cannot be reached."),
            ("http://10.0.0.1/", "It leads to where nothing may be sent."),
            ("http://2130706433/", "It leads to where nothing may be sent."),
            ("ftp://127.0.0.1/", "It cannot be reached."),
            ("http://", "It leads to where nothing may be sent."),
            ("http://no-such-name.invalid/", "It cannot be reached."),
        ],
    )
    async def test_where_nothing_can_go(self, url: str, said: str) -> None:
        result = await sent(url)
        assert (result.delivered, result.status, result.error) == (False, None, said)

    @pytest.mark.parametrize(
        ("answer", "said"),
        [
            (b"", "It broke the connection."),
            (b"what?\r\n\r\n", "Its answer cannot be read."),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "Its answer cannot be read."),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "Its answer cannot be read."),
        ],
    )
    async def test_answers_that_are_none(self, answer: bytes, said: str) -> None:
        async with Raw(answer) as url:
            result = await sent(url)
        assert (result.status, result.error) == (None, said)

    async def test_a_certificate_that_nobody_vouches_for(self, tmp_path: Path) -> None:
        """And one that somebody does, by a context of one's own."""
        context = await certificate(tmp_path)
        good = b"HTTP/1.1 204 No Content\r\n\r\n"
        async with Raw(good, context) as url:
            assert (await sent(url)).error == "Its TLS certificate cannot be verified."
        async with Raw(good, context) as url:
            trusting = ssl.create_default_context(cafile=tmp_path / "tls.crt")
            assert (await sent(url, trusting)).status == 204

    async def test_it_says_nothing_of_our_network(self) -> None:
        result = await sent("http://127.0.0.1:9/")
        assert "127.0.0.1" not in str(result.error)


class TestPause:
    @pytest.mark.parametrize(
        ("header", "seconds"),
        [
            (None, 0),
            ("", 0),
            ("0", 0),
            ("120", 120),
            (" 120 ", 120),
            ("86401", 86_400),
            ("9" * 400, 0),
            ("-5", 0),
            ("1.5", 0),
            ("soon", 0),
            ("１２０", 0),
            ("Sat, 28 Nov 2026 12:10:00 GMT", 600),
            ("Sat, 28 Nov 2026 11:00:00 GMT", 0),
            ("Sat, 28 Nov 2099 11:00:00 GMT", 86_400),
            ("Sat, 99 Nov 2026 11:00:00 GMT", 0),
        ],
    )
    def test_retry_after(self, header: str | None, seconds: int) -> None:
        assert _pause(header, NOW) == timedelta(seconds=seconds)


class Raw:
    """A server that answers every request with these bytes."""

    def __init__(self, answer: bytes, tls: ssl.SSLContext | None = None) -> None:
        self.answer, self.tls = answer, tls

    async def __aenter__(self) -> str:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.answer)
            writer.close()

        self.server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=self.tls)
        port = self.server.sockets[0].getsockname()[1]
        return f"http{'s' if self.tls else ''}://127.0.0.1:{port}/"

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
