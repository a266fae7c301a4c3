"""The program that the crash-point sweep cuts off: the parts of the real program, the verbs of the real routes, no HTTP.

``scenario NAME`` builds the parts, prints ``READY``, waits until somebody opens the pipe ``go`` in its folder (a tracer has
attached by then), does its work, prints ``ACK <json>`` after each commit and ``NO <json>`` for a refusal, and ends in good
order. ``scenario prepare-NAME`` does what must have been done before; ``scenario look`` starts on what is left, prints
``STATE <json>`` and shows that it can be written to.
"""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from dossier import documents, storage, users
from dossier.app import Parts, build
from dossier.console import prepare
from dossier.core import log, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.documents import trash
from dossier.storage import parts as blob_parts
from dossier.uploads import service
from dossier.uploads.desk import Desk
from dossier.uploads.reception import Body, Reception
from dossier.uploads.schemas import Metadata
from tests.trust.server import EMAIL, WORKSPACE

FIRST, SECOND = b"first " * 20_000, b"second " * 100_000
HALF, LASTS = 300_000, timedelta(days=1)
NOWHERE = Actor.system(UUID(int=0))


def main() -> None:
    """Run the scenario that the arguments name."""
    name, settings = sys.argv[1], Settings()
    log.configure("console", "warning")
    if name == "migration":
        ready()
        migrate.upgrade(settings.database)
        acknowledge(migrated=True)
    elif name == "look":
        asyncio.run(work(settings, look, wait=False))
    elif name.startswith("prepare-"):
        asyncio.run(work(settings, BEFORE[name.removeprefix("prepare-")], wait=False))
    else:
        asyncio.run(work(settings, SCENARIOS[name], wait=True))


async def work(settings: Settings, do: "Scenario", *, wait: bool) -> None:
    """Start as the program starts, do it, and end as the program ends."""
    parts = build(settings)
    await prepare(parts)
    actor = await owner(parts)
    # The thread that writes blobs is there before the tracer looks for threads.
    await parts.store.delete(f"{actor.workspace_id.hex}/{new_id().hex}")
    if wait:
        ready()
    await do(parts, actor)
    await parts.close()


def ready() -> None:
    """Wait for the pipe."""
    print("READY", flush=True)
    Path("go").read_bytes()


def acknowledge(**what: Any) -> None:
    """Say what has been promised now; a single write(2)."""
    os.write(1, f"ACK {json.dumps(what, default=str)}\n".encode())


async def owner(parts: Parts) -> Actor:
    """The template's owner."""
    async with parts.units.read(NOWHERE) as unit:
        workspace_id = await users.find_workspace(unit, WORKSPACE)
    assert workspace_id
    async with parts.units.read(Actor.system(workspace_id)) as reading:
        member_id = await users.find_member(reading, EMAIL)
        assert member_id
        actor = await users.actor_of(reading, member_id)
    assert actor
    return actor


async def pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body as it comes in."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


async def upload(
    parts: Parts, actor: Actor, name: str, body: bytes, verb: Callable[[Unit, documents.Upload], Awaitable[Any]]
) -> Any:
    """What the routes do with a body: durable bytes, then a Unit that names them."""
    async with storage.received(parts.store, actor.workspace_id, pieces(body)) as received:
        wire = await parts.units.run(actor, lambda unit: verb(unit, documents.Upload(received, name)))
    acknowledge(id=wire["id"], number=wire["version"]["number"], sha256=wire["version"]["sha256"])
    return wire


async def look(parts: Parts, actor: Actor) -> None:
    """Read all that is visible, its bytes too, and then add something."""
    state = []
    for trashed in (False, True):
        async with parts.units.read(actor) as unit:
            filters = documents.Filters(None, None, None, None, None, trashed)
            items, _next = await documents.list_(unit, filters, "name", 100, None)
        for wire in items:
            id_, head = UUID(str(wire["id"])), int(wire["version"]["number"])
            digests = [await hashed(parts, actor, id_, number) for number in range(1, head + 1)]
            state.append([wire["name"], trashed, digests])
    async with parts.units.read(actor) as unit:
        waiting, _next = await service.list_(unit, 100, None)
    state += [["upload", False, [wire["offset"]]] for wire in waiting]
    print("STATE", json.dumps(state), flush=True)
    for wire in waiting:
        made = await send(parts, actor, wire["id"], wire["offset"], len(SECOND))
        assert made is not None
        assert await hashed(parts, actor, made, 1) == hashlib.sha256(SECOND).hexdigest()
    await upload(parts, actor, "after.bin", b"after", lambda unit, up: documents.add(unit, up, None))


async def hashed(parts: Parts, actor: Actor, id_: UUID, number: int) -> str:
    """The digest of a version's bytes, read as a download reads them."""
    async with parts.units.read(actor) as unit:
        content = await documents.visible_version(unit, id_, number)
    sha256 = hashlib.sha256()
    async for chunk in parts.store.open(content.key, 0, content.size):
        sha256.update(chunk)
    assert sha256.digest() == content.sha256, f"version {number} is torn"
    return sha256.hexdigest()


async def add(parts: Parts, actor: Actor) -> None:
    """Two documents, the second in a directory that is there already."""
    for name, body in (("one.bin", FIRST), ("two.bin", SECOND)):
        await upload(parts, actor, name, body, lambda unit, up: documents.add(unit, up, None))


async def send(parts: Parts, actor: Actor, upload_id: UUID, start: int, end: int) -> UUID | None:
    """What the route does with a PATCH; the document, where it is the last one."""
    reception = Reception(parts.units, parts.store, Desk(), actor, LASTS, 60, 1 << 30)
    sent = await reception.receive(upload_id, Body(start, pieces(SECOND[start:end]), end - start))
    return sent.made_id


async def resumable(parts: Parts, actor: Actor) -> None:
    """A file in two pieces, by a promise and two PATCHes."""
    blob_parts.DUE_SECONDS = 1e9  # type: ignore[misc]  # under a tracer all takes long, and a state between is none of ours
    told = Metadata(filename="two.bin")
    wire = await parts.units.run(
        actor, lambda unit: service.create(unit, told, "", service.Promise(len(SECOND)), LASTS)
    )
    acknowledge(id=wire["id"])
    await send(parts, actor, wire["id"], 0, HALF)
    acknowledge(offset=HALF)
    acknowledge(document=await send(parts, actor, wire["id"], HALF, len(SECOND)))


async def only(parts: Parts, actor: Actor, *, trashed: bool = False) -> UUID:
    """The document that was prepared."""
    async with parts.units.read(actor) as unit:
        filters = documents.Filters(None, None, None, None, None, trashed)
        items, _next = await documents.list_(unit, filters, "name", 10, None)
    return UUID(str(items[0]["id"]))


async def add_one(parts: Parts, actor: Actor) -> Any:
    """One document."""
    return await upload(parts, actor, "one.bin", FIRST, lambda unit, up: documents.add(unit, up, None))


async def add_version(parts: Parts, actor: Actor) -> Any:
    """A new version of new bytes, and one of bytes that are there already."""
    id_ = await only(parts, actor)
    for body in (SECOND, FIRST):
        await upload(parts, actor, "one.bin", body, lambda unit, up: documents.add_version(unit, id_, up))


async def restore_version(parts: Parts, actor: Actor) -> None:
    """The first version is the head again."""
    id_ = await only(parts, actor)
    wire = await parts.units.run(actor, lambda unit: documents.restore_version(unit, id_, 1))
    acknowledge(id=wire["id"], number=wire["version"]["number"], sha256=wire["version"]["sha256"])


async def trash_it(parts: Parts, actor: Actor) -> None:
    """The document goes to the trash."""
    id_ = await only(parts, actor)
    await parts.units.run(actor, lambda unit: trash.trash(unit, id_))
    acknowledge(id=id_, trashed=True)


async def purge(parts: Parts, actor: Actor) -> None:
    """The trashed document ends, and its bytes are swept."""
    id_ = await only(parts, actor, trashed=True)
    await parts.units.run(actor, lambda unit: trash.purge(unit, id_))
    acknowledge(id=id_, purged=True)
    async with parts.units.read(actor) as unit:
        await storage.sweep(parts.units, unit.actor, parts.store, timedelta(0))


async def with_versions(parts: Parts, actor: Actor) -> None:
    """Before: a document of two versions."""
    wire = await add_one(parts, actor)
    id_ = UUID(str(wire["id"]))
    await upload(parts, actor, "one.bin", SECOND, lambda unit, up: documents.add_version(unit, id_, up))


async def in_the_trash(parts: Parts, actor: Actor) -> None:
    """Before: that document in the trash, and another one that shares bytes with it."""
    await with_versions(parts, actor)
    await trash_it(parts, actor)
    await upload(parts, actor, "other.bin", FIRST, lambda unit, up: documents.add(unit, up, None))


async def nothing(_parts: Parts, _actor: Actor) -> None:
    """Before: an empty workspace."""


Scenario = Callable[[Parts, Actor], Awaitable[Any]]
SCENARIOS: dict[str, Scenario] = {
    "upload": add,
    "resumable": resumable,
    "version": add_version,
    "restore": restore_version,
    "trash": trash_it,
    "purge": purge,
}
BEFORE: dict[str, Scenario] = {
    "upload": nothing,
    "resumable": nothing,
    "version": add_one,
    "restore": with_versions,
    "trash": with_versions,
    "purge": in_the_trash,
}
