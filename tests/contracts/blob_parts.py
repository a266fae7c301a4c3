"""What every blob store must do with blobs that come in parts: as ``blob_store.py``, of append, finish and drop."""

import asyncio
import hashlib
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from dossier.storage.blobs import BlobStore, new_key
from dossier.storage.errors import BadKey, BlobDamaged, BlobMissing, PartBusy, Unhashed
from tests.contracts.blob_store import BAD_KEYS, MIB, broken, chunked, listed, pattern, read, stalled


async def nobody(_offset: int) -> None:
    """Hears of what is durable, and forgets it."""


async def add(store: BlobStore, key: str, offset: int, data: bytes, chunk: int = 65536) -> int:
    return await store.append(key, offset, chunked(data, chunk), synced=nobody)


async def parts(store: BlobStore, prefix: str = "") -> list[tuple[str, int]]:
    return sorted([(entry.key, entry.size) async for entry in store.parts(prefix)])


class BlobPartsContract:
    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    @pytest.fixture
    def again(self, store: BlobStore) -> BlobStore:
        """The same store as another process, or the next one, sees it."""
        raise NotImplementedError

    @pytest.fixture
    def workspace(self) -> UUID:
        return uuid4()

    @pytest.fixture
    def key(self, workspace: UUID) -> str:
        return new_key(workspace)

    @pytest.mark.parametrize("cuts", [[], [1], [8191, 8193], [MIB], [MIB + 1, 2 * MIB], [5, 3 * MIB + 4]])
    async def test_what_came_in_parts_is_read_whole(self, store: BlobStore, key: str, cuts: list[int]) -> None:
        data, at = pattern(3 * MIB + 5), 0
        for end in [*cuts, len(data)]:
            assert await add(store, key, at, data[at:end]) == end
            at = end
        blob = await store.finish(key, len(data))
        assert (blob.key, blob.size, blob.sha256) == (key, len(data), hashlib.sha256(data).digest())
        assert blob.crc32 == zlib.crc32(data)
        assert blob.head == data[:8192]
        assert await read(store, key) == data
        assert [entry.key for entry in await listed(store)] == [key]

    async def test_the_next_process_goes_on(self, store: BlobStore, again: BlobStore, key: str) -> None:
        data = pattern(2 * MIB)
        await add(store, key, 0, data[: MIB + 3])
        assert await add(again, key, MIB + 3, data[MIB + 3 :]) == len(data)
        blob = await again.finish(key, len(data))
        assert (blob.sha256, blob.crc32 or zlib.crc32(data)) == (hashlib.sha256(data).digest(), zlib.crc32(data))

    async def test_finished_in_another_process(self, store: BlobStore, again: BlobStore, key: str) -> None:
        data = pattern(MIB)
        await add(store, key, 0, data)
        assert (await again.finish(key, MIB)).sha256 == hashlib.sha256(data).digest()
        assert await read(store, key) == data

    async def test_a_digest_that_nobody_knows_is_read_if_asked_for(
        self, store: BlobStore, again: BlobStore, key: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = pattern(6 * MIB)
        for start in range(0, 6 * MIB, 3 * MIB):
            await add(store, key, start, data[start : start + 3 * MIB])
        for _ in range(2):
            with pytest.raises(Unhashed):
                await again.finish(key, 6 * MIB, most_read=6 * MIB - 1)
        blob = await again.finish(key, 6 * MIB, most_read=6 * MIB)
        assert (blob.sha256, blob.crc32) == (hashlib.sha256(data).digest(), zlib.crc32(data))
        with pytest.raises(Unhashed):
            await again.finish(key, 6 * MIB, most_read=0)
        assert (await again.finish(key, 6 * MIB, bytes(32), most_read=0)).sha256 == bytes(32)

    async def test_a_digest_that_is_known_is_not_read(self, store: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        assert (await store.finish(key, 7, most_read=0)).sha256 == hashlib.sha256(b"content").digest()

    async def test_an_offer_that_there_may_be(self, store: BlobStore, key: str) -> None:
        assert (await store.offer(key, 7) is not None) == store.offers
        with pytest.raises(BadKey):
            await store.offer("../x", 7)

    async def test_nothing_at_all(self, store: BlobStore, key: str) -> None:
        assert await add(store, key, 0, b"") == 0
        blob = await store.finish(key, 0)
        assert (blob.sha256, await read(store, key)) == (hashlib.sha256().digest(), b"")

    async def test_finished_twice(self, store: BlobStore, again: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        first = await store.finish(key, 7)
        for each in (store, again):  # a store that has verified the digest is not read for the CRC-32
            assert await each.finish(key, 7) in (first, replace(first, crc32=None))

    async def test_a_digest_that_is_known_is_believed(self, store: BlobStore, again: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        told = bytes(32)
        blob = await again.finish(key, 7, told)
        assert (blob.sha256, blob.crc32) == (told, None)

    async def test_what_is_finished_takes_no_more(self, store: BlobStore, again: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        await store.finish(key, 7)
        for each in (store, again):
            assert await add(each, key, 2, b"el") == 4
            assert await add(each, key, 3, b"else and more") == 7
        assert await read(store, key) == b"content"

    async def test_what_lies_behind_the_offset_is_thrown_away(
        self, store: BlobStore, again: BlobStore, key: str
    ) -> None:
        await add(store, key, 0, b"right and wrong")
        assert await add(again, key, 6, b"left") == 10
        assert (await again.finish(key, 10)).sha256 == hashlib.sha256(b"right left").digest()

    async def test_thrown_away_in_the_same_process(self, store: BlobStore, key: str) -> None:
        await add(store, key, 0, b"right and wrong")
        await add(store, key, 6, b"left")
        assert (await store.finish(key, 10)).sha256 == hashlib.sha256(b"right left").digest()

    @pytest.mark.parametrize("size", [0, 100, 3 * MIB])
    async def test_a_cut_keeps_what_came(self, store: BlobStore, key: str, size: int) -> None:
        data, told = pattern(size + 10), list[int]()
        error = ConnectionResetError("the client has gone")

        async def synced(offset: int) -> None:
            told.append(offset)

        with pytest.raises(ConnectionResetError) as raised:
            await store.append(key, 0, broken(data[:size], error), synced=synced)
        assert raised.value is error
        assert told == ([size] if size else [])
        assert await add(store, key, size, data[size:]) == size + 10
        assert (await store.finish(key, size + 10)).sha256 == hashlib.sha256(data).digest()

    @pytest.mark.parametrize("size", [100, 3 * MIB])
    async def test_cancelled(self, store: BlobStore, again: BlobStore, key: str, size: int) -> None:
        data, told, begun = pattern(size), list[int](), asyncio.Event()

        async def synced(offset: int) -> None:
            told.append(offset)

        appending = asyncio.create_task(store.append(key, 0, stalled(data, begun, asyncio.Event()), synced=synced))
        await begun.wait()
        appending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await appending
        assert told == [size]
        assert (await again.finish(key, size)).sha256 == hashlib.sha256(data).digest()

    async def test_one_at_a_time(self, store: BlobStore, again: BlobStore, key: str) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        first = asyncio.create_task(store.append(key, 0, stalled(b"ab", begun, go_on), synced=nobody))
        await begun.wait()
        for each in (store, again):
            with pytest.raises(PartBusy):
                await add(each, key, 0, b"cd")
            with pytest.raises(PartBusy):
                await each.finish(key, 0)
        go_on.set()
        assert await first == 4
        assert (await store.finish(key, 4)).head == b"abab"

    async def test_a_missing_part(self, store: BlobStore, key: str) -> None:
        with pytest.raises(BlobMissing):
            await add(store, key, 1, b"x")
        with pytest.raises(BlobMissing):
            await store.finish(key, 1)
        assert await parts(store) == []

    async def test_fewer_bytes_than_the_caller_knows_of(self, store: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        with pytest.raises(BlobDamaged):
            await add(store, key, 8, b"x")
        with pytest.raises(BlobDamaged):
            await store.finish(key, 8)
        assert await add(store, key, 7, b"!") == 8

    async def test_drop(self, store: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        await store.drop(key)
        await store.drop(key)
        assert await parts(store) == []
        assert await add(store, key, 0, b"afresh") == 6

    async def test_a_finished_blob_is_not_dropped(self, store: BlobStore, key: str) -> None:
        await add(store, key, 0, b"content")
        await store.finish(key, 7)
        await store.drop(key)
        assert await read(store, key) == b"content"

    async def test_parts_are_listed_apart(self, store: BlobStore, workspace: UUID, key: str) -> None:
        other = new_key(uuid4())
        await add(store, key, 0, b"content")
        await add(store, other, 0, b"foreign")
        assert await parts(store) == sorted([(key, 7), (other, 7)])
        assert await parts(store, workspace.hex) == [(key, 7)]
        assert await listed(store) == []
        assert await store.sweep_temporary(timedelta(0)) == 0
        await store.finish(key, 7)
        assert await parts(store, workspace.hex) == []

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_a_bad_key_goes_nowhere(self, store: BlobStore, key: str) -> None:
        for verb in (add(store, key, 0, b"x"), store.finish(key, 0), store.drop(key)):
            with pytest.raises(BadKey):
                await verb

    async def test_memory_stays_flat(self, store: BlobStore, key: str) -> None:
        async def source() -> AsyncIterator[bytes]:
            for number in range(512):
                yield bytes([number % 256]) * 65536

        tracemalloc.start()
        try:
            await store.append(key, 0, source(), synced=nobody)
            await store.finish(key, 32 * MIB)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 16 * MIB

    async def test_a_stalled_client_holds_up_nobody(self, store: BlobStore, workspace: UUID) -> None:
        begun, go_on = [asyncio.Event() for _ in range(40)], asyncio.Event()
        slow = [
            asyncio.create_task(store.append(new_key(workspace), 0, stalled(bytes(MIB), event, go_on), synced=nobody))
            for event in begun
        ]
        await asyncio.gather(*(event.wait() for event in begun))
        quick = new_key(workspace)
        assert await asyncio.wait_for(add(store, quick, 0, pattern(3 * MIB)), 20) == 3 * MIB
        go_on.set()
        assert set(await asyncio.gather(*slow)) == {2 * MIB}
