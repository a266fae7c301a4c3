"""Ends whose bytes have first to be read once more: state ``hashing``, and the job that ends it."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import pytest

from dossier import sessions
from dossier.core import jobs
from dossier.core.units import ReadUnit, Unit
from dossier.storage.errors import StorageFailed
from dossier.uploads import queries, reception
from tests.conftest import World, client_of
from tests.uploads.sender import API, BODY, TUS, UPLOADS, Sender, forget, left, metadata, problem

pytestmark = pytest.mark.usefixtures("nothing_is_read_at_once")


async def promised(world: World) -> list[str]:
    async with world.parts.units.read(world.owner.actor) as unit:
        return [job.kind for job in await jobs.list_(unit.session) if job.kind.startswith("uploads.")]


class TestHashing:
    async def test_a_job_makes_the_end(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        found = await sender.look(address)
        assert (found["state"], found["document"]) == ("hashing", None)
        assert [item["state"] for item in (await sender.client.get(UPLOADS)).json()["items"]] == ["hashing"]
        await world.work()
        found = await sender.look(address)
        assert (found["state"], found["offset"]) == ("done", len(BODY))
        document = (await sender.client.get(f"{API}/documents/{found['document']['id']}")).json()
        assert document["version"]["sha256"] == hashlib.sha256(BODY).hexdigest()
        assert document["version"]["author"]["id"] == str(world.editor.actor.member_id)
        assert await promised(world) == []

    async def test_a_client_of_tus_goes_on_until_it_is_there(
        self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = await left(sender, world)
        again = await sender.send(address, len(BODY) - 1, BODY[-1:])
        assert (again.status_code, again.headers["dossier-state"]) == (204, "hashing")
        monkeypatch.setattr(reception, "HASHING_SECONDS", 60.0)
        waiting = asyncio.create_task(sender.send(address, len(BODY) - 1, BODY[-1:]))
        await asyncio.sleep(0)
        await world.work()
        answer = await waiting
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(BODY)))
        assert "dossier-state" not in answer.headers
        assert await sender.content(answer) == BODY

    async def test_only_the_last_byte_is_taken_meanwhile(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        assert await sender.offset(address) == len(BODY) - 1
        problem(await sender.send(address, len(BODY) - 1, b"xy"), 413, "body_too_large")
        problem(await sender.send(address, 0, BODY), 409, "offset_mismatch")

    async def test_asked_to_finish_it_says_so(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        answer = await sender.finish(address)
        assert (answer.status_code, answer.json()["state"]) == (202, "hashing")
        assert await promised(world) == ["uploads.hash"], "one job, however often it is asked"
        await world.work()
        answer = await sender.finish(address)
        assert (answer.status_code, answer.json()["state"]) == (200, "done")

    async def test_an_answer_given_meanwhile_counts(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        assert (await sender.finish(address, name="b.txt")).json()["name"] == "b.txt"
        await world.work()
        made = (await sender.look(address))["document"]["id"]
        assert (await sender.client.get(f"{API}/documents/{made}")).json()["name"] == "b.txt"

    async def test_a_refusal_is_kept_and_told(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        assert (await sender.whole(b"sooner")).status_code == 204
        await world.work()
        found = await sender.look(address)
        assert (found["state"], found["problem"]["code"]) == ("refused", "name_taken")
        problem(await sender.send(address, len(BODY) - 1, BODY[-1:]), 409, "name_taken")
        answer = await sender.finish(address, on_conflict="rename")
        assert (answer.status_code, answer.json()["state"]) == (200, "done"), "nothing is read again"

    async def test_a_right_that_was_lost_meanwhile(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        member = f"{API}/members/{world.editor.actor.member_id}"
        assert (await world.owner.client.patch(member, json={"role": "viewer"})).status_code == 200
        await world.work()
        async with world.parts.units.read(world.owner.actor) as unit:
            assert await self._state(unit, address) == "refused"

    async def test_a_sender_who_has_left(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        member = f"{API}/members/{world.editor.actor.member_id}"
        assert (await world.owner.client.delete(member)).status_code == 204
        await world.work()
        async with world.parts.units.read(world.owner.actor) as unit:
            assert await self._state(unit, address) == "refused", "it expires like any other"
        assert await promised(world) == []

    async def _state(self, unit: ReadUnit, address: str) -> str:
        found = await queries.anybodys(unit, UUID(address.rsplit("/", 1)[1]))
        assert found is not None
        return found.state

    async def test_a_sender_who_has_come_back(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        member = f"{API}/members/{world.editor.actor.member_id}"
        assert (await world.owner.client.delete(member)).status_code == 204
        await world.work()
        assert (await world.owner.client.patch(member, json={"active": True})).status_code == 200
        token = await world.parts.units.run(world.owner.actor, self._token(world.editor.member_id))
        again = Sender(client_of(world.app, token))
        found = await again.look(address)
        assert (found["state"], found["problem"]["code"]) == ("refused", "not_allowed")
        assert (await again.finish(address)).status_code == 202
        await world.work()
        assert (await again.look(address))["state"] == "done"

    def _token(self, member_id: UUID) -> Callable[[Unit], Awaitable[str]]:
        return lambda unit: sessions.make_token(unit, member_id, "again", ("read", "write"))

    async def test_a_store_that_is_away_is_tried_again(
        self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = await left(sender, world)

        async def away(*_args: object, **_more: object) -> None:
            raise StorageFailed

        monkeypatch.setattr(world.parts.store, "finish", away)
        await world.work()
        assert (await sender.look(address))["state"] == "hashing"
        monkeypatch.undo()
        world.clock.move(minutes=1)
        await world.work()
        assert (await sender.look(address))["state"] == "done"

    async def test_deleted_meanwhile(self, sender: Sender, world: World) -> None:
        address = await left(sender, world)
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        await world.work()
        assert await promised(world) == []
        assert [entry async for entry in world.parts.store.parts()] == []
        assert [entry async for entry in world.parts.store.keys()] == []  # noqa: SIM118  # a store is no dict

    async def test_a_wait_gives_way_to_who_deletes(
        self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        address = await left(sender, world)
        monkeypatch.setattr(reception, "HASHING_SECONDS", 60.0)
        waiting = asyncio.create_task(sender.send(address, len(BODY) - 1, BODY[-1:]))
        await asyncio.sleep(0.3)
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        assert (await waiting).status_code == 204
        problem(await sender.client.get(address), 404, "upload_not_found")

    async def test_put_together_of_parts(self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """The parts are copied; a process that only makes the end has not seen them."""
        one = await self._part(sender, BODY[:10])
        two = await self._part(sender, BODY[10:])
        monkeypatch.setattr(reception, "NOTED_BYTES", 1)
        finish = world.parts.store.finish

        async def lost(*args: object, **more: object) -> object:
            forget(world)
            return await finish(*args, **more)  # type: ignore[arg-type]  # whatever came

        monkeypatch.setattr(world.parts.store, "finish", lost)
        headers = TUS | {"Upload-Concat": f"final;{one} {two}", "Upload-Metadata": metadata(filename="a.txt")}
        answer = await sender.client.post(UPLOADS, headers=headers)
        assert (answer.status_code, answer.json()["state"]) == (201, "hashing")
        await world.work()
        found = await sender.look(answer.headers["location"])
        assert found["state"] == "done"

    async def _part(self, sender: Sender, body: bytes) -> str:
        headers = TUS | {"Upload-Concat": "partial", "Upload-Length": str(len(body))}
        address = (await sender.client.post(UPLOADS, headers=headers)).headers["location"]
        await sender.send(address, 0, body)
        return address


class TestPromisedDigest:
    async def test_the_right_one(self, sender: Sender) -> None:
        answer = await sender.whole(BODY, sha256=hashlib.sha256(BODY).hexdigest())
        assert await sender.content(answer) == BODY

    async def test_another(self, sender: Sender) -> None:
        address = await sender.begin(len(BODY), sha256=hashlib.sha256(b"other").hexdigest())
        problem(await sender.send(address, 0, BODY), 460, "checksum_mismatch")
        found = await sender.look(address)
        assert (found["state"], found["problem"]["code"]) == ("refused", "checksum_mismatch")
        assert (await sender.client.get(f"{API}/documents")).json()["items"] == []

    async def test_another_found_by_the_job(self, sender: Sender, world: World) -> None:
        address = await left(sender, world, sha256=hashlib.sha256(b"other").hexdigest())
        await world.work()
        assert (await sender.look(address))["problem"]["code"] == "checksum_mismatch"

    @pytest.mark.parametrize("value", ["xyz", "00" * 31, "00" * 33, "é" * 64])
    async def test_none(self, sender: Sender, value: str) -> None:
        wire = problem(await sender.ask_for(3, sha256=value), 422, "invalid")
        assert list(wire["fields"]) == ["sha256"]
