"""What every test can ask for: a program on its own folder, and a small world of two workspaces in it."""

import asyncio
import contextlib
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import hypothesis
import pytest
from _pytest.runner import runtestprotocol
from fastapi import FastAPI

from dossier import folders, sessions, users
from dossier.app import Parts, build, create_app, equip
from dossier.core import db, events, log, migrate
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.worker import Worker
from tests.contract import contract_of
from tests.feed.judge import judged
from tests.stack import EMBEDDED, PRODUCTION, SEED, Stack
from tools.servers import Redis, SeaweedFS, database_server

TRIED_AGAIN = "tried again"
PASSWORD = "correct horse battery"
# How long an example takes to make says how busy the machine is.
hypothesis.settings.register_profile("shared", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("shared")
# Stands for the real build, which only tests/e2e need.
BUILT_PORTAL = Path(__file__).parent / "portal" / "built"
# Tests in this process need no disk that survives a power loss; those of tests/trust start real processes, which do.
db.PRAGMAS["synchronous"] = "OFF"
# Every event that a test in this process makes has to be what its schema says.
events.write = judged(events.write)  # type: ignore[assignment]  # in its place


# `make check` is the fast loop: of the rooms named here it runs only what needs no program on a database.
WHOLE_ONLY = {"users", "sessions", "tasks", "downloads", "security", "transfer", "search", "portal", "uploads"}
WHOLE_ONLY |= {"certificates", "webhooks", "links"}
# Rooms whose tests start real programs, but for those files that only read what is written for one.
REAL_PROGRAMS = {"e2e", "deploy", "faults"}
READ_ONLY = {"test_compose.py", "test_render.py"}
CHILD_PROCESSES = {"test_sandbox.py"}


# Whose tests run on the production stack as well.
ON_BOTH = WHOLE_ONLY | {"documents", "folders", "feed", "notices", "core", "samples", "renditions"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what stands on a program of its own on both stacks, unless it is marked for one of them."""
    if "stack" not in metafunc.fixturenames or Path(metafunc.module.__file__ or "").parent.name not in ON_BOTH:
        return
    marked = {mark.name for mark in metafunc.definition.iter_markers()} & {EMBEDDED, PRODUCTION}
    stacks = [EMBEDDED, pytest.param(PRODUCTION, marks=(pytest.mark.slow, pytest.mark.production))]
    metafunc.parametrize("stack", [*marked] or stacks, indirect=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as slow what starts a program of its own in the rooms of WHOLE_ONLY, and what starts a child process."""
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        room, file = item.path.parent.name, item.path.name
        own = room in WHOLE_ONLY and fixtures & {"settings", "parts", "world", "app", "house"}
        if own or file in CHILD_PROCESSES or (room in REAL_PROGRAMS and file not in READ_ONLY):
            item.add_marker(pytest.mark.slow)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Try a slow test that fails once more, and say so where the run ends: programs, databases and browsers share two cores.

    The last test of a process has one try: the second would need fixtures that the first has torn down for good.
    """
    if nextitem is None or item.get_closest_marker("slow") is None:
        return None
    hook = item.ihook
    hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if failed := [report for report in reports if report.failed]:
        first = str(failed[0].longrepr)[-2000:]
        item._initrequest()  # type: ignore[attr-defined]  # fresh fixtures
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        reports[0].sections.append((TRIED_AGAIN, first))
    for report in reports:
        hook.pytest_runtest_logreport(report=report)
    hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which tests failed at first."""
    for reports in terminalreporter.stats.values():
        for report in reports:
            for title, first in getattr(report, "sections", ()):
                if title == TRIED_AGAIN:
                    terminalreporter.write_line(f"TRIED AGAIN {report.nodeid}: {first}")


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


@dataclass(frozen=True)
class Seed:
    """A migrated database with the people of ``World`` in it, made once; and what a test needs to know of them.

    ``path`` is the file of the embedded one.
    """

    path: Path | None
    root: UUID
    other_root: UUID
    people: dict[str, tuple[Actor, str]]


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> str:
    """Which stack a test runs on."""
    return str(getattr(request, "param", EMBEDDED))


@pytest.fixture(scope="session")
def embedded_seed(tmp_path_factory: pytest.TempPathFactory) -> Seed:
    """The SQLite database that each test copies."""
    folder = tmp_path_factory.mktemp("seed")
    migrate.upgrade(f"sqlite:///{folder / 'dossier.sqlite3'}")
    made = asyncio.run(_make_seed(Settings(data_dir=folder, portal_dir=BUILT_PORTAL)))
    assert made.path
    with contextlib.closing(sqlite3.connect(made.path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return made


@pytest.fixture(scope="session")
def production(tmp_path_factory: pytest.TempPathFactory, seaweed: SeaweedFS) -> Iterator[tuple[Stack, Seed]]:
    """The production parts, and the seed on them."""
    stack = Stack(database_server().start(), Redis().start(), seaweed)
    try:
        stack.make()
        made = asyncio.run(_make_seed(stack.settings(tmp_path_factory.mktemp("seed"), SEED)))
        stack.learn()
        yield stack, made
    finally:
        stack.database.close()
        stack.redis.close()


@pytest.fixture
def redis_server() -> Iterator[Redis]:
    """A Redis of a test's own."""
    server = Redis().start()
    yield server
    server.close()


@pytest.fixture
def seed(request: pytest.FixtureRequest, stack: str) -> Seed:
    """What the stack's database holds at the start of a test."""
    made: Seed = (
        request.getfixturevalue("production")[1] if stack == PRODUCTION else request.getfixturevalue("embedded_seed")
    )
    return made


async def _make_seed(settings: Settings) -> Seed:
    parts = build(settings)
    acme, other = new_id(), new_id()
    root = await parts.units.run(Actor.system(acme), lambda unit: folders.found_workspace(unit, "acme", "Acme"))
    other_root = await parts.units.run(
        Actor.system(other), lambda unit: folders.found_workspace(unit, "other", "Other")
    )
    people = {name: await _join(parts, acme, name, name) for name in ("owner", "editor", "viewer")}
    people["stranger"] = await _join(parts, other, "stranger", "owner")
    await parts.close()
    path = None if settings.database_url else settings.data_dir / "dossier.sqlite3"
    return Seed(path, root, other_root, people)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[SeaweedFS]:
    """A real S3 store with the bucket ``dossier``; a test that takes it away brings it back."""
    server = SeaweedFS().start()
    try:
        server.make_bucket()
        yield server
    finally:
        server.close()  # a gentle stop takes a quarter of a minute, and the data goes anyway


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path, seed: Seed, stack: str) -> Settings:
    """Settings of a program on its own copy of the seed."""
    data = tmp_path / "var"
    data.mkdir()
    common = {"log_level": "error", "portal_dir": BUILT_PORTAL, "link_folders": str(tmp_path)}
    if stack == PRODUCTION:
        servers: Stack = request.getfixturevalue("production")[0]
        servers.reset()
        return servers.settings(data).model_copy(update=common)
    assert seed.path
    shutil.copy(seed.path, data / "dossier.sqlite3")
    return Settings(data_dir=data).model_copy(update=common)


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


_programs: list[FastAPI] = []


@pytest.fixture
def app(parts: Parts) -> FastAPI:
    """The HTTP program; one for all tests, since FastAPI takes a third of a second to prepare its routes."""
    if not _programs:
        _programs.append(create_app(parts))
    equip(_programs[0], parts)
    return _programs[0]


def client_of(app: FastAPI, token: str | None = None) -> httpx.AsyncClient:
    """A client of the app in this process, with a token or as nobody."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    hooks: dict[str, list[Any]] = {"response": [contract_of(app).check]}
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000", headers=headers, event_hooks=hooks)


async def _join(
    parts: Parts, workspace_id: UUID, name: str, role: Any, scopes: Sequence[str] = ("read", "write", "admin")
) -> tuple[Actor, str]:
    async def make(unit: Unit) -> tuple[Actor | None, str]:
        member_id = await users.add_member(unit, f"{name}@example.com", name.capitalize(), role)
        return await users.actor_of(unit, member_id), await sessions.make_token(unit, member_id, "test", scopes)

    actor, token = await parts.units.run(Actor.system(workspace_id), make)
    assert actor is not None
    return actor, token


def _someone(app: FastAPI, name: str, actor: Actor, token: str) -> Someone:
    assert actor.member_id is not None
    return Someone(client_of(app, token), actor, actor.member_id, token, f"{name}@example.com")


async def someone(app: FastAPI, parts: Parts, workspace_id: UUID, name: str, role: Any, **scopes: Any) -> Someone:
    """One more member with a token (of all scopes unless ``scopes`` are given)."""
    return _someone(app, name, *await _join(parts, workspace_id, name, role, **scopes))


@pytest.fixture
def world(app: FastAPI, parts: Parts, clock: MovingClock, seed: Seed) -> World:
    """A small world; see ``World``."""
    people = {name: _someone(app, name, *known) for name, known in seed.people.items()}
    return World(app, parts, clock, seed.root, seed.other_root, **people, anonymous=client_of(app))
