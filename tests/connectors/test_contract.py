"""What every connector promises, on every real system that can be started here."""

import asyncio
from collections.abc import Awaitable

import pytest

from dossier.connectors import Connector, Item, RemoteError, Right
from tests.connectors.conftest import Place
from tests.connectors.content import Gate, content, listed, listed_at_last, read, read_version

# NFC and NFD, what an address has to encode, leading and trailing dots, 255 bytes.
NAMES = [
    "\u00e9t\u00e9.txt",
    "e\u0301te\u0301.txt",
    "two words.txt",
    " around ",
    "a#b",
    "a%b",
    "a%41b",
    "a%2Fb",
    "a?b=c",
    "a+b",
    "a&b;c=d,e",
    'it\'s "<this>"|*',
    "a:b",
    "~a$!()@",
    "\U0001f600.txt",
    "\u6587\u4ef6.docx",
    ".hidden",
    "...dots",
    "trailing.",
    "x" * 251 + ".txt",
    "\u00e9" * 127 + "x",
]
NO_NAMES = ["", ".", "..", "a/b", "../a", "/", "a\0b", "\udce9", f".dossier-{'0' * 32}.part"]
UNFIT = ["", ".", "..", "a/b", "a\0b", "tab\there", "\udce9", "x" * 300, "\u00e9" * 200 + ".docx", "." * 300]
NO_IDS = ["..", "../secret", "a/../../secret", "/etc/passwd", "a//b", "./a", "a\0", "a/./b"]
BIG = bytes(range(256)) * 4096 * 5


def nothings(connector: Connector) -> list[str]:
    """Ids under which nothing lies: where an id is a path, one through a folder that is not there is one as well."""
    return ["none"] if connector.caps.stable_ids else ["none", "none/none"]


def bare(item: Item) -> tuple[object, ...]:
    """What does not change by itself: a tag may be marked as too young to be sure of."""
    return item.id, item.parent_id, item.name, item.folder, item.etag, item.size, item.lasting


async def refuses_nothing(call: Awaitable[Item]) -> None:
    """A service that takes no empty files says so."""
    with pytest.raises(RemoteError) as refused:
        await call
    assert refused.value.kind == "refused"


async def rights(connector: Connector, item_id: str | None) -> list[Right] | None:
    """What a system tells; None for one that does not."""
    try:
        return await connector.rights(item_id)
    except RemoteError as error:
        if error.kind != "unsupported":
            raise
        return None


class TestCheck:
    async def test_says_what_it_found(self, ours: Connector) -> None:
        assert await ours.check()

    async def test_no_such_place(self, place: Place) -> None:
        with pytest.raises(RemoteError) as refused:
            await place.nowhere.check()
        assert refused.value.kind == "missing"


class TestChanges:
    async def test_nothing(self, ours: Connector) -> None:
        assert await listed(ours) == {}

    async def test_everything_and_folders_first(self, ours: Connector, theirs: Connector) -> None:
        made = [await theirs.make_folder(None, "f")]
        made += [await theirs.make_folder(made[0].id, "g")]
        made += [await theirs.make_folder(made[1].id, "empty")]
        made += [await theirs.create(above, "a", content(b"1")) for above in [None, made[0].id, made[1].id]]
        found = await listed(ours)
        assert {key: bare(item) for key, item in found.items()} == {item.id: bare(item) for item in made}

    async def test_many(self, ours: Connector) -> None:
        made = [await ours.create(None, f"{number}.txt", content(b"x")) for number in range(30)]
        assert (await listed(ours)).keys() == {item.id for item in made}

    async def test_again_is_the_same(self, ours: Connector) -> None:
        await ours.create(None, "a", content(b"1"))
        first = [bare(item) for item in (await listed(ours)).values()]
        assert first == [bare(item) for item in (await listed(ours)).values()]

    async def test_an_edit_shows(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await theirs.put(made.id, content(b"22"), if_match=made.etag)
        (after,) = (await listed(ours)).values()
        assert after.tag != made.tag and after.size == 2

    async def test_a_deleted_file_is_gone(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await theirs.delete(made.id)
        assert await listed(ours) == {}

    async def test_no_cursor_without_a_feed(self, ours: Connector) -> None:
        await ours.create(None, "a", content(b"1"))
        if not ours.caps.feed:
            assert [page.cursor async for page in ours.changes()] == [None]

    async def test_a_place_that_is_gone_is_not_empty(self, place: Place) -> None:
        with pytest.raises(RemoteError) as refused:
            await listed(place.nowhere)
        assert refused.value.kind == "missing"


class TestLooking:
    async def test_stat(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        made = await ours.create(folder.id, "a", content(b"123"))
        seen, above = await ours.stat(made.id), await ours.stat(folder.id)
        assert seen and bare(seen) == bare(made)
        assert above and bare(above) == bare(folder) and above.folder and above.tag == above.etag == ""
        assert (seen.name, seen.parent_id, seen.size, seen.folder) == ("a", folder.id, 3, False)
        assert seen.modified_at and seen.modified_at.tzinfo

    async def test_stat_of_nothing(self, ours: Connector) -> None:
        for nothing in nothings(ours):
            assert await ours.stat(nothing) is None

    async def test_find(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        made = await ours.create(folder.id, "a", content(b"1"))
        for there, name, wanted in ((None, "f", folder), (folder.id, "a", made)):
            found = await ours.find(there, name)
            assert found and bare(found) == bare(wanted)

    async def test_find_nothing(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        assert await ours.find(None, "a") is None
        assert await ours.find(folder.id, "a") is None

    @pytest.mark.parametrize("trick", NO_IDS)
    async def test_a_path_out_is_refused(self, ours: Connector, trick: str) -> None:
        await ours.make_folder(None, "a")
        for call in (ours.stat(trick), read(ours, trick), ours.delete(trick), ours.move(trick, None, "b")):
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind == "refused"

    async def test_a_path_is_no_id_where_ids_stay(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        await ours.create(folder.id, "a", content(b"1"))
        if ours.caps.stable_ids:
            for path in (f"{folder.id}/a", "f/a"):
                with pytest.raises(RemoteError) as refused:
                    await ours.stat(path)
                assert refused.value.kind == "refused"
        else:
            assert await ours.stat("f/a")


class TestOpen:
    @pytest.mark.parametrize("data", [b"", b"abc", BIG], ids=["empty", "small", "big"])
    async def test_the_bytes(self, place: Place, ours: Connector, data: bytes) -> None:
        if not data and not place.holds_empty:
            return await refuses_nothing(ours.create(None, "a", content(data)))
        made = await ours.create(None, "a", content(data))
        assert await read(ours, made.id) == data
        assert await read(ours, made.id, made.tag) == data
        return None

    async def test_nothing_there(self, ours: Connector) -> None:
        with pytest.raises(RemoteError) as refused:
            await read(ours, "none")
        assert refused.value.kind == "missing"

    async def test_a_folder(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        with pytest.raises(RemoteError) as refused:
            await read(ours, folder.id)
        assert refused.value.kind == "missing"

    async def test_changed_since(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        after = await theirs.put(made.id, content(b"22"), if_match=made.etag)
        with pytest.raises(RemoteError) as refused:
            await read(ours, made.id, made.tag)
        assert refused.value.kind == "changed"
        assert await read(ours, made.id, after.tag) == b"22"


class TestCreate:
    @pytest.mark.parametrize("name", NAMES)
    async def test_names(self, ours: Connector, theirs: Connector, name: str) -> None:
        await ours.check()
        name = ours.name_for(name)
        made = await ours.create(None, name, content(b"1"))
        assert made.name == name
        (seen,) = (await listed(theirs)).values()
        assert bare(seen) == bare(made)
        assert await read(theirs, seen.id) == b"1"
        await ours.delete(made.id, if_match=made.etag)
        assert await listed(theirs) == {}

    @pytest.mark.parametrize("name", NO_NAMES)
    async def test_no_names(self, ours: Connector, name: str) -> None:
        for call in (ours.create(None, name, content(b"1")), ours.make_folder(None, name), ours.find(None, name)):
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind == "refused"
        assert await listed(ours) == {}

    async def test_a_name_too_long(self, ours: Connector) -> None:
        with pytest.raises(RemoteError) as refused:
            await ours.create(None, "x" * 256, content(b"1"))
        assert refused.value.kind == "refused"

    @pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
    async def test_never_replaces(self, ours: Connector, folder: bool) -> None:
        there = await (ours.make_folder(None, "a") if folder else ours.create(None, "a", content(b"1")))
        with pytest.raises(RemoteError) as refused:
            await ours.create(None, "a", content(b"22"))
        assert refused.value.kind == "name_taken"
        (seen,) = (await listed(ours)).values()
        assert bare(seen) == bare(there)

    async def test_never_replaces_what_came_meanwhile(self, ours: Connector, theirs: Connector) -> None:
        gate = Gate(BIG)
        late = asyncio.create_task(ours.create(None, "a", gate.content))
        await gate.reached.wait()
        first = await theirs.create(None, "a", content(b"first"))
        gate.open.set()
        with pytest.raises(RemoteError) as refused:
            await late
        assert refused.value.kind == "name_taken"
        assert (await listed(ours)).keys() == {first.id}
        assert await read(ours, first.id) == b"first"

    async def test_no_parent(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        await ours.delete(folder.id)
        with pytest.raises(RemoteError) as refused:
            await ours.create(folder.id, "a", content(b"1"))
        assert refused.value.kind == "missing"

    async def test_nobody_sees_half_of_it(self, ours: Connector, theirs: Connector) -> None:
        gate = Gate(BIG)
        under_way = asyncio.create_task(ours.create(None, "a", gate.content))
        await gate.reached.wait()
        assert await listed_at_last(theirs) == {}
        assert await theirs.find(None, "a") is None
        gate.open.set()
        made = await under_way
        assert made.size == len(BIG)
        assert await read(theirs, made.id) == BIG

    @pytest.mark.parametrize("sent", [b"12", b"1234", b"124"], ids=["short", "long", "other"])
    async def test_other_bytes_than_announced(self, ours: Connector, sent: bytes) -> None:
        with pytest.raises(RemoteError) as refused:
            await ours.create(None, "a", content(sent, announced=b"123"))
        assert refused.value.kind == "unreachable"
        assert await listed(ours) == {}

    async def test_a_source_that_fails(self, ours: Connector) -> None:
        gate = Gate(BIG, KeyError("ours"))
        gate.open.set()
        with pytest.raises(KeyError):
            await ours.create(None, "a", gate.content)
        assert await listed(ours) == {}
        assert (await ours.create(None, "a", content(b"1"))).size == 1

    async def test_a_call_that_is_cancelled(self, ours: Connector) -> None:
        gate = Gate(BIG)
        under_way = asyncio.create_task(ours.create(None, "a", gate.content))
        await gate.reached.wait()
        under_way.cancel()
        with pytest.raises(asyncio.CancelledError):
            await under_way
        assert await listed(ours) == {}


class TestPut:
    @pytest.mark.parametrize("data", [b"", b"2", BIG], ids=["empty", "same size", "big"])
    async def test_replaces(self, place: Place, ours: Connector, data: bytes) -> None:
        made = await ours.create(None, "a", content(b"1"))
        if not data and not place.holds_empty:
            return await refuses_nothing(ours.put(made.id, content(data), if_match=made.etag))
        after = await ours.put(made.id, content(data), if_match=made.etag)
        assert (after.id, after.size) == (made.id, len(data))
        assert after.etag != made.etag or not ours.caps.conditional_write
        assert await read(ours, made.id, after.tag) == data
        seen = await ours.stat(made.id)
        assert seen and seen.etag == after.etag
        return None

    async def test_again_and_again(self, ours: Connector) -> None:
        item = await ours.create(None, "a", content(b"0"))
        for number in range(1, 4):
            item = await ours.put(item.id, content(bytes(number)), if_match=item.etag)
        assert await read(ours, item.id) == bytes(3)

    async def test_changed_since(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await theirs.put(made.id, content(b"theirs"), if_match=made.etag)
        with pytest.raises(RemoteError) as refused:
            await ours.put(made.id, content(b"ours"), if_match=made.etag)
        assert refused.value.kind == "changed"
        assert await read(ours, made.id) == b"theirs"

    async def test_changed_while_it_is_sent(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        gate = Gate(BIG)
        late = asyncio.create_task(ours.put(made.id, gate.content, if_match=made.etag))
        await gate.reached.wait()
        await theirs.put(made.id, content(b"theirs"), if_match=made.etag)
        gate.open.set()
        with pytest.raises(RemoteError) as refused:
            await late
        assert refused.value.kind == "changed"
        assert await read(ours, made.id) == b"theirs"
        assert (await listed(ours)).keys() == {made.id}

    async def test_nothing_there(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await ours.delete(made.id)
        with pytest.raises(RemoteError) as refused:
            await ours.put(made.id, content(b"2"), if_match=made.etag)
        assert refused.value.kind == "missing"
        assert await listed(ours) == {}

    async def test_a_folder(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        with pytest.raises(RemoteError) as refused:
            await ours.put(folder.id, content(b"2"), if_match=folder.etag)
        assert refused.value.kind == "missing"

    async def test_nobody_sees_half_of_it(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"old"))
        gate = Gate(BIG)
        under_way = asyncio.create_task(ours.put(made.id, gate.content, if_match=made.etag))
        await gate.reached.wait()
        assert await read(theirs, made.id) == b"old"
        assert (await listed_at_last(theirs)).keys() == {made.id}
        gate.open.set()
        await under_way
        assert await read(theirs, made.id) == BIG

    async def test_a_source_that_fails(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"old"))
        gate = Gate(BIG, KeyError("ours"))
        gate.open.set()
        with pytest.raises(KeyError):
            await ours.put(made.id, gate.content, if_match=made.etag)
        assert await read(ours, made.id) == b"old"
        assert (await listed(ours)).keys() == {made.id}


class TestMakeFolder:
    @pytest.mark.parametrize("name", NAMES)
    async def test_names(self, ours: Connector, theirs: Connector, name: str) -> None:
        await ours.check()
        name = ours.name_for(name)
        folder = await ours.make_folder(None, name)
        inner = await ours.make_folder(folder.id, name)
        file = await ours.create(inner.id, "a", content(b"1"))
        assert (folder.name, inner.name, inner.parent_id, file.parent_id) == (name, name, folder.id, inner.id)
        assert (await listed(theirs)).keys() == {folder.id, inner.id, file.id}

    @pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
    async def test_name_taken(self, ours: Connector, folder: bool) -> None:
        await (ours.make_folder(None, "a") if folder else ours.create(None, "a", content(b"1")))
        with pytest.raises(RemoteError) as refused:
            await ours.make_folder(None, "a")
        assert refused.value.kind == "name_taken"

    async def test_no_parent(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        await ours.delete(folder.id)
        with pytest.raises(RemoteError) as refused:
            await ours.make_folder(folder.id, "g")
        assert refused.value.kind == "missing"


class TestMove:
    async def test_rename(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        after = await ours.move(made.id, None, "b")
        assert (after.name, after.parent_id, after.size, after.lasting) == ("b", None, 1, made.lasting)
        assert (await listed(ours)).keys() == {after.id}
        assert await read(ours, after.id, after.tag) == b"1"
        await ours.put(after.id, content(b"22"), if_match=after.etag)

    async def test_into_a_folder_and_out(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f g#%é")
        made = await ours.create(None, "a", content(b"1"))
        inside = await ours.move(made.id, folder.id, "a")
        assert inside.parent_id == folder.id
        outside = await ours.move(inside.id, None, "c")
        assert (await listed(ours)).keys() == {folder.id, outside.id}

    async def test_a_folder_with_all_in_it(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        inner = await ours.make_folder(folder.id, "g")
        await ours.create(inner.id, "a", content(b"1"))
        await ours.create(folder.id, "b", content(b"2"))
        target = await ours.make_folder(None, "t")
        after = await ours.move(folder.id, target.id, "h")
        assert after.folder and after.lasting == folder.lasting
        found = {item.name: item for item in (await listed(ours)).values()}
        assert found.keys() == {"t", "h", "g", "a", "b"}
        assert found["h"].parent_id == target.id and found["g"].parent_id == after.id
        assert await read(ours, found["a"].id) == b"1"

    @pytest.mark.parametrize("kind", ["file", "folder"])
    @pytest.mark.parametrize("there", ["file", "folder"])
    async def test_never_replaces(self, ours: Connector, kind: str, there: str) -> None:
        async def make(what: str, name: str) -> Item:
            return await (ours.make_folder(None, name) if what == "folder" else ours.create(None, name, content(b"1")))

        made, target = await make(kind, "a"), await make(there, "b")
        with pytest.raises(RemoteError) as refused:
            await ours.move(made.id, None, "b")
        assert refused.value.kind == "name_taken"
        assert (await listed(ours)).keys() == {made.id, target.id}

    async def test_to_where_it_is(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        assert bare(await ours.move(made.id, None, "a")) == bare(made)

    async def test_into_itself(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        inner = await ours.make_folder(folder.id, "g")
        for parent in (folder, inner):
            with pytest.raises(RemoteError) as refused:
                await ours.move(folder.id, parent.id, "x")
            assert refused.value.kind == "refused"

    async def test_nothing_there(self, ours: Connector) -> None:
        with pytest.raises(RemoteError) as refused:
            await ours.move("none", None, "a")
        assert refused.value.kind == "missing"

    async def test_no_parent(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        folder = await ours.make_folder(None, "f")
        await ours.delete(folder.id)
        with pytest.raises(RemoteError) as refused:
            await ours.move(made.id, folder.id, "a")
        assert refused.value.kind == "missing"
        assert await read(ours, made.id) == b"1"

    async def test_a_neighbour_whose_name_begins_the_same(self, ours: Connector) -> None:
        folder, longer = await ours.make_folder(None, "f"), await ours.make_folder(None, "fg")
        after = await ours.move(folder.id, longer.id, "f")
        assert after.parent_id == longer.id


class TestDelete:
    async def test_a_file(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await ours.delete(made.id, if_match=made.etag)
        assert await ours.stat(made.id) is None

    async def test_what_is_gone(self, ours: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await ours.delete(made.id)
        await ours.delete(made.id, if_match=made.etag)
        for nothing in nothings(ours):
            await ours.delete(nothing)

    async def test_changed_since(self, ours: Connector, theirs: Connector) -> None:
        made = await ours.create(None, "a", content(b"1"))
        await theirs.put(made.id, content(b"22"), if_match=made.etag)
        with pytest.raises(RemoteError) as refused:
            await ours.delete(made.id, if_match=made.etag)
        assert refused.value.kind == "changed"
        assert await read(ours, made.id) == b"22"

    async def test_an_empty_folder(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        inner = await ours.make_folder(folder.id, "g")
        await ours.delete(inner.id)
        assert (await listed(ours)).keys() == {folder.id}

    @pytest.mark.parametrize("inner", ["file", "folder"])
    async def test_a_folder_that_is_not_empty(self, ours: Connector, inner: str) -> None:
        folder = await ours.make_folder(None, "f")
        made = await (
            ours.make_folder(folder.id, "a") if inner == "folder" else ours.create(folder.id, "a", content(b"1"))
        )
        with pytest.raises(RemoteError) as refused:
            await ours.delete(folder.id)
        assert refused.value.kind == "changed"
        assert (await listed(ours)).keys() == {folder.id, made.id}

    async def test_the_folder_of_the_last_file_stays(self, ours: Connector) -> None:
        folder = await ours.make_folder(None, "f")
        made = await ours.create(folder.id, "a", content(b"1"))
        await ours.delete(made.id)
        assert (await listed(ours)).keys() == {folder.id}


class TestVersions:
    async def test_newest_first_or_none_at_all(self, ours: Connector) -> None:
        await ours.check()
        made = await ours.create(None, "a", content(b"1"))
        await ours.put(made.id, content(b"22"), if_match=made.etag)
        if ours.caps.versions:
            assert [version.size for version in await ours.versions(made.id)] == [2, 1]
            with pytest.raises(RemoteError) as refused:
                await ours.versions("none")
            assert refused.value.kind == "missing"
        else:
            with pytest.raises(RemoteError) as refused:
                await ours.versions(made.id)
            assert refused.value.kind == "unsupported" and refused.value.permanent

    async def test_what_they_held(self, ours: Connector, theirs: Connector) -> None:
        await ours.check()
        await theirs.check()
        items = [await ours.create(None, "a", content(b"1"))]
        for data in (b"22", b"", b"4" * 300_000, b"now"):
            if data or ours.caps.versions:
                items.append(await theirs.put(items[-1].id, content(data), if_match=items[-1].etag))
        id_ = items[-1].id
        if ours.caps.versions:
            kept = (await ours.versions(id_))[::-1]
            assert [await read_version(ours, id_, each.id) for each in kept[:-1]] == [b"1", b"22", b"", b"4" * 300_000]
            assert [each.tag for each in kept] in ([item.tag for item in items], [""] * 5)
            for item_id, version_id in ((id_, "none"), ("none", kept[0].id)):
                with pytest.raises(RemoteError) as refused:
                    await read_version(ours, item_id, version_id)
                assert refused.value.kind in ("missing", "refused")
        else:
            with pytest.raises(RemoteError) as refused:
                await read_version(ours, id_, "1")
            assert refused.value.kind == "unsupported" and refused.value.permanent


class TestRights:
    async def test_of_the_place_and_of_items_or_none_at_all(self, ours: Connector) -> None:
        await ours.check()
        folder = await ours.make_folder(None, "f")
        made = await ours.create(folder.id, "a", content(b"1"))
        for item_id in (None, folder.id, made.id):
            assert all(right.who and right.may for right in await rights(ours, item_id) or [])
        # To ask changes nothing.
        assert await ours.stat(made.id) is not None
        assert await read(ours, made.id) == b"1"

    async def test_of_nothing(self, place: Place) -> None:
        await place.ours.check()
        for connector, item_id in ((place.ours, "none"), (place.nowhere, None)):
            with pytest.raises(RemoteError) as refused:
                await connector.rights(item_id)
            assert refused.value.kind in ("missing", "unsupported")


class TestNameFor:
    @pytest.mark.parametrize("name", [*NAMES, *UNFIT])
    async def test_can_be_made(self, ours: Connector, name: str) -> None:
        await ours.check()
        fitting = ours.name_for(name)
        assert fitting == ours.name_for(name) == ours.name_for(fitting)
        assert (await ours.create(None, fitting, content(b"1"))).name == fitting

    @pytest.mark.parametrize("name", NAMES)
    async def test_what_can_be_kept_stays(self, place: Place, name: str) -> None:
        """Otherwise it is refused, not made under another name."""
        ours = place.ours
        await ours.check()
        if ours.name_for(name) != name:
            with pytest.raises(RemoteError) as refused:
                await ours.create(None, name, content(b"1"))
            assert refused.value.kind == "refused"
            assert await listed(ours) == {}
            assert place.cannot_hold(name)

    async def test_an_ending_is_kept(self, ours: Connector) -> None:
        assert ours.name_for("\u00e9" * 200 + ".docx").endswith("\u00e9.docx")
