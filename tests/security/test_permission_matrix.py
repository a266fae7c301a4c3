"""Every operation of the OpenAPI document × everybody who may not: strangers, the shut out, viewers, ended credentials.

``calls.table`` says how each operation is called and what each kind of person is answered. An operation that is not in it
fails the test, and so does one that exists no more. That the calls are right at all is shown by the owner, who may do each.
"""

import io
import re
import zipfile
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from tests.conftest import Seed
from tests.security.calls import GOOD, LIST, PUBLIC, SESSION, Call, operations, request, table
from tests.security.guard import faults
from tests.security.place import API, VAULT, Place, made, placed, state

pytestmark = pytest.mark.asyncio(loop_scope="module")


def slowly(*values: str) -> list[Any]:
    """Parameters that `make check` can do without."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


NOBODY = ["anonymous", "expired", "revoked", "deactivated"]
NOBODY += slowly("garbage token", "another scheme", "deactivated, by cookie", "ended session")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory, embedded_seed: Seed) -> AsyncIterator[Place]:
    """One place for all who may change nothing: it stays as it is."""
    async with placed(tmp_path_factory.mktemp("place"), embedded_seed) as place:
        yield place


@pytest_asyncio.fixture(loop_scope="module")
async def own_place(tmp_path_factory: pytest.TempPathFactory, embedded_seed: Seed) -> AsyncIterator[Place]:
    """A place to change."""
    async with placed(tmp_path_factory.mktemp("own"), embedded_seed) as place:
        yield place


def calls(place: Place) -> dict[str, Call]:
    """The table on the things of the place."""
    return table({**place.ids, **place.others})


async def ask(place: Place, client: httpx.AsyncClient, name: str, how: Call) -> httpx.Response:
    """What somebody is answered, with all the headers that every answer carries."""
    answer = await client.send(request(place.world.app, client, name, how))
    assert faults(answer) == [], f"{name}: {answer.status_code}"
    return answer


def methods(place: Place) -> dict[str, str]:
    """Call → method."""
    known = operations(place.world.app)
    return {name: known[name.partition(":")[0]][0] for name in calls(place)}


def differs(answer: httpx.Response, wanted: int) -> bool:
    """Whether an answer is not the wanted one."""
    return not answer.is_success if wanted == GOOD else answer.status_code != wanted


async def refused(place: Place, who: str, wanted: dict[str, int]) -> dict[str, str]:
    """Ask all of ``wanted`` as somebody: what was answered otherwise. Nothing may change, and no refusal may tell much."""
    before, wrong = await state(place.world), {}
    for name, how in calls(place).items():
        if name not in wanted:
            continue
        answer = await ask(place, place.clients[who], name, how)
        if differs(answer, wanted[name]):
            wrong[name] = f"{answer.status_code} instead of {wanted[name] or 'success'}: {answer.text[:200]}"
        elif answer.status_code == 404 and tells(place, answer, how):
            wrong[name] = f"tells of what is hidden: {answer.text}"
    assert await state(place.world) == before
    return wrong


def tells(place: Place, answer: httpx.Response, how: Call) -> list[str]:
    """Traces in an answer that were not in what was asked."""
    asked = f"{how.params} {how.send}"
    told = f"{answer.text} {answer.headers}"
    return [trace for trace in place.traces if trace in told and trace not in asked]


class TestTable:
    async def test_every_operation_is_listed(self, place: Place) -> None:
        listed = {name.partition(":")[0] for name in calls(place)}
        known = set(operations(place.world.app))
        assert known - listed == set(), "give these a line in tests/security/calls.py"
        assert listed - known == set(), "these are no operations any more"

    async def test_the_document_says_the_same_of_who_is_public(self, place: Place) -> None:
        paths = place.world.app.openapi()["paths"]
        open_ = {op["operationId"] for item in paths.values() for op in item.values() if op.get("security") == []}
        assert open_ == {name for name, how in calls(place).items() if how.kind is PUBLIC}

    @pytest.mark.slow
    async def test_the_owner_may_do_all_of_it(self, own_place: Place) -> None:
        """Else a 404 below would show nothing but a wrong address."""
        wrong: dict[str, str] = {}
        browser = own_place.clients["acme's owner, by cookie"]
        ticket = (await made(await ask(own_place, browser, "create_download", calls(own_place)["create_download"])))[
            "url"
        ]
        assert (await own_place.world.anonymous.get(ticket)).status_code == 200
        for name, how in calls(own_place).items():
            if how.kind not in (PUBLIC, SESSION):
                answer = await ask(own_place, own_place.world.owner.client, name, how)
                wrong |= {name: f"{answer.status_code} {answer.text}"} if differs(answer, GOOD) else {}
        assert wrong == {}


class TestRefusals:
    @pytest.mark.parametrize("who", NOBODY)
    async def test_nobody(self, place: Place, who: str) -> None:
        wanted = {name: 401 for name, how in calls(place).items() if how.kind is not PUBLIC}
        assert await refused(place, who, wanted) == {}

    async def test_what_is_public(self, place: Place) -> None:
        wanted = {name: how.but["anonymous"] for name, how in calls(place).items() if how.kind is PUBLIC}
        assert await refused(place, "anonymous", wanted | {"live": GOOD, "ready": GOOD, "request_reset": GOOD}) == {}

    @pytest.mark.parametrize("who", ["foreign", "no_right", "viewer", "read_only"])
    async def test_by_kind(self, place: Place, who: str) -> None:
        wanted = {name: how.answered(who) for name, how in calls(place).items() if how.kind is not PUBLIC}
        assert await refused(place, who, wanted) == {}

    async def test_a_token_that_is_no_admin(self, place: Place) -> None:
        wanted = {name: 403 for name, how in calls(place).items() if how.answered("not_admin") == 403}
        assert {"invite", "update_member", "delete_group", "list_invitations"} < wanted.keys()
        assert await refused(place, "not_admin", wanted) == {}

    @pytest.mark.parametrize("who", slowly("foreign, naming acme", "acme's owner, naming other"))
    async def test_a_workspace_that_one_is_not_in(self, place: Place, who: str) -> None:
        kept = {name: how for name, how in calls(place).items() if how.kind not in (PUBLIC, SESSION)}
        assert await refused(place, who, dict.fromkeys(kept, 404)) == {}

    @pytest.mark.slow
    async def test_an_id_of_one_workspace_and_the_name_of_another(self, place: Place) -> None:
        """An owner of both, who names the other one."""
        kept = {name: how for name, how in calls(place).items() if how.kind not in (PUBLIC, SESSION)}
        wanted = {name: how.answered("foreign") for name, how in kept.items()}
        assert await refused(place, "owner of both, in other", wanted) == {}

    async def test_a_page_of_another_site(self, place: Place) -> None:
        unsafe = [name for name, method in methods(place).items() if method not in ("GET", "HEAD")]
        wanted = {name: 403 for name in unsafe if calls(place)[name].kind is not PUBLIC}
        assert await refused(place, "lured by another site", wanted) == {}


def lists_everything(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """Addresses and queries that show what somebody may see, each way round."""
    root, open_ = str(place.world.root), place.others["open"]
    yield from [(f"{API}/documents", query) for query in document_queries(place)]
    yield from [(f"{API}/folders", query) for query in ({}, {"parent_id": root}, {"parent_id": open_})]
    yield from [(f"{API}/folders/{root}", {}), (f"{API}/folders/{root}/access", {})]
    for query in ({}, {"status": "open"}, {"assignee": "none"}, {"created_by": str(place.insider.member_id)}):
        yield f"{API}/tasks", query
    yield from [(f"{API}/events", {"limit": 200}), (f"{API}/events/stream", {"after": 0})]
    yield from [(f"{API}/events", {"document_id": place.ids["plan"]}), (f"{API}/events", {"types": "task.created"})]
    yield from [
        (f"{API}/{what}", {})
        for what in ("members", "groups", "tokens", "invitations", "certificates", "webhooks", "me")
    ]
    yield from screens(place)
    yield f"{API}/tokens", {"member_id": str(place.insider.member_id)}


def screens(place: Place) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the portal asks for."""
    for what in ("home", "arrivals", "notices", "notices/unread", "workspace", "jobs", "activity"):
        yield f"{API}/{what}", {}
    yield f"{API}/notices", {"unread": True}
    yield f"{API}/activity", {"limit": 1}
    yield f"{API}/activity", {"document_id": place.ids["plan"]}
    for q in ("quokka", "feed", "plan", "open"):
        yield f"{API}/search", {"q": q}
        yield f"{API}/search/documents", {"q": q, "limit": 1}


def document_queries(place: Place) -> Iterator[dict[str, Any]]:
    """Ways to list documents."""
    for query in ({}, {"q": "quokka"}, {"q": "open"}, {"tag": "quokka"}, {"type": "text/"}, {"has_open_tasks": True}):
        yield {**query, "limit": 200}
        yield {**query, "trashed": True}
    yield from ({"sort": sort, "limit": 1} for sort in ("name", "-name", "updated_at", "-updated_at"))
    yield from ({"author": str(place.insider.member_id)}, {"folder_id": str(place.world.root)})


@pytest.mark.slow
class TestNoTrace:
    """What one may not see is in no list, search, count, feed, stream or archive either."""

    @pytest.mark.parametrize("who", ["no_right", "foreign"])
    async def test_lists(self, place: Place, who: str) -> None:
        await place.world.work()
        assert "quokka" in (await place.insider.client.get(f"{API}/documents", params={"q": "quokka"})).text
        client = place.clients[who]
        for address, query in lists_everything(place):
            seen: Any = {"next": None}
            for _page in range(20):
                answer = await client.get(address, params=query)
                shown = f"{answer.text} {answer.headers}"
                assert not [trace for trace in place.traces if trace in shown], f"{address} {query}: {shown}"
                seen = answer.json() if answer.headers["content-type"] == "application/json" else {}
                if address.endswith("/events") or not (after := seen.get("next")):
                    break
                query = query | {"after": after}
            assert not seen.get("next") or address.endswith("/events"), f"{address} {query} goes on and on"

    @pytest.mark.parametrize("who", ["no_right", "foreign"])
    async def test_counts(self, place: Place, who: str) -> None:
        """Somebody who was shut out had tasks and notices there, and has worked there."""
        await place.world.work()
        client = place.clients[who]
        home = await made(await client.get(f"{API}/home"))
        assert home["counts"] == {"my_open_tasks": 0, "my_overdue_tasks": 0, "unread": 0}
        assert (home["tasks"], home["waiting"], home["recent"]) == ([], [], [])
        assert await made(await client.get(f"{API}/notices/unread")) == {"count": 0}
        assert await made(await client.post(f"{API}/notices/read", json={})) == {"count": 0}
        stream = (await client.get(f"{API}/events/stream")).text
        assert 'event: notice\ndata: {"unread": 0}' in stream

    async def test_pages(self, place: Place) -> None:
        """Pages of one are as many as there are things to see: none is empty for what is hidden, and none is missing."""
        for what in ("documents", "folders", "tasks"):
            whole = (await made(await place.world.owner.client.get(f"{API}/{what}", params={"limit": 200})))["items"]
            seen, query = list[str](), dict[str, Any](limit=1)
            while True:
                page = await made(await place.clients["no_right"].get(f"{API}/{what}", params=query))
                seen += [item["id"] for item in page["items"]]
                if page["next"] is None:
                    break
                query["after"] = page["next"]
                assert len(page["items"]) == 1
            assert seen == [item["id"] for item in whole if item["id"] not in place.ids.values()]

    async def test_archive(self, place: Place) -> None:
        client = place.clients["no_right"]
        url = (await made(await client.post(f"{API}/downloads", json={"folder_ids": [str(place.world.root)]})))["url"]
        archive = (await client.get(url)).content
        assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["Acme/", "Acme/Open/", "Acme/Open/open.txt"]
        assert not [trace for trace in place.traces if trace.encode() in archive]

    async def test_a_name_that_is_taken_by_something_hidden(self, place: Place) -> None:
        """That the name is taken cannot be hidden. What took it can."""
        answer = await place.clients["no_right"].post(f"{API}/folders", json={"name": VAULT.upper()})
        assert (answer.status_code, answer.json()["code"]) == (409, "name_taken")
        assert not [trace for trace in place.traces if trace in answer.text]

    async def test_nothing_hidden_is_like_something_that_is_not_there(self, place: Place) -> None:
        """The refusal of a hidden thing and of a made-up id differ in nothing but the request's id."""
        client, made_up = place.clients["no_right"], str(uuid4())
        for name, how in calls(place).items():
            if how.kind is PUBLIC or how.answered("no_right") != 404 or name.startswith("revoke_token"):
                continue
            hidden = await ask(place, client, name, how)
            ids = dict.fromkeys([*place.ids, *place.others], made_up)
            absent = await ask(place, client, name, table(ids)[name])
            assert told(hidden, place.ids) == told(absent, {"made up": made_up}), name


def told(answer: httpx.Response, ids: dict[str, str] | Any) -> tuple[int, str, list[tuple[str, str]]]:
    """An answer without what differs from request to request."""
    body = re.sub("|".join(ids.values()), "ID", re.sub(r'"request_id":"[^"]+"', "", answer.text))
    headers = [(name, value) for name, value in answer.headers.items() if name not in ("x-request-id",)]
    return answer.status_code, body, headers


@pytest.mark.slow
class TestParents:
    """A child belongs to its parent, and a body cannot name what the address may not."""

    @pytest.mark.parametrize("who", ["no_right", "foreign"])
    async def test_my_document_and_your_child(self, place: Place, who: str) -> None:
        client = place.clients[who]
        mine = await made(await client.post(f"{API}/documents", params={"name": f"{who}.txt"}, content=b"mine"))
        path = f"{API}/documents/{mine['id']}"
        for answer in (
            await client.get(f"{path}/versions/2"),
            await client.get(f"{path}/versions/2/content"),
            await client.post(f"{path}/versions/2/restore"),
            await client.post(f"{path}/tasks/carry-over", json={"task_ids": [place.ids["task"]]}),
            await client.post(f"{path}/tasks/carry-over", json={"task_ids": [place.others["open_task"]]}),
        ):
            assert answer.status_code == 404, answer.text
            assert not tells(place, answer, Call(LIST, place.ids, {}, {}))
        for bad in ({"version": 2}, {"assignee_id": str(place.world.stranger.member_id)}):
            answer = await client.post(f"{path}/tasks", json={"title": "x", **bad})
            known = who == "foreign" and "assignee_id" in bad
            assert answer.status_code == (201 if known else 422), answer.text

    @pytest.mark.parametrize("who", ["no_right", "foreign"])
    async def test_into_a_folder_without_a_right(self, place: Place, who: str) -> None:
        client, vault = place.clients[who], place.ids["vault"]
        document = await made(await client.post(f"{API}/documents", params={"name": f"{who} moves"}, content=b"mine"))
        folder = await made(await client.post(f"{API}/folders", json={"name": f"To {who}"}))
        path = f"{API}/documents/{document['id']}"
        answers = [await client.patch(path, json={"folder_id": vault})]
        answers += [await client.patch(f"{API}/folders/{folder['id']}", json={"parent_id": vault})]
        await made(await client.delete(path))
        answers += [await client.post(f"{path}/restore", json={"folder_id": vault})]
        assert [answer.status_code for answer in answers] == [404, 404, 404]
        assert {answer.json()["code"] for answer in answers} == {"folder_not_found"}
        await made(await client.post(f"{path}/restore"))

    async def test_into_a_folder_to_look_at(self, place: Place) -> None:
        """Seen but not writable is 403, also where the document itself is one's own to move."""
        client, vault = place.insider.client, place.ids["vault"]
        mine = await made(await client.post(f"{API}/documents", params={"name": "mine"}, content=b"mine"))
        looked_at = await made(await place.world.owner.client.post(f"{API}/folders", json={"name": "Looked at"}))
        grants = [{"member_id": str(place.insider.member_id), "role": "viewer"}]
        access = f"{API}/folders/{looked_at['id']}/access"
        await made(await place.world.owner.client.put(access, json={"grants": grants}))
        answer = await client.patch(f"{API}/documents/{mine['id']}", json={"folder_id": looked_at["id"]})
        assert answer.status_code == 403
        assert (await client.patch(f"{API}/folders/{vault}", json={"parent_id": looked_at["id"]})).status_code == 403

    async def test_foreign_ids_in_a_body(self, place: Place) -> None:
        """What another workspace has, named in a change of what is one's own."""
        client, world = place.world.owner.client, place.world
        alien = await made(await world.stranger.client.post(f"{API}/folders", json={"name": "Alien"}))
        document, task = place.others["open_document"], place.others["open_task"]
        group, member = place.others["group"], str(world.stranger.member_id)
        grants = [{"member_id": member, "role": "owner"}]
        before = await state(world)
        answers = {
            "move": await client.patch(f"{API}/documents/{document}", json={"folder_id": alien["id"]}),
            "folder": await client.patch(f"{API}/folders/{place.others['open']}", json={"parent_id": alien["id"]}),
            "assignee": await client.patch(f"{API}/tasks/{task}", json={"assignee_id": member}),
            "group": await client.patch(f"{API}/groups/{group}", json={"member_ids": [member]}),
            "grant": await client.put(f"{API}/folders/{place.others['open']}/access", json={"grants": grants}),
            "zip": await client.post(f"{API}/downloads", json={"folder_ids": [alien["id"]]}),
        }
        wanted = {"move": 404, "folder": 404, "assignee": 422, "group": 422, "grant": 422, "zip": 404}
        assert {name: answer.status_code for name, answer in answers.items()} == wanted
        assert await state(world) == before

    async def test_no_body_takes_more_than_it_says(self, place: Place) -> None:
        """Mass assignment: a field that is not in the document is refused, whatever the operation."""
        client = place.world.owner.client
        before = await state(place.world)
        for name, how in calls(place).items():
            if how.kind is PUBLIC or "json" not in how.send:
                continue
            for field in ("workspace_id", "owner_id", "created_by", "id"):
                more = Call(how.kind, how.params, {"json": {**how.send["json"], field: str(uuid4())}}, {})
                answer = await ask(place, client, name, more)
                assert answer.status_code in (403, 422), f"{name} took {field}"
        assert await state(place.world) == before
