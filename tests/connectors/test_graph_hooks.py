"""Subscriptions at a fake of Microsoft Graph, and what it posts to us."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from dossier.connectors.graph import GraphConnector, Hint, Subscriptions, Validation, heard
from tests.connectors.fake_graph import DRIVE, FakeGraph
from tests.connectors.graph_calls import refused


@asynccontextmanager
async def receiver(states: list[str], hints: list[Hint]) -> AsyncIterator[str]:
    """An address of ours that answers what Graph posts."""

    async def posted(request: web.Request) -> web.Response:
        found = heard(request.query, await request.read(), states)
        if isinstance(found, Validation):
            return web.Response(text=found.text, content_type="text/plain")
        hints.extend(found)
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hook", posted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


class TestNotifications:
    async def test_the_life_of_a_subscription(self, fake: FakeGraph, graph: GraphConnector) -> None:
        states, hints = list[str](), list[Hint]()
        subscriptions = Subscriptions(graph.graph, DRIVE)
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
        async with receiver(states, hints) as url:
            made = await subscriptions.create(url, "a secret", until)
            assert made.until == until
            sent = fake.subscriptions[made.id]
            assert sent["resource"] == f"/drives/{DRIVE}/root"
            assert sent["changeType"] == "updated"
            # A state that we know nothing of does not count.
            assert await fake.notify() == [202] and hints == []
            states += ["another", "a secret"]
            await fake.notify()
            await fake.notify(clientState="guessed")
            for event in ("reauthorizationRequired", "subscriptionRemoved", "missed", "somethingNew"):
                await fake.notify(lifecycleEvent=event)
            assert [hint.what for hint in hints] == ["changed", "reauthorize", "removed", "missed"]
            assert {hint.subscription_id for hint in hints} == {made.id}
            renewed = await subscriptions.renew(made.id, datetime.now(UTC) + timedelta(days=365))
            assert timedelta(days=29) < renewed.until - datetime.now(UTC) < timedelta(minutes=42_300)
            await subscriptions.delete(made.id)
            await subscriptions.delete(made.id)
            async with refused("missing"):
                await subscriptions.renew(made.id, until)
        assert fake.subscriptions == {}

    async def test_an_address_that_does_not_answer(self, fake: FakeGraph, graph: GraphConnector) -> None:
        async with refused("refused"):
            await Subscriptions(graph.graph, DRIVE).create(fake.origin, "a secret", datetime.now(UTC))

    @pytest.mark.parametrize("state", ["", "x" * 129])
    async def test_a_state_that_does_not_fit(self, graph: GraphConnector, state: str) -> None:
        with pytest.raises(ValueError, match="128"):
            await Subscriptions(graph.graph, DRIVE).create("https://dossier.example", state, datetime.now(UTC))

    def test_what_is_posted(self) -> None:
        mine = {"subscriptionId": "1", "clientState": "ä secret", "changeType": "updated"}
        states = ["ä secret", ""]

        def posted(*entries: object) -> object:
            return heard({}, json.dumps({"value": entries}).encode(), states)

        assert posted(mine, mine) == [Hint("changed", "1")]
        assert posted(mine | {"clientState": "x"}, mine | {"clientState": "\ud800"}, 1, None, mine) == [
            Hint("changed", "1")
        ]
        assert posted(mine | {"lifecycleEvent": ["missed"]}) == []
        assert posted({"subscriptionId": "2", "clientState": ""}, {"subscriptionId": "2"}, {}) == []
        assert heard({"validationToken": "<b>&amp;"}, b"", states) == Validation("<b>&amp;")
        for body in (b"", b"{", b"[]", b"{}", b'{"value": 1}', b"\xff", b"[" * 200_000):
            assert heard({}, body, states) == []
