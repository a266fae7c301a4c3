"""Links that Microsoft Graph tells of changes."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from dossier.core import log, metrics
from dossier.core.jobs import JobRow
from dossier.core.units import Busy, Units
from dossier.core.vault import Vault
from dossier.links.graph import hints
from dossier.links.models import LinkRow
from tests.connectors.fake_graph import CREDENTIALS
from tests.links.graphs import HOME, Hinted, app, graph, hinted, settings

__all__ = ["app", "graph", "hinted", "settings"]


def only(hinted: Hinted) -> dict[str, Any]:
    """The one subscription that there is."""
    [subscription] = hinted.graph.subscriptions.values()
    return subscription


def counted(outcome: str) -> float:
    """How often something was counted."""
    return metrics.REGISTRY.get_sample_value("dossier_link_hints_total", {"outcome": outcome}) or 0


async def runs(hinted: Hinted) -> list[JobRow]:
    """The runs that are promised and due."""
    async with hinted.world.parts.units.read(hinted.world.owner.actor) as unit:
        found = (await unit.session.execute(select(JobRow).where(JobRow.kind == "links.sync"))).scalars()
        return [job for job in found if job.run_at <= unit.now]


async def state(hinted: Hinted) -> tuple[Any, ...]:
    """What a notification could change."""
    link = await hinted.row()
    columns = (link.asked_at, link.promised, link.job_id, link.subscription_id, link.hints_until, link.hints_next_at)
    return (*columns, [job.id for job in await runs(hinted)])


def tell_late(hinted: Hinted, monkeypatch: pytest.MonkeyPatch) -> "list[asyncio.Future[list[int]]]":
    """Change the drive right after the next look, and tell of it before that run has ended. What is answered, then."""
    real = hinted.graph._delta
    told: list[asyncio.Future[list[int]]] = []

    def late(*given: Any) -> Any:
        answer = real(*given)
        if not told:
            hinted.graph.add(None, "late.txt", b"late")
            told.append(asyncio.ensure_future(hinted.graph.notify()))
        return answer

    monkeypatch.setattr(hinted.graph, "_delta", late)
    return told


class TestSubscription:
    async def test_is_made_at_the_first_run(self, hinted: Hinted) -> None:
        link = await (await hinted.make()).link()
        sent = only(hinted)
        assert sent["notificationUrl"] == sent["lifecycleNotificationUrl"] == hinted.hook
        assert len(sent["clientState"]) == 64
        until = datetime.fromisoformat(link["hints_until"])
        assert timedelta(days=29) < until - datetime.now(UTC) < timedelta(days=30)
        assert sent["clientState"] not in json.dumps(link)
        assert (await hinted.row()).subscription_id == sent["id"]
        await hinted.joined.run()
        assert len(hinted.graph.made("POST", "/subscriptions")) == 1

    async def test_each_link_has_a_state_of_its_own_that_is_not_kept(self, hinted: Hinted) -> None:
        await hinted.make()
        other = hinted.world.parts.vault.mark(hints._about(uuid4()))
        assert only(hinted)["clientState"] == hinted.world.parts.vault.mark(hints._about(UUID(hinted.joined.link_id)))
        assert only(hinted)["clientState"] != other
        row = await hinted.row()
        assert only(hinted)["clientState"] not in str(vars(row))

    async def test_none_where_graph_cannot_reach_us(self, hinted: Hinted) -> None:
        parts = hinted.world.parts
        hinted.world.app.state.settings = parts.settings.model_copy(update={"public_url": "http://127.0.0.1:8000"})
        object.__setattr__(parts, "settings", hinted.world.app.state.settings)
        link = await (await hinted.make()).link()
        assert (link["hints_until"], link["in_step_at"] is not None) == (None, True)
        assert hinted.graph.subscriptions == {}

    async def test_is_renewed_at_half_of_its_life(self, hinted: Hinted) -> None:
        await hinted.make()
        first = (await hinted.link())["hints_until"]
        hinted.world.clock.move(days=14)
        await hinted.world.work()
        assert hinted.graph.made("PATCH", "/subscriptions") == []
        hinted.world.clock.move(days=1)
        await hinted.world.work()
        assert len(hinted.graph.made("PATCH", "/subscriptions")) == 1
        assert len(hinted.graph.made("POST", "/subscriptions")) == 1
        assert (await hinted.link())["hints_until"] >= first

    async def test_is_made_anew_where_it_is_gone(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.subscriptions.clear()
        hinted.world.clock.move(days=15)
        await hinted.world.work()
        assert (await hinted.row()).subscription_id == only(hinted)["id"]

    @pytest.mark.parametrize("how", [403, 500, "reset"])
    async def test_a_failure_stops_nothing(self, hinted: Hinted, how: int | str) -> None:
        before = counted("failed")
        hinted.graph.fail("POST", "/subscriptions", how, times=9)
        hinted.graph.add(None, "theirs.txt", b"theirs")
        link = await (await hinted.make()).link()
        assert (link["state"], link["trouble"], link["hints_until"]) == ("active", None, None)
        assert await hinted.joined.here() == {"theirs.txt": b"theirs"}
        await hinted.joined.run()
        assert len(hinted.graph.made("POST", "/subscriptions")) == 1
        assert counted("failed") == before + 1
        hinted.graph.faults.clear()
        hinted.world.clock.move(minutes=16)
        await hinted.world.work()
        assert ((await hinted.link())["hints_until"] is None) == (how == 403)
        hinted.world.clock.move(hours=6)
        await hinted.world.work()
        assert (await hinted.link())["hints_until"] is not None

    async def test_does_not_count_for_a_link_that_is_broken(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.secret = "changed"
        link = await hinted.joined.run()
        assert (link["state"], link["hints_until"]) == ("broken", None)
        before = await state(hinted)
        assert await hinted.graph.notify() == [202]
        assert await state(hinted) == before
        credentials = {"client_secret": "changed"}
        await hinted.joined.call("PATCH", f"/links/{hinted.joined.link_id}", json={"credentials": credentials})
        await hinted.world.work()
        assert (await hinted.link())["hints_until"] is not None

    async def test_the_poll_goes_on(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.add(None, "theirs.txt", b"theirs")
        hinted.world.clock.move(seconds=301)
        await hinted.world.work()
        assert await hinted.joined.here() == {"theirs.txt": b"theirs"}


class TestEnd:
    async def test_of_the_link(self, hinted: Hinted) -> None:
        await hinted.make()
        await hinted.joined.call("DELETE", f"/links/{hinted.joined.link_id}", 204)
        assert len(hinted.graph.subscriptions) == 1, "nobody waits for the other side"
        await hinted.world.work()
        assert hinted.graph.subscriptions == {}

    async def test_of_the_link_though_graph_is_away(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.fail("*", "", "reset", times=99)
        await hinted.joined.call("DELETE", f"/links/{hinted.joined.link_id}", 204)
        await hinted.world.work()
        async with hinted.world.parts.units.read(hinted.world.owner.actor) as unit:
            assert await unit.session.scalar(select(LinkRow.id)) is None
            assert await unit.session.scalar(select(JobRow.id).where(JobRow.kind == hints.UNSUBSCRIBE)) is None
        # What it still tells does nothing, and is answered as ever.
        hinted.graph.faults.clear()
        assert await hinted.graph.notify() == [202]

    async def test_while_it_is_paused(self, hinted: Hinted) -> None:
        await hinted.make()
        path = f"/links/{hinted.joined.link_id}"
        assert (await hinted.joined.call("PATCH", path, json={"paused": True}))["hints_until"] is None
        await hinted.world.work()
        assert hinted.graph.subscriptions == {}
        await hinted.joined.call("PATCH", path, json={"paused": False})
        await hinted.world.work()
        assert (await hinted.row()).subscription_id == only(hinted)["id"]

    async def test_paused_while_it_was_made(self, hinted: Hinted, monkeypatch: pytest.MonkeyPatch) -> None:
        real = hinted.graph._validate

        async def slow(where: str) -> None:
            await real(where)
            await hinted.joined.call("PATCH", f"/links/{hinted.joined.link_id}", json={"paused": True})

        await hinted.make(paused=True)
        monkeypatch.setattr(hinted.graph, "_validate", slow)
        await hinted.joined.call("PATCH", f"/links/{hinted.joined.link_id}", json={"paused": False})
        await hinted.world.work()
        assert (hinted.graph.subscriptions, (await hinted.row()).subscription_id) == ({}, None)


class TestNotifications:
    async def test_wake_the_link(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.add(None, "theirs.txt", b"theirs")
        await hinted.world.work()
        assert await hinted.joined.here() == {}
        assert await hinted.graph.notify() == [202]
        await hinted.world.work()
        assert await hinted.joined.here() == {"theirs.txt": b"theirs"}
        link = await hinted.row()
        assert (link.asked_at, link.promised) == (None, True)

    async def test_are_one_run_however_many(self, hinted: Hinted) -> None:
        await hinted.make()
        looked = len(hinted.graph.made("GET", "/delta"))
        assert await asyncio.gather(*(hinted.graph.notify() for _ in range(4))) == [[202]] * 4
        assert len(await runs(hinted)) == 1
        await hinted.world.work()
        assert len(hinted.graph.made("GET", "/delta")) == looked + 1

    async def test_in_the_middle_of_a_run_are_not_lost(self, hinted: Hinted, monkeypatch: pytest.MonkeyPatch) -> None:
        await hinted.make()
        told = tell_late(hinted, monkeypatch)
        await hinted.joined.call("POST", f"/links/{hinted.joined.link_id}/run")
        await hinted.world.work()
        assert await told[0] == [202]
        hinted.world.clock.move(seconds=6)
        await hinted.world.work()
        assert await hinted.joined.here() == {"late.txt": b"late"}

    async def test_do_not_hurry_a_link_that_has_to_wait(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.fail("GET", "/v1.0", 429, headers={"Retry-After": "120"}, code="activityLimitReached")
        assert (await hinted.joined.run())["trouble"] == "throttled"
        await hinted.graph.notify()
        assert await runs(hinted) == []
        assert (await hinted.row()).asked_at is not None

    async def test_in_the_middle_of_a_run_that_ends_a_failure(
        self, hinted: Hinted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await hinted.make()
        hinted.graph.fail("GET", "/v1.0", 503)
        assert (await hinted.joined.run())["trouble"] == "unreachable"
        told = tell_late(hinted, monkeypatch)
        hinted.world.clock.move(seconds=30)
        await hinted.world.work()
        assert await told[0] == [202]
        hinted.world.clock.move(seconds=6)
        await hinted.world.work()
        assert await hinted.joined.here() == {"late.txt": b"late"}

    async def test_missed(self, hinted: Hinted) -> None:
        await hinted.make()
        hinted.graph.add(None, "theirs.txt", b"theirs")
        assert await hinted.graph.notify(lifecycleEvent="missed") == [202]
        await hinted.world.work()
        assert await hinted.joined.here() == {"theirs.txt": b"theirs"}

    async def test_removed(self, hinted: Hinted) -> None:
        await hinted.make()
        old = only(hinted)["id"]
        assert await hinted.graph.notify(lifecycleEvent="subscriptionRemoved") == [202]
        assert (await hinted.link())["hints_until"] is None
        hinted.graph.subscriptions.clear()
        await hinted.world.work()
        assert (await hinted.row()).subscription_id == only(hinted)["id"] != old

    async def test_reauthorize(self, hinted: Hinted) -> None:
        await hinted.make()
        assert await hinted.graph.notify(lifecycleEvent="reauthorizationRequired") == [202]
        await hinted.world.work()
        assert len(hinted.graph.made("PATCH", "/subscriptions")) == 1
        assert len(hinted.graph.subscriptions) == 1

    async def test_after_the_key_was_changed(self, hinted: Hinted) -> None:
        await hinted.make()
        keys = [bytes(32), *hinted.world.parts.vault._keys()]
        hinted.world.app.state.vault = Vault(lambda: keys)
        await hinted.graph.notify()
        assert len(await runs(hinted)) == 1


class TestRefused:
    async def test_validation(self, hinted: Hinted) -> None:
        client = hinted.graph.client
        assert client is not None
        await hinted.make()
        token = "<b>ä & +%"
        answer = await client.post(hinted.hook, params={"validationToken": token})
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert answer.content == token.encode()
        assert answer.headers["x-content-type-options"] == "nosniff"
        for length, status in ((2000, 200), (2001, 422), (0, 422)):
            assert (await client.post(hinted.hook, params={"validationToken": "x" * length})).status_code == status
        unknown = f"{HOME}/api/v1/hooks/graph/{uuid4()}"
        assert (await client.post(unknown, params={"validationToken": token})).status_code == 404

    async def test_validation_of_a_link_with_something_else(self, hinted: Hinted) -> None:
        await hinted.joined.make()
        assert hinted.graph.client
        answer = await hinted.graph.client.post(hinted.hook, params={"validationToken": "x"})
        assert answer.status_code == 404

    async def test_what_is_not_from_graph(self, hinted: Hinted) -> None:
        """Nothing is changed, and nothing is told apart."""
        await hinted.make()
        client, before, good = hinted.graph.client, await state(hinted), only(hinted)
        assert client is not None
        mine = {"subscriptionId": good["id"], "clientState": good["clientState"]}
        forged: list[Any] = [
            {"value": [mine | {"clientState": "guessed"}]},
            {"value": [mine | {"clientState": good["clientState"].upper()}]},
            {"value": [mine | {"clientState": None}, mine | {"clientState": ""}, {"subscriptionId": good["id"]}]},
            {"value": [mine | {"subscriptionId": "another"}]},
            {"value": [mine | {"lifecycleEvent": "somethingNew"}]},
            {"value": mine},
            [mine],
            mine,
            None,
        ]
        bodies = [json.dumps(each).encode() for each in forged] + [b"", b"{", b"\xff", b"[" * 100_000]
        answers = [await client.post(hinted.hook, content=body) for body in bodies]
        unknown = f"{HOME}/api/v1/hooks/graph/{uuid4()}"
        answers += [await client.post(unknown, json={"value": [mine]})]
        assert {(answer.status_code, answer.content) for answer in answers} == {(202, b"")}
        huge = await client.post(hinted.hook, json={"value": [mine], "more": "x" * (1 << 18)})
        assert huge.status_code == 413
        assert await state(hinted) == before

    async def test_replayed(self, hinted: Hinted) -> None:
        """Of a subscription that the link has no longer: nothing. Of the present one: one more look at most."""
        await hinted.make()
        assert hinted.graph.client
        old = {"subscriptionId": only(hinted)["id"], "clientState": only(hinted)["clientState"]}
        await hinted.graph.notify(lifecycleEvent="subscriptionRemoved")
        hinted.graph.subscriptions.clear()
        await hinted.world.work()
        before = await state(hinted)
        for more in ({}, {"lifecycleEvent": "subscriptionRemoved"}, {"lifecycleEvent": "reauthorizationRequired"}):
            assert (await hinted.graph.client.post(hinted.hook, json={"value": [old | more]})).status_code == 202
        assert await state(hinted) == before

    async def test_the_database_is_away(self, hinted: Hinted, monkeypatch: pytest.MonkeyPatch) -> None:
        await hinted.make()

        async def away(*_: Any) -> None:
            raise Busy(retry_after=2)

        monkeypatch.setattr(Units, "run", away)
        assert await hinted.graph.notify() == [503]

    async def test_secrets_are_in_no_log(self, hinted: Hinted, capfd: pytest.CaptureFixture[str]) -> None:
        log.configure("json", "debug")
        try:
            await hinted.make()
            await hinted.graph.notify()
            hinted.graph.fail("*", "/subscriptions", 403, times=9)
            await hinted.graph.notify(lifecycleEvent="reauthorizationRequired")
            await hinted.world.work()
            await hinted.joined.call("DELETE", f"/links/{hinted.joined.link_id}", 204)
            state_ = only(hinted)["clientState"]
            await hinted.world.work()
        finally:
            log.configure("console", "error")
        told = "".join(capfd.readouterr())
        assert "link.hints_failed" in told and "link.subscription_left" in told
        for secret in (state_, CREDENTIALS.secret, *hinted.graph.tokens):
            assert secret not in told
