"""The import of an export: the same content again, in an empty workspace, however often it is cut off."""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dossier import documents, folders, search, tasks, users
from dossier.core.errors import Unavailable
from dossier.core.ids import new_id
from dossier.core.jobs import JobRow
from dossier.core.units import ReadUnit, Unit
from dossier.documents.models import Document, Version
from dossier.tasks.models import Comment
from dossier.transfer import (
    ExportUnfit,
    PathUnfit,
    Report,
    WorkspaceNotEmpty,
    examine,
    export_workspace,
    import_export,
    is_export,
)
from dossier.transfer.imports.ids import derived
from tests.conftest import World
from tests.transfer.office import Office, found, furnish, lines, office_of, told, write

pytestmark = pytest.mark.slow


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


async def export(office: Office, dest: Path) -> dict[str, Any]:
    """Export; what the export says."""
    report = await export_workspace(office.parts, office.actor, dest)
    assert report.failed == []
    return told(dest)


async def bring(office: Office, root: Path) -> Report:
    return await import_export(office.parts, office.actor, root)


async def clean(world: World) -> None:
    """The doctor finds nothing."""
    assert (await examine(world.parts)).wire()["findings"] == []


class TestRoundTrip:
    async def test_all_comes_back(self, world: World, out: Path) -> None:
        before = await export(await furnish(world), out)
        beta = await found(world, "beta")
        report = await bring(beta, out)
        assert report.failed == []
        assert report.counts == {"documents": 15, "versions": 20, "tasks": 5, "folders": 8, "present": 0}
        after = await export(beta, out.parent / "again")
        assert after == before
        await clean(world)

    async def test_open_tasks_and_heads_are_right(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        items, _ = await beta.see(lambda unit: documents.list_(unit, documents.Filters(), "name", 100, None))
        known = {item["name"]: item for item in items}
        assert known["with tasks.txt"]["open_tasks"] == 3
        assert known["Lease 🏠.txt"]["version"]["number"] == 4
        assert known["Lease 🏠.txt"]["version"]["author"]["name"] == "Owner"
        shown = await beta.see(lambda unit: tasks.of_document(unit, known["with tasks.txt"]["id"]))
        assert [comment["body"] for comment in shown[0]["comments"]] == ["why? 🤔", "because", "done"]
        assert (shown[0]["assignee"]["name"], shown[0]["version"], shown[0]["behind"]) == ("Editor", 1, True)

    async def test_access_is_as_it_was(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await beta.do(lambda unit: users.add_member(unit, "new@example.com", "New", "editor"))
        await bring(beta, out)
        for email, count in (("editor@example.com", 13), ("viewer@example.com", 13), ("new@example.com", 12)):
            who = await beta.see(lambda unit, e=email: users.find_member(unit, e))  # type: ignore[misc]
            actor = await beta.see(lambda unit, w=who: users.actor_of(unit, w))  # type: ignore[misc]
            assert actor is not None
            async with world.parts.units.read(actor) as unit:
                items, _ = await documents.list_(unit, documents.Filters(), "name", 100, None)
            assert len(items) == count, email

    async def test_trash_can_be_restored_and_work_goes_on(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        gone = documents.Filters(trashed=True)
        items, _ = await beta.see(lambda unit: documents.list_(unit, gone, "name", 100, None))
        from dossier.documents import trash

        for item in items:
            await beta.do(lambda unit, i=item["id"]: trash.restore(unit, i, rename=True))  # type: ignore[misc]
        assert {"left/", "left/inside.txt", "note (2).txt"} <= (await beta.tree()).keys()
        await clean(world)

    async def test_what_a_deleted_group_was_granted(self, world: World, out: Path) -> None:
        office = await furnish(world)
        groups, _ = await office.see(lambda unit: users.list_groups(unit, 10, None))
        await office.do(lambda unit: users.delete_group(unit, groups[0]["id"]))
        before = await export(office, out)
        beta = await found(world, "beta")
        assert (await bring(beta, out)).failed == []
        assert await export(beta, out.parent / "again") == before

    async def test_it_is_found_by_search(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        await world.work()
        assert len(await beta.see(lambda unit: search.match(unit, "living note", None, 10))) == 1

    async def test_a_program_is_still_one(self, world: World, out: Path) -> None:
        office = office_of(world)
        program = await office.do(lambda unit: users.add_service(unit, "A program", "editor"))
        who = await office.see(lambda unit: users.actor_of(unit, program))
        await office.add("delivered.txt", b"delivered", who=who)
        await export(office, out)
        beta = await found(world, "beta")
        assert (await bring(beta, out)).failed == []
        items, _ = await beta.see(lambda unit: documents.list_(unit, documents.Filters(), "name", 9, None))
        assert items[0]["version"]["author"]["name"] == "A program"

    async def test_unknown_people_come_as_former_members(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta", staff=False)
        people = json.loads((out / "people.json").read_text())
        people["members"][0]["email"] = "Somebody.New@example.com"
        (out / "people.json").write_text(json.dumps(people))
        seal(out)
        await bring(beta, out)
        items, _ = await beta.see(lambda unit: users.list_members(unit, 10, None))
        assert {(item["email"], item["role"], item["active"]) for item in items} == {
            ("Somebody.New@example.com", "owner", False),
            ("editor@example.com", "editor", False),
            ("viewer@example.com", "viewer", False),
        }
        person = await beta.see(lambda unit: users.find_person(unit, "somebody.new@example.com"))
        assert person is not None
        assert person.password_hash is None

    async def test_a_second_import_makes_nothing_new(self, world: World, out: Path) -> None:
        before = await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        report = await bring(beta, out)
        assert report.counts == {"documents": 0, "versions": 0, "tasks": 0, "folders": 0, "present": 15}
        assert await export(beta, out.parent / "again") == before

    async def test_one_event_for_each_document(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        from dossier.core.events import EventRow

        async def types(unit: ReadUnit) -> list[str]:
            query = select(EventRow.type).where(EventRow.workspace_id == beta.actor.workspace_id)
            return list((await unit.session.scalars(query.order_by(EventRow.seq))).all())

        told_ = await beta.see(types)
        assert told_.count("document.imported") == 15
        assert [kind for kind in told_ if kind.startswith("import.")] == ["import.started", "import.finished"]

    async def test_into_another_program(self, world: World, out: Path, tmp_path: Path) -> None:
        from dossier.app import build
        from dossier.core import migrate
        from dossier.core.actor import Actor
        from dossier.core.settings import Settings

        before = await export(await furnish(world), out)
        settings = Settings(data_dir=tmp_path / "elsewhere", log_level="error")
        parts, actor = build(settings), Actor.system(new_id())
        await asyncio.to_thread(migrate.upgrade, settings.database)
        root = await parts.units.run(actor, lambda unit: folders.found_workspace(unit, "new", "Acme"))
        there = Office(parts, actor, root)
        assert (await bring(there, out)).failed == []
        after = await export(there, tmp_path / "again")
        for member in before["members"]:
            member[3] = False
        assert after == before
        await parts.close()


def seal(root: Path) -> None:
    """Make the digests right again after a test has changed something: what a careful forger would do."""
    entries = lines(root / "documents.jsonl")
    for entry in entries:
        entry["sha256"] = hashlib.sha256((root / entry["details"]).read_bytes()).hexdigest()
    (root / "documents.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    manifest = json.loads((root / "export.json").read_text())
    manifest["files"] = {name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in manifest["files"]}
    (root / "export.json").write_text(json.dumps(manifest))


Change = Callable[[dict[str, Any]], None]


def forge(root: Path, change: Change, document: str = "documents/note.txt") -> None:
    """Change one ``document.json``, with all digests right."""
    path = root / document.replace("documents", "details", 1) / "document.json"
    whole = json.loads(path.read_text())
    change(whole)
    path.write_text(json.dumps(whole))
    seal(root)


class TestRefuses:
    async def test_a_workspace_with_documents(self, world: World, out: Path) -> None:
        office = await furnish(world)
        await export(office, out)
        with pytest.raises(WorkspaceNotEmpty):
            await bring(office, out)
        beta = await found(world, "beta")
        await beta.folder("mine")
        with pytest.raises(WorkspaceNotEmpty):
            await bring(beta, out)
        assert (await beta.tree()).keys() == {"mine/"}

    async def test_another_export_after_one_has_begun(self, world: World, out: Path) -> None:
        office = await furnish(world)
        beta = await found(world, "beta")
        await export(office, out)
        await bring(beta, out)
        await export(office, out)
        with pytest.raises(WorkspaceNotEmpty):
            await bring(beta, out)

    async def test_what_was_cut_off(self, world: World, out: Path) -> None:
        await export(office_of(world), out)
        (out / "export.json").unlink()
        (out / "export.begun.json").write_text(
            json.dumps({"format": "dossier-export-begun", "workspace_id": str(new_id())})
        )
        assert is_export(out)
        with pytest.raises(ExportUnfit, match="cut off"):
            await bring(await found(world, "beta"), out)

    @pytest.mark.parametrize("name", ["people.json", "folders.jsonl", "documents.jsonl"])
    async def test_lists_that_were_changed(self, world: World, out: Path, name: str) -> None:
        await export(await furnish(world), out)
        (out / name).write_bytes((out / name).read_bytes().replace(b"a", b"b", 1))
        with pytest.raises(ExportUnfit, match=name):
            await bring(await found(world, "beta"), out)

    @pytest.mark.parametrize(
        ("text", "kind"),
        [(None, False), ("not json", False), ('{"format": "other"}', False), ('{"id": 1}', False)],
    )
    def test_a_tree_with_an_export_json_of_its_own_is_a_tree(
        self, tmp_path: Path, text: str | None, kind: bool
    ) -> None:
        if text is not None:
            (tmp_path / "export.json").write_text(text)
        assert is_export(tmp_path) is kind

    def test_a_file_is_no_export(self, tmp_path: Path) -> None:
        assert not is_export(write(tmp_path, {"a": b"1"}) / "a")
        assert not is_export(tmp_path / "nothing")

    async def test_a_missing_list(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        (out / "people.json").unlink()
        with pytest.raises(PathUnfit):
            await bring(await found(world, "beta"), out)


class TestDamage:
    """A document that is not what the export wrote is told and stops; the rest comes over, and it can be tried again."""

    @pytest.mark.parametrize("how", ["bit", "short", "gone", "details"])
    async def test_one_document_stops(self, world: World, out: Path, how: str) -> None:
        before = await export(await furnish(world), out)
        path = out / ("details/Docs/Lease 🏠.txt/document.json" if how == "details" else "documents/Docs/Lease 🏠.txt")
        good = path.read_bytes()
        if how == "gone":
            path.unlink()
        else:
            path.write_bytes(good[:-1] if how == "short" else bytes([good[0] ^ 1]) + good[1:])
        beta = await found(world, "beta")
        report = await bring(beta, out)
        assert report.counts["documents"] == 14
        assert [each["path"] for each in report.failed] == ["details/Docs/Lease 🏠.txt/document.json"]
        assert report.failed[0]["code"] == ("path_unfit" if how == "gone" else "content_damaged")
        assert "Docs/Lease 🏠.txt" not in await beta.tree()
        await clean(world)
        path.write_bytes(good)
        again = await bring(beta, out)
        assert (again.counts["documents"], again.counts["present"], again.failed) == (1, 14, [])
        assert await export(beta, out.parent / "again") == before

    @pytest.mark.parametrize(
        "change",
        [
            lambda d: d["versions"][0].update(number=2),
            lambda d: d["versions"][0].update(restored_from=1),
            lambda d: d["versions"].clear(),
            lambda d: d["versions"][0].update(file="../../../../etc/passwd"),
            lambda d: d["versions"][0].update(file="/etc/passwd"),
            lambda d: d["versions"][0].update(file="link"),
            lambda d: d["versions"][0].update(file=None),
            lambda d: d["versions"][0].update(file=""),
            lambda d: d["versions"][0].update(file_name="a/b"),
            lambda d: d["versions"][0].update(author="who@example.com"),
            lambda d: d["versions"][0].update(comment="x" * 2001),
            lambda d: d.update(folder_id=str(UUID(int=5))),
            lambda d: d.update(id=str(UUID(int=5))),
            lambda d: d.update(name="../up"),
            lambda d: d.update(created_at="yesterday"),
            lambda d: d.update(created_at="2026-01-01T00:00:00"),
            lambda d: d.update(surprise=1),
        ],
    )
    async def test_forged_documents(self, world: World, out: Path, change: Change) -> None:
        office = office_of(world)
        await office.add("note.txt", b"note")
        await office.add("other.txt", b"other")
        await export(office, out)
        (out / "link").symlink_to("/etc/passwd")
        forge(out, change)
        beta = await found(world, "beta")
        report = await bring(beta, out)
        assert [each["path"] for each in report.failed] == ["details/note.txt/document.json"]
        assert (await beta.tree()).keys() == {"other.txt"}
        assert len([entry async for entry in world.parts.store.keys(beta.actor.workspace_id.hex)]) == 1
        await clean(world)

    async def test_names_that_meet(self, world: World, out: Path) -> None:
        office = office_of(world)
        await office.add("note.txt", b"note")
        await office.add("other.txt", b"other")
        await export(office, out)
        forge(out, lambda d: d.update(name="OTHER.txt"))
        beta = await found(world, "beta")
        assert (await bring(beta, out)).failed == []
        assert len(await beta.tree()) == 2
        await clean(world)


class TestCutOff:
    """Ended at any Unit and started again: the same content, once."""

    @pytest.mark.parametrize("at", [1, 2, 3, 4, 9, 17, 18])
    async def test_goes_on(self, world: World, out: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        before = await export(await furnish(world), out)
        beta, count = await found(world, "beta"), 0
        run = world.parts.units.run

        async def cut(actor: Any, verb: Callable[[Unit], Awaitable[Any]]) -> Any:
            nonlocal count
            count += 1
            if count >= at:
                raise Unavailable
            return await run(actor, verb)

        monkeypatch.setattr(world.parts.units, "run", cut)
        with pytest.raises(Unavailable):
            await bring(beta, out)
        monkeypatch.undo()
        await clean(world)
        assert (await bring(beta, out)).failed == []
        assert await export(beta, out.parent / "again") == before
        await clean(world)

    async def test_nothing_is_left_in_the_store(self, world: World, out: Path) -> None:
        await export(await furnish(world), out)
        beta = await found(world, "beta")
        await bring(beta, out)
        stored = len([entry async for entry in world.parts.store.keys(beta.actor.workspace_id.hex)])

        async def contents(unit: ReadUnit) -> int:
            query = select(func.count(Version.sha256.distinct())).where(Version.workspace_id == unit.workspace_id)
            return (await unit.session.execute(query)).scalar_one()

        assert stored == await beta.see(contents)


class TestDerived:
    def test_is_a_uuid_of_version_8(self) -> None:
        id_ = derived(new_id(), new_id(), 7)
        assert (id_.version, id_.variant) == (8, "specified in RFC 4122")

    def test_is_the_same_each_time_and_differs_by_workspace_source_and_place(self) -> None:
        here, there, source, other = new_id(), new_id(), new_id(), new_id()
        assert derived(here, source) == derived(here, source)
        assert len({derived(w, s, p) for w in (here, there) for s in (source, other) for p in (0, 1)}) == 8

    def test_keeps_the_order_of_time_and_place(self) -> None:
        here = new_id()
        sources = [new_id() for _ in range(300)]
        made = [derived(here, source, place) for place, source in enumerate(sources)]
        assert made == sorted(made)


async def test_jobs_are_promised_once(world: World, out: Path) -> None:
    await export(await furnish(world), out)
    beta = await found(world, "beta")
    await bring(beta, out)
    await bring(beta, out)

    async def count(unit: ReadUnit) -> int:
        query = select(func.count()).select_from(JobRow).where(JobRow.workspace_id == unit.workspace_id)
        return (await unit.session.execute(query)).scalar_one()

    assert await beta.see(count) == 15


async def test_comments_keep_their_order(world: World, out: Path) -> None:
    """A comment is sorted by its id, so ids have to rise as they did."""
    office = office_of(world)
    note = await office.add("note.txt", b"note")
    task = await office.do(lambda unit: tasks.create(unit, note, tasks.NewTask(title="t")))

    async def say(unit: Unit) -> None:
        for n in range(50):
            await tasks.add_comment(unit, task["id"], str(n))

    await office.do(say)
    await export(office, out)
    beta = await found(world, "beta")
    await bring(beta, out)

    async def bodies(unit: ReadUnit) -> list[str]:
        query = select(Comment.body).where(Comment.workspace_id == unit.workspace_id).order_by(Comment.id)
        return list((await unit.session.scalars(query)).all())

    assert await beta.see(bodies) == [str(n) for n in range(50)]


async def test_documents_of_two_imports_are_apart(world: World, out: Path) -> None:
    await export(await furnish(world), out)
    for slug in ("beta", "gamma"):
        await bring(await found(world, slug), out)

    async def count(unit: ReadUnit) -> int:
        return (await unit.session.execute(select(func.count()).select_from(Document))).scalar_one()

    assert await office_of(world).see(count) == 45
    await clean(world)
