"""What goes into an archive: collected first, in one snapshot, so that no connection is held while the bytes stream."""

import zlib
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from dossier import documents, folders, storage
from dossier.core.actor import Actor
from dossier.core.errors import NotFound
from dossier.core.log import log
from dossier.core.units import ReadUnit, Units
from dossier.downloads import queries
from dossier.downloads.archive import Directory, Member, zip_stream
from dossier.storage import BlobStore

PAGE = 1000
Tree = dict[UUID, queries.Place]


_DECODER = msgspec.msgpack.Decoder(list[Member])


class Plan:
    """The members of an archive in order, packed: about 70 bytes for a document, so 100,000 of them are 7 MB."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._last: list[Member] = []
        self._measure: Directory | None = Directory(keep=False)

    def add(self, member: Member) -> None:
        """Put a member at the end. Raises ValueError for a path that no archive takes."""
        if not member.known:
            self._measure = None
        if self._measure is not None:
            self._measure.begin(member)
            self._measure.end(member, 0, member.size)
        self._last.append(member)
        if len(self._last) == PAGE:
            # Neighbours have most of their paths and keys in common.
            self._packed.append(zlib.compress(msgspec.msgpack.encode(self._last), 1))
            self._last = []

    @property
    def length(self) -> int | None:
        """How many bytes the archive will have; None where nobody knows the CRC-32 of one member."""
        return None if self._measure is None else self._measure.length

    def __iter__(self) -> Iterator[Member]:
        for page in self._packed:
            yield from _DECODER.decode(zlib.decompress(page))
        yield from self._last


@dataclass(slots=True)
class _Folder:
    """A folder of the archive: its path, empty or with ``/`` at the end, and the names given in it."""

    path: str = ""
    names: folders.UniquePaths = field(default_factory=folders.UniquePaths)

    def file(self, name: str) -> str:
        """The path of a new file: a name that every file system takes and nothing else has here."""
        return self.path + self.names.claim(folders.portable_name(name))

    def folder(self, name: str) -> "_Folder":
        """A new folder inside, named likewise."""
        return _Folder(self.path + self.names.claim(folders.portable_name(name) + "/"))


async def plan(unit: ReadUnit, document_ids: Sequence[UUID], folder_ids: Sequence[UUID]) -> Plan:
    """The archive of these documents and folders as the actor may see them now; stream it after the unit has ended.

    Each folder lies under its own name with all of its tree that the actor may see; what lies in a chosen folder is not
    repeated at the top. Raises DocumentNotFound and FolderNotFound, whose ``missing`` says which, and BlobMissing.
    """
    made, top, places = Plan(), _Folder(), dict[UUID, _Folder]()
    for tree in await _trees(unit, folder_ids):
        _add_folders(made, top, places, tree)
    async for content in queries.contents(unit, list(places)):
        made.add(_member(places[content[0].folder_id], content))
    loose = [row for row in await _heads(unit, document_ids) if row.folder_id not in places]
    for content in await queries.located(unit, loose):
        made.add(_member(top, content))
    return made


def _member(place: _Folder, content: queries.Content) -> Member:
    row, key, crc32 = content
    sha256 = row.sha256 if crc32 is None else b""
    return Member(place.file(row.name), row.created_at, row.size, key, crc32, sha256)


def _add_folders(made: Plan, top: _Folder, places: dict[UUID, _Folder], tree: Tree) -> None:
    for place in tree.values():
        parent = places[place.parent_id] if place.parent_id in tree else top
        places[place.id] = parent.folder(place.name)
        made.add(Member(places[place.id].path, place.updated_at))


async def _trees(unit: ReadUnit, folder_ids: Sequence[UUID]) -> list[Tree]:
    """The trees of the chosen folders, without those that lie in another one."""
    trees: dict[UUID, Tree] = {}
    missing: list[UUID] = []
    for id_ in dict.fromkeys(folder_ids):
        if any(id_ in tree for tree in trees.values()):
            continue
        tree = await queries.tree(unit, id_)
        if not tree:
            missing.append(id_)
        trees = {top: kept for top, kept in trees.items() if top not in tree} | {id_: tree}
    _refuse(folders.FolderNotFound, missing)
    return list(trees.values())


async def check(unit: ReadUnit, document_ids: Sequence[UUID], folder_ids: Sequence[UUID]) -> str:
    """The file name for an archive of these. Raises DocumentNotFound and FolderNotFound as ``plan`` does."""
    found = {id_: await folders.find(unit, id_) for id_ in folder_ids}
    _refuse(folders.FolderNotFound, [id_ for id_, folder in found.items() if folder is None])
    await _heads(unit, document_ids)
    names = [folder.name for folder in found.values() if folder is not None]
    alone = len(names) == 1 and not document_ids
    return folders.portable_name(f"{names[0]}.zip") if alone else f"documents-{unit.now:%Y-%m-%d}.zip"


async def _heads(unit: ReadUnit, document_ids: Sequence[UUID]) -> list[Row[Any]]:
    rows = {row.id: row for row in await documents.heads_of(unit, document_ids)}
    _refuse(documents.DocumentNotFound, [id_ for id_ in document_ids if id_ not in rows])
    return [rows[id_] for id_ in dict.fromkeys(document_ids)]


def _refuse(kind: type[NotFound], missing: Sequence[UUID]) -> None:
    if missing:
        raise kind(f"{kind.title}: {', '.join(map(str, missing))}", missing=missing)


async def stream(store: BlobStore, units: Units, actor: Actor, made: Plan) -> AsyncGenerator[bytes, None]:
    """The archive's bytes. A blob that is missing or of another size ends it with an error before it is a valid zip.

    The CRC-32 of what had none is kept, so that the next archive has it beforehand.
    """
    learnt: dict[bytes, int] = {}

    async def told(member: Member, crc32: int) -> None:
        learnt[member.sha256] = crc32
        if len(learnt) >= PAGE:
            await keep()

    async def keep() -> None:
        try:
            await units.run(actor, lambda unit: storage.note(unit, learnt))
        except Exception as error:  # whatever it is: the next archive is slower, and no more than that
            log.warning("downloads.not_noted", reason=type(error).__name__)
        learnt.clear()

    async with aclosing(zip_stream(store, made, told)) as chunks:
        async for chunk in chunks:
            yield chunk
    if learnt:
        await keep()
