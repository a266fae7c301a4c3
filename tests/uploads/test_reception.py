"""Bytes on their way: torn, stalled, sent twice at once, by a new process; on a disk that is full, or a database away."""

import asyncio
import errno
import hashlib
import os
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from dossier.app import build, create_app
from dossier.core import jobs
from dossier.core.errors import StorageFull, Unavailable
from dossier.core.settings import Settings
from dossier.core.units import CommitUnknown
from dossier.documents import jobs as documents_jobs
from dossier.storage import parts
from dossier.storage.sums import Sums
from dossier.uploads import desk, reception, service
from dossier.uploads.jobs import JOBS
from tests.conftest import World, client_of
from tests.contracts.blob_store import MIB, pattern
from tests.uploads.sender import API, TUS, UPLOADS, Sender, Wire, problem


def wire(world: World, address: str, offset: int, length: int | None = None) -> Wire:
    """The editor's PATCH by hand."""
    return Wire(world.app, world.editor.token, address, offset, length)


async def stored(world: World) -> dict[str, int]:
    """What lies in the store, finished and not."""
    store = world.parts.store
    return {e.key: e.size for e in [e async for e in store.keys()] + [e async for e in store.parts()]}  # noqa: SIM118


class TestTorn:
    @pytest.mark.parametrize("size", [1, 65_536, 3 * MIB])
    async def test_what_came_stays(self, world: World, sender: Sender, size: int) -> None:
        data = pattern(size + 7)
        address = await sender.begin(len(data), "torn.bin")
        torn = await (await wire(world, address, 0, len(data)).send(data[:size])).tear()
        assert torn.status in (0, 400)
        assert await sender.offset(address) == size
        done = await sender.send(address, size, data[size:])
        assert await sender.content(done) == data

    async def test_shorter_than_announced(self, world: World, sender: Sender) -> None:
        address = await sender.begin(9)
        short = await (await wire(world, address, 0, 9).send(b"abc")).end()
        assert (short.status, b"length_mismatch" in short.body) == (400, True)
        assert await sender.offset(address) == 3

    async def test_longer_than_what_is_missing(self, world: World, sender: Sender) -> None:
        """Without a length nothing can be refused before: what fits into the rest stays, and nothing is made of it."""
        address = await sender.begin(5)
        over = await (await wire(world, address, 0).send(b"abc")).send(b"def")
        await asyncio.wait_for(over.task, 20)
        assert (over.status, b"body_too_large" in over.body) == (413, True)
        assert await sender.offset(address) == 3
        assert await sender.content(await sender.send(address, 3, b"de")) == b"abcde"

    async def test_the_answer_to_the_last_byte_is_lost(self, world: World, sender: Sender) -> None:
        address = await sender.begin(3)
        sending = await wire(world, address, 0, 3).send(b"abc")
        await sending.end()
        assert sending.status == 204
        assert (await sender.look(address))["state"] == "done"

    async def test_cancelled_with_the_process(self, world: World, sender: Sender) -> None:
        address = await sender.begin(9)
        sending = await wire(world, address, 0, 9).send(b"abc")
        sending.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending.task
        assert await sender.offset(address) == 3


class TestBusy:
    async def test_one_at_a_time(self, world: World, sender: Sender) -> None:
        address = await sender.begin(6)
        first = await wire(world, address, 0, 6).send(b"abc")
        problem(await sender.send(address, 0, b"abcdef"), 423, "upload_busy")
        problem(await sender.finish(address), 423, "upload_busy")
        assert await sender.offset(address) == 0
        await (await first.send(b"def")).end()
        assert first.status == 204
        assert await sender.offset(address) == 6

    async def test_many_at_once(self, sender: Sender) -> None:
        """The same bytes eight times over: one is taken, and it is one version."""
        data = pattern(2 * MIB)
        address = await sender.begin(len(data), "at once.bin")
        answers = await asyncio.gather(*(sender.send(address, 0, data) for _ in range(8)))
        assert {answer.status_code for answer in answers} <= {204, 409, 423}
        assert [answer.status_code for answer in answers].count(204) == 1
        assert await sender.content(next(each for each in answers if each.status_code == 204)) == data
        listed = (await sender.client.get(f"{API}/documents")).json()["items"]
        assert [each["version"]["number"] for each in listed] == [1]

    async def test_the_other_is_no_hindrance_once_it_is_silent(
        self, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A connection that died without a word, in front of a person who goes on."""
        address = await sender.begin(6)
        silent = await wire(world, address, 0, 6).send(b"abc")
        monkeypatch.setattr(desk, "QUIET_SECONDS", 0.0)
        refusal = problem(await sender.send(address, 0, b"abc"), 409, "offset_mismatch")
        assert refusal["offset"] == 3, "what the other one brought is kept"
        await asyncio.wait_for(silent.task, 20)
        assert (silent.status, b"upload_stalled" in silent.body) == (408, True)
        assert (await sender.send(address, 3, b"def")).status_code == 204

    async def test_silence_ends_by_itself(self, world: World, sender: Sender) -> None:
        world.app.state.settings = world.parts.settings.model_copy(update={"upload_idle_seconds": 0.05})
        address = await sender.begin(6)
        silent = await wire(world, address, 0, 6).send(b"abc")
        await asyncio.wait_for(silent.task, 20)
        assert silent.status == 408
        assert await sender.offset(address) == 3

    async def test_a_deletion_does_not_wait(self, world: World, sender: Sender) -> None:
        address = await sender.begin(6)
        sending = await wire(world, address, 0, 6).send(b"abc")
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        await asyncio.wait_for(sending.task, 20)
        assert sending.status == 408
        assert await stored(world) == {}

    async def test_another_process(self, world: World, sender: Sender) -> None:
        address = await sender.begin(6)
        sending = await wire(world, address, 0, 6).send(b"abc")
        parts_ = build(world.parts.settings)
        other = Sender(client_of(create_app(parts_), world.editor.token))
        problem(await other.send(address, 0, b"abcdef"), 423, "upload_busy")
        await parts_.close()
        await (await sending.send(b"def")).end()
        assert sending.status == 204


class TestRestart:
    async def test_a_new_process_goes_on(self, world: World, sender: Sender, settings: Settings) -> None:
        data = pattern(3 * MIB)
        address = await sender.begin(len(data), "long.bin", path="a/b")
        await sender.send(address, 0, data[:MIB])
        again = build(settings)
        other = Sender(client_of(create_app(again), world.editor.token))
        assert await other.offset(address) == MIB
        done = await other.send(address, MIB, data[MIB:])
        assert await other.content(done) == data
        assert await sender.offset(address) == len(data)
        await again.close()

    async def test_died_before_anything_was_written_down(self, world: World, sender: Sender) -> None:
        """Bytes that the row does not know: they are sent again, and not twice in the file."""
        data = pattern(2 * MIB)
        address = await sender.begin(len(data), "long.bin")
        await sender.send(address, 0, data[:100])
        key = next(iter(await stored(world)))

        async def rest() -> AsyncIterator[bytes]:
            yield data[100:]

        async def nobody(_offset: int) -> None: ...

        await world.parts.store.append(key, 100, rest(), synced=nobody)
        assert await sender.offset(address) == 100
        assert await sender.content(await sender.send(address, 100, data[100:])) == data

    async def test_died_between_the_blob_and_its_row(self, world: World, sender: Sender) -> None:
        data = pattern(2 * MIB)
        address = await sender.begin(len(data), "long.bin")
        await sender.send(address, 0, data[:100])
        key = next(iter(await stored(world)))

        async def rest() -> AsyncIterator[bytes]:
            yield data[100:]

        async def nobody(_offset: int) -> None: ...

        await world.parts.store.append(key, 100, rest(), synced=nobody)
        await world.parts.store.finish(key, len(data))
        more = await sender.send(address, 100, data[100:200])
        assert more.headers["upload-offset"] == "200", "as if nothing had happened"
        done = await sender.send(address, 200, data[200:])
        assert await sender.content(done) == data
        assert list(await stored(world)) == [key]


class TestNoted:
    @pytest.mark.embedded
    async def test_now_and_then_while_bytes_come(
        self, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parts, "DUE_BYTES", MIB)
        address = await sender.begin(8 * MIB)
        sending = wire(world, address, 0, 8 * MIB)
        for _ in range(6):
            await sending.send(pattern(MIB))
        assert await sender.offset(address) >= 4 * MIB
        await sending.tear()
        assert await sender.offset(address) == 6 * MIB

    async def test_no_connection_is_held(self, world: World, sender: Sender) -> None:
        """More uploads under way than the database has connections, and it still answers."""
        addresses = [await sender.begin(6, f"{number}.txt") for number in range(12)]
        sending = [await wire(world, address, 0, 6).send(b"abc") for address in addresses]
        assert (await asyncio.wait_for(sender.client.get(UPLOADS), 5)).status_code == 200
        assert (await asyncio.wait_for(sender.whole(b"quick", "quick.txt"), 5)).status_code == 204
        for each in sending:
            await (await each.send(b"def")).end()
            assert each.status == 204

    async def test_the_last_byte_counts_with_the_document(
        self, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A client that goes by the offset must not take an upload for done whose document is not there."""
        data = pattern(2 * MIB)
        address = await sender.begin(len(data))

        async def away(*_args: Any) -> None:
            raise Unavailable

        with monkeypatch.context() as patch:
            patch.setattr(service, "finish", away)
            problem(await sender.send(address, 0, data), 503, "unavailable")
        assert await sender.offset(address) == len(data) - 1
        assert (await sender.look(address))["state"] == "receiving"
        done = await sender.send(address, len(data) - 1, data[-1:])
        assert await sender.content(done) == data

    @pytest.mark.embedded
    async def test_a_database_that_is_away_for_a_moment(
        self, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(parts, "DUE_BYTES", MIB)
        note, calls = service.note, 0

        async def sometimes(*args: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls < 3:
                raise Unavailable
            return await note(*args)

        monkeypatch.setattr(service, "note", sometimes)

        async def body() -> AsyncIterator[bytes]:
            for _ in range(6):
                yield pattern(MIB)

        done = await sender.send(await sender.begin(6 * MIB), 0, body())
        assert done.status_code == 204
        assert calls >= 3


class TestEnd:
    async def test_not_known_whether_it_was_kept(
        self, world: World, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was: the next request finds it done, and the bytes are where the row says."""
        address, finish = await sender.begin(3), reception.Reception._run

        async def kept(self: Any, verb: Any) -> Any:
            result = await finish(self, verb)
            if getattr(verb, "__name__", "") == "finish":
                raise CommitUnknown
            return result

        with monkeypatch.context() as patch:
            patch.setattr(reception.Reception, "_run", kept)
            problem(await sender.send(address, 0, b"abc"), 503, "commit_unknown")
        assert await sender.offset(address) == 3
        assert await sender.content(await sender.send(address, 3, b"")) == b"abc"

    async def test_content_that_is_here_already(self, world: World, sender: Sender) -> None:
        first = await sender.whole(b"the same", "one.txt")
        second = await sender.whole(b"the same", "two.txt")
        assert await sender.content(first) == await sender.content(second) == b"the same"
        assert len(await stored(world)) == 1

    async def test_hashed_while_it_came(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        def read_again(_file: int) -> Sums:
            raise AssertionError("it was known")

        monkeypatch.setattr(parts, "_summed", read_again)
        data = pattern(3 * MIB)
        address = await sender.begin(len(data), "a.bin")
        for offset in (0, MIB):
            assert (await sender.send(address, offset, data[offset : offset + MIB])).status_code == 204
        answer = await sender.send(address, 2 * MIB, data[2 * MIB :])
        document = (await sender.client.get(f"{API}/documents/{answer.headers['dossier-document']}")).json()
        assert document["version"]["sha256"] == hashlib.sha256(data).hexdigest()


class TestFullDisk:
    @pytest.mark.embedded
    async def test_refused_and_gone_on_with(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        data = pattern(2 * MIB)
        address = await sender.begin(len(data))
        assert (await sender.send(address, 0, data[:1000])).status_code == 204
        write = os.write

        def full(file: int, content: Any) -> int:
            raise OSError(errno.ENOSPC, "told to fail")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            problem(await sender.send(address, 1000, data[1000:]), 507, "storage_full")
        assert write is os.write
        assert await sender.offset(address) == 1000
        assert await sender.content(await sender.send(address, 1000, data[1000:])) == data

    async def test_in_the_database(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        address = await sender.begin(3)

        async def full(*_args: Any) -> None:
            raise StorageFull

        with monkeypatch.context() as patch:
            patch.setattr(service, "finish", full)
            problem(await sender.send(address, 0, b"abc"), 507, "storage_full")
        assert (await sender.look(address))["state"] == "receiving"
        assert await sender.content(await sender.send(address, 0, b"abc")) == b"abc"


class TestSweeps:
    async def test_of_the_storage_leaves_living_uploads_alone(self, world: World, sender: Sender) -> None:
        """Whatever its state and age: under way, refused, and refused long ago."""
        going = await sender.begin(6, "going.txt")
        await sender.send(going, 0, b"abc")
        refused = await sender.begin(3, "refused.txt")
        await sender.whole(b"quicker", "refused.txt")
        problem(await sender.send(refused, 0, b"abc"), 409, "name_taken")
        before = await stored(world)
        assert len(before) == 3
        world.clock.move(days=6)
        await self._sweep(world)
        assert await stored(world) == before
        assert (await sender.send(going, 3, b"def")).status_code == 204
        assert (await sender.finish(refused, on_conflict="rename")).status_code == 200
        await self._sweep(world)
        assert len(await stored(world)) == 3

    async def test_of_uploads_end_the_expired(self, world: World, sender: Sender) -> None:
        done = await sender.whole(b"stays", "done.txt")
        going = await sender.begin(6, "going.txt")
        await sender.send(going, 0, b"abc")
        refused = await sender.begin(3, "done.txt", on_conflict="rename", path="Folder")
        await sender.client.post(f"{API}/documents", params={"name": "Folder"}, content=b"in the way")
        problem(await sender.send(refused, 0, b"abc"), 409, "name_taken")
        world.clock.move(days=8)
        young = await sender.begin(6, "young.txt")
        await sender.send(young, 0, b"xyz")
        await world.work()
        await self._end(world)
        problem(await sender.client.get(going), 404, "upload_not_found")
        problem(await sender.client.get(refused), 404, "upload_not_found")
        assert await sender.offset(young) == 3
        assert await sender.content(done) == b"stays"
        assert len(await stored(world)) == 3  # done, in the way, young

    async def test_what_a_crash_left_is_swept(self, world: World, sender: Sender) -> None:
        """The row has gone and the bytes have not: between the two the process died."""
        address = await sender.begin(6)
        await sender.send(address, 0, b"abc")
        await world.parts.units.run(world.editor.actor, lambda unit: service.remove(unit, _id(address)))
        assert len(await stored(world)) == 1
        await self._sweep(world)
        assert len(await stored(world)) == 1, "it is young"
        world.clock.move(days=3)
        await self._sweep(world)
        assert await stored(world) == {}

    async def _sweep(self, world: World) -> None:
        await documents_jobs.run_sweep(world.parts, _job(world))

    async def _end(self, world: World) -> None:
        await JOBS["uploads.sweep"].run(world.parts, _job(world))


def _id(address: str) -> UUID:
    return UUID(address.rsplit("/", 1)[1])


def _job(world: World) -> jobs.JobRow:
    return jobs.new(world.editor.actor.workspace_id, "x", {}, world.clock(), world.clock())


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_memory_stays_flat(world: World, sender: Sender) -> None:
    """200 MB in one request, and in the process at most the two buffers and what is on its way."""
    size, chunk = 200_000_000, pattern(1_000_000)

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(chunk)):
            yield chunk

    address = await sender.begin(size, "big.bin")
    tracemalloc.start()
    try:
        answer = await sender.send(address, 0, body())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer.status_code == 204
    assert peak < 24 * MIB, f"{peak / MIB:.0f} MiB"
