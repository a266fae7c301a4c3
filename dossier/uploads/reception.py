"""From bytes on the wire to a document: durable, written down, and only then answered. No connection to the database is held
while bytes come.

Each step may be the last: what has come is kept, and the next request goes on where the row says.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from dossier import storage
from dossier.core.actor import Actor
from dossier.core.errors import Conflict, DossierError
from dossier.core.log import log
from dossier.core.units import Unit, Units
from dossier.uploads import service
from dossier.uploads.desk import Desk, Turn
from dossier.uploads.errors import (
    OffsetMismatch,
    UploadDirect,
    UploadFinal,
    UploadIncomplete,
    UploadNotDirect,
    UploadNotFound,
)
from dossier.uploads.models import Upload
from dossier.uploads.schemas import Finish

T = TypeVar("T")
Run = Callable[[Callable[[Unit], Awaitable[Upload]]], Awaitable[T]]
NOTED_BYTES = 1 << 20
"""From so many bytes on, what has come whole is written down before the end is tried: nobody should send it twice."""
READ_AT_ONCE = 1 << 26
"""The most bytes that are read for their digest while somebody waits for the answer; what is larger is a job's work."""
HASHING_SECONDS = 20.0
"""How long the request that asks for such an end again waits for it; a client of tus asks at once and without end."""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of one request: those from ``offset`` on, and how many were announced, if that is known. ``checked`` says
    that reading them to the end tells whether they are the right ones: before that none of them counts."""

    offset: int
    chunks: AsyncIterator[bytes]
    announced: int | None = None
    checked: bool = False

    def after(self, count: int) -> "Body":
        """The same without its first ``count`` bytes, which are here already."""
        announced = None if self.announced is None else max(self.announced - count, 0)
        return Body(self.offset + count, _skipped(self.chunks, count), announced, self.checked)


async def _skipped(chunks: AsyncIterator[bytes], count: int) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        kept, count = chunk[count:], max(count - len(chunk), 0)
        yield kept


@dataclass(frozen=True, slots=True)
class Reception:
    """One actor's requests, and what they need of the program. ``lasts`` is an upload's life after its last byte,
    ``patience`` how many seconds of silence are borne."""

    units: Units
    store: storage.BlobStore
    desk: Desk
    actor: Actor
    lasts: timedelta
    patience: float
    limit: int

    async def receive(self, upload_id: UUID, body: Body, length: int | None = None) -> Upload:
        """Add bytes; those that complete it make the document. ``length`` tells one that was deferred.

        Raises UploadNotFound, UploadExpired, UploadFinal, UploadLengthMismatch, NotAllowed and 404 where the right is lost,
        PartBusy, OffsetMismatch, BodyTooLarge, ChecksumMismatch, UploadStalled, what the store raises, and at the end what
        ``service.finish`` raises.
        """
        async with self.desk.turn(self.actor.member_id, upload_id) as turn:
            async with self.units.read(self.actor) as unit:
                upload = await service.open_(unit, upload_id)
            if upload.is_final:
                raise UploadFinal
            if upload.direct:
                raise UploadDirect
            _check_offset(upload, body)
            if length is not None:
                upload = await self._run(lambda unit: service.tell_length(unit, upload_id, length, self.limit))
            _check_announced(upload, body)
            if upload.state == "done":
                async for _ in _limited(turn.heard(body.chunks, self.patience), 0):
                    pass  # a body that is not read may cost a client its answer
                return upload
            if upload.state == "hashing":
                async for _ in _limited(turn.heard(body.chunks, self.patience), upload.size - body.offset):
                    pass  # the last byte, which is here already
                return await self._hashed(turn, upload)
            there = await self._add(turn, upload, body)
            if there < upload.size or upload.deferred:
                return upload if upload.sha256 else await self._note(upload, there)
            if upload.is_part:
                await self.store.finish(upload.key, upload.size)
                return await self._note(upload, there)
            return await self._finish(upload, self._run)

    async def _hashed(self, turn: Turn, upload: Upload) -> Upload:
        """Wait a while for the job that reads it; a refusal is met again here, for its reason."""
        bell, clock = self.units.bell, asyncio.get_running_loop().time
        until = clock() + HASHING_SECONDS
        while upload.state == "hashing" and clock() < until and not turn.wanted:
            ring = bell.listen()
            async with self.units.read(self.actor) as unit:
                upload = await service.get(unit, upload.id)
            if upload.state == "hashing":
                await bell.wait(1.0, ring)
        return await self._finish(upload, self._run) if upload.state == "refused" else upload

    async def offered(self, upload_id: UUID) -> list[storage.OfferedPart]:
        """Where to send what is still missing of a direct upload. Raises UploadNotFound, UploadExpired, UploadNotDirect, 404
        and 403 where the right is lost, PartBusy, BlobMissing."""
        async with self.units.read(self.actor) as unit:
            upload = await service.open_(unit, upload_id)
        if not upload.direct:
            raise UploadNotDirect("Send them by PATCH.")
        return await self._missing(upload)

    async def _missing(self, upload: Upload) -> list[storage.OfferedPart]:
        if not upload.direct or upload.state != "receiving":
            return []
        return await self.store.offer(upload.key, upload.size, upload.promised) or []

    async def join(self, upload_id: UUID, parts: Sequence[UUID]) -> Upload:
        """Put an upload together of its parts, going on where an earlier try was cut off, and make the document. The parts
        go with it; where the end is refused they stay until they expire.

        Raises as ``receive``, and UploadNotFound, UploadExpired, UploadIncomplete, BlobMissing for parts that went since.
        """
        async with self.desk.turn(self.actor.member_id, upload_id) as turn:
            async with self.units.read(self.actor) as unit:
                upload = await service.open_(unit, upload_id)
                is_over = upload.state in ("done", "hashing")
                found = [] if is_over or upload.sha256 else await service.parts(unit, parts)
            if is_over:
                return upload
            if found:
                await self._add(turn, upload, Body(upload.received, self._bytes_of(found, upload.received)))
            upload = await self._finish(upload, self._run)
            for part in found:
                with suppress(UploadNotFound):
                    await self._remove(part.id)
            return upload

    async def _bytes_of(self, parts: Sequence[Upload], after: int) -> AsyncIterator[bytes]:
        """What the parts hold, one after the other, without the first ``after`` bytes."""
        for part in parts:
            start, after = min(after, part.size), max(after - part.size, 0)
            if start < part.size:
                async for chunk in self.store.open(part.key, start):
                    yield chunk

    async def _add(self, turn: Turn, upload: Upload, body: Body) -> int:
        """Store what comes; how many bytes are here then."""
        chunks = _limited(turn.heard(body.chunks, self.patience), upload.size - body.offset)
        if upload.sha256 is not None:  # they have all been here since an end that was refused
            return body.offset + sum([len(chunk) async for chunk in chunks])

        async def synced(durable: int) -> None:
            if turn.over or unsure:
                return
            try:
                await self._note(upload, durable)
            except DossierError as error:  # the next one or the answer tells
                log.warning("upload.not_noted", code=error.code)

        unsure = body.checked
        there = await self.store.append(upload.key, body.offset, chunks, synced=synced)
        unsure = False
        if there == upload.size and there - upload.received >= NOTED_BYTES:
            await synced(there)
        return there

    async def _note(self, upload: Upload, durable: int) -> Upload:
        return await self._run(lambda unit: service.note(unit, upload.id, durable, self.lasts))

    async def _run(self, verb: Callable[[Unit], Awaitable[T]]) -> T:
        return await self.units.run(self.actor, verb)

    async def finish(self, upload_id: UUID, answer: Finish, run: "Run[T]") -> T | Upload:
        """Make the end, or try it again with another answer: what ``run`` makes of the verb, or the upload where that is
        left to a job. Raises as ``receive``, UploadIncomplete."""
        service.check_answer(answer)
        async with self.desk.turn(self.actor.member_id, upload_id):
            async with self.units.read(self.actor) as unit:
                upload = await service.open_(unit, upload_id)
            service.require_whole(upload)
            if missing := await self._missing(upload):
                raise UploadIncomplete(f"{len(missing)} of its parts are not in the store.")
            if upload.state == "done":
                return await run(lambda unit: service.get(unit, upload_id))
            if upload.state == "hashing":
                return await self._run(lambda unit: service.hash_later(unit, upload_id, answer))
            return await self._finish(upload, run, answer)

    async def finish_hashing(self, upload: Upload) -> None:
        """Read what is here for its digest, and make the end; a refusal is kept for its sender. Raises what the store
        raises."""
        try:
            await self._finish(upload, self._run, at_once=False)
        except DossierError as error:
            if not _refuses(error):
                raise

    async def _finish(
        self, upload: Upload, run: "Run[T]", answer: Finish | None = None, *, at_once: bool = True
    ) -> T | Upload:
        try:
            return await self._end(upload, run, answer, READ_AT_ONCE if at_once else None)
        except storage.Unhashed:
            return await self._run(lambda unit: service.hash_later(unit, upload.id, answer))

    async def _end(self, upload: Upload, run: "Run[T]", answer: Finish | None, most_read: int | None) -> T:
        tried = False

        async def finish(unit: Unit) -> Upload:
            nonlocal tried
            tried = True
            return await service.finish(unit, upload.id, bytes_, answer)

        stored = storage.assembled(self.store, upload.key, upload.size, upload.sha256, most_read=most_read)
        async with stored as bytes_:
            try:
                return await run(finish)
            except DossierError as error:
                if tried and _refuses(error):
                    await self._refuse(upload, error, bytes_.stored.sha256)
                raise

    async def _refuse(self, upload: Upload, error: DossierError, sha256: bytes) -> None:
        if upload.size:
            await self._run(lambda unit: service.refuse(unit, upload.id, error, sha256, self.lasts))
        else:  # nothing would be left to send, and a client would take that for success
            await self._remove(upload.id)

    async def end(self, upload_id: UUID) -> None:
        """Forget an upload and what has come of it; who is sending is stopped. Raises UploadNotFound, PartBusy."""
        async with self.desk.turn(self.actor.member_id, upload_id, at_once=True):
            await self._remove(upload_id)

    async def _remove(self, upload_id: UUID) -> None:
        key = await self._run(lambda unit: service.remove(unit, upload_id))
        if key is not None:
            await drop(self.store, key)


def _check_offset(upload: Upload, body: Body) -> None:
    if body.offset != upload.received:
        raise OffsetMismatch(f"{upload.received} bytes are here.", offset=upload.received)


def _check_announced(upload: Upload, body: Body) -> None:
    if body.announced is not None:
        _check_size(body.announced, upload.size - body.offset)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise storage.BodyTooLarge(f"At most {limit} bytes are still to come.", limit=limit)


async def _limited(chunks: AsyncIterator[bytes], limit: int) -> AsyncIterator[bytes]:
    came = 0
    async for chunk in chunks:
        came += len(chunk)
        _check_size(came, limit)
        yield chunk


def _refuses(error: DossierError) -> bool:
    """Whether it is a no to this end, and not only to this moment."""
    return 400 <= error.status < 500 and type(error) is not Conflict and not isinstance(error, UploadNotFound)


async def drop(store: storage.BlobStore, key: str) -> None:
    """Take away what came under a key that nothing names or holds any more; the sweep does it where this fails."""
    try:
        await store.drop(key)
        await store.delete(key)
    except DossierError as error:
        log.warning("upload.not_dropped", code=error.code)
