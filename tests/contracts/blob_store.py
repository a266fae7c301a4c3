"""What every blob store must do: its test file subclasses ``BlobStoreContract`` and gives the fixture ``store``."""

import asyncio
import hashlib
import tracemalloc
import zlib
from array import array
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from dossier.storage.blobs import BlobEntry, BlobStore, StoredBlob, Whole, new_key
from dossier.storage.errors import BadKey, BlobDamaged, BlobMissing, BodyTooLarge

MIB = 1 << 20
BAD_KEYS = [
    "",
    "x",
    "../x",
    "/etc/passwd",
    f"{'a' * 32}/../{'b' * 32}",
    f"{'a' * 32}/..",
    f"../{'a' * 32}/{'b' * 32}",
    f"/{'a' * 32}/{'b' * 32}",
    f"{'a' * 32}/{'b' * 31}\0",
    f"{'a' * 32}/{'b' * 32}\n",
    f"{'a' * 32}/{'B' * 32}",
    f"{'a' * 32}\\{'b' * 32}",
    f"{'a' * 32}/{'b' * 32}/",
    f"{'a' * 32}/{'１' * 32}",
]


async def chunked(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    """The bytes as a request would bring them."""
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 65536


async def stalled(data: bytes, begun: asyncio.Event, go_on: asyncio.Event) -> AsyncIterator[bytes]:
    """A client that sends ``data``, waits for ``go_on`` and sends it again."""
    async for chunk in chunked(data):
        yield chunk
    begun.set()
    await go_on.wait()
    async for chunk in chunked(data):
        yield chunk


async def broken(data: bytes, error: BaseException) -> AsyncIterator[bytes]:
    async for chunk in chunked(data):
        yield chunk
    raise error


async def read(store: BlobStore, key: str, start: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.open(key, start, length)])


async def listed(store: BlobStore, prefix: str = "") -> list[BlobEntry]:
    return sorted([entry async for entry in store.keys(prefix)], key=lambda entry: entry.key)


async def assert_nothing_left(store: BlobStore) -> None:
    assert await listed(store) == []
    assert await store.sweep_temporary(timedelta(0)) == 0


def pattern(size: int) -> bytes:
    """Bytes that differ from place to place, so that a shifted piece is seen."""
    return array("I", range(size // 4 + 1)).tobytes()[:size]


class BlobStoreContract:
    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError

    @pytest.fixture
    def workspace(self) -> UUID:
        return uuid4()

    @pytest.fixture
    async def blob(self, store: BlobStore, workspace: UUID) -> StoredBlob:
        return await store.put(workspace, chunked(pattern(3 * MIB + 5)))

    @pytest.mark.parametrize("size", [0, 1, 8191, 8193, 256 * 1024, MIB - 1, MIB, MIB + 1, 3 * MIB + 5])
    async def test_what_was_put_is_read(self, store: BlobStore, workspace: UUID, size: int) -> None:
        data = pattern(size)
        blob = await store.put(workspace, chunked(data))
        assert (blob.size, blob.sha256, blob.head) == (size, hashlib.sha256(data).digest(), data[:8192])
        assert blob.crc32 == zlib.crc32(data)
        assert blob.key.startswith(f"{workspace.hex}/")
        assert await read(store, blob.key) == data
        assert await store.size(blob.key) == size

    @pytest.mark.parametrize("size", [1, 3, 1000, 5 * MIB])
    async def test_the_size_of_chunks_does_not_matter(self, store: BlobStore, workspace: UUID, size: int) -> None:
        data = pattern(20_000 if size < 1000 else 3 * MIB)
        blob = await store.put(workspace, chunked(data, size))
        assert (blob.sha256, blob.crc32, blob.head) == (hashlib.sha256(data).digest(), zlib.crc32(data), data[:8192])
        assert await read(store, blob.key) == data

    async def test_empty_chunks_are_no_end(self, store: BlobStore, workspace: UUID) -> None:
        async def source() -> AsyncIterator[bytes]:
            for chunk in (b"", b"a", b"", b"b", b""):
                yield chunk

        assert await read(store, (await store.put(workspace, source())).key) == b"ab"

    @pytest.mark.parametrize(
        ("start", "length"),
        [
            (0, 1),
            (1, 1),
            (0, 0),
            (MIB - 1, 2),
            (5, None),
            (2 * MIB, None),
            (0, 3 * MIB + 5),
            (3 * MIB + 4, 1),
            (3 * MIB + 5, None),
            (3 * MIB + 5, 0),
            (9 * MIB, None),
        ],
    )
    async def test_a_range(self, store: BlobStore, blob: StoredBlob, start: int, length: int | None) -> None:
        end = None if length is None else start + length
        assert await read(store, blob.key, start, length) == pattern(blob.size)[start:end]

    @pytest.mark.parametrize(("start", "length"), [(0, 3 * MIB + 6), (3 * MIB + 5, 1), (9 * MIB, 1)])
    async def test_a_range_beyond_the_end_gives_no_byte(
        self, store: BlobStore, blob: StoredBlob, start: int, length: int
    ) -> None:
        with pytest.raises(BlobDamaged):
            await anext(store.open(blob.key, start, length))

    async def test_chunks_are_small(self, store: BlobStore, blob: StoredBlob) -> None:
        assert max([len(chunk) async for chunk in store.open(blob.key)]) <= MIB

    async def test_a_reader_may_stop_early(self, store: BlobStore, blob: StoredBlob) -> None:
        async for chunk in store.open(blob.key):
            assert pattern(MIB).startswith(chunk)
            break
        assert await read(store, blob.key) == pattern(blob.size)

    async def test_many_are_joined(self, store: BlobStore, workspace: UUID) -> None:
        sizes = [0, 1, 10_000, MIB - 1, MIB, 3 * MIB + 5, 7, *[100] * 20]
        blobs = [await store.put(workspace, chunked(pattern(size))) for size in sizes]

        async def pieces() -> AsyncGenerator[bytes | Whole, None]:
            for blob in blobs:
                yield b"before"
                yield Whole(blob.key, blob.size)
            yield pattern(200_000)
            yield b"end"

        chunks = [chunk async for chunk in store.join(pieces())]
        wanted = b"".join([b"before" + pattern(size) for size in sizes]) + pattern(200_000) + b"end"
        assert b"".join(chunks) == wanted
        assert max(map(len, chunks)) < 2 * MIB
        assert len(chunks) < 30

    @pytest.mark.parametrize("size", [3, 3 * MIB + 6])
    async def test_one_that_is_not_as_long_is_not_joined(self, store: BlobStore, workspace: UUID, size: int) -> None:
        blobs = [await store.put(workspace, chunked(pattern(each))) for each in (3 * MIB + 5, 2)]
        key = blobs[size == 3].key

        async def pieces() -> AsyncGenerator[bytes | Whole, None]:
            try:
                yield Whole(blobs[0].key, blobs[0].size)
                yield Whole(key, size)
            finally:
                closed.append(True)

        closed = list[bool]()
        with pytest.raises(BlobDamaged):
            [chunk async for chunk in store.join(pieces())]
        assert closed

    async def test_one_that_is_gone_is_not_joined(self, store: BlobStore, workspace: UUID) -> None:
        blob = await store.put(workspace, chunked(pattern(3 * MIB)))

        async def pieces() -> AsyncGenerator[bytes | Whole, None]:
            yield Whole(blob.key, blob.size)
            yield Whole(new_key(workspace), 5)

        chunks, sent = store.join(pieces()), list[bytes]()
        with pytest.raises(BlobMissing):  # noqa: PT012  # what comes before the fault is kept
            async for chunk in chunks:
                sent.append(chunk)
        assert pattern(3 * MIB).startswith(b"".join(sent))
        assert sum(map(len, sent)) >= 2 * MIB

    async def test_the_error_of_pieces_goes_through_the_join(self, store: BlobStore, blob: StoredBlob) -> None:
        async def pieces() -> AsyncGenerator[bytes | Whole, None]:
            yield Whole(blob.key, blob.size)
            raise ConnectionResetError

        with pytest.raises(ConnectionResetError):
            [chunk async for chunk in store.join(pieces())]

    async def test_a_join_that_is_given_up_closes_its_pieces(
        self, store: BlobStore, workspace: UUID, blob: StoredBlob
    ) -> None:
        closed, small = list[bool](), await store.put(workspace, chunked(pattern(MIB)))

        async def pieces() -> AsyncGenerator[bytes | Whole, None]:
            try:
                while True:
                    yield Whole(blob.key, blob.size)
                    for _ in range(9):
                        yield Whole(small.key, small.size)
            finally:
                closed.append(True)

        chunks = store.join(pieces())
        for _ in range(6):
            await anext(chunks)
        await chunks.aclose()
        assert closed
        assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]

    async def test_the_limit_itself_is_allowed(self, store: BlobStore, workspace: UUID) -> None:
        assert (await store.put(workspace, chunked(bytes(2 * MIB)), limit=2 * MIB)).size == 2 * MIB

    @pytest.mark.parametrize("limit", [0, 100, MIB, 3 * MIB])
    async def test_over_the_limit_nothing_is_left(self, store: BlobStore, workspace: UUID, limit: int) -> None:
        with pytest.raises(BodyTooLarge) as refusal:
            await store.put(workspace, endless(), limit=limit)
        assert refusal.value.extra == {"limit": limit}
        await assert_nothing_left(store)

    @pytest.mark.parametrize("size", [0, 100, 3 * MIB])
    async def test_the_error_of_a_source_goes_through(self, store: BlobStore, workspace: UUID, size: int) -> None:
        error = ConnectionResetError("the client has gone")
        with pytest.raises(ConnectionResetError) as raised:
            await store.put(workspace, broken(bytes(size), error))
        assert raised.value is error
        await assert_nothing_left(store)

    @pytest.mark.parametrize("size", [0, 100, 3 * MIB])
    async def test_a_cancelled_put_leaves_nothing(self, store: BlobStore, workspace: UUID, size: int) -> None:
        begun = asyncio.Event()
        put = asyncio.create_task(store.put(workspace, stalled(bytes(size), begun, asyncio.Event())))
        await begun.wait()
        put.cancel()
        with pytest.raises(asyncio.CancelledError):
            await put
        await assert_nothing_left(store)

    async def test_the_same_content_at_once(self, store: BlobStore, workspace: UUID) -> None:
        data = pattern(MIB + 7)
        blobs = await asyncio.gather(*(store.put(workspace, chunked(data)) for _ in range(8)))
        assert len({blob.key for blob in blobs}) == 8
        assert {blob.sha256 for blob in blobs} == {hashlib.sha256(data).digest()}
        for blob in blobs:
            assert await read(store, blob.key) == data

    async def test_a_stalled_client_holds_up_nobody(self, store: BlobStore, workspace: UUID) -> None:
        begun, go_on = [asyncio.Event() for _ in range(40)], asyncio.Event()
        slow = [asyncio.create_task(store.put(workspace, stalled(bytes(MIB), event, go_on))) for event in begun]
        await asyncio.gather(*(event.wait() for event in begun))
        blob = await asyncio.wait_for(store.put(workspace, chunked(pattern(3 * MIB))), 20)
        assert await asyncio.wait_for(read(store, blob.key), 20) == pattern(3 * MIB)
        go_on.set()
        assert {blob.size for blob in await asyncio.gather(*slow)} == {2 * MIB}

    async def test_delete(self, store: BlobStore, workspace: UUID, blob: StoredBlob) -> None:
        other = await store.put(workspace, chunked(b"stays"))
        await store.delete(blob.key)
        await store.delete(blob.key)
        assert [entry.key for entry in await listed(store)] == [other.key]

    async def test_a_missing_blob(self, store: BlobStore) -> None:
        key = f"{uuid4().hex}/{uuid4().hex}"
        with pytest.raises(BlobMissing) as missing:
            await store.size(key)
        assert key not in str(missing.value)
        with pytest.raises(BlobMissing):
            await anext(store.open(key))
        await store.delete(key)

    async def test_keys(self, store: BlobStore) -> None:
        before = datetime.now(UTC) - timedelta(seconds=5)
        mine, other = uuid4(), uuid4()
        blobs = [await store.put(mine, chunked(bytes(size))) for size in range(5)]
        foreign = await store.put(other, chunked(b"foreign"))
        entries = await listed(store)
        assert {(entry.key, entry.size) for entry in entries} == {(blob.key, blob.size) for blob in [*blobs, foreign]}
        assert all(before <= entry.modified_at <= datetime.now(UTC) + timedelta(seconds=5) for entry in entries)
        assert [entry.key for entry in await listed(store, f"{mine.hex}/")] == sorted(blob.key for blob in blobs)
        assert [entry.key for entry in await listed(store, blobs[2].key)] == [blobs[2].key]

    @pytest.mark.parametrize("prefix", ["..", "/", "\0", "zz", f"{'0' * 32}/", f"{'0' * 32}/../"])
    async def test_a_prefix_that_nothing_has(self, store: BlobStore, blob: StoredBlob, prefix: str) -> None:
        assert await listed(store, prefix) == []
        assert len(await listed(store, blob.key[:5])) == 1

    async def test_an_unfinished_blob_is_not_listed(self, store: BlobStore, workspace: UUID) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        put = asyncio.create_task(store.put(workspace, stalled(bytes(3 * MIB), begun, go_on)))
        await begun.wait()
        assert await listed(store) == []
        go_on.set()
        blob = await put
        assert [entry.key for entry in await listed(store)] == [blob.key]

    @pytest.mark.parametrize("key", BAD_KEYS)
    async def test_a_bad_key_goes_nowhere(self, store: BlobStore, key: str) -> None:
        with pytest.raises(BadKey):
            store.open(key)
        with pytest.raises(BadKey):
            store.local_path(key)
        with pytest.raises(BadKey):
            await store.size(key)
        with pytest.raises(BadKey):
            await store.delete(key)

    async def test_under_a_key_that_the_caller_knows(self, store: BlobStore, workspace: UUID) -> None:
        key = new_key(workspace)
        blob = await store.put(workspace, chunked(b"content"), key=key)
        assert (blob.key, await read(store, key)) == (key, b"content")

    @pytest.mark.parametrize("key", BAD_KEYS[1:])
    async def test_not_under_a_bad_key(self, store: BlobStore, workspace: UUID, key: str) -> None:
        with pytest.raises(BadKey):
            await store.put(workspace, chunked(b"content"), key=key)
        await assert_nothing_left(store)

    async def test_a_link_is_none_or_an_address(self, store: BlobStore, blob: StoredBlob) -> None:
        link = await store.link(blob.key, disposition="attachment", media_type="text/plain")
        assert link is None or link.startswith(("http://", "https://"))
        with pytest.raises(BadKey):
            await store.link("../x", disposition="attachment", media_type="text/plain")

    async def test_local_path(self, store: BlobStore, blob: StoredBlob) -> None:
        path = store.local_path(blob.key)
        assert path is None or await asyncio.to_thread(path.read_bytes) == pattern(blob.size)

    async def test_memory_stays_flat(self, store: BlobStore, workspace: UUID) -> None:
        async def source() -> AsyncIterator[bytes]:
            for number in range(512):
                yield bytes([number % 256]) * 65536

        tracemalloc.start()
        try:
            blob = await store.put(workspace, source())
            digest = hashlib.sha256()
            async for chunk in store.open(blob.key):
                digest.update(chunk)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert (blob.size, blob.sha256) == (32 * MIB, digest.digest())
        assert peak < 16 * MIB

    async def test_a_live_upload_is_not_swept(self, store: BlobStore, workspace: UUID) -> None:
        begun, go_on = asyncio.Event(), asyncio.Event()
        put = asyncio.create_task(store.put(workspace, stalled(pattern(3 * MIB), begun, go_on)))
        await begun.wait()
        assert await store.sweep_temporary(timedelta(0)) == 0
        go_on.set()
        assert await read(store, (await put).key) == pattern(3 * MIB) * 2

    async def test_check(self, store: BlobStore) -> None:
        await store.check()
        await assert_nothing_left(store)
