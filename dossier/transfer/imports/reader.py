"""An export being read: nothing is believed that does not have the digest that the level above says.

``export.json`` → the three lists → each ``document.json`` → each content. Paths never lead out of the folder.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TypeVar

import msgspec

from dossier.transfer import shapes
from dossier.transfer.errors import ContentDamaged, ExportUnfit
from dossier.transfer.exports.folder import refusing, what_lies_in

T = TypeVar("T")


def is_export(path: Path) -> bool:
    """Whether a folder is an export, whole or cut off. Raises PathUnfit, and ExportUnfit for a newer format."""
    with refusing(path):
        return what_lies_in(path) is not None


class Reader:
    """A whole export. Every method blocks, and raises ExportUnfit, or PathUnfit for what cannot be read."""

    def __init__(self, root: Path) -> None:
        with refusing(root):
            self._root = root.resolve(strict=True)
            manifest = what_lies_in(self._root)
        if not isinstance(manifest, shapes.Manifest):
            raise ExportUnfit("The export was cut off; let `dossier export` finish it.")
        self.manifest = manifest

    def people(self) -> shapes.People:
        """Members and groups."""
        return _decode(self._list(shapes.PEOPLE), shapes.People, shapes.PEOPLE)

    def folders(self) -> list[shapes.Folder]:
        """All folders, parents first."""
        lines = self._list(shapes.FOLDERS).splitlines()
        return [_decode(line, shapes.Folder, shapes.FOLDERS) for line in lines]

    def entries(self) -> Iterator[shapes.Entry]:
        """Where each document is told of."""
        self._check(shapes.INDEX)
        with refusing(self._root), self.path(shapes.INDEX).open("rb") as lines:
            for line in lines:
                yield _decode(line, shapes.Entry, shapes.INDEX)

    def document(self, entry: shapes.Entry) -> shapes.Document:
        """A document with its versions and tasks. Raises ContentDamaged where the index says otherwise."""
        with refusing(self._root):
            data = self.path(entry.details).read_bytes()
        if hashlib.sha256(data).hexdigest() != entry.sha256:
            raise ContentDamaged(f"{entry.details} is not what the export wrote.")
        return _decode(data, shapes.Document, entry.details)

    def path(self, file: str) -> Path:
        """Where a file of the export lies."""
        parts = PurePosixPath(file).parts
        path = self._root.joinpath(*parts)
        if not parts or ".." in parts or not path.resolve().is_relative_to(self._root):
            raise ExportUnfit(f"The export names a path outside of itself: {file!r}.")
        return path

    def _list(self, file: str) -> bytes:
        self._check(file)
        with refusing(self._root):
            return self.path(file).read_bytes()

    def _check(self, file: str) -> None:
        with refusing(self._root), self.path(file).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        if self.manifest.files.get(file) != digest:
            raise ExportUnfit(f"{file} is not what the export wrote.")


def _decode(data: bytes, kind: type[T], file: str) -> T:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise ExportUnfit(f"{file}: {error}") from error
