"""What the engine makes of a system that tells less than it should."""

from collections.abc import AsyncIterator
from typing import cast

from dossier.connectors import Caps, Page
from dossier.links.sync.books import Books, Terms
from dossier.links.sync.engine import Engine
from tests.connectors.memory import MemoryRemote
from tests.links.books import MemoryBooks


class Forgetful(MemoryRemote):
    """Leaves something out of its listings, as if it was moved while they were made; ``times`` times."""

    hidden = ""
    times = 0

    async def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        """All but what is hidden."""
        self.times -= 1
        async for page in super().changes(cursor):
            yield Page(
                [item for item in page.items if self.times < 0 or item.id != self.hidden], page.gone, page.cursor
            )


async def joined(content: bytes = b"one") -> tuple[MemoryBooks, Forgetful, Engine]:
    """Both sides with one document."""
    books, remote = MemoryBooks(Terms()), Forgetful(Caps())
    remote.their_new(None, "a.txt", content)
    engine = Engine(cast(Books, books), remote)
    await engine.run()
    return books, remote, engine


class TestListing:
    async def test_what_one_listing_lacks_is_looked_for_again(self) -> None:
        books, remote, engine = await joined()
        remote.hidden, remote.times = "a.txt", 1
        await engine.run()
        assert [thing.trashed for thing in books.things.values()] == [False]

    async def test_what_two_lack_is_gone(self) -> None:
        books, remote, engine = await joined()
        remote.hidden, remote.times = "a.txt", 2
        await engine.run()
        assert [thing.trashed for thing in books.things.values()] == [True]

    async def test_no_second_listing_where_nothing_is_missing(self) -> None:
        _books, remote, engine = await joined()
        remote.their_new(None, "b.txt", b"two")
        remote.times = 5
        await engine.run()
        assert remote.times == 4


class TestPlaces:
    async def test_moved_to_one_folder_by_both_under_names_that_the_link_maps(self) -> None:
        books = MemoryBooks(Terms(direction="out"))
        remote = MemoryRemote(Caps(feed=True, stable_ids=True, case_sensitive=False))
        engine = Engine(cast(Books, books), remote)
        folder, paper = books.our_new(None, "c", folder=True), books.our_new(None, "a:b.txt", b"one")
        await engine.run()
        assert folder
        assert paper
        file = next(node for node in remote.nodes.values() if not node.folder)
        there = next(node for node in remote.nodes.values() if node.folder)
        assert file.name != paper.name
        books.our_move(paper, folder.id, paper.name)
        remote.their_move(file.id, there.id, file.name)
        await engine.run()
        assert [row.dirty for row in books.rows.values()] == [False, False]

    async def test_one_of_theirs_under_the_name_of_one_held_back_is_met_in_the_next_run(self) -> None:
        books, remote = MemoryBooks(Terms(direction="in")), MemoryRemote(Caps())
        engine = Engine(cast(Books, books), remote)
        books.our_new(None, "a.txt", b"ours")
        await engine.run()
        remote.their_new(None, "a.txt", b"theirs")
        await engine.run()
        await engine.run()
        (thing,) = books.living()
        assert thing.versions == [b"ours", b"theirs", b"ours"]
