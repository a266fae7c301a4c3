"""What every test can ask for: a program on its own folder, and a small world of two workspaces in it."""

import shutil
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from dossier import folders, sessions, users
from dossier.app import Parts, build, create_app
from dossier.core import log, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.worker import Worker
from tests.contract import contract_of

PASSWORD = "correct horse battery"


class MovingClock:
    """The real time, plus what a test has moved it by."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, **by: float) -> None:
        """Move by a timedelta's arguments."""
        self.offset += timedelta(**by)


@dataclass(frozen=True)
class Someone:
    """A member with a token."""

    client: httpx.AsyncClient
    actor: Actor
    member_id: UUID
    token: str
    email: str


@dataclass(frozen=True)
class World:
    """Workspace ``acme`` with an owner, an editor and a viewer; workspace ``other`` with ``stranger``, its owner."""

    app: FastAPI
    parts: Parts
    clock: MovingClock
    root: UUID
    other_root: UUID
    owner: Someone
    editor: Someone
    viewer: Someone
    stranger: Someone
    anonymous: httpx.AsyncClient

    async def work(self) -> None:
        """Run consumers and jobs until nothing is left to do."""
        worker = Worker(self.parts)
        await worker.follow()
        await worker.work()
        await worker.follow()
        await worker.work()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty database that each test copies."""
    path = tmp_path_factory.mktemp("template") / "dossier.sqlite3"
    migrate.upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


@pytest.fixture
def settings(tmp_path: Path, template: Path) -> Settings:
    """Settings of a program on a migrated, empty database in the test's own folder."""
    data = tmp_path / "var"
    data.mkdir()
    shutil.copy(template, data / "dossier.sqlite3")
    return Settings(data_dir=data, log_level="error")


@pytest.fixture
def clock() -> MovingClock:
    """The program's clock, for tests to move."""
    return MovingClock()


@pytest.fixture
async def parts(settings: Settings, clock: MovingClock) -> AsyncIterator[Parts]:
    """The program's parts."""
    log.configure("console", settings.log_level)
    parts = build(settings, clock=clock)
    yield parts
    await parts.close()


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    """The HTTP program."""
    return create_app(parts)


def client_of(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """A client of the app in this process, with a token or as nobody."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    hooks: dict[str, list[Any]] = {"response": [contract_of(app).check]}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers, event_hooks=hooks)


async def someone(app: FastAPI, parts: Parts, workspace_id: UUID, name: str, role: Any, **extra: Any) -> Someone:
    """Make a member with a token of all scopes."""
    email = f"{name}@example.com"

    async def make(unit: Unit) -> tuple[UUID, str, Actor | None]:
        member_id = await users.add_member(unit, email, name.capitalize(), role)
        token = await sessions.make_token(unit, member_id, "test", extra.get("scopes", ["read", "write", "admin"]))
        return member_id, token, await users.actor_of(unit, member_id)

    member_id, token, actor = await parts.units.run(Actor.system(workspace_id), make)
    assert actor is not None
    return Someone(client_of(app, token), actor, member_id, token, email)


@pytest.fixture
async def world(app: FastAPI, parts: Parts, clock: MovingClock) -> World:
    """A small world; see ``World``."""
    acme, other = new_id(), new_id()
    root = await parts.units.run(Actor.system(acme), lambda unit: folders.found_workspace(unit, "acme", "Acme"))
    other_root = await parts.units.run(
        Actor.system(other), lambda unit: folders.found_workspace(unit, "other", "Other")
    )
    return World(
        app=app,
        parts=parts,
        clock=clock,
        root=root,
        other_root=other_root,
        owner=await someone(app, parts, acme, "owner", "owner"),
        editor=await someone(app, parts, acme, "editor", "editor"),
        viewer=await someone(app, parts, acme, "viewer", "viewer"),
        stranger=await someone(app, parts, other, "stranger", "owner"),
        anonymous=client_of(app),
    )
