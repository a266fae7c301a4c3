"""Writes stubs of Dossier's API for WireMock from openapi.json: `python -m tools.wiremock openapi.json FOLDER`.

Each file of the folder is a list of mappings that WireMock reads from its `mappings` folder, and takes as the body of
`POST /__admin/mappings/import`. Every operation answers with the contract's own example. A request with the header
`X-Mock-Error: <code>` is answered with that error, where the operation documents it.
"""

import base64
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

ERROR_HEADER = "X-Mock-Error"
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")
# The lower the number, the sooner a mapping is tried.
FIRST, UNDOCUMENTED, FIXED, ELSEWHERE = 1, 2, 3, 9
DOCUMENT = "0198c0de-3333-7000-8000-000000000001"
#: What the contract describes only by a type.
JSON = "application/json"
#: Headers of uploads of another kind than the one that the stubs play.
NOT_OF_THIS = {"Upload-Concat", "Upload-Defer-Length", "Dossier-State"}
HEADERS = {
    "Tus-Resumable": "1.0.0",
    "Tus-Version": "1.0.0",
    "Tus-Extension": "creation,creation-with-upload,creation-defer-length,checksum,concatenation,termination,expiration",
    "Tus-Checksum-Algorithm": "sha1,sha256",
    "Tus-Max-Size": "1073741824",
    "Upload-Offset": "1048576",
    "Upload-Length": "2097152",
    "Upload-Metadata": "filename bGVhc2UudHh0",
    "Upload-Expires": "Wed, 25 Nov 2026 08:00:00 GMT",
    "Dossier-Document": DOCUMENT,
    "Dossier-Version": "1",
    "Location": "/integrations/new?sign_in=0198c0de-8888-7000-8000-000000000003",
    "Link": '</api/v1/events?after=42>; rel="next"',
}
EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
#: One pixel.
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)

Json = dict[str, Any]


def mappings(document: Json) -> dict[str, list[Json]]:
    """File name → mappings, for every operation of an OpenAPI document and every error that it documents."""
    files = defaultdict[str, list[Json]](list)
    errors = defaultdict[tuple[str, str], list[str]](list)
    for path, method, operation in operations(document):
        room = path.removeprefix("/api/v1").split("/")[1]
        answer, name = _success(document, path, operation), operation["operationId"]
        files[room].append(_named(name, FIXED + path.count("{"), method, path, answer))
        for code in problems(operation):
            errors[code, method].append(_pattern(path))
    for (code, method), paths in sorted(errors.items()):
        files["errors"].append(_error(document, code, method, paths))
    files["errors"] += [_undocumented(), _elsewhere(document)]
    return dict(files)


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation, of all."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def problems(operation: Json) -> set[str]:
    """The codes of the errors that an operation documents."""
    answers = (each.get("content", {}).get("application/problem+json", {}) for each in operation["responses"].values())
    return {code for answer in answers for code in answer.get("examples", {})}


def _named(name: str, priority: int, method: str, path: str, response: Json) -> Json:
    request = {"method": method.upper(), "urlPathTemplate" if "{" in path else "urlPath": path}
    return _mapping(name, priority, request, response)


def _mapping(name: str, priority: int, request: Json, response: Json) -> Json:
    # The same id each time: what is imported twice is there once.
    identity = str(uuid5(NAMESPACE_URL, f"urn:dossier:wiremock:{name}"))
    return {"id": identity, "name": name, "priority": priority, "request": request, "response": response}


def _success(document: Json, path: str, operation: Json) -> Json:
    status = min(status for status in operation["responses"] if status.startswith(("2", "3")))
    answer = operation["responses"][status]
    named = answer.get("headers", {}).keys() - NOT_OF_THIS
    response: Json = {"status": int(status), "headers": {name: HEADERS[name] for name in sorted(named)}}
    forms = answer.get("content", {})
    if len(forms) > 1:
        # Of several forms the plain one.
        forms = {JSON: forms[JSON]}
    for kind, media in forms.items():
        shown, body = _body(document, path, kind, media)
        response["headers"]["Content-Type"] = shown
        response |= body
    return {name: value for name, value in response.items() if value != {}}


def _body(document: Json, path: str, kind: str, media: Json) -> tuple[str, Json]:
    """Content type and body."""
    if kind == JSON:
        return kind, {"jsonBody": example(document, media)}
    if kind == "application/zip":
        return kind, {"base64Body": base64.b64encode(EMPTY_ZIP).decode()}
    if kind == "text/event-stream":
        event = example(document, {"schema": {"$ref": "#/components/schemas/Event"}})
        return kind, {"body": f"id: {event['seq']}\nevent: {event['type']}\ndata: {json.dumps(event)}\n\n"}
    if path.endswith("/thumbnail"):
        return "image/png", {"base64Body": base64.b64encode(PNG).decode()}
    return "text/plain; charset=utf-8", {"body": "What the file holds.\n"}


def example(document: Json, media: Json) -> Any:
    """The contract's own example of a body. Raises LookupError where it has none."""
    schema = media.get("schema", {})
    if "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "example" in media:
        return media["example"]
    if named := [*media.get("examples", {}).values()]:
        return named[0]["value"]
    return schema["const"] if "const" in schema else schema["examples"][0]


def _pattern(path: str) -> str:
    parts = ("[^/]+" if part.startswith("{") else part.replace(".", r"\.") for part in path.split("/"))
    return "/".join(parts)


def _error(document: Json, code: str, method: str, paths: list[str]) -> Json:
    problem = document["components"]["examples"][code]["value"]
    request = {
        "method": method.upper(),
        "urlPathPattern": "|".join(paths),
        "headers": {ERROR_HEADER: {"equalTo": code}},
    }
    return _mapping(f"error {code} {method}", FIRST, request, _problem(problem))


def _problem(problem: Json) -> Json:
    headers = {"Content-Type": "application/problem+json"}
    if problem["status"] in (429, 503):
        headers["Retry-After"] = "1"
    return {"status": problem["status"], "headers": headers, "jsonBody": problem}


def _undocumented() -> Json:
    told = f"The operation does not document the error that {ERROR_HEADER} names."
    request = {"method": "ANY", "urlPathPattern": "/.*", "headers": {ERROR_HEADER: {"matches": ".*"}}}
    return _mapping("an error that is not documented", UNDOCUMENTED, request, {"status": 501, "body": told})


def _elsewhere(document: Json) -> Json:
    problem = document["components"]["examples"]["not_found"]["value"]
    return _mapping("elsewhere", ELSEWHERE, {"method": "ANY", "urlPathPattern": "/.*"}, _problem(problem))


def write(document: Json, folder: Path) -> None:
    """Write the files; what was there under other names goes."""
    folder.mkdir(parents=True, exist_ok=True)
    made = mappings(document)
    for path in folder.glob("*.json"):
        if path.stem not in made:
            path.unlink()
    for name, entries in made.items():
        (folder / f"{name}.json").write_text(json.dumps({"mappings": entries}, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write(json.loads(Path(sys.argv[1]).read_text()), Path(sys.argv[2]))
