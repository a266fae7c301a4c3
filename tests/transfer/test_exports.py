"""The export: what lies where, going on with an earlier one, and what it refuses."""

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from dossier import documents, folders
from dossier.core.errors import StorageFull
from dossier.documents import trash
from dossier.documents.schemas import DocumentChange
from dossier.folders.schemas import FolderChange
from dossier.transfer import DestinationTaken, ExportUnfit, PathUnfit, Report, export_workspace
from dossier.transfer.exports.folder import Destination
from tests.conftest import World
from tests.transfer.office import Office, found, furnish, lines, office_of, told, write

pytestmark = pytest.mark.slow


@pytest.fixture
def dest(tmp_path: Path) -> Path:
    return tmp_path / "out"


async def export(office: Office, dest: Path) -> Report:
    return await export_workspace(office.parts, office.actor, dest)


def files(root: Path) -> dict[str, int]:
    """Every file with the number of its inode, which changes when it is written anew."""
    paths = [path for path in root.rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.stat().st_ino for path in paths}


class TestLayout:
    async def test_people_find_their_documents(self, world: World, dest: Path) -> None:
        await export(await furnish(world), dest)
        there = {name for name in files(dest) if name.startswith(("documents/", "trash/"))}
        assert there == {
            "documents/Docs/Lease 🏠.txt",
            "documents/Docs/document.json",
            "documents/Docs/same 2.bin",
            "documents/Docs/secret/for few.txt",
            "documents/_CON/same 1.bin",
            "documents/a_b_/a_b.txt",
            "documents/a_b_/a_b (2).txt",
            "documents/a_b_/empty",
            "documents/a_b_/no extension_",
            "documents/a_b_/.hidden",
            "documents/a_b_/" + "x" * 236 + ".txt",
            "documents/note.txt",
            "documents/with tasks.txt",
            "trash/note.txt",
            "trash/inside.txt",
        }
        assert (dest / "documents/Docs/empty").is_dir()
        assert (dest / "documents/Docs/Lease 🏠.txt").read_bytes() == b"one"
        assert {path.name for path in (dest / "details/Docs/Lease 🏠.txt").iterdir()} == {
            "document.json",
            "v2.txt",
            "v3.txt",
        }

    async def test_all_is_told(self, world: World, dest: Path) -> None:
        report = await export(await furnish(world), dest)
        assert report.failed == []
        all_ = told(dest)
        assert all_["counts"] == {
            "documents": 15,
            "versions": 20,
            "tasks": 5,
            "folders": 9,
            "members": 3,
            "groups": 1,
        }
        lease = next(each for each in all_["documents"] if each["name"] == "Lease 🏠.txt")
        assert [version["restored_from"] for version in lease["versions"]] == [None, None, None, 1]
        assert [version["author"] for version in lease["versions"]] == [
            "owner@example.com",
            "editor@example.com",
            None,
            "owner@example.com",
        ]
        assert (lease["tags"], lease["versions"][1]["comment"]) == (["2026", "größe", "Lease"], "signed")
        secret = next(each for path, each in all_["folders"] if path == "/Docs/secret/")
        assert secret["access"] == [["editor", "editor@example.com", None], ["viewer", None, "Legal"]]
        tasks = next(each for each in all_["documents"] if each["name"] == "with tasks.txt")["tasks"]
        assert [comment["body"] for comment in tasks[0]["comments"]] == ["why? 🤔", "because", "done"]
        assert len(tasks[0]["watchers"]) == 3
        trashed = [each["name"] for each in all_["documents"] if each["trashed_at"]]
        assert sorted(trashed) == ["inside.txt", "note.txt"]

    async def test_no_secret_leaves(self, world: World, dest: Path) -> None:
        await export(await furnish(world), dest)
        text = "".join((dest / name).read_text() for name in ("export.json", "people.json", "folders.jsonl"))
        assert "hash" not in text
        assert "password" not in text
        assert (dest / ".").stat().st_mode & 0o077 == 0

    async def test_digests_hang_together(self, world: World, dest: Path) -> None:
        await export(await furnish(world), dest)
        manifest = json.loads((dest / "export.json").read_text())
        for name, digest in manifest["files"].items():
            assert hashlib.sha256((dest / name).read_bytes()).hexdigest() == digest
        assert not (dest / ".begun").exists()
        assert not (dest / "export.begun.json").exists()

    async def test_deep_folders_with_long_names(self, world: World, dest: Path) -> None:
        office, parent = office_of(world), None
        for n in range(40):
            parent = await office.folder(f"{n}" + "ö" * 120, parent)
        await office.add("deep.txt", b"deep", parent)
        assert (await export(office, dest)).failed == []
        told(dest)
        assert max(len(os.fsencode(name)) for name in files(dest)) < 2100

    async def test_other_workspaces_stay_out(self, world: World, dest: Path) -> None:
        other = await found(world, "beta", staff=False)
        await other.add("theirs.txt", b"theirs")
        await export(office_of(world), dest)
        assert told(dest)["documents"] == []


class TestAgain:
    async def test_what_is_the_same_stays(self, world: World, dest: Path) -> None:
        office = await furnish(world)
        await export(office, dest)
        before = files(dest)
        report = await export(office, dest)
        assert (report.counts["unchanged"], report.counts["written"], report.counts["removed"]) == (15, 0, 0)
        after = files(dest)
        changed = {name for name in before if after[name] != before[name]}
        assert changed == {"export.json", "people.json", "folders.jsonl", "documents.jsonl", "README.txt"}

    async def test_changes_come_over_and_the_old_goes(self, world: World, dest: Path) -> None:
        office = await furnish(world)
        await export(office, dest)
        places = {place.name: place.id for place in (await office.places()).values()}
        inside = {place.name: place.id for place in (await office.places(places["Docs"])).values()}
        await office.change(inside["Lease 🏠.txt"], b"four")
        await office.do(lambda unit: documents.update(unit, places["note.txt"], DocumentChange(name="renamed.txt")))
        await office.do(lambda unit: trash.trash(unit, inside["same 2.bin"]))
        await office.do(lambda unit: trash.purge(unit, inside["same 2.bin"]))
        from dossier.folders.service import update

        await office.do(lambda unit: update(unit, places["CON"], FolderChange(name="PRN")))
        (dest / "documents/mine.txt").write_text("put there by somebody")
        report = await export(office, dest)
        assert (report.counts["written"], report.counts["unchanged"], report.counts["removed"]) == (3, 11, 3)
        there = files(dest)
        assert "documents/mine.txt" in there
        gone = ("documents/Docs/same 2.bin", "documents/note.txt", "documents/_CON", "details/_CON", "details/note.txt")
        assert not [path for path in gone if (dest / path).exists()]
        fresh = dest.parent / "fresh"
        await export(office, fresh)
        assert told(dest) == told(fresh)
        assert there.keys() - {"documents/mine.txt"} == files(fresh).keys()

    async def test_things_change_places(self, world: World, dest: Path) -> None:
        """Documents swap names, a folder takes a document's path and the other way round."""
        office = office_of(world)
        a, b = await office.add("a", b"AAAA"), await office.add("b", b"BBBB")
        folder = await office.folder("c")
        c = await office.add("in c", b"CCCC", folder)
        await export(office, dest)
        for id_, name in ((a, "x"), (b, "a"), (a, "b")):
            await office.do(lambda unit, i=id_, n=name: documents.update(unit, i, DocumentChange(name=n)))  # type: ignore[misc]
        await office.do(lambda unit: documents.update(unit, c, DocumentChange(folder_id=office.root)))
        await office.do(lambda unit: trash.trash_folder(unit, folder))
        await office.do(lambda unit: documents.update(unit, c, DocumentChange(name="c")))
        await export(office, dest)
        assert [(dest / "documents" / name).read_bytes() for name in "abc"] == [b"BBBB", b"AAAA", b"CCCC"]
        await office.do(lambda unit: documents.update(unit, a, DocumentChange(name="z")))
        await office.add("deep", b"D", await office.folder("b"))
        await export(office, dest)
        fresh = dest.parent / "fresh"
        await export(office, fresh)
        assert told(dest) == told(fresh)
        assert files(dest).keys() == files(fresh).keys()

    @pytest.mark.parametrize("at", [1, 5, 20, 40, 60])
    async def test_cut_off_and_started_again(
        self, world: World, dest: Path, monkeypatch: pytest.MonkeyPatch, at: int
    ) -> None:
        office, publish, count = await furnish(world), Destination.publish, 0

        def cut(self: Destination, temporary: Path, path: str) -> None:
            nonlocal count
            count += 1
            if count == at:
                raise OSError(28, "No space left on device")
            publish(self, temporary, path)

        monkeypatch.setattr(Destination, "publish", cut)
        if at < 60:
            with pytest.raises(StorageFull):
                await export(office, dest)
            assert not (dest / "export.json").exists()
        monkeypatch.undo()
        await export(office, dest)
        fresh = dest.parent / "fresh"
        await export(office, fresh)
        assert told(dest) == told(fresh)
        assert files(dest).keys() == files(fresh).keys()

    async def test_spoilt_files_are_written_again(self, world: World, dest: Path) -> None:
        office = await furnish(world)
        await export(office, dest)
        (dest / "documents/note.txt").write_bytes(b"short")
        (dest / "details/Docs/Lease 🏠.txt/v2.txt").unlink()
        (dest / "details/with tasks.txt/document.json").write_bytes(b"{}")
        assert (await export(office, dest)).counts["written"] == 3
        told(dest)


class TestRefuses:
    async def test_a_folder_with_other_things(self, world: World, dest: Path) -> None:
        write(dest, {"thesis.doc": b"mine"})
        with pytest.raises(DestinationTaken, match="something else"):
            await export(office_of(world), dest)
        assert files(dest).keys() == {"thesis.doc"}

    async def test_another_workspaces_export(self, world: World, dest: Path) -> None:
        await export(office_of(world), dest)
        with pytest.raises(DestinationTaken, match="another workspace"):
            await export(await found(world, "beta", staff=False), dest)

    async def test_a_newer_format(self, world: World, dest: Path) -> None:
        await export(office_of(world), dest)
        (dest / "export.json").write_text('{"format": "dossier-export", "version": 2, "new": 1}')
        with pytest.raises(ExportUnfit):
            await export(office_of(world), dest)

    async def test_two_at_once(self, world: World, dest: Path) -> None:
        office = await furnish(world)
        results = await asyncio.gather(export(office, dest), export(office, dest), return_exceptions=True)
        assert sorted(type(result).__name__ for result in results) == ["DestinationTaken", "Report"]
        told(dest)

    async def test_a_file(self, world: World, dest: Path) -> None:
        write(dest, {"file": b"1"})
        with pytest.raises(PathUnfit):
            await export(office_of(world), dest / "file")


@pytest.mark.embedded
class TestDamage:
    async def _spoil(self, office: Office, content: bytes, spoil: Any) -> None:
        for entry in [entry async for entry in office.parts.store.keys()]:  # noqa: SIM118  # a store is no dict
            path = office.parts.store.local_path(entry.key)
            assert path is not None
            if path.read_bytes() == content:
                path.chmod(0o640)
                spoil(path)

    @pytest.mark.parametrize(
        ("spoil", "code"),
        [
            (lambda path: path.unlink(), "blob_missing"),
            (lambda path: path.write_bytes(b"tw"), "blob_damaged"),
            (lambda path: path.write_bytes(b"twO"), "content_damaged"),
        ],
    )
    async def test_is_told_and_the_rest_goes_on(self, world: World, dest: Path, spoil: Any, code: str) -> None:
        office = await furnish(world)
        await self._spoil(office, b"two", spoil)
        report = await export(office, dest)
        assert [(each["path"], each["code"]) for each in report.failed] == [
            ("documents/Docs/Lease 🏠.txt (version 2)", code)
        ]
        assert json.loads((dest / "export.json").read_text())["failed"] == report.failed
        lease = json.loads((dest / "details/Docs/Lease 🏠.txt/document.json").read_text())
        assert [version["file"] is None for version in lease["versions"]] == [False, True, False, False]
        assert len(lines(dest / "documents.jsonl")) == 15
        assert {path.name for path in (dest / "details/Docs/Lease 🏠.txt").iterdir()} == {"document.json", "v3.txt"}


class TestMeanwhile:
    async def test_a_document_that_moves_is_neither_missed_nor_doubled(
        self, world: World, dest: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office = await furnish(world)
        names = {place.name: place.id for place in (await office.places()).values()}
        from dossier.transfer.exports import plan

        make = plan.make

        async def then_move(unit: Any, spots: plan.Plan) -> None:
            await make(unit, spots)
            new = await office.folder("new folder", names["Docs"])
            await office.do(
                lambda unit: documents.update(unit, names["note.txt"], DocumentChange(folder_id=new, name="moved.txt"))
            )
            await office.do(lambda unit: folders.create(unit, "another"))

        monkeypatch.setattr(plan, "make", then_move)
        await export(office, dest)
        monkeypatch.undo()
        all_ = told(dest)
        moved = [each for each in all_["documents"] if each["name"] == "moved.txt"]
        assert [each["place"] for each in moved] == ["/Docs/new folder/"]
        assert all_["counts"]["documents"] == 15
        await export(office, dest)
        fresh = dest.parent / "fresh"
        await export(office, fresh)
        assert told(dest) == told(fresh)
