"""A place with something of every kind behind a restriction, and everybody who may not have it."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text, update

from dossier import documents, notices, sessions
from dossier.app import build, create_app
from dossier.core import jobs, log
from dossier.core.actor import NOBODY, Actor
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.feed import routes as feed_routes
from dossier.links import making
from dossier.links.models import LinkItemRow, LinkRow
from dossier.renditions.models import PDF, READY, THUMBNAIL, Rendition
from dossier.uploads.models import Upload
from dossier.worker import Worker
from tests.conftest import BUILT_PORTAL, MovingClock, Seed, Someone, World, client_of, someone
from tests.connectors.fake_graph import FakeGraph
from tests.security.calls import BYTES, tus

API = "/api/v1"
TO_THIS_MACHINE = {"outward_http": True, "outward_allow": "127.0.0.0/8"}
HOME = "http://127.0.0.1:8000"
VAULT, STRONGROOM, ATTIC = "Vault-quokka", "Strongroom-quokka", "Attic-quokka"
PLAN, OLD_PLAN = "plan-quokka.txt", "old-plan-quokka.txt"
FIRST, SECOND = b"the first quokka text", b"the second quokka text"
TRACES = ("quokka", hashlib.sha256(FIRST).hexdigest(), hashlib.sha256(SECOND).hexdigest())
"""What nobody without a right may ever read; the ids in ``Place.ids`` come to it."""


@dataclass(frozen=True)
class Place:
    """The world with a vault in it that ``insider`` (editor) and ``viewer`` (viewer) are let into, and ``editor`` not."""

    world: World
    insider: Someone
    ids: Mapping[str, str]
    clients: Mapping[str, httpx.AsyncClient]
    others: Mapping[str, str]

    @property
    def traces(self) -> tuple[str, ...]:
        """Words and ids of what lies behind the restriction."""
        return TRACES + tuple(self.ids.values())


async def made(answer: httpx.Response) -> Any:
    """The body of an answer that must be good."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}"
    return answer.json() if answer.content else None


async def build_place(world: World) -> Place:
    """Furnish the world."""
    acme = world.owner.actor.workspace_id
    insider = await someone(world.app, world.parts, acme, "insider", "editor")
    former = await someone(world.app, world.parts, acme, "former", "owner")
    partner = await someone(world.app, world.parts, acme, "partner", "viewer")
    ids, others = await _vault(world, insider, partner)
    clients = await _people(world, former)
    await made(await world.owner.client.delete(f"{API}/members/{former.member_id}"))
    return Place(world, insider, ids, clients, others)


async def _vault(world: World, insider: Someone, partner: Someone) -> tuple[dict[str, str], dict[str, str]]:
    owner, inside = world.owner.client, insider.client
    vault = await _folder(owner, VAULT)
    grants = [
        {"member_id": str(insider.member_id), "role": "editor"},
        {"member_id": str(world.viewer.member_id), "role": "viewer"},
    ]
    # The editor works in the vault, is told of things there, and is shut out then.
    former = {"member_id": str(world.editor.member_id), "role": "editor"}
    await made(await owner.put(f"{API}/folders/{vault}/access", json={"grants": [*grants, former]}))
    strongroom, attic = await _folder(inside, STRONGROOM, vault), await _folder(inside, ATTIC, vault)
    plan, old = await _document(inside, PLAN, vault, FIRST), await _document(inside, OLD_PLAN, vault, b"old quokka")
    await made(await inside.post(f"{API}/documents/{plan}/versions", params={"comment": "quokka"}, content=SECOND))
    change = {"tags": ["quokka"], "description": "quokka"}
    await made(await inside.patch(f"{API}/documents/{plan}", json=change))
    editor_id = str(world.editor.member_id)
    task = await _task(inside, plan, "Feed the quokka", details="quokka", assignee_id=editor_id)
    await made(await world.editor.client.post(f"{API}/tasks/{task}/comments", json={"body": "quokka?"}))
    comment = await made(await inside.post(f"{API}/tasks/{task}/comments", json={"body": "quokka!"}))
    await Worker(world.parts, consumers=notices.CONSUMERS).follow()
    assert (await made(await world.editor.client.get(f"{API}/notices/unread")))["count"] > 1
    await made(await owner.put(f"{API}/folders/{vault}/access", json={"grants": grants}))
    await made(await inside.delete(f"{API}/documents/{old}"))
    await made(await inside.delete(f"{API}/folders/{attic}"))
    group = await made(await owner.post(f"{API}/groups", json={"name": "Keepers"}))
    invitation = await made(await owner.post(f"{API}/invitations", json={"email": "new@example.com", "role": "viewer"}))
    token = await made(await owner.post(f"{API}/tokens", json={"name": "spare", "scopes": ["read"]}))
    shown = {"sha256": "ef" * 32, "subject": "CN=dms", "expires_at": "2099-01-01T00:00:00Z", "scopes": ["read"]}
    program = {"name": "A program", "role": "viewer"} | shown
    certificate = await made(await owner.post(f"{API}/certificates", json=program))
    uploads = {"upload": await _upload(owner, "sent-quokka.txt", vault)}
    uploads["refused_upload"] = await _upload(owner, "refused-quokka.txt", vault)
    uploads["direct_upload"] = await _upload(owner, "direct-quokka.txt", vault)
    uploads["hashing_upload"] = await _upload(owner, "hashing-quokka.txt", vault)
    direct = update(Upload).where(Upload.id == UUID(uploads["direct_upload"])).values(direct=True)
    await world.parts.units.run(world.owner.actor, lambda unit: unit.session.execute(direct))
    hashing = update(Upload).where(Upload.id == UUID(uploads["hashing_upload"])).values(state="hashing")
    await world.parts.units.run(world.owner.actor, lambda unit: unit.session.execute(hashing))
    uploads["quicker"] = await _document(owner, "refused-quokka.txt", vault, b"quicker quokka")
    sent = await owner.patch(f"{API}/uploads/{uploads['refused_upload']}", headers=BYTES, content=b"123456789")
    assert sent.status_code == 409, sent.text
    open_folder = await _folder(owner, "Open")
    open_document = await _document(owner, "open.txt", open_folder, b"open")
    hidden = {"vault": vault, "strongroom": strongroom, "attic": attic, "plan": plan, "old": old}
    hidden |= {"task": task, "comment": comment["id"], **uploads, "offer": await _offer(world, insider, vault)}
    others = {"group": group["id"], "invitation": invitation["id"], "token": token["id"]}
    others |= {"certificate": certificate["id"], "program": certificate["member"]["id"]}
    others |= {"partner": str(partner.member_id), "open": open_folder, "open_document": open_document}
    others |= {"job": await _dead_job(world, plan)} | await _webhook(owner) | await _link(world, vault)
    others |= {"open_task": await _task(owner, open_document, "Read it")}
    return hidden, others


async def _webhook(owner: httpx.AsyncClient) -> dict[str, str]:
    """A webhook at an address where nobody listens, and a test of it."""
    hook = await made(await owner.post(f"{API}/webhooks", json={"url": "http://127.0.0.1:9/quokka", "active": False}))
    delivery = await made(await owner.post(f"{API}/webhooks/{hook['id']}/test"))
    return {"webhook": hook["id"], "delivery": delivery["id"]}


async def _link(world: World, vault: str) -> dict[str, str]:
    """A link of the vault with a folder on the disk, that does not run; and a sign-in to Microsoft, that is not done."""
    share = Path(world.parts.settings.link_folders) / "acme" / "share"
    await asyncio.to_thread(share.mkdir, parents=True)
    place = {"kind": "folder", "path": str(share)}
    wanted = {"name": "Quokka share", "folder_id": vault, "place": place, "paused": True}
    link = await made(await world.owner.client.post(f"{API}/links", json=wanted))
    items = (await made(await world.owner.client.get(f"{API}/links/{link['id']}/items")))["items"]
    item = next(each["id"] for each in items if each["kind"] == "document")

    async def stop(unit: Unit) -> None:
        """Its brake was pulled, and a document was changed on both sides."""
        (await unit.session.get_one(LinkRow, UUID(link["id"]))).state = "braked"
        (await unit.session.get_one(LinkItemRow, UUID(item))).conflict = True

    await world.parts.units.run(world.owner.actor, stop)
    app = {"tenant": "contoso", "client_id": link["id"]}
    sign_in = await made(await world.owner.client.post(f"{API}/link_sign_ins", json=app))
    return {"link": link["id"], "link_item": item, "share": str(share), "sign_in": sign_in["id"]}


async def _offer(world: World, insider: Someone, vault: str) -> str:
    """An office file with its renditions."""
    offer = await _document(insider.client, "offer-quokka.rtf", vault, rb"{\rtf1 quokka}")

    async def render(unit: Unit) -> None:
        content = await documents.visible_version(unit, UUID(offer), 1)
        for kind in (PDF, THUMBNAIL):
            row = Rendition(workspace_id=unit.workspace_id, source_sha256=content.sha256, kind=kind, state=READY)
            row.blob_sha256, row.at = content.sha256, unit.now
            unit.session.add(row)

    await world.parts.units.run(insider.actor, render)
    return offer


async def _dead_job(world: World, document_id: str) -> str:
    """Work that failed."""

    async def add(unit: Unit) -> str:
        row = jobs.new(unit.workspace_id, "search.index", {"document_id": document_id}, unit.now, unit.now)
        row.state, row.attempts, row.last_error = "dead", 5, "It is damaged."
        unit.session.add(row)
        return str(row.id)

    return await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), add)


async def _people(world: World, former: Someone) -> dict[str, httpx.AsyncClient]:
    """A client for every way to be refused."""
    app = world.app
    acme = world.owner.actor.workspace_id
    both = await someone(app, world.parts, acme, "both", "owner")
    twice = await someone(app, world.parts, world.stranger.actor.workspace_id, "both", "owner")
    assert both.actor.user_id == twice.actor.user_id
    tokens = {name: await _token(world, **how) for name, how in TOKENS.items()}
    clients = {name: client_of(app, token) for name, token in tokens.items()}
    clients["anonymous"] = world.anonymous
    clients["garbage token"] = client_of(app, "dsr_" + "A" * 43)
    clients["another scheme"] = client_of(app)
    clients["another scheme"].headers["Authorization"] = "Basic b3duZXI6b3duZXI="
    clients["foreign"] = world.stranger.client
    clients["foreign, naming acme"] = client_of(app, world.stranger.token)
    clients["foreign, naming acme"].headers["X-Workspace"] = "acme"
    clients["acme's owner, naming other"] = client_of(app, world.owner.token)
    clients["acme's owner, naming other"].headers["X-Workspace"] = "other"
    clients["no_right"] = world.editor.client
    clients["viewer"] = world.viewer.client
    clients["deactivated"] = former.client
    clients["deactivated, by cookie"] = await signed_in(world, former)
    clients["ended session"] = await signed_in(world, world.owner, days=-1)
    clients["acme's owner, by cookie"] = await signed_in(world, world.owner)
    clients["owner of both, in other"] = await signed_in(world, both)
    clients["owner of both, in other"].headers["X-Workspace"] = "other"
    clients["lured by another site"] = await signed_in(world, both)
    clients["lured by another site"].headers.update({"X-Workspace": "acme", "Origin": "https://evil.example"})
    secret = await _token(world, scopes=("read", "write", "admin"))
    clients["revoked"] = client_of(app, secret)
    newest = (await made(await world.owner.client.get(f"{API}/tokens", params={"limit": 200})))["items"][-1]
    await made(await world.owner.client.delete(f"{API}/tokens/{newest['id']}"))
    return clients


TOKENS: dict[str, dict[str, Any]] = {
    "read_only": {"scopes": ("read",)},
    "not_admin": {"scopes": ("read", "write")},
    "expired": {"scopes": ("read", "write", "admin"), "seconds": 1},
}


async def _token(world: World, scopes: tuple[str, ...], seconds: float | None = None) -> str:
    """A token of the owner; with ``seconds`` one that ended long ago, having lived so long."""
    world.clock.move(days=-2 if seconds else 0)
    expires = world.clock() + timedelta(seconds=seconds) if seconds else None

    async def make(unit: Unit) -> str:
        return await sessions.make_token(unit, world.owner.member_id, "made", scopes, expires)

    secret = await world.parts.units.run(world.owner.actor, make)
    world.clock.move(days=2 if seconds else 0)
    return secret


async def signed_in(world: World, who: Someone, days: float = 1) -> httpx.AsyncClient:
    """A browser on our own pages with a session that lasts ``days``."""
    assert who.actor.user_id is not None
    user_id = who.actor.user_id

    async def open_(unit: Unit) -> str:
        return await sessions.open_session(unit, user_id, "test", timedelta(days=days))

    client = client_of(world.app)
    client.cookies.set("dossier_session", await world.parts.units.run(NOBODY, open_))
    client.headers["Origin"] = HOME
    return client


async def _folder(client: httpx.AsyncClient, name: str, parent: str | None = None) -> str:
    id_: str = (await made(await client.post(f"{API}/folders", json={"name": name, "parent_id": parent})))["id"]
    return id_


async def _document(client: httpx.AsyncClient, name: str, folder_id: str, content: bytes) -> str:
    query = {"name": name, "folder_id": folder_id, "comment": name}
    id_: str = (await made(await client.post(f"{API}/documents", params=query, content=content)))["id"]
    return id_


async def _upload(client: httpx.AsyncClient, name: str, folder_id: str) -> str:
    """The promise of nine bytes."""
    headers = tus(filename=name, folder_id=folder_id) | {"Upload-Length": "9"}
    id_: str = (await made(await client.post(f"{API}/uploads", headers=headers)))["id"]
    return id_


async def _task(client: httpx.AsyncClient, document_id: str, title: str, **fields: Any) -> str:
    path = f"{API}/documents/{document_id}/tasks"
    id_: str = (await made(await client.post(path, json={"title": title, **fields})))["id"]
    return id_


CONTENT = [
    *("workspaces", "members", "groups", "group_members", "invitations", "certificates"),
    *("folders", "names", "scopes", "grants"),
    *("blobs", "documents", "versions", "document_tags", "document_locks"),
    *("tasks", "task_comments"),
    *("uploads", "blob_holds"),
    *("webhooks", "webhook_deliveries", "webhook_attempts"),
    *("dms_links", "dms_link_items", "dms_sign_ins"),
]


PEOPLE = "SELECT user_id FROM members WHERE workspace_id = :acme"


async def state(world: World) -> str:
    """All that people have put into acme, rows and blobs, as text."""
    acme, other = world.owner.actor.workspace_id, repr(world.stranger.actor.workspace_id.bytes)
    async with world.parts.database.reader.connect() as connection:
        rows = [
            f"{name}: {tuple(row)!r}"
            for name in CONTENT
            for row in await connection.exec_driver_sql(f"SELECT * FROM `{name}`")
        ]
        # Rows of people name no workspace: a stranger may make some at home.
        people = await connection.execute(text(f"SELECT * FROM users WHERE id IN ({PEOPLE})"), {"acme": acme.bytes})
        rows += [f"users: {tuple(row)!r}" for row in people]
    keys = [f"store: {entry.key}" async for entry in world.parts.store.keys()]  # noqa: SIM118  # a store is no dict
    return "\n".join(sorted(row for row in rows if other not in row) + sorted(keys))


@asynccontextmanager
async def placed(folder: Path, seed: Seed) -> AsyncIterator[Place]:
    """A place on its own copy of the seed, with live streams that end at once, and a Microsoft of our own."""
    assert seed.path
    shutil.copy(seed.path, folder / "dossier.sqlite3")
    log.configure("console", "critical")
    clock = MovingClock()
    settings = Settings(
        data_dir=folder, log_level="error", portal_dir=BUILT_PORTAL, link_folders=str(folder / "shares")
    ).model_copy(update=TO_THIS_MACHINE)
    parts = build(settings, clock=clock)
    app = create_app(parts)
    people = {
        name: Someone(client_of(app, token), actor, actor.member_id or UUID(int=0), token, f"{name}@example.com")
        for name, (actor, token) in seed.people.items()
    }
    world = World(app, parts, clock, seed.root, seed.other_root, **people, anonymous=client_of(app))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_routes, "STREAM_SECONDS", 0.02)
        graph = await FakeGraph().start()
        patch.setitem(making.CLOUDS, "global", (graph.base_url, graph.token_url))
        yield await build_place(world)
        await graph.stop()
    await parts.close()
