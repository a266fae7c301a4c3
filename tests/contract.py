"""Every answer that a test gets is held against openapi.json: its status is documented and its body fits the schema."""

import re
from typing import Any

import httpx
import jsonschema
from fastapi import FastAPI
from referencing import Registry
from referencing.jsonschema import DRAFT202012

ROOT = "urn:openapi"


class Contract:
    """An OpenAPI document as a judge of answers."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        resource = DRAFT202012.create_resource(document)
        self.registry: Registry[Any] = Registry().with_resource(ROOT, resource)
        self.paths = [(re.compile(re.sub(r"\{\w+\}", "[^/]+", path) + r"\Z"), path) for path in document["paths"]]
        # The fixed path before the one with a parameter: /documents/batch before /documents/{document_id}.
        self.paths.sort(key=lambda pair: pair[1].count("{"))

    async def check(self, response: httpx.Response) -> None:
        """An httpx response hook; raises AssertionError for an answer that the document does not know."""
        request = response.request
        operation = self.operation(request.method, request.url.path)
        if operation is None:
            assert response.status_code in (404, 405), f"{request.method} {request.url.path} is not in the document"
            return
        where = f"{request.method} {request.url.path} → {response.status_code}"
        answer = operation["responses"].get(str(response.status_code))
        assert answer is not None or response.status_code in (400, 405, 413, 415, 429, 500), f"{where}: not documented"
        if answer is None or request.method == "HEAD" or response.status_code in (204, 304):
            return
        kind = response.headers.get("content-type", "").split(";")[0]
        schema = answer.get("content", {}).get(kind, {}).get("schema")
        if kind.endswith("json"):
            assert schema is not None, f"{where}: {kind} is not documented"
            await response.aread()
            self.validate(response.json(), schema, where)

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The operation that an address belongs to."""
        for pattern, template in self.paths:
            if pattern.match(path) and method.lower() in self.document["paths"][template]:
                found: dict[str, Any] = self.document["paths"][template][method.lower()]
                return found
        return None

    def validate(self, value: Any, schema: dict[str, Any], where: str) -> None:
        """Hold a value against a schema of the document."""
        absolute = _absolute(schema)
        validator = jsonschema.Draft202012Validator(
            absolute, registry=self.registry, format_checker=jsonschema.FormatChecker()
        )
        error = jsonschema.exceptions.best_match(validator.iter_errors(value))
        assert error is None, f"{where}: {error.json_path} {error.message}"


def _absolute(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return {"$ref": ROOT + schema["$ref"]}
    return schema


_made: list[Contract] = []


def contract_of(app: FastAPI) -> Contract:
    """The app's contract; made once for all tests, since every test's app is the same program."""
    if not _made:
        _made.append(Contract(app.openapi()))
    return _made[0]
