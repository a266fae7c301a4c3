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
