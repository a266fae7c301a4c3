"""Adding many documents at once: the same as one after the other, in few statements."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event, select

from dossier import documents, folders, storage
from dossier.core.actor import Actor, NotAllowed
from dossier.core.db import Base
from dossier.core.errors import Invalid
from dossier.core.units import ReadUnit, Unit
from dossier.documents import Addition, Upload, locks, trash
from dossier.documents.adding import MOST
from dossier.folders.schemas import GrantIn
from dossier.worker import Worker
from tests.conftest import World
from tests.transfer.office import Office, found, office_of

IDS = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}(?![0-9a-f])")
ALIKE = (
    "plan.txt",
    "Übung 🎉.pdf",
    "PLAN.TXT",
    "U\u0308bung 🎉.PDF",
    "straße.md",
    "plan (2).txt",
    "STRASSE.md",
    "plan.txt",
)
MANY = [f"{n:03} Übung 🎉.txt" for n in range(500)]


@pytest.fixture
def office(world: World) -> Office:
    return office_of(world)


async def additions(office: Office, names: Sequence[str], *homes: UUID | None) -> list[Addition]:
    """Documents to be in these folders by turns, two of each content."""

    async def content(n: int) -> AsyncIterator[bytes]:
        yield b"content %d" % (n // 2)

    store, workspace, found = office.parts.store, office.actor.workspace_id, list[Addition]()
    for n, name in enumerate(names):
        received = storage.Received(await store.put(workspace, content(n)))
        home = homes[n % len(homes)] if homes else None
        found.append(Addition(Upload(received, folders.clean_name(name), f"no. {n}"), home))
    return found


async def names_in(office: Office, folder: UUID | None = None) -> list[str]:
    """What lies in a folder, by name."""
    return [place.name for _, place in sorted((await office.places(folder)).items())]


Rows = dict[str, list[Mapping[str, Any]]]


async def rows_of(office: Office) -> Rows:
    """Every row there is."""

    async def ask(unit: ReadUnit) -> Rows:
        session = unit.session
        return {
            name: [dict(row) for row in (await session.execute(select(table))).mappings()]
            for name, table in Base.metadata.tables.items()
        }

    return await office.see(ask)


async def effect(
    office: Office, verb: Callable[[Unit], Awaitable[Any]], who: Actor | None = None
) -> dict[str, list[str]]:
    """The rows that a verb leaves, table by table; ids by what they are of, moments left out."""
    before = await rows_of(office)
    await office.do(verb, who)
    after = await rows_of(office)
    called = {row["id"]: f"{table} {row['name']}" for table in ("documents", "folders") for row in after[table]}
    called |= {office.actor.workspace_id: "workspace"}

    def shown(row: Mapping[str, Any]) -> str:
        text = repr({key: "moment" if isinstance(value, datetime) else value for key, value in row.items()})
        return IDS.sub(lambda id_: called.get(UUID(id_.group()), "another"), text)

    left = {table: sorted(shown(row) for row in rows if row not in before[table]) for table, rows in after.items()}
    return {table: rows for table, rows in left.items() if rows}


@contextmanager
def statements(office: Office) -> Iterator[list[str]]:
    """The statements sent to be written."""
    sent: list[str] = []
    engine = office.parts.database.writer.sync_engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


class TestTheSameAsOneByOne:
    @pytest.mark.parametrize(
        ("names", "on_conflict"),
        [
            (MANY[:20], "error"),
            (ALIKE, "rename"),
            (ALIKE, "version"),
            (["a"] * 40 + ["a (7)"], "rename"),
            ([], "error"),
        ],
    )
    async def test_row_by_row(self, world: World, names: Sequence[str], on_conflict: str) -> None:
        left = []
        for at_once in (False, True):
            office = await found(world, f"office-{int(at_once)}")
            home = await office.folder("Home")
            await office.add("plan.txt", b"content 1")
            new = await additions(office, names, None, home)

            async def one_by_one(unit: Unit, new: list[Addition] = new) -> None:
                for each in new:
                    await documents.add(unit, each.upload, each.folder_id, each.name, on_conflict)

            async def all_at_once(unit: Unit, new: list[Addition] = new) -> None:
                await documents.add_many(unit, new, on_conflict)

            left.append(await effect(office, all_at_once if at_once else one_by_one))
        assert left[0] == left[1]
        assert len(left[0].get("events", [])) == len(names)
        tables = {"names", "documents", "versions", "blobs", "events", "event_counters"}
        assert left[0].keys() == (tables if names else set())

    async def test_as_a_member(self, office: Office, world: World) -> None:
        new = await additions(office, ["a", "b"])
        left = await effect(office, lambda unit: documents.add_many(unit, new), world.editor.actor)
        people = [row["author_id"] for row in (await rows_of(office))["versions"]]
        assert people == [world.editor.member_id] * 2
        assert all("'actor_name': 'Editor'" in row for row in left["events"])


class TestAddMany:
    async def test_few_statements_however_many(self, office: Office) -> None:
        counts = []
        for names in (MANY[:2], MANY[2:]):
            new = await additions(office, names)
            with statements(office) as sent:
                await office.do(lambda unit, new=new: documents.add_many(unit, new))  # type: ignore[misc]  # the loop's
            counts.append(len(sent))
        assert counts[0] == counts[1] <= 16
        assert await names_in(office) == MANY

    async def test_no_more_where_all_are_renamed(self, office: Office) -> None:
        counts = []
        for _ in range(3):
            new = await additions(office, MANY[:200])
            with statements(office) as sent:
                await office.do(lambda unit, new=new: documents.add_many(unit, new, "rename"))  # type: ignore[misc]  # the loop's
            counts.append(len(sent))
        assert max(counts) <= 16
        assert len(await names_in(office)) == 600

    async def test_ids_are_in_order(self, office: Office) -> None:
        ids = await office.do(lambda unit: _added(unit, office, ["b", "a", "c"]))
        items = [await office.see(lambda unit, id_=id_: documents.get(unit, id_)) for id_ in ids]  # type: ignore[misc]  # the loop's
        assert [(item["name"], item["version"]["comment"]) for item in items] == [
            ("b", "no. 0"),
            ("a", "no. 1"),
            ("c", "no. 2"),
        ]

    async def test_five_hundred_reach_who_follows(self, office: Office, world: World) -> None:
        new = await additions(office, MANY)
        ids = await office.do(lambda unit: documents.add_many(unit, new))
        await Worker(office.parts).follow()
        indexed = [row for row in (await rows_of(office))["jobs"] if row["kind"] == "search.index"]
        assert sorted(row["payload"]["document_id"] for row in indexed) == sorted(map(str, ids))
        seen, after = list[str](), "0"
        for _ in range(4):
            page = await world.owner.client.get("/api/v1/events", params={"after": after, "limit": 200})
            seen += [each["document_id"] for each in page.json()["items"] if each["type"] == "document.added"]
            after = page.json()["next"] or after
        assert seen == list(map(str, ids))

    async def test_none_and_too_many(self, office: Office) -> None:
        assert await office.do(lambda unit: documents.add_many(unit, [])) == []
        new = await additions(office, ["a"]) * (MOST + 1)
        with pytest.raises(Invalid, match="At most 1000 documents at once; these are 1001"):
            await office.do(lambda unit: documents.add_many(unit, new))
        assert await names_in(office) == []

    async def test_the_most(self, office: Office) -> None:
        new = await additions(office, ["same.txt"]) * MOST
        await office.do(lambda unit: documents.add_many(unit, new, "rename"))
        assert len(await names_in(office)) == MOST

    async def test_a_shared_content_is_kept_once(self, office: Office) -> None:
        new = await additions(office, ["a", "b", "c"])
        await office.do(lambda unit: documents.add_many(unit, new))
        received = [each.upload.bytes for each in new]
        assert [(each.kept, each.spare) for each in received] == [(True, False), (False, True), (True, False)]
        later = await additions(office, ["d"])
        await office.do(lambda unit: documents.add_many(unit, later))
        assert (later[0].upload.bytes.kept, later[0].upload.bytes.spare) == (False, True)

    async def test_two_at_once(self, office: Office) -> None:
        first, second = await additions(office, MANY[:100]), await additions(office, MANY[:100][::-1])
        await asyncio.gather(
            *(office.do(lambda unit, new=new: documents.add_many(unit, new, "rename")) for new in (first, second))  # type: ignore[misc]  # the loop's
        )
        assert len(await names_in(office)) == 200


async def _added(unit: Unit, office: Office, names: Sequence[str]) -> list[UUID]:
    return await documents.add_many(unit, await additions(office, names))


class TestRefusals:
    """One is refused, and nothing is there of any."""

    async def refused(
        self, office: Office, new: list[Addition], kind: type[Exception], who: Actor | None = None
    ) -> Any:
        before = await rows_of(office)
        with pytest.raises(kind) as refusal:
            await office.do(lambda unit: documents.add_many(unit, new), who)
        assert await rows_of(office) == before
        assert not any(each.upload.bytes.kept or each.upload.bytes.spare for each in new)
        return refusal.value

    async def test_a_name_is_taken(self, office: Office) -> None:
        there = await office.add("STRASSE.txt")
        error = await self.refused(office, await additions(office, ["a", "straße.txt"]), folders.NameTaken)
        assert error.extra == {"existing": {"kind": "document", "id": str(there)}}

    async def test_by_a_folder(self, office: Office) -> None:
        there = await office.folder("plan")
        error = await self.refused(office, await additions(office, ["a", "Plan"]), folders.NameTaken)
        assert error.extra == {"existing": {"kind": "folder", "id": str(there)}}
        new = await additions(office, ["Plan"])
        with pytest.raises(folders.NameTaken):
            await office.do(lambda unit: documents.add_many(unit, new, "version"))

    async def test_a_name_comes_twice(self, office: Office) -> None:
        await self.refused(office, await additions(office, ["e\u0301.txt", "b", "É.TXT"]), folders.NameTaken)

    async def test_the_same_name_in_two_folders_is_none(self, office: Office) -> None:
        homes = [await office.folder(name) for name in ("A", "B")]
        new = await additions(office, ["same", "same"], *homes)
        await office.do(lambda unit: documents.add_many(unit, new))
        assert [await names_in(office, home) for home in homes] == [["same"], ["same"]]

    async def test_a_name_that_is_none(self, office: Office) -> None:
        [first, second] = await additions(office, ["a", "b"])
        await self.refused(office, [first, Addition(second.upload, name="a/b")], folders.BadName)

    async def test_a_folder_went_away_meanwhile(self, office: Office) -> None:
        home, gone = await office.folder("Home"), await office.folder("Gone")
        new = await additions(office, ["a", "b"], home, gone)
        await office.do(lambda unit: trash.trash_folder(unit, gone))
        await self.refused(office, new, folders.FolderNotFound)

    async def test_no_right_on_one_of_the_folders(self, office: Office, world: World) -> None:
        home, shown, hidden = [await office.folder(name) for name in ("Home", "Shown", "Hidden")]
        look = GrantIn(member_id=world.editor.member_id, role="viewer")
        await office.do(lambda unit: folders.restrict(unit, shown, [look]))
        await office.do(lambda unit: folders.restrict(unit, hidden, []))
        editor = world.editor.actor
        await self.refused(office, await additions(office, ["a", "b"], home, shown), NotAllowed, editor)
        await self.refused(office, await additions(office, ["a", "b"], home, hidden), folders.FolderNotFound, editor)
        await self.refused(office, await additions(office, ["a"], home), NotAllowed, world.viewer.actor)

    async def test_another_workspace(self, office: Office, world: World) -> None:
        home = await office.folder("Home")
        await self.refused(office, await additions(office, ["a"], home), folders.FolderNotFound, world.stranger.actor)

    async def test_a_version_of_what_somebody_has_locked(self, office: Office, world: World) -> None:
        there = await office.add("b")
        await office.do(lambda unit: locks.acquire(unit, there, 60), world.owner.actor)
        new = await additions(office, ["a", "b"])
        with pytest.raises(documents.DocumentLocked):
            await office.do(lambda unit: documents.add_many(unit, new, "version"))
        assert await names_in(office) == ["b"]
