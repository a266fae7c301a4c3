"""What a place is picked from: asked of a Microsoft Graph of our own."""

from typing import Any

import pytest

from tests.connectors.fake_graph import DRIVE
from tests.links.graphs import SECRET, Hinted, app, graph, hinted, settings

__all__ = ["app", "graph", "hinted", "settings"]
LIBRARY = {"id": DRIVE, "name": "Documents", "web_url": "https://contoso.example/docs"}


async def ask(hinted: Hinted, status: int = 200, credentials: Any = None, **question: Any) -> Any:
    """What is found, or the refusal."""
    body = hinted.app | {"credentials": credentials or SECRET, "ask": question}
    answer = await hinted.joined.call("POST", "/link_choices", status, json=body)
    return answer["items"] if status == 200 else answer


async def test_by_the_app(hinted: Hinted) -> None:
    hinted.graph.sites = [
        {"id": "s,1", "displayName": "Legal & Co", "webUrl": "https://contoso.example/legal"},
        {"id": "s,2", "displayName": "Sales"},
    ]
    assert await ask(hinted, kind="sites", words="legal & c") == [
        {"id": "s,1", "name": "Legal & Co", "web_url": "https://contoso.example/legal"}
    ]
    for of in ("users", "sites", "groups"):
        assert await ask(hinted, kind="drives", of=of, owner_id="ada@contoso.example") == [LIBRARY]
    outer = hinted.graph.add(None, "outer")
    inner = hinted.graph.add(outer.id, "inner")
    hinted.graph.add(None, "a.txt", b"")
    assert [each["id"] for each in await ask(hinted, kind="folders", drive_id=DRIVE)] == [outer.id]
    found = await ask(hinted, kind="folders", drive_id=DRIVE, folder_id=outer.id)
    assert found == [{"id": inner.id, "name": "inner", "web_url": ""}]


async def test_by_a_person(hinted: Hinted) -> None:
    """A sign-in is good for many questions, and for the link afterwards."""
    credentials = {"sign_in": await hinted.sign_in(**SECRET)}
    for _ in range(2):
        [mine] = await ask(hinted, credentials=credentials, kind="my_drives")
        assert mine == {"id": DRIVE, "name": "OneDrive", "web_url": ""}, "no address that could do harm"
    await hinted.make(credentials)
    assert (await hinted.link())["state"] == "active"


async def test_an_app_has_no_drives_of_its_own(hinted: Hinted) -> None:
    assert list((await ask(hinted, 422, kind="my_drives"))["fields"]) == ["ask.kind"]
    assert hinted.graph.requests == []


async def test_at_most_two_hundred(hinted: Hinted) -> None:
    for number in range(203):
        hinted.graph.add(None, f"f{number}")
    hinted.graph.page_size = 90
    assert len(await ask(hinted, kind="folders", drive_id=DRIVE)) == 200


@pytest.mark.parametrize(
    ("how", "reason"), [("reset", "unreachable"), (403, "refused"), (429, "throttled"), (404, "missing")]
)
async def test_what_is_wrong(hinted: Hinted, how: Any, reason: str) -> None:
    hinted.graph.fail("GET", "/v1.0", how, times=9)
    refused = await ask(hinted, 422, kind="folders", drive_id=DRIVE)
    assert (refused["code"], refused["reason"]) == ("link_unreachable", reason)


async def test_credentials_that_are_not_taken(hinted: Hinted) -> None:
    refused = await ask(hinted, 422, {"client_secret": "wrong"}, kind="sites", words="x")
    assert (refused["code"], refused["reason"]) == ("link_unreachable", "sign_in")
    assert "credentials.password" in (await ask(hinted, 422, {"password": "x"}, kind="sites", words="x"))["fields"]


async def test_for_owners(hinted: Hinted) -> None:
    body = hinted.app | {"credentials": SECRET, "ask": {"kind": "sites", "words": "x"}}
    answer = await hinted.world.editor.client.post("/api/v1/link_choices", json=body)
    assert answer.status_code == 403
    assert hinted.graph.requests == []
