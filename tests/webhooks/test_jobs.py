"""Messages on their way: signed, at least once, in order per document, for days, and given up at the end."""

import asyncio
import base64
import hashlib
import hmac
from collections import Counter
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
import standardwebhooks
from aiohttp import web

from dossier.core import jobs, metrics
from dossier.core.actor import Actor
from dossier.core.outward import Outward
from dossier.core.units import Unit
from dossier.webhooks import jobs as sending
from dossier.webhooks import queries, turns
from dossier.webhooks import sending as sending_http
from dossier.webhooks.models import Webhook
from dossier.webhooks.sending import post
from tests.webhooks.hooks import PATH, Hooks, good
from tests.webhooks.receiver import Got, drip, hang, huge, reset, status

if TYPE_CHECKING:
    from tests.webhooks.receiver import Receiver

DAY = timedelta(days=1)


def signatures(secret: str, got: Got) -> str:
    """What a receiver that knows a secret works out, whatever the time."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.id}.{got.headers['webhook-timestamp']}.".encode() + got.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class TestSent:
    async def test_as_standard_webhooks_and_cloudevents_say(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        document = await hooks.document("Lease.txt")
        await hooks.work()
        (got,) = receiver.got
        verified = standardwebhooks.Webhook(hook["secret"]).verify(got.body, got.headers)
        assert verified == got.event
        assert got.headers["content-type"] == "application/cloudevents+json"
        event = got.event
        assert (event["specversion"], event["type"], event["id"]) == ("1.0", "document.added", got.id)
        assert event["subject"] == f"documents/{document}"
        assert event["source"] == f"urn:uuid:{hooks.world.owner.actor.workspace_id}"
        feed = await good(await hooks.client.get("/api/v1/events", params={"types": "document.added"}))
        assert event["data"] == feed["items"][0]
        assert (event["time"], event["datacontenttype"]) == (event["data"]["at"], "application/json")

    async def test_a_body_that_was_changed_on_the_way(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (got,) = receiver.got
        with pytest.raises(standardwebhooks.WebhookVerificationError):
            standardwebhooks.Webhook(hook["secret"]).verify(got.body + b" ", got.headers)

    async def test_no_more_than_is_wanted(self, hooks: Hooks, receiver: "Receiver") -> None:
        await hooks.add("version.added", "folder.*")
        document = await hooks.document("Lease.txt")
        await hooks.version(document)
        await good(await hooks.client.post("/api/v1/folders", json={"name": "F"}))
        await hooks.work()
        assert sorted(receiver.types) == ["folder.created", "version.added"]

    async def test_all_where_nothing_is_said(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add()
        await hooks.document("Lease.txt")
        await hooks.work()
        page = await good(await hooks.client.get("/api/v1/events", params={"limit": 200}))
        numbers = sorted(event["data"]["seq"] for event in receiver.events)
        assert numbers == [event["seq"] for event in page["items"] if event["seq"] >= numbers[0]]
        assert receiver.types[0] == "webhook.created"
        assert set(await hooks.states(hook)) == {"delivered"}

    async def test_nothing_from_before(self, hooks: Hooks, receiver: "Receiver") -> None:
        await hooks.document("Before.txt")
        await hooks.add("document.*")
        await hooks.document("After.txt")
        await hooks.work()
        assert [event["data"]["data"]["name"] for event in receiver.events] == ["After.txt"]

    async def test_to_every_endpoint_under_one_id(self, hooks: Hooks, receiver: "Receiver") -> None:
        one, two = await hooks.add("document.*"), await hooks.add("document.added")
        await hooks.document("Lease.txt")
        await hooks.work()
        assert len({got.id for got in receiver.got}) == 1
        assert len({got.headers["webhook-signature"] for got in receiver.got}) == 2
        assert [await hooks.states(hook) for hook in (one, two)] == [["delivered"], ["delivered"]]

    async def test_not_to_another_workspace(self, hooks: Hooks, receiver: "Receiver") -> None:
        await hooks.add("document.*")
        stranger = hooks.world.stranger.client
        await good(await stranger.post("/api/v1/documents", params={"name": "theirs.txt"}, content=b"x"))
        await hooks.work()
        assert receiver.got == []

    async def test_what_is_restricted_too_as_owners_see_it(self, hooks: Hooks, receiver: "Receiver") -> None:
        await hooks.add("document.added")
        folder = await good(await hooks.client.post("/api/v1/folders", json={"name": "Secret"}))
        await good(await hooks.client.put(f"/api/v1/folders/{folder['id']}/access", json={"grants": []}))
        query = {"name": "plan.txt", "folder_id": folder["id"]}
        await good(await hooks.client.post("/api/v1/documents", params=query, content=b"x"))
        await hooks.work()
        assert receiver.types == ["document.added"]

    async def test_not_while_inactive(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*", active=False)
        await hooks.document("Lease.txt")
        await hooks.work()
        assert (receiver.got, await hooks.states(hook)) == ([], [])

    async def test_the_log_says_what_was_sent_and_what_came(self, hooks: Hooks, receiver: "Receiver") -> None:
        receiver.answer = status(202, "taken", X_Request_Id="r-1", Set_Cookie="a=b")
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        delivery = await hooks.delivery(hook)
        (got,) = receiver.got
        assert (delivery["state"], delivery["attempts"], delivery["message_id"]) == ("delivered", 1, got.id)
        assert delivery["body"].encode() == got.body
        (tried,) = delivery["tries"]
        assert (tried["status"], tried["error"], tried["answer"]) == (202, None, "taken")
        assert tried["answer_headers"]["x-request-id"] == "r-1"
        assert "set-cookie" not in tried["answer_headers"]
        assert {name: got.headers[name.lower()] for name in tried["request_headers"]} == tried["request_headers"]
        assert hook["secret"].removeprefix("whsec_") not in str(delivery)


class TestRetried:
    @pytest.mark.parametrize("code", [300, 302, 307, 400, 401, 404, 408, 429, 500, 503])
    async def test_any_answer_but_2xx(self, hooks: Hooks, receiver: "Receiver", code: int) -> None:
        receiver.answer = status(code, "no", Location=receiver.url)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        assert len(receiver.got) == 1, "a redirect is not followed, and nothing comes before its time"
        delivery = await hooks.delivery(hook)
        assert (delivery["state"], delivery["tries"][0]["status"]) == ("waiting", code)
        assert (await hooks.get(hook))["failing_since"] is not None
        receiver.answer = None
        await hooks.later(seconds=6)
        assert await hooks.states(hook) == ["delivered"]
        assert len({got.id for got in receiver.got}) == 1, "the same id each time"
        assert (await hooks.get(hook))["failing_since"] is None

    @pytest.mark.parametrize("answer", [reset, hang])
    async def test_no_answer(
        self, hooks: Hooks, receiver: "Receiver", answer: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        session = Outward.session
        monkeypatch.setattr(Outward, "session", lambda self: session(self, whole=0.4))
        receiver.answer = answer
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (tried,) = (await hooks.delivery(hook))["tries"]
        assert tried["status"] is None
        assert tried["error"] in ("No answer in time.", "It broke the connection.")
        receiver.answer = None
        await hooks.later(seconds=6)
        assert await hooks.states(hook) == ["delivered"]

    async def test_a_huge_answer_is_read_no_further_than_needed(self, hooks: Hooks, receiver: "Receiver") -> None:
        receiver.answer = huge
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await asyncio.wait_for(hooks.work(), 5)
        delivery = await hooks.delivery(hook)
        assert (delivery["state"], delivery["tries"][0]["answer"]) == ("delivered", "x" * 4096)

    async def test_an_answer_that_drips_is_one_by_its_status(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sending_http, "BODY_SECONDS", 0.3)
        receiver.answer = drip
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await asyncio.wait_for(hooks.work(), 5)
        delivery = await hooks.delivery(hook)
        assert (delivery["state"], delivery["attempts"]) == ("delivered", 1)
        assert set(delivery["tries"][0]["answer"]) == {"."}

    async def test_nobody_listens(self, hooks: Hooks) -> None:
        hook = await hooks.add("document.*", url="http://127.0.0.1:9/hook")
        await hooks.document("Lease.txt")
        await hooks.work()
        (tried,) = (await hooks.delivery(hook))["tries"]
        assert (tried["status"], tried["error"]) == (None, "It cannot be reached.")

    async def test_the_pauses(self, hooks: Hooks, receiver: "Receiver") -> None:
        """Each try comes when its pause is over and not before; after the last one it is given up: three days in all."""
        receiver.answer = status(500)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        begun = hooks.world.clock()
        for tries, pause in enumerate(turns.PAUSES, 1):
            await hooks.work()
            assert len(receiver.got) == tries
            await hooks.later(seconds=pause.total_seconds() * 0.85)
            assert len(receiver.got) == tries, f"too early after {tries}"
            hooks.world.clock.move(seconds=pause.total_seconds() * 0.3)
        await hooks.work()
        assert len(receiver.got) == len(turns.PAUSES) + 1
        assert await hooks.states(hook) == ["failed"]
        assert 2 * DAY < hooks.world.clock() - begun < 4.5 * DAY
        await hooks.later(days=2)
        assert len(receiver.got) == len(turns.PAUSES) + 1

    @pytest.mark.parametrize(("asked", "waits"), [("120", 120), ("99999999", 86_400), ("1", 5)])
    async def test_retry_after(self, hooks: Hooks, receiver: "Receiver", asked: str, waits: int) -> None:
        receiver.answer = status(503, Retry_After=asked)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (waiting,) = await hooks.deliveries(hook)
        wait = datetime.fromisoformat(waiting["next_at"]) - hooks.world.clock()
        assert waits * 0.8 < wait.total_seconds() < waits * 1.2

    async def test_retry_after_a_date(self, hooks: Hooks, receiver: "Receiver") -> None:
        at = (hooks.world.clock() + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        receiver.answer = status(429, Retry_After=at)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (waiting,) = await hooks.deliveries(hook)
        wait = datetime.fromisoformat(waiting["next_at"]) - hooks.world.clock()
        assert 3500 < wait.total_seconds() < 3700

    async def test_who_does_not_answer_rests_as_a_whole(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
        """A receiver that is dead costs one round of tries at a time, and not one for each of what waits for it."""
        monkeypatch.setattr(turns, "BATCH", 2)
        hook = await hooks.add("document.*", url="http://127.0.0.1:9/hook")
        for number in range(6):
            await hooks.document(f"{number}.txt")
        await hooks.work()
        assert sum(each["attempts"] for each in await hooks.deliveries(hook)) == 2
        await hooks.later(seconds=6)
        assert sum(each["attempts"] for each in await hooks.deliveries(hook)) == 4

    async def test_an_address_that_leads_inside_by_now(self, hooks: Hooks, receiver: "Receiver") -> None:
        """Judged when it is sent, whatever was judged when it was typed."""
        hook = await hooks.add("document.*")
        hooks.world.parts.outward.allow = ()
        await hooks.document("Lease.txt")
        await hooks.work()
        (tried,) = (await hooks.delivery(hook))["tries"]
        assert (receiver.got, tried["error"]) == ([], "It leads to where nothing may be sent.")


class TestOrder:
    async def test_of_one_document(self, hooks: Hooks, receiver: "Receiver") -> None:
        """What comes later waits for what came before, while other documents go on."""
        stuck = await hooks.document("Stuck.txt")
        hook = await hooks.add("version.added", "document.*")

        async def answer(_request: web.Request) -> web.Response:
            about = receiver.events[-1]["subject"]
            return web.Response(status=500 if about == f"documents/{stuck}" else 204)

        receiver.answer = answer
        for _ in range(3):
            await hooks.version(stuck)
        others = [await hooks.document(f"{number}.txt") for number in range(10)]
        await hooks.work()
        counted = Counter(event["subject"] for event in receiver.events)
        assert counted == {f"documents/{id_}": 1 for id_ in [stuck, *others]}
        assert Counter(await hooks.states(hook)) == {"waiting": 3, "delivered": 10}
        assert [each["next_at"] is None for each in await hooks.deliveries(hook, state="waiting")] == [
            False,
            True,
            True,
        ]
        receiver.clear()
        receiver.answer = None
        await hooks.later(seconds=6)
        assert [event["data"]["data"]["number"] for event in receiver.events] == [2, 3, 4]
        assert set(await hooks.states(hook)) == {"delivered"}

    async def test_goes_on_behind_what_was_given_up(self, hooks: Hooks, receiver: "Receiver") -> None:
        document = await hooks.document("Lease.txt")
        hook = await hooks.add("version.added")
        await hooks.version(document)
        await hooks.version(document)
        receiver.answer = status(500)
        await hooks.work()
        for pause in turns.PAUSES:
            await hooks.later(seconds=pause.total_seconds() * 1.2)
        assert await hooks.states(hook) == ["failed", "waiting"]
        receiver.answer = None
        await hooks.later(seconds=10)
        assert await hooks.states(hook) == ["failed", "delivered"]

    async def test_many_events_by_many_workers(self, hooks: Hooks, receiver: "Receiver") -> None:
        documents = [await hooks.document(f"{number}.txt") for number in range(3)]
        hook = await hooks.add("version.added")

        async def answer(_request: web.Request) -> web.Response:
            await asyncio.sleep(0.01)
            return web.Response()

        receiver.answer = answer
        for _ in range(4):
            for document in documents:
                await hooks.version(document)
            await hooks.worker().follow()
        await asyncio.gather(*(hooks.worker().work() for _ in range(3)))
        await hooks.work()
        assert set(await hooks.states(hook)) == {"delivered"}
        for document in documents:
            mine = [e["data"]["data"]["number"] for e in receiver.events if e["subject"] == f"documents/{document}"]
            assert mine == [2, 3, 4, 5], "each once, in order"

    async def test_a_turn_that_is_over_goes_on_in_another(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """So that a busy endpoint leaves workers to other work."""
        monkeypatch.setattr(turns, "BATCH", 1)
        monkeypatch.setattr(sending, "TURN_SECONDS", 0.0)
        hook = await hooks.add("document.*")
        for number in range(3):
            await hooks.document(f"{number}.txt")
        worker = hooks.worker()
        await worker.follow()
        for sent in range(1, 4):
            job = await worker._claim()
            assert job is not None
            await worker._run(job)
            assert len(receiver.got) == sent
        assert await hooks.states(hook) == ["delivered"] * 3


class TestAtLeastOnce:
    async def test_a_worker_that_is_cut_off_while_it_sends(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        reached = asyncio.Event()

        async def answer(request: web.Request) -> web.StreamResponse:
            reached.set()
            return await hang(request)

        receiver.answer = answer
        worker = hooks.worker()
        await worker.follow()
        working = asyncio.create_task(worker.work())
        await asyncio.wait_for(reached.wait(), 10)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        receiver.answer = None
        await hooks.work()
        assert len(receiver.got) == 1, "while it may still be under way it is not sent beside it"
        await hooks.later(seconds=61)
        assert [got.id for got in receiver.got] == [receiver.got[0].id] * 2
        assert await hooks.states(hook) == ["delivered"]

    async def test_a_worker_that_dies_between_promise_and_sending(self, hooks: Hooks, receiver: "Receiver") -> None:
        """Killed, it gives nothing back: its lease runs out, and another takes the job."""
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        dead = hooks.worker()
        await dead.follow()
        assert await dead._claim() is not None
        await hooks.work()
        assert receiver.got == []
        await hooks.later(seconds=61)
        assert await hooks.states(hook) == ["delivered"]

    async def test_a_worker_that_dies_between_answer_and_note(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")

        async def die(*_: Any) -> None:
            raise RuntimeError("killed")

        with monkeypatch.context() as patch:
            patch.setattr(turns, "settle", die)
            await hooks.work()
        assert len(receiver.got) == 1
        await hooks.later(seconds=65)
        await hooks.later(seconds=65)
        assert [got.id for got in receiver.got] == [receiver.got[0].id] * 2
        assert await hooks.states(hook) == ["delivered"]

    async def test_jobs_that_died_for_good_are_promised_again(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.worker().follow()
        await lose_jobs(hooks)
        await hooks.later(minutes=11)
        assert receiver.got == []
        await sweep(hooks)
        await hooks.work()
        assert await hooks.states(hook) == ["delivered"]

    async def test_a_late_answer_of_a_try_that_was_overtaken(self, hooks: Hooks, receiver: "Receiver") -> None:
        """A failure that comes after the next try has begun changes nothing; a success ends it."""
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        worker, parts = hooks.worker(), hooks.world.parts
        await worker.follow()
        system = Actor.system(hooks.world.owner.actor.workspace_id)
        id_ = (await row(hooks, hook)).id
        (first,) = await parts.units.run(system, lambda unit: turns.take(unit, id_, parts.vault))
        hooks.world.clock.move(seconds=61)
        (second,) = await parts.units.run(system, lambda unit: turns.take(unit, id_, parts.vault))
        assert (first.attempt, second.attempt) == (1, 2)
        async with parts.outward.session() as session:
            receiver.answer = status(500)
            failed = await post(session, first, parts.clock)
            receiver.answer = None
            done = await post(session, second, parts.clock)
        (before,) = await hooks.deliveries(hook)
        await parts.units.run(system, lambda unit: turns.settle(unit, id_, first, failed))
        assert await hooks.deliveries(hook) == [before]
        assert (before["state"], before["attempts"]) == ("waiting", 2)
        await parts.units.run(system, lambda unit: turns.settle(unit, id_, first, done))
        assert await hooks.states(hook) == ["delivered"]
        await parts.units.run(system, lambda unit: turns.settle(unit, id_, second, failed))
        assert await hooks.states(hook) == ["delivered"]
        assert (await hooks.get(hook))["failing_since"] is None
        assert len((await hooks.delivery(hook))["tries"]) == 3, "the log has them all"


class TestDisabled:
    async def test_by_410(self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch) -> None:
        mails = caught(hooks, monkeypatch)
        receiver.answer = status(410)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        await hooks.document("Next.txt")
        await hooks.later(days=1)
        assert len(receiver.got) == 1, "nothing more comes"
        now = await hooks.get(hook)
        assert (now["active"], now["disabled_reason"]) == (False, "gone")
        assert await hooks.states(hook) == ["failed"]
        (event,) = (await good(await hooks.client.get("/api/v1/events", params={"types": "webhook.disabled"})))["items"]
        assert event["data"] == {"webhook_id": hook["id"], "host": "127.0.0.1", "reason": "gone"}
        assert [to for to, _ in mails] == ["owner@example.com"]
        assert "127.0.0.1" in mails[0][1] and "410" in mails[0][1] and receiver.url not in mails[0][1]

    async def test_after_five_days_of_failures(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mails = caught(hooks, monkeypatch)
        receiver.answer = status(500)
        hook = await hooks.add("document.*")
        for day in range(6):
            assert (await hooks.get(hook))["active"], f"day {day}"
            await hooks.document(f"{day}.txt")
            await hooks.work()
            await hooks.later(hours=23.9)
        now = await hooks.get(hook)
        assert (now["active"], now["disabled_reason"]) == (False, "failing")
        assert len(mails) == 1
        assert "waiting" in await hooks.states(hook), "what waits is kept"

    async def test_not_while_something_gets_through(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        for day in range(8):
            receiver.answer = status(500) if day % 2 else None
            await hooks.document(f"{day}.txt")
            await hooks.work()
            await hooks.later(hours=23.9)
        assert (await hooks.get(hook))["active"]

    async def test_after_twenty_given_up_in_a_row(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turns, "PAUSES", [timedelta(seconds=1)])
        receiver.answer = status(500)
        hook = await hooks.add("document.*")
        for number in range(20):
            await hooks.document(f"{number}.txt")
        await hooks.work()
        assert (await hooks.get(hook))["active"]
        await hooks.later(seconds=3)
        assert (await hooks.get(hook))["disabled_reason"] == "failing"

    async def test_made_active_again(self, hooks: Hooks, receiver: "Receiver") -> None:
        """What waited is sent, and what happened in the meantime comes by a replay."""
        hook = await hooks.add("document.*")
        receiver.answer = status(500)
        await hooks.document("Waits.txt")
        await hooks.work()
        receiver.answer = status(410)
        await hooks.document("Ends.txt")
        await hooks.work()
        receiver.clear()
        receiver.answer = None
        await hooks.document("Meanwhile.txt")
        await hooks.later(days=1)
        assert receiver.got == []
        now = await good(await hooks.client.patch(f"{PATH}/{hook['id']}", json={"active": True}))
        assert (now["disabled_at"], now["disabled_reason"], now["failing_since"]) == (None, None, None)
        await hooks.work()
        assert [event["data"]["data"]["name"] for event in receiver.events] == ["Waits.txt"]

    async def test_word_only_to_who_is_an_owner_still(
        self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """And none where it works again by then."""
        mails = caught(hooks, monkeypatch)
        receiver.answer = status(410)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        worker = hooks.worker()
        await worker.follow()
        job = await worker._claim()
        assert job is not None
        await worker._run(job)
        await good(await hooks.client.patch(f"{PATH}/{hook['id']}", json={"active": True}))
        await worker.work()
        assert mails == []


class TestSweep:
    async def test_after_thirty_days(self, hooks: Hooks) -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Old.txt")
        await hooks.work()
        hooks.world.clock.move(days=20)
        await hooks.document("New.txt")
        await hooks.work()
        await sweep(hooks)
        assert len(await hooks.deliveries(hook)) == 2
        hooks.world.clock.move(days=11)
        await sweep(hooks)
        (left,) = await hooks.deliveries(hook)
        assert '"New.txt"' in (await hooks.delivery(hook))["body"]
        assert left["state"] == "delivered"

    async def test_what_could_not_be_sent_lets_the_next_one_go(self, hooks: Hooks, receiver: "Receiver") -> None:
        """An endpoint that was inactive for a month: what is too old is given up, and holds up nothing."""
        document = await hooks.document("Lease.txt")
        hook = await hooks.add("version.added")
        for _ in range(2):
            await hooks.version(document)
        await hooks.worker().follow()
        hooks.world.clock.move(days=25)
        await hooks.version(document)
        await hooks.worker().follow()
        path = f"{PATH}/{hook['id']}"
        await good(await hooks.client.patch(path, json={"active": False}))
        await hooks.later(days=6)
        await sweep(hooks)
        assert await hooks.states(hook) == ["waiting"]
        await good(await hooks.client.patch(path, json={"active": True}))
        await hooks.work()
        assert [event["data"]["data"]["number"] for event in receiver.events] == [4]

    async def test_a_job_that_died_for_good_does_not_keep_new_events_waiting(self, hooks: Hooks) -> None:
        hook = await hooks.add("document.*")
        await hooks.document("One.txt")
        await hooks.worker().follow()
        await lose_jobs(hooks)
        hooks.world.clock.move(minutes=11)
        await hooks.document("Two.txt")
        await hooks.work()
        assert await hooks.states(hook) == ["delivered", "delivered"]


class TestNumbers:
    async def test_tries_and_the_oldest(self, hooks: Hooks, receiver: "Receiver") -> None:
        def count(outcome: str) -> float:
            return metrics.REGISTRY.get_sample_value("dossier_webhook_tries_total", {"outcome": outcome}) or 0

        before = {name: count(name) for name in ("delivered", "failed", "given_up", "gone")}
        hook = await hooks.add("document.*")
        await hooks.document("One.txt")
        await hooks.work()
        receiver.answer = status(500)
        await hooks.document("Two.txt")
        await hooks.work()
        hooks.world.clock.move(hours=1)
        assert 3590 < await oldest(hooks) < 3700
        receiver.answer = status(410)
        await hooks.work()
        assert {name: count(name) - before[name] for name in before} == {
            "delivered": 1,
            "failed": 1,
            "given_up": 0,
            "gone": 1,
        }
        assert await oldest(hooks) == 0
        assert await hooks.states(hook) == ["delivered", "failed"]


async def oldest(hooks: Hooks) -> float:
    """The gauge, read anew."""
    async with hooks.world.parts.units.read(Actor.system(hooks.world.owner.actor.workspace_id)) as unit:
        await sending.gather(unit)
    value = metrics.REGISTRY.get_sample_value("dossier_webhook_oldest_seconds")
    assert value is not None
    return value


async def sweep(hooks: Hooks) -> None:
    """The hourly round."""

    async def promise(unit: Unit) -> None:
        unit.defer("webhooks.sweep")

    await hooks.world.parts.units.run(hooks.world.owner.actor, promise)
    await hooks.worker().work()


async def lose_jobs(hooks: Hooks) -> None:
    """As if they had died for good."""

    async def lose(unit: Unit) -> None:
        for job in await jobs.list_(unit.session, unit.workspace_id):
            if job.kind == "webhooks.send":
                await unit.session.delete(job)

    await hooks.world.parts.units.run(hooks.world.owner.actor, lose)


async def row(hooks: Hooks, hook: Any) -> Webhook:
    """The row of an endpoint."""
    async with hooks.world.parts.units.read(hooks.world.owner.actor) as unit:
        found = await queries.webhook(unit, UUID(hook["id"]))
    assert found is not None
    return found


def caught(hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The mails from now on: to whom, and what."""
    mails: list[tuple[str, str]] = []

    async def send(to: str, subject: str, text: str) -> None:
        mails.append((to, f"{subject}\n{text}"))

    monkeypatch.setattr(hooks.world.parts.mail, "send", send)
    return mails
