"""The names in folders: which are taken and by what, and taking them; a few statements, however many names."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete, select, tuple_

from dossier.core.prepared import insert_rows
from dossier.core.units import ReadUnit, Unit
from dossier.folders import queries
from dossier.folders.errors import NameTaken
from dossier.folders.models import Name
from dossier.folders.names import name_key, numbered

Holder = tuple[str, UUID]
"""Who has a name: "folder" or "document", and its id."""
Place = tuple[UUID, bytes]
"""A folder and a ``name_key``."""

PLACES_A_STATEMENT, NUMBERS_AHEAD, LEAST_AHEAD = 500, 4, 8
NAMES: Any = Name.__table__


class Claims:
    """The names that one Unit asks for and takes. What was asked is remembered, and so is what was taken, which ``keep``
    writes down."""

    def __init__(self, unit: ReadUnit) -> None:
        self._unit = unit
        self._known: dict[Place, Holder | None] = {}
        self._numbers: dict[tuple[UUID, str], int] = {}
        self._rows: list[dict[str, Any]] = []

    async def look(self, wanted: Sequence[tuple[UUID, str]], *, rename: bool = False) -> None:
        """Ask for many names of documents at once, with ``rename`` also for the numbers that those taken or alike may need.
        It only saves statements: names that were not looked for are asked when they are wanted."""
        places = [(folder_id, name_key(name)) for folder_id, name in wanted]
        await self._ask(places)
        if not rename:
            return
        alike = Counter(places)
        crowded = {
            (folder_id, name): alike[place] + NUMBERS_AHEAD
            for (folder_id, name), place in zip(wanted, places, strict=True)
            if alike[place] > 1 or self._known[place]
        }
        await self._ask(
            (folder_id, name_key(numbered(name, n)))
            for (folder_id, name), end in crowded.items()
            for n in range(2, end)
        )

    async def holder(self, folder_id: UUID, name: str) -> Holder | None:
        """Who has the name in the folder."""
        place = (folder_id, name_key(name))
        if place not in self._known:
            await self._ask([place])
        return self._known[place]

    async def free(self, folder_id: UUID, name: str, kind: str = "document") -> str:
        """The first of "name", "name (2)", … that nobody has in the folder."""
        n, extension = self._numbers.get((folder_id, name), 1), kind == "document"
        candidate = name if n == 1 else numbered(name, n, extension)
        while await self.holder(folder_id, candidate):
            n += 1
            candidate = numbered(name, n, extension)
            if (folder_id, name_key(candidate)) not in self._known:
                ahead = range(n, n + max(n, LEAST_AHEAD))
                await self._ask((folder_id, name_key(numbered(name, each, extension))) for each in ahead)
        self._numbers[folder_id, name] = n
        return candidate

    async def take(self, folder_id: UUID, name: str, kind: str, node_id: UUID, *, rename: bool = False) -> str:
        """Take a name for a folder or document; the name taken, a free one with ``rename``.

        Raises NameTaken (``existing`` holds kind and id of what is there, where the actor may see it).
        """
        if taken := await self.holder(folder_id, name):
            if not rename:
                raise await self._refusal(*taken)
            name = await self.free(folder_id, name, kind)
        key = name_key(name)
        self._known[folder_id, key] = (kind, node_id)
        self._rows.append({"folder_id": folder_id, "name_key": key, "kind": kind, "node_id": node_id})
        return name

    async def keep(self, unit: Unit) -> None:
        """Write down what was taken. The folders have their rows."""
        # In one order for all, or two Units could wait for each other.
        rows, self._rows = sorted(self._rows, key=lambda row: (row["folder_id"], row["name_key"])), []
        await insert_rows(unit, Name, rows)

    async def _refusal(self, kind: str, node_id: UUID) -> NameTaken:
        if kind == "folder" and await queries.find(self._unit, node_id) is None:
            return NameTaken()
        return NameTaken(f"There is already a {kind} of that name.", existing={"kind": kind, "id": str(node_id)})

    async def _ask(self, places: Iterable[Place]) -> None:
        new = [place for place in dict.fromkeys(places) if place not in self._known]
        for start in range(0, len(new), PLACES_A_STATEMENT):
            some = new[start : start + PLACES_A_STATEMENT]
            self._known |= dict.fromkeys(some)
            for row in await self._unit.session.execute(_at(some)):
                self._known[row.folder_id, row.name_key] = (row.kind, row.node_id)


def _at(places: Sequence[Place]) -> Any:
    return select(NAMES).where(tuple_(NAMES.c.folder_id, NAMES.c.name_key).in_(places))


async def claim(unit: Unit, folder_id: UUID, name: str, kind: str, node_id: UUID, *, rename: bool = False) -> str:
    """Take one living name for a folder or document, as ``Claims.take`` does, and write it down."""
    claims = Claims(unit)
    name = await claims.take(folder_id, name, kind, node_id, rename=rename)
    await claims.keep(unit)
    return name


async def free_name(unit: ReadUnit, folder_id: UUID, name: str, kind: str = "document") -> str:
    """The first of "name", "name (2)", … that is free in the folder."""
    return await Claims(unit).free(folder_id, name, kind)


async def release(unit: Unit, *node_ids: UUID) -> None:
    """Free the names of folders or documents."""
    await unit.session.flush()
    for start in range(0, len(node_ids), 500):
        await unit.session.execute(delete(Name).where(Name.node_id.in_(node_ids[start : start + 500])))
