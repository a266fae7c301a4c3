"""Zips by ticket: what lies in them and for whom, that a ticket works once, and how a stream ends."""

import asyncio
import io
import os
import random
import shutil
import subprocess
import zipfile
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import event, func, insert, select, update

from dossier import documents, downloads, folders, sessions, users
from dossier.core.ids import digest, new_id
from dossier.core.units import Unit
from dossier.documents.models import Document, Version
from dossier.downloads.archive import Member
from dossier.downloads.models import Ticket
from dossier.downloads.plans import Plan
from dossier.storage.models import Blob
from tests.conftest import Someone, World, client_of

MIB = 1024 * 1024


async def folder(by: Someone, name: str, parent: UUID | str | None = None) -> UUID:
    body = {"name": name, "parent_id": str(parent) if parent else None}
    return UUID((await ok(by.client.post("/api/v1/folders", json=body)))["id"])


async def document(by: Someone, name: str, content: bytes = b"x", parent: UUID | None = None) -> UUID:
    query = {"name": name} | ({"folder_id": str(parent)} if parent else {})
    headers = {"Content-Type": "application/octet-stream"}
    sent = by.client.post("/api/v1/documents", params=query, content=content, headers=headers)
    return UUID((await ok(sent))["id"])


async def restrict(by: Someone, folder_id: UUID, *members: Someone) -> None:
    grants = [{"member_id": str(member.member_id), "role": "viewer"} for member in members]
    await ok(by.client.put(f"/api/v1/folders/{folder_id}/access", json={"grants": grants}))


async def ok(sent: Any) -> dict[str, Any]:
    response: httpx.Response = await sent
    assert response.is_success, response.text
    return response.json() if response.content else {}


def selection(documents: tuple[UUID, ...] = (), folders: tuple[UUID, ...] = ()) -> dict[str, list[str]]:
    return {"document_ids": [str(id_) for id_ in documents], "folder_ids": [str(id_) for id_ in folders]}


async def ticket(by: Someone, documents: tuple[UUID, ...] = (), folders: tuple[UUID, ...] = ()) -> str:
    sent = by.client.post("/api/v1/downloads", json=selection(documents, folders))
    return str((await ok(sent))["url"])


async def zipped(
    world: World, by: Someone, documents: tuple[UUID, ...] = (), folders: tuple[UUID, ...] = ()
) -> zipfile.ZipFile:
    """The zip as a browser gets it: by somebody without credentials."""
    response = await world.anonymous.get(await ticket(by, documents, folders))
    assert response.status_code == 200, response.text
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    assert archive.testzip() is None
    return archive


def code(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


class TestContent:
    async def test_a_tree_lies_under_its_own_name_with_empty_folders(self, world: World, tmp_path: Path) -> None:
        top = await folder(world.editor, "Verträge")
        deep = await folder(world.editor, "2026", top)
        await folder(world.editor, "empty", deep)
        await document(world.editor, "a.txt", b"one", top)
        await document(world.editor, "報告.pdf", b"two" * 100_000, deep)
        await document(world.editor, "nothing", b"", deep)
        loose = await document(world.editor, "loose.bin", b"three")
        archive = await zipped(world, world.viewer, (loose,), (top,))
        assert sorted(archive.namelist()) == [
            "Verträge/",
            "Verträge/2026/",
            "Verträge/2026/empty/",
            "Verträge/2026/nothing",
            "Verträge/2026/報告.pdf",
            "Verträge/a.txt",
            "loose.bin",
        ]
        assert archive.read("Verträge/2026/報告.pdf") == b"two" * 100_000
        assert [archive.read(name) for name in ("Verträge/a.txt", "loose.bin", "Verträge/2026/nothing")] == [
            b"one",
            b"three",
            b"",
        ]
        unzip_takes(archive, tmp_path)

    async def test_the_head_with_its_own_time(self, world: World) -> None:
        id_ = await document(world.editor, "a.txt", b"old")
        world.clock.move(days=400)
        await ok(world.editor.client.post(f"/api/v1/documents/{id_}/versions", content=b"new"))
        archive = await zipped(world, world.viewer, (id_,))
        assert archive.read("a.txt") == b"new"
        at = datetime(*archive.getinfo("a.txt").date_time, tzinfo=UTC)
        assert abs((world.clock() - at).total_seconds()) < 60

    async def test_names_that_meet_are_numbered(self, world: World) -> None:
        top = await folder(world.editor, "a")
        chosen = [
            await document(world.editor, name, name.encode(), place)
            for name, place in [("Report.pdf", None), ("report.PDF", top), ("w:x.txt", None), ("w?x.txt", None)]
        ]
        archive = await zipped(world, world.viewer, tuple(chosen))
        assert archive.namelist() == ["Report.pdf", "report (2).PDF", "w_x.txt", "w_x (2).txt"]
        assert archive.read("report (2).PDF") == b"report.PDF"

    async def test_a_folder_and_a_document_that_meet(self, world: World) -> None:
        top = await folder(world.editor, "top")
        inner = await folder(world.editor, "x?", top)
        await document(world.editor, "x_", b"1", top)
        await document(world.editor, "y", b"2", inner)
        archive = await zipped(world, world.viewer, (), (top,))
        assert archive.namelist() == ["top/", "top/x_/", "top/x_ (2)", "top/x_/y"]

    async def test_names_that_windows_reserves(self, world: World) -> None:
        top = await folder(world.editor, "aux")
        for name in ("CON", "nul.txt", "ends with dot.", "a<b>|c*.txt"):
            await document(world.editor, name, b"1", top)
        archive = await zipped(world, world.viewer, (), (top,))
        assert set(archive.namelist()) == {
            "_aux/",
            "_aux/_CON",
            "_aux/_nul.txt",
            "_aux/ends with dot_",
            "_aux/a_b__c_.txt",
        }

    async def test_what_lies_in_a_chosen_folder_comes_once(self, world: World) -> None:
        top = await folder(world.editor, "top")
        inner = await folder(world.editor, "inner", top)
        id_ = await document(world.editor, "a", b"1", inner)
        for chosen in [(top, inner), (inner, top), (top, top)]:
            archive = await zipped(world, world.viewer, (id_, id_), chosen)
            assert archive.namelist() == ["top/", "top/inner/", "top/inner/a"]

    async def test_the_root_is_a_folder_too(self, world: World) -> None:
        await document(world.editor, "a", b"1")
        assert (await zipped(world, world.viewer, (), (world.root,))).namelist() == ["Acme/", "Acme/a"]

    async def test_the_trash_stays_out(self, world: World) -> None:
        top = await folder(world.editor, "top")
        gone = await folder(world.editor, "gone", top)
        id_ = await document(world.editor, "a", b"1", top)
        await ok(world.editor.client.delete(f"/api/v1/documents/{id_}"))
        await ok(world.editor.client.delete(f"/api/v1/folders/{gone}"))
        assert (await zipped(world, world.viewer, (), (top,))).namelist() == ["top/"]


def unzip_takes(archive: zipfile.ZipFile, folder: Path) -> None:
    if shutil.which("unzip"):
        assert isinstance(archive.fp, io.BytesIO)
        (folder / "a.zip").write_bytes(archive.fp.getvalue())
        subprocess.run(["unzip", "-tqq", "a.zip"], cwd=folder, check=True, timeout=30)


async def forget_sums(world: World) -> None:
    """What was stored before there were sums of it, or past this program."""

    async def forget(unit: Unit) -> None:
        await unit.session.execute(update(Blob).values(crc32=None))

    await world.parts.units.run(world.owner.actor, forget)


async def sums(world: World) -> dict[int, int | None]:
    """Size → CRC-32 of what is stored."""
    async with world.parts.units.read(world.owner.actor) as unit:
        rows = await unit.session.execute(select(Blob.size, Blob.crc32))
        return dict(rows.all())


class TestSums:
    CONTENTS = (b"", b"one", b"two" * 100_000, b"three" * 500_000)
    WANTED: ClassVar = {len(content): zlib.crc32(content) for content in CONTENTS}

    @pytest.fixture
    async def top(self, world: World) -> UUID:
        """A folder with a document of each content."""
        top = await folder(world.editor, "Übersicht")
        for n, content in enumerate(self.CONTENTS):
            await document(world.editor, f"{n}.bin", content, top)
        return top

    async def got(self, world: World, top: UUID) -> httpx.Response:
        response = await world.anonymous.get(await ticket(world.viewer, (), (top,)))
        archive = zipfile.ZipFile(io.BytesIO(response.content))
        assert [archive.read(f"Übersicht/{n}.bin") for n in range(4)] == list(self.CONTENTS)
        return response

    async def test_the_length_is_told_where_all_are_known(self, world: World, top: UUID) -> None:
        assert await sums(world) == self.WANTED
        response = await self.got(world, top)
        assert response.headers["content-length"] == str(len(response.content))
        assert {info.compress_type for info in zipfile.ZipFile(io.BytesIO(response.content)).infolist()} == {0}

    async def test_of_what_has_none_the_next_zip_knows(self, world: World, top: UUID) -> None:
        await forget_sums(world)
        assert "content-length" not in (await self.got(world, top)).headers
        assert await sums(world) == self.WANTED | {0: None}
        assert "content-length" in (await self.got(world, top)).headers

    async def test_the_same_bytes_again_bring_theirs(self, world: World, top: UUID) -> None:
        await forget_sums(world)
        await document(world.editor, "again.bin", self.CONTENTS[1])
        assert (await sums(world))[3] == self.WANTED[3]

    @pytest.mark.embedded
    async def test_a_database_that_takes_no_note_breaks_nothing(self, world: World, top: UUID) -> None:
        await forget_sums(world)
        async with world.parts.database.writer.begin() as connection:
            refuse = "CREATE TRIGGER no BEFORE UPDATE ON blobs BEGIN SELECT RAISE(ABORT, 'no'); END"
            await connection.exec_driver_sql(refuse)
        await self.got(world, top)
        assert set((await sums(world)).values()) == {None}

    async def test_damaged_bytes_are_told_and_their_sum_is_not_noted(self, world: World, top: UUID) -> None:
        await forget_sums(world)
        async with world.parts.units.read(world.owner.actor) as unit:
            key = await unit.session.scalar(select(Blob.key).where(Blob.size == 3))
        await world.parts.store.delete(str(key))
        await world.parts.store.put(UUID(int=0), _chunked(b"eno"), key=key)
        response = await world.anonymous.get(await ticket(world.viewer, (), (top,)))
        assert code(response) == (500, "blob_damaged")
        assert (await sums(world))[3] is None


async def _chunked(data: bytes) -> AsyncIterator[bytes]:
    yield data


class TestRights:
    async def test_restricted_folders_are_left_out(self, world: World) -> None:
        top = await folder(world.owner, "top")
        hidden = await folder(world.owner, "hidden", top)
        below = await folder(world.owner, "below", hidden)
        shown = await folder(world.owner, "shown", top)
        for place in (top, hidden, below, shown):
            await document(world.owner, "a", b"1", place)
        await restrict(world.owner, hidden, world.editor)
        everything = ["top/", "top/a", "top/hidden/", "top/hidden/a", "top/hidden/below/", "top/hidden/below/a"]
        everything += ["top/shown/", "top/shown/a"]
        for member in (world.owner, world.editor):
            assert sorted((await zipped(world, member, (), (top,))).namelist()) == everything
        less = ["top/", "top/a", "top/shown/", "top/shown/a"]
        assert sorted((await zipped(world, world.viewer, (), (top,))).namelist()) == less

    async def test_no_path_leads_through_a_hidden_folder(self, world: World) -> None:
        top = await folder(world.owner, "top")
        hidden = await folder(world.owner, "hidden", top)
        below = await folder(world.owner, "below", hidden)
        await document(world.owner, "a", b"1", below)
        await restrict(world.owner, below, world.viewer)
        await restrict(world.owner, hidden, world.editor)
        assert (await zipped(world, world.viewer, (), (top,))).namelist() == ["top/"]
        assert (await zipped(world, world.viewer, (), (below, top))).namelist() == ["below/", "top/", "below/a"]

    async def test_what_one_may_not_see_is_not_found(self, world: World) -> None:
        hidden = await folder(world.owner, "hidden")
        secret = await document(world.owner, "a", b"1", hidden)
        seen = await document(world.owner, "b", b"1")
        await restrict(world.owner, hidden)
        for by in (world.viewer, world.stranger):
            response = await by.client.post("/api/v1/downloads", json=selection((secret,)))
            assert code(response) == (404, "document_not_found")
            assert response.json()["missing"] == [str(secret)]
            response = await by.client.post("/api/v1/downloads", json=selection((), (hidden,)))
            assert code(response) == (404, "folder_not_found")
            assert response.json()["missing"] == [str(hidden)]
        mixed = await world.viewer.client.post("/api/v1/downloads", json=selection((seen, secret)))
        assert mixed.json()["missing"] == [str(secret)]

    async def test_unknown_and_trashed_ids_are_not_found(self, world: World) -> None:
        trashed, gone = await document(world.editor, "a"), await folder(world.editor, "gone")
        await ok(world.editor.client.delete(f"/api/v1/documents/{trashed}"))
        await ok(world.editor.client.delete(f"/api/v1/folders/{gone}"))
        for chosen in (selection((trashed,)), selection((uuid4(),)), selection((), (gone,)), selection((), (uuid4(),))):
            assert (await world.editor.client.post("/api/v1/downloads", json=chosen)).status_code == 404

    async def test_rights_lost_meanwhile(self, world: World) -> None:
        top = await folder(world.owner, "top")
        id_ = await document(world.owner, "a", b"1", top)
        by_folder, by_document = await ticket(world.viewer, (), (top,)), await ticket(world.viewer, (id_,))
        await restrict(world.owner, top)
        assert code(await world.anonymous.get(by_folder)) == (404, "folder_not_found")
        assert code(await world.anonymous.get(by_document)) == (404, "document_not_found")

    async def test_a_new_restriction_inside_counts_at_once(self, world: World) -> None:
        top = await folder(world.owner, "top")
        inner = await folder(world.owner, "inner", top)
        url = await ticket(world.viewer, (), (top,))
        await restrict(world.owner, inner)
        response = await world.anonymous.get(url)
        assert zipfile.ZipFile(io.BytesIO(response.content)).namelist() == ["top/"]

    async def test_the_present_role_counts(self, world: World) -> None:
        top = await folder(world.owner, "top")
        await document(world.owner, "a", b"1", top)
        await restrict(world.owner, top)
        await ok(world.owner.client.patch(f"/api/v1/members/{world.editor.member_id}", json={"role": "owner"}))
        url = await ticket(world.editor, (), (top,))
        await ok(world.owner.client.patch(f"/api/v1/members/{world.editor.member_id}", json={"role": "editor"}))
        assert code(await world.anonymous.get(url)) == (404, "folder_not_found")

    async def test_a_member_deactivated_meanwhile(self, world: World) -> None:
        url = await ticket(world.viewer, (await document(world.owner, "a"),))
        leave = world.viewer.member_id
        await world.parts.units.run(world.owner.actor, lambda unit: users.deactivate_member(unit, leave))
        assert (await world.anonymous.head(url)).status_code == 404
        assert code(await world.anonymous.get(url)) == (404, "ticket_ended")


class TestTicket:
    async def test_answer_and_headers(self, world: World) -> None:
        top = await folder(world.editor, "Verträge")
        response = await world.viewer.client.post("/api/v1/downloads", json=selection((), (top,)))
        assert response.status_code == 201
        assert set(response.json()) == {"url", "expires_at"}
        left = datetime.fromisoformat(response.json()["expires_at"]) - world.clock()
        assert 50 < left.total_seconds() <= 60
        url = response.json()["url"]
        assert url.startswith("/api/v1/downloads/")
        got = await world.anonymous.get(url)
        assert got.headers["content-type"] == "application/zip"
        assert "filename*=UTF-8''Vertr%C3%A4ge.zip" in got.headers["content-disposition"]
        assert got.headers["content-disposition"].startswith("attachment;")
        assert got.headers["cache-control"] == "no-store"
        assert got.headers["x-content-type-options"] == "nosniff"
        assert got.headers["content-security-policy"].startswith("sandbox")

    @pytest.mark.parametrize("many", [False, True])
    async def test_a_mixed_selection_is_named_by_the_day(self, world: World, many: bool) -> None:
        id_, top = await document(world.editor, "a"), await folder(world.editor, "top")
        got = await world.anonymous.get(await ticket(world.editor, (id_,), (top,) if many else ()))
        assert f"documents-{world.clock():%Y-%m-%d}.zip" in got.headers["content-disposition"]

    async def test_it_works_once(self, world: World) -> None:
        url = await ticket(world.editor, (await document(world.editor, "a"),))
        assert (await world.anonymous.get(url)).status_code == 200
        for again in (await world.anonymous.get(url), await world.editor.client.get(url)):
            assert code(again) == (404, "ticket_ended")
        assert (await world.anonymous.head(url)).status_code == 404

    async def test_two_at_once(self, world: World) -> None:
        url = await ticket(world.editor, (await document(world.editor, "a"),))
        answers = await asyncio.gather(*(world.anonymous.get(url) for _ in range(4)))
        assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]

    async def test_head_does_not_use_it_up(self, world: World) -> None:
        url = await ticket(world.editor, (), (await folder(world.editor, "top"),))
        asked = [await world.anonymous.head(url) for _ in range(2)][-1]
        assert (asked.status_code, asked.content) == (200, b"")
        assert "content-length" not in asked.headers
        got = await world.anonymous.get(url)
        assert got.status_code == 200
        for name in ("content-type", "content-disposition", "cache-control", "content-security-policy"):
            assert asked.headers[name] == got.headers[name]

    async def test_it_ends_after_a_minute(self, world: World) -> None:
        id_ = await document(world.editor, "a")
        early, late = await ticket(world.editor, (id_,)), await ticket(world.editor, (id_,))
        world.clock.move(seconds=55)
        assert (await world.anonymous.get(early)).status_code == 200
        world.clock.move(seconds=5)
        assert code(await world.anonymous.get(late)) == (404, "ticket_ended")

    async def test_what_expired_is_forgotten(self, world: World) -> None:
        id_ = await document(world.editor, "a")
        await ticket(world.editor, (id_,))
        world.clock.move(seconds=30)
        url = await ticket(world.editor, (id_,))
        world.clock.move(seconds=31)
        await world.parts.units.run(world.owner.actor, downloads.forget_expired)
        async with world.parts.units.read(world.owner.actor) as unit:
            assert await unit.session.scalar(select(func.count()).select_from(Ticket)) == 1
        assert (await world.anonymous.get(url)).status_code == 200

    @pytest.mark.parametrize("wrong", ["x", "x" * 4000, "..", "%00", "%ff", "%F0%9F%97%9C"])
    async def test_wrong_tickets(self, world: World, wrong: str) -> None:
        assert (await world.anonymous.get(f"/api/v1/downloads/{wrong}")).status_code == 404

    async def test_only_a_digest_is_stored(self, world: World) -> None:
        secret = (await ticket(world.editor, (await document(world.editor, "a"),))).rpartition("/")[2]
        async with world.parts.database.reading() as session:
            rows = (await session.execute(select(Ticket.__table__))).mappings().all()
        assert len(rows) == 1
        assert secret not in str(rows)
        assert digest(secret) in rows[0].values()

    @pytest.mark.parametrize(
        "body",
        [
            {},
            selection(),
            {"document_ids": ["x"]},
            {"document_ids": [str(uuid4())] * 1001},
            {"document_ids": [str(uuid4())] * 500, "folder_ids": [str(uuid4())] * 501},
            {"document_ids": [str(uuid4())], "more": 1},
        ],
    )
    async def test_wrong_selections(self, world: World, body: dict[str, Any]) -> None:
        assert (await world.editor.client.post("/api/v1/downloads", json=body)).status_code == 422

    async def test_nobody_gets_none(self, world: World) -> None:
        body = selection((await document(world.editor, "a"),))
        assert (await world.anonymous.post("/api/v1/downloads", json=body)).status_code == 401

    async def test_whoever_may_read_may_download(self, world: World) -> None:
        body = selection((await document(world.editor, "a"),))
        for scope, status in (("read", 201), ("write", 403)):
            make = partial(sessions.make_token, member_id=world.viewer.member_id, name="t", scopes=[scope])
            client = client_of(world.app, await world.parts.units.run(world.viewer.actor, make))
            assert (await client.post("/api/v1/downloads", json=body)).status_code == status

    async def test_a_repeated_key_is_told_that_it_was_done(self, world: World) -> None:
        body, headers = selection((await document(world.editor, "a"),)), {"Idempotency-Key": "k"}
        first = await world.editor.client.post("/api/v1/downloads", json=body, headers=headers)
        again = await world.editor.client.post("/api/v1/downloads", json=body, headers=headers)
        assert (first.status_code, *code(again)) == (201, 409, "already_done")
        assert (await world.anonymous.get(first.json()["url"])).status_code == 200


async def fill(world: World, folder_id: UUID, count: int) -> dict[str, bytes]:
    """Many documents at once, of seven different contents: name → content."""
    contents = [b"content %d" % n for n in range(7)]
    samples = [await document(world.owner, f"sample {uuid4()}", content) for content in contents]
    async with world.parts.units.read(world.owner.actor) as unit:
        heads = {row.id: row.sha256 for row in await documents.heads_of(unit, samples)}
        scope_id = await unit.session.scalar(select(folders.scope_of(folder_id)))
    names = [f"{n:06} {'Ab'[n % 2]}.txt" for n in range(count)]
    random.Random(1).shuffle(names)
    now = world.clock()
    common = {"workspace_id": world.owner.actor.workspace_id, "media_type": "text/plain", "created_at": now}
    rows = [
        {"id": new_id(), "folder_id": folder_id, "scope_id": scope_id, "name": name, "name_key": folders.name_key(name)}
        | {"description": "", "revision": 1, "head_number": 1, "updated_at": now, "trashed": False, "open_tasks": 0}
        | common
        for name in names
    ]
    versions = [
        {"document_id": row["id"], "number": 1, "sha256": heads[samples[n % 7]], "size": len(contents[n % 7])}
        | {"file_name": row["name"], "comment": ""}
        | common
        for n, row in enumerate(rows)
    ]

    async def put(unit: Any) -> None:
        await unit.session.execute(insert(Document), rows)
        await unit.session.execute(insert(Version), versions)

    await world.parts.units.run(world.owner.actor, put)
    return {name: contents[n % 7] for n, name in enumerate(names)}


@contextmanager
def counted(world: World) -> Iterator[list[str]]:
    """The statements that readers are sent meanwhile."""
    statements: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        statements.append(statement)

    engine = world.parts.database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


class TestMany:
    async def test_pages_and_folders_without_end(self, world: World, tmp_path: Path) -> None:
        top = await folder(world.owner, "top")
        inner = await folder(world.owner, "inner", top)
        last = await folder(world.owner, "last", inner)
        sizes = {"top": (top, 1), "top/inner": (inner, 2010), "top/inner/last": (last, 5)}
        wanted = {
            f"{path}/{name}": content
            for path, (id_, count) in sizes.items()
            for name, content in (await fill(world, id_, count)).items()
        }
        archive = await zipped(world, world.viewer, (), (top,))
        files = [name for name in archive.namelist() if not name.endswith("/")]
        assert len(files) == len(set(files)) == 2016
        assert {name: archive.read(name) for name in files} == wanted
        unzip_takes(archive, tmp_path)

    async def test_statements_do_not_grow_with_folders_and_documents(self, world: World) -> None:
        def tree(count: int) -> Callable[[], Any]:
            async def make() -> UUID:
                top = await folder(world.owner, f"top {count}")
                for n in range(count):
                    await document(world.owner, "a", b"1", await folder(world.owner, str(n), top))
                return top

            return make

        counts = []
        for size in (1, 25):
            top = await tree(size)()
            async with world.parts.units.read(world.viewer.actor) as unit:
                with counted(world) as statements:
                    made = await downloads.plan(unit, [], [top])
            assert len(list(made)) == 1 + 2 * size
            counts.append(len(statements))
        assert counts[0] == counts[1] <= 8

    def test_a_plan_is_small(self) -> None:
        made, keys = Plan(), [f"{UUID(int=7).hex}/{new_id().hex}" for _ in range(20_000)]
        for n, key in enumerate(keys):
            path = f"Contracts/2026/Customers/{n % 90}/Scan of lease {n:08}.pdf"
            made.add(Member(path, datetime.now(UTC), n * 1000, key, zlib.crc32(key.encode())))
        assert sum(map(len, made._packed)) < 20_000 * 80
        members = list(made)
        assert len(members) == 20_000
        assert (members[-1].key, members[-1].size) == (keys[-1], 19_999_000)
        assert list(made) == members


Messages = list[dict[str, Any]]


async def ask(
    world: World, url: str, *, leave_after: int = 10**9, on_body: Callable[[], None] | None = None
) -> Messages:
    """GET as a server does it: all messages of the answer; the client goes away after so many of them."""
    sent: Messages = []
    gone = asyncio.Event()
    asked = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> dict[str, Any]:
        if request := next(asked, None):
            return request
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)
        if len(sent) > 1 and on_body:
            on_body()
        if len(sent) >= leave_after:
            gone.set()
            await asyncio.sleep(60)

    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
    }
    scope |= {"scheme": "http", "path": url, "raw_path": url.encode(), "query_string": b"", "root_path": ""}
    scope |= {"headers": [(b"host", b"127.0.0.1:8000")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000)}
    await asyncio.wait_for(world.app(scope, receive, send), 30)
    return sent


def body_of(sent: Messages) -> bytes:
    return b"".join(message.get("body", b"") for message in sent)


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to hold")


def open_blobs(world: World) -> list[str]:
    """The blobs that this process has open."""
    links = []
    for number in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            links.append(str(number.readlink()))
    return [link for link in links if link.startswith(str(world.parts.settings.data_dir.absolute() / "blobs"))]


@pytest.fixture
async def big(world: World) -> tuple[UUID, UUID, UUID]:
    """A folder with two documents of 8 MiB, and these."""
    top = await folder(world.editor, "top")
    first, second = [await document(world.editor, name, os.urandom(8 * MIB), top) for name in ("a", "b")]
    return top, first, second


async def blob_of(world: World, document_id: UUID) -> Path:
    async with world.parts.units.read(world.owner.actor) as unit:
        made = list(await downloads.plan(unit, [document_id], []))
    path = world.parts.store.local_path(made[0].key)
    assert path is not None
    return path


class TestStream:
    async def test_whole(self, world: World, big: tuple[UUID, UUID, UUID]) -> None:
        sent = await ask(world, await ticket(world.viewer, (), big[:1]))
        assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}
        assert max(len(message.get("body", b"")) for message in sent) < 2 * MIB
        assert zipfile.ZipFile(io.BytesIO(body_of(sent))).testzip() is None

    async def test_no_connection_is_held(self, world: World, big: tuple[UUID, UUID, UUID]) -> None:
        database = world.parts.database
        held: list[int] = []

        def note() -> None:
            held.extend(engine.pool.checkedout() for engine in (database.reader, database.writer))  # type: ignore[attr-defined]

        await ask(world, await ticket(world.viewer, (), big[:1]), on_body=note)
        assert len(held) > 10
        assert set(held) == {0}

    @pytest.mark.parametrize("old", [False, True])
    @pytest.mark.parametrize("messages", [1, 2, 12])
    @pytest.mark.embedded
    async def test_a_client_that_goes_away(
        self, world: World, big: tuple[UUID, UUID, UUID], messages: int, old: bool
    ) -> None:
        if old:
            await forget_sums(world)
        seen: list[list[str]] = []
        url = await ticket(world.viewer, (), big[:1])
        sent = await ask(world, url, leave_after=messages, on_body=lambda: seen.append(open_blobs(world)))
        assert len(sent) == messages
        assert messages == 1 or not old or any(seen)
        await until(lambda: not open_blobs(world))
        assert code(await world.anonymous.get(url)) == (404, "ticket_ended")

    @pytest.mark.embedded
    async def test_a_stream_given_up(self, world: World, big: tuple[UUID, UUID, UUID]) -> None:
        await forget_sums(world)
        async with world.parts.units.read(world.viewer.actor) as unit:
            made = await downloads.plan(unit, big[1:], [])
        chunks = downloads.stream(world.parts.store, world.parts.units, world.viewer.actor, made)
        await anext(chunks)
        assert open_blobs(world)
        await chunks.aclose()
        await until(lambda: not open_blobs(world))

    @pytest.mark.parametrize("fault", ["missing", "short"])
    @pytest.mark.embedded
    async def test_a_lost_blob_breaks_it_off(self, world: World, big: tuple[UUID, UUID, UUID], fault: str) -> None:
        path = await blob_of(world, big[2])
        path.chmod(0o640)
        if fault == "missing":
            path.unlink()
        else:
            os.truncate(path, 3 * MIB)
        sent = await ask(world, await ticket(world.viewer, (), big[:1]))
        assert sent[0]["status"] == 200
        assert len(body_of(sent)) > 7 * MIB
        assert all(message["more_body"] for message in sent[1:]), "a server would end the answer as if it were whole"
        assert not zipfile.is_zipfile(io.BytesIO(body_of(sent)))
