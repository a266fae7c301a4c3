"""Tasks over HTTP."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

import httpx

from dossier.core.ids import new_id
from dossier.core.paging import encode
from dossier.tasks import schemas
from tests.tasks.make import PAGE_4, QUOTE, Desk

if TYPE_CHECKING:
    from tests.conftest import World

API = "/api/v1"
BAD_TASKS: list[tuple[Any, str]] = [
    ({}, "title"),
    ({"title": " "}, "title"),
    ({"title": "x", "due_at": "tomorrow"}, "due_at"),
    ({"title": "x", "due_at": "0001-01-01T00:00:00+14:00"}, "due_at"),
    ({"title": "x", "version": 99}, "version"),
    ({"title": "x", "assignee_id": "0198c0de-6666-7000-8000-000000000001"}, "assignee_id"),
    ({"title": "x", "target": {"type": "XPathSelector", "value": "/html"}}, "target"),
    ({"title": "x", "target": QUOTE | {"exact": "x" * 2001}}, "target.TextQuoteSelector.exact"),
    ({"title": "x", "open_tasks": 7}, "open_tasks"),
]
BAD_QUESTIONS: list[tuple[Any, str]] = [
    ({"assignee": "nobody"}, "assignee"),
    ({"status": "closed"}, "status"),
    ({"watching": "you"}, "watching"),
    ({"due_before": "2026-01-01"}, "due_before"),
    ({"due_after": "9999-12-31T23:59:59-12:00"}, "due_after"),
    ({"limit": "0"}, "limit"),
    ({"after": "x"}, "after"),
    ({"after": encode("0001-01-01T00:00:00+14:00", new_id())}, "after"),
]


def refused(answer: httpx.Response, status: int, code: str | None = None) -> Any:
    """A problem of this kind; its wire."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    wire = answer.json()
    assert code in (None, wire["code"]), wire
    return wire


class TestCreateTask:
    async def test_made(self, world: "World", lease: UUID) -> None:
        body = {
            "title": "Check",
            "details": "*now*",
            "target": PAGE_4 | {"refinedBy": QUOTE},
            "due_at": "2026-12-01T16:00:00Z",
        }
        answer = await world.editor.client.post(f"{API}/documents/{lease}/tasks", json=body)
        assert answer.status_code == 201, answer.text
        task = answer.json()
        schemas.Task.model_validate(task)
        assert answer.headers["etag"] == '"1"'
        assert answer.headers["location"] == f"{API}/tasks/{task['id']}"
        assert (task["target"], task["due_at"]) == (body["target"], "2026-12-01T16:00:00Z")
        again = await world.viewer.client.get(answer.headers["location"])
        assert (again.json(), again.headers["etag"]) == (task, '"1"')

    async def test_done_once_with_a_key(self, world: "World", desk: Desk, lease: UUID) -> None:
        path, headers = f"{API}/documents/{lease}/tasks", {"Idempotency-Key": "one"}
        first, second = [await world.editor.client.post(path, json={"title": "x"}, headers=headers) for _ in range(2)]
        assert (first.status_code, first.content) == (second.status_code, second.content)
        assert second.headers["location"] == first.headers["location"]
        assert await desk.open_tasks(lease) == 1
        other = await world.editor.client.post(path, json={"title": "y"}, headers=headers)
        refused(other, 422, "idempotency_key_reused")

    async def test_bad_input(self, world: "World", lease: UUID) -> None:
        for body, field in BAD_TASKS:
            answer = await world.editor.client.post(f"{API}/documents/{lease}/tasks", json=body)
            assert field in refused(answer, 422)["fields"]

    async def test_half_a_character(self, world: "World", lease: UUID) -> None:
        answer = await world.editor.client.post(
            f"{API}/documents/{lease}/tasks",
            content=b'{"title": "\\ud83d"}',
            headers={"Content-Type": "application/json"},
        )
        assert refused(answer, 422, "invalid")["fields"].keys() == {"title"}

    async def test_refusals(self, world: "World", desk: Desk, lease: UUID) -> None:
        path, body = f"{API}/documents/{lease}/tasks", {"title": "x"}
        refused(await world.anonymous.post(path, json=body), 401, "unauthenticated")
        refused(await world.viewer.client.post(path, json=body), 403, "not_allowed")
        assert (await world.stranger.client.post(path, json=body)).status_code == 404
        missing = await world.editor.client.post(f"{API}/documents/{new_id()}/tasks", json=body)
        assert missing.status_code == 404
        await desk.trash(lease)
        refused(await world.editor.client.post(path, json=body), 409, "document_trashed")


class TestListTasks:
    async def test_filters(self, world: "World", desk: Desk, lease: UUID) -> None:
        mine = await desk.task(lease, title="mine", assignee_id=world.viewer.member_id, due_at="2020-01-01T00:00:00Z")
        done = await desk.task(lease, title="done")
        await desk.change(done, status="done")
        asked: list[tuple[Any, list[str]]] = [
            ({}, ["mine", "done"]),
            ({"assignee": "me"}, ["mine"]),
            ({"assignee": "none"}, ["done"]),
            ({"assignee": str(world.viewer.member_id)}, ["mine"]),
            ({"status": ["done", "cancelled"]}, ["done"]),
            ({"status": ["done", "open"]}, ["mine", "done"]),
            ({"overdue": "true"}, ["mine"]),
            ({"watching": "me"}, ["mine"]),
            ({"created_by": "me"}, []),
            ({"created_by": str(world.editor.member_id)}, ["mine", "done"]),
            ({"due_before": "2021-01-01T00:00:00Z"}, ["mine"]),
            ({"due_after": "2021-01-01T00:00:00Z"}, []),
            ({"document_id": str(lease)}, ["mine", "done"]),
        ]
        for params, titles in asked:
            answer = await world.viewer.client.get(f"{API}/tasks", params=params)
            assert answer.status_code == 200, answer.text
            schemas.TaskPage.model_validate(answer.json())
            assert [item["title"] for item in answer.json()["items"]] == titles, params
        assert mine["id"]

    async def test_pages(self, world: "World", desk: Desk, lease: UUID) -> None:
        for number in range(5):
            await desk.task(lease, title=f"{number}")
        found, params = [], {"limit": "2"}
        while True:
            page = (await world.viewer.client.get(f"{API}/documents/{lease}/tasks", params=params)).json()
            found += [item["title"] for item in page["items"]]
            if page["next"] is None:
                break
            params["after"] = page["next"]
        assert found == ["0", "1", "2", "3", "4"]

    async def test_bad_input(self, world: "World") -> None:
        for params, field in BAD_QUESTIONS:
            answer = await world.viewer.client.get(f"{API}/tasks", params=params)
            assert any(name.startswith(field) for name in refused(answer, 422)["fields"])

    async def test_foreign_documents(self, world: "World", desk: Desk, lease: UUID) -> None:
        await desk.task(lease)
        secret = await desk.document(await desk.folder())
        assert (await world.stranger.client.get(f"{API}/documents/{lease}/tasks")).status_code == 404
        refused(await world.viewer.client.get(f"{API}/documents/{secret}/tasks"), 404, "document_not_found")
        assert (await world.stranger.client.get(f"{API}/tasks")).json() == {"items": [], "next": None}

    async def test_of_the_trash(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease)
        await desk.trash(lease)
        assert (await world.viewer.client.get(f"{API}/documents/{lease}/tasks")).json()["items"] == []
        refused(await world.viewer.client.get(f"{API}/tasks/{task['id']}"), 404, "task_not_found")


class TestOneTask:
    async def test_update(self, world: "World", desk: Desk, lease: UUID) -> None:
        task = await desk.task(lease, due_at="2026-12-01T16:00:00Z")
        path = f"{API}/tasks/{task['id']}"
        answer = await world.editor.client.patch(
            path, json={"status": "done", "due_at": None}, headers={"If-Match": '"1"'}
        )
        assert answer.status_code == 200, answer.text
        schemas.Task.model_validate(answer.json())
        assert (answer.headers["etag"], answer.json()["due_at"]) == ('"2"', None)
        stale = await world.editor.client.patch(path, json={"status": "open"}, headers={"If-Match": '"1"'})
        refused(stale, 412, "precondition_failed")

    async def test_bad_input(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}"
        bad: list[tuple[Any, str]] = [
            ({"status": "closed"}, "status"),
            ({"version": 2}, "version"),
            ({"id": str(new_id())}, "id"),
            ({"assignee_id": str(world.stranger.member_id)}, "assignee_id"),
        ]
        for body, field in bad:
            answer = await world.editor.client.patch(path, json=body)
            assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
        refused(await world.editor.client.get(f"{API}/tasks/none"), 422, "invalid")

    async def test_delete(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}"
        refused(await world.viewer.client.delete(path), 403, "not_allowed")
        refused(await world.editor.client.delete(path, headers={"If-Match": '"7"'}), 412, "precondition_failed")
        assert (await world.editor.client.delete(path, headers={"If-Match": '"1"'})).status_code == 204
        refused(await world.editor.client.get(path), 404, "task_not_found")
        assert await desk.open_tasks(lease) == 0

    async def test_strangers_find_nothing(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}"
        client = world.stranger.client
        answers = [
            await client.get(path),
            await client.patch(path, json={"status": "done"}),
            await client.delete(path),
            await client.get(f"{path}/comments"),
            await client.post(f"{path}/comments", json={"body": "x"}),
            await client.put(f"{path}/watch"),
            await client.delete(f"{path}/watch"),
            await client.get(f"{path}/history"),
        ]
        assert {answer.status_code for answer in answers} == {404}


class TestCarryOver:
    async def test_all_and_some(self, world: "World", desk: Desk, lease: UUID) -> None:
        first, second = await desk.task(lease), await desk.task(lease)
        await desk.version(lease)
        path = f"{API}/documents/{lease}/tasks/carry-over"
        answer = await world.editor.client.post(path, json={"task_ids": [str(first["id"])]})
        assert [item["id"] for item in answer.json()["items"]] == [str(first["id"])]
        answer = await world.editor.client.post(path)
        schemas.TaskList.model_validate(answer.json())
        assert [item["version"] for item in answer.json()["items"]] == [2, 2]
        assert second["version"] == 1

    async def test_a_child_of_another_parent(self, world: "World", desk: Desk, lease: UUID) -> None:
        theirs = await desk.task(await desk.document())
        path = f"{API}/documents/{lease}/tasks/carry-over"
        refused(await world.editor.client.post(path, json={"task_ids": [str(theirs["id"])]}), 404, "task_not_found")
        refused(await world.editor.client.post(path, json={"task_ids": []}), 422, "invalid")


class TestComments:
    async def test_say_and_list(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}/comments"
        said = [
            await world.editor.client.post(path, json={"body": "ok"}, headers={"Idempotency-Key": "c"})
            for _ in range(2)
        ]
        assert [answer.status_code for answer in said] == [201, 201]
        page = (await world.viewer.client.get(path)).json()
        schemas.CommentPage.model_validate(page)
        assert page == {"items": [said[0].json()], "next": None}

    async def test_refusals(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}/comments"
        refused(await world.viewer.client.post(path, json={"body": "x"}), 403, "not_allowed")
        answer = await world.editor.client.post(path, json={"body": " "})
        assert refused(answer, 422, "invalid")["fields"].keys() == {"body"}


class TestWatchAndHistory:
    async def test_watch(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}"
        for _ in range(2):
            assert (await world.viewer.client.put(f"{path}/watch")).status_code == 204
        assert str(world.viewer.member_id) in (await world.viewer.client.get(path)).json()["watchers"]
        for _ in range(2):
            assert (await world.viewer.client.delete(f"{path}/watch")).status_code == 204
        assert str(world.viewer.member_id) not in (await world.viewer.client.get(path)).json()["watchers"]

    async def test_history(self, world: "World", desk: Desk, lease: UUID) -> None:
        path = f"{API}/tasks/{(await desk.task(lease))['id']}/history"
        page = (await world.viewer.client.get(path)).json()
        schemas.HistoryPage.model_validate(page)
        assert [item["type"] for item in page["items"]] == ["task.created"]


class TestOpenApi:
    def test_every_operation_tells_its_problems(self, world: "World") -> None:
        schema = world.app.openapi()
        operations = [
            (path, verb, operation)
            for path, verbs in schema["paths"].items()
            if path.startswith(f"{API}/tasks") or path.endswith(("/tasks", "/tasks/carry-over"))
            for verb, operation in verbs.items()
        ]
        assert len(operations) == 12
        for path, verb, operation in operations:
            assert operation["summary"] and operation["description"], path
            codes = set(operation["responses"])
            assert {"401", "403", "404", "422"} <= codes, (path, verb)
            assert ("412" in codes) == (verb == "patch" or (verb == "delete" and path.endswith("{task_id}"))), (
                path,
                verb,
            )
