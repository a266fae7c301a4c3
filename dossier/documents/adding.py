"""Documents come in: one, or a thousand in the same number of statements."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from dossier import folders, storage
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.prepared import insert_rows
from dossier.core.units import Unit
from dossier.core.web import Wire
from dossier.documents.models import Document, Version
from dossier.documents.versions import Row, Upload, advance, described, facts, get, version_row

MOST = 1000
"""Documents that one call takes: a Unit holds its locks, and a refusal undoes it all."""


@dataclass(frozen=True, slots=True)
class Addition:
    """A document to be: its bytes, its folder (the root without one), and its name where that is not the file's."""

    upload: Upload
    folder_id: UUID | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """What an addition leads to: the rows of a new document and its version, or one more version of what is there."""

    upload: Upload
    document_id: UUID
    rows: tuple[Row, Row] | None = None


async def add(
    unit: Unit, upload: Upload, folder_id: UUID | None, name: str | None = None, on_conflict: str = "error"
) -> Wire:
    """Make a document of received bytes, or with ``on_conflict="version"`` a new version of the one of that name.

    Raises FolderNotFound, NotAllowed, BadName, NameTaken (``rename`` finds a free name instead), DocumentLocked.
    """
    [document_id] = await add_many(unit, [Addition(upload, folder_id, name)], on_conflict)
    return await get(unit, document_id)


async def add_many(unit: Unit, additions: Sequence[Addition], on_conflict: str = "error") -> list[UUID]:
    """Add up to 1,000 documents, each as ``add`` would after those before it, with the same events; their ids.

    What is new takes the same few statements however many; an addition that becomes a version takes some of its own.
    Raises as ``add``, and Invalid for too many; then none of them is added.
    """
    if len(additions) > MOST:
        raise Invalid(f"At most {MOST} documents at once; these are {len(additions)}.")
    steps = await _steps(unit, additions, on_conflict) if additions else []
    if new := [(step.upload, *step.rows) for step in steps if step.rows]:
        uploads, rows, versions = zip(*new, strict=True)
        await insert_rows(unit, Document, rows)
        await storage.adopt(unit, *(upload.bytes for upload in uploads))
        await insert_rows(unit, Version, versions)
    for step in steps:
        if step.rows is None:
            await advance(unit, step.document_id, step.upload)
        else:
            row, version = step.rows
            where = {"folder_id": row["folder_id"], "name": row["name"]}
            unit.record("document.added", document_id=step.document_id, **where, **facts(version))
    return [step.document_id for step in steps]


async def _steps(unit: Unit, additions: Sequence[Addition], on_conflict: str) -> list[_Step]:
    """Judge the additions one after the other, and take the names of new documents."""
    wanted = list(zip(await _homes(unit, additions), map(_name, additions), strict=True))
    scopes = await folders.scopes_of(unit, {folder_id for folder_id, _ in wanted}, "editor")
    claims, steps, rename = folders.Claims(unit), list[_Step](), on_conflict == "rename"
    await claims.look(wanted, rename=rename)
    for each, (folder_id, name) in zip(additions, wanted, strict=True):
        taken = await claims.holder(folder_id, name) if on_conflict == "version" else None
        if taken and taken[0] == "document":
            steps.append(_Step(each.upload, taken[1]))
            continue
        id_ = new_id()
        name = await claims.take(folder_id, name, "document", id_, rename=rename)
        version = version_row(unit, id_, 1, described(each.upload))
        place = {"id": id_, "folder_id": folder_id, "scope_id": scopes[folder_id], "name": name}
        steps.append(_Step(each.upload, id_, (_document_row(unit, place, version), version)))
    await claims.keep(unit)
    return steps


async def _homes(unit: Unit, additions: Sequence[Addition]) -> list[UUID]:
    given = [each.folder_id for each in additions]
    root = (await folders.root(unit)).id if None in given else UUID(int=0)
    return [id_ or root for id_ in given]


def _name(addition: Addition) -> str:
    return folders.clean_name(addition.name) if addition.name else addition.upload.file_name


def _document_row(unit: Unit, place: Row, version: Row) -> Row:
    return place | {
        "workspace_id": unit.workspace_id,
        "name_key": folders.name_key(place["name"]),
        "description": "",
        "revision": 1,
        "head_number": version["number"],
        "media_type": version["media_type"],
        "author_id": version["author_id"],
        "open_tasks": 0,
        "created_by": unit.actor.member_id,
        "created_at": unit.now,
        "updated_at": unit.now,
        "trashed": False,
    }
