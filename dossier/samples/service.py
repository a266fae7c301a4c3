"""The verbs on samples: make them, remove them, say whether there are any. All by the verbs of the rooms below."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from dossier import documents, folders, storage, tasks
from dossier.core.actor import NotAllowed
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.documents.schemas import DocumentChange
from dossier.samples import queries
from dossier.samples.models import Sample
from dossier.samples.shapes import Paper, Plan, Spot
from dossier.storage import BlobStore
from dossier.tasks.schemas import RFC3778, FragmentSelector, TextQuoteSelector

FOLDER = "Samples"


@dataclass(frozen=True, slots=True)
class Ready:
    """A sample whose bytes are durable: an upload per version."""

    paper: Paper
    uploads: Sequence[documents.Upload]


async def present(unit: ReadUnit) -> bool:
    """Whether the actor sees sample documents, living ones."""
    return await queries.any_visible(unit)


async def check(unit: ReadUnit, folder_id: UUID | None) -> None:
    """Before bytes are made: refuse who may not make them. Raises as ``make``."""
    await folders.require(unit, folder_id or (await folders.root(unit)).id, "editor")


@asynccontextmanager
async def prepared(store: BlobStore, workspace_id: UUID) -> AsyncIterator[list[Ready]]:
    """Write all sample files and store them; bytes that the caller's Unit did not adopt are gone after."""
    papers = await asyncio.to_thread(_write)
    async with AsyncExitStack() as stack:
        ready = []
        for paper in papers:
            uploads = []
            for edition in paper.editions:
                received = storage.received(store, workspace_id, _whole(edition.content))
                uploads.append(documents.Upload(await stack.enter_async_context(received), paper.name, edition.comment))
            ready.append(Ready(paper, uploads))
        yield ready


def _write() -> list[Paper]:
    from dossier.samples import kit  # the writers take half a second to load, and nearly nobody needs them

    return kit.make()


async def _whole(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def make(unit: Unit, ready: Sequence[Ready], folder_id: UUID | None) -> Wire:
    """Make a folder of sample documents below this one, or the root; {folder_id}. Raises FolderNotFound, NotAllowed."""
    parent = await folders.require(unit, folder_id or (await folders.root(unit)).id, "editor", lock=True)
    name = await folders.free_name(unit, parent.id, FOLDER, "folder")
    made = await folders.create(unit, name, parent.id)
    for each in ready:
        document_id = await _add(unit, each, made["id"])
        unit.session.add(Sample(document_id=document_id, workspace_id=unit.workspace_id, folder_id=made["id"]))
        for plan in each.paper.tasks:
            await _task(unit, document_id, plan)
    await unit.session.flush()
    return {"folder_id": made["id"]}


async def _add(unit: Unit, each: Ready, folder_id: UUID) -> UUID:
    first, *later = each.uploads
    document_id: UUID = (await documents.add(unit, first, folder_id))["id"]
    for upload in later:
        await documents.add_version(unit, document_id, upload)
    change = DocumentChange(description=each.paper.description, tags=list(each.paper.tags))
    await documents.update(unit, document_id, change)
    return document_id


async def _task(unit: Unit, document_id: UUID, plan: Plan) -> None:
    new = tasks.NewTask(
        title=plan.title,
        details=plan.details,
        priority=plan.priority,
        version=plan.version,
        assignee_id=unit.actor.member_id if plan.mine else None,
        due_at=None if plan.days is None else _afternoon(unit, plan.days),
        target=_target(plan.spot, plan.quote),
    )
    task = await tasks.create(unit, document_id, new)
    for body in plan.said:
        await tasks.add_comment(unit, task["id"], body)
    if plan.status != "open":
        await tasks.update(unit, task["id"], tasks.TaskChange(status=plan.status))


def _afternoon(unit: Unit, days: int) -> datetime:
    return unit.now.replace(hour=16, minute=0, second=0, microsecond=0) + timedelta(days=days)


def _target(spot: Spot | None, quote: str) -> FragmentSelector | TextQuoteSelector | None:
    quoted = TextQuoteSelector(type="TextQuoteSelector", exact=quote) if quote else None
    if spot is None:
        return quoted
    value = f"page={spot.page}&viewrect={spot.left:g},{spot.top:g},{spot.width:g},{spot.height:g}"
    place = {"type": "FragmentSelector", "conformsTo": RFC3778, "value": value, "refinedBy": quoted}
    return FragmentSelector.model_validate(place)


async def remove(unit: Unit) -> None:
    """End all sample documents that the actor may edit, at once, wherever they lie now, and their folders where nothing
    else is in them. What others have put there stays, and its folder with it. Raises NotAllowed; nothing to do is fine."""
    unit.actor.require("editor")
    found = [sample for sample in await queries.all_(unit) if await _may_end(unit, sample.document_id)]
    places = {sample.folder_id for sample in found}
    await documents.discard(unit, [sample.document_id for sample in found])
    for folder_id in sorted(places):
        await _remove_folder(unit, folder_id)


async def _may_end(unit: Unit, document_id: UUID) -> bool:
    try:
        await documents.require(unit, document_id, "editor", trashed=True)
    except (documents.DocumentNotFound, NotAllowed):
        return False
    return True


async def _remove_folder(unit: Unit, folder_id: UUID) -> None:
    folder = await folders.find(unit, folder_id)
    if folder is None or folder.parent_id is None:
        return
    below = await folders.subtree(unit, folder_id)
    if len(below) == 1 and not await documents.in_folders(unit, [folder_id]):
        await folders.require_role(unit, folder.scope_id, "editor")
        await folders.bury(unit, folder_id)
