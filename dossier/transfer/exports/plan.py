"""Where each document goes in an export: decided for all of them in one snapshot, before the first byte is written.

A document that moves while the export runs is then neither missed nor written twice. Two trees have the same paths:
``documents/`` holds what people look for, ``details/`` what is known of it; the trash has a flat pair of its own.
"""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO
from uuid import UUID

import msgspec

from dossier import folders
from dossier.core.units import ReadUnit
from dossier.folders.models import Folder
from dossier.transfer.exports import queries

LIVING, TRASH = ("documents", "details"), ("trash", "trash details")
LONGEST_NAME = 240
"""Bytes of one name, so that a number fits behind it."""

LONGEST_PATH = 1500
"""Bytes of a path from which on its folder moves up to ``deep/``; file systems end at 4,096 with what comes before."""


class Spot(msgspec.Struct, array_like=True, frozen=True):
    """The two paths of a document: where its content and where its details lie. A folder has no id."""

    id: UUID | None
    content: str
    details: str


class Plan:
    """All spots in order, in a temporary file: a million documents take some 200 MB there and nothing in memory."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # __exit__ closes it
        self.documents = 0

    def __enter__(self) -> "Plan":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, id_: UUID | None, trees: tuple[str, str], path: str) -> None:
        """Put a spot at the end."""
        self.documents += id_ is not None
        self._file.write(msgspec.json.encode(Spot(id_, f"{trees[0]}/{path}", f"{trees[1]}/{path}")) + b"\n")

    def __iter__(self) -> Iterator[Spot]:
        self._file.seek(0)
        return map(msgspec.json.Decoder(Spot).decode, self._file)


@dataclass(slots=True)
class _Names:
    """The path of a folder, empty or with ``/`` at its end, and the names given in it."""

    path: str
    taken: folders.UniquePaths

    def claim(self, name: str, *, folder: bool = False) -> str:
        return self.path + self.taken.claim(_short(folders.portable_name(name)) + ("/" if folder else ""))


async def make(unit: ReadUnit, plan: Plan) -> None:
    """Decide on all paths."""
    names = _tree(await queries.folders(unit))
    for each in names.values():
        plan.add(None, LIVING, each.path)
    trash = _Names("", folders.UniquePaths())
    async for listed in queries.living(unit):
        if listed.folder_id in names:
            plan.add(listed.id, LIVING, names[listed.folder_id].claim(listed.name))
        else:
            plan.add(listed.id, TRASH, trash.claim(listed.name))
    async for listed in queries.trashed(unit):
        plan.add(listed.id, TRASH, trash.claim(listed.name))


def _tree(found: Sequence[Folder]) -> dict[UUID, _Names]:
    """The names of every living folder; the sub-folders have theirs already."""
    names: dict[UUID, _Names] = {}
    deep = _Names("deep/", folders.UniquePaths())
    for folder in found:
        if folder.parent_id is None:
            names[folder.id] = _Names("", folders.UniquePaths())
            names[folder.id].claim("deep", folder=True)
        elif folder.trashed_at is None and folder.parent_id in names:
            path = names[folder.parent_id].claim(folder.name, folder=True)
            if len(path.encode()) > LONGEST_PATH:
                path = deep.claim(folder.name, folder=True)
            names[folder.id] = _Names(path, folders.UniquePaths())
    return names


def _short(name: str) -> str:
    """At most ``LONGEST_NAME`` bytes of a name; its extension stays."""
    if len(name.encode()) <= LONGEST_NAME:
        return name
    stem, dot, extension = name.rpartition(".")
    suffix = dot + extension if stem and len(extension.encode()) <= 20 else ""
    kept = name.removesuffix(suffix).encode()[: LONGEST_NAME - len(suffix.encode())]
    return kept.decode(errors="ignore").rstrip(". ") + suffix
