"""One run of a link: look at what changed there, plan, stop where too much would go, and settle item by item.

What the other side has is noted first, page by page, and only then acted upon, each item by itself: a run that ends
anywhere leaves notes from which the next goes on. One item that cannot be settled stops no other.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from dossier.connectors import Connector, RemoteError
from dossier.links.sync.books import Books, NotEmpty, Refused, Stale, Terms, View
from dossier.links.sync.planner import DELETING, REPLACING, Step, is_taken, plan
from dossier.links.sync.steps import Steps

MOST_STEPS = 12
"""Of one item in one run; one that needs more is changed by somebody all the time, and comes again."""
MOST_FAILURES = 5
"""Items one after the other to which the other side gave no answer: then it is away, and the run ends."""
AT_ONCE = 200
"""Items that are found agreed in one transaction."""
NO_ANSWER = {"throttled", "unreachable"}
ENDS_RUN = {"sign_in", "throttled"}


@dataclass
class Outcome:
    """What a run did: steps by name, items that failed, and whether the brake was pulled."""

    steps: dict[str, int] = field(default_factory=dict)
    failed: int = 0
    held: int = 0
    braked: bool = False

    def count(self, step: Step) -> None:
        """One step more."""
        self.steps[step] = self.steps.get(step, 0) + 1


@dataclass(frozen=True, slots=True)
class Intent:
    """What a run would do first about an item."""

    view: View
    step: Step


class Engine:
    """Brings a link's two sides in step. ``width`` documents are worked on at the same time."""

    def __init__(self, books: Books, remote: Connector, *, width: int = 4) -> None:
        self.books, self.remote, self.width = books, remote, width
        self.outcome = Outcome()
        self._silent = 0

    async def run(self, *, look: bool = True) -> Outcome:
        """Look, and settle all. Raises RemoteError where the other side as a whole cannot be worked with.

        Without a ``look`` only what is noted already is settled: enough for what changed here, since nothing is replaced
        there that is not what was noted.
        """
        if look:
            await self.look()
        intents = await self.intents()
        if await self._brake(intents):
            return self.outcome
        terms = await self.books.terms()
        steps = Steps(self.books, self.remote, terms)
        folders, documents, gone_documents, gone_folders = _waves(intents)
        for intent in folders:
            await self._settle(steps, intent.view.key)
        await self._together(steps, documents)
        await self._together(steps, gone_documents)
        for intent in gone_folders:
            await self._settle(steps, intent.view.key)
        return self.outcome

    async def intents(self) -> list[Intent]:
        """What would be done first about each item, nothing done yet: a dry run shows these."""
        terms = await self.books.terms()
        found: list[Intent] = []
        agreed: list[View] = []
        for view in await self.books.waiting():
            step = _plan(view, terms)
            if step is None:
                agreed.append(view)
            else:
                found.append(Intent(view, step))
        for start in range(0, len(agreed), AT_ONCE):
            await self.books.rest_all(agreed[start : start + AT_ONCE])
        return found

    # Looking

    async def look(self) -> None:
        """Note what changed there since the last time. A cursor that is no longer known lists everything anew."""
        terms = await self.books.terms()
        try:
            await self._read(terms.cursor)
        except RemoteError as error:
            if not error.resync:
                raise
            await self.books.keep_cursor(None)
            await self._read(None)

    async def _read(self, cursor: str | None) -> None:
        """Only a listing that came to its end says what is gone, and of what it lacks a second one: what was moved from a
        part that was still to be listed to one that was already is in neither of the two."""
        seen, next_ = await self._pages(cursor)
        if cursor is not None:
            await self.books.told(next_ or cursor)
            return
        if await self.books.unlisted(seen):
            again, next_ = await self._pages(None)
            seen = again if self.remote.caps.feed else seen | again
        await self.books.listed(seen, next_)

    async def _pages(self, cursor: str | None) -> tuple[set[str], str | None]:
        """Note all pages; the ids that are there, and the next cursor."""
        seen: set[str] = set()
        next_: str | None = None
        async for page in self.remote.changes(cursor):
            await self.books.observe(page.items, page.gone)
            seen.update(item.id for item in page.items)
            seen.difference_update(page.gone)
            next_ = page.cursor or next_
        return seen, next_

    # Stopping

    async def _brake(self, intents: Sequence[Intent]) -> bool:
        terms = await self.books.terms()
        deleted = sum(intent.step in DELETING for intent in intents)
        replaced = sum(intent.step in REPLACING for intent in intents)
        # How many items there are is counted only where it matters: a run for one change costs the same for any number.
        few = deleted <= terms.most_deleted and replaced <= terms.most_replaced
        if not few and terms.stops(deleted, replaced, await self.books.count()):
            await self.books.brake(deleted, replaced)
            self.outcome.braked = True
        return self.outcome.braked

    # Settling

    async def _together(self, steps: Steps, intents: Sequence[Intent]) -> None:
        turns = iter(intents)

        async def work() -> None:
            for intent in turns:
                await self._settle(steps, intent.view.key)

        if self.width == 1:
            return await work()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self.width):
                    group.create_task(work())
        except* RemoteError as errors:
            raise _first(errors) from None
        return None

    async def _settle(self, steps: Steps, key: UUID) -> None:
        """All steps of one item. What stands in the way of this one alone is noted with it."""
        view = None
        try:
            for _ in range(MOST_STEPS):
                view = await self.books.view(key)
                step = _plan(view, steps.terms) if view else None
                if view is None or step is None or step is Step.HOLD:
                    return await self._rest(view, step, steps.terms)
                self.outcome.count(step)
                if not await self._take(steps, view, step):
                    return None
                self._silent = 0
        except Refused as error:
            self.outcome.failed += 1
            if view:
                await self.books.fail(view, error.code, error.detail, permanent=False)
        return None

    async def _take(self, steps: Steps, view: View, step: Step) -> bool:
        """One step; whether to go on with this item."""
        try:
            await steps.take(step, view)
        except Stale:
            return True
        except NotEmpty:
            await self.books.rest(view, "waiting", "not_empty")
            return False
        except RemoteError as error:
            return await self._trouble(view, error)
        return True

    async def _trouble(self, view: View, error: RemoteError) -> bool:
        """The reaction to each kind of error; whether to look at the item again at once."""
        if error.kind in ENDS_RUN:
            raise error
        if error.kind in {"changed", "missing", "name_taken"}:
            return await self._look_again(view, error)
        self.outcome.failed += 1
        await self.books.fail(view, error.kind, error.detail, permanent=error.permanent)
        if error.kind in NO_ANSWER:
            self._silent += 1
            if self._silent >= MOST_FAILURES:
                raise error
        return False

    async def _look_again(self, view: View, error: RemoteError) -> bool:
        """It is not what we thought it was: note what it is, and decide anew."""
        if view.remote_id is None:
            # What is meant is the parent: its folder comes again as gone.
            await self.books.fail(view, error.kind, error.detail, permanent=False)
            return False
        item = await self.remote.stat(view.remote_id)
        await self.books.observe([item] if item else [], [] if item else [view.remote_id])
        now = await self.books.view(view.key)
        if now is not None and now.revision == view.revision:
            # All is as it was, and still they refuse: later, perhaps.
            await self.books.fail(now, error.kind, error.detail, permanent=False)
            return False
        return True

    async def _rest(self, view: View | None, step: Step | None, terms: Terms) -> None:
        if view is None or (step is None and view.rests):
            return
        try:
            if step is Step.HOLD:
                self.outcome.held += 1
                await self.books.rest(view, "held", *_held_by(view, terms))
            else:
                await self.books.rest(view, "synced")
        except Stale:
            return  # the next run looks at it


def _plan(view: View, terms: Terms) -> Step | None:
    types = () if view.folder else terms.types
    return plan(view.ours, view.theirs, view.base, terms.direction, conflict=view.conflict, types=types)


def _held_by(view: View, terms: Terms) -> tuple[str, str]:
    """A code and a sentence for what keeps an item from travelling."""
    names = [side.place.name for side in (view.ours, view.theirs) if side is not None]
    if not view.folder and not all(is_taken(name, terms.types) for name in names):
        return "type", f"The link takes only files that end with {', '.join(f'.{each}' for each in terms.types)}."
    return ("conflict" if view.conflict else "direction"), ""


def _waves(intents: Sequence[Intent]) -> list[list[Intent]]:
    """Folders that come or move; documents that do; documents that go; folders that go, the deepest first.

    What goes goes last: an item under the name of one that is gone becomes its newest version and not another document.
    """
    waves: list[list[Intent]] = [[], [], [], []]
    for intent in intents:
        goes = intent.step in DELETING or intent.step is Step.FORGET
        waves[(3 if goes else 0) if intent.view.folder else (2 if goes else 1)].append(intent)
    parents = {i.view.key: i.view for i in waves[3]}
    waves[3].sort(key=lambda intent: -_depth(intent.view, parents))
    return waves


def _depth(view: View, parents: dict[UUID, View]) -> int:
    """How many of the folders that go lie above one."""
    depth, seen = 0, {view.key}
    while view.base is not None and view.base.parent in parents and view.base.parent not in seen:
        view = parents[view.base.parent]
        seen.add(view.key)
        depth += 1
    return depth


def _first(errors: BaseExceptionGroup[RemoteError]) -> RemoteError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError
