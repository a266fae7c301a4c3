"""What is true of a folder on a disk and of no other place."""

import asyncio
import errno
import os
import socket
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from dossier.connectors import Item, RemoteError, disk
from dossier.connectors.folder import FolderConnector
from tests.connectors.content import Gate, content, listed, read


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder, with something beside it that is nobody's business."""
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


@pytest.fixture
def folder(root: Path) -> FolderConnector:
    """Its connector."""
    return FolderConnector(root)


def names(path: Path) -> set[str]:
    """What a folder really holds."""
    return {each.name for each in path.iterdir()}


async def read_while(folder: FolderConnector, edit: Callable[[], object]) -> bytes:
    """The bytes of a file that something is done to between one piece and the next; as far as they come."""
    found: list[bytes] = []

    async def read_on() -> None:
        async with folder.open("a") as pieces:
            async for piece in pieces:
                found.append(piece)
                edit()

    with pytest.raises(RemoteError) as refused:
        await read_on()
    assert refused.value.kind == "changed"
    return b"".join(found)


async def there(folder: FolderConnector, item_id: str) -> Item:
    """An item that is there."""
    found = await folder.stat(item_id)
    assert found
    return found


class TestWhatIsNoFile:
    async def test_is_left_out(self, root: Path, folder: FolderConnector) -> None:
        (root / "link").symlink_to(root.parent / "secret")
        (root / "links").symlink_to(root.parent)
        (root / "loop").symlink_to(root)
        (root / "dangling").symlink_to(root / "none")
        os.mkfifo(root / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            here = Path.cwd()
            os.chdir(root)  # the path of a socket is short
            try:
                listener.bind("socket")
            finally:
                os.chdir(here)
        (root / "good").write_bytes(b"1")
        assert set(await listed(folder)) == {"good"}
        for name in ("link", "links", "loop", "dangling", "pipe", "socket"):
            assert await folder.stat(name) is None
            with pytest.raises(RemoteError) as refused:
                await read(folder, name)
            assert refused.value.kind == "missing"
            with pytest.raises(RemoteError) as refused:
                await folder.create(None, name, content(b"1"))
            assert refused.value.kind == "name_taken"

    async def test_no_link_leads_out(self, root: Path, folder: FolderConnector) -> None:
        (root / "links").symlink_to(root.parent)
        (root / "mine").write_bytes(b"1")
        (root.parent / "empty").mkdir()
        calls = (
            read(folder, "links/secret"),
            folder.create("links", "new", content(b"1")),
            folder.make_folder("links", "new"),
            folder.move("mine", "links", "new"),
            folder.move("links/secret", None, "new"),
            folder.put("links/secret", content(b"1"), if_match=""),
        )
        for call in calls:
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind == "missing"
        await folder.delete("links/secret")
        await folder.delete("links/empty")
        assert await folder.stat("links/secret") is None
        assert names(root.parent) == {"secret", "empty", "root"}
        assert (root.parent / "secret").read_bytes() == b"secret"
        assert names(root) == {"links", "mine"}

    async def test_a_link_in_the_place_of_a_folder_meanwhile(self, root: Path, folder: FolderConnector) -> None:
        gate = Gate(bytes(300_000))
        await folder.make_folder(None, "f")
        under_way = asyncio.create_task(folder.create("f", "secret", gate.content))
        await gate.reached.wait()
        (root / "f").rename(root / "g")
        (root / "f").symlink_to(root.parent)
        gate.open.set()
        with pytest.raises(RemoteError):
            await under_way
        assert (root.parent / "secret").read_bytes() == b"secret"

    async def test_a_link_is_not_deleted_or_replaced(self, root: Path, folder: FolderConnector) -> None:
        (root / "link").symlink_to(root.parent / "secret")
        await folder.delete("link")
        assert (root / "link").is_symlink()

    async def test_the_root_may_be_a_link(self, root: Path) -> None:
        (root / "a").write_bytes(b"1")
        (root.parent / "way").symlink_to(root)
        assert set(await listed(FolderConnector(root.parent / "way"))) == {"a"}

    async def test_names_that_are_no_utf8_are_left_out_and_told_once(self, root: Path, folder: FolderConnector) -> None:
        (root / os.fsdecode(b"bad\xff")).mkdir()
        (root / os.fsdecode(b"bad\xff") / "inner").write_bytes(b"1")
        (root / os.fsdecode(b"worse\xfe")).write_bytes(b"1")
        (root / "good").write_bytes(b"1")
        with capture_logs() as logs:
            assert set(await listed(folder)) == {"good"}
            assert set(await listed(folder)) == {"good"}
        assert [line["event"] for line in logs] == ["connectors.folder.name_is_no_utf8"]


class TestTags:
    def test_edits_in_one_tick(self, root: Path) -> None:
        """Whatever is read between two edits, it is read again: the clock may not have moved (before Linux 6.13)."""
        missed = 0
        for number in range(500):
            path = root / f"{number}"
            path.write_bytes(b"1")
            before = disk.look(root, path.name)
            path.write_bytes(b"2")
            assert before
            missed += before.tag == disk.tag_of(path.stat())
        assert missed == 0

    async def test_a_young_file_has_another_tag_later(self, root: Path, folder: FolderConnector) -> None:
        (root / "a").write_bytes(b"1")
        # A second ahead, so that it stays young for as long on a busy machine.
        soon = time.time_ns() + 1_000_000_001
        os.utime(root / "a", ns=(soon, soon))
        young = await there(folder, "a")
        await asyncio.sleep(1.2)
        old = await there(folder, "a")
        assert (young.tag, young.etag) == (f"{old.tag}~", old.etag)
        assert await read(folder, "a", young.tag) == b"1"

    async def test_a_file_system_that_counts_seconds(self, root: Path, folder: FolderConnector) -> None:
        (root / "a").write_bytes(b"1")
        now = int(time.time())
        os.utime(root / "a", (now, now))
        await asyncio.sleep(0.1)
        assert (await there(folder, "a")).tag.endswith("~")
        os.utime(root / "a", (now - 4, now - 4))
        assert not (await there(folder, "a")).tag.endswith("~")

    async def test_what_we_write_is_not_young(self, root: Path, folder: FolderConnector) -> None:
        """It would be read back for nothing. An edit in the same tick has another time than the one that we give it."""
        made = await folder.create(None, "a", content(b"1"))
        assert made.tag == made.etag == (await there(folder, "a")).tag
        (root / "a").write_bytes(b"2")
        assert (await there(folder, "a")).etag != made.tag

    async def test_an_edit_that_puts_the_time_back(self, root: Path, folder: FolderConnector) -> None:
        made = await folder.create(None, "a", content(b"1"))
        before = (root / "a").stat()
        await asyncio.sleep(0.02)
        (root / "a").write_bytes(b"2")
        os.utime(root / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
        assert (await there(folder, "a")).tag != made.tag

    async def test_a_file_renamed_over_it(self, root: Path, folder: FolderConnector) -> None:
        made = await folder.create(None, "a", content(b"1"))
        (root / "b").write_bytes(b"2")
        (root / "b").replace(root / "a")
        after = await there(folder, "a")
        assert after.tag != made.tag and after.lasting != made.lasting

    async def test_lasting_survives_somebodys_rename(self, root: Path, folder: FolderConnector) -> None:
        made = await folder.create(None, "a", content(b"1"))
        (root / "a").rename(root / "b")
        assert (await there(folder, "b")).lasting == made.lasting != ""

    async def test_two_names_of_one_file(self, root: Path, folder: FolderConnector) -> None:
        await folder.create(None, "a", content(b"1"))
        (root / "b").hardlink_to(root / "a")
        assert {item.lasting for item in (await listed(folder)).values()} == {""}


class TestOpen:
    async def test_written_while_it_is_read(self, root: Path, folder: FolderConnector) -> None:
        (root / "a").write_bytes(bytes(3 << 20))
        await read_while(folder, lambda: (root / "a").write_bytes(b"x" * (3 << 20)))

    async def test_replaced_while_it_is_read(self, root: Path, folder: FolderConnector) -> None:
        """What was opened is read to its end."""
        (root / "a").write_bytes(b"a" * (3 << 20))
        (root / "keep").hardlink_to(root / "a")

        def replace() -> None:
            (root / "b").write_bytes(b"b")
            (root / "b").replace(root / "a")

        assert await read_while(folder, replace) == b"a" * (3 << 20)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    async def test_no_right(self, root: Path, folder: FolderConnector) -> None:
        (root / "a").write_bytes(b"1")
        (root / "a").chmod(0)
        with pytest.raises(RemoteError) as refused:
            await read(folder, "a")
        assert refused.value.kind == "refused"


def failing(number: int) -> Callable[..., int]:
    """A call that fails so."""

    def fail(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    return fail


class TestListing:
    @pytest.mark.parametrize(
        ("number", "kind"), [(errno.EACCES, "refused"), (errno.EIO, "unreachable"), (errno.ESTALE, "unreachable")]
    )
    async def test_a_folder_that_cannot_be_read_is_not_empty(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch, number: int, kind: str
    ) -> None:
        (root / "f").mkdir()
        pages = folder.changes()
        assert [item.id for item in (await anext(pages)).items] == ["f"]
        monkeypatch.setattr(os, "scandir", failing(number))
        with pytest.raises(RemoteError) as refused:
            await anext(pages)
        assert refused.value.kind == kind

    async def test_a_folder_that_goes_meanwhile(self, root: Path, folder: FolderConnector) -> None:
        (root / "f").mkdir()
        pages = folder.changes()
        await anext(pages)
        (root / "f").rmdir()
        assert [page async for page in pages] == []

    async def test_the_root_goes_meanwhile(self, root: Path, folder: FolderConnector) -> None:
        (root / "f").mkdir()
        pages = folder.changes()
        await anext(pages)
        os.rename(root, root.parent / "away")  # noqa: PTH104
        with pytest.raises(RemoteError) as refused:
            await anext(pages)
        assert refused.value.kind == "missing"

    async def test_pages(self, root: Path, folder: FolderConnector) -> None:
        for number in range(2100):
            (root / str(number)).touch()
        pages = [page.items async for page in folder.changes()]
        assert [len(items) for items in pages] == [1000, 1000, 100]
        assert len({item.id for items in pages for item in items}) == 2100

    async def test_descriptors_are_let_go(self, root: Path, folder: FolderConnector) -> None:
        before = len(names(Path("/proc/self/fd")))
        (root / "d" / "e").mkdir(parents=True)
        for number in range(20):
            made = await folder.create("d/e", f"{number}", content(b"1"))
            await read(folder, made.id)
            await folder.stat("d/none/none")
            await folder.move(made.id, "d", f"{number}")
            await listed(folder)
        assert len(names(Path("/proc/self/fd"))) == before


class TestHidden:
    async def test_old_ones_are_swept_young_ones_stay(self, root: Path, folder: FolderConnector) -> None:
        old, young, foreign = (root / f".dossier-{letter * 32}.part" for letter in "abz")
        for path, age in ((old, 90_000), (young, 80_000), (foreign, 90_000)):
            path.write_bytes(b"half")
            os.utime(path, (time.time() - age,) * 2)
        assert set(await listed(folder)) == {foreign.name}
        assert names(root) == {young.name, foreign.name}

    @pytest.mark.parametrize("error", [KeyError("ours"), None], ids=["error", "cancelled"])
    async def test_nothing_is_left(self, root: Path, folder: FolderConnector, error: Exception | None) -> None:
        gate = Gate(bytes(300_000), error)
        under_way = asyncio.create_task(folder.create(None, "a", gate.content))
        await gate.reached.wait()
        assert len(names(root)) == 1
        gate.open.set() if error else under_way.cancel()
        with pytest.raises((KeyError, asyncio.CancelledError)):
            await under_way
        assert names(root) == set()


class TestCancelled:
    """A thread goes on when its call is cancelled."""

    class Door:
        """Holds one function of ``os`` in its thread until it is opened."""

        def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, paths: str) -> None:
            self.reached, self.opened, self.passed = threading.Event(), threading.Event(), threading.Event()
            real = getattr(os, name)

            def held(first: Any, *more: Any, **how: Any) -> Any:
                if paths not in str(first) or self.reached.is_set():
                    return real(first, *more, **how)
                self.reached.set()
                assert self.opened.wait(10)
                try:
                    return real(first, *more, **how)
                finally:
                    self.passed.set()

            monkeypatch.setattr(os, name, held)

        async def cancel(self, task: "asyncio.Task[Any]") -> None:
            """Cancel what is held here, twice, and then let it go on."""
            assert await asyncio.to_thread(self.reached.wait, 10)
            task.cancel()
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.sleep(0.05)
            self.opened.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert await asyncio.to_thread(self.passed.wait, 10)

    async def _rest(self, root: Path, names_left: set[str], descriptors: int) -> None:
        """What was under way has come to its end, and has left nothing else."""
        for _ in range(100):
            if names(root) == names_left and len(names(Path("/proc/self/fd"))) == descriptors:
                return
            await asyncio.sleep(0.02)
        assert (names(root), len(names(Path("/proc/self/fd")))) == (names_left, descriptors)

    async def test_while_its_file_is_made(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await read(folder, (await folder.create(None, "b", content(b"1"))).id)  # what is only done once
        before = len(names(Path("/proc/self/fd")))
        door = self.Door(monkeypatch, "open", ".dossier-")
        await door.cancel(asyncio.create_task(folder.create(None, "a", content(b"1"))))
        await self._rest(root, {"b"}, before)

    async def test_while_it_is_written(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The number of its descriptor is soon another file's, to which nothing must be written."""
        await read(folder, (await folder.create(None, "b", content(b"1"))).id)
        before = len(names(Path("/proc/self/fd")))
        door = self.Door(monkeypatch, "write", "")
        under_way = asyncio.create_task(folder.create(None, "a", content(bytes(1000))))
        assert await asyncio.to_thread(door.reached.wait, 10)
        under_way.cancel()
        await asyncio.sleep(0.1)
        others = [os.open(root.parent / f"other {number}", os.O_WRONLY | os.O_CREAT) for number in range(8)]
        door.opened.set()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        assert await asyncio.to_thread(door.passed.wait, 10)
        for number, other in enumerate(others):
            os.close(other)
            assert (root.parent / f"other {number}").read_bytes() == b""
        await self._rest(root, {"b"}, before)

    async def test_while_it_gets_its_name(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It has the name or not, and is whole."""
        before = len(names(Path("/proc/self/fd")))
        door = self.Door(monkeypatch, "utime", "")
        await door.cancel(asyncio.create_task(folder.create(None, "a", content(b"whole"))))
        await self._rest(root, {"a"}, before)
        assert (root / "a").read_bytes() == b"whole"

    async def test_while_it_is_opened(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = await folder.create(None, "a", content(b"1"))
        before = len(names(Path("/proc/self/fd")))
        door = self.Door(monkeypatch, "fstat", "")
        await door.cancel(asyncio.create_task(read(folder, made.id)))
        await self._rest(root, {"a"}, before)


class TestWriting:
    async def test_no_room(self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "write", failing(errno.ENOSPC))
        with pytest.raises(RemoteError) as refused:
            await folder.create(None, "a", content(b"1"))
        assert refused.value.kind == "full"
        assert names(root) == set()

    async def test_it_is_durable_before_it_has_its_name(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        order: list[str] = []
        sync, rename = os.fsync, disk.rename

        def synced(descriptor: int) -> None:
            order.append("d" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "f")
            sync(descriptor)

        def renamed(source: tuple[int, str], target: tuple[int, str]) -> None:
            order.append("rename")
            rename(source, target)

        monkeypatch.setattr(os, "fsync", synced)
        monkeypatch.setattr(disk, "rename", renamed)
        await folder.create(None, "a", content(b"1"))
        assert order == ["f", "rename", "d"]

    async def test_a_replaced_file_keeps_its_mode(self, root: Path, folder: FolderConnector) -> None:
        (root / "a").write_bytes(b"1")
        (root / "a").chmod(0o640)
        found = await there(folder, "a")
        await folder.put("a", content(b"2"), if_match=found.etag)
        assert stat.S_IMODE((root / "a").stat().st_mode) == 0o640


@pytest.mark.parametrize("answer", [errno.EINVAL, errno.ENOSYS])
class TestWithoutARenameThatRefuses:
    """NFS, and systems that are no Linux: hard links take its place."""

    @pytest.fixture(autouse=True)
    def _without(self, monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
        monkeypatch.setattr(disk, "_renameat2", lambda *_: answer)

    async def test_create_and_move(self, root: Path, folder: FolderConnector) -> None:
        made = await folder.create(None, "a", content(b"1"))
        assert made.lasting and made.tag == (await there(folder, "a")).tag
        await folder.make_folder(None, "f")
        await folder.move("a", "f", "b")
        await folder.move("f", None, "g")
        assert set(await listed(folder)) == {"g", "g/b"}
        assert names(root) == {"g"}

    async def test_nothing_is_replaced(self, root: Path, folder: FolderConnector) -> None:
        gate = Gate(bytes(300_000))
        late = asyncio.create_task(folder.create(None, "a", gate.content))
        await gate.reached.wait()
        (root / "a").write_bytes(b"theirs")
        gate.open.set()
        with pytest.raises(RemoteError) as refused:
            await late
        assert refused.value.kind == "name_taken"
        assert (root / "a").read_bytes() == b"theirs"
        for name in ("f", "g"):
            await folder.make_folder(None, name)
        for kind, target in (("f", "g"), ("f", "a"), ("a", "g")):
            with pytest.raises(RemoteError) as refused:
                await folder.move(kind, None, target)
            assert refused.value.kind == "name_taken"
        assert names(root) == {"a", "f", "g"}

    async def test_no_hard_links_either(
        self, root: Path, folder: FolderConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Rather nothing than something that may replace a file."""
        monkeypatch.setattr(os, "link", failing(errno.EPERM))
        with pytest.raises(RemoteError) as refused:
            await folder.create(None, "a", content(b"1"))
        assert refused.value.kind == "refused"
        assert names(root) == set()


async def test_many_at_once_one_wins(root: Path, folder: FolderConnector) -> None:
    calls = [folder.create(None, "a", content(str(number).encode() * 70_000)) for number in range(10)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    made = [answer for answer in answers if isinstance(answer, Item)]
    taken = [answer.kind for answer in answers if isinstance(answer, RemoteError)]
    assert (len(made), taken) == (1, ["name_taken"] * 9)
    assert len(set((root / "a").read_bytes())) == 1
    assert names(root) == {"a"}
