"""The pages of reference that the code tells by itself; `make docs` puts them into the site."""

import importlib
import json
import pkgutil
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fastapi_swagger
from typer.main import get_command

import dossier
from dossier.cli import cli
from dossier.core.errors import DossierError
from dossier.core.settings import PREFIX, Settings
from dossier.feed import kinds

ROOT = Path(__file__).parents[1]


def settings() -> str:
    """Every setting with its type, default and meaning."""
    lines = [
        "# Settings",
        "",
        "Environment variables. `<NAME>_FILE` names a file that holds the value; `DOSSIER_SECRETS`",
    ]
    lines += ["names secrets of AWS Secrets Manager.", ""]
    lines += ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "empty" if field.default in ("", None) else f"`{field.default}`"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default} | {cell(field.description or '')} |")
    return "\n".join(lines) + "\n"


def commands() -> str:
    """Every command with its arguments and options."""
    lines = [
        "# Commands",
        "",
        "`dossier --help` says the same. Exit codes: 0 done, 1 not done or a fault was found, 2 wrong arguments.",
        "",
    ]
    for path, command in walked(get_command(cli), "dossier"):
        lines += [f"## `{path}`", "", " ".join((command.help or "").split()), ""]
        named = [each for each in command.params if each.name != "help"]
        if named:
            lines += ["| | meaning |", "| --- | --- |"]
            for each in named:
                shown = (each.name or "").upper() if each.param_type_name == "argument" else ", ".join(each.opts)
                lines.append(f"| `{shown}` | {cell(getattr(each, 'help', None) or '')} |")
            lines.append("")
    return "\n".join(lines)


def walked(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every command below a group, with the words that call it."""
    for name, each in command.commands.items():
        if hasattr(each, "commands"):
            yield from walked(each, f"{path} {name}")
        else:
            yield f"{path} {name}", each


def errors() -> str:
    """Every code of a problem, with its status and title."""
    for module in pkgutil.walk_packages(dossier.__path__, "dossier."):
        if "._" not in module.name:
            importlib.import_module(module.name)
    known = {each.code: each for each in subclasses(DossierError) if each.__module__.startswith("dossier.")}
    lines = [
        "# Errors",
        "",
        "Refusals are `application/problem+json` (RFC 9457). What to do about each: [the API](../api.md#errors).",
        "",
    ]
    lines += ["| code | status | title |", "| --- | --- | --- |"]
    lines += [f"| `{code}` | {known[code].status} | {cell(known[code].title)} |" for code in sorted(known)]
    return "\n".join(lines) + "\n"


def subclasses(kind: type[DossierError]) -> Iterator[type[DossierError]]:
    """A class and all below it."""
    yield kind
    for each in kind.__subclasses__():
        yield from subclasses(each)


def events() -> str:
    """Every type of event, with the schema of what it says."""
    lines = [
        "# Events",
        "",
        "What happened, in order: [the feed](../api.md#the-feed). `GET /events/schemas` answers the same as here.",
        "",
    ]
    # What each means stands in the page on the API, which a test holds against the code.
    table = (ROOT / "docs" / "api.md").read_text().split(" Types of event\n", 1)[1].split("\n#", 1)[0]
    told = {
        name: "; ".join(filter(None, cells.strip(" |").split(" | ")))
        for name, cells in re.findall(r"^\| `([\w.]+)` (.*)$", table, re.M)
    }
    for type_ in sorted(kinds.ABOUT):
        schema = kinds.schema(type_)
        lines += [f"## `{type_}`", "", told.get(type_, ""), ""]
        lines += ['??? note "JSON Schema"', "", "    ```json"]
        lines += [f"    {line}" for line in json.dumps(schema, indent=2, ensure_ascii=False).splitlines()]
        lines += ["    ```", ""]
    return "\n".join(lines)


def api(folder: Path) -> str:
    """Swagger UI on the contract, beside it."""
    assets = folder / "swagger"
    assets.mkdir(exist_ok=True)
    resources = Path(fastapi_swagger.__file__).parent / "resources"
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        shutil.copy(resources / name, assets)
    shutil.copy(ROOT / "openapi.json", assets)
    (assets / "index.html").write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Dossier: the contract</title>'
        '<link rel="stylesheet" href="swagger-ui.css"></head><body><div id="api"></div>'
        '<script src="swagger-ui-bundle.js"></script><script>SwaggerUIBundle({url: "openapi.json", dom_id: "#api", '
        "supportedSubmitMethods: [], validatorUrl: null, deepLinking: true})</script></body></html>\n"
    )
    return (
        "# The contract\n\n[openapi.json](swagger/openapi.json) is the contract of the API (OpenAPI 3.1); "
        '<a href="swagger/index.html">look at it with Swagger UI</a>. A running Dossier shows it at `/api/docs`, where '
        "requests can be tried. A typed client comes out of it with any generator; stubs for WireMock are in "
        "`deploy/wiremock`. How to work with it: [the API](../api.md).\n"
    )


def cell(text: str) -> str:
    """A text as it may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def write(folder: Path) -> None:
    """All of the pages."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {
        "settings": settings(),
        "commands": commands(),
        "errors": errors(),
        "events": events(),
        "contract": api(folder),
    }
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text)
