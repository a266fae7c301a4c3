"""A fake Microsoft Graph for each test that asks, and a connector to it."""

from collections.abc import AsyncIterator

import pytest

from dossier.connectors.graph import GraphConnector, wire
from tests.connectors.fake_graph import FakeGraph, graph_connector


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGraph]:
    """A drive with nothing in it. What fails is tried again at once."""
    monkeypatch.setattr(wire, "WAIT_SECONDS", 0.0)
    fake = await FakeGraph().start()
    yield fake
    await fake.stop()


@pytest.fixture
async def graph(fake: FakeGraph) -> AsyncIterator[GraphConnector]:
    """Linked to the drive's root."""
    async with graph_connector(fake) as connector:
        yield connector
