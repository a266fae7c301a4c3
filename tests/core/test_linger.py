"""What happens to a body that comes on after the answer, below HTTP; with nginx and sockets in tests/deploy."""

import asyncio
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from dossier.core import linger
from dossier.core.linger import Linger

LENGTH = [(b"content-length", b"9")]


async def refuse(_scope: Scope, _receive: Receive, send: Send) -> None:
    """An app that answers without a look at the body."""
    await send({"type": "http.response.start", "status": 401, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def read_all(_scope: Scope, receive: Receive, send: Send) -> None:
    """An app that reads the body first."""
    while (await receive()).get("more_body"):
        pass
    await refuse(_scope, receive, send)


class Wire:
    """Hands out chunks; notes what was asked and sent."""

    def __init__(self, chunks: Iterator[bytes] | None = None, *, silent: bool = False) -> None:
        self.chunks, self.silent, self.asked, self.sent = chunks, silent, 0, list[Message]()

    async def receive(self) -> Message:
        self.asked += 1
        if self.silent:
            await asyncio.sleep(60)
        chunk = next(self.chunks or iter(()), None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def send(self, message: Message) -> None:
        self.sent.append(message)


async def ask(wire: Wire, app: object, headers: list[tuple[bytes, bytes]]) -> None:
    """One request."""
    scope: Scope = {"type": "http", "headers": headers}
    await Linger(app)(scope, wire.receive, wire.send)  # type: ignore[arg-type]  # an app


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds for tests."""
    monkeypatch.setattr(linger, "SECONDS", 0.3)
    monkeypatch.setattr(linger, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(linger, "MOST_BYTES", 1000)


class TestLinger:
    @pytest.mark.parametrize("headers", [LENGTH, [(b"transfer-encoding", b"chunked")]])
    async def test_reads_the_rest_after_the_answer(self, headers: list[tuple[bytes, bytes]]) -> None:
        wire = Wire(iter([b"a"] * 5))
        await ask(wire, refuse, headers)
        assert (wire.asked, [message["type"] for message in wire.sent][-1]) == (6, "http.response.body")

    @pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")]])
    async def test_asks_nothing_where_no_body_comes(self, headers: list[tuple[bytes, bytes]]) -> None:
        wire = Wire(silent=True)
        await ask(wire, refuse, headers)
        assert (wire.asked, len(wire.sent)) == (0, 2)

    async def test_asks_nothing_of_a_body_that_has_ended(self) -> None:
        wire = Wire(iter([b"a"] * 5))
        await ask(wire, read_all, LENGTH)
        assert wire.asked == 6

    async def test_not_for_ever(self) -> None:
        wire = Wire(iter(lambda: b"x" * 100, b""))
        await ask(wire, refuse, LENGTH)
        assert wire.asked == 10
        silent = Wire(silent=True)
        await asyncio.wait_for(ask(silent, refuse, LENGTH), 5)
        assert len(silent.sent) == 2
