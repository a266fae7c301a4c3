"""Builders for transfer: a workspace with a bit of everything, and what an export says without ids."""

import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from dossier import documents, folders, storage, tasks, users
from dossier.app import Parts
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.documents import trash
from dossier.documents.schemas import DocumentChange
from dossier.folders.schemas import GrantIn
from dossier.transfer.trees.queries import places
from dossier.transfer.trees.slots import Place
from tests.conftest import World

T = TypeVar("T")


class Office:
    """Short words for one workspace."""

    def __init__(self, parts: Parts, actor: Actor, root: UUID) -> None:
        self.parts, self.actor, self.root = parts, actor, root

    async def do(self, verb: Callable[[Unit], Awaitable[T]], who: Actor | None = None) -> T:
        """Run a verb in a Unit, as the system unless ``who`` says otherwise."""
        return await self.parts.units.run(who or self.actor, verb)

    async def see(self, verb: Callable[[ReadUnit], Awaitable[T]]) -> T:
        """Ask in a ReadUnit."""
        async with self.parts.units.read(self.actor) as unit:
            return await verb(unit)

    async def add(self, name: str, content: bytes = b"", folder: UUID | None = None, who: Actor | None = None) -> UUID:
        """A document."""
        made = await self._upload(content, name, who, lambda unit, upload: documents.add(unit, upload, folder))
        return UUID(str(made["id"]))

    async def change(self, document_id: UUID, content: bytes, comment: str = "", who: Actor | None = None) -> None:
        """A new version."""
        await self._upload(
            content,
            f"v-{comment or 'next'}.txt",
            who,
            lambda unit, upload: documents.add_version(unit, document_id, upload),
            comment,
        )

    async def _upload(
        self,
        content: bytes,
        name: str,
        who: Actor | None,
        verb: Callable[[Unit, documents.Upload], Awaitable[Any]],
        comment: str = "",
    ) -> Any:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        async with storage.received(self.parts.store, self.actor.workspace_id, chunks()) as bytes_:
            return await self.do(lambda unit: verb(unit, documents.Upload(bytes_, name, comment)), who)

    async def put(self, unit: Unit, name: str, content: bytes) -> None:
        """A document in the root, in somebody's Unit."""

        async def chunks() -> AsyncIterator[bytes]:
            yield content

        stored = await self.parts.store.put(self.actor.workspace_id, chunks())
        await documents.add(unit, documents.Upload(storage.Received(stored), name), None)

    async def folder(self, name: str, parent: UUID | None = None) -> UUID:
        """A folder."""
        return UUID(str((await self.do(lambda unit: folders.create(unit, name, parent)))["id"]))

    async def places(self, folder: UUID | None = None) -> dict[bytes, Place]:
        """What lies in a folder."""
        return await self.see(lambda unit: places(unit, folder or self.root))

    async def tree(self, folder: UUID | None = None, path: str = "") -> dict[str, bytes]:
        """path → digest of all living documents; folders end in ``/`` and have none."""
        found: dict[str, bytes] = {}
        for place in (await self.places(folder)).values():
            if place.kind == "folder":
                found[f"{path}{place.name}/"] = b""
                found |= await self.tree(place.id, f"{path}{place.name}/")
            else:
                found[path + place.name] = place.sha256
        return found

    async def versions(self) -> int:
        """How many versions the living documents have together."""
        items, _ = await self.see(lambda unit: documents.list_(unit, documents.Filters(), "name", 200, None))
        return sum(item["version"]["number"] for item in items)


def office_of(world: World) -> Office:
    """The office of workspace ``acme``."""
    return Office(world.parts, Actor.system(world.owner.actor.workspace_id, "test"), world.root)


async def found(world: World, slug: str, *, staff: bool = True) -> Office:
    """An empty workspace, with ``staff`` the same people as in ``acme``."""
    actor = Actor.system(new_id(), "test")
    root = await world.parts.units.run(actor, lambda unit: folders.found_workspace(unit, slug, "Acme"))
    office = Office(world.parts, actor, root)
    for someone in (world.owner, world.editor, world.viewer) if staff else ():
        member = someone.actor
        await office.do(lambda unit, m=member, s=someone: users.add_member(unit, s.email, m.name, m.role))  # type: ignore[misc]
    return office


TREE_NAMES = ["Verträge 2026 📁", "CON", "a<b>", "Docs"]


async def furnish(world: World) -> Office:
    """Workspace ``acme`` with a bit of everything."""
    office = office_of(world)
    owner, editor = world.owner.actor, world.editor.actor
    group = await office.do(lambda unit: users.create_group(unit, "Legal", [world.viewer.member_id]))
    top = {name: await office.folder(name) for name in TREE_NAMES}
    await office.folder("empty", top["Docs"])
    secret = await office.folder("secret", top["Docs"])
    grants = [
        GrantIn(member_id=world.editor.member_id, role="editor"),
        GrantIn(group_id=group["id"], role="viewer"),
    ]
    await office.do(lambda unit: folders.restrict(unit, secret, grants))
    await _documents(office, top, secret, owner, editor)
    await _trash(office, owner)
    await _tasks(world, office)
    return office


async def _documents(office: Office, top: dict[str, UUID], secret: UUID, owner: Actor, editor: Actor) -> None:
    lease = await office.add("Lease 🏠.txt", b"one", top["Docs"], owner)
    await office.change(lease, b"two", "signed", editor)
    await office.change(lease, b"three")
    await office.do(lambda unit: documents.restore_version(unit, lease, 1, "back"), owner)
    change = DocumentChange(tags=["Lease", "2026", "größe"], description="The *lease*\nof Main St.")
    await office.do(lambda unit: documents.update(unit, lease, change), editor)
    for name in ("a?b.txt", "a*b.txt", "empty", "no extension.", "x" * 251 + ".txt", ".hidden"):
        await office.add(name, b"" if name == "empty" else name.encode(), top["a<b>"])
    await office.add("same 1.bin", b"same", top["CON"], editor)
    await office.add("same 2.bin", b"same", top["Docs"], owner)
    await office.add("for few.txt", b"secret", secret, editor)
    await office.add("document.json", b"{}", top["Docs"])


async def _trash(office: Office, owner: Actor) -> None:
    gone = await office.add("note.txt", b"old note")
    await office.change(gone, b"newer note", who=owner)
    await office.do(lambda unit: trash.trash(unit, gone), owner)
    await office.add("note.txt", b"living note")
    folder = await office.folder("left")
    await office.folder("below", folder)
    await office.add("inside.txt", b"inside", folder)
    await office.do(lambda unit: trash.trash_folder(unit, folder, recursive=True), owner)


async def _tasks(world: World, office: Office) -> None:
    note = await office.add("with tasks.txt", b"to do")
    await office.change(note, b"to do, later")
    quote = {"type": "TextQuoteSelector", "exact": "do"}
    first = tasks.NewTask.model_validate(
        {
            "title": "Check it",
            "details": "**all** of it",
            "priority": "high",
            "assignee_id": world.editor.member_id,
            "due_at": datetime(2026, 12, 1, tzinfo=UTC),
            "version": 1,
            "target": quote,
        }
    )
    task = await office.do(lambda unit: tasks.create(unit, note, first), world.owner.actor)
    for who, text in ((world.editor, "why? 🤔"), (world.owner, "because"), (world.editor, "done")):
        await office.do(lambda unit, t=text: tasks.add_comment(unit, task["id"], t), who.actor)  # type: ignore[misc]
    await office.do(lambda unit: tasks.watch(unit, task["id"]), world.viewer.actor)
    for status in ("in_progress", "done", "cancelled", "open"):
        other = await office.do(lambda unit, s=status: tasks.create(unit, note, tasks.NewTask(title=f"is {s}")))  # type: ignore[misc]
        change = tasks.TaskChange.model_validate({"status": status})
        await office.do(lambda unit, i=other["id"], c=change: tasks.update(unit, i, c), world.owner.actor)  # type: ignore[misc]


# Files


def write(root: Path, files: dict[str, bytes]) -> Path:
    """Files below ``root``; a name that ends in ``/`` is an empty folder."""
    for name, content in files.items():
        path = root / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_bytes(content)
    return root


# What an export says


def lines(path: Path) -> list[Any]:
    """The values of a ``.jsonl`` file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def told(root: Path, people: Sequence[str] = ("email", "name", "role", "active")) -> dict[str, Any]:
    """All that an export says, without ids and without when it was written; contents as what their files really hold."""
    manifest, who = json.loads((root / "export.json").read_text()), json.loads((root / "people.json").read_text())
    groups = {group["id"]: group["name"] for group in who["groups"]}
    places: dict[str, str] = {}
    tree = []
    for each in lines(root / "folders.jsonl"):
        above = places.get(each["parent_id"])
        places[each["id"]] = "/" if above is None else f"{above}{each['name']}{'*' if each['trashed_at'] else ''}/"
        if above is not None:
            tree.append([places[each["id"]], _folder(each, groups)])
    return {
        "counts": manifest["counts"],
        "failed": manifest["failed"],
        "members": sorted([each[key] for key in people] for each in who["members"]),
        "groups": sorted([group["name"], group["members"], group["created_at"]] for group in who["groups"]),
        "folders": sorted(tree, key=str),
        "documents": sorted((_document(root, entry, places) for entry in lines(root / "documents.jsonl")), key=str),
    }


def _folder(each: dict[str, Any], groups: dict[str, str]) -> dict[str, Any]:
    kept = {key: each[key] for key in ("created_by", "created_at", "updated_at", "trashed_at")}
    if each["access"] is not None:
        rights = [[grant["role"], grant["member"], groups.get(grant["group"])] for grant in each["access"]]
        kept["access"] = sorted(rights, key=str)
    return kept


def _document(root: Path, entry: dict[str, str], places: dict[str, str]) -> dict[str, Any]:
    data = (root / entry["details"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == entry["sha256"]
    whole = json.loads(data)
    del whole["id"]
    whole["place"] = places[whole.pop("folder_id")]
    for version in whole["versions"]:
        content = (root / version.pop("file")).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (version["sha256"], version["size"])
    for task in whole["tasks"]:
        del task["id"]
        for comment in task["comments"]:
            del comment["id"]
    result: dict[str, Any] = whole
    return result
