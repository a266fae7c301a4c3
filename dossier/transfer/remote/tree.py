"""A local tree to a Dossier elsewhere: the same walk as beside the database, with another side."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID, uuid4

from dossier import folders
from dossier.core.errors import DossierError, StorageFull, Unauthenticated
from dossier.transfer.errors import ServerAway, ServerRefused, ServerUnfit
from dossier.transfer.progress import Quiet
from dossier.transfer.remote.sending import Goal, Sender
from dossier.transfer.remote.server import Address, Server, connected
from dossier.transfer.trees.batch import Item
from dossier.transfer.trees.intake import Walk
from dossier.transfer.trees.report import TreeReport
from dossier.transfer.trees.side import Names
from dossier.transfer.trees.slots import Place

OnConflict = Literal["error", "version", "rename"]
AT_ONCE: Final = 4
FATAL: Final = (ServerAway, ServerUnfit, StorageFull, Unauthenticated)
"""What every other request would meet too: the run ends, and can be started again."""


async def send_tree(
    address: Address,
    path: Path,
    folder: Sequence[str] = (),
    on_conflict: OnConflict = "error",
    progress: Quiet | None = None,
) -> TreeReport:
    """Bring a file, or all that lies in a folder, into the folder ``folder`` (a path of names) of a Dossier elsewhere.

    What is there already is left alone. Where other content has the name, that is reported (``error``), or it becomes a
    new version, or gets another name (``rename``). What cannot be read and what the server refuses is in the report, and the
    run goes on. Started again after any end, it goes on where it was.

    Raises Invalid and PathUnfit; NotAllowed, BadName and ServerRefused for ``folder``; and ServerAway, ServerUnfit,
    Unauthenticated and StorageFull at any moment.
    """
    report, progress = TreeReport(), progress or Quiet()
    async with connected(address) as server:
        try:
            async with asyncio.TaskGroup() as group:
                side = _There(server, group, report, progress, on_conflict)
                await Walk(side, report, progress, apart=on_conflict == "rename").run(path, folder)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed
    return report


class _There:
    """A Dossier elsewhere. Some files are on their way at a time, whatever folders they lie in."""

    def __init__(
        self, server: Server, group: asyncio.TaskGroup, report: TreeReport, progress: Quiet, on_conflict: OnConflict
    ) -> None:
        self._server, self._group, self._report, self._progress = server, group, report, progress
        self._on_conflict = on_conflict
        self._sender = Sender(server, progress)
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._hollow = set[UUID]()

    async def target(self, names: Sequence[str]) -> UUID:
        await self._sender.look()
        tops = await self._server.items("/folders", top="true")
        found = next((top for top in tops if top["parent_id"] is None and not top["restricted"]), None)
        if found is None:
            raise ServerUnfit("The server shows no root folder.")
        folder_id = UUID(found["id"])
        for name in map(folders.clean_name, names):
            places = await self._folders(folder_id)
            place = places.get(folders.name_key(name))
            folder_id = place.id if place else await self._made(name, folder_id)
        return folder_id

    async def places(self, folder_id: UUID) -> Mapping[bytes, Place]:
        if folder_id in self._hollow:
            return {}
        asked = self._server.items("/documents", folder_id=str(folder_id), sort="name")
        there: dict[bytes, Place]
        there, documents = await asyncio.gather(self._folders(folder_id), asked)
        return there | {folders.name_key(each["name"]): _document(each) for each in documents}

    async def _folders(self, parent_id: UUID) -> dict[bytes, Place]:
        found = await self._server.items("/folders", parent_id=str(parent_id))
        return {folders.name_key(each["name"]): Place("folder", UUID(each["id"]), each["name"]) for each in found}

    async def make(self, new: Names, parent_id: UUID) -> dict[Path, UUID | DossierError]:
        made: dict[Path, UUID | DossierError] = {}
        for path, name in new.items():
            try:
                made[path] = await self._made(name, parent_id)
            except ServerRefused as refused:
                made[path] = refused
        return made

    async def _made(self, name: str, parent_id: UUID) -> UUID:
        told = {"name": name, "parent_id": str(parent_id)}
        answer = await self._server.ask("POST", "/folders", {"Idempotency-Key": str(uuid4())}, told=told)
        folder_id = UUID(answer.told["id"])
        self._hollow.add(folder_id)
        return folder_id

    async def put(self, item: Item) -> None:
        place = item.slot.place
        if place is not None and self._on_conflict != "version":
            said = f"Another content is there as {place.name}; --on-conflict says what is to become of this one."
            self._report.fail(item.file.path, folders.NameTaken(said))
            self._pass_over(item)
            return
        goal = Goal(item.name, document_id=place.id) if place else Goal(item.slot.name, folder_id=item.folder_id)
        await self._gate.acquire()
        self._group.create_task(self._send(item, goal))

    def _pass_over(self, item: Item) -> None:
        self._progress.moved(item.file.size)
        self._progress.done()

    async def _send(self, item: Item, goal: Goal) -> None:
        try:
            is_new = await self._sender.send(item.file.path, goal)
        except FATAL:
            raise
        except (OSError, DossierError) as error:
            self._report.fail(item.file.path, error)
            self._pass_over(item)
            return
        finally:
            self._gate.release()
        if not is_new:
            self._report.unchanged += 1
            self._progress.moved(item.file.size)
        elif goal.document_id:
            self._report.versions += 1
        else:
            self._report.added += 1
        self._progress.done()

    async def finish(self) -> None:
        """The end of the task group waits for what is on its way."""


def _document(told: dict[str, Any]) -> Place:
    version = told["version"]
    return Place("document", UUID(told["id"]), told["name"], bytes.fromhex(version["sha256"]), version["size"])
