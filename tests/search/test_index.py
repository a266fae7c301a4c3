"""Search end to end: an added file is found by its name, its tags and the text inside; others' are not."""

import pytest

from dossier.core import jobs
from dossier.core.actor import NOBODY
from tests.conftest import World
from tests.documents.test_documents import add, everything

API = "/api/v1"


class TestSearch:
    async def test_name_tags_and_text(self, world: World) -> None:
        document = await add(world.editor.client, "Mietvertrag Straße.txt", "Größe der Wohnung: 80 m²".encode())
        await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"tags": ["Lease 2026"]})
        await add(world.editor.client, "other.txt", b"nothing of the kind")
        await world.work()
        for q in ("mietvertrag", "STRASSE", "grosse", "lease", "2026", "wohn", "wohnung mietvertrag"):
            assert await everything(world.viewer.client, q=q) == ["Mietvertrag Straße.txt"], q
        for q in ("wohn ", "nowhere", "!!!"):
            assert await everything(world.viewer.client, q=q) == [], q

    async def test_newest_first_and_pages(self, world: World) -> None:
        for n in range(7):
            await add(world.editor.client, f"report {n}.txt", b"%d" % n)
            await world.work()
        assert await everything(world.editor.client, q="report", limit=2) == [
            f"report {n}.txt" for n in range(6, -1, -1)
        ]

    async def test_other_workspace(self, world: World) -> None:
        await add(world.editor.client, "plan.txt", b"plan")
        await world.work()
        assert await everything(world.stranger.client, q="plan") == []

    async def test_new_version_changes_the_text(self, world: World) -> None:
        document = await add(world.editor.client, "a.txt", b"apples")
        await world.work()
        await world.editor.client.post(f"{API}/documents/{document['id']}/versions", content=b"oranges")
        await world.work()
        assert await everything(world.editor.client, q="apples") == []
        assert await everything(world.editor.client, q="oranges") == ["a.txt"]

    async def test_trash_and_purge(self, world: World) -> None:
        document = await add(world.editor.client, "a.txt", b"apples")
        await world.work()
        await world.editor.client.delete(f"{API}/documents/{document['id']}")
        assert await everything(world.editor.client, q="apples") == []
        assert await everything(world.editor.client, q="apples", trashed=True) == ["a.txt"]
        await world.owner.client.delete(f"{API}/documents/{document['id']}", params={"purge": True})
        assert await everything(world.editor.client, q="apples", trashed=True) == []

    async def test_with_filters(self, world: World) -> None:
        await add(world.editor.client, "a.txt", b"apples")
        await world.work()
        assert await everything(world.editor.client, q="apples", type="application/pdf") == []
        assert await everything(world.editor.client, q="apples", folder_id=str(world.root)) == ["a.txt"]

    async def test_broken_file_is_a_dead_job_with_a_reason(self, world: World) -> None:
        document = await add(world.editor.client, "broken.pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\ngarbage")
        await world.work()
        async with world.parts.units.read(NOBODY) as unit:
            dead = await jobs.list_(unit.session, state="dead")
        assert [(job.kind, job.payload["document_id"]) for job in dead] == [("search.index", document["id"])]
        assert (dead[0].last_error or "").startswith("broken: ")
        assert await everything(world.editor.client, q="broken") == ["broken.pdf"]

    @pytest.mark.parametrize("q", ['"', "a AND", "NEAR(", "*", "tokens:a", "\x00", "' OR 1=1 --", "文" * 300])
    async def test_hostile_queries(self, world: World, q: str) -> None:
        assert (await world.editor.client.get(f"{API}/documents", params={"q": q})).status_code == 200
