"""What the tests of the connector of Microsoft Graph have in common."""

import hashlib
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from dossier.connectors import Content, Page, RemoteError
from dossier.connectors.graph import GraphConnector, QuickXor
from tests.connectors.fake_graph import CREDENTIALS, UNIT

LARGE = random.Random(7).randbytes(5 * UNIT + 123)
PIECES: dict[str, Any] = {"small_bytes": 1000, "piece_bytes": UNIT}


def content(data: bytes, *, chunk: int = 100_000, opened: list[int] | None = None) -> Content:
    """Bytes to be sent; ``opened`` hears from where on they were asked for."""

    async def stream(start: int) -> AsyncIterator[bytes]:
        if opened is not None:
            opened.append(start)
        for at in range(start, len(data), chunk):
            yield data[at : at + chunk]

    return Content(len(data), hashlib.sha256(data).digest(), "text/plain", stream)


async def pages(graph: GraphConnector, cursor: str | None = None) -> list[Page]:
    return [page async for page in graph.changes(cursor)]


async def changes(graph: GraphConnector, cursor: str | None = None) -> tuple[list[str], list[str], str]:
    """Names in order, ids that are gone, and the next cursor."""
    found = await pages(graph, cursor)
    assert [page.cursor for page in found[:-1]] == [None] * (len(found) - 1)
    end = found[-1].cursor
    assert end
    return [item.name for page in found for item in page.items], [gone for page in found for gone in page.gone], end


@asynccontextmanager
async def refused(kind: str) -> AsyncIterator[None]:
    with pytest.raises(RemoteError) as caught:
        yield
    assert caught.value.kind == kind, caught.value
    assert CREDENTIALS.secret not in str(caught.value)
    assert "http" not in caught.value.detail


def naive(data: bytes) -> bytes:
    """QuickXorHash as its description says it, bit by bit."""
    bits = 0
    for number, byte in enumerate(data):
        for bit in range(8):
            bits ^= (byte >> bit & 1) << ((number * 11 + bit) % 160)
    return (bits ^ len(data) << 96).to_bytes(20, "little")


def xored(data: bytes) -> bytes:
    digest = QuickXor()
    digest.update(data)
    return digest.digest()
