"""The bench's ground: what is written straight into the database is what the program would have written."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from bench import ground
from bench.ground import Ground
from dossier.app import Parts, build, create_app
from dossier.core import log
from dossier.core.actor import Actor
from dossier.core.settings import Settings
from dossier.search import service as index
from dossier.transfer import examine
from dossier.worker import Worker
from tests.stack import Stack

pytestmark = pytest.mark.slow
COUNT = 300


@pytest.fixture(params=["embedded", pytest.param("production", marks=pytest.mark.production)])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Ground:
    """The ground with 300 documents."""
    settings = Settings(data_dir=tmp_path)
    if request.param == "production":
        stack: Stack = request.getfixturevalue("production")[0]
        stack.database.execute("DROP DATABASE IF EXISTS ground")
        stack.database.make_database("ground")
        settings = settings.model_copy(update={"database_url": stack.database.address("ground")})
    return ground.lay(settings, COUNT)


@pytest.fixture
async def laid(made: Ground) -> AsyncIterator[tuple[Ground, Parts]]:
    """The ground, and the program's parts on it."""
    log.configure("console", "error")
    parts = build(made.settings)
    yield made, parts
    await parts.close()


async def test_the_program_works_on_it(laid: tuple[Ground, Parts]) -> None:
    made, parts = laid
    headers = {"Authorization": f"Bearer {made.tokens['owner']}"}
    transport = httpx.ASGITransport(app=create_app(parts))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1", headers=headers) as client:
        found = await _every(client, "/documents")
        assert len({each["id"] for each in found}) == COUNT
        first = found[0]
        words = first["name"].removesuffix(".txt")
        hits = (await client.get("/documents", params={"q": words})).json()["items"]
        assert [each["id"] for each in hits] == [first["id"]]
        content = await client.get(f"/documents/{first['id']}/content")
        assert content.status_code == 200
        assert len(content.content) == first["version"]["size"]
        tasks = await _every(client, "/tasks")
        assert len(tasks) == sum(each["open_tasks"] for each in found) == COUNT // 50
        events: list[Any] = []
        while page := (await client.get("/events", params={"after": len(events), "limit": 200})).json()["items"]:
            events += page
        assert [each["seq"] for each in events] == list(range(1, len(events) + 1))
        assert sum(each["type"] == "document.added" for each in events) == COUNT


async def test_rights_hold_on_it(laid: tuple[Ground, Parts]) -> None:
    made, parts = laid
    transport = httpx.ASGITransport(app=create_app(parts))
    seen = {}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1/api/v1") as client:
        for name in ("editor", "viewer"):
            client.headers["Authorization"] = f"Bearer {made.tokens[name]}"
            seen[name] = len(await _every(client, "/documents"))
    assert seen == {"editor": COUNT, "viewer": COUNT - COUNT // 100}


async def test_the_index_is_as_the_indexer_writes_it(laid: tuple[Ground, Parts]) -> None:
    made, parts = laid
    async with parts.units.read(Actor.system(made.workspace)) as unit:
        rows = (await unit.session.execute(text("SELECT document_id, tokens FROM search_documents"))).all()
        assert len(rows) == COUNT
        for document_id, tokens in rows[::7]:
            assert tokens == await index.tokens_of(unit, UUID(bytes=document_id))


async def test_nothing_is_amiss_and_nothing_left_to_do(laid: tuple[Ground, Parts]) -> None:
    _, parts = laid
    diagnosis = await examine(parts)
    assert diagnosis.findings == []
    await Worker(parts).follow()
    async with parts.units.read(Actor.system(UUID(int=0))) as unit:
        assert await unit.session.scalar(text("SELECT COUNT(*) FROM jobs")) == 0


async def _every(client: httpx.AsyncClient, path: str) -> list[Any]:
    found: list[Any] = []
    after = None
    while True:
        page = (await client.get(path, params={"limit": 200} | ({"after": after} if after else {}))).json()
        found += page["items"]
        if not (after := page["next"]):
            return found
