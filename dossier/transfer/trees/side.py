"""Where a tree goes to, as the walk sees it: the database and store of this program, or a Dossier elsewhere."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID

from dossier.core.errors import DossierError
from dossier.transfer.trees.batch import Item
from dossier.transfer.trees.slots import Place

Names = dict[Path, str]


class Side(Protocol):
    """Whatever ends the whole run is raised by any of these; what concerns one file or folder is reported or answered."""

    async def target(self, names: Sequence[str]) -> UUID:
        """The folder with this path below the root, made where it is not there."""
        ...

    async def places(self, folder_id: UUID) -> Mapping[bytes, Place]:
        """What lies directly in a folder by ``name_key``; documents with their heads' digests."""
        ...

    async def make(self, new: Names, parent_id: UUID) -> dict[Path, UUID | DossierError]:
        """Make a folder for each; their ids, or why not."""
        ...

    async def put(self, item: Item) -> None:
        """Take a file whose content is not that of its place; it may come later."""
        ...

    async def finish(self) -> None:
        """Bring what was put."""
        ...
