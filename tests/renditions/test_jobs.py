"""Making renditions, and letting go of them."""

import dataclasses
from typing import Any

import pytest
from sqlalchemy import func, select

from dossier.core import jobs
from dossier.core.units import Unit
from dossier.renditions.jobs import ATTEMPTS
from dossier.renditions.models import Rendition
from dossier.storage.models import Blob
from dossier.transfer.doctor import examine
from dossier.worker import Worker
from tests.conftest import World
from tests.documents.test_documents import add
from tests.renditions import files
from tests.renditions.conftest import Office, waiting, work
from tests.renditions.test_routes import at, shown

API = "/api/v1"
WORD = files.word("An offer")
pytestmark = pytest.mark.slow


async def counted(world: World) -> dict[str, int]:
    """Rows of renditions and blobs, and files in the store."""

    async def read(unit: Unit) -> dict[str, int]:
        rows = {table: select(func.count()).select_from(table) for table in (Rendition, Blob)}
        return {table.__tablename__: await unit.session.scalar(query) or 0 for table, query in rows.items()}

    return await world.parts.units.run(world.owner.actor, read)


async def purge(world: World, document: Any) -> None:
    path = f"{API}/documents/{document['id']}"
    assert (await world.owner.client.delete(path)).status_code == 204
    assert (await world.owner.client.delete(path, params={"purge": True})).status_code == 204


async def with_pdf(world: World, name: str = "Offer.docx", content: bytes = WORD) -> Any:
    document = await add(world.editor.client, name, content)
    await shown(world.viewer.client, document)
    await work(world)
    assert (await shown(world.viewer.client, document))["state"] == "ready"
    return document


class TestMake:
    async def test_goes_before_what_nobody_waits_for(self, world: World, writer: Office) -> None:
        await world.work()
        document = await add(world.editor.client, "Offer.docx", WORD)
        await Worker(world.parts).follow()
        await shown(world.viewer.client, document)
        claimed = await world.parts.units.run(
            world.owner.actor, lambda unit: jobs.claim(unit.session, world.root, unit.now)
        )
        assert claimed is not None and claimed.kind == "renditions.make"
        assert claimed.payload["document_id"] == document["id"]

    async def test_a_second_job_does_nothing(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        (job,) = await waiting(world)

        async def again(unit: Unit) -> None:
            unit.defer(job.kind, **job.payload)

        await world.parts.units.run(world.owner.actor, again)
        await work(world)
        assert writer.made == 1

    async def test_a_fault_is_tried_again_and_then_told(self, world: World, writer: Office) -> None:
        writer.fault = OSError
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        await work(world)
        assert len(writer.seen) == ATTEMPTS
        preview = await shown(world.viewer.client, document)
        assert (preview["state"], preview["reason"]) == ("failed", "It could not be made; the log says more.")

    async def test_retried_by_hand(self, world: World, writer: Office) -> None:
        writer.refuses = "timeout"
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        await work(world)
        writer.refuses = ""
        await world.parts.units.run(world.owner.actor, lambda unit: jobs.retry(unit.session, unit.now))
        await work(world)
        assert (await shown(world.viewer.client, document))["state"] == "ready"

    async def test_a_worker_without_libreoffice(
        self, world: World, writer: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        monkeypatch.undo()
        settings = world.parts.settings.model_copy(update={"soffice": "/nowhere/soffice"})
        await Worker(dataclasses.replace(world.parts, settings=settings)).work()
        preview = await shown(world.viewer.client, document)
        assert preview["state"] == "failed" and "LibreOffice" in preview["reason"]

    async def test_of_a_document_that_was_purged_meanwhile(self, world: World, writer: Office) -> None:
        document = await add(world.editor.client, "Offer.docx", WORD)
        await shown(world.viewer.client, document)
        await purge(world, document)
        await world.work()
        await work(world)
        assert await waiting(world) == []
        assert await counted(world) == {"renditions": 0, "blobs": 0}


class TestTidy:
    async def test_goes_with_the_last_version_that_has_it(self, world: World, writer: Office) -> None:
        one, two = await with_pdf(world), await with_pdf(world, "Copy.docx")
        await world.viewer.client.get(at(one, "thumbnail"))
        await work(world)
        assert await counted(world) == {"renditions": 2, "blobs": 3}
        await purge(world, one)
        await world.work()
        assert await counted(world) == {"renditions": 2, "blobs": 3}
        await purge(world, two)
        await world.work()
        assert await counted(world) == {"renditions": 0, "blobs": 0}

    async def test_the_bytes_are_swept(self, world: World, writer: Office) -> None:
        await purge(world, await with_pdf(world))
        await world.work()
        world.clock.move(hours=world.parts.settings.blob_grace_hours + 1)
        await world.parts.units.run(world.owner.actor, _sweep)
        await world.work()
        assert [entry async for entry in world.parts.store.keys()] == []  # noqa: SIM118  # a store is no dict

    async def test_a_pdf_that_somebody_put_in_stays(self, world: World, writer: Office) -> None:
        document = await with_pdf(world)
        pdf = (await world.viewer.client.get(at(document, "rendition"))).content
        own = await add(world.editor.client, "Own.pdf", pdf)
        await purge(world, document)
        await world.work()
        assert await counted(world) == {"renditions": 0, "blobs": 1}
        assert (await world.viewer.client.get(f"{API}/documents/{own['id']}/content")).content == pdf

    async def test_a_pdf_that_goes_with_another_document_is_made_again(self, world: World, writer: Office) -> None:
        document = await with_pdf(world)
        pdf = (await world.viewer.client.get(at(document, "rendition"))).content
        await purge(world, await add(world.editor.client, "Own.pdf", pdf))
        assert (await shown(world.viewer.client, document))["state"] == "making"
        await work(world)
        assert (await shown(world.viewer.client, document))["state"] == "ready"
        assert writer.made == 2

    async def test_other_workspaces_keep_theirs(self, world: World, writer: Office) -> None:
        document = await with_pdf(world)
        theirs = await add(world.stranger.client, "Offer.docx", WORD)
        await shown(world.stranger.client, theirs)
        await work(world)
        await purge(world, document)
        await world.work()
        assert await counted(world) == {"renditions": 1, "blobs": 2}
        assert (await world.stranger.client.get(at(theirs, "rendition"))).status_code == 200

    async def test_every_hour(self, world: World) -> None:
        await Worker(world.parts).keep_house()
        assert len(await waiting(world, "renditions.tidy")) == 1

    async def test_the_doctor_is_content(self, world: World, writer: Office) -> None:
        await with_pdf(world)
        diagnosis = await examine(world.parts)
        assert diagnosis.findings == [] and diagnosis.checked["contents"] == 2


async def _sweep(unit: Unit) -> None:
    unit.defer("documents.sweep_blobs")
