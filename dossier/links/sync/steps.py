"""The steps that the planner names, carried out: at most one change on the other side each, and one transaction here.

The change there comes first, and what both agree on is committed after it. Where a process dies between the two, the next
look finds there what we meant to put, and comparing the bytes says that nothing is left to do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from uuid import UUID

from dossier.connectors import Connector, RemoteError
from dossier.links.sync.books import Books, Cycle, Earlier, Received, Stale, Terms, View
from dossier.links.sync.missed import Missed
from dossier.links.sync.naming import Naming
from dossier.links.sync.planner import Base, Ours, Step, Theirs

DEEPEST = 200


class Steps:
    """The verbs of one link under its terms."""

    def __init__(self, books: Books, remote: Connector, terms: Terms) -> None:
        self.books, self.remote, self.terms = books, remote, terms
        self._missed = Missed(books, remote, terms.max_bytes)
        self._naming = Naming(books, remote)
        self._does: dict[Step, Callable[[View], Awaitable[None]]] = {
            Step.CREATE_OURS: self.create_ours,
            Step.CREATE_THEIRS: self.create_theirs,
            Step.RECREATE_THEIRS: self.create_theirs,
            Step.PULL: self.pull,
            Step.PUSH: self.push,
            Step.MEET: self.meet,
            Step.AGREE_PLACE: self.agree_place,
            Step.MOVE_OURS: self.move_ours,
            Step.MOVE_THEIRS: self.move_theirs,
            Step.TRASH_OURS: self.trash_ours,
            Step.DELETE_THEIRS: self.delete_theirs,
            Step.REVIVE_OURS: self.revive_ours,
            Step.FORGET: self.books.forget,
        }

    async def take(self, step: Step, view: View) -> None:
        """Carry out one step. Raises Stale, NotEmpty, Refused, RemoteError."""
        await self._does[step](view)

    # Their content

    @asynccontextmanager
    async def _fetched(self, view: View) -> AsyncIterator[Received]:
        """Their bytes, durable here, and those of the tag that was noted."""
        theirs, id_ = _theirs(view), _id(view)
        if self.terms.max_bytes is not None and (view.size or 0) > self.terms.max_bytes:
            raise RemoteError("refused", "It is larger than the link allows.")
        async with (
            self.remote.open(id_, if_tag=theirs.tag) as chunks,
            self.books.receive(chunks) as received,
        ):
            yield received

    @asynccontextmanager
    async def _caught_up(self, view: View) -> AsyncIterator[tuple[Received, list[Earlier]]]:
        """Their bytes, and those of the versions that they made before and nobody here has seen."""
        candidates = await self._missed.candidates(view)
        async with self._fetched(view) as received, AsyncExitStack() as kept:
            yield received, await self._missed.fetch(view, candidates, received, kept)

    async def _same(self, view: View, received: Received, digest: bytes, number: int) -> bool:
        """Whether their bytes are a version of ours, or what their system made of it without anybody's doing."""
        return received.digest == digest or (number > 0 and await self.books.rewritten(view, received, number))

    async def create_ours(self, view: View) -> None:
        """A document or folder that is new there."""
        await self._have_ours(_theirs(view).place.parent)
        if view.folder:
            return await self.books.create_ours(view, None)
        async with self._fetched(view) as received:
            await self.books.create_ours(view, received)
        return None

    async def pull(self, view: View) -> None:
        """Their content becomes a version, if it is another at all, after those that they made in between."""
        ours, base = _ours(view), _base(view)
        async with self._caught_up(view) as (received, before):
            if not before and await self._same(view, received, ours.digest, ours.number):
                return await self.books.agree(view, replace(base, tag=_theirs(view).tag))
            await self.books.pull(view, received, before)
        return None

    async def meet(self, view: View) -> None:
        """Compare the two contents. The same is no conflict; of two, both are kept."""
        ours, theirs, base = _ours(view), _theirs(view), view.base
        joined = base or Base(theirs.place.parent, ours.place.name, theirs.place.name)
        if view.folder:
            return await self.books.agree(view, joined)
        async with self._caught_up(view) as (received, before):
            if await self._same(view, received, ours.digest, ours.number):
                if before:
                    return await self.books.pull(view, received, before)
                same = replace(joined, digest=ours.digest, number=ours.number, tag=theirs.tag)
                return await self.books.agree(view, same)
            back = base is not None and await self._same(view, received, base.digest, base.number)
            if base is not None and back and not before:
                return await self.books.agree(view, replace(base, tag=theirs.tag))
            conflict = self.terms.direction != "out" and not back
            await self.books.branch(view, received, before, conflict=conflict)
        return None

    async def revive_ours(self, view: View) -> None:
        """They changed what was put away here."""
        await self._have_ours(_theirs(view).place.parent)
        async with self._caught_up(view) as (received, before):
            if not before and received.digest == _base(view).digest:
                return await self.books.agree(view, replace(_base(view), tag=_theirs(view).tag))
            await self.books.revive(view, received, before)
        return None

    # Our content

    async def create_theirs(self, view: View) -> None:
        """What is new here, or was changed here after they removed it."""
        ours = _ours(view)
        parent_id = await self._have_theirs(ours.place.parent)
        name = self._naming.kept(ours.place.name, view.base)
        if view.folder:
            named = self._naming.named(view, parent_id, name, lambda free: self.remote.make_folder(parent_id, free))
        else:
            content = await self.books.content(view, ours.number)
            if self.terms.max_bytes is not None and content.size > self.terms.max_bytes:
                raise RemoteError("refused", "It is larger than the link allows.")
            named = self._naming.named(view, parent_id, name, lambda free: self.remote.create(parent_id, free, content))
        async with named as item:
            base = Base(ours.place.parent, ours.place.name, item.name, ours.digest, ours.number, item.tag)
            await self.books.agree(view, base, item)

    async def push(self, view: View) -> None:
        """Our content replaces theirs; each version of ours where they keep versions, else only the newest."""
        ours, theirs, base = _ours(view), _theirs(view), _base(view)
        number, digest = ours.number, ours.digest
        if self.remote.caps.versions:
            after = await self.books.versions_after(view, base.number)
            number, digest = after[0] if after else (number, digest)
        content = await self.books.content(view, number)
        if self.terms.max_bytes is not None and content.size > self.terms.max_bytes:
            raise RemoteError("refused", "It is larger than the link allows.")
        item = await self.remote.put(_id(view), content, if_match=theirs.etag)
        await self.books.agree(view, replace(base, digest=digest, number=number, tag=item.tag), item)

    # Places

    async def move_ours(self, view: View) -> None:
        """It was renamed or moved there."""
        await self._have_ours(_theirs(view).place.parent)
        try:
            await self.books.move_ours(view)
        except Cycle:
            # Two folders were moved into each other, one on each side. Theirs is a tree: what is above it there goes first.
            await self._straighten(_theirs(view).place.parent)
            raise Stale from None

    async def _straighten(self, key: UUID | None) -> None:
        above: list[View] = []
        while key is not None and len(above) < DEEPEST:
            view = await self.books.view(key)
            if view is None or view.theirs is None:
                break
            above.append(view)
            key = view.theirs.place.parent
        for view in reversed(above):
            if view.ours is not None and view.theirs is not None and view.ours.place.parent != view.theirs.place.parent:
                await self.books.move_ours(view)

    async def move_theirs(self, view: View) -> None:
        """It was renamed or moved here."""
        ours, base = _ours(view), _base(view)
        parent_id = await self._have_theirs(ours.place.parent)
        id_, name = _id(view), self._naming.kept(ours.place.name, view.base)
        if ours.place.parent == _theirs(view).place.parent and name == _theirs(view).place.name:
            return await self.books.agree(
                view, replace(base, parent=ours.place.parent, our_name=ours.place.name, their_name=name)
            )
        try:
            named = self._naming.named(view, parent_id, name, lambda free: self.remote.move(id_, parent_id, free))
            async with named as item:
                there = replace(base, parent=ours.place.parent, our_name=ours.place.name, their_name=item.name)
                # A tag that is another now is not taken over: some systems make one when they move a file, but an edit of
                # theirs in this moment makes one as well. Comparing the bytes tells.
                if view.folder and self.remote.caps.feed and not self.remote.caps.stable_ids:
                    # What was renamed in it meanwhile, the feed tells by paths that are ours no more: all is listed once.
                    await self.books.keep_cursor(None)
                await self.books.moved_there(view, item, there)
        except RemoteError as error:
            if error.kind != "refused" or not view.folder:
                raise
            # It would come to lie in itself there: the client's own system has the last word on places.
            return await self.books.move_ours(view)
        return None

    async def agree_place(self, view: View) -> None:
        """Both were moved to the same place."""
        ours, theirs, base = _ours(view), _theirs(view), _base(view)
        agreed = Base(ours.place.parent, ours.place.name, theirs.place.name, base.digest, base.number, base.tag)
        await self.books.agree(view, agreed)

    async def _have_ours(self, key: UUID | None) -> None:
        """The folder of theirs is here as well, and those above it."""
        if key is None:
            return
        view = await self.books.view(key)
        if view is None:
            raise Stale
        if view.ours is None:
            await self._have_ours(_theirs(view).place.parent)
            await self.books.create_ours(view, None)

    async def _have_theirs(self, key: UUID | None) -> str | None:
        """The folder of ours is there as well, and those above it; its id."""
        if key is None:
            return None
        view = await self.books.view(key)
        if view is None or view.ours is None:
            raise Stale
        if view.theirs is None:
            await self.create_theirs(view)
            view = await self.books.view(key)
        return view.remote_id if view else None

    # Going

    async def trash_ours(self, view: View) -> None:
        """It is gone there. Where its id is its path, and we may have moved it ourselves, look at the new path first."""
        ours, base = _ours(view), _base(view)
        if not self.remote.caps.stable_ids and ours.place != base.ours:
            parent = await self.books.view(ours.place.parent) if ours.place.parent else None
            if ours.place.parent is None or (parent and parent.theirs and parent.remote_id):
                await self._naming.is_it(
                    view, parent.remote_id if parent else None, self._naming.kept(ours.place.name, view.base)
                )
        await self.books.trash_ours(view)

    async def delete_theirs(self, view: View) -> None:
        """It was put away here."""
        theirs = _theirs(view)
        await self.remote.delete(_id(view), if_match=None if view.folder else theirs.etag)
        await self.books.forget(view)


def _ours(view: View) -> Ours:
    if view.ours is None:
        raise Stale
    return view.ours


def _theirs(view: View) -> Theirs:
    if view.theirs is None:
        raise Stale
    return view.theirs


def _base(view: View) -> Base:
    if view.base is None:
        raise Stale
    return view.base


def _id(view: View) -> str:
    if view.remote_id is None:
        raise Stale
    return view.remote_id
