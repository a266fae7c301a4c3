"""What is kept in a bucket of a blob that comes in parts: a state that any process can go on from, and a lease.

Full parts are parts of a multipart upload of the blob itself, so that its end copies nothing. What is smaller than a part
cannot be one of those; it lies in the state, an object that is only written over what was read before (its ETag). A
process that lost its lease without noticing is stopped there.
"""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import Final
from uuid import uuid4

import msgspec

from dossier.core.errors import DossierError
from dossier.core.log import log
from dossier.storage.blobs import checked_key
from dossier.storage.errors import BlobDamaged, PartBusy
from dossier.storage.s3.answers import Head, Sent, Taken
from dossier.storage.s3.bucket import Bucket

LEASE_SECONDS: Final = 15.0  # how long a process that is gone keeps others from its parts
SKIPPED: Final = 16  # numbers of parts that a process without its lease may still write to


class _Tail(msgspec.Struct, array_like=True):
    start: int
    length: int


class _Plan(msgspec.Struct):
    """The first line of a state's object."""

    upload: str
    number: int
    parts: list[tuple[int, int, str, str]]
    tails: list[_Tail]
    write: str
    offered: bool = False


@dataclass(slots=True)
class State:
    """The parts that are there, and by its start every tail that a caller may want to go on from.

    Where it is ``offered``, others send the parts, and only the store knows which are there.
    """

    upload: str = ""
    number: int = 1
    parts: list[Sent] = field(default_factory=list)
    tails: dict[int, bytes] = field(default_factory=dict)
    offered: bool = False

    @property
    def sent(self) -> int:
        """How many bytes the parts have."""
        return sum(part.size for part in self.parts)

    @property
    def tail(self) -> bytes:
        """What comes behind the last part."""
        return self.tails.get(self.sent, b"")

    @property
    def size(self) -> int:
        """How many bytes have come."""
        return self.sent + len(self.tail)

    def cut(self, key: str, offset: int, *, skipping: bool = False) -> bytes:
        """Throw away what lies behind ``offset``; the tail in front of it. Raises BlobDamaged where that is not there.

        ``skipping`` leaves numbers out to which another process may still send.
        """
        start = 0
        self.number += SKIPPED if skipping else 0
        for count, part in enumerate([*self.parts, None]):
            tail = self.tails.get(start, b"")
            # A tail that ends at a part's end is that part: it is cut only where the offset lies inside of it.
            if start <= offset <= start + len(tail) and not (part and offset >= start + part.size):
                del self.parts[count:]
                kept = tail[: offset - start]
                self.tails = {start: kept} if kept else {}
                return kept
            start += part.size if part else 0
        raise BlobDamaged.of(key)

    def encode(self) -> BytesIO:
        """The object's bytes: a line of JSON, then the tails."""
        parts = [(each.number, each.size, each.etag, each.sha256) for each in self.parts]
        tails = [_Tail(start, len(data)) for start, data in self.tails.items()]
        plan = _Plan(self.upload, self.number, parts, tails, uuid4().hex, self.offered)
        body = BytesIO()  # written to: the library copies one that shares its bytes with somebody
        body.writelines([msgspec.json.encode(plan), b"\n", *self.tails.values()])
        return body

    @classmethod
    def decode(cls, data: bytes) -> "State":
        end = data.index(b"\n")
        plan = msgspec.json.decode(memoryview(data)[:end], type=_Plan)
        tails, at = dict[int, bytes](), end + 1
        for tail in plan.tails:
            tails[tail.start] = data[at : at + tail.length]
            at += tail.length
        return cls(plan.upload, plan.number, [Sent(*each) for each in plan.parts], tails, plan.offered)


class Kept:
    """The state of one key in the bucket, as this process has read or written it."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        self._bucket, self._name, self._etag = bucket, f"parts/{checked_key(key)}", ""

    async def read(self) -> State | None:
        """What is there; None where nothing was appended."""
        found = await self._bucket.whole(self._name)
        if found is None:
            return None
        data, self._etag = found
        return State.decode(data)

    async def write(self, state: State) -> None:
        """Keep it, durably. Raises PartBusy where somebody else has written since."""
        body = state.encode()
        digest = hashlib.sha256(body.getbuffer()).digest()
        body.seek(0)
        notes = {"size": str(state.size), "upload": state.upload}
        try:
            self._etag = await self._bucket.put(self._name, body, digest, match=self._etag, notes=notes)
        except Taken as error:
            raise PartBusy from error

    async def head(self) -> Head | None:
        """What is known of it without its tails."""
        return await self._bucket.head(self._name)

    async def forget(self) -> None:
        """Take it away, whoever wrote it."""
        await self._bucket.delete(self._name)


class Lease:
    """One process's right to a key's parts. Renewed while it is held; free again when its holder is silent for too long.

    Ages are by the store's clock. ``stolen`` says that the last holder did not give it back.
    """

    def __init__(self, bucket: Bucket, key: str, seconds: float = LEASE_SECONDS) -> None:
        self._bucket, self._name, self._seconds = bucket, f"leases/{checked_key(key)}", seconds
        self._etag, self.stolen = "", False
        self._heart: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Lease":
        taking = asyncio.create_task(self._take())
        try:
            await asyncio.shield(taking)
        except asyncio.CancelledError:
            # What is asked for cannot be taken back: others would wait for a lease that nobody knows of.
            await asyncio.wait([taking])
            if not taking.exception():
                await asyncio.shield(self._release())
            raise
        self._heart = asyncio.create_task(self._beat())
        return self

    async def __aexit__(self, *_error: object) -> None:
        await asyncio.shield(self._release())

    async def _take(self) -> None:
        try:
            await self._write()
        except Taken:
            there = await self._bucket.head(self._name)
            if there is not None and there.age.total_seconds() < self._seconds:
                raise PartBusy from None
            self._etag, self.stolen = there.etag if there else "", there is not None
            try:
                await self._write()
            except Taken as error:
                raise PartBusy from error

    async def _write(self) -> None:
        data = uuid4().bytes  # other bytes each time, or the ETag would stay the same
        self._etag = await self._bucket.put(self._name, data, hashlib.sha256(data).digest(), match=self._etag)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._seconds / 3)
            try:
                await self._write()
            except Taken:
                log.warning("storage.lease_lost")
                self._etag = ""
                return
            except DossierError as error:  # there are two more tries before others may take it
                log.warning("storage.lease_not_renewed", code=error.code)

    async def _release(self) -> None:
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
        if self._etag:
            with suppress(DossierError):
                await self.forget()

    async def forget(self) -> None:
        """Take it away, whoever has it."""
        await self._bucket.delete(self._name)

    @property
    def lost(self) -> bool:
        """Whether somebody else has it now."""
        return not self._etag
