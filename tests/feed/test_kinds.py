"""Every event has a schema, and the schemas are what the feed shows."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from dossier.core.events import NewEvent
from dossier.core.ids import new_id
from dossier.feed import kinds
from tests.conftest import World
from tests.documents.test_documents import add, folder
from tests.feed.judge import fault
from tests.test_docs import API as PAGE
from tests.test_docs import rows

API = "/api/v1/events"


def judge(schema: Any, value: Any) -> list[str]:
    """What is wrong with a value."""
    validator = Draft202012Validator(schema, format_checker=FormatChecker())
    return [f"{error.json_path} {error.message}" for error in validator.iter_errors(value)]


class TestSchemas:
    @pytest.mark.parametrize("type_", sorted(kinds.ABOUT))
    def test_is_a_schema(self, type_: str) -> None:
        Draft202012Validator.check_schema(kinds.schema(type_))

    def test_there_is_one_for_each_type_that_is_recorded(self) -> None:
        """The page has a row for each ``unit.record`` of the code; see tests/test_docs.py."""
        assert set(kinds.ABOUT) == rows(PAGE, "Types of event").keys()

    def test_they_name_what_the_page_names(self) -> None:
        for type_, cells in rows(PAGE, "Types of event").items():
            told = {name.strip() for name in cells[1].split(",")} - {"restored_from", "branched_from"}
            assert told == set(kinds.data_schema(type_)["required"]), type_

    async def test_what_the_feed_shows(self, world: World) -> None:
        """Much of what people do, held against the schemas that a partner reads."""
        await happen(world)
        page = (await world.owner.client.get(API, params={"limit": 200})).json()["items"]
        schemas = (await world.owner.client.get(f"{API}/schemas")).json()["types"]
        assert {item["type"]: judge(schemas[item["type"]], item) for item in page} == {
            item["type"]: [] for item in page
        }
        assert len({item["type"] for item in page}) > 12

    async def test_one_by_its_type(self, world: World) -> None:
        for type_ in ("version.added", "webhook.disabled"):
            answer = await world.viewer.client.get(f"{API}/schemas/{type_}")
            assert answer.json() == kinds.schema(type_)
        answer = await world.viewer.client.get(f"{API}/schemas/no.such")
        assert (answer.status_code, answer.json()["code"]) == (404, "event_type_not_found")
        assert (await world.anonymous.get(f"{API}/schemas")).status_code == 401


class TestJudge:
    """What holds every test's events against their schemas notices what is wrong."""

    def test_good_ones(self) -> None:
        assert fault(NewEvent("document.trashed", new_id(), new_id(), None, {"name": "a"})) is None
        assert fault(NewEvent("document.trashed", new_id(), new_id(), None, {"name": "a", "more": 1})) is None

    @pytest.mark.parametrize(
        "event",
        [
            NewEvent("document.vanished", new_id(), None, None, {"name": "a"}),
            NewEvent("document.trashed", new_id(), None, None, {}),
            NewEvent("document.trashed", new_id(), None, None, {"name": 1}),
            NewEvent("document.trashed", None, None, None, {"name": "a"}),
            NewEvent("member.deactivated", None, None, None, {"member_id": "somebody"}),
        ],
    )
    def test_bad_ones(self, event: NewEvent) -> None:
        assert fault(event)


async def happen(world: World) -> None:
    """This and that."""
    owner, editor = world.owner.client, world.editor.client
    made, place = await add(editor, "a.txt"), await folder(editor, "F")
    path = f"/api/v1/documents/{made['id']}"
    changes: list[dict[str, Any]] = [{"name": "b.txt"}, {"folder_id": place["id"]}, {"tags": ["t"]}]
    for change in changes:
        assert (await editor.patch(path, json=change)).is_success
    for answer in (
        await editor.post(f"{path}/versions", content=b"two"),
        await editor.post(f"{path}/versions/1/restore"),
        await editor.put(f"{path}/lock", json={}),
        await editor.delete(f"{path}/lock"),
        await editor.patch(f"/api/v1/folders/{place['id']}", json={"name": "G"}),
        await owner.put(f"/api/v1/folders/{place['id']}/access", json={"grants": []}),
        await owner.post(f"{path}/tasks", json={"title": "t"}),
        await owner.delete(path),
        await owner.post("/api/v1/groups", json={"name": "g", "member_ids": [str(world.editor.member_id)]}),
        await owner.post("/api/v1/invitations", json={"email": "x@example.com", "role": "viewer"}),
        await owner.post("/api/v1/tokens", json={"name": "t", "scopes": ["read"]}),
        await owner.patch(f"/api/v1/members/{world.viewer.member_id}", json={"role": "editor"}),
        await owner.delete(f"/api/v1/members/{world.viewer.member_id}"),
    ):
        assert answer.is_success, answer.text
