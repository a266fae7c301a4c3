"""The local store: the contract, the order of its system calls, and disks that fail."""

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from uuid import UUID, uuid4

import pytest

from dossier.core.errors import StorageFull
from dossier.storage import files, local
from dossier.storage.blobs import BlobStore
from dossier.storage.errors import BlobDamaged, StorageFailed
from dossier.storage.local import LocalBlobs
from tests.contracts.blob_store import (
    MIB,
    BlobStoreContract,
    assert_nothing_left,
    chunked,
    listed,
    pattern,
    read,
    stalled,
)

WORKSPACE = UUID(int=0xABC)
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="asks /proc or the kernel of Linux")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "blobs"


@pytest.fixture
def store(root: Path) -> LocalBlobs:
    return LocalBlobs(root)


class TestContract(BlobStoreContract):
    @pytest.fixture
    def store(self, root: Path) -> BlobStore:
        return LocalBlobs(root)


class Disk:
    """Stands between the store and ``os``: records the calls below ``base`` and fails those it is told to."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.calls: list[str] = []
        self.fail: dict[str, int] = {}
        self.before: Callable[[str], None] = lambda call: None
        self._names: dict[int, str] = {}

    def name(self, path: Any) -> str:
        """The path below ``base``, with ``W`` for the workspace and ``T`` for any file in ``.tmp``."""
        text = str(path).removeprefix(str(self.base)).strip("/").replace(WORKSPACE.hex, "W")
        return ".tmp/T" if text.startswith("blobs/.tmp/") else text

    def record(self, call: str) -> None:
        self.before(call)
        self.calls.append(call)
        if call in self.fail:
            raise OSError(self.fail[call], "told to fail")

    def hold(self, call: str) -> tuple[threading.Event, threading.Event]:
        """Two events: ``call`` has begun; it may go on."""
        entered, go_on = threading.Event(), threading.Event()

        def before(seen: str) -> None:
            if seen == call:
                entered.set()
                go_on.wait(10)

        self.before = before
        return entered, go_on

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "open", self._opening(os.open))
        monkeypatch.setattr(os, "close", self._closing(os.close))
        for call in ("write", "fsync"):
            monkeypatch.setattr(os, call, self._on_file(call, getattr(os, call)))
        for call in ("rename", "mkdir"):
            monkeypatch.setattr(os, call, self._on_path(call, getattr(os, call)))

    def _opening(self, really: Callable[..., int]) -> Callable[..., int]:
        def run(path: Any, *args: Any, **kwargs: Any) -> int:
            file = really(path, *args, **kwargs)
            if str(path).startswith(str(self.base)):
                self._names[file] = self.name(path)
            return file

        return run

    def _closing(self, really: Callable[[int], None]) -> Callable[[int], None]:
        def run(file: int) -> None:
            self._names.pop(file, None)
            really(file)

        return run

    def _on_file(self, call: str, really: Callable[..., Any]) -> Callable[..., Any]:
        def run(file: int, *args: Any) -> Any:
            if file in self._names:
                self.record(f"{call} {self._names[file]}")
            return really(file, *args)

        return run

    def _on_path(self, call: str, really: Callable[..., Any]) -> Callable[..., Any]:
        """The failure comes after the deed: the harder case, for it has to be undone."""

        def run(path: Any, *args: Any, **kwargs: Any) -> Any:
            done = really(path, *args, **kwargs)
            self.record(f"{call} {self.name(args[0] if call == 'rename' else path)}")
            return done

        return run


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(tmp_path)
    disk.install(monkeypatch)
    return disk


@pytest.fixture
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of one shard: `…00`, for the last two digits of a real one are random."""
    numbers = iter(range(256, 1 << 20, 256))
    monkeypatch.setattr(local, "new_key", lambda workspace_id: f"{workspace_id.hex}/{next(numbers):032x}")


def final(call: str) -> str:
    return f"{call} blobs/W/00/{256:032x}"


FIRST = ["mkdir blobs", "fsync ", "mkdir blobs/.tmp"]
NEW_WORKSPACE = ["mkdir blobs/W", "fsync blobs", "mkdir blobs/W/00", "fsync blobs/W"]


@pytest.mark.usefixtures("one_key")
class TestOrder:
    async def test_the_first_blob(self, store: LocalBlobs, disk: Disk) -> None:
        await store.put(WORKSPACE, chunked(b"content"))
        assert disk.calls == [
            *FIRST,
            "write .tmp/T",
            "fsync .tmp/T",
            *NEW_WORKSPACE,
            final("rename"),
            "fsync blobs/W/00",
        ]

    async def test_the_second_blob_in_its_shard(self, store: LocalBlobs, disk: Disk) -> None:
        await store.put(WORKSPACE, chunked(b"content"))
        disk.calls.clear()
        second = await store.put(WORKSPACE, chunked(b"content"))
        name = f"rename blobs/W/00/{second.key[33:]}"
        assert disk.calls == ["write .tmp/T", "fsync .tmp/T", name, "fsync blobs/W/00"]

    async def test_a_directory_of_another_process_is_synced_too(
        self, store: LocalBlobs, root: Path, disk: Disk
    ) -> None:
        (root / ".tmp").mkdir(parents=True)
        (root / WORKSPACE.hex / "00").mkdir(parents=True)
        disk.calls.clear()
        await store.put(WORKSPACE, chunked(b"content"))
        synced = [call for call in disk.calls if call.startswith("fsync")]
        assert synced == ["fsync .tmp/T", "fsync blobs", "fsync blobs/W", "fsync blobs/W/00"]

    async def test_the_memory_of_directories_is_bounded(
        self, store: LocalBlobs, disk: Disk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(files, "_KNOWN", 2)
        for number in range(5):
            await store.put(UUID(int=number), chunked(b"content"))
        assert len(store._directories._known) <= 2

    async def test_a_big_blob_is_synced_once_after_its_last_write(self, store: LocalBlobs, disk: Disk) -> None:
        await store.put(WORKSPACE, chunked(bytes(5 * MIB)))
        about_the_file = [call for call in disk.calls if call.endswith(".tmp/T")]
        assert about_the_file == ["write .tmp/T"] * 20 + ["fsync .tmp/T"]

    async def test_a_small_blob_takes_one_hop(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        submit = Mock(wraps=store._writers.submit)
        monkeypatch.setattr(store._writers, "submit", submit)
        await store.put(WORKSPACE, chunked(bytes(256 * 1024)))
        assert submit.call_count == 1

    async def test_a_late_thread_does_not_mix_up_the_content(
        self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = files.Upload.write

        def late(upload: files.Upload, buffer: files.Buffer) -> None:
            time.sleep(0.05)
            write(upload, buffer)

        monkeypatch.setattr(files.Upload, "write", late)
        blob = await store.put(WORKSPACE, chunked(pattern(3 * MIB + 5)))
        assert await read(store, blob.key) == pattern(3 * MIB + 5)

    async def test_modes(self, store: LocalBlobs, root: Path) -> None:
        path = store.local_path((await store.put(WORKSPACE, chunked(b"content"))).key)
        assert path.stat().st_mode & 0o777 == 0o440
        for directory in (path.parent, path.parent.parent, root / ".tmp"):
            assert directory.stat().st_mode & 0o777 == 0o750


FSYNCS = ["fsync ", "fsync .tmp/T", "fsync blobs", "fsync blobs/W", "fsync blobs/W/00"]


@pytest.mark.usefixtures("one_key")
class TestFailingDisk:
    @pytest.mark.parametrize("call", FSYNCS)
    async def test_a_failed_fsync_is_not_tried_again(self, store: LocalBlobs, disk: Disk, call: str) -> None:
        disk.fail = {call: errno.EIO}
        with pytest.raises(StorageFailed):
            await store.put(WORKSPACE, chunked(b"content"))
        assert disk.calls.count(call) == 1
        disk.fail = {}
        await assert_nothing_left(store)
        blob = await store.put(WORKSPACE, chunked(b"later"))
        assert await read(store, blob.key) == b"later"

    @pytest.mark.parametrize("call", ["fsync blobs", "fsync blobs/W"])
    async def test_a_directory_whose_entry_was_lost_is_made_anew(
        self, store: LocalBlobs, disk: Disk, call: str
    ) -> None:
        disk.fail = {call: errno.EIO}
        with pytest.raises(StorageFailed):
            await store.put(WORKSPACE, chunked(b"content"))
        disk.fail = {}
        disk.calls.clear()
        await store.put(WORKSPACE, chunked(b"later"))
        assert disk.calls[disk.calls.index(call) - 1].startswith("mkdir")

    @pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
    @pytest.mark.parametrize("size", [10, 5 * MIB])
    @pytest.mark.parametrize("call", ["write .tmp/T", "fsync .tmp/T", "mkdir blobs/W", "fsync blobs/W/00"])
    async def test_no_space(self, store: LocalBlobs, disk: Disk, code: int, size: int, call: str) -> None:
        disk.fail = {call: code}
        with pytest.raises(StorageFull):
            await store.put(WORKSPACE, chunked(pattern(size)))
        await assert_nothing_left(store)
        disk.fail = {}
        blob = await store.put(WORKSPACE, chunked(pattern(size)))
        assert await read(store, blob.key) == pattern(size)

    @pytest.mark.parametrize("call", ["write .tmp/T", final("rename"), "mkdir blobs/W", "mkdir blobs"])
    async def test_other_errors(self, store: LocalBlobs, disk: Disk, call: str) -> None:
        disk.fail = {call: errno.EIO}
        with pytest.raises(StorageFailed) as failure:
            await store.put(WORKSPACE, chunked(b"content"))
        assert "told to fail" not in str(failure.value)
        await assert_nothing_left(store)

    async def test_short_writes_are_continued(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2 + 1]))
        blob = await store.put(WORKSPACE, chunked(pattern(2 * MIB)))
        assert await read(store, blob.key) == pattern(2 * MIB)

    async def test_a_write_that_lies_is_found(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        write = os.write
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[1:]) + 1)
        with pytest.raises(StorageFailed):
            await store.put(WORKSPACE, chunked(pattern(MIB)))
        await assert_nothing_left(store)

    async def test_check_says_when_nothing_can_be_written(self, store: LocalBlobs, disk: Disk) -> None:
        for code in (errno.ENOSPC, errno.EROFS):
            disk.fail = {"write .tmp/T": code}
            with pytest.raises(StorageFailed):
                await store.check()
        await assert_nothing_left(store)

    async def test_a_root_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        store = LocalBlobs(tmp_path / "file" / "blobs")
        with pytest.raises(StorageFailed):
            await store.check()
        with pytest.raises(StorageFailed):
            await store.put(WORKSPACE, chunked(b"content"))

    async def test_a_truncated_file_gives_no_byte(self, store: LocalBlobs) -> None:
        blob = await store.put(WORKSPACE, chunked(pattern(3 * MIB)))
        path = store.local_path(blob.key)
        path.chmod(0o640)
        os.truncate(path, 2 * MIB)
        with pytest.raises(BlobDamaged):
            await anext(store.open(blob.key, 0, blob.size))

    async def test_a_file_truncated_while_it_is_read(self, store: LocalBlobs) -> None:
        blob = await store.put(WORKSPACE, chunked(pattern(5 * MIB)))
        path = store.local_path(blob.key)
        path.chmod(0o640)
        chunks = store.open(blob.key)
        await anext(chunks)
        os.truncate(path, 0)
        with pytest.raises(BlobDamaged):
            await asyncio.wait_for(_drain(chunks), 10)

    async def test_an_unreadable_disk(self, store: LocalBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
        blob = await store.put(WORKSPACE, chunked(b"content"))

        def pread(*args: object) -> bytes:
            raise OSError(errno.EIO, "told to fail")

        monkeypatch.setattr(os, "pread", pread)
        with pytest.raises(StorageFailed):
            await read(store, blob.key)


async def _drain(chunks: Any) -> None:
    async for _ in chunks:
        pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount_point = tmp_path / "small"
    mount_point.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("needs root, to mount a file system of 4 MiB")
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount_point)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this root may not mount a tmpfs")
    yield mount_point
    subprocess.run(["umount", "--lazy", str(mount_point)], check=True)


class TestFullDisk:
    async def test_a_blob_that_does_not_fit(self, small_disk: Path) -> None:
        store = LocalBlobs(small_disk / "blobs")
        kept = await store.put(WORKSPACE, chunked(pattern(MIB)))
        for _ in range(3):
            with pytest.raises(StorageFull):
                await store.put(WORKSPACE, chunked(pattern(8 * MIB)))
        assert [entry.key for entry in await listed(store)] == [kept.key]
        assert await store.sweep_temporary(timedelta(0)) == 0
        later = await store.put(WORKSPACE, chunked(pattern(2 * MIB)))
        assert await read(store, later.key) == pattern(2 * MIB)

    async def test_reading_and_deleting_go_on(self, small_disk: Path) -> None:
        store = LocalBlobs(small_disk / "blobs")
        kept = await store.put(WORKSPACE, chunked(pattern(MIB)))
        (small_disk / "filler").write_bytes(bytes(3 * MIB - 64 * 1024))
        with pytest.raises(StorageFull):
            await store.put(WORKSPACE, chunked(pattern(MIB)))
        assert await read(store, kept.key) == pattern(MIB)
        await store.delete(kept.key)
        await store.put(WORKSPACE, chunked(pattern(MIB // 2)))

    async def test_check(self, small_disk: Path) -> None:
        store = LocalBlobs(small_disk / "blobs")
        await store.check()
        try:
            (small_disk / "filler").write_bytes(bytes(5 * MIB))
        except OSError:
            with pytest.raises(StorageFailed):
                await store.check()
        else:
            pytest.fail("the disk is not small")


@pytest.mark.usefixtures("one_key")
class TestCancelledInAThread:
    """The thread cannot be stopped; what it does after the cancellation must come to nothing."""

    @pytest.mark.parametrize("call", ["write .tmp/T", "fsync .tmp/T", "mkdir blobs/W", final("rename")])
    @pytest.mark.parametrize("times", [1, 2])
    @pytest.mark.parametrize("writers", [1, 16])
    async def test_nothing_is_left(
        self, root: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch, call: str, times: int, writers: int
    ) -> None:
        monkeypatch.setattr(local, "_WRITERS", writers)
        store = LocalBlobs(root)
        go_on = await self._cancelled(store, disk, call, times)
        go_on.set()
        await _settled(store)
        await assert_nothing_left(store)

    @pytest.mark.parametrize("size", [10, 3 * MIB])
    async def test_the_file_is_not_closed_under_a_write(
        self, store: LocalBlobs, disk: Disk, tmp_path: Path, size: int
    ) -> None:
        go_on = await self._cancelled(store, disk, "write .tmp/T", 2, size)
        with (tmp_path / "somebody else's").open("wb") as other:
            go_on.set()
            await _settled(store)
            assert os.fstat(other.fileno()).st_size == 0

    async def test_what_comes_after_the_removal_comes_to_nothing(self, store: LocalBlobs, root: Path) -> None:
        upload = files.Upload(store._directories, f"{WORKSPACE.hex}/{'0' * 32}", None)
        buffer = files.Buffer()
        buffer.take(memoryview(b"content"))
        upload.write(buffer)
        upload.discard()
        upload.write(buffer)
        upload.finish(buffer)
        await assert_nothing_left(store)

    async def _cancelled(
        self, store: LocalBlobs, disk: Disk, call: str, times: int, size: int = 3 * MIB
    ) -> threading.Event:
        """A put that was cancelled while its thread is in ``call``, where it stays until the event is set."""
        entered, go_on = disk.hold(call)
        put = asyncio.create_task(store.put(WORKSPACE, chunked(pattern(size))))
        await asyncio.to_thread(entered.wait)
        for _ in range(times):
            put.cancel()
            await asyncio.sleep(0.02)
        if times == 1:
            asyncio.get_running_loop().call_later(0.01, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await put
        return go_on

    @LINUX
    async def test_no_file_stays_open(self, store: LocalBlobs) -> None:
        blob = await store.put(WORKSPACE, chunked(pattern(5 * MIB)))
        before = _open_files(store)
        for _ in range(20):
            begun = asyncio.Event()
            put = asyncio.create_task(store.put(WORKSPACE, stalled(bytes(3 * MIB), begun, asyncio.Event())))
            await begun.wait()
            put.cancel()
            chunks = store.open(blob.key)
            await anext(chunks)
            await chunks.aclose()
        await _settled(store)
        assert _open_files(store) == before == 0


def _open_files(store: LocalBlobs) -> int:
    links = [path for path in Path("/proc/self/fd").iterdir() if path.is_symlink()]
    return sum(str(link.readlink()).startswith(str(store._directories.root)) for link in links)


async def _settled(store: LocalBlobs) -> None:
    """Wait until the threads have nothing left to do."""
    for pool in (store._writers, store._readers):
        for _ in range(20):
            await asyncio.get_running_loop().run_in_executor(pool, time.sleep, 0.005)


DYING = """
import asyncio, os, signal, sys
from pathlib import Path
from uuid import UUID
from dossier.storage.local import LocalBlobs

async def source():
    for _ in range(64):
        yield bytes(65536)
    await asyncio.sleep(0.3)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(LocalBlobs(Path(sys.argv[1])).put(UUID(int=1), source()))
"""


class TestSweepTemporary:
    async def test_what_a_killed_process_left(self, store: LocalBlobs, root: Path) -> None:
        command = [sys.executable, "-c", DYING, str(root)]
        died = await asyncio.to_thread(subprocess.run, command, check=False)
        assert died.returncode == -signal.SIGKILL
        assert await listed(store) == []
        assert await store.sweep_temporary(timedelta(hours=1)) == 0
        assert await store.sweep_temporary(timedelta(0)) == 1
        assert list((root / ".tmp").iterdir()) == []

    async def test_what_is_about_to_be_renamed_stays(self, store: LocalBlobs, disk: Disk) -> None:
        entered, go_on = disk.hold("mkdir blobs/W")
        put = asyncio.create_task(store.put(WORKSPACE, chunked(b"content")))
        await asyncio.to_thread(entered.wait)
        assert await store.sweep_temporary(timedelta(0)) == 0
        go_on.set()
        assert await read(store, (await put).key) == b"content"

    async def test_age_counts_from_the_last_write(self, store: LocalBlobs, root: Path) -> None:
        await store.check()
        old, young = root / ".tmp" / uuid4().hex, root / ".tmp" / uuid4().hex
        for path in (old, young):
            path.write_bytes(b"left behind")
        os.utime(old, (time.time() - 7200,) * 2)
        assert await store.sweep_temporary(timedelta(hours=1)) == 1
        assert list((root / ".tmp").iterdir()) == [young]

    async def test_strangers_in_the_directory_stay(self, store: LocalBlobs, root: Path) -> None:
        await store.check()
        (root / ".tmp" / "README").write_bytes(b"")
        (root / "lost+found").mkdir()
        assert await store.sweep_temporary(timedelta(0)) == 0
        assert await listed(store) == []

    async def test_before_anything_was_put(self, store: LocalBlobs) -> None:
        await assert_nothing_left(store)
