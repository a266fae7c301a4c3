"""What was made on the other side between two looks, where that side keeps versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import cast

import pytest

from dossier.connectors import Caps, RemoteError
from dossier.links.sync import missed
from dossier.links.sync.books import Books, Terms
from dossier.links.sync.engine import Engine
from tests.connectors.memory import MemoryRemote, Node
from tests.links.books import MemoryBooks, Row, Thing
from tests.links.conftest import Joined
from tests.links.graphs import Hinted, app, graph, hinted, settings

__all__ = ["app", "graph", "hinted", "settings"]


class Choosy(MemoryRemote):
    """Answers some questions with a refusal: what is asked (with the version's id) → its kind."""

    def __init__(self, caps: Caps, **more: bool) -> None:
        super().__init__(caps, **more)
        self.refusals: dict[str, RemoteError] = {}
        self.opened: list[str] = []
        self.before = self._refuse

    def _refuse(self, what: str) -> None:
        if what in self.refusals:
            raise self.refusals[what]

    @asynccontextmanager
    async def open_version(self, item_id: str, version_id: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Counted."""
        self.opened.append(version_id)
        self._refuse(version_id)
        async with super().open_version(item_id, version_id) as chunks:
            yield chunks


@dataclass
class Pair:
    """One document that both sides have."""

    tells_tags: bool
    rewrites: bool = False
    terms: Terms = field(default_factory=Terms)

    async def begin(self, name: str = "a.txt") -> "Pair":
        """Both hold "0"."""
        self.books = MemoryBooks(self.terms)
        caps = Caps(feed=True, stable_ids=True, conditional_write=True, versions=True)
        self.remote = Choosy(caps, tells_tags=self.tells_tags, rewrites=self.rewrites)
        self.engine = Engine(cast(Books, self.books), self.remote)
        self.node: Node = self.remote.their_new(None, name, b"0")
        await self.run()
        return self

    async def run(self, *theirs: bytes) -> list[bytes]:
        """They save these one after the other, and the link looks; our versions."""
        for each in theirs:
            self.remote.their_edit(self.node.id, each)
        self.books.now += 1000
        await self.engine.run()
        return self.thing.versions

    @property
    def thing(self) -> Thing:
        return next(iter(self.books.things.values()))

    @property
    def row(self) -> Row:
        return next(iter(self.books.rows.values()))


@pytest.fixture(params=[True, False], ids=["tags", "bytes"])
async def pair(request: pytest.FixtureRequest) -> Pair:
    """Of a system that tells the tags of versions, and of one that does not."""
    return await Pair(request.param).begin()


class TestPull:
    async def test_each_is_a_version_in_order(self, pair: Pair) -> None:
        assert await pair.run(b"1", b"2", b"3") == [b"0", b"1", b"2", b"3"]
        assert await pair.run(b"4", b"5") == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert await pair.run() == [b"0", b"1", b"2", b"3", b"4", b"5"]
        assert (pair.row.base and pair.row.base.number, pair.row.state) == (6, "synced ")

    async def test_of_a_new_document_only_the_newest(self, pair: Pair) -> None:
        other = pair.remote.their_new(None, "b.txt", b"b0")
        pair.remote.their_edit(other.id, b"b1")
        await pair.run()
        assert [thing.versions for thing in pair.books.living()] == [[b"0"], [b"b1"]]

    async def test_the_same_as_the_one_before_is_none(self, pair: Pair) -> None:
        assert await pair.run(b"1", b"1", b"2", b"2") == [b"0", b"1", b"2"]

    async def test_back_to_what_it_was(self) -> None:
        pair = await Pair(tells_tags=True).begin()
        assert await pair.run(b"0", b"1", b"0") == [b"0", b"1", b"0"]

    async def test_by_bytes_alone_the_newest_of_that_content_counts(self) -> None:
        pair = await Pair(tells_tags=False).begin()
        assert await pair.run(b"1", b"0", b"2") == [b"0", b"2"]

    async def test_what_they_wrote_into_ours_by_themselves_is_none(self) -> None:
        for tells_tags in (True, False):
            pair = await Pair(tells_tags, rewrites=True).begin("a.docx")
            pair.books.our_edit(pair.thing, b"ours")
            await pair.run()
            assert pair.node.content == b"ours!"
            assert await pair.run(b"1", b"2") == [b"0", b"ours", b"1", b"2"]

    async def test_ours_whose_answer_was_lost_comes_back_from_them_as_none(self, pair: Pair) -> None:
        def lose(what: str) -> None:
            if what == "put":
                raise RemoteError("unreachable", "lost")

        pair.books.our_edit(pair.thing, b"ours")
        pair.books.our_edit(pair.thing, b"ours 2")
        pair.remote.after = lose
        await pair.run()
        pair.remote.after = lambda what: None
        assert pair.node.content == b"ours"
        assert await pair.run(b"1", b"2") == [b"0", b"ours", b"ours 2", b"1", b"2", b"ours 2"]


class TestNotFound:
    async def test_of_a_base_that_was_pruned_only_the_newest(self, pair: Pair) -> None:
        for each in (b"1", b"2"):
            pair.remote.their_edit(pair.node.id, each)
        pair.node.history.pop(0)
        pair.node.old_tags.pop(0)
        assert await pair.run() == [b"0", b"2"]
        assert await pair.run(b"3", b"4") == [b"0", b"2", b"3", b"4"]

    @pytest.mark.parametrize("what", ["versions", "1.0"])
    @pytest.mark.parametrize("kind", ["refused", "missing", "unsupported"])
    async def test_what_is_not_handed_out_keeps_back_nothing(self, pair: Pair, what: str, kind: str) -> None:
        pair.remote.refusals[what] = RemoteError(kind, kind)  # type: ignore[arg-type]
        theirs = await pair.run(b"1", b"2")
        # That the base itself is not handed out is no matter where tags tell it.
        expected = [b"0", b"1", b"2"] if pair.tells_tags and what == "1.0" else [b"0", b"2"]
        assert theirs == expected

    async def test_one_in_between_that_is_not_handed_out(self) -> None:
        pair = await Pair(tells_tags=True).begin()
        pair.remote.refusals["2.0"] = RemoteError("refused", "archived")
        assert await pair.run(b"1", b"2", b"3") == [b"0", b"2", b"3"]

    async def test_what_breaks_off_is_tried_again_as_a_whole(self, pair: Pair) -> None:
        pair.remote.refusals["2.0"] = RemoteError("unreachable", "torn")
        assert await pair.run(b"1", b"2", b"3") == [b"0"]
        pair.remote.refusals.clear()
        assert await pair.run() == [b"0", b"1", b"2", b"3"]


class TestLimits:
    async def test_no_more_than_so_many(self, pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(missed, "MOST_MISSED", 3)
        expected = [b"0", b"2", b"3", b"4", b"5"] if pair.tells_tags else [b"0", b"5"]
        assert await pair.run(b"1", b"2", b"3", b"4", b"5") == expected
        assert pair.remote.opened == ["5.0", "4.0", "3.0"]

    async def test_what_is_too_large_is_left_out(self) -> None:
        for tells_tags in (True, False):
            pair = await Pair(tells_tags, terms=Terms(max_bytes=3)).begin()
            assert await pair.run(b"1", b"large", b"2") == [b"0", b"1", b"2"]

    async def test_types(self) -> None:
        pair = await Pair(tells_tags=True, terms=Terms(types=("txt",))).begin()
        pair.remote.their_move(pair.node.id, None, "a.bin")
        assert await pair.run(b"1", b"2") == [b"0"]
        assert pair.remote.opened == []
        pair.remote.their_move(pair.node.id, None, "a.txt")
        assert await pair.run() == [b"0", b"1", b"2"]

    async def test_not_where_no_versions_are_kept(self) -> None:
        books, remote = MemoryBooks(Terms()), MemoryRemote(Caps())
        node = remote.their_new(None, "a.txt", b"0")
        engine = Engine(cast(Books, books), remote)
        await engine.run()
        remote.their_edit(node.id, b"1")
        remote.their_edit(node.id, b"2")
        await engine.run()
        assert [thing.versions for thing in books.living()] == [[b"0", b"2"]]


class TestBothChanged:
    async def test_all_of_theirs_and_ours_above(self, pair: Pair) -> None:
        pair.books.our_edit(pair.thing, b"ours")
        assert await pair.run(b"1", b"2") == [b"0", b"ours", b"1", b"2", b"ours"]
        assert pair.row.conflict
        assert pair.node.content == b"2"

    async def test_to_the_same(self, pair: Pair) -> None:
        pair.books.our_edit(pair.thing, b"same")
        assert await pair.run(b"1", b"same") == [b"0", b"same", b"1", b"same"]
        assert (pair.row.conflict, pair.row.state) == (False, "synced ")

    async def test_theirs_back_to_what_it_was(self) -> None:
        pair = await Pair(tells_tags=True).begin()
        pair.books.our_edit(pair.thing, b"ours")
        assert await pair.run(b"1", b"0") == [b"0", b"ours", b"1", b"0", b"ours"]
        assert (pair.row.conflict, pair.node.content) == (False, b"ours")

    async def test_outward_they_are_kept_before_ours_replaces_them(self) -> None:
        pair = await Pair(tells_tags=True, terms=Terms(direction="in")).begin()
        pair.books.given = Terms(direction="out", cursor=pair.books.given.cursor)
        assert await pair.run(b"1", b"2") == [b"0", b"1", b"2", b"0"]
        assert pair.node.content == b"0"

    async def test_put_away_here(self, pair: Pair) -> None:
        pair.books.our_trash(pair.thing)
        assert await pair.run(b"1", b"2") == [b"0", b"1", b"2"]
        assert not pair.thing.trashed


async def told(joined: Joined, document: dict[str, str]) -> list[tuple[bytes, str]]:
    """Content and comment of each version, the oldest first."""
    page = await joined.call("GET", f"/documents/{document['id']}/versions")
    return [(await joined.content(document, each["number"]), each["comment"]) for each in page["items"][::-1]]


class TestGraph:
    async def test_they_say_whose_they_are(self, hinted: Hinted) -> None:
        joined, fake = hinted.joined, hinted.graph
        node = fake.add(None, "a.txt", b"0")
        await hinted.make()
        document = await joined.document("a.txt")
        fake.edit(node.id, b"1", "Grace")
        fake.edit(node.id, b"22", "Ada")
        fake.edit(node.id, b"333")
        when = [f"{each['lastModifiedDateTime'][:16].replace('T', ' ')} UTC" for each in node.versions]
        link = await joined.run()
        assert (link["failed"], link["conflicts"]) == (0, 0)
        expected = [
            (b"0", "From There"),
            (b"1", f"From There (Grace, {when[1]})"),
            (b"22", f"From There (Ada, {when[2]})"),
            (b"333", "From There"),
        ]
        assert await told(joined, document) == expected
        await joined.run()
        assert await told(joined, document) == expected

    async def test_both_changed(self, hinted: Hinted) -> None:
        joined, fake = hinted.joined, hinted.graph
        node = fake.add(None, "a.txt", b"0")
        await hinted.make()
        document = await joined.document("a.txt")
        await joined.version(document, b"ours")
        fake.edit(node.id, b"1")
        fake.edit(node.id, b"22")
        await joined.run()
        assert [data for data, _ in await told(joined, document)] == [b"0", b"ours", b"1", b"22", b"ours"]
        third = await joined.call("GET", f"/documents/{document['id']}/versions/3")
        assert third["branched_from"] == 1

    @pytest.mark.parametrize("purged", [False, True])
    async def test_put_away_here(self, hinted: Hinted, purged: bool) -> None:
        joined, fake = hinted.joined, hinted.graph
        node = fake.add(None, "a.txt", b"0")
        await hinted.make()
        document = await joined.document("a.txt")
        fake.edit(node.id, b"1")
        fake.edit(node.id, b"22")
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"paused": True})
        await joined.call("DELETE", f"/documents/{document['id']}", 204)
        if purged:
            await joined.call("DELETE", f"/documents/{document['id']}", 204, params={"purge": "true"})
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"paused": False})
        await joined.run()
        back = await joined.document("a.txt")
        assert [data for data, _ in await told(joined, back)] == [b"1", b"22"] if purged else [b"0", b"1", b"22"]
