"""The contract of every blob store: immutable bytes under opaque keys, durable before anybody hears of them.

``tests/contracts/blob_store.py`` is this page as tests; a new store passes it or is no store.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Protocol
from uuid import UUID

from dossier.core.ids import new_id
from dossier.storage.errors import BadKey

HEAD_BYTES: Final = 8192
_KEY = re.compile(r"[0-9a-f]{32}/[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """What ``put`` has made durable: ``sha256`` is 32 bytes, ``size`` counts bytes, ``head`` is the first ≤ 8192, ``crc32``
    (unsigned) is known where this process has seen all of them."""

    key: str
    sha256: bytes
    size: int
    head: bytes
    crc32: int | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """All bytes of a blob that has ``size`` of them."""

    key: str
    size: int


@dataclass(frozen=True, slots=True)
class BlobEntry:
    """One line of a listing: ``size`` in bytes, ``modified_at`` in UTC."""

    key: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class OfferedPart:
    """Bytes that anybody may send to the store by one PUT of ``url`` with exactly these ``headers``: ``size`` of them, from
    ``offset`` on."""

    number: int
    offset: int
    size: int
    url: str
    headers: dict[str, str]


def new_key(workspace_id: UUID) -> str:
    """A key that nothing has yet: ``<workspace hex>/<uuid7 hex>``."""
    return f"{workspace_id.hex}/{new_id().hex}"


def is_key(text: str) -> bool:
    """Whether ``new_key`` can have made this."""
    return _KEY.fullmatch(text) is not None


def checked_key(key: str) -> str:
    """The key itself; ``BadKey`` for what ``new_key`` cannot have made. Every store asks before it uses a key."""
    if not is_key(key):
        raise BadKey.of(key)
    return key


class BlobStore(Protocol):
    """Where bytes lie. Every verb raises ``StorageFailed`` (503) when the store answers with an error.

    ``offers`` says whether ``offer`` has addresses.
    """

    offers: bool

    async def put(
        self, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None, key: str | None = None
    ) -> StoredBlob:
        """Keep all that ``chunks`` yields, under a new key or under ``key`` that has nothing yet; durable when it returns.

        Nothing is left behind by any of these: ``BodyTooLarge`` past ``limit`` bytes, ``StorageFull`` on a full disk,
        ``StorageFailed``, an exception out of ``chunks`` (it goes through unchanged), and cancellation. Memory does
        not grow with the size. ``chunks`` is not closed; it is the caller's.
        """
        ...

    async def append(
        self, key: str, offset: int, chunks: AsyncIterator[bytes], *, synced: Callable[[int], Awaitable[None]]
    ) -> int:
        """Add all that ``chunks`` yields behind the first ``offset`` bytes of a blob that comes in parts; the new offset.

        Durable when it returns. ``key`` is one that no row names as a blob. The caller keeps the offset: one that the last
        append told, returned or began with. What lies behind it, from an append that was cut off, is thrown away first.

        While bytes come, ``synced`` is called with every offset up to which they have become durable, at least every 64 MiB
        and a part of the store's; and once more before an error goes through that stopped the append, be it of the store
        (``StorageFull``, ``StorageFailed``), of ``chunks``, or a cancellation. What was finished already is not written any
        more: ``chunks`` is read to its end and counted, up to the blob's size.

        Raises ``PartBusy`` while another append or ``finish`` of the key is under way in any process, ``BlobMissing`` or
        ``BlobDamaged`` where fewer than ``offset`` bytes are there. Memory does not grow with the size.
        """
        ...

    async def finish(
        self, key: str, size: int, sha256: bytes | None = None, *, most_read: int | None = None
    ) -> StoredBlob:
        """Make a blob of what was appended or sent, as durable as after ``put``; the same again where it is one already.

        ``size`` bytes must have been confirmed by ``append``, or sent as ``offer`` asked. The digest is known where this
        process has seen all of them, where the store has verified it, or where an earlier ``finish`` told it and the caller
        gives it back; else they are read once more. Raises ``Unhashed`` where these are more than ``most_read``: asked
        again without it, it goes on. Raises ``BlobMissing``, ``BlobDamaged`` for another size, ``PartBusy``.
        """
        ...

    async def offer(self, key: str, size: int, sha256: bytes | None = None) -> list[OfferedPart] | None:
        """What is still to be sent of ``size`` bytes, at least one, straight to the store, by addresses that are good for
        an hour; None if the store has none.

        The same question again tells what is missing then, nothing once all is there; it comes with the same ``size`` and
        ``sha256``. A part of another length is missing. Where ``sha256`` is given and one request can bring all of
        it, the store refuses other bytes. Ended by ``finish`` or ``drop``, as what was appended. Raises
        ``PartBusy`` where two ask at once for the first time.
        """
        ...

    async def drop(self, key: str) -> None:
        """Forget what was appended and not finished; nothing happens where there is nothing. A finished blob stays."""
        ...

    def parts(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        """What was appended and not finished under keys that begin with ``prefix``; ``keys`` lists none of it."""
        ...

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        """The bytes from ``start`` on, ``length`` of them or all the rest, in chunks of at most 1 MiB.

        ``BadKey`` is raised at once; with the first chunk ``BlobMissing``, and ``BlobDamaged`` when the blob ends
        before ``start + length``: ask for the first chunk before the headers of an answer leave.
        """
        ...

    def join(self, pieces: AsyncGenerator[bytes | Whole, None]) -> AsyncGenerator[bytes, None]:
        """Bytes and blobs, one behind the other as ``pieces`` yields them, in chunks of about 1 MiB whatever their sizes.

        Raises what ``pieces`` does, and as ``open`` once a blob's turn has come. ``pieces`` is closed at the end.
        """
        ...

    async def size(self, key: str) -> int:
        """How many bytes lie there; ``BlobMissing`` if none do."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the bytes; a key that is gone already is no error. A reader that has begun may finish or fail."""
        ...

    def keys(self, prefix: str = "") -> AsyncIterator[BlobEntry]:
        """Every finished blob whose key begins with ``prefix``, in no particular order.

        ``modified_at`` is between the first byte's coming and the last one's.
        """
        ...

    def local_path(self, key: str) -> Path | None:
        """Where the bytes lie on this machine's disk, for X-Accel-Redirect and sendfile; None if they do not."""
        ...

    async def link(self, key: str, *, disposition: str, media_type: str) -> str | None:
        """An address where anybody may read the blob for at most 60 s, with these two headers; None if the store has none.

        Says nothing of whether the blob is there. Raises ``BadKey``.
        """
        ...

    async def sweep_temporary(self, older_than: timedelta) -> int:
        """Remove what dead processes left half written and not touched for ``older_than``; how many there were.

        A store on this machine sees which process lives. Where that cannot be seen, what other processes have under way is
        judged by its age alone: ``older_than`` is longer than any of them goes without a new part.
        """
        ...

    async def check(self) -> None:
        """Return if a blob could be written now; else ``StorageFailed``, a full store included."""
        ...

    async def close(self) -> None:
        """Let go of connections; nothing is asked of the store after."""
        ...
