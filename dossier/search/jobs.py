"""What workers and consumers call: index a document when it changes, reading its text in a limited child process."""

from typing import Any
from uuid import UUID

from dossier import documents, storage
from dossier.core.actor import Actor
from dossier.core.events import Consumer, EventRow
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.log import log
from dossier.core.settings import MIB
from dossier.core.units import Unit
from dossier.search import queries, service
from dossier.search.sandbox import ExtractionFailed, extract_text, supports

TYPES = frozenset(
    {"version.added"} | {f"document.{what}" for what in ("added", "renamed", "moved", "updated", "restored")}
)


async def follow(unit: Unit, event: EventRow) -> None:
    """A document is new or changed: promise to index it."""
    if event.document_id is not None:
        unit.defer("search.index", document_id=str(event.document_id))


async def run_index(context: Any, job: JobRow) -> None:
    """Index name, tags and description at once, then the text of the head. GiveUp, with the reason, where it has none."""
    actor = Actor.system(job.workspace_id, "search")
    document_id = UUID(job.payload["document_id"])
    try:
        await _index(context, actor, document_id)
        await _read_text(context, actor, document_id)
    except documents.DocumentNotFound:
        log.info("search.gone", document=str(document_id))


async def _index(context: Any, actor: Actor, document_id: UUID) -> None:
    # Made outside of the write transaction: normalising a long text takes a second, and writers wait for each other.
    async with context.units.read(actor) as unit:
        tokens = await service.tokens_of(unit, document_id)
    await context.units.run(actor, lambda unit: service.put(unit, document_id, tokens))


async def _read_text(context: Any, actor: Actor, document_id: UUID) -> None:
    async with context.units.read(actor) as unit:
        content = await documents.visible_version(unit, document_id)
        known = await queries.text_of(unit, content.sha256)
    if known is not None or not content.size or not supports(content.media_type):
        return
    text = await _extract(context, content)
    await context.units.run(actor, lambda unit: service.keep_text(unit, content.sha256, text))
    await _index(context, actor, document_id)


async def _extract(context: Any, content: documents.Content) -> str:
    settings, memory = context.settings, context.settings.extract_memory_mib * MIB
    try:
        async with storage.on_disk(context.store, content.key) as path:
            return await extract_text(path, content.media_type, seconds=settings.extract_seconds, memory=memory)
    except ExtractionFailed as error:
        log.info("search.no_text", reason=error.reason, clue=error.clue)
        raise GiveUp(f"{error.reason}: {error}") from error


CONSUMERS = [Consumer("search.documents", TYPES, follow)]
JOBS = {"search.index": Handler(run_index)}
