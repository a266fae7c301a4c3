"""The stubs of the API for WireMock: that they are the contract's, and that a real WireMock answers by them."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract import Contract
from tools import wiremock
from tools.servers import WireMock

ROOT = Path(__file__).parents[2]
DOCUMENT: dict[str, Any] = json.loads((ROOT / "openapi.json").read_text())
FOLDER = ROOT / "deploy/wiremock/mappings"
DOC = "0198c0de-3333-7000-8000-000000000001"


def entries(*, errors: bool) -> list[dict[str, Any]]:
    """The mappings of operations, or those of errors."""
    made = wiremock.mappings(DOCUMENT)
    return made["errors"] if errors else [entry for name, each in made.items() if name != "errors" for entry in each]


class TestMappings:
    def test_are_what_is_committed(self, tmp_path: Path) -> None:
        wiremock.write(DOCUMENT, tmp_path)
        made = {path.name: path.read_text() for path in tmp_path.iterdir()}
        assert made == {path.name: path.read_text() for path in FOLDER.iterdir()}, "run `make wiremock` and commit"

    def test_every_operation_has_one(self) -> None:
        names = [operation["operationId"] for _, _, operation in wiremock.operations(DOCUMENT)]
        assert len(names) > 90
        assert [entry["name"] for entry in entries(errors=False)] == sorted(names, key=names.index)

    def test_every_body_fits_the_contract(self) -> None:
        contract = Contract(DOCUMENT)
        counted = 0
        for entry in entries(errors=False):
            request, response = entry["request"], entry["response"]
            operation = contract.operation(request["method"], request.get("urlPath") or request["urlPathTemplate"])
            assert operation
            documented = operation["responses"][str(response["status"])]
            if "jsonBody" in response:
                schema = documented["content"]["application/json"]["schema"]
                contract.validate(response["jsonBody"], schema, entry["name"])
                counted += 1
            assert set(documented.get("headers", ())) - wiremock.NOT_OF_THIS <= set(response.get("headers", ()))
        assert counted > 60

    def test_every_documented_error_can_be_asked_for(self) -> None:
        asked = {
            (path, method, code)
            for path, method, operation in wiremock.operations(DOCUMENT)
            for code in wiremock.problems(operation)
        }
        given = [
            (entry["request"]["headers"][wiremock.ERROR_HEADER]["equalTo"], entry)
            for entry in entries(errors=True)
            if entry["priority"] == wiremock.FIRST
        ]
        found = {
            (path, method, code)
            for code, entry in given
            for path, method, _ in wiremock.operations(DOCUMENT)
            if method.upper() == entry["request"]["method"] and re.fullmatch(entry["request"]["urlPathPattern"], path)
        }
        assert asked <= found
        # The address is also one of /link_sign_ins/{sign_in_id}.
        assert {(path, method) for path, method, _ in found - asked} == {("/api/v1/link_sign_ins/done", "get")}

    def test_ids_are_lasting_and_different(self) -> None:
        every = [entry["id"] for entry in [*entries(errors=False), *entries(errors=True)]]
        assert len(set(every)) == len(every)

    def test_what_is_stale_goes(self, tmp_path: Path) -> None:
        (tmp_path / "former.json").write_text("{}")
        wiremock.write(DOCUMENT, tmp_path)
        assert not (tmp_path / "former.json").exists()


def by_folder(server: WireMock) -> None:
    shutil.copytree(FOLDER, server.folder / "mappings")
    server.start()


def by_import(server: WireMock) -> None:
    server.start()
    for _ in range(2):  # the second time nothing is added
        for path in FOLDER.iterdir():
            status, told = server.ask("POST", "/__admin/mappings/import", path.read_text())
            assert status == 200, told


@pytest.fixture(scope="module", params=[by_folder, by_import])
def stubs(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of a WireMock that was given the mappings."""
    server = WireMock()
    try:
        request.param(server)
        loaded = json.loads(server.ask("GET", "/__admin/mappings?limit=0")[1])["meta"]["total"]
        assert loaded == len(entries(errors=False)) + len(entries(errors=True))
        with httpx.Client(base_url=server.origin) as client:
            yield client
    finally:
        server.close()


@pytest.mark.slow
class TestWireMock:
    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/documents", 200),
            ("POST", "/documents?name=a.txt", 201),
            ("GET", f"/documents/{DOC}", 200),
            ("PATCH", f"/documents/{DOC}", 200),
            ("POST", "/documents/batch", 201),
            ("GET", f"/documents/{DOC}/versions?limit=10", 200),
            ("GET", f"/documents/{DOC}/versions/3", 200),
            ("POST", "/folders", 201),
            ("GET", "/tasks?state=open", 200),
            ("POST", f"/documents/{DOC}/tasks", 201),
            ("GET", "/events?after=1", 200),
            ("GET", "/search?q=lease", 200),
            ("GET", "/me", 200),
            ("POST", "/uploads", 201),
            ("POST", "/session", 201),
            ("GET", "/workspace", 200),
        ],
    )
    def test_answers_as_the_contract_says(self, stubs: httpx.Client, method: str, path: str, status: int) -> None:
        answer = stubs.request(method, f"/api/v1{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
        contract = Contract(DOCUMENT)
        operation = contract.operation(method, answer.request.url.path)
        assert operation
        schema = operation["responses"][str(status)]["content"]["application/json"]["schema"]
        contract.validate(answer.json(), schema, path)

    def test_bytes(self, stubs: httpx.Client) -> None:
        version = f"/api/v1/documents/{DOC}/versions/1"
        assert stubs.get(f"{version}/content").text == "What the file holds.\n"
        assert stubs.head(f"{version}/content").status_code == 200
        assert stubs.get(f"{version}/thumbnail").content.startswith(b"\x89PNG")
        assert stubs.get("/api/v1/downloads/1").content.startswith(b"PK")
        assert stubs.get("/api/v1/events/stream").text.startswith("id: 42\nevent: version.added\ndata: {")
        assert stubs.delete(f"/api/v1/documents/{DOC}").status_code == 204
        assert stubs.head("/api/v1/uploads/1").headers["Upload-Offset"] == "1048576"

    @pytest.mark.parametrize(
        ("method", "path", "code", "status"),
        [
            ("POST", "/documents", "name_taken", 409),
            ("PATCH", f"/documents/{DOC}", "precondition_failed", 412),
            ("GET", f"/documents/{DOC}", "document_not_found", 404),
            ("GET", "/me", "unauthenticated", 401),
            ("POST", "/documents", "storage_full", 507),
        ],
    )
    def test_errors_on_request(self, stubs: httpx.Client, method: str, path: str, code: str, status: int) -> None:
        answer = stubs.request(method, f"/api/v1{path}", headers={"X-Mock-Error": code})
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["code"] == code

    def test_a_throttled_client_is_told_when_to_come_again(self, stubs: httpx.Client) -> None:
        answer = stubs.post("/api/v1/session", headers={"X-Mock-Error": "rate_limited"})
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")

    def test_an_error_that_the_operation_does_not_have(self, stubs: httpx.Client) -> None:
        assert stubs.get("/api/v1/me", headers={"X-Mock-Error": "name_taken"}).status_code == 501

    def test_elsewhere(self, stubs: httpx.Client) -> None:
        answer = stubs.get("/api/v1/nothing")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
