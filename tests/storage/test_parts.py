"""Blobs that come in parts on the local disk: the contract, the order of the calls, and disks that fail."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from dossier.core.errors import StorageFull
from dossier.storage import local, parts
from dossier.storage.blobs import BlobStore
from dossier.storage.errors import StorageFailed
from dossier.storage.local import LocalBlobs
from dossier.storage.sums import Sums
from tests.contracts.blob_parts import BlobPartsContract, add, nobody
from tests.contracts.blob_parts import parts as listed
from tests.contracts.blob_store import MIB, chunked, pattern, read, stalled
from tests.storage.test_local import LINUX, WORKSPACE, Disk, _open_files, disk, root, small_disk, store

KEY = f"{WORKSPACE.hex}/{0xABC00:032x}"
PART = f"blobs/.parts/W-{0xABC00:032x}"
FINAL = f"blobs/W/00/{0xABC00:032x}"


__all__ = ["disk", "root", "small_disk", "store"]  # fixtures


class TestContract(BlobPartsContract):
    @pytest.fixture
    def store(self, root: Path) -> BlobStore:
        return LocalBlobs(root)

    @pytest.fixture
    def again(self, store: BlobStore, root: Path) -> BlobStore:
        return LocalBlobs(root)


class TestOrder:
    async def test_the_first_bytes(self, store: LocalBlobs, disk: Disk) -> None:
        await add(store, KEY, 0, b"content")
        assert disk.calls == [
            *("mkdir blobs", "fsync ", "mkdir blobs/.tmp", "mkdir blobs/.parts", "fsync blobs"),
            *(f"write {PART}", f"fsync {PART}", "fsync blobs/.parts"),
        ]

    async def test_the_next_bytes(self, store: LocalBlobs, disk: Disk) -> None:
        await add(store, KEY, 0, b"content")
        disk.calls.clear()
        await add(store, KEY, 7, b" and more")
        assert disk.calls == [f"write {PART}", f"fsync {PART}"]

    async def test_the_end(self, store: LocalBlobs, disk: Disk) -> None:
        await add(store, KEY, 0, b"content")
        disk.calls.clear()
        await store.finish(KEY, 7)
        assert disk.calls == [
            *("mkdir blobs/W", "fsync blobs", "mkdir blobs/W/00", "fsync blobs/W"),
            *(f"rename {FINAL}", "fsync blobs/W/00"),
        ]

    async def test_a_blob_found_published_is_synced_too(self, store: LocalBlobs, root: Path, disk: Disk) -> None:
        await add(store, KEY, 0, b"content")
        await store.finish(KEY, 7)
        disk.calls.clear()
        await LocalBlobs(root).finish(KEY, 7)
        assert [call for call in disk.calls if call.startswith("fsync")][-1] == "fsync blobs/W/00"

    async def test_synced_now_and_then(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "DUE_BYTES", 4 * MIB)
        told: list[int] = []

        async def synced(offset: int) -> None:
            told.append(offset)

        assert await store.append(KEY, 0, chunked(pattern(15 * MIB)), synced=synced) == 15 * MIB
        assert len(told) in (2, 3)
        assert all(4 * MIB <= later - earlier <= 7 * MIB for earlier, later in zip([0, *told], told, strict=False))

    async def test_synced_in_time_for_a_slow_client(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "DUE_SECONDS", 0.0)
        told: list[int] = []

        async def synced(offset: int) -> None:
            told.append(offset)

        await store.append(KEY, 0, chunked(b"slowly", 2), synced=synced)
        assert told == [2, 4, 6]

    async def test_modes(self, store: LocalBlobs, root: Path) -> None:
        await add(store, KEY, 0, b"content")
        assert (root / ".parts").stat().st_mode & 0o777 == 0o750
        await store.finish(KEY, 7)
        assert store.local_path(KEY).stat().st_mode & 0o777 == 0o440

    async def test_the_digest_is_not_read_again(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        def read_again(_file: int) -> Sums:
            raise AssertionError("it was known")

        monkeypatch.setattr(parts, "_summed", read_again)
        for offset in range(0, 4 * MIB, MIB):
            await add(store, KEY, offset, pattern(MIB))
        assert (await store.finish(KEY, 4 * MIB)).size == 4 * MIB

    async def test_the_memory_of_hashes_is_bounded(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parts, "_KNOWN", 2)
        keys = [f"{WORKSPACE.hex}/{number:032x}" for number in range(5)]
        for key in keys:
            await add(store, key, 0, b"content")
        assert len(store._running._known) == 2
        assert {(await store.finish(key, 7)).sha256 for key in keys} == {(await store.finish(keys[0], 7)).sha256}


class TestFailingDisk:
    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    @pytest.mark.parametrize("size", [10, 5 * MIB])
    async def test_no_space(self, store: LocalBlobs, disk: Disk, code: int, size: int) -> None:
        data = pattern(size + 10)
        await add(store, KEY, 0, data[:10])
        disk.fail = {f"write {PART}": code}
        with pytest.raises(StorageFull):
            await add(store, KEY, 10, data[10:])
        disk.fail = {}
        assert await add(store, KEY, 10, data[10:]) == size + 10
        blob = await store.finish(KEY, size + 10)
        assert await read(store, blob.key) == data

    async def test_what_came_before_the_disk_was_full_counts(self, store: LocalBlobs, disk: Disk) -> None:
        """The write that fails is the last: what the ones before it wrote is synced and told."""
        data, told, written = pattern(8 * MIB), list[int](), 0

        async def synced(offset: int) -> None:
            told.append(offset)

        def before(call: str) -> None:
            nonlocal written
            if call == f"write {PART}":
                written += 1
                if written == 7:
                    disk.fail = {call: errno.ENOSPC}

        disk.before = before
        with pytest.raises(StorageFull):
            await store.append(KEY, 0, chunked(data), synced=synced)
        disk.fail, disk.before = {}, lambda call: None
        assert told == [6 * (MIB // 4)]
        assert await add(store, KEY, told[0], data[told[0] :]) == len(data)
        assert (await store.finish(KEY, len(data))).size == len(data)
        assert await read(store, KEY) == data

    async def test_a_failed_fsync_is_not_tried_again(self, store: LocalBlobs, disk: Disk) -> None:
        await add(store, KEY, 0, b"safe")
        told: list[int] = []

        async def synced(offset: int) -> None:
            told.append(offset)

        disk.fail = {f"fsync {PART}": errno.EIO}
        disk.calls.clear()
        with pytest.raises(StorageFailed):
            await store.append(KEY, 4, chunked(b" lost"), synced=synced)
        assert (disk.calls.count(f"fsync {PART}"), told) == (1, [])
        disk.fail = {}
        await add(store, KEY, 4, b" found")
        await store.finish(KEY, 10)
        assert await read(store, KEY) == b"safe found"

    @pytest.mark.parametrize("call", [f"rename {FINAL}", "fsync blobs/W/00", "mkdir blobs/W"])
    async def test_a_failed_end_can_be_tried_again(self, store: LocalBlobs, disk: Disk, call: str) -> None:
        await add(store, KEY, 0, b"content")
        disk.fail = {call: errno.EIO}
        with pytest.raises(StorageFailed):
            await store.finish(KEY, 7)
        disk.fail = {}
        assert await listed(store) == [(KEY, 7)]
        disk.calls.clear()
        await store.finish(KEY, 7)
        assert disk.calls[-2:] == [f"rename {FINAL}", "fsync blobs/W/00"]
        assert await read(store, KEY) == b"content"

    async def test_a_write_that_lies_is_found(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[1:]) + 1)
        with pytest.raises(StorageFailed):
            await add(store, KEY, 0, pattern(MIB))

    async def test_short_writes_are_continued(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2 + 1]))
        await add(store, KEY, 0, pattern(2 * MIB))
        await store.finish(KEY, 2 * MIB)
        assert await read(store, KEY) == pattern(2 * MIB)

    async def test_a_real_full_disk(self, small_disk: Path) -> None:
        store, data, told = LocalBlobs(small_disk / "blobs"), pattern(5 * MIB), [0]
        ballast = small_disk / "ballast"
        ballast.write_bytes(bytes(MIB))

        async def synced(offset: int) -> None:
            told.append(offset)

        for least in (2 * MIB, 3 * MIB):
            with pytest.raises(StorageFull):
                await store.append(KEY, told[-1], chunked(data[told[-1] :]), synced=synced)
            assert told[-1] > least
            ballast.unlink(missing_ok=True)
        assert (await store.finish(KEY, told[-1])).size == told[-1]
        assert await read(store, KEY) == data[: told[-1]]


class TestCancelledInAThread:
    @pytest.mark.parametrize("call", [f"write {PART}", f"fsync {PART}"])
    @pytest.mark.parametrize("writers", [1, 16])
    async def test_the_next_one_finds_order(
        self, root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, call: str, writers: int
    ) -> None:
        """The thread cannot be stopped; whatever it still does, offset and bytes fit together."""
        monkeypatch.setattr(local, "_WRITERS", writers)
        store, data, told = LocalBlobs(root), pattern(5 * MIB), [0]

        async def synced(offset: int) -> None:
            told.append(offset)

        entered, go_on = disk.hold(call)
        appending = asyncio.create_task(store.append(KEY, 0, chunked(data), synced=synced))
        await asyncio.to_thread(entered.wait)
        for _ in range(2):
            appending.cancel()
            await asyncio.sleep(0.02)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await appending
        disk.before = lambda call: None
        for _ in range(20):
            await asyncio.sleep(0.02)
        assert await add(store, KEY, told[-1], data[told[-1] :]) == len(data)
        assert (await store.finish(KEY, len(data))).size == len(data)
        assert await read(store, KEY) == data

    @LINUX
    async def test_no_file_stays_open(self, store: LocalBlobs) -> None:
        for _ in range(10):
            begun = asyncio.Event()
            chunks = stalled(bytes(3 * MIB), begun, asyncio.Event())
            appending = asyncio.create_task(store.append(KEY, 0, chunks, synced=nobody))
            await begun.wait()
            appending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await appending
        assert _open_files(store) == 0
