"""Every content that a row names, from one storage to another under the same keys; verified by its digest on the way."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from uuid import UUID

from sqlalchemy import Row, func, literal, select, tuple_

from dossier.core.actor import Actor
from dossier.core.errors import DossierError
from dossier.core.units import Units
from dossier.storage import BlobMissing, BlobStore
from dossier.storage.models import Blob
from dossier.transfer.errors import ContentDamaged
from dossier.transfer.progress import Quiet
from dossier.transfer.report import Report

PAGE, AT_ONCE = 200, 4
NOWHERE = Actor.system(UUID(int=0), "storage copy")
Line = Row[UUID, bytes, str, int]


async def copy_storage(
    units: Units, source: BlobStore, target: BlobStore, progress: Quiet, *, verify: bool = False
) -> Report:
    """Copy what is not there yet in the right size; counts of what was copied, there already, and left unfinished.

    ``verify`` reads what is there already back and compares it too. One content's failure does not stop the others.
    """
    await target.check()
    copying = _Copying(source, target, progress, Report({"copied": 0, "there": 0, "bytes": 0, "unfinished": 0}), verify)
    async with units.read(NOWHERE) as unit:
        query = select(func.count(), func.coalesce(func.sum(Blob.size), 0)).select_from(Blob)
        count, size = (await unit.session.execute(query)).one()
    progress.expect(count, int(size))
    async for lines in _pages(units):
        await asyncio.gather(*(copying.take(line) for line in lines))
    async for _part in source.parts():
        copying.report.count("unfinished")
    return copying.report


async def _pages(units: Units) -> AsyncIterator[list[Line]]:
    """All rows, a snapshot a page."""
    query = select(Blob.workspace_id, Blob.sha256, Blob.key, Blob.size)
    here, columns = tuple_(Blob.workspace_id, Blob.sha256), (Blob.workspace_id, Blob.sha256)
    after = (UUID(int=0), b"")
    while True:
        behind = here > tuple_(*(literal(a, c.type) for a, c in zip(after, columns, strict=True)))
        async with units.read(NOWHERE) as unit:
            page = query.where(behind).order_by(Blob.workspace_id, Blob.sha256).limit(PAGE)
            lines = list((await unit.session.execute(page)).all())
        if not lines:
            return
        yield lines
        after = (lines[-1].workspace_id, lines[-1].sha256)


class _Copying:
    """One run: from where, to where, and what became of it."""

    def __init__(self, source: BlobStore, target: BlobStore, progress: Quiet, report: Report, verify: bool) -> None:
        self.source, self.target, self.progress, self.report = source, target, progress, report
        self.verify, self.gate = verify, asyncio.Semaphore(AT_ONCE)

    async def take(self, line: Line) -> None:
        """Bring one content over, or find it there."""
        async with self.gate:
            try:
                if await self._is_there(line):
                    self.report.count("there")
                else:
                    await self._copy(line)
                    self.report.count("copied")
                    self.report.count("bytes", line.size)
            except DossierError as error:
                self.report.fail(line.key, error)
            self.progress.done()

    async def _is_there(self, line: Line) -> bool:
        try:
            size = await self.target.size(line.key)
        except BlobMissing:
            return False
        if size == line.size and not self.verify:
            self.progress.moved(size)
            return True
        if size == line.size and await self._is_sound(line):
            return True
        await self.target.delete(line.key)
        return False

    async def _is_sound(self, line: Line) -> bool:
        digest = hashlib.sha256()
        async for chunk in self.target.open(line.key):
            await asyncio.to_thread(digest.update, chunk)
            self.progress.moved(len(chunk))
        return bool(digest.digest() == line.sha256)

    async def _copy(self, line: Line) -> None:
        await self.target.put(line.workspace_id, self._checked(line), key=line.key)

    async def _checked(self, line: Line) -> AsyncIterator[bytes]:
        """The source's bytes; ContentDamaged at their end where they are not what the row says, so that none is kept."""
        digest = hashlib.sha256()
        async for chunk in self.source.open(line.key, 0, line.size):
            await asyncio.to_thread(digest.update, chunk)
            self.progress.moved(len(chunk))
            yield chunk
        if digest.digest() != line.sha256:
            raise ContentDamaged(f"It is {digest.hexdigest()} instead of {line.sha256.hex()}.")
