"""The books of one link on the database: what the engine asks for (``sync.books.Books``), each a Unit of its own.

What happens here is done by the verbs of the documents and folders, as the link: the events say so, and the next look finds
both sides agreed. So nothing has to remember which change came from where.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from uuid import UUID

from sqlalchemy import delete

from dossier import documents, folders, tasks
from dossier.connectors import OldVersion
from dossier.core.units import Unit
from dossier.links import items
from dossier.links.agreements import Agreements
from dossier.links.models import LinkItemRow, LinkRow
from dossier.links.notes import Got, got
from dossier.links.sync.books import Earlier, Received, Stale, View
from dossier.links.sync.planner import Base

_LONGEST_AUTHOR = 200
#: Bytes of theirs, and what is said there of them where they are not the newest.
_Theirs = tuple[Got, OldVersion | None]


class Ledger(Agreements):
    """One link's books: what is known, and what is done here."""

    async def create_ours(self, view: View, received: Received | None) -> None:
        """Make it, bring the folder back, or become one with what is there already."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            folder_id = await self._node(unit, link, row.their_parent)
            name = fit(row.their_name)
            taken = await folders.named(unit, folder_id, folders.name_key(name))
            other = (await items.by_nodes(unit, link, [taken[1]])).get(taken[1]) if taken else None
            revivable = row.folder and row.node_id is not None
            if taken and other and other.folder == row.folder and not other.there and not revivable:
                return await self._take_over(unit, link, other, row)
            if row.folder:
                await self._make_folder(unit, link, row, folder_id, name)
            else:
                await self._make_document(unit, link, row, folder_id, name, _in_order(received))
            return None

        await self._do(verb)

    async def _make_folder(self, unit: Unit, link: LinkRow, row: LinkItemRow, folder_id: UUID, name: str) -> None:
        if row.node_id is not None and await folders.find(unit, row.node_id, trashed=True) is not None:
            if await folders.find(unit, row.node_id) is None:
                await folders.revive(unit, row.node_id)
            made = await folders.get(unit, row.node_id)
            if made["parent_id"] != folder_id:
                free = await folders.free_name(unit, folder_id, made["name"], "folder")
                change = folders.FolderChange(name=free, parent_id=folder_id)
                made = await folders.update(unit, row.node_id, change)
        else:
            free = await folders.free_name(unit, folder_id, name, "folder")
            made = await folders.create(unit, free, folder_id)
            row.node_id = made["id"]
        items.put_base(row, Base(row.their_parent, made["name"], row.their_name))
        await items.agreed(unit, link, row)

    async def _make_document(
        self, unit: Unit, link: LinkRow, row: LinkItemRow, folder_id: UUID, name: str, versions: Sequence[_Theirs]
    ) -> None:
        made = await documents.add(unit, _upload(link, name, *versions[0]), folder_id, name, on_conflict="rename")
        row.node_id = made["id"]
        number = await self._append(unit, link, made["id"], versions[1:]) if versions[1:] else 1
        digest = versions[-1][0].digest
        items.put_base(row, Base(row.their_parent, made["name"], row.their_name, digest, number, row.their_tag))
        await items.agreed(unit, link, row)

    async def pull(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """One version more, or as many as they made."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, base = await self._checked(unit, link, view), view.base
            if row.node_id is None or base is None:
                raise Stale
            made = await self._append(unit, link, row.node_id, _in_order(received, before))
            items.put_base(row, replace(base, digest=received.digest, number=made, tag=row.their_tag))
            await items.agreed(unit, link, row)

        await self._do(verb)

    async def _append(
        self,
        unit: Unit,
        link: LinkRow,
        document_id: UUID,
        versions: Sequence[_Theirs],
        branched_from: int | None = None,
    ) -> int:
        """Their bytes as versions; the number of the last."""
        made = await documents.get(unit, document_id)
        for each in versions:
            upload = _upload(link, made["name"], *each)
            made = await documents.add_version(unit, document_id, upload, branched_from=branched_from)
        number: int = made["version"]["number"]
        return number

    async def branch(self, view: View, received: Received, before: Sequence[Earlier] = (), *, conflict: bool) -> None:
        """Theirs, ours above it again, and a task for a person."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, ours = await self._checked(unit, link, view), view.ours
            if row.node_id is None or ours is None:
                raise Stale
            base = view.base or Base(row.their_parent, ours.place.name, row.their_name)
            theirs = _in_order(received, before)
            number = await self._append(unit, link, row.node_id, theirs, base.number or None)
            kept = await documents.restore_version(unit, row.node_id, ours.number, "Kept above what came from the link")
            items.put_base(row, replace(base, digest=received.digest, number=number, tag=row.their_tag))
            if conflict:
                await self._ask(unit, link, row, number, kept["version"]["number"])
            await items.agreed(unit, link, row)

        await self._do(verb)

    async def _ask(self, unit: Unit, link: LinkRow, row: LinkItemRow, theirs: int, ours: int) -> None:
        row.conflict = True
        if row.node_id is None:
            return
        if row.task_id is None:
            title = f"Choose between version {ours} and version {theirs}"
            details = (
                f"This document was changed here and in {link.name} at the same time. Version {theirs} is theirs, "
                f"version {ours} is ours and the newest. To keep ours, close this task. To keep theirs, restore version "
                f"{theirs} and close this task. Until then nothing is replaced there."
            )
            task = await tasks.create(unit, row.node_id, tasks.NewTask(title=title, details=details))
            row.task_id = task["id"]
        unit.record(
            "link.conflict", document_id=row.node_id, link_id=str(link.id), name=link.name, theirs=theirs, ours=ours
        )

    async def revive(self, view: View, received: Received, before: Sequence[Earlier] = ()) -> None:
        """Back with theirs as the newest version, or made anew."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            folder_id, name = await self._node(unit, link, row.their_parent), fit(row.their_name)
            theirs = _in_order(received, before)
            if row.node_id is None or not await documents.in_trash(unit, row.node_id):
                return await self._make_document(unit, link, row, folder_id, name, theirs)
            back = await documents.restore_document(unit, row.node_id, folder_id, rename=True)
            number = await self._append(unit, link, row.node_id, theirs)
            base = Base(row.their_parent, back["name"], row.their_name, received.digest, number, row.their_tag)
            items.put_base(row, base)
            await items.agreed(unit, link, row)
            return None

        await self._do(verb)

    async def move_ours(self, view: View) -> None:
        """To where theirs is."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row, base, ours = await self._checked(unit, link, view), view.base, view.ours
            if row.node_id is None or base is None or ours is None:
                raise Stale
            folder_id = await self._node(unit, link, row.their_parent)
            wanted = ours.place.name if row.their_name == base.their_name else fit(row.their_name)
            name = await _free(unit, folder_id, wanted, row)
            if row.folder:
                await folders.update(unit, row.node_id, folders.FolderChange(name=name, parent_id=folder_id))
            else:
                change = documents.DocumentChange(name=name, folder_id=folder_id)
                await documents.update(unit, row.node_id, change)
            items.put_base(row, replace(base, parent=row.their_parent, our_name=name, their_name=row.their_name))
            await items.agreed(unit, link, row)

        await self._do(verb)

    async def trash_ours(self, view: View) -> None:
        """Into the trash, and off the books."""

        async def verb(unit: Unit, link: LinkRow) -> None:
            row = await self._checked(unit, link, view)
            if row.node_id is None:
                raise Stale
            if row.folder:
                await documents.trash_folder(unit, row.node_id)
            else:
                await documents.trash_document(unit, row.node_id)
            await unit.session.execute(delete(LinkItemRow).where(LinkItemRow.id == row.id))

        await self._do(verb)


def _in_order(received: Received | None, before: Sequence[Earlier] = ()) -> list[_Theirs]:
    return [*((got(each.received), each.said) for each in before), (got(received), None)]


def _upload(link: LinkRow, name: str, bytes_: Got, said: OldVersion | None) -> documents.Upload:
    """Their bytes, with who made them there and when, if they are not the newest."""
    told = []
    if said and said.author:
        told.append("".join(letter for letter in said.author if letter.isprintable())[:_LONGEST_AUTHOR])
    if said and said.modified_at:
        told.append(f"{said.modified_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    return documents.Upload(bytes_.stored, name, f"From {link.name}" + (f" ({', '.join(told)})" if told else ""))


def fit(name: str) -> str:
    """A name of theirs as it can be held here."""
    try:
        return folders.clean_name(name)
    except folders.BadName:
        return folders.clean_name(folders.portable_name(name))


async def _free(unit: Unit, folder_id: UUID, name: str, row: LinkItemRow) -> str:
    """The name, numbered where another thing has it."""
    taken = await folders.named(unit, folder_id, folders.name_key(name))
    if taken is None or taken[1] == row.node_id:
        return name
    return await folders.free_name(unit, folder_id, name, "folder" if row.folder else "document")
