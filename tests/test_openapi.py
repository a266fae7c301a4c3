"""The contract: openapi.json is what the program says of itself, and it says it whole. The portal's types follow from it."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from dossier.app import build, create_app
from dossier.core.settings import Settings
from tests.contract import Contract, contract_of

ROOT = Path(__file__).parents[1]
REGENERATE = "the API has changed: run `make openapi client wiremock` and commit what they write"
JSON, PROBLEM = "application/json", "application/problem+json"
# No id, no parameter and no body: nothing that could be missing or wrong.
NOTHING_TO_GET_WRONG = {"sign_out": {"404", "422"}, "end_link_sign_in": {"404"}}
# What is kept for a key would be a plain digest of a password; and these are done once by what they are sent.
NO_IDEMPOTENCY_KEY = {"sign_in", "set_up", "request_reset", "reset_password", "accept_invitation", "hear_graph"}
# A browser is always sent on.
NO_SUCCESS = {"end_link_sign_in"}
# People, groups, workspaces and links carry no revision yet: these set whole values, so that the last one wins without
# mixing two. An upload has Upload-Offset instead.
NO_IF_MATCH = {"update_me", "update_member", "update_group", "update_workspace", "change_link", "append_upload"}

Operation = dict[str, Any]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The program's own document."""
    app: FastAPI = create_app(build(Settings(data_dir=tmp_path_factory.mktemp("openapi"))))
    return contract_of(app).document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, Operation]]:
    """Method and operation, of all."""
    for item in document["paths"].values():
        yield from item.items()


def names(document: dict[str, Any], wanted: Any) -> set[str]:
    """The ids of the operations for which ``wanted(method, operation)`` holds."""
    return {operation["operationId"] for method, operation in operations(document) if wanted(method, operation)}


def is_public(operation: Operation) -> bool:
    """Whether nobody has to sign in for it."""
    return operation.get("security") == []


def parameters(operation: Operation) -> set[str]:
    """The names of an operation's parameters."""
    return {parameter["name"] for parameter in operation.get("parameters", [])}


def resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """A schema or example, or the one that it names; the object of an optional body."""
    for choice in schema.get("anyOf", []):
        if "$ref" in choice:
            return resolved(document, choice)
    if "$ref" in schema:
        _, _, kind, name = schema["$ref"].split("/")
        found: dict[str, Any] = document["components"][kind][name]
        return found
    return schema


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """What an answer or body is shown with."""
    if "example" in content:
        return [content["example"]]
    if "examples" in content:
        return [each["value"] for each in (resolved(document, example) for example in content["examples"].values())]
    shown: list[Any] = resolved(document, content.get("schema", {})).get("examples", [])
    return shown


class TestDrift:
    def test_the_file_is_what_the_program_says(self, document: dict[str, Any]) -> None:
        path = ROOT / "openapi.json"
        assert path.exists(), REGENERATE
        assert json.loads(path.read_text()) == json.loads(json.dumps(document)), REGENERATE

    @pytest.mark.slow
    def test_the_portals_types_are_made_of_it(self, tmp_path: Path) -> None:
        subprocess.run(["make", "--silent", "web/node_modules/.done"], cwd=ROOT, check=True, capture_output=True)
        path, made = ROOT / "web/app/api/schema.d.ts", tmp_path / "schema.d.ts"
        tool = ROOT / "web/node_modules/openapi-typescript/bin/cli.js"
        command = [str(each) for each in (ROOT / ".tools/bin/node", tool, "../openapi.json", "--output", made)]
        environment = {**os.environ, "PATH": f"{ROOT / '.venv/bin'}:{os.environ['PATH']}"}
        subprocess.run(command, cwd=ROOT / "web", check=True, capture_output=True, env=environment)
        assert path.exists(), REGENERATE
        assert path.read_text() == made.read_text(), REGENERATE


class TestForm:
    @pytest.mark.slow
    def test_valid_openapi(self, document: dict[str, Any]) -> None:
        """By the schema of OpenAPI 3.1, which comes with schemathesis."""
        from jsonschema import Draft202012Validator
        from schemathesis.specs.openapi.definitions import OPENAPI_31

        faults = [
            f"{error.json_path}: {error.message}" for error in Draft202012Validator(OPENAPI_31).iter_errors(document)
        ]
        assert faults == []

    def test_version_and_places(self, document: dict[str, Any]) -> None:
        assert document["openapi"].startswith("3.1.")
        assert {path for path in document["paths"] if not path.startswith(("/api/v1/", "/health/"))} == set()
        assert document["security"] == [{"token": []}, {"session": []}, {"certificate": []}]

    def test_schemas_are_schemas_and_references_lead_somewhere(self, document: dict[str, Any]) -> None:
        from jsonschema import Draft202012Validator

        schemas = document["components"]["schemas"]
        for schema in schemas.values():
            Draft202012Validator.check_schema(schema)
        for kind in ("schemas", "examples"):
            named = {
                text.partition('"')[0] for text in json.dumps(document).split(f'"$ref": "#/components/{kind}/')[1:]
            }
            assert named == set(document["components"][kind]), "each is used, and each that is used is there"
        assert not [name for name in document["components"]["schemas"] if "__" in name], "two models of one name"

    def test_ids_are_unique(self, document: dict[str, Any]) -> None:
        ids = [operation["operationId"] for _, operation in operations(document)]
        assert sorted(ids) == sorted(set(ids))
        assert all(id_.isidentifier() and id_.islower() for id_ in ids)


class TestEveryOperation:
    def test_is_told(self, document: dict[str, Any]) -> None:
        for what in ("summary", "description", "tags"):
            assert names(document, lambda _, operation, what=what: not operation.get(what)) == set()

    def test_success_has_an_example(self, document: dict[str, Any]) -> None:
        def lacks(_method: str, operation: Operation) -> bool:
            good = [answer for status, answer in operation["responses"].items() if status[0] == "2"]
            shown = [content for answer in good for kind, content in answer.get("content", {}).items() if kind == JSON]
            return not good or not all(examples(document, content) for content in shown)

        assert names(document, lacks) == NO_SUCCESS

    def test_success_has_a_schema_or_no_body(self, document: dict[str, Any]) -> None:
        def lacks(_method: str, operation: Operation) -> bool:
            good = [answer for status, answer in operation["responses"].items() if status[0] == "2"]
            return not all(content.get("schema") for answer in good for content in answer.get("content", {}).values())

        assert names(document, lacks) == set()

    def test_json_body_has_an_example(self, document: dict[str, Any]) -> None:
        def lacks(_method: str, operation: Operation) -> bool:
            content = operation.get("requestBody", {}).get("content", {})
            return JSON in content and not examples(document, content[JSON])

        assert names(document, lacks) == set()

    def test_json_body_takes_no_more_than_it_says(self, document: dict[str, Any]) -> None:
        """Mass assignment: an unknown field is a fault and not ignored."""

        def open_(_method: str, operation: Operation) -> bool:
            content = operation.get("requestBody", {}).get("content", {})
            return (
                JSON in content and resolved(document, content[JSON]["schema"]).get("additionalProperties") is not False
            )

        assert names(document, open_) == set()

    def test_examples_are_good_ones(self, document: dict[str, Any]) -> None:
        contract = Contract(document)
        for name, schema in document["components"]["schemas"].items():
            for example in schema.get("examples", []):
                contract.validate(example, {"$ref": f"#/components/schemas/{name}"}, name)
        for _, operation in operations(document):
            for status, answer in operation["responses"].items():
                for content in answer.get("content", {}).values():
                    for example in examples(document, content):
                        contract.validate(example, content["schema"], f"{operation['operationId']} {status}")

    def test_refusals_are_problems_with_a_code(self, document: dict[str, Any]) -> None:
        for _, operation in operations(document):
            for status, answer in operation["responses"].items():
                if status[0] not in "45":
                    continue
                where = f"{operation['operationId']} {status}"
                assert list(answer["content"]) == [PROBLEM], where
                shown = examples(document, answer["content"][PROBLEM])
                assert shown, where
                assert all(example["code"] and example["status"] == int(status) for example in shown), where

    def test_who_signs_in_is_told_of_the_usual_refusals(self, document: dict[str, Any]) -> None:
        for _, operation in operations(document):
            wanted = set() if is_public(operation) else {"401", "404", "422"}
            wanted -= NOTHING_TO_GET_WRONG.get(operation["operationId"], set())
            assert wanted <= set(operation["responses"]), operation["operationId"]

    def test_posts_take_an_idempotency_key(self, document: dict[str, Any]) -> None:
        without = names(document, lambda method, each: method == "post" and "Idempotency-Key" not in parameters(each))
        assert without == NO_IDEMPOTENCY_KEY
        assert names(document, lambda method, each: method != "post" and "Idempotency-Key" in parameters(each)) == set()

    def test_edits_take_if_match(self, document: dict[str, Any]) -> None:
        def careless(method: str, operation: Operation) -> bool:
            return method == "patch" and not ("If-Match" in parameters(operation) and "412" in operation["responses"])

        assert names(document, careless) == NO_IF_MATCH

    def test_lists_are_paged(self, document: dict[str, Any]) -> None:
        lists = {id_: each for _, each in operations(document) if (id_ := each["operationId"]).startswith("list_")}
        assert len(lists) > 8
        for id_, operation in lists.items():
            assert {"limit", "after"} <= parameters(operation), id_
            page = resolved(document, operation["responses"]["200"]["content"][JSON]["schema"])
            assert set(page["properties"]) == {"items", "next"}, id_
            limit = next(each["schema"] for each in operation["parameters"] if each["name"] == "limit")
            assert limit["maximum"] <= 200, id_

    def test_nothing_else_is_a_list(self, document: dict[str, Any]) -> None:
        """A page without a ``limit`` would grow with the data."""

        def unbounded(_method: str, operation: Operation) -> bool:
            content = operation["responses"].get("200", {}).get("content", {}).get(JSON, {})
            shown = resolved(document, content.get("schema", {})).get("properties", {})
            return "next" in shown and "limit" not in parameters(operation)

        assert names(document, unbounded) == set()
