"""What workers and consumers call: make what was asked for, and let go of what a purge has left behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, BinaryIO

from dossier import documents, storage
from dossier.core import jobs
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.log import log
from dossier.core.settings import MIB
from dossier.core.units import Unit
from dossier.renditions import office, queries, service, thumbnails
from dossier.renditions.models import PDF
from dossier.renditions.office import Unmakeable
from dossier.renditions.service import Work

ATTEMPTS, PAGE = 3, 500


async def run_make(context: Any, job: JobRow) -> None:
    """Make a rendition, once per content. GiveUp, with the reason, where that cannot be."""
    work, actor = Work(**job.payload), Actor.system(job.workspace_id, "renditions")
    async with context.units.read(actor) as unit:
        found = await service.source(unit, work)
    if found is None:
        log.info("rendition.not_needed", kind=work.make)
        return
    try:
        await _make(context, actor, work, found)
    except Unmakeable as error:
        log.info("rendition.none", kind=work.make, reason=error.reason, clue=error.clue)
        await _fail(context, actor, work, str(error))
        raise GiveUp(f"{error.reason}: {error}") from error
    except Exception:
        if job.attempts >= ATTEMPTS:
            await _fail(context, actor, work, "It could not be made; the log says more.")
        raise


async def _fail(context: Any, actor: Actor, work: Work, reason: str) -> None:
    await context.units.run(actor, lambda unit: service.fail(unit, work, reason))


async def _make(context: Any, actor: Actor, work: Work, found: tuple[str, str, int]) -> None:
    key, media_type, _size = found
    making = _pdf if work.make == PDF else _thumbnail
    async with (
        storage.on_disk(context.store, key) as source,
        making(context.settings, source, media_type) as chunks,
        storage.received(context.store, actor.workspace_id, chunks) as received,
    ):
        await context.units.run(actor, lambda unit: service.keep(unit, work, received))


@asynccontextmanager
async def _pdf(settings: Any, source: Path, media_type: str) -> AsyncIterator[AsyncIterator[bytes]]:
    soffice = office.program(settings.soffice)
    if soffice is None:
        raise Unmakeable("unavailable", sentences={"crashed": service.NO_OFFICE})
    limits = {"seconds": settings.render_seconds, "memory": settings.render_memory_mib * MIB}
    async with office.as_pdf(soffice, source, media_type, **limits) as file:
        yield _chunks(file)


async def _chunks(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, MIB):
        yield chunk


@asynccontextmanager
async def _thumbnail(settings: Any, source: Path, media_type: str) -> AsyncIterator[AsyncIterator[bytes]]:
    limits = {"seconds": settings.render_seconds, "memory": settings.render_memory_mib * MIB}
    drawn = await thumbnails.draw(source, media_type, **limits)

    async def whole() -> AsyncIterator[bytes]:
        yield drawn

    yield whole()


# After purges


async def follow_purges(unit: Unit, _event: EventRow) -> None:
    """A document has ended for good: promise to look for renditions that nothing needs now."""
    if not await jobs.promised(unit.session, unit.workspace_id, "renditions.tidy"):
        unit.defer("renditions.tidy")


async def run_tidy(context: Any, job: JobRow) -> None:
    """Let go of all renditions of contents that no version has; a page a Unit."""
    actor = Actor.system(job.workspace_id, "renditions")
    after: bytes | None = b""
    while after is not None:
        async with context.units.read(actor) as unit:
            page = await queries.sources(unit, after, PAGE)
            used = await documents.used_digests(unit, page)
        if gone := set(page) - used:
            await context.units.run(actor, _forgetting(gone))
        after = page[-1] if len(page) == PAGE else None


def _forgetting(digests: set[bytes]) -> Any:
    return lambda unit: service.forget(unit, digests)


CONSUMERS = [Consumer("renditions.purges", frozenset({"document.purged"}), follow_purges)]
JOBS = {
    "renditions.make": Handler(run_make, attempts=ATTEMPTS),
    "renditions.tidy": Handler(run_tidy),
}
