"""Uploads whose bytes go straight to the store, through the whole program and a real bucket."""

import hashlib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from dossier.core import jobs
from dossier.storage.s3 import offering
from dossier.uploads import reception
from dossier.uploads.jobs import JOBS
from tests.conftest import World
from tests.contracts.blob_store import pattern
from tests.uploads.sender import API, TUS, UPLOADS, Sender, metadata, problem

MIB = 1 << 20
BODY = pattern(17 * MIB)  # two parts
SHA256 = hashlib.sha256(BODY).hexdigest()
DIRECT = {"Dossier-Direct": "1"}
pytestmark = pytest.mark.slow


@pytest.fixture
def reached(world: World) -> Iterator[World]:
    """Clients reach the store."""
    settings = world.app.state.settings
    world.app.state.settings = settings.model_copy(update={"storage_links": True})
    yield world
    world.app.state.settings = settings


async def begin(sender: Sender, size: int = len(BODY), **more: Any) -> httpx.Response:
    headers = TUS | DIRECT | {"Upload-Length": str(size), "Upload-Metadata": metadata(filename="plan.bin", **more)}
    return await sender.client.post(UPLOADS, headers=headers)


async def put(part: Any, body: bytes = BODY) -> int:
    """Send one part with what was told of it and nothing else; the status."""
    async with httpx.AsyncClient() as anybody:
        data = body[part["offset"] : part["offset"] + part["size"]]
        return (await anybody.put(part["url"], content=data, headers=part["headers"])).status_code


async def sent(sender: Sender, **more: Any) -> str:
    """A begun upload with all its bytes in the store; its address."""
    answer = await begin(sender, **more)
    assert answer.status_code == 201, answer.text
    for part in answer.json()["parts"]:
        assert await put(part) == 200
    return answer.headers["location"]


async def version_of(sender: Sender, upload: Any) -> Any:
    return (await sender.client.get(f"{API}/documents/{upload['document']['id']}")).json()["version"]


@pytest.mark.production
class TestDirect:
    async def test_one_request_whose_digest_was_promised(
        self, sender: Sender, reached: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The store compared it: the document is there at once, whatever the size."""
        monkeypatch.setattr(reception, "READ_AT_ONCE", 0)
        answer = await begin(sender, sha256=SHA256)
        [part] = answer.json()["parts"]
        assert answer.json()["direct"] is True
        assert await put(part, b"x" + BODY[1:]) >= 400, "the store refuses other bytes"
        problem(await sender.finish(answer.headers["location"]), 409, "upload_incomplete")
        assert await put(part) == 200
        made = await sender.finish(answer.headers["location"])
        assert (made.status_code, made.json()["state"], made.json()["offset"]) == (201, "done", len(BODY))
        version = await version_of(sender, made.json())
        assert (version["sha256"], version["size"]) == (SHA256, len(BODY))

    async def test_parts_that_a_job_reads(
        self, sender: Sender, reached: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reception, "READ_AT_ONCE", MIB)
        address = await sent(sender)
        answer = await sender.finish(address)
        assert (answer.status_code, answer.json()["state"]) == (202, "hashing")
        assert answer.headers["dossier-state"] == "hashing"
        await reached.work()
        found = await sender.look(address)
        assert found["state"] == "done"
        assert (await version_of(sender, found))["sha256"] == SHA256

    async def test_small_ones_are_read_at_once(self, sender: Sender, reached: World) -> None:
        made = await sender.finish(await sent(sender))
        assert made.status_code == 201
        assert (await version_of(sender, made.json()))["sha256"] == SHA256

    async def test_only_what_is_missing_is_asked_for_again(self, sender: Sender, reached: World) -> None:
        answer = await begin(sender)
        address, parts = answer.headers["location"], answer.json()["parts"]
        assert [part["number"] for part in parts] == [1, 2]
        assert await put(parts[0]) == 200
        problem(await sender.finish(address), 409, "upload_incomplete")
        left = (await sender.client.get(f"{address}/parts")).json()["parts"]
        assert [part["number"] for part in left] == [2]
        assert await put(left[0]) == 200
        assert (await sender.client.get(f"{address}/parts")).json() == {"parts": []}
        assert (await sender.finish(address)).status_code == 201
        assert (await sender.client.get(f"{address}/parts")).json() == {"parts": []}

    async def test_a_new_version(self, sender: Sender, reached: World) -> None:
        first = (await sender.finish(await sent(sender, sha256=SHA256))).json()
        answer = await begin(sender, document_id=first["document"]["id"])
        for part in answer.json()["parts"]:
            await put(part, bytes(len(BODY)))
        made = (await sender.finish(answer.headers["location"])).json()
        assert made["document"] == {"id": first["document"]["id"], "version": 2}

    async def test_a_promise_of_parts_that_does_not_hold(
        self, sender: Sender, reached: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What no single request can bring, the store does not compare; we do."""
        monkeypatch.setattr(offering, "AT_ONCE", MIB)
        answer = await begin(sender, sha256=SHA256)
        for part in answer.json()["parts"]:
            assert await put(part, bytes(len(BODY))) == 200
        problem(await sender.finish(answer.headers["location"]), 460, "checksum_mismatch")
        assert (await sender.client.get(f"{API}/documents")).json()["items"] == []

    async def test_the_last_word_on_a_name_is_at_the_end(self, sender: Sender, reached: World) -> None:
        address = await sent(sender)
        assert (await sender.whole(b"sooner", "plan.bin")).status_code == 204
        problem(await sender.finish(address), 409, "name_taken")
        assert (await sender.look(address))["state"] == "refused"
        answer = await sender.finish(address, on_conflict="rename")
        assert (answer.status_code, answer.json()["state"]) == (200, "done")

    async def test_bytes_do_not_come_here(self, sender: Sender, reached: World) -> None:
        address = (await begin(sender)).headers["location"]
        problem(await sender.send(address, 0, b"x"), 403, "upload_direct")

    async def test_the_same_request_again(self, sender: Sender, reached: World) -> None:
        told = (
            TUS | DIRECT | {"Upload-Length": "9", "Idempotency-Key": "one", "Upload-Metadata": metadata(filename="a")}
        )
        first, second = [await sender.client.post(UPLOADS, headers=told) for _ in range(2)]
        assert first.headers["location"] == second.headers["location"]
        assert len(second.json()["parts"]) == 1

    async def test_a_right_that_was_lost(self, sender: Sender, reached: World) -> None:
        address = await sent(sender)
        member = f"{API}/members/{reached.editor.actor.member_id}"
        assert (await reached.owner.client.patch(member, json={"role": "viewer"})).status_code == 200
        problem(await sender.client.get(f"{address}/parts"), 403, "not_allowed")
        problem(await sender.finish(address), 403, "not_allowed")

    async def test_nobody_else_sees_it(self, sender: Sender, reached: World) -> None:
        address = (await begin(sender)).headers["location"]
        for other in (reached.owner, reached.stranger):
            problem(await other.client.get(f"{address}/parts"), 404, "upload_not_found")
            problem(await Sender(other.client).finish(address), 404, "upload_not_found")

    async def test_deleted(self, sender: Sender, reached: World) -> None:
        answer = await begin(sender)
        [first, _second] = answer.json()["parts"]
        assert await put(first) == 200
        assert (await sender.client.delete(answer.headers["location"], headers=TUS)).status_code == 204
        assert await put(first) == 404, "the addresses are good for nothing any more"
        assert await self._left(reached) == []

    async def test_left_alone_it_is_swept(self, sender: Sender, reached: World) -> None:
        whole = await begin(sender, sha256=SHA256)
        assert await put(whole.json()["parts"][0]) == 200
        parts = await begin(sender, on_conflict="rename")
        assert await put(parts.json()["parts"][0]) == 200
        reached.clock.move(days=30)
        job = jobs.new(reached.editor.actor.workspace_id, "uploads.sweep", {}, reached.clock(), reached.clock())
        await JOBS["uploads.sweep"].run(reached.parts, job)
        assert await self._left(reached) == []
        problem(await sender.client.get(whole.headers["location"]), 404, "upload_not_found")

    async def _left(self, world: World) -> list[str]:
        store = world.parts.store
        return [each.key async for each in store.keys()] + [each.key async for each in store.parts()]  # noqa: SIM118  # no dict

    async def test_too_large(self, sender: Sender, reached: World) -> None:
        problem(await begin(sender, 1 << 60), 413, "body_too_large")


@pytest.mark.production
async def test_a_store_that_clients_do_not_reach(sender: Sender) -> None:
    await comes_here(sender)


@pytest.mark.embedded
async def test_a_store_without_addresses(sender: Sender, reached: World) -> None:
    await comes_here(sender)


async def comes_here(sender: Sender) -> None:
    """Asked for a direct upload, the program takes the bytes itself."""
    answer = await begin(sender, 3)
    assert (answer.status_code, answer.json()["direct"], answer.json()["parts"]) == (201, False, None)
    address = answer.headers["location"]
    problem(await sender.client.get(f"{address}/parts"), 409, "upload_not_direct")
    assert (await sender.send(address, 0, b"abc")).status_code == 204


class TestBadHeaders:
    async def ask(self, sender: Sender, body: bytes | None = None, **headers: str) -> httpx.Response:
        told = TUS | DIRECT | {"Upload-Metadata": metadata(filename="a.txt")}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await sender.client.post(UPLOADS, headers=told, content=body)

    async def test_what_does_not_go_with_it(self, sender: Sender) -> None:
        bytes_ = "application/offset+octet-stream"
        for answer in (
            await self.ask(sender, Upload_Defer_Length="1"),
            await self.ask(sender, Upload_Length="3", Upload_Concat="partial"),
            await self.ask(sender, b"abc", Upload_Length="3", Content_Type=bytes_),
        ):
            assert list(problem(answer, 400, "bad_upload_header")["fields"]) == ["Dossier-Direct"]

    async def test_another_value(self, sender: Sender) -> None:
        problem(await self.ask(sender, Upload_Length="3", Dossier_Direct="yes"), 422, "invalid")

    async def test_nothing_at_all_is_there_at_once(self, sender: Sender, reached: World) -> None:
        answer = await self.ask(sender, Upload_Length="0")
        assert (answer.status_code, answer.json()["state"], answer.json()["parts"]) == (201, "done", None)
