"""Blobs of many parts that come in parts: cuts at any place, processes that die or sleep, and stores that fail meanwhile."""

import asyncio
import hashlib
import subprocess
import sys
import tracemalloc
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from dossier.storage.blobs import new_key
from dossier.storage.errors import BlobDamaged, PartBusy, StorageFailed
from dossier.storage.s3 import Bucket, S3Blobs, appending
from tests.contracts.blob_parts import add, nobody
from tests.contracts.blob_parts import parts as listed
from tests.contracts.blob_store import MIB, broken, chunked, pattern, read, stalled
from tests.storage.conftest import PART, uploads
from tools.servers import SeaweedFS

pytestmark = pytest.mark.slow
WORKSPACE = UUID(int=0xABC)


@pytest.fixture
def key() -> str:
    return new_key(WORKSPACE)


@pytest.mark.parametrize(
    "cuts",
    [[], [PART], [PART - 1, PART + 1], [7, PART + 7, 2 * PART + 8], [3 * PART]],
    ids=["none", "at a part", "around", "inside", "at the end"],
)
async def test_cut_anywhere(store: S3Blobs, other: S3Blobs, key: str, cuts: list[int]) -> None:
    """Each piece by the next process; what is left at the end is the blob alone."""
    data, at = pattern(3 * PART + 9), 0
    for number, end in enumerate([*cuts, len(data)]):
        assert await add((store, other)[number % 2], key, at, data[at:end], MIB) == end
        assert await listed(store) == [(key, end)]
        at = end
    assert (await other.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()
    assert await read(store, key) == data
    assert (await listed(store), await uploads(store)) == ([], [])
    assert [each.name async for each in store._bucket.list_("")] == [f"blobs/{key}"]


async def test_the_end_copies_and_reads_nothing(store: S3Blobs, key: str, calls: list[str]) -> None:
    await add(store, key, 0, pattern(3 * PART + 9), MIB)
    calls.clear()
    await store.finish(key, 3 * PART + 9)
    assert calls.count("upload_part") == 1  # what was less than a part
    assert "complete_multipart_upload" in calls
    assert calls.count("get_object") == 2  # the state, and the first bytes


async def test_a_caller_who_could_not_write_it_down_begins_there_again(
    store: S3Blobs, other: S3Blobs, key: str
) -> None:
    """Its offset lies inside of what is a part by now, and a part cannot be read."""
    data = pattern(2 * PART + 5)
    await add(store, key, 0, data[: PART + 3], MIB)
    await add(store, key, PART + 3, b"\xff" * PART, MIB)
    assert await add(other, key, PART + 3, data[PART + 3 :], MIB) == len(data)
    assert (await store.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()
    assert await read(store, key) == data


async def test_thrown_away_down_to_nothing(store: S3Blobs, key: str) -> None:
    await add(store, key, 0, pattern(2 * PART + 5), MIB)
    await add(store, key, 0, b"afresh")
    assert await uploads(store) != []
    await store.finish(key, 6)
    assert (await read(store, key), await uploads(store)) == (b"afresh", [])


async def test_inside_of_a_part_nothing_can_be_cut(store: S3Blobs, key: str) -> None:
    await add(store, key, 0, pattern(2 * PART), MIB)
    with pytest.raises(BlobDamaged):
        await add(store, key, PART // 2, b"x")
    assert await add(store, key, 2 * PART, b"x") == 2 * PART + 1


@pytest.mark.parametrize("size", [PART + 7, 3 * PART + 7])
async def test_a_cut_keeps_what_came(store: S3Blobs, other: S3Blobs, key: str, size: int) -> None:
    data, told = pattern(size + 10), list[int]()

    async def synced(offset: int) -> None:
        told.append(offset)

    with pytest.raises(ConnectionResetError):
        await store.append(key, 0, broken(data[:size], ConnectionResetError()), synced=synced)
    assert told == [size]
    await add(other, key, size, data[size:])
    assert (await other.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()


async def test_told_now_and_then(store: S3Blobs, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appending, "DUE_BYTES", 2 * PART)
    told = list[int]()

    async def synced(offset: int) -> None:
        told.append(offset)
        assert await listed(store) == [(key, offset)]

    assert await store.append(key, 0, chunked(bytes(6 * PART), MIB), synced=synced) == 6 * PART
    assert told[0] <= 4 * PART
    assert all(offset % PART == 0 for offset in told)


async def test_the_hash_of_a_part_that_failed_is_forgotten(
    store: S3Blobs, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, told, send, count = pattern(4 * PART), list[int](), Bucket.send, 0

    async def failing(*arguments: object) -> object:
        nonlocal count
        count += 1
        if count == 3:
            raise StorageFailed
        return await send(*arguments)  # type: ignore[arg-type]  # passed on as they came

    async def synced(offset: int) -> None:
        told.append(offset)

    monkeypatch.setattr(Bucket, "send", failing)
    with pytest.raises(StorageFailed):
        await store.append(key, 0, chunked(data, MIB), synced=synced)
    assert told == [2 * PART]
    await add(store, key, 2 * PART, data[2 * PART :], MIB)
    assert (await store.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()
    assert await read(store, key) == data


async def test_cancelled_at_any_moment(store: S3Blobs, other: S3Blobs) -> None:
    """A fine comb over an append: what was told is there, and goes on to the right content."""
    data = pattern(PART + 2 * MIB)
    for step in range(12):
        key, told = new_key(WORKSPACE), [0]

        async def synced(offset: int, told: list[int] = told) -> None:
            told.append(offset)

        going = asyncio.create_task(store.append(key, 0, chunked(data, MIB), synced=synced))
        await asyncio.sleep(step * 0.015)
        going.cancel()
        [outcome] = await asyncio.gather(going, return_exceptions=True)
        at = outcome if isinstance(outcome, int) else told[-1]
        await add(other if step % 2 else store, key, at, data[at:], MIB)
        assert (await store.finish(key, len(data))).sha256 == hashlib.sha256(data).digest(), step
        assert await read(store, key) == data


async def test_a_finished_one_found_by_the_next_process(
    store: S3Blobs, other: S3Blobs, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that completed it died before it could tidy up."""
    data = pattern(PART + 5)
    await add(store, key, 0, data, MIB)
    with monkeypatch.context() as patched:
        patched.setattr("dossier.storage.s3.state.Kept.forget", nobody_forgets)
        await store.finish(key, len(data))
    assert len(await listed(store)) == 1
    assert await add(other, key, 3, b"more") == 7
    assert (await other.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()
    assert await listed(store) == []


async def nobody_forgets(_self: object) -> None:
    """A process that dies before it forgets."""


async def test_one_that_slept_over_its_lease_writes_nothing(store: S3Blobs, key: str) -> None:
    slow, quick = (S3Blobs(store._bucket, PART, lease_seconds=seconds) for seconds in (3600, 0))
    begun, go_on = asyncio.Event(), asyncio.Event()
    going = asyncio.create_task(slow.append(key, 0, stalled(pattern(PART + 5), begun, go_on), synced=nobody))
    await begun.wait()
    data = b"\xff" * (PART + 9)
    quick._lease_seconds = -1  # as if the time had passed
    await add_quickly(quick, key, data)
    go_on.set()
    with pytest.raises(PartBusy):
        await going
    assert (await store.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()


async def add_quickly(store: S3Blobs, key: str, data: bytes) -> None:
    assert await add(store, key, 0, data, MIB) == len(data)


async def test_dropped(store: S3Blobs, key: str) -> None:
    await add(store, key, 0, pattern(2 * PART + 5), MIB)
    assert await store.sweep_temporary(timedelta(0)) == 0
    await store.drop(key)
    assert [each async for each in store._bucket.list_("")] == []
    assert await uploads(store) == []


async def test_memory(store: S3Blobs, key: str) -> None:
    async def source() -> AsyncIterator[bytes]:
        for number in range(1024):
            yield bytes([number % 256]) * 65536

    await add(store, key, 0, pattern(PART - 1), MIB)
    tracemalloc.start()
    try:
        await store.append(key, PART - 1, source(), synced=nobody)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * PART + 2 * MIB  # three parts, and what is written down at the end


KILLED = """
import asyncio, sys
from dossier.storage.addresses import S3Address
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tests.contracts.blob_store import chunked, pattern
from tests.storage.conftest import PART

endpoint, prefix, access, secret, key = sys.argv[1:]
store = S3Blobs(Bucket(S3Address("dossier", prefix, "us-east-1", endpoint), Keys(access, secret)), PART)

async def synced(offset):
    print(offset, flush=True)

async def slowly():
    async for chunk in chunked(pattern(40 * PART), PART):
        yield chunk
        await asyncio.sleep(0.2)

from dossier.storage.s3 import appending
appending.DUE_BYTES = PART
asyncio.run(store.append(key, 0, slowly(), synced=synced))
"""


@pytest.mark.parametrize("told", [1, 3])
async def test_a_killed_process(store: S3Blobs, seaweed: SeaweedFS, key: str, told: int) -> None:
    """What it had told of is there; another goes on when the lease has run out."""
    words = (store._bucket._address.endpoint, store._bucket._address.prefix, seaweed.access_key, seaweed.secret_key)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, *words, key, stdout=subprocess.PIPE)
    assert process.stdout is not None
    heard = [await asyncio.wait_for(process.stdout.readline(), 60) for _ in range(told)]
    process.kill()
    await process.wait()
    at = int(heard[-1])
    data = pattern(at + PART + 9)
    with pytest.raises(PartBusy):
        await add(store, key, at, data[at:], MIB)
    store._lease_seconds = -1  # as if the time had passed
    await add(store, key, at, data[at:], MIB)
    assert (await store.finish(key, len(data))).sha256 == hashlib.sha256(data).digest()
    assert await store.sweep_temporary(timedelta(0)) == 0
