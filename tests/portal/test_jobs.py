"""Jobs on the screen of owners: what failed and why, and another try."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from dossier.core import jobs
from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.jobs import GiveUp, Handler
from dossier.core.units import Unit
from dossier.storage import StorageFailed
from dossier.worker import Worker
from tests.portal.screens import API, asked, everything, got, plans
from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


async def put(world: "World", kind: str, workspace_id: UUID | None = None, **values: Any) -> UUID:
    """A job as the table keeps it."""
    payload = values.pop("payload", {})

    async def add(unit: Unit) -> UUID:
        row = jobs.new(unit.workspace_id, kind, payload, unit.now, unit.now)
        for name, value in values.items():
            setattr(row, name, value)
        unit.session.add(row)
        return row.id

    return await world.parts.units.run(Actor.system(workspace_id or world.owner.actor.workspace_id), add)


@pytest.fixture
async def one_of_each(world: "World") -> dict[str, UUID]:
    """A job in each state, in the order that they were promised."""
    found = {"failed": await put(world, "a.one", state="dead", attempts=5, last_error="It is damaged.")}
    found["running"] = await put(world, "a.two", state="running", attempts=1)
    return found | {"waiting": await put(world, "a.three")}


class TestList:
    async def test_newest_first_and_by_state(self, world: "World", one_of_each: dict[str, UUID]) -> None:
        for limit in (1, 200):
            items = await everything(world.owner, "jobs", limit=limit)
            assert [item["state"] for item in items] == ["waiting", "running", "failed"]
        shown: dict[str, Any] = {}
        for state, id_ in one_of_each.items():
            (shown[state],) = await everything(world.owner, "jobs", state=state)
            assert (shown[state]["id"], shown[state]["state"]) == (str(id_), state)
        assert (shown["waiting"]["next_try_at"] is None, shown["waiting"]["last_error"]) == (False, None)
        assert {name: shown["failed"][name] for name in ("attempts", "last_error", "next_try_at")} == {
            "attempts": 5,
            "last_error": "It is damaged.",
            "next_try_at": None,
        }

    async def test_names_its_document(self, world: "World") -> None:
        desk = Desk(world)
        document_id = await desk.document()
        await put(world, "b.one", payload={"document_id": str(document_id)})
        await put(world, "b.two", payload={"document_id": str(new_id())})
        known = {item["kind"]: item["document"] for item in await everything(world.owner, "jobs")}
        assert known == {"b.one": {"id": str(document_id), "name": "Lease 1.txt"}, "b.two": None}

    async def test_of_this_workspace_alone(self, world: "World", one_of_each: dict[str, UUID]) -> None:
        assert one_of_each
        await put(world, "theirs", world.stranger.actor.workspace_id)
        await put(world, "nobody's", UUID(int=0))
        assert [item["kind"] for item in await everything(world.stranger, "jobs")] == ["theirs"]
        assert len(await everything(world.owner, "jobs")) == 3

    async def test_is_for_owners(self, world: "World") -> None:
        for who in (world.editor, world.viewer):
            assert (await who.client.get(f"{API}/jobs")).status_code == 403

    async def test_bad(self, world: "World") -> None:
        for query in ({"state": "dead"}, {"after": "x"}):
            assert (await world.owner.client.get(f"{API}/jobs", params=query)).status_code == 422

    @pytest.mark.embedded
    async def test_walks_along_an_index(self, world: "World") -> None:
        with asked(world) as statements:
            await got(world.owner, "jobs")
        plan = await plans(world, [each for each in statements if "FROM jobs" in each[0]])
        assert plan.count("ix_jobs_workspace_id_state_id (workspace_id=? AND state=?") == 3


class TestRetry:
    async def test_a_failed_one_has_all_its_attempts_again(self, world: "World", one_of_each: dict[str, UUID]) -> None:
        ring = world.parts.units.bell.listen()
        answer = await world.owner.client.post(f"{API}/jobs/{one_of_each['failed']}/retry")
        assert (answer.status_code, answer.json()["state"], answer.json()["attempts"]) == (200, "waiting", 0)
        assert answer.json()["last_error"] == "It is damaged.", "until it is known better"
        assert ring.is_set(), "the worker need not wait for its poll"

    async def test_one_that_waits_starts_now(self, world: "World") -> None:
        id_ = await put(world, "later", attempts=2, run_at=world.clock())
        world.clock.move(hours=-1)
        before = (await everything(world.owner, "jobs"))[0]["next_try_at"]
        after = (await world.owner.client.post(f"{API}/jobs/{id_}/retry")).json()
        assert after["next_try_at"] < before
        assert (after["state"], after["attempts"]) == ("waiting", 2)

    async def test_one_that_runs_goes_on(self, world: "World", one_of_each: dict[str, UUID]) -> None:
        answer = await world.owner.client.post(f"{API}/jobs/{one_of_each['running']}/retry")
        assert (answer.json()["state"], answer.json()["attempts"]) == ("running", 1)

    async def test_none_of_mine(self, world: "World", one_of_each: dict[str, UUID]) -> None:
        id_ = one_of_each["failed"]
        for who, status, code in ((world.stranger, 404, "job_not_found"), (world.editor, 403, "not_allowed")):
            answer = await who.client.post(f"{API}/jobs/{id_}/retry")
            assert (answer.status_code, answer.json()["code"]) == (status, code)
        answer = await world.owner.client.post(f"{API}/jobs/{new_id()}/retry")
        assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")


class TestReasons:
    @pytest.mark.parametrize(
        ("error", "reason"),
        [
            (GiveUp("The file is damaged."), "The file is damaged."),
            (StorageFailed("The file storage does not answer."), "The file storage does not answer."),
            (KeyError("secret"), "Unexpected KeyError; the log has it under this job's id."),
        ],
    )
    async def test_people_can_read_them(self, world: "World", error: Exception, reason: str) -> None:
        async def fail(_context: Any, _job: Any) -> None:
            raise error

        await put(world, "fails")
        await Worker(world.parts, jobs_={"fails": Handler(fail, attempts=1)}).work()
        assert [item["last_error"] for item in await everything(world.owner, "jobs", state="failed")] == [reason]
