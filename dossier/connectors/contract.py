"""What a client's document management system must be able to do for Dossier, and how it refuses.

A connector is a thin adapter: it speaks one protocol, keeps no state between calls but its connections, and decides
nothing. What has to travel is decided by the planner, which knows only these words. Every method is safe to call again
after an error of which nobody can say whether it took effect; the caller looks (``stat``, ``find``) before it repeats.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal, Protocol

Kind = Literal[
    "changed",  # a precondition failed: the item is not what the caller thought it was (HTTP 409, 412)
    "name_taken",  # something of that name is there already
    "missing",  # no such item, or its parent is gone (404, 410)
    "locked",  # somebody holds a lock on it (423)
    "refused",  # this one thing is not allowed: rights, a policy, a name it cannot hold, a file too big (400, 403, 413)
    "sign_in",  # the credentials are not (or no longer) taken (401): nothing of this link can work
    "full",  # no room on the other side (507)
    "throttled",  # too many calls (429, 503 with Retry-After)
    "unreachable",  # no answer, a torn or lying one, or a failure of theirs (5xx): try again later
    "resync",  # the cursor is no longer known (410 on a feed): everything has to be listed anew
    "unsupported",  # the system has no such thing; ``Caps`` says so beforehand
]
Holder = Literal["person", "group", "program", "link", "us", "everyone"]
#: So many rights of one item are told.
MOST_RIGHTS: Final = 500
PERMANENT: frozenset[Kind] = frozenset({"refused", "sign_in", "unsupported"})


class RemoteError(Exception):
    """The one error of every connector. ``detail`` is a sentence for the person who set the link up, without secrets."""

    def __init__(self, kind: Kind, detail: str, *, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.kind, self.detail = kind, detail
        #: Seconds that the other side asked to be left alone, if it did.
        self.retry_after = retry_after

    @property
    def permanent(self) -> bool:
        """Whether the same call can only fail again until a person does something."""
        return self.kind in PERMANENT

    @property
    def resync(self) -> bool:
        """Whether everything has to be listed anew."""
        return self.kind == "resync"


@dataclass(frozen=True, slots=True)
class Caps:
    """What the other system can do; what it cannot, the engine does the long way round."""

    #: ``changes`` tells only what changed since the cursor. Otherwise it lists everything each time and answers no cursor.
    feed: bool = False
    #: An item keeps its ``id`` when it is renamed or moved. Otherwise the id is the path.
    stable_ids: bool = False
    #: ``if_match`` of ``put`` is checked by the other side in the same step. Otherwise just before.
    conditional_write: bool = False
    #: Others are kept out for the moment in which we replace or delete, where the other side does not check by itself.
    locks: bool = False
    #: The other side keeps the old versions of a file.
    versions: bool = False
    #: The other side can call us when something changed.
    hints: bool = False
    #: "A" and "a" are two names.
    case_sensitive: bool = True
    #: Algorithms of the digests that its items carry.
    digests: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Item:
    """A file or folder of the other side as it is now."""

    id: str
    #: None for what lies directly in the place that the link was made to.
    parent_id: str | None
    name: str
    folder: bool = False
    #: Changes with every change of a file's content, and may change without one. Compared, never read. "" for folders.
    tag: str = ""
    #: What ``put`` and ``delete`` take as ``if_match``; the same as ``tag`` where the system has only one.
    etag: str = ""
    size: int | None = None
    modified_at: datetime | None = None
    #: Who changed it last, for people to read.
    author: str = ""
    #: Algorithm → digest in lower-case hex, where the system computes one by itself.
    digests: dict[str, str] = field(default_factory=dict)
    #: Survives a rename where ``id`` does not, and then recognises it (an inode, a WebDAV ``fileid``); "" if unknown.
    lasting: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of ``changes``: what is there, what is gone, and where to go on."""

    items: list[Item] = field(default_factory=list)
    #: Ids of what is no longer below the link's place. Only feeds tell these.
    gone: list[str] = field(default_factory=list)
    #: On the last page of a feed: where the next ``changes`` begins.
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class OldVersion:
    """A version that the other side keeps."""

    id: str
    modified_at: datetime | None
    size: int | None
    author: str = ""
    #: The ``tag`` that the item had with it; "" where the system does not tell: then only its content says which it is.
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Right:
    """What somebody may do with an item there, as that system says it."""

    #: A name for people to read.
    who: str
    #: "read"; "write" (change it, or what lies in it); "own" (also say who may what); or else that system's own words.
    may: str
    #: A ``program`` is another than this one, ``us`` what the link works as, ``link`` whoever has an address.
    kind: Holder
    #: Given to a folder further up, not to the item itself.
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes to be sent. ``open(start)`` streams them from an offset on, as often as it is asked."""

    size: int
    sha256: bytes
    media_type: str
    open: Callable[[int], AsyncIterator[bytes]]


class Connector(Protocol):
    """One place (a drive's folder, a WebDAV collection, a prefix of a bucket) in the client's system.

    Every method raises RemoteError. A parent of None is the place itself.
    """

    caps: Caps

    async def check(self) -> str:
        """Try the connection and the place for reading; a line for people on what was found. ``missing`` if it is not
        there."""
        ...

    def changes(self, cursor: str | None = None) -> AsyncIterator[Page]:
        """What changed since ``cursor`` (a feed), or everything (without one, and for systems without a feed).

        A folder comes before what lies in it. An item may come again; its last appearance holds. What is changed while
        the pages are read comes now or the next time. Raises ``resync`` where the cursor is no longer known.
        """
        ...

    async def stat(self, item_id: str) -> Item | None:
        """An item as it is now, or None."""
        ...

    async def find(self, parent_id: str | None, name: str) -> Item | None:
        """The item of that name in a folder, or None."""
        ...

    def open(self, item_id: str, *, if_tag: str | None = None) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """A file's bytes. Raises ``missing``; ``changed`` if its tag is not ``if_tag`` (at the start, or once all is read);
        ``unreachable`` where fewer or more bytes came than were announced: what was read by then is worthless."""
        ...

    async def create(self, parent_id: str | None, name: str, content: Content) -> Item:
        """A new file; nobody sees it before it is whole. Raises ``name_taken`` (nothing is ever replaced), ``missing``
        (the parent), ``refused``, ``full``."""
        ...

    async def put(self, item_id: str, content: Content, *, if_match: str) -> Item:
        """Replace a file's bytes as a whole. Raises ``changed`` unless its etag is ``if_match``, ``missing``, ``locked``."""
        ...

    async def make_folder(self, parent_id: str | None, name: str) -> Item:
        """A new folder. Raises ``name_taken``, ``missing`` (the parent)."""
        ...

    async def move(self, item_id: str, parent_id: str | None, name: str) -> Item:
        """Rename or move an item with all in it; as it is then (its id may be another). Nothing is ever replaced.

        Raises ``name_taken``, ``missing``, ``locked``, and ``refused`` for a folder that is to go into itself.
        """
        ...

    async def delete(self, item_id: str, *, if_match: str | None = None) -> None:
        """Remove a file, or a folder that is empty, into the other side's own trash if it has one; nothing where it is gone.

        Raises ``changed`` unless its etag is ``if_match``, or where the folder is not empty; ``locked``.
        """
        ...

    async def versions(self, item_id: str) -> list[OldVersion]:
        """The versions that the other side keeps, that of now among them, newest first. Raises ``unsupported``,
        ``missing``."""
        ...

    def open_version(self, item_id: str, version_id: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The bytes of a version that is not the newest. Raises ``unsupported``, ``missing``, ``unreachable`` as ``open``;
        ``refused`` where the system keeps it but does not hand it out."""
        ...

    async def rights(self, item_id: str | None) -> list[Right]:
        """Who may do what with an item (None: the place itself), as far as that system tells it to us; ``MOST_RIGHTS`` at
        most. What it tells may be no more than what we may. Raises ``unsupported`` where it tells nothing, or a part from
        which a wrong picture would come; ``missing``, ``refused``.
        """
        ...

    def name_for(self, name: str) -> str:
        """The name under which a document or folder named ``name`` can be kept there; the same if it can. Deterministic.

        Not injective: two of ours may become one name there. The engine then numbers the second.
        """
        ...

    async def close(self) -> None:
        """Let go of the connections."""
        ...
