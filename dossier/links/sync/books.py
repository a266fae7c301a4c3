"""What the engine asks of Dossier's side: the remembered items of one link, and the verbs on what is here.

Every method is one transaction. Those that change something take the View that the decision was made on, and raise Stale
where the item, here or in the books, is no longer what it says; the engine then looks again and decides anew.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from dossier.connectors import Content, Item, OldVersion
from dossier.links.sync.planner import Base, Direction, Ours, Theirs


class Stale(Exception):
    """What was decided on is no longer so."""


class Refused(Exception):
    """Dossier does not take it, and says why: a lock, a name, a right. ``code`` is that of the problem."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


class NotEmpty(Exception):
    """A folder here still holds something."""


class Cycle(Exception):
    """A folder here would come to lie in itself."""


@dataclass(frozen=True, slots=True)
class View:
    """One item of a link at a moment: both sides, what they agreed on, and what the decision rests on."""

    key: UUID
    folder: bool
    #: Counts every change of the row.
    revision: int
    remote_id: str | None
    ours: Ours | None
    theirs: Theirs | None
    base: Base | None
    size: int | None = None
    conflict: bool = False
    #: Nothing has happened since it was last found in step.
    rests: bool = False


@dataclass(frozen=True, slots=True)
class Terms:
    """What a link's maker said about it."""

    direction: Direction = "both"
    #: The cursor of the other side's feed, and whether a full listing has ended since the link was made or resynced.
    cursor: str | None = None
    max_bytes: int | None = None
    #: Endings of the names of the files that are taken, in small letters; all without any.
    types: tuple[str, ...] = ()
    #: A run that would delete (replace) more than this many items and more than this share of all stops and asks.
    most_deleted: int = 20
    most_deleted_share: float = 0.2
    most_replaced: int = 100
    most_replaced_share: float = 0.5
    #: A person has looked at what the brake stopped, and let it go.
    released: bool = False

    def stops(self, deleted: int, replaced: int, total: int) -> bool:
        """Whether a run that would delete and replace so many of ``total`` items has to stop and ask."""
        if self.released:
            return False
        too_many = deleted > max(self.most_deleted, self.most_deleted_share * total)
        return too_many or replaced > max(self.most_replaced, self.most_replaced_share * total)


class Received(Protocol):
    """Bytes of theirs that lie durably here, under no name yet."""

    @property
    def digest(self) -> bytes:
        """Their SHA-256."""
        ...


@dataclass(frozen=True, slots=True)
class Earlier:
    """A version of theirs that is not the newest, and what is said there of it."""

    received: Received
    said: OldVersion


class Books(Protocol):
    """Dossier's side of one link."""

    async def terms(self) -> Terms:
        """The terms as they are now."""
        ...

    async def observe(self, items: Sequence[Item], gone: Sequence[str] = ()) -> None:
        """Note what the other side has. An item that is as noted already changes nothing. A parent was noted before."""
        ...

    async def unlisted(self, ids: set[str]) -> bool:
        """Whether something that was there last time is not among ``ids``."""
        ...

    async def told(self, cursor: str) -> None:
        """The end of what a feed tells, and where to go on. What it told as gone may have another id now."""
        ...

    async def listed(self, ids: set[str], cursor: str | None) -> None:
        """All was listed: what is not among ``ids`` is gone. A rename that changed the id is recognised here."""
        ...

    async def keep_cursor(self, cursor: str | None) -> None:
        """Remember how far the feed was read; None lists everything the next time."""
        ...

    async def waiting(self) -> list[View]:
        """The items about which something may have to be done now."""
        ...

    async def count(self) -> int:
        """How many items are in the books."""
        ...

    async def view(self, key: UUID) -> View | None:
        """An item as it is now; None once it was forgotten or became one with another."""
        ...

    async def at(self, remote_id: str) -> View | None:
        """The item with this id there."""
        ...

    async def content(self, view: View, number: int) -> Content:
        """The bytes of a version here."""
        ...

    async def versions_after(self, view: View, number: int) -> list[tuple[int, bytes]]:
        """Numbers and digests of the versions after ``number``, the oldest first; none of a document that was purged."""
        ...

    def receive(self, chunks: AsyncIterator[bytes]) -> AbstractAsyncContextManager[Received]:
        """Keep bytes; those that no verb below adopts within the context are swept."""
        ...

    async def rewritten(self, view: View, received: Received, number: int) -> bool:
        """Whether these bytes are a version of ours with nothing changed but what some systems write into Office files by
        themselves (SharePoint puts its properties into them after an upload)."""
        ...

    async def agree(self, view: View, base: Base, item: Item | None = None) -> None:
        """Remember what both sides agree on, and the item as it is there now, if that was just learnt."""
        ...

    async def create_ours(self, view: View, received: Received | None) -> None:
        """Make a document (or a folder) at their place, or bring the folder back from the trash.

        Where an item lies there under that name that nobody knows there (or no longer), the two become one instead.
        Where the name is taken otherwise, it is numbered.
        """
        ...

    async def pull(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """Append their content as a version, after those that they made ``before``."""
        ...

    async def branch(self, view: View, received: Received, before: Sequence[Earlier] = (), *, conflict: bool) -> None:
        """Append their content (and what they made ``before``) as versions that name the base they were branched from,
        and ours above them once more.

        With ``conflict`` a person is asked by a task, and nothing of theirs is replaced until it is done.
        """
        ...

    async def revive(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """Bring a document back with their content as the newest version, after those that they made ``before``; one that
        was purged or moved away is made anew."""
        ...

    async def move_ours(self, view: View) -> None:
        """Place it as theirs is. Raises Cycle. A taken name is numbered."""
        ...

    async def trash_ours(self, view: View) -> None:
        """Into the trash. Raises NotEmpty for a folder that still holds something living."""
        ...

    async def merge(self, keep: View, drop: View) -> None:
        """Two items are one: ``keep``, which is here, with the other side of ``drop``, which is not here any more or never
        was. If ``drop`` was here, what both sides agreed on about it goes over too."""
        ...

    async def moved_there(self, view: View, item: Item, base: Base) -> None:
        """It was moved there; so were all in it, whose ids change with a path."""
        ...

    async def forget(self, view: View) -> None:
        """Strike an item off."""
        ...

    async def rest(self, view: View, state: str, reason: str = "", detail: str = "") -> None:
        """Nothing more is to be done now: ``synced``, ``held`` (by the direction, a conflict or its type), ``waiting`` (for
        another item)."""
        ...

    async def rest_all(self, views: Sequence[View]) -> None:
        """All of these were found in step; what changed meanwhile is left as it is."""
        ...

    async def fail(self, view: View, code: str, detail: str, *, permanent: bool) -> None:
        """It could not be done. A permanent failure is not tried again before something changes."""
        ...

    async def brake(self, deleted: int, replaced: int) -> None:
        """Pause the link until a person has looked."""
        ...
