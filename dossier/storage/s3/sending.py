"""Bytes on their way into one S3 object: one part is hashed and sent while the next one fills.

A body that fits into one part is one request. What is larger becomes a multipart upload, of which nothing is to be seen
until it is complete.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO

from dossier.core.errors import DossierError
from dossier.core.log import log
from dossier.storage.addresses import MOST_PARTS
from dossier.storage.errors import BlobMissing, BodyTooLarge, StorageFailed
from dossier.storage.s3.answers import Gone, Sent, Taken
from dossier.storage.s3.bucket import Bucket
from dossier.storage.sums import Sums


class Target:
    """The object that bytes go to, and what is known of its multipart upload. ``told`` hears of one that was begun."""

    def __init__(
        self,
        bucket: Bucket,
        name: str,
        part_bytes: int,
        told: Callable[[str], None],
        *,
        upload: str = "",
        parts: Sequence[Sent] = (),
        number: int = 1,
    ) -> None:
        self.bucket, self.name, self.part_bytes = bucket, name, part_bytes
        self.upload, self.parts, self.number = upload, list(parts), number
        self._told = told

    @property
    def size(self) -> int:
        """How many bytes the parts have."""
        return sum(part.size for part in self.parts)

    async def send(self, body: BytesIO, sha256: bytes) -> None:
        """One more part; durable when it returns. Raises BodyTooLarge, BlobMissing where the upload was ended by others."""
        if self.number > MOST_PARTS:
            raise BodyTooLarge(f"The storage takes at most {self.size} bytes.", limit=self.size)
        if not self.upload:
            self.upload = await self.bucket.begin(self.name)
            self._told(self.upload)
        number, self.number = self.number, self.number + 1
        try:
            self.parts.append(await self.bucket.send(self.name, self.upload, number, body, sha256))
        except Gone as error:
            raise BlobMissing.of(self.name) from error

    async def publish(self, body: BytesIO, sha256: bytes) -> None:
        """Make the object of the parts and ``body``, or find it made already. Raises BlobMissing, StorageFailed."""
        size = self.size + len(body.getbuffer())
        try:
            await self._publish(body, sha256)
        except (Gone, Taken, BlobMissing) as error:
            # The answer to an earlier try may have got lost: the key is nobody else's.
            there = await self.bucket.head(self.name)
            if there is None and not isinstance(error, Taken):
                raise BlobMissing.of(self.name) from error
            if there is None or there.size != size:
                raise StorageFailed from error

    async def _publish(self, body: BytesIO, sha256: bytes) -> None:
        if self.parts:
            if body.getbuffer():
                await self.send(body, sha256)
            await self.bucket.complete(self.name, self.upload, self.parts)
        else:
            await self.bucket.put(self.name, body, sha256)
            if self.upload:  # its parts were all thrown away
                await self.bucket.abort(self.name, self.upload)


class Sending:
    """Chunks into parts. ``hash_``, where there is one, runs over what is fed; it has seen ``filled`` before.

    What comes after a part that ``failed`` is nothing that could be kept.
    """

    def __init__(self, pool: ThreadPoolExecutor, target: Target, hash_: Sums | None, filled: bytes = b"") -> None:
        self.target, self.hash, self.failed = target, hash_, False
        self._pool = pool
        self._filling, self._seen = BytesIO(), len(filled)
        self._filling.write(filled)
        self._under_way: asyncio.Task[None] | None = None
        self._began_put = False

    async def feed(self, chunk: bytes) -> None:
        """Take a chunk; waits where two parts are full. Raises what sending the part before raised."""
        rest = memoryview(chunk)
        while rest:
            room = self.target.part_bytes - self._filling.tell()
            if room <= 0:
                await self._pass_on()
                continue
            self._filling.write(rest[:room])
            rest = rest[room:]

    async def _pass_on(self) -> None:
        await self.sent()
        body, seen = self._filling, self._seen
        self._filling, self._seen = BytesIO(), 0
        self._under_way = asyncio.create_task(self._send(body, seen))

    async def _send(self, body: BytesIO, seen: int) -> None:
        try:
            await self.target.send(body, await self._digest(body, seen))
        except BaseException:
            self.failed, self.hash = True, None
            raise

    async def sent(self) -> None:
        """Wait until every full part is durable. Raises what sending it raised."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            try:
                await asyncio.shield(under_way)
            except asyncio.CancelledError:
                self._under_way = under_way  # the wait was cancelled, not the part
                raise

    async def _digest(self, body: BytesIO, seen: int) -> bytes:
        """The SHA-256 of one part, for the store to verify; the whole's hash goes on by what is new of it."""
        hash_, self.hash = self.hash, None  # nobody knows how far it is while a thread has it
        body.seek(0)
        digest = await asyncio.get_running_loop().run_in_executor(self._pool, _hashed, body, seen, hash_)
        self.hash = hash_
        return digest

    async def rest(self) -> tuple[BytesIO, bytes]:
        """The part that is not full, and its SHA-256; every byte has gone into ``hash`` then."""
        digest = await self._digest(self._filling, self._seen)
        self._seen = len(self._filling.getbuffer())
        return self._filling, digest

    async def finish(self) -> None:
        """Publish all that was fed; durable when it returns."""
        await self.sent()
        body, digest = await self.rest()
        self._began_put = True
        await self.target.publish(body, digest)

    async def settle(self) -> None:
        """Wait for the part under way, after an error that is on its way to the caller."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            await asyncio.wait([under_way])
            if error := under_way.exception():
                log.warning("storage.part_not_sent", reason=type(error).__name__)

    async def discard(self) -> None:
        """Leave nothing, as far as the store can be reached; the sweep does the rest."""
        await self.settle()
        with suppress(DossierError):
            if self.target.upload:
                await self.target.bucket.abort(self.target.name, self.target.upload)
            if self._began_put:
                await self.target.bucket.delete(self.target.name)


def _hashed(body: BytesIO, seen: int, whole: Sums | None) -> bytes:
    with body.getbuffer() as data:
        if whole is not None:
            whole.update(data[seen:])
        return hashlib.sha256(data).digest()
