"""Builders of documents and tasks, in the world of the shared conftest."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from sqlalchemy import select

from dossier import documents, folders, storage, tasks
from dossier.core.events import EventRow
from dossier.core.units import ReadUnit, Unit
from dossier.folders.schemas import GrantIn
from dossier.tasks import Filters, NewTask, TaskChange

if TYPE_CHECKING:
    from tests.conftest import Someone, World

T = TypeVar("T")
PAGE_4 = {
    "type": "FragmentSelector",
    "conformsTo": "http://tools.ietf.org/rfc/rfc3778",
    "value": "page=4&viewrect=72,120.5,300,40",
}
QUOTE = {"type": "TextQuoteSelector", "exact": "twelve months", "prefix": "a term of ", "suffix": " from"}


class Desk:
    """Short words for what the tests do over and over."""

    def __init__(self, world: "World") -> None:
        self.world = world
        self.units = world.parts.units
        self.count = 0

    async def do(self, who: "Someone", verb: Callable[[Unit], Awaitable[T]]) -> T:
        """Run a verb in a Unit of this person."""
        return await self.units.run(who.actor, verb)

    async def see(self, who: "Someone", verb: Callable[[ReadUnit], Awaitable[T]]) -> T:
        """Ask in a ReadUnit of this person."""
        async with self.units.read(who.actor) as unit:
            return await verb(unit)

    # Documents

    async def document(self, folder_id: UUID | None = None, by: "Someone | None" = None) -> UUID:
        """A document with one version."""
        who = by or self.world.owner
        self.count += 1
        name = f"Lease {self.count}.txt"
        made = await self._upload(who, name, lambda unit, upload: documents.add(unit, upload, folder_id))
        return UUID(str(made["id"]))

    async def version(self, document_id: UUID, times: int = 1) -> int:
        """New versions of a document; the head's number."""
        number = 0
        for _ in range(times):
            self.count += 1
            made = await self._upload(
                self.world.owner, "Lease.txt", lambda unit, upload: documents.add_version(unit, document_id, upload)
            )
            number = made["version"]["number"]
        return number

    async def _upload(self, who: "Someone", name: str, verb: Callable[[Unit, Any], Awaitable[Any]]) -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            yield f"content {self.count}".encode()

        async with storage.received(self.world.parts.store, who.actor.workspace_id, chunks()) as bytes_:
            return await self.do(who, lambda unit: verb(unit, documents.Upload(bytes_, name)))

    async def open_tasks(self, document_id: UUID) -> int:
        """The document's own count."""
        shown = await self.see(self.world.owner, lambda unit: documents.get(unit, document_id))
        count: int = shown["open_tasks"]
        return count

    async def trash(self, document_id: UUID) -> None:
        """Put a document into the trash."""
        answer = await self.world.owner.client.delete(f"/api/v1/documents/{document_id}")
        assert answer.status_code == 204, answer.text

    async def folder(self, *only: "Someone", role: Any = "editor") -> UUID:
        """A folder that only these people and the owner see."""
        self.count += 1
        name = f"Folder {self.count}"
        made = await self.do(self.world.owner, lambda unit: folders.create(unit, name))
        folder_id = UUID(str(made["id"]))
        await self.restrict(folder_id, *only, role=role)
        return folder_id

    async def restrict(self, folder_id: UUID, *only: "Someone", role: Any = "editor") -> None:
        """Let only these people and the owner see a folder."""
        grants = [GrantIn(member_id=someone.member_id, role=role) for someone in only]
        await self.do(self.world.owner, lambda unit: folders.restrict(unit, folder_id, grants))

    # Tasks

    async def task(self, document_id: UUID, by: "Someone | None" = None, **fields: Any) -> Any:
        """A task."""
        new = NewTask.model_validate({"title": "Check clause 7", **fields})
        return await self.do(by or self.world.editor, lambda unit: tasks.create(unit, document_id, new))

    async def change(self, task: Any, by: "Someone | None" = None, if_match: str | None = None, **fields: Any) -> Any:
        """Change a task."""
        change = TaskChange.model_validate(fields)
        return await self.do(by or self.world.editor, lambda unit: tasks.update(unit, task["id"], change, if_match))

    async def titles(self, who: "Someone", **filters: Any) -> list[str]:
        """The titles of the tasks that somebody gets, in order, by pages of two."""
        found: list[str] = []
        after: str | None = None
        while True:
            items, after = await self.see(who, lambda unit: tasks.list_(unit, Filters(**filters), 2, after))  # noqa: B023
            assert len(items) <= 2
            found += [item["title"] for item in items]
            if after is None:
                return found

    async def events(self, task: Any) -> Sequence[EventRow]:
        """What the log has on a task."""
        query = select(EventRow).where(EventRow.task_id == task["id"]).order_by(EventRow.seq)

        async def ask(unit: ReadUnit) -> Sequence[EventRow]:
            return (await unit.session.execute(query)).scalars().all()

        return await self.see(self.world.owner, ask)
