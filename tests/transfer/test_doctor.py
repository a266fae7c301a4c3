"""The doctor: every kind of fault is found under its code, and a sound program has none."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from dossier import folders
from dossier.core.units import Unit
from dossier.folders.schemas import GrantIn
from dossier.transfer import CODES, Diagnosis, examine
from dossier.transfer.doctor import blobs, documents, tree
from tests.conftest import World
from tests.transfer.office import Office, found, furnish, office_of

FILLED = 500


async def fill(office: Office, count: int) -> None:
    """Some hundred documents with contents of their own."""

    async def make(unit: Unit, start: int) -> None:
        for n in range(start, min(start + 100, count)):
            await office.put(unit, f"{n}.txt", f"content {n}".encode())

    for start in range(0, count, 100):
        await office.do(lambda unit, s=start: make(unit, s))  # type: ignore[misc]


async def files(office: Office) -> list[Path]:
    """Where the stored bytes lie."""
    entries = [entry async for entry in office.parts.store.keys(office.actor.workspace_id.hex)]
    paths = [office.parts.store.local_path(entry.key) for entry in entries]
    return sorted(path for path in paths if path is not None)


def spoil(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change a stored file behind Dossier's back."""
    path.chmod(0o640)
    path.write_bytes(change(path.read_bytes()))


def age(path: Path, hours: float) -> None:
    """Make a file older."""
    then = time.time() - hours * 3600
    os.utime(path, (then, then))


async def sql(office: Office, statement: str, **values: Any) -> None:
    """Break something by hand; references are not checked."""
    raw = office.parts.database.writer
    async with raw.connect() as connection:
        unchecked = "PRAGMA defer_foreign_keys=ON" if raw.dialect.name == "sqlite" else "SET FOREIGN_KEY_CHECKS = 0"
        await connection.execute(text(unchecked))
        await connection.execute(text(statement), values)
        await connection.commit()
        if raw.dialect.name != "sqlite":
            await connection.execute(text("SET FOREIGN_KEY_CHECKS = 1"))


def codes(found: Diagnosis) -> dict[str, int]:
    return dict(found.counts)


async def look(office: Office, **only: Any) -> Diagnosis:
    return await examine(office.parts, **only)


class TestSound:
    async def test_a_program_with_a_bit_of_everything(self, world: World) -> None:
        found = await look(await furnish(world))
        assert found.wire()["findings"] == []
        assert {
            name: found.checked[name] for name in ("documents", "versions", "folders", "contents", "in_flight")
        } == {
            "documents": 15,
            "versions": 20,
            "folders": 10,
            "contents": 18,
            "in_flight": 0,
        }

    @pytest.mark.slow
    async def test_five_hundred_contents(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        for module, page in ((blobs, 64), (documents, 64), (tree, 64)):
            monkeypatch.setattr(module, "PAGE", page)
        await fill(office := office_of(world), FILLED)
        found = await look(office)
        assert (codes(found), found.checked["contents"], found.checked["names"]) == ({}, FILLED, FILLED)

    async def test_an_empty_program(self, world: World) -> None:
        assert codes(await look(office_of(world))) == {}


@pytest.mark.embedded
class TestContents:
    async def test_a_flipped_bit(self, world: World) -> None:
        await fill(office := office_of(world), 9)
        path = (await files(office))[3]
        spoil(path, lambda data: bytes([data[0] ^ 1]) + data[1:])
        found = await look(office)
        assert codes(found) == {"blob_damaged": 1}
        assert found.findings[0].subject == f"{path.parent.parent.name}/{path.name}"
        assert found.findings[0].workspace_id == office.actor.workspace_id

    async def test_cut_short(self, world: World) -> None:
        await fill(office := office_of(world), 9)
        spoil((await files(office))[0], lambda data: data[:-1])
        assert codes(await look(office)) == {"blob_size": 1}

    async def test_gone(self, world: World) -> None:
        await fill(office := office_of(world), 9)
        (await files(office))[0].unlink()
        assert codes(await look(office)) == {"blob_missing": 1}

    async def test_two_swapped(self, world: World) -> None:
        await fill(office := office_of(world), 9)
        one, other = (await files(office))[:2]
        was = one.read_bytes()
        spoil(one, lambda _: other.read_bytes())
        spoil(other, lambda _: was)
        assert codes(await look(office)) == {"blob_damaged": 2}

    async def test_orphans_old_and_young(self, world: World) -> None:
        await fill(office := office_of(world), 3)
        path = (await files(office))[0]
        for name, hours in (("0" * 32, 49.0), ("0" * 30 + "10", 47.0)):
            orphan = path.parent.parent / name[-2:] / name
            orphan.parent.mkdir(exist_ok=True)
            orphan.write_bytes(b"left over")
            age(orphan, hours)
        found = await look(office)
        assert (codes(found), found.checked["in_flight"]) == ({"blob_orphan": 1}, 1)

    @pytest.mark.slow
    async def test_a_hundred_spoilt_of_many(self, world: World) -> None:
        """All that is spoilt is found and nothing else (R8)."""
        await fill(office := office_of(world), 200)
        dice, paths = random.Random(8), await files(office)
        spoilt = dice.sample(paths, 100)
        for n, path in enumerate(spoilt):
            if n % 4 == 3:
                path.unlink()
                continue
            place = dice.randrange(8)
            changes: list[Callable[[bytes], bytes]] = [
                lambda data, p=place: data[:p] + bytes([data[p] ^ 1 << dice.randrange(8)]) + data[p + 1 :],  # type: ignore[misc]
                lambda data, p=place: data[:p],  # type: ignore[misc]
                lambda data: b"\0" * len(data),
            ]
            spoil(path, changes[n % 4])
        found = await look(office)
        assert {finding.subject.split("/")[1] for finding in found.findings} == {path.name for path in spoilt}
        assert codes(found) == {"blob_damaged": 50, "blob_size": 25, "blob_missing": 25}


ONE = "(SELECT id FROM documents WHERE name = '3.txt')"


class TestRows:
    @pytest.mark.parametrize(
        ("statement", "expected"),
        [
            (f"UPDATE documents SET head_number = 2 WHERE id = {ONE}", {"head_wrong": 1}),
            (f"UPDATE documents SET head_number = 0 WHERE id = {ONE}", {"head_wrong": 1}),
            (f"UPDATE versions SET number = 2 WHERE document_id = {ONE}", {"versions_gap": 1, "head_wrong": 1}),
            (f"DELETE FROM versions WHERE document_id = {ONE}", {"versions_gap": 1, "head_wrong": 1}),
            (f"UPDATE documents SET media_type = 'image/png' WHERE id = {ONE}", {"head_repeat": 1}),
            (f"UPDATE documents SET author_id = id WHERE id = {ONE}", {"head_repeat": 1}),
            (f"UPDATE versions SET size = 1 WHERE document_id = {ONE}", {"content_size": 1}),
            (f"UPDATE documents SET open_tasks = 1 WHERE id = {ONE}", {"open_tasks_wrong": 1}),
            (f"DELETE FROM names WHERE node_id = {ONE}", {"name_missing": 1}),
            (f"UPDATE documents SET name = 'other' WHERE id = {ONE}", {"name_wrong": 2}),
            (f"UPDATE names SET name_key = x'61' WHERE node_id = {ONE}", {"name_wrong": 1}),
            (f"UPDATE names SET kind = 'folder' WHERE node_id = {ONE}", {"name_wrong": 1, "name_stray": 1}),
            (f"UPDATE documents SET trashed = 1 WHERE id = {ONE}", {"name_stray": 1}),
            ("DELETE FROM events WHERE seq = 1", {"events_gap": 3}),
            ("UPDATE event_counters SET seq = seq + 1", {"event_counter": 3}),
            ("DELETE FROM names WHERE kind = 'folder'", {"name_missing": 2}),
            ("UPDATE folders SET name = 'x' WHERE name = 'in'", {"name_wrong": 1}),
        ],
    )
    async def test_each_fault_has_its_code(self, world: World, statement: str, expected: dict[str, int]) -> None:
        office = office_of(world)
        await fill(office, 9)
        await office.add("there", b"1", await office.folder("in", await office.folder("out")))
        await (await found(world, "beta", staff=False)).add("theirs", b"2")
        await sql(office, statement)
        result = await look(office)
        assert codes(result) == expected
        assert codes(result).keys() <= CODES.keys()

    async def test_access_that_is_not_the_folders(self, world: World) -> None:
        office = office_of(world)
        folder = await office.folder("secret")
        await office.add("a", b"1", folder)
        grants = [GrantIn(member_id=world.editor.member_id, role="editor")]
        await office.do(lambda unit: folders.restrict(unit, folder, grants))
        assert codes(await look(office)) == {}, "a job will rewrite it"
        await world.work()
        assert codes(await look(office)) == {}
        await sql(
            office, "UPDATE documents SET scope_id = (SELECT scope_id FROM folders WHERE parent_id IS NULL LIMIT 1)"
        )
        assert codes(await look(office)) == {"scope_repeat": 1}
        await sql(office, "UPDATE folders SET scope_id = (SELECT id FROM scopes WHERE is_root = 0) WHERE name = 'Acme'")
        assert codes(await look(office))["scope_repeat"] >= 1

    @pytest.mark.embedded
    async def test_broken_references(self, world: World) -> None:
        await fill(office := office_of(world), 2)
        async with office.parts.database.writer.connect() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            await raw.execute("PRAGMA foreign_keys=OFF")
            await raw.execute("DELETE FROM blobs WHERE sha256 IN (SELECT sha256 FROM blobs LIMIT 1)")
            await raw.commit()
            await raw.execute("PRAGMA foreign_keys=ON")
        counted = codes(await look(office))
        assert (counted["reference_broken"], counted["content_unknown"]) == (1, 1)


class TestScope:
    @pytest.mark.embedded
    async def test_one_workspace_alone(self, world: World) -> None:
        office, other = office_of(world), await found(world, "beta", staff=False)
        await fill(office, 3)
        await other.add("theirs", b"theirs")
        spoil((await files(other))[0], lambda data: data[::-1])
        await sql(office, "UPDATE documents SET open_tasks = 1 WHERE name = '1.txt'")
        mine = await look(office, workspace_id=office.actor.workspace_id)
        theirs = await look(office, workspace_id=other.actor.workspace_id)
        assert (codes(mine), mine.checked["contents"]) == ({"open_tasks_wrong": 1}, 3)
        assert (codes(theirs), theirs.checked["documents"]) == ({"blob_damaged": 1}, 1)
        assert codes(await look(office)) == {"open_tasks_wrong": 1, "blob_damaged": 1}

    async def test_findings_are_kept_up_to_a_thousand_and_counted_beyond(self) -> None:
        diagnosis = Diagnosis()
        for n in range(1200):
            from dossier.transfer import Finding

            diagnosis.add(Finding("blob_missing", str(n)))
        assert (len(diagnosis.findings), diagnosis.left_out, diagnosis.counts) == (
            1000,
            200,
            Counter(blob_missing=1200),
        )


class TestBesideWriters:
    async def test_writers_go_on(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Between any two pages somebody writes; nothing waits and nothing false is found."""
        office = office_of(world)
        await fill(office, 30)
        for module in (blobs, documents, tree):
            monkeypatch.setattr(module, "PAGE", 5)
        judge, count = blobs._check, 0

        async def busy(*args: Any) -> None:
            nonlocal count
            count += 1
            await office.add(f"new {count}", f"new {count}".encode())
            await judge(*args)

        monkeypatch.setattr(blobs, "_check", busy)
        found = await look(office)
        assert codes(found) == {}
        assert count >= 30

    @pytest.mark.embedded
    async def test_a_content_that_is_purged_meanwhile_is_no_finding(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        office = office_of(world)
        await fill(office, 3)
        fault = blobs._fault

        async def purge_first(patient: Any, line: Any) -> Any:
            path = office.parts.store.local_path(line.key)
            assert path is not None
            path.unlink()
            await sql(office, "DELETE FROM versions WHERE sha256 = :s", s=line.sha256)
            await sql(office, "DELETE FROM blobs WHERE sha256 = :s", s=line.sha256)
            return await fault(patient, line)

        monkeypatch.setattr(blobs, "_fault", purge_first)
        assert "blob_missing" not in codes(await look(office))
