"""What follows from a request is found with it: jobs and events carry its id, and nobody is shown that."""

from uuid import UUID

import pytest
from sqlalchemy import select

from dossier.core import trail
from dossier.core.events import EventRow
from dossier.core.jobs import GiveUp, Handler, JobRow
from dossier.core.units import Unit
from dossier.worker import Worker
from tests.conftest import World
from tests.lines import Lines

API = "/api/v1"


async def add(world: World) -> tuple[str, str]:
    """A new document's id, and the id of the request."""
    answer = await world.editor.client.post(f"{API}/documents?name=a.txt", content=b"words")
    return answer.json()["id"], answer.headers["x-request-id"]


class TestFollowed:
    async def test_a_job_two_steps_on_names_the_request(self, world: World, capfd: pytest.CaptureFixture[str]) -> None:
        """Request → event → consumer → job."""
        lines = Lines(capfd)
        _id, request_id = await add(world)
        await world.work()
        (line,) = [line for line in lines.of("job") if line["kind"] == "search.index"]
        assert (line["request_id"], line["outcome"], line["attempt"]) == (request_id, "done", 1)
        assert str(UUID(line["job"])) == line["job"]

    async def test_one_that_comes_from_no_request(self, world: World, capfd: pytest.CaptureFixture[str]) -> None:
        lines = Lines(capfd)

        async def give_up(_context: object, _job: JobRow) -> None:
            raise GiveUp("made up")

        async def promise(unit: Unit) -> None:
            unit.defer("test.do")

        await world.parts.units.run(world.owner.actor, promise)
        await Worker(world.parts, {"test.do": Handler(give_up)}, []).work()
        (line,) = lines.of("job")
        assert (line["outcome"], "request_id" in line) == ("dead", False)


class TestHidden:
    async def test_in_the_feed(self, world: World) -> None:
        id_, request_id = await add(world)
        answer = await world.editor.client.get(f"{API}/events")
        (event,) = [each for each in answer.json()["items"] if each["document_id"] == id_]
        assert trail.KEY not in event["data"]
        assert request_id not in answer.text
        async with world.parts.units.read(world.owner.actor) as unit:
            stored = (await unit.session.scalars(select(EventRow.stored).order_by(EventRow.seq.desc()))).first()
        assert stored is not None
        assert stored[trail.KEY] == {"request_id": request_id}

    async def test_in_a_jobs_payload(self, world: World) -> None:
        id_, request_id = await add(world)
        await Worker(world.parts).follow()
        async with world.parts.units.read(world.owner.actor) as unit:
            (job,) = await unit.session.scalars(select(JobRow).where(JobRow.kind == "search.index"))
        assert job.payload["document_id"] == id_
        assert trail.KEY not in job.payload
        assert job.stored[trail.KEY] == {"request_id": request_id}
