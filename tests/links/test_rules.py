"""Who may do what with links, what is refused, and what happens when two are at it."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from dossier.core.actor import Actor
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.links import promises, runs
from dossier.links.errors import LinkGone
from dossier.links.ledger import Ledger
from dossier.links.models import LinkItemRow, LinkRow
from dossier.storage.errors import StorageFailed
from tests.links.conftest import Joined
from tests.links.test_links import write


class TestMaking:
    async def test_two_links_cannot_share_documents(self, joined: Joined) -> None:
        await joined.make()
        inner = await joined.call("POST", "/folders", 201, json={"name": "In", "parent_id": joined.folder_id})
        place = {"kind": "folder", "path": str(joined.share)}
        page = await joined.call("GET", "/folders", params={"limit": 200})
        root = next(each["parent_id"] for each in page["items"] if each["id"] == joined.folder_id)
        for folder_id in (joined.folder_id, inner["id"], root):
            told = {"name": "Again", "folder_id": folder_id, "place": place}
            refused = await joined.call("POST", "/links", 409, json=told)
            assert refused["code"] == "link_overlap"

    @pytest.mark.parametrize(
        "change",
        [
            {"name": ""},
            {"direction": "sideways"},
            {"place": {"kind": "gopher"}},
            {"place": {"kind": "folder"}},
            {"place": {"kind": "webdav", "url": "https://x/" + "x" * 3000}},
            {"limits": {"most_deleted_share": 2}},
            {"limits": {"most_deleted": -1}},
            {"credentials": {"password": "x" * 20_000}},
            {"credentials": {"password": 5}},
            {"surprise": 1},
        ],
    )
    async def test_bad_input(self, joined: Joined, change: dict[str, Any]) -> None:
        await joined.folder("Shared")
        place = {"kind": "folder", "path": str(joined.share)}
        told = {"name": "Share", "folder_id": joined.folder_id, "place": place}
        refused = await joined.call("POST", "/links", 422, json=told | change)
        assert refused["code"] == "invalid"
        assert (await joined.call("GET", "/links"))["items"] == []

    async def test_only_owners(self, joined: Joined) -> None:
        await joined.make()
        for client in (joined.world.editor.client, joined.world.viewer.client):
            assert (await client.get("/api/v1/links")).status_code == 403
            assert (await client.delete(f"/api/v1/links/{joined.link_id}")).status_code == 403
        assert (await joined.world.stranger.client.get(f"/api/v1/links/{joined.link_id}")).status_code == 404

    async def test_whoever_sees_a_document_sees_where_it_lives(self, joined: Joined) -> None:
        await joined.make()
        document = await joined.add("a.txt", b"one")
        await joined.run()
        answer = await joined.world.viewer.client.get(f"/api/v1/documents/{document['id']}/links")
        [found] = answer.json()["items"]
        assert (found["link"], found["item"]["remote_id"], found["item"]["state"]) == ("Share", "a.txt", "synced")
        hidden = await joined.world.stranger.client.get(f"/api/v1/documents/{document['id']}/links")
        assert hidden.status_code == 404


class TestEnding:
    async def test_both_sides_stay_as_they_are(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        await joined.call("DELETE", f"/links/{joined.link_id}", 204)
        await joined.world.work()
        assert await joined.here() == joined.there() == {"a.txt": b"one"}
        async with joined.world.parts.units.read(joined.world.owner.actor) as unit:
            assert await unit.session.scalar(select(func.count()).select_from(LinkItemRow)) == 0

    async def test_a_link_that_is_deleted_while_it_runs(self, joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
        await joined.make()
        for number in range(5):
            write(joined.share / f"{number}.txt", b"x")
        create = Ledger.create_ours

        async def gone(self: Ledger, *args: Any) -> None:
            await joined.call("DELETE", f"/links/{joined.link_id}", 204)
            await create(self, *args)

        monkeypatch.setattr(Ledger, "create_ours", gone)
        await joined.call("POST", f"/links/{joined.link_id}/run")
        await joined.world.work()
        assert await joined.here() == {}
        assert (await joined.call("GET", "/jobs", params={"state": "failed"}))["items"] == []


class TestLease:
    async def test_two_workers_on_one_link(self, joined: Joined) -> None:
        await joined.make()
        for number in range(10):
            write(joined.share / f"{number}.txt", b"%d" % number)
        actor = joined.world.owner.actor
        context, link_id = joined.world.parts, UUID(joined.link_id)
        joined.world.clock.move(seconds=301)
        both = await asyncio.gather(*(runs.run(context, actor.workspace_id, link_id) for _ in range(2)))
        assert sorted(both) == [False, True]
        assert len(await joined.here()) == 10

    async def test_a_run_that_has_lost_its_lease_writes_nothing(self, joined: Joined) -> None:
        await joined.make()
        units, actor, link_id = joined.world.parts.units, joined.world.owner.actor, UUID(joined.link_id)
        first, second = new_id(), new_id()
        link = await units.run(actor, lambda unit: runs._take(unit, link_id, first, starts=True))
        assert link is not None
        ledger = Ledger(units, joined.world.parts.store, Actor.system(actor.workspace_id, "Share"), link_id, first)
        assert await ledger.count() == 0
        joined.world.clock.move(seconds=61)
        assert await units.run(actor, lambda unit: runs._take(unit, link_id, second, starts=True)) is not None
        with pytest.raises(LinkGone):
            await ledger.listed(set(), None)

    async def test_a_plan_waits_for_the_run(self, joined: Joined) -> None:
        await joined.make()
        units, actor = joined.world.parts.units, joined.world.owner.actor
        link_id = UUID(joined.link_id)
        assert await units.run(actor, lambda unit: runs._take(unit, link_id, new_id(), starts=True))
        refused = await joined.call("GET", f"/links/{joined.link_id}/plan", 409)
        assert refused["code"] == "link_busy"


class TestPromises:
    async def test_one_chain_of_runs_whatever_wakes_it(self, joined: Joined) -> None:
        await joined.make()
        for number in range(5):
            await joined.add(f"{number}.txt", b"x")
            await joined.run()
        jobs = (await joined.call("GET", "/jobs"))["items"]
        assert [job["kind"] for job in jobs if job["kind"] == "links.sync"] == ["links.sync"]

    async def test_a_lost_promise_is_made_again(self, joined: Joined) -> None:
        await joined.make()
        actor = joined.world.owner.actor

        async def lose(unit: Unit) -> None:
            link = (await unit.session.execute(select(LinkRow))).scalar_one()
            link.promised, link.job_id = True, None

        await joined.world.parts.units.run(actor, lose)
        write(joined.share / "a.txt", b"one")
        joined.world.clock.move(hours=2)
        await joined.world.parts.units.run(actor, lambda unit: promises.keep(unit, timedelta(minutes=5)))
        await joined.world.work()
        assert await joined.here() == {"a.txt": b"one"}


class TestStoreAway:
    """Our own parts fail while a link works: it goes on where it was."""

    async def test_nothing_is_lost_and_it_goes_on(self, joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
        await joined.make()
        write(joined.share / "theirs.txt", b"theirs")
        await joined.add("ours.txt", b"ours")

        async def away(*_args: Any, **_how: Any) -> Any:
            raise StorageFailed

        with monkeypatch.context() as patched:
            patched.setattr(joined.world.parts.store, "put", away)
            await joined.call("POST", f"/links/{joined.link_id}/run")
            await joined.world.work()
            assert await joined.here() == {"ours.txt": b"ours"}
            assert (joined.share / "theirs.txt").read_bytes() == b"theirs"
        joined.world.clock.move(seconds=3700)
        await joined.world.work()
        assert await joined.here() == joined.there() == {"theirs.txt": b"theirs", "ours.txt": b"ours"}
        assert (await joined.call("GET", "/jobs", params={"state": "failed"}))["items"] == []
