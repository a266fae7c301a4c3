"""One document into an export: its contents first, then the ``document.json`` that names them.

Where that file is already what it would be now, and the contents are there in their sizes, nothing is touched: any change
of a document raises its revision, so an equal file was written after these very contents.
"""

import asyncio
import hashlib
import os
import re
from uuid import UUID

from dossier import storage
from dossier.core.errors import DossierError
from dossier.documents.models import Version
from dossier.storage import BlobStore
from dossier.transfer import shapes
from dossier.transfer.exports import describe
from dossier.transfer.exports.folder import Content, Destination
from dossier.transfer.exports.plan import Spot
from dossier.transfer.exports.queries import Whole
from dossier.transfer.progress import Quiet
from dossier.transfer.report import Report

FORMER = re.compile(r"v[0-9]+(?:\.\w{1,16})?")


class Writer:
    """Writes documents, counts them in ``report`` and remembers the paths that this export uses."""

    def __init__(self, destination: Destination, store: BlobStore, report: Report, progress: Quiet) -> None:
        self._destination, self._store, self._report, self._progress = destination, store, report, progress
        self._used: set[int] = set()

    def use(self, path: str) -> None:
        """Remember a path; as a number, for there may be millions."""
        self._used.add(hash(path))

    def uses(self, path: str) -> bool:
        """Whether this export uses the path."""
        return hash(path) in self._used

    async def write(self, whole: Whole, spot: Spot, emails: dict[UUID, str]) -> shapes.Entry:
        """Write a document, or leave it as it is; its line in the index. Raises OSError."""
        files = describe.contents(whole, spot)
        path = f"{spot.details}/{shapes.DETAILS}"
        for used in (path, *files.values()):
            self.use(used)
        data = shapes.encode(describe.document(whole, files, emails))
        if await asyncio.to_thread(self._is_there, path, data, whole, files):
            self._report.count("unchanged")
        else:
            lost = await self._contents(whole, files, spot)
            if lost:
                kept = {sha256: file for sha256, file in files.items() if sha256 not in lost}
                data = shapes.encode(describe.document(whole, kept, emails))
            await asyncio.to_thread(self._details, path, data)
            self._report.count("written")
        self._count(whole)
        return shapes.Entry(whole.document.id, path, hashlib.sha256(data).hexdigest())

    def _is_there(self, path: str, data: bytes, whole: Whole, files: dict[bytes, str]) -> bool:
        sizes = {version.sha256: version.size for version in whole.versions}
        return self._destination.read(path) == data and all(
            self._destination.size(file) == sizes[sha256] for sha256, file in files.items()
        )

    async def _contents(self, whole: Whole, files: dict[bytes, str], spot: Spot) -> set[bytes]:
        """Write the contents that are not there; the digests of those that are lost."""
        lost = set()
        for version in {version.sha256: version for version in whole.versions}.values():
            file = files[version.sha256]
            if not await asyncio.to_thread(self._has, file, version):
                try:
                    await self._content(version, whole.keys.get(version.sha256), file)
                except DossierError as error:
                    lost.add(version.sha256)
                    self._report.fail(f"{spot.content} (version {version.number})", error)
        return lost

    def _has(self, file: str, version: Version) -> bool:
        is_there = self._destination.size(file) == version.size
        return is_there and self._destination.sha256(file) == version.sha256

    async def _content(self, version: Version, key: str | None, file: str) -> None:
        if key is None:
            raise storage.BlobMissing
        chunks = self._store.open(key, 0, version.size)
        await Content(self._destination, file, version.sha256, version.created_at).write(chunks)
        self._report.count("bytes", version.size)

    def _details(self, path: str, data: bytes) -> None:
        self._destination.write(path, data)
        folder = path.removesuffix(shapes.DETAILS)
        for name in [each.name for each in (self._destination.root / folder).iterdir()]:
            if FORMER.fullmatch(name) and not self.uses(folder + name):
                self._destination.remove(folder + name)

    def _count(self, whole: Whole) -> None:
        self._report.count("documents")
        self._report.count("versions", len(whole.versions))
        self._report.count("tasks", len(whole.tasks))
        self._progress.done()
        self._progress.moved(sum(version.size for version in whole.versions))


def sweep(writer: Writer, destination: Destination, trees: tuple[tuple[str, str], ...]) -> int:
    """Remove what an earlier export wrote for documents that have moved or gone, and folders left empty; how many.

    Only what an export writes is removed: anything that people have put beside it stays. Blocks.
    """
    removed = 0
    for contents, details in trees:
        for path, _folders, names in os.walk(destination.root / details, topdown=False):
            folder = os.path.relpath(path, destination.root)
            if shapes.DETAILS in names and not writer.uses(f"{folder}/{shapes.DETAILS}"):
                removed += _remove(writer, destination, folder, names, contents + folder.removeprefix(details))
        for tree in (contents, details):
            _prune(writer, destination, tree)
    return removed


def _remove(writer: Writer, destination: Destination, folder: str, names: list[str], content: str) -> bool:
    stale = [content, *(f"{folder}/{name}" for name in names if FORMER.fullmatch(name)), f"{folder}/{shapes.DETAILS}"]
    for path in stale:
        if not writer.uses(path) and not (destination.root / path).is_dir():
            destination.remove(path)
    return True


def _prune(writer: Writer, destination: Destination, tree: str) -> None:
    for path, _folders, _names in os.walk(destination.root / tree, topdown=False):
        folder = os.path.relpath(path, destination.root)
        if not writer.uses(folder) and not any((destination.root / folder).iterdir()):
            (destination.root / folder).rmdir()
