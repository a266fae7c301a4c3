"""The documentation says what the code does: settings, errors, commands, jobs and events, and steps that really work.

A bash block after a line ``<!-- test: NAME -->`` is run for real: all blocks of one name in a file are one script.
"""

import ast
import importlib
import os
import pkgutil
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic_core import PydanticUndefined
from typer.main import get_command

import dossier
from dossier.cli import cli
from dossier.core.errors import DossierError
from dossier.core.metrics import REGISTRY
from dossier.core.settings import Settings
from dossier.transfer import CODES
from dossier.worker import CONSUMERS, JOBS

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs/decisions"
OPERATIONS = (ROOT / "docs/operations.md").read_text()
API = (ROOT / "docs/api.md").read_text()
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "changelog").rglob("*.md")],
    key=lambda path: str(path),
)
ADRS = sorted(path for path in DECISIONS.glob("*.md") if path.name[:4].isdigit())
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The first table under a heading: the first cell without its backticks → the others."""
    section = re.split(r"^#+ ", text.split(f" {heading}\n", 1)[1], maxsplit=1, flags=re.M)[0]
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def walked() -> Iterator[str]:
    """Every module of the package; those that begin with an underscore are scripts."""
    for module in pkgutil.walk_packages(dossier.__path__, "dossier."):
        if "._" not in module.name:
            yield module.name


def shown_as(name: str, kind: str) -> list[str]:
    """How a metric is called where it is read."""
    return [name + {"counter": "_total", "info": "_info"}.get(kind, "")]


def subclasses(kind: type[DossierError]) -> Iterator[type[DossierError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from subclasses(each)


class TestSettings:
    def test_every_setting_stands_there_with_its_default(self) -> None:
        assert {name: cells[0] for name, cells in rows(OPERATIONS, "Settings").items()} == {
            f"DOSSIER_{name.upper()}": self.shown(field.default) for name, field in Settings.model_fields.items()
        }

    @staticmethod
    def shown(default: Any) -> str:
        assert default is not PydanticUndefined
        return "empty" if default in ("", None) else f"`{default}`"


class TestErrors:
    def test_every_code_stands_there_with_its_status(self) -> None:
        for name in walked():
            importlib.import_module(name)
        known = {kind.code: kind.status for kind in subclasses(DossierError) if kind.__module__.startswith("dossier.")}
        assert {code: int(cells[0]) for code, cells in rows(API, "Errors").items()} == known


class TestCommands:
    def commands(self, command: Any, path: str) -> Iterator[str]:
        for name, each in getattr(command, "commands", {}).items():
            if hasattr(each, "commands"):
                yield from self.commands(each, f"{path} {name}")
            else:
                yield f"{path} {name}"

    def test_every_command_stands_there(self) -> None:
        there = {re.split(r" (?=[A-Z\[-])", name)[0] for name in rows(OPERATIONS, "Commands")}
        assert there == set(self.commands(get_command(cli), "dossier"))

    def test_exit_codes_stand_there(self) -> None:
        assert rows(OPERATIONS, "Exit codes").keys() >= {"0", "1", "2"}


class TestWork:
    def test_every_job_stands_there(self) -> None:
        assert rows(OPERATIONS, "Kinds of job").keys() == JOBS.keys()

    def test_every_finding_of_the_doctor_stands_there(self) -> None:
        assert rows(OPERATIONS, "Findings").keys() == CODES.keys()

    def test_every_metric_stands_there(self) -> None:
        known = {name for metric in REGISTRY.collect() for name in shown_as(metric.name, metric.type)}
        assert rows(OPERATIONS, "Numbers").keys() == {name for name in known if name.startswith("dossier_")}

    def test_every_consumer_stands_there(self) -> None:
        assert rows(OPERATIONS, "Consumers").keys() == {consumer.name for consumer in CONSUMERS}


class Recorded(ast.NodeVisitor):
    """The event types that a module records, ``record(f"task.{what}")`` in a helper of its own included."""

    def __init__(self, tree: ast.Module) -> None:
        self.tree, self.found, self.unread = tree, set[str](), list[str]()
        self.function: ast.FunctionDef | ast.AsyncFunctionDef | None = None

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:  # ast's name
        self._inside(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:  # ast's name
        self._inside(node)

    def _inside(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        before, self.function = self.function, node
        self.generic_visit(node)
        self.function = before

    def visit_Call(self, node: ast.Call) -> None:  # ast's name
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("record", "NewEvent") and node.args:
            types = self._texts(node.args[0])
            self.found |= types
            if not types:
                self.unread.append(ast.unparse(node))
        self.generic_visit(node)

    def _texts(self, node: ast.expr) -> set[str]:
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.IfExp(body=body, orelse=other):
                return self._texts(body) | self._texts(other)
            case ast.JoinedStr(values=[ast.Constant(value=str(start)), ast.FormattedValue(value=ast.Name(id=name))]):
                return {start + end for end in self._arguments(name)}
        return set()

    def _arguments(self, name: str) -> set[str]:
        """What the calls of the function that we are in give for its parameter ``name``."""
        if self.function is None or name not in (names := [each.arg for each in self.function.args.args]):
            return set()
        place, mine = names.index(name), self.function.name
        calls = [node for node in ast.walk(self.tree) if isinstance(node, ast.Call)]
        given = [call.args[place] for call in calls if getattr(call.func, "id", "") == mine and len(call.args) > place]
        return {text for node in given for text in self._texts(node)}


class TestEvents:
    def test_every_type_stands_there(self) -> None:
        found, unread = set[str](), list[str]()
        for path in (ROOT / "dossier").rglob("*.py"):
            if path != ROOT / "dossier/core/units.py":
                recorded = Recorded(tree := ast.parse(path.read_text()))
                recorded.visit(tree)
                found |= recorded.found
                unread += recorded.unread
        assert unread == [], "an event's type must be readable for this test"
        assert rows(API, "Types of event").keys() == found


class TestLinks:
    @pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_every_relative_link_leads_somewhere(self, page: Path) -> None:
        text = FENCE.sub("", page.read_text())
        links = [link for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
        assert [link for link in links if not self.leads(page, link)] == []

    @staticmethod
    def leads(page: Path, link: str) -> bool:
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or not anchor:
            return target.exists()
        headings = re.findall(r"^#+ (.+)$", FENCE.sub("", target.read_text()), flags=re.M)
        return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestPages:
    @pytest.mark.parametrize(("page", "most"), [("README.md", 130), ("docs/architecture.md", 150)])
    def test_is_short(self, page: str, most: int) -> None:
        assert len((ROOT / page).read_text().splitlines()) < most

    @pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
    def test_names_no_path_of_a_machine(self, page: Path) -> None:
        assert re.search(r"(?<![\w.])/(?:work|home|root|Users)/", page.read_text()) is None


class TestDecisions:
    @pytest.mark.parametrize("adr", ADRS, ids=lambda path: path.name)
    def test_has_its_four_parts_and_is_short(self, adr: Path) -> None:
        text = adr.read_text()
        parts = ["Context", "Decision", "Consequences", "Alternatives"]
        assert [part for part in re.findall(r"^## (.+)$", text, flags=re.M) if part in parts] == parts
        assert len(text.splitlines()) < 60

    def test_numbers_are_given_once(self) -> None:
        numbers = [adr.name[:4] for adr in ADRS]
        assert len(numbers) == len(set(numbers))

    def test_all_are_in_the_index(self) -> None:
        assert set(re.findall(r"\((\d{4}-[^)]+\.md)\)", (DECISIONS / "README.md").read_text())) == {
            adr.name for adr in ADRS
        }


# The steps, for real


def script(page: str, name: str) -> str:
    """The bash blocks of a page that are marked with a name, as one script."""
    text = (ROOT / page).read_text()
    blocks = re.findall(rf"^<!-- test: {name} -->\n```bash\n(.*?)^```$", text, flags=re.M | re.S)
    assert blocks, f"{page} has no block marked {name}"
    return "".join(blocks)


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What a newcomer's shell has: the commands of the environment, and a data folder of its own."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    path = f"{Path(sys.executable).parent}{os.pathsep}{ours.get('PATH', os.defpath)}"
    places = {"DOSSIER_DATA_DIR": str(tmp_path / "var"), "DOSSIER_LINK_FOLDERS": str(tmp_path / "shares")}
    return ours | places | {"PATH": path, "HOME": str(tmp_path)}


@pytest.fixture
def server(environment: dict[str, str], tmp_path: Path) -> Iterator[str]:
    """The address of a `dossier serve` in a process of its own, which must end cleanly."""
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            ["dossier", "serve", "--port", "0"],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    with process.stdout:
        line = process.stdout.readline()
        found = re.match(r"Dossier is at (http://\S+)", line)
        try:
            assert found, f"{line}{(tmp_path / 'log').read_text()}"
            yield found[1]
        finally:
            process.send_signal(signal.SIGTERM)
            status = process.wait(30)
    assert status == 0, (tmp_path / "log").read_text()


STEPS = [
    [("README.md", "first-steps")],
    [("docs/api.md", "walk")],
    [("README.md", "first-steps"), ("docs/operations.md", "backup")],
    [("README.md", "first-steps"), ("docs/tutorial.md", "tutorial")],
]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("curl") is None, reason="the steps are written with curl")
@pytest.mark.parametrize("parts", STEPS, ids=lambda parts: f"{parts[-1][0]}: {parts[-1][1]}")
def test_steps_work(parts: list[tuple[str, str]], server: str, environment: dict[str, str], tmp_path: Path) -> None:
    shutil.copy(ROOT / "README.md", tmp_path)
    steps = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(script(*part) for part in parts)],
        env=environment | {"DOSSIER_URL": server},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert steps.returncode == 0, f"{steps.stdout}\n{steps.stderr}\n{(tmp_path / 'log').read_text()}"
