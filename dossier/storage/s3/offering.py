"""Bytes that others send straight to the bucket: one request for all of them where their SHA-256 is known before, which
the store compares; else the parts of a multipart upload.

The upload stands in the state that blobs in parts have anyway (``state.py``), so sweeps leave it alone and ``drop`` ends it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from dossier.core.settings import MIB
from dossier.storage.blobs import OfferedPart
from dossier.storage.errors import BlobDamaged, BlobMissing, PartBusy
from dossier.storage.s3.answers import Gone, Sent
from dossier.storage.s3.bucket import Bucket
from dossier.storage.s3.state import Kept, State

AT_ONCE: Final = 5 << 30
"""The most bytes that S3 takes in one PUT."""
_LEAST: Final = 16 * MIB
_MOST_PARTS: Final = 1000  # that one answer lists, and one page of the store's


@dataclass(frozen=True, slots=True)
class Offering:
    """One key that others send to. ``name`` is the object's."""

    bucket: Bucket
    key: str
    name: str
    size: int

    async def missing(self, sha256: bytes | None) -> list[OfferedPart]:
        """What is still to come, with new addresses. Raises PartBusy, BlobMissing where it was dropped meanwhile."""
        if await self.bucket.head(self.name) is not None:
            return []
        if sha256 is not None and self.size <= AT_ONCE:
            url, headers = await self.bucket.link_for(self.name, self.size, sha256)
            return [OfferedPart(1, 0, self.size, url, headers)]
        upload = await self._begun()
        there = {part.number: part.size for part in await self._sent(upload)}
        return [
            OfferedPart(number, start, size, await self._link(upload, number, size), {"Content-Length": str(size)})
            for number, start, size in self._plan()
            if there.get(number) != size
        ]

    async def parts(self, upload: str) -> list[Sent]:
        """All parts, to be put together. Raises BlobDamaged where they are not what was asked for, BlobMissing."""
        sent = await self._sent(upload)
        if [(part.number, part.size) for part in sent] != [(number, size) for number, _start, size in self._plan()]:
            raise BlobDamaged.of(self.key)
        return sent

    def _plan(self) -> Iterator[tuple[int, int, int]]:
        """Number, start and size of each part."""
        length = max(_LEAST, -(-self.size // (_MOST_PARTS * MIB)) * MIB)
        for index, start in enumerate(range(0, self.size, length)):
            yield index + 1, start, min(length, self.size - start)

    async def _begun(self) -> str:
        kept = Kept(self.bucket, self.key)
        state = await kept.read()
        if state is None:
            state = State(await self.bucket.begin(self.name, checksums=False), offered=True)
            try:
                await kept.write(state)
            except PartBusy:
                await self.bucket.abort(self.name, state.upload)
                raise
        return state.upload

    async def _sent(self, upload: str) -> list[Sent]:
        try:
            return await self.bucket.sent(self.name, upload)
        except Gone as error:
            raise BlobMissing.of(self.key) from error

    async def _link(self, upload: str, number: int, size: int) -> str:
        return await self.bucket.part_link(self.name, upload, number, size)
