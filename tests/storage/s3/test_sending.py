"""Bodies of more than one part: whole or not there at all, whatever ends them."""

import asyncio
import hashlib
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

import pytest

from dossier.storage.errors import BodyTooLarge
from dossier.storage.s3 import S3Blobs, sending
from tests.contracts.blob_store import MIB, broken, chunked, endless, listed, pattern, read, stalled
from tests.storage.conftest import PART, uploads

WORKSPACE = UUID(int=0xABC)
pytestmark = pytest.mark.slow


async def assert_nothing(store: S3Blobs) -> None:
    """Neither an object nor a part of one."""
    assert await listed(store) == []
    assert await uploads(store) == []


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 2 * PART, 3 * PART + 7])
async def test_what_was_put_is_read(store: S3Blobs, size: int) -> None:
    data = pattern(size)
    blob = await store.put(WORKSPACE, chunked(data))
    assert (blob.size, blob.sha256, blob.head) == (size, hashlib.sha256(data).digest(), data[:8192])
    assert await read(store, blob.key) == data
    assert await read(store, blob.key, PART - 3, min(10, size - PART + 3)) == data[PART - 3 : PART + 7]
    assert await uploads(store) == []


async def test_a_body_of_one_part_is_one_request(store: S3Blobs, calls: list[str]) -> None:
    await store.put(WORKSPACE, chunked(pattern(PART)))
    assert calls == ["put_object"]


async def test_a_larger_one_comes_in_parts(store: S3Blobs, calls: list[str]) -> None:
    await store.put(WORKSPACE, chunked(pattern(PART + 1)))
    assert calls == ["create_multipart_upload", "upload_part", "upload_part", "complete_multipart_upload"]


async def test_an_unfinished_one_is_not_listed(store: S3Blobs) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    put = asyncio.create_task(store.put(WORKSPACE, stalled(pattern(2 * PART + 5), begun, go_on)))
    await begun.wait()
    assert await listed(store) == []
    go_on.set()
    blob = await put
    assert [(entry.key, entry.size) for entry in await listed(store)] == [(blob.key, 4 * PART + 10)]


@pytest.mark.parametrize("size", [PART - 1, 2 * PART + 5])
async def test_the_error_of_a_source(store: S3Blobs, size: int) -> None:
    with pytest.raises(ConnectionResetError):
        await store.put(WORKSPACE, broken(pattern(size), ConnectionResetError()))
    await assert_nothing(store)


async def test_over_the_limit(store: S3Blobs) -> None:
    with pytest.raises(BodyTooLarge):
        await store.put(WORKSPACE, endless(), limit=2 * PART + 5)
    await assert_nothing(store)


async def test_cancelled(store: S3Blobs) -> None:
    begun = asyncio.Event()
    put = asyncio.create_task(store.put(WORKSPACE, stalled(pattern(2 * PART + 5), begun, asyncio.Event())))
    await begun.wait()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    await assert_nothing(store)


async def test_cancelled_at_any_moment(store: S3Blobs) -> None:
    """A fine comb over the whole of a put; each leaves nothing, or a whole blob where it was too late."""
    for step in range(12):
        put = asyncio.create_task(store.put(WORKSPACE, chunked(pattern(PART + 5), MIB)))
        await asyncio.sleep(step * 0.01)
        put.cancel()
        with suppress(asyncio.CancelledError):
            await store.delete((await put).key)
        await assert_nothing(store)


async def test_more_parts_than_there_may_be(store: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "MOST_PARTS", 2)
    with pytest.raises(BodyTooLarge) as refusal:
        await store.put(WORKSPACE, chunked(bytes(2 * PART + 1)))
    assert refusal.value.extra == {"limit": 2 * PART}
    await assert_nothing(store)


async def test_memory_holds_two_parts(store: S3Blobs) -> None:
    async def source() -> AsyncIterator[bytes]:
        for number in range(1024):
            yield bytes([number % 256]) * 65536

    await store.put(WORKSPACE, chunked(pattern(PART + 1)))  # what the library makes once
    tracemalloc.start()
    try:
        await store.put(WORKSPACE, source())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 * PART + 4 * MIB


async def test_swept_by_age_but_not_in_this_process(store: S3Blobs, other: S3Blobs) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    put = asyncio.create_task(store.put(WORKSPACE, stalled(pattern(2 * PART), begun, go_on)))
    await begun.wait()
    for _ in range(200):
        if await uploads(store):
            break
        await asyncio.sleep(0.05)
    assert len(await uploads(store)) == 1
    assert await store.sweep_temporary(timedelta(0)) == 0
    assert await other.sweep_temporary(timedelta(minutes=1)) == 0
    go_on.set()
    assert (await put).size == 4 * PART


async def test_what_a_dead_process_left_is_swept(store: S3Blobs, other: S3Blobs) -> None:
    upload = await store._bucket.begin(f"blobs/{WORKSPACE.hex}/{WORKSPACE.hex}")
    assert await uploads(store) == [upload]
    assert await other.sweep_temporary(timedelta(minutes=1)) == 0
    assert await other.sweep_temporary(timedelta(0)) == 1
    assert await uploads(store) == []
