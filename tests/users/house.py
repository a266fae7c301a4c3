"""A small house to test people and sessions in: their routes alone, on an empty database of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from sqlalchemy import select

from dossier import sessions, users
from dossier.core import log, passwords, web
from dossier.core.actor import NOBODY, Actor, Role
from dossier.core.db import Base, Database
from dossier.core.events import EventRow
from dossier.core.ids import new_id
from dossier.core.jobs import JobRow
from dossier.core.limits import Limits
from dossier.core.settings import Settings
from dossier.core.units import Unit, Units
from dossier.sessions import routes as sessions_routes
from dossier.users import routes as users_routes

T = TypeVar("T")
PASSWORD = "correct horse battery"
ORIGIN = "http://dossier.test"


class Clock:
    """The real time, plus what a test has moved it by."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def move(self, **by: float) -> None:
        self.offset += timedelta(**by)


@dataclass
class Outbox:
    """Keeps the mails."""

    sent: list[tuple[str, str, str]] = field(default_factory=list)

    async def send(self, to: str, subject: str, text: str) -> None:
        self.sent.append((to, subject, text))

    def secret(self) -> str:
        """The secret of the link in the newest mail."""
        return self.sent[-1][2].partition("#")[2].split()[0]


@dataclass
class House:
    """The program's parts, workspace ``acme`` with an owner, and workspace ``other`` with one."""

    app: FastAPI
    units: Units
    settings: Settings
    clock: Clock
    mail: Outbox
    acme: UUID
    other: UUID
    owner: UUID
    stranger: UUID

    def client(self, *, token: str | None = None, peer: str = "192.0.2.1", **headers: str) -> httpx.AsyncClient:
        """A client; with ``token`` a program, else a browser on our own pages."""
        given = {"Authorization": f"Bearer {token}"} if token else {"Origin": ORIGIN}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=(peer, 123))
        headers = given | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)

    async def sign_in(self, email: str, password: str = PASSWORD, **headers: str) -> httpx.AsyncClient:
        """A browser with a session."""
        client = self.client(**headers)
        async with self.client() as door:
            answer = await door.post("/api/v1/session", json={"email": email, "password": password})
            client.cookies = door.cookies
        assert answer.status_code == 201, answer.text
        return client

    async def run(self, verb: Callable[[Unit], Awaitable[T]], workspace: UUID | None = None) -> T:
        """Run a verb as the system."""
        return await self.units.run(Actor.system(workspace or self.acme), verb)

    async def act(self, member_id: UUID, verb: Callable[[Unit], Awaitable[T]], workspace: UUID | None = None) -> T:
        """Run a verb as a member."""
        async with self.units.read(Actor.system(workspace or self.acme)) as unit:
            actor = await users.actor_of(unit, member_id)
        assert actor is not None
        return await self.units.run(actor, verb)

    async def add(
        self, email: str, role: Role = "viewer", workspace: UUID | None = None, password: str | None = PASSWORD
    ) -> UUID:
        """A member."""
        name = email.partition("@")[0].capitalize()
        return await self.run(lambda unit: users.add_member(unit, email, name, role, password), workspace)

    async def token(self, member_id: UUID, *scopes: str, workspace: UUID | None = None, **by: float) -> str:
        """A token of a member, with all scopes unless some are named, for a while where ``by`` says so."""
        expires = self.clock() + timedelta(**by) if by else None
        wanted = scopes or ("read", "write", "admin")
        return await self.run(lambda unit: sessions.make_token(unit, member_id, "t", wanted, expires), workspace)

    async def as_owner(self) -> httpx.AsyncClient:
        """A client with the token of acme's owner."""
        return self.client(token=await self.token(self.owner))

    async def work(self) -> int:
        """Run all jobs once; how many."""
        handlers = users.JOBS | sessions.JOBS
        async with self.units.read(NOBODY) as unit:
            waiting = (await unit.session.scalars(select(JobRow).order_by(JobRow.id))).all()
        for job in waiting:
            await handlers[job.kind].run(self, job)
        return len(waiting)

    async def jobs(self) -> list[tuple[str, dict[str, Any]]]:
        """Kind and payload of every job."""
        async with self.units.read(NOBODY) as unit:
            return [(job.kind, job.payload) for job in await unit.session.scalars(select(JobRow).order_by(JobRow.id))]

    async def events(self, workspace: UUID | None = None) -> list[EventRow]:
        """The log of a workspace."""
        query = select(EventRow).where(EventRow.workspace_id == (workspace or self.acme)).order_by(EventRow.seq)
        async with self.units.read(NOBODY) as unit:
            return list(await unit.session.scalars(query))

    async def told(self, workspace: UUID | None = None) -> list[str]:
        """The types of the events of a workspace."""
        return [event.type for event in await self.events(workspace)]


def build(units: Units, settings: Settings, mail: Outbox) -> FastAPI:
    """The routes of people and sessions in an app of their own."""
    app = FastAPI()
    app.state.units, app.state.settings, app.state.mail, app.state.limits = units, settings, mail, Limits()
    app.state.authenticate, app.state.actor_of, app.state.workspace_of = sessions.authenticate, sessions.actor_of, {}
    web.install(app)
    app.include_router(sessions_routes.router)
    app.include_router(users_routes.router)
    app.add_middleware(sessions.LastSeen)
    app.add_middleware(web.BodyLimit, limit=settings.max_json_bytes, streams=lambda method, path: False)
    app.add_middleware(web.Edge, secure=settings.secure)
    return app


async def found(units: Units, slug: str, email: str) -> tuple[UUID, UUID]:
    """A workspace with one owner: both ids."""
    workspace_id = new_id()

    async def verb(unit: Unit) -> UUID:
        await users.create_workspace(unit, slug, slug.capitalize())
        return await users.add_member(unit, email, email.partition("@")[0].capitalize(), "owner", PASSWORD)

    return workspace_id, await units.run(Actor.system(workspace_id), verb)


async def furnish(path: Path) -> tuple[UUID, UUID, UUID, UUID]:
    """A database with both workspaces: acme, other, and the owner of each."""
    database = Database(f"sqlite:///{path}")
    async with database.writer.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    acme, owner = await found(Units(database), "acme", "olga@example.com")
    other, stranger = await found(Units(database), "other", "sven@example.com")
    await database.close()
    return acme, other, owner, stranger


def cheapen(patch: pytest.MonkeyPatch) -> None:
    """Make password hashes take no time."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    patch.setattr(passwords, "HASHER", hasher)
    patch.setattr(passwords, "NOBODY", hasher.hash("nobody's"))


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, tuple[UUID, UUID, UUID, UUID]]:
    """A database that each test copies."""
    path = tmp_path_factory.mktemp("house") / "dossier.sqlite3"
    with pytest.MonkeyPatch.context() as patch, asyncio.Runner() as runner:
        cheapen(patch)
        return path, runner.run(furnish(path))


@pytest.fixture
async def house(
    tmp_path: Path, furnished: tuple[Path, tuple[UUID, UUID, UUID, UUID]], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[House]:
    """A fresh house."""
    log.configure("console", "error")
    cheapen(monkeypatch)
    shutil.copy(furnished[0], tmp_path / "dossier.sqlite3")
    settings, clock, mail = Settings(data_dir=tmp_path, public_url=ORIGIN), Clock(), Outbox()
    database = Database(settings.database)
    units = Units(database, clock=clock)
    yield House(build(units, settings, mail), units, settings, clock, mail, *furnished[1])
    await database.close()
