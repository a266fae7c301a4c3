"""Webhooks over HTTP: who may, what is refused, rotation, the log, sending again, and tests."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
import standardwebhooks
from sqlalchemy import text

from dossier.core.outward import Outward
from dossier.webhooks import deliveries, service
from tests.webhooks.hooks import API, PATH, Hooks, good
from tests.webhooks.receiver import hang, reset, status

if TYPE_CHECKING:
    from tests.webhooks.receiver import Receiver

GOOD = "https://8.8.8.8/hook"


def signed_by(secret: str, got: Any) -> bool:
    """Whether a receiver that has this secret believes a message."""
    try:
        standardwebhooks.Webhook(secret).verify(got.body, got.headers)
    except standardwebhooks.WebhookVerificationError:
        return False
    return True


class TestCreate:
    async def test_its_secret_is_shown_this_once(self, hooks: Hooks) -> None:
        answer = await hooks.client.post(PATH, json={"url": GOOD, "description": "DMS", "types": ["task.*", "task.*"]})
        made = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{PATH}/{made['id']}"
        assert answer.headers["etag"] == f'"{made["etag"]}"'
        secret = made.pop("secret")
        assert secret.startswith("whsec_")
        assert len(standardwebhooks.Webhook(secret)._whsecret) == 32
        assert made["types"] == ["task.*"]
        assert made["created_by"] == {"id": str(hooks.world.owner.member_id), "name": "Owner"}
        for answer in (
            await hooks.client.get(f"{PATH}/{made['id']}"),
            await hooks.client.get(PATH),
            await hooks.client.patch(f"{PATH}/{made['id']}", json={"description": "x"}),
            await hooks.client.get(f"{API}/events"),
        ):
            assert secret not in answer.text and "whsec_" not in answer.text

    async def test_the_secret_lies_encrypted(self, hooks: Hooks) -> None:
        made = await hooks.add()
        parts = hooks.world.parts
        key = standardwebhooks.Webhook(made["secret"])._whsecret
        async with parts.database.reader.connect() as connection:
            (box,) = (await connection.execute(text("SELECT secret FROM webhooks"))).one()
        assert key not in box
        assert parts.vault.open(box, f"webhooks/{made['id']}".encode()) == key

    async def test_with_a_key_it_is_done_once_and_told_once(self, hooks: Hooks) -> None:
        answers = [
            await hooks.client.post(PATH, json={"url": GOOD}, headers={"Idempotency-Key": "k"}) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [201, 409]
        assert answers[1].json()["code"] == "already_done"
        assert len((await good(await hooks.client.get(PATH)))["items"]) == 1

    @pytest.mark.parametrize(
        "url",
        [
            *("http://127.0.0.9.example/", "https://user:word@8.8.8.8/", "ftp://8.8.8.8/", "https://8.8.8.8/#x", "x"),
            *("https://10.0.0.1/", "https://0x0a000001/", "https://[::ffff:10.0.0.1]/", "https://169.254.169.254/"),
            "https://8.8.8.8/" + "ä" * 700,
        ],
    )
    async def test_addresses_that_nothing_is_sent_to(self, hooks: Hooks, url: str) -> None:
        hooks.world.parts.outward.http = False
        answer = await hooks.client.post(PATH, json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "address_not_allowed")
        assert answer.json()["fields"].keys() == {"url"}
        made = await good(await hooks.client.post(PATH, json={"url": GOOD}))
        answer = await hooks.client.patch(f"{PATH}/{made['id']}", json={"url": url})
        assert (answer.status_code, answer.json()["code"]) == (422, "address_not_allowed")

    async def test_a_name_that_leads_inside(self, hooks: Hooks) -> None:
        async def lookup(_host: str, _port: int) -> list[str]:
            return ["10.0.0.7"]

        hooks.world.parts.outward.lookup = lookup
        answer = await hooks.client.post(PATH, json={"url": "https://dms.example/"})
        assert (answer.status_code, answer.json()["code"]) == (422, "address_not_allowed")

    async def test_a_host_that_is_written_in_another_script(self, hooks: Hooks, receiver: "Receiver") -> None:
        async def lookup(host: str, _port: int) -> list[str]:
            assert host == "xn--bcher-kva.example"
            return ["127.0.0.1"]

        hooks.world.parts.outward.lookup = lookup
        await hooks.add("document.*", url=receiver.url.replace("127.0.0.1", "bücher.example"))
        await hooks.document("Lease.txt")
        await hooks.work()
        assert receiver.got[0].headers["host"].startswith("xn--bcher-kva.example:")

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"url": None},
            {"url": 7},
            {"url": ""},
            {"url": "https://8.8.8.8/" + "a" * 2048},
            {"url": GOOD, "types": ["document"]},
            {"url": GOOD, "types": ["*"]},
            {"url": GOOD, "types": ["document.vanished"]},
            {"url": GOOD, "types": ["nothing.*"]},
            {"url": GOOD, "types": "document.*"},
            {"url": GOOD, "types": [7]},
            {"url": GOOD, "types": ["document.*"] * 101},
            {"url": GOOD, "active": "yes"},
            {"url": GOOD, "active": 1},
            {"url": GOOD, "description": "x" * 501},
            {"url": GOOD, "secret": "whsec_AAAA"},
            {"url": GOOD, "workspace_id": str(uuid4())},
        ],
    )
    async def test_wrong_fields(self, hooks: Hooks, body: Any) -> None:
        answer = await hooks.client.post(PATH, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")

    async def test_no_more_than_fifty(self, hooks: Hooks, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MOST", 2)
        for _ in range(2):
            await hooks.add()
        answer = await hooks.client.post(PATH, json={"url": GOOD})
        assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")


class TestWho:
    async def test_owners_of_the_workspace_alone(self, hooks: Hooks) -> None:
        """403 for who is here and no owner, 404 for who is elsewhere; nothing is sent and nothing changes."""
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        one = f"{PATH}/{hook['id']}"
        delivery = f"{one}/deliveries/{(await hooks.deliveries(hook))[0]['id']}"
        hooks.receiver.clear()
        world = hooks.world
        here = [(world.viewer.client, 403), (world.editor.client, 403)]
        for client, wanted in [*here, (world.stranger.client, 404), (world.anonymous, 401)]:
            answers = [
                *[await client.get(path) for path in (one, f"{one}/deliveries", delivery)],
                await client.patch(one, json={"active": False}),
                await client.delete(one),
                *[await client.post(f"{path}") for path in (f"{one}/rotate", f"{one}/test", f"{delivery}/replay")],
                await client.post(f"{one}/replay", json={"after": 0, "before": 9}),
            ]
            assert {answer.status_code for answer in answers} == {wanted}
        assert (await world.viewer.client.get(PATH)).status_code == 403
        assert (await world.editor.client.post(PATH, json={"url": "https://10.0.0.1/"})).status_code == 403
        assert (await good(await world.stranger.client.get(PATH)))["items"] == []
        await hooks.work()
        assert hooks.receiver.got == []
        assert (await hooks.get(hook))["etag"] == "1"

    async def test_forged_ids(self, hooks: Hooks) -> None:
        """A delivery belongs to its webhook, and a webhook to its workspace."""
        one, two = await hooks.add("document.*"), await hooks.add("task.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        id_ = (await hooks.deliveries(one))[0]["id"]
        for path in (f"{two['id']}/deliveries/{id_}", f"{one['id']}/deliveries/{uuid4()}"):
            assert (await hooks.client.get(f"{PATH}/{path}")).json()["code"] == "delivery_not_found"
            assert (await hooks.client.post(f"{PATH}/{path}/replay")).json()["code"] == "delivery_not_found"
        assert (await hooks.client.get(f"{PATH}/{uuid4()}")).json()["code"] == "webhook_not_found"
        theirs = await good(await hooks.world.stranger.client.post(PATH, json={"url": hooks.receiver.url}))
        path = f"{PATH}/{theirs['id']}/deliveries/{id_}"
        assert (await hooks.world.stranger.client.get(path)).json()["code"] == "delivery_not_found"
        assert (await hooks.client.get(f"{PATH}/{theirs['id']}")).json()["code"] == "webhook_not_found"
        assert (await hooks.client.get(f"{PATH}/x")).status_code == 422


class TestUpdate:
    async def test_what_is_given(self, hooks: Hooks) -> None:
        hook = await hooks.add("document.*")
        changed = await good(await hooks.client.patch(f"{PATH}/{hook['id']}", json={"types": [], "description": "x"}))
        assert (changed["types"], changed["description"], changed["url"]) == ([], "x", hook["url"])
        same = await good(await hooks.client.patch(f"{PATH}/{hook['id']}", json={"types": [], "url": None}))
        assert same["etag"] == changed["etag"] != hook["etag"]
        events = await good(await hooks.client.get(f"{API}/events", params={"types": "webhook.updated"}))
        assert [event["data"]["changed"] for event in events["items"]] == [["description", "types"]]

    async def test_if_match(self, hooks: Hooks) -> None:
        hook = await hooks.add()
        path = f"{PATH}/{hook['id']}"
        await good(await hooks.client.patch(path, json={"description": "x"}, headers={"If-Match": '"1"'}))
        for answer in (
            await hooks.client.patch(path, json={"description": "y"}, headers={"If-Match": '"1"'}),
            await hooks.client.delete(path, headers={"If-Match": '"1"'}),
        ):
            assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")

    async def test_paused_and_on_again(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        path = f"{PATH}/{hook['id']}"
        await hooks.document("Promised.txt")
        await hooks.worker().follow()
        await good(await hooks.client.patch(path, json={"active": False}))
        await hooks.document("Paused.txt")
        await hooks.work()
        assert receiver.got == []
        await good(await hooks.client.patch(path, json={"active": True}))
        await hooks.document("On.txt")
        await hooks.work()
        assert [event["data"]["data"]["name"] for event in receiver.events] == ["Promised.txt", "On.txt"]

    async def test_to_another_address(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*", url="http://127.0.0.1:9/hook")
        await hooks.document("Lease.txt")
        await hooks.work()
        await good(await hooks.client.patch(f"{PATH}/{hook['id']}", json={"url": receiver.url}))
        await hooks.later(seconds=6)
        assert receiver.types == ["document.added"]


class TestDelete:
    async def test_nothing_more_is_sent_and_nothing_left(self, hooks: Hooks, receiver: "Receiver") -> None:
        receiver.answer = status(500)
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        assert (await hooks.client.delete(f"{PATH}/{hook['id']}")).status_code == 204
        await hooks.document("Next.txt")
        await hooks.later(days=1)
        assert len(receiver.got) == 1
        assert (await hooks.client.get(f"{PATH}/{hook['id']}")).status_code == 404
        async with hooks.world.parts.database.reader.connect() as connection:
            for table in ("webhooks", "webhook_deliveries", "webhook_attempts"):
                assert (await connection.exec_driver_sql(f"SELECT COUNT(*) FROM {table}")).scalar() == 0

    async def test_while_it_is_sent(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")

        async def answer(_request: Any) -> Any:
            await good(await hooks.client.delete(f"{PATH}/{hook['id']}"))
            return await status(204)(_request)

        receiver.answer = answer
        await hooks.work()
        assert len(receiver.got) == 1


class TestRotate:
    async def test_the_old_secret_signs_beside_the_new_one_for_a_day(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        answer = await good(await hooks.client.post(f"{PATH}/{hook['id']}/rotate"))
        new, until = answer["secret"], datetime.fromisoformat(answer["previous_secret_until"])
        assert until - hooks.world.clock() > timedelta(hours=23.9)
        await hooks.document("One.txt")
        await hooks.work()
        assert new != hook["secret"]
        assert [signed_by(secret, receiver.got[0]) for secret in (hook["secret"], new)] == [True, True]
        first, second = receiver.got[0].headers["webhook-signature"].split(" ")
        assert first.startswith("v1,") and second.startswith("v1,") and first != second
        hooks.world.clock.move(hours=25)
        await hooks.document("Two.txt")
        await hooks.work()
        assert " " not in receiver.got[1].headers["webhook-signature"]
        assert (await hooks.get(hook))["previous_secret_until"] is None

    async def test_without_overlap(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        path = f"{PATH}/{hook['id']}/rotate"
        answer = await good(await hooks.client.post(path, json={"overlap_hours": 0}))
        await hooks.document("One.txt")
        await hooks.work()
        assert [signed_by(secret, receiver.got[0]) for secret in (hook["secret"], answer["secret"])] == [False, True]

    async def test_twice_leaves_the_last_two(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        path = f"{PATH}/{hook['id']}/rotate"
        two, three = [(await good(await hooks.client.post(path)))["secret"] for _ in range(2)]
        await hooks.document("One.txt")
        await hooks.work()
        believed = [signed_by(secret, receiver.got[0]) for secret in (hook["secret"], two, three)]
        assert believed == [False, True, True]

    @pytest.mark.parametrize("hours", [-1, 169, 1.5, "24", None, True])
    async def test_wrong_overlaps(self, hooks: Hooks, hours: Any) -> None:
        hook = await hooks.add()
        answer = await hooks.client.post(f"{PATH}/{hook['id']}/rotate", json={"overlap_hours": hours})
        assert answer.status_code == 422


class TestLog:
    async def test_by_state_and_by_pages(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        for number in range(4):
            await hooks.document(f"{number}.txt")
        await hooks.work()
        receiver.answer = status(410)
        await hooks.document("4.txt")
        await hooks.work()
        seqs = [each["seq"] for each in await hooks.deliveries(hook)]
        assert seqs == sorted(seqs)
        counted = {
            state: len(await hooks.deliveries(hook, state=state)) for state in ("waiting", "delivered", "failed")
        }
        assert counted == {"waiting": 0, "delivered": 4, "failed": 1}
        for query in ({"state": "queued"}, {"limit": 0}, {"limit": 201}, {"after": "x"}):
            assert (await hooks.client.get(f"{PATH}/{hook['id']}/deliveries", params=query)).status_code == 422


class TestReplay:
    async def test_one_under_its_old_id(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        (first,) = await hooks.deliveries(hook)
        path = f"{PATH}/{hook['id']}/deliveries/{first['id']}/replay"
        answer = await hooks.client.post(path)
        assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (202, "waiting", 0)
        await hooks.work()
        assert len({(got.id, got.body) for got in receiver.got}) == 1
        assert len(receiver.got) == 2
        assert await hooks.states(hook) == ["delivered", "delivered"]

    async def test_with_a_key_once(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add("document.*")
        await hooks.document("Lease.txt")
        await hooks.work()
        path = f"{PATH}/{hook['id']}/deliveries/{(await hooks.deliveries(hook))[0]['id']}/replay"
        answers = [await hooks.client.post(path, headers={"Idempotency-Key": "k"}) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        await hooks.work()
        assert len(receiver.got) == 2

    async def test_a_range_of_the_feed(self, hooks: Hooks, receiver: "Receiver", monkeypatch: Any) -> None:
        """Also from before the endpoint was there; in order, and only what it wants."""
        monkeypatch.setattr(deliveries, "PAGE", 3)
        document = await hooks.document("Lease.txt")
        for _ in range(4):
            await hooks.version(document)
        await good(await hooks.client.post(f"{API}/folders", json={"name": "F"}))
        feed = (await good(await hooks.client.get(f"{API}/events", params={"limit": 200})))["items"]
        hook = await hooks.add("version.*", "document.*")
        first, last = feed[0]["seq"], feed[-1]["seq"]
        answer = await hooks.client.post(f"{PATH}/{hook['id']}/replay", json={"after": first - 1, "before": last + 100})
        assert (answer.status_code, answer.json()) == (202, {"count": 5})
        await hooks.work()
        wanted = [event for event in feed if event["type"] in ("version.added", "document.added")]
        assert [event["data"] for event in receiver.events] == wanted
        receiver.clear()
        versions = [event["seq"] for event in wanted if event["type"] == "version.added"]
        body = {"after": versions[0], "before": versions[3]}
        assert await good(await hooks.client.post(f"{PATH}/{hook['id']}/replay", json=body)) == {"count": 2}
        await hooks.work()
        assert [event["data"]["seq"] for event in receiver.events] == versions[1:3]

    async def test_behind_what_waits(self, hooks: Hooks, receiver: "Receiver") -> None:
        document = await hooks.document("Lease.txt")
        hook = await hooks.add("version.added")
        await hooks.version(document)
        await hooks.work()
        receiver.answer = status(500)
        await hooks.version(document)
        await hooks.work()
        receiver.clear()
        path = f"{PATH}/{hook['id']}/deliveries/{(await hooks.deliveries(hook))[0]['id']}/replay"
        await good(await hooks.client.post(path))
        receiver.answer = None
        await hooks.work()
        assert receiver.got == []
        await hooks.later(seconds=6)
        assert [event["data"]["data"]["number"] for event in receiver.events] == [3, 2]

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            ({"after": 0, "before": 10_002}, "too_many_events"),
            ({"after": -1, "before": 5}, "invalid"),
            ({"after": 0, "before": 2**63}, "invalid"),
            ({"after": "0", "before": 5}, "invalid"),
            ({"after": 0}, "invalid"),
        ],
    )
    async def test_wrong_ranges(self, hooks: Hooks, body: Any, code: str) -> None:
        hook = await hooks.add()
        answer = await hooks.client.post(f"{PATH}/{hook['id']}/replay", json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, code)

    @pytest.mark.parametrize("body", [{"after": 5, "before": 6}, {"after": 9, "before": 1}, {"after": 0, "before": 1}])
    async def test_empty_ranges(self, hooks: Hooks, body: Any) -> None:
        hook = await hooks.add()
        assert await good(await hooks.client.post(f"{PATH}/{hook['id']}/replay", json=body)) == {"count": 0}

    async def test_ten_thousand_numbers_are_not_too_many(self, hooks: Hooks) -> None:
        hook = await hooks.add("task.*")
        body = {"after": 0, "before": 10_001}
        assert await good(await hooks.client.post(f"{PATH}/{hook['id']}/replay", json=body)) == {"count": 0}


class TestTest:
    async def test_what_came_back(self, hooks: Hooks, receiver: "Receiver") -> None:
        receiver.answer = status(201, "hello")
        hook = await hooks.add("task.*", active=False)
        told = await good(await hooks.client.post(f"{PATH}/{hook['id']}/test"))
        (got,) = receiver.got
        assert signed_by(hook["secret"], got)
        assert (got.event["type"], got.event["data"]["data"]) == ("webhook.test", {"webhook_id": hook["id"]})
        assert (told["state"], told["type"], told["message_id"]) == ("delivered", "webhook.test", got.id)
        (tried,) = told["tries"]
        assert (tried["status"], tried["answer"]) == (201, "hello")
        assert json.loads(told["body"]) == got.event
        assert await hooks.delivery(hook) == told
        assert "webhook.test" not in (await hooks.client.get(f"{API}/events")).text

    async def test_what_did_not(self, hooks: Hooks, receiver: "Receiver", monkeypatch: pytest.MonkeyPatch) -> None:
        session = Outward.session
        monkeypatch.setattr(Outward, "session", lambda self: session(self, whole=0.3))
        hook = await hooks.add()
        for answer, wanted in ((reset, "It broke the connection."), (hang, "No answer in time.")):
            receiver.answer = answer
            told = await good(await hooks.client.post(f"{PATH}/{hook['id']}/test"))
            assert (told["state"], told["tries"][0]["status"], told["tries"][0]["error"]) == ("failed", None, wanted)
        receiver.answer = status(410)
        assert (await good(await hooks.client.post(f"{PATH}/{hook['id']}/test")))["state"] == "failed"
        assert (await hooks.get(hook))["active"], "a test disables nothing"
        assert len(receiver.got) == 3, "and is not tried again"

    async def test_with_a_key_it_is_sent_once(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add()
        answers = [
            await good(await hooks.client.post(f"{PATH}/{hook['id']}/test", headers={"Idempotency-Key": "k"}))
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert len(receiver.got) == 1

    async def test_it_is_no_way_inside(self, hooks: Hooks, receiver: "Receiver") -> None:
        hook = await hooks.add()
        hooks.world.parts.outward.allow = ()
        told = await good(await hooks.client.post(f"{PATH}/{hook['id']}/test"))
        assert (receiver.got, told["tries"][0]["error"]) == ([], "It leads to where nothing may be sent.")


class TestAtOnce:
    async def test_changes_while_it_is_sent(self, hooks: Hooks, receiver: "Receiver") -> None:
        """Workers, replays, rotations and changes of one endpoint at the same time: no deadlock, and nothing lost."""
        hook = await hooks.add("version.added")
        documents = [await hooks.document(f"{number}.txt") for number in range(4)]
        path = f"{PATH}/{hook['id']}"
        for document in documents:
            await hooks.version(document)
        await hooks.work()
        known = await hooks.deliveries(hook)
        await asyncio.gather(
            *(hooks.version(document) for document in documents),
            *(hooks.client.post(f"{path}/deliveries/{each['id']}/replay") for each in known),
            *(hooks.work() for _ in range(3)),
            hooks.client.post(f"{path}/rotate"),
            hooks.client.patch(path, json={"description": "x"}),
        )
        await hooks.work()
        assert set(await hooks.states(hook)) == {"delivered"}
        assert len(receiver.got) == 12
