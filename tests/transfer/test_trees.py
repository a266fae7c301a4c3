"""The import of a tree: structure, what is unchanged, what is left out, and starting again."""

import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from dossier import documents
from dossier.core.errors import StorageFull
from dossier.documents import locks, trash
from dossier.transfer import PathUnfit, TreeReport, import_tree
from dossier.transfer.trees import batch, source
from tests.conftest import World
from tests.transfer.office import Office, found, office_of, write


def digests(files: dict[str, bytes]) -> dict[str, bytes]:
    """What ``Office.tree`` says of these files."""
    found: dict[str, bytes] = {}
    for name, content in files.items():
        parts = name.rstrip("/").split("/")
        found |= {"/".join(parts[:n]) + "/": b"" for n in range(1, len(parts) + name.endswith("/"))}
        if not name.endswith("/"):
            found[name] = hashlib.sha256(content).digest()
    return found


def counts(report: TreeReport) -> tuple[int, int, int]:
    return report.added, report.versions, report.unchanged


FILES = {
    "a.txt": b"a",
    "b/c/d 🎉.txt": b"d",
    "b/empty": b"",
    "b/same.txt": b"a",
    "hollow/deep/": b"",
    "Ünï/ß.txt": b"x" * 3_000_000,
}

ALIKE = {"x/A.txt": b"1", "x/a.txt": b"2", "Docs/a": b"3", "docs/a": b"4", "y": b"5", "Y/z": b"6"}
MANY = {f"{n % 5}/{n}.txt": b"%d" % (n % 90) for n in range(110)}


@pytest.fixture
def office(world: World) -> Office:
    return office_of(world)


class TestImportTree:
    async def test_keeps_structure_and_bytes(self, office: Office, tmp_path: Path) -> None:
        report = await import_tree(office.parts, office.actor, write(tmp_path / "in", FILES))
        assert (report.files, counts(report), report.failed, report.skipped) == (5, (5, 0, 0), [], [])
        assert await office.tree() == digests(FILES)
        assert report.bytes == sum(map(len, FILES.values()))

    async def test_again_changes_nothing(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path / "in", FILES))
        stored = [entry.key async for entry in office.parts.store.keys()]  # noqa: SIM118  # a store is no dict
        report = await import_tree(office.parts, office.actor, tmp_path / "in")
        assert (counts(report), report.new_folders) == ((0, 0, 5), 0)
        assert [entry.key async for entry in office.parts.store.keys()] == stored  # noqa: SIM118  # a store is no dict

    async def test_fifty_changed_files_are_fifty_versions(self, office: Office, tmp_path: Path) -> None:
        files = {f"{n % 7}/{n}.txt": b"%d" % n for n in range(120)}
        await import_tree(office.parts, office.actor, write(tmp_path / "in", files))
        files |= {name: b"changed" + files[name] for name in sorted(files)[:50]}
        write(tmp_path / "in", files)
        report = await import_tree(office.parts, office.actor, tmp_path / "in")
        assert counts(report) == (0, 50, 70)
        assert await office.tree() == digests(files)
        assert await office.versions() == 170

    async def test_a_change_of_the_same_size_is_seen(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path / "in", {"a": b"1234"}))
        report = await import_tree(office.parts, office.actor, write(tmp_path / "in", {"a": b"4321"}))
        assert counts(report) == (0, 1, 0)

    async def test_into_a_folder(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path / "in", {"a": b"1"}), ["In", "2026"])
        await import_tree(office.parts, office.actor, write(tmp_path / "in", {"b": b"2"}), ["In", "2026"])
        assert (await office.tree()).keys() == {"In/", "In/2026/", "In/2026/a", "In/2026/b"}

    async def test_one_file(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path, {"one.txt": b"1"}) / "one.txt")
        assert (await office.tree()).keys() == {"one.txt"}

    async def test_as_a_member(self, office: Office, world: World, tmp_path: Path) -> None:
        await import_tree(office.parts, world.editor.actor, write(tmp_path / "in", {"a": b"1"}))
        items, _ = await office.see(lambda unit: documents.list_(unit, documents.Filters(), "name", 10, None))
        assert items[0]["version"]["author"]["name"] == "Editor"
        await import_tree(office.parts, office.actor, write(tmp_path / "in", {"a": b"2"}))
        items, _ = await office.see(lambda unit: documents.list_(unit, documents.Filters(), "name", 10, None))
        assert items[0]["version"]["author"] == {"id": None, "name": "system"}

    async def test_a_viewer_may_not(self, office: Office, world: World, tmp_path: Path) -> None:
        report = await import_tree(office.parts, world.viewer.actor, write(tmp_path / "in", {"a": b"1", "b": b"2"}))
        assert [each["code"] for each in report.failed] == ["not_allowed", "not_allowed"]
        assert await office.tree() == {}
        assert [entry async for entry in office.parts.store.keys()] == []  # noqa: SIM118  # a store is no dict

    @pytest.mark.parametrize("name", ["nothing", "socket"])
    async def test_refuses_what_is_no_file(self, office: Office, tmp_path: Path, name: str) -> None:
        os.mkfifo(tmp_path / "socket")
        with pytest.raises(PathUnfit):
            await import_tree(office.parts, office.actor, tmp_path / name)


class TestLeftOut:
    async def test_links_and_special_files(self, office: Office, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a": b"1", "b/c": b"2"})
        (root / "to file").symlink_to(root / "a")
        (root / "to folder").symlink_to(root / "b")
        (root / "b/circle").symlink_to(root)
        (root / "dangling").symlink_to("/nowhere")
        os.mkfifo(root / "pipe")
        report = await import_tree(office.parts, office.actor, root)
        assert (await office.tree()).keys() == {"a", "b/", "b/c"}
        assert {Path(each["path"]).name: each["reason"] for each in report.skipped} == {
            "to file": "a symbolic link",
            "to folder": "a symbolic link",
            "circle": "a symbolic link",
            "dangling": "a symbolic link",
            "pipe": "neither a file nor a folder",
        }
        assert report.failed == []

    async def test_names_that_dossier_refuses(self, office: Office, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"good": b"1", "bad\nname": b"2", "bad\\folder/x": b"3", "bad\\folder/y/z": b"4"})
        write(root, {os.fsdecode(b"latin-\xe9"): b"5"})
        report = await import_tree(office.parts, office.actor, root)
        assert (await office.tree()).keys() == {"good"}
        assert {Path(each["path"]).name: each["code"] for each in report.failed} == {
            "bad\nname": "bad_name",
            "bad\\folder": "bad_name",
            "latin-\\xe9": "bad_name",
        }
        assert "2 files below it" in next(each["reason"] for each in report.failed if "folder" in each["path"])

    async def test_unreadable_files(self, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        root = write(tmp_path / "in", {"a": b"1", "b": b"2", "shut/c": b"3"})
        begin, listing = source._begin, source.listing

        def broken(path: Path) -> Any:
            if path.name == "a":
                raise PermissionError(13, "Permission denied")
            return begin(path)

        def shut(path: Path) -> Any:
            if path.name == "shut":
                raise PermissionError(13, "Permission denied")
            return listing(path)

        monkeypatch.setattr(source, "_begin", broken)
        monkeypatch.setattr(source, "listing", shut)
        report = await import_tree(office.parts, office.actor, root)
        assert (await office.tree()).keys() == {"b", "shut/"}
        assert [(Path(each["path"]).name, each["code"], each["reason"]) for each in report.failed] == [
            ("shut", "unreadable", "Permission denied"),
            ("a", "unreadable", "Permission denied"),
        ]

    async def test_a_locked_document(self, office: Office, world: World, tmp_path: Path) -> None:
        root = write(tmp_path / "in", {"a": b"1", "b": b"2"})
        await import_tree(office.parts, office.actor, root)
        names = {place.name: place.id for place in (await office.places()).values()}
        await office.do(lambda unit: locks.acquire(unit, names["a"], 60), world.editor.actor)
        report = await import_tree(office.parts, office.actor, write(root, {"a": b"11", "b": b"22"}))
        assert counts(report) == (0, 1, 0)
        assert [(Path(each["path"]).name, each["code"]) for each in report.failed] == [("a", "document_locked")]

    async def test_another_workspace_sees_nothing(self, office: Office, world: World, tmp_path: Path) -> None:
        other = await found(world, "beta", staff=False)
        await import_tree(office.parts, other.actor, write(tmp_path / "in", {"a": b"1"}))
        assert (await other.tree()).keys() == {"a"}
        assert await office.tree() == {}


class TestNamesAlike:
    async def test_all_are_kept(self, office: Office, tmp_path: Path) -> None:
        report = await import_tree(office.parts, office.actor, write(tmp_path / "in", ALIKE))
        assert (counts(report), report.failed) == ((6, 0, 0), [])
        assert (await office.tree()).keys() == {
            *("x/", "x/A.txt", "x/a (2).txt", "Docs/", "Docs/a", "docs (2)/", "docs (2)/a", "Y/", "Y/z", "y (2)")
        }

    async def test_and_not_doubled(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path / "in", ALIKE))
        report = await import_tree(office.parts, office.actor, tmp_path / "in")
        assert (counts(report), report.new_folders) == ((0, 0, 6), 0)

    async def test_and_get_their_own_versions(self, office: Office, tmp_path: Path) -> None:
        await import_tree(office.parts, office.actor, write(tmp_path / "in", ALIKE))
        report = await import_tree(office.parts, office.actor, write(tmp_path / "in", {"x/a.txt": b"new"}))
        assert counts(report) == (0, 1, 5)
        assert (await office.tree())["x/a (2).txt"] == hashlib.sha256(b"new").digest()

    async def test_composed_and_decomposed(self, office: Office, tmp_path: Path) -> None:
        files = {"\u00e9.txt": b"composed", "e\u0301.txt": b"decomposed"}
        await import_tree(office.parts, office.actor, write(tmp_path / "in", files))
        assert sorted(await office.tree()) == ["é (2).txt", "é.txt"]
        assert counts(await import_tree(office.parts, office.actor, tmp_path / "in")) == (0, 0, 2)
        (tmp_path / "in" / "e\u0301.txt").write_bytes(b"changed")
        assert counts(await import_tree(office.parts, office.actor, tmp_path / "in")) == (0, 1, 1)


@pytest.mark.slow
class TestCutOff:
    """Started again after any end, nothing is doubled and nothing is missing."""

    @pytest.mark.parametrize("at", [1, 40, 60, 109])
    async def test_cancelled_while_storing(
        self, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        root, seen = write(tmp_path / "in", MANY), 0
        chunks = source.chunks

        async def cut(path: Path) -> AsyncIterator[bytes]:
            nonlocal seen
            seen += 1
            if seen == at:
                raise StorageFull
            async for chunk in chunks(path):
                yield chunk

        monkeypatch.setattr(batch, "MOST_FILES", 50)  # so that some have been committed before
        monkeypatch.setattr(batch, "chunks", cut)
        with pytest.raises(StorageFull):
            await import_tree(office.parts, office.actor, root)
        monkeypatch.undo()
        report = await import_tree(office.parts, office.actor, root)
        assert report.added + report.unchanged == 110
        assert await office.tree() == digests(MANY)
        assert await office.versions() == 110
        assert await self._stored(office) == 90

    async def test_a_name_that_somebody_else_takes_meanwhile(
        self, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = write(tmp_path / "in", MANY)
        self._meddle(monkeypatch, lambda: self._take(office))
        report = await import_tree(office.parts, office.actor, root)
        monkeypatch.undo()
        assert (counts(report), [each["code"] for each in report.failed]) == ((109, 0, 0), ["name_taken"])
        assert await self._stored(office) == 91
        assert counts(await import_tree(office.parts, office.actor, root)) == (0, 1, 109)
        assert await office.tree() == digests(MANY)
        assert await self._stored(office) == 91

    async def test_a_folder_that_goes_away_meanwhile(
        self, office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        root = write(tmp_path / "in", MANY)
        self._meddle(monkeypatch, lambda: self._remove(office))
        report = await import_tree(office.parts, office.actor, root)
        monkeypatch.undo()
        assert (counts(report), {each["code"] for each in report.failed}) == ((88, 0, 0), {"folder_not_found"})
        assert len(report.failed) == 22
        assert counts(await import_tree(office.parts, office.actor, root)) == (22, 0, 88)
        assert await office.tree() == digests(MANY)
        assert await self._stored(office) == 90

    @staticmethod
    def _meddle(monkeypatch: pytest.MonkeyPatch, deed: Callable[[], Awaitable[Any]]) -> None:
        """Somebody does something while the bytes of one file are being stored."""
        chunks = source.chunks

        async def meddled(path: Path) -> AsyncIterator[bytes]:
            if path.name == "7.txt":
                await deed()
            async for chunk in chunks(path):
                yield chunk

        monkeypatch.setattr(batch, "chunks", meddled)

    @staticmethod
    async def _take(office: Office) -> None:
        await office.add("7.txt", b"theirs", (await office.places())[b"2"].id)

    @staticmethod
    async def _remove(office: Office) -> None:
        folder_id = (await office.places())[b"2"].id
        await office.do(lambda unit: trash.trash_folder(unit, folder_id))

    @staticmethod
    async def _stored(office: Office) -> int:
        """How many blobs lie in the store: each content once, nothing left over."""
        return len([entry async for entry in office.parts.store.keys()])  # noqa: SIM118  # a store is no dict
