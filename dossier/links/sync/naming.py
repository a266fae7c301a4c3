"""What an item is called on the other side."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from weakref import WeakValueDictionary

from dossier import folders
from dossier.connectors import Connector, Item, RemoteError
from dossier.links.sync.books import Books, Stale, View
from dossier.links.sync.planner import Base

MOST_NUMBERS = 50


class Naming:
    """The names of one link's items there."""

    def __init__(self, books: Books, remote: Connector) -> None:
        self.books, self.remote = books, remote
        #: Those that are just being given.
        self._giving = WeakValueDictionary[tuple[str | None, bytes], asyncio.Lock]()

    def kept(self, ours: str, base: Base | None) -> str:
        """What it is called there: the name that it has, as long as ours is the one that it stands for."""
        return base.their_name if base is not None and ours == base.our_name else self.remote.name_for(ours)

    @asynccontextmanager
    async def named(
        self, view: View, parent_id: str | None, name: str, make: Callable[[str], Awaitable[Item]]
    ) -> AsyncIterator[Item]:
        """Make or move something under a name there, numbered where it is taken. Raises Stale where what is there is it.

        Until the block ends, by when both sides agree on it, no other item is given that name: two of ours may have one
        name there, and not every system sees to it that nothing is replaced.
        """
        tried = set[bytes]()
        async with AsyncExitStack() as given:
            for n in range(1, MOST_NUMBERS):
                free = name if n == 1 else self._numbered(name, n, extension=not view.folder)
                key = folders.name_key(free)
                if key in tried:
                    continue
                tried.add(key)
                await given.enter_async_context(self._giving.setdefault((parent_id, key), asyncio.Lock()))
                try:
                    item = await make(free)
                except RemoteError as error:
                    if error.kind != "name_taken":
                        raise
                else:
                    yield item
                    return
                await self.is_it(view, parent_id, free)
            raise RemoteError("refused", "Too many items of that name are there.")

    def _numbered(self, name: str, n: int, *, extension: bool) -> str:
        """A name with a number, so short that it fits there with it."""
        for most in range(folders.MAX_NAME_BYTES, 0, -1):
            free = folders.numbered(name, n, extension, most)
            if self.remote.name_for(free) == free:
                return free
        raise RemoteError("refused", "Something of that name is there, and no number can be given to it.")

    async def is_it(self, view: View, parent_id: str | None, name: str) -> None:
        """Whether what has the name there belongs to nobody here: then it is the other side of this item."""
        item = await self.remote.find(parent_id, name)
        if item is None or item.folder != view.folder:
            return
        if item.id == view.remote_id:
            # It came to lie there already, and only the answer was lost.
            await self.books.observe([item])
            raise Stale
        await self.books.observe([item])
        other = await self.books.at(item.id)
        if other is not None and other.key == view.key:
            # The two have become one in this moment.
            raise Stale
        if other is not None and other.ours is None and view.theirs is None:
            await self.books.merge(view, other)
            raise Stale
