"""What an upload is to become: whether that can end well, whether the sender still may, and the end itself."""

from uuid import UUID

from dossier import documents, folders, storage
from dossier.core.errors import DossierError
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.uploads.metadata import names_of
from dossier.uploads.models import Upload


async def check_right(unit: ReadUnit, upload: Upload) -> None:
    """Refuse (404, 403) a sender who has lost the right on document or folder; what else stands against the end, the end
    tells, when the bytes are here."""
    if upload.document_id is not None:
        await documents.require(unit, upload.document_id, "editor", trashed=True)
    elif upload.folder_id is not None:
        await folders.require(unit, upload.folder_id, "editor", trashed=True)


async def check(unit: ReadUnit, upload: Upload) -> None:
    """Refuse now what would be refused at the end. Raises as ``make``."""
    if upload.document_id is not None:
        await documents.check_writable(unit, upload.document_id, upload.if_match)
        return
    await documents.check_addable(unit, upload.folder_id)
    folder_id = await _deepest(unit, upload.folder_id or (await folders.root(unit)).id, names_of(upload.path))
    taken = await folders.named(unit, folder_id, folders.name_key(upload.name)) if folder_id else None
    if taken and taken[0] == "document" and upload.on_conflict == "version":
        await documents.check_writable(unit, taken[1])
    elif taken and upload.on_conflict != "rename":
        raise await _name_taken(unit, *taken)


async def _deepest(unit: ReadUnit, folder_id: UUID, names: list[str]) -> UUID | None:
    """The folder of a path, where it is there and open to the actor; None where it will be made."""
    for name in names:
        found = await folders.named(unit, folder_id, folders.name_key(name))
        if found is None:
            return None
        if found[0] != "folder":
            raise await _name_taken(unit, *found)
        folder_id = found[1]
        await folders.require(unit, folder_id, "editor")
    return folder_id


async def settle(unit: ReadUnit, upload: Upload) -> None:
    """Aim at the deepest folder of the path that is there and open to the sender, so that it is seen where it will lie."""
    names = names_of(upload.path)
    while names and upload.folder_id is not None:
        found = await folders.named(unit, upload.folder_id, folders.name_key(names[0]))
        if found is None or found[0] != "folder":
            break
        try:
            await folders.require(unit, found[1], "editor")
        except DossierError:
            break
        upload.folder_id = found[1]
        del names[0]
    upload.path = "/".join(names)


async def announce(unit: Unit, upload: Upload) -> None:
    """Tell all who see the place what is about to be there."""
    told: Wire = {"upload_id": str(upload.id), "name": upload.name, "path": upload.path, "size": upload.size}
    folder_id = upload.folder_id
    if upload.document_id is not None:
        folder_id = (await documents.briefs(unit, [upload.document_id]))[upload.document_id]["folder_id"]
    unit.record("upload.hashing", document_id=upload.document_id, folder_id=folder_id, **told)


async def _name_taken(unit: ReadUnit, kind: str, node_id: UUID) -> folders.NameTaken:
    if kind == "folder" and await folders.find(unit, node_id) is None:
        return folders.NameTaken()
    return folders.NameTaken(f"There is already a {kind} of that name.", existing={"kind": kind, "id": str(node_id)})


async def make(unit: Unit, upload: Upload, bytes_: storage.Received) -> Wire:
    """The document that the bytes have become, by the verbs that every document comes by; folders are made as needed.

    Raises what ``documents.add``, ``add_version`` and ``folders.create`` raise.
    """
    content = documents.Upload(bytes_, upload.name, upload.comment)
    if upload.document_id is not None:
        return await documents.add_version(unit, upload.document_id, content, upload.if_match)
    folder_id = upload.folder_id
    for name in names_of(upload.path):
        folder_id = (await folders.create(unit, name, folder_id, exist_ok=True))["id"]
    return await documents.add(unit, content, folder_id, on_conflict=upload.on_conflict)
