"""Commands on pages that nobody can run here, or that other tests run with places of their own, name what there is.

Those in blocks after ``<!-- test: NAME -->`` are run for real by test_docs. test_docs_run runs others, and lists those that
no test runs.
"""

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from typer.main import get_command

from dossier.cli import cli

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", ".github/README.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").rglob("README.md")),
]
BLOCK = re.compile(r"^(<!-- test: [\w-]+ -->\n)?[ ]*```(\w*)\n(.*?)^[ ]*```$", re.M | re.S)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yml").read_text())
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), flags=re.M))


class Line(NamedTuple):
    """One command of a page."""

    page: str
    words: list[str]


def commands() -> Iterator[Line]:
    """Every line of the blocks that nothing runs, continued ones as one, and every part of those with several."""
    for page in PAGES:
        for run, language, text in BLOCK.findall(page.read_text()):
            if run or language not in ("", "bash", "sh"):
                continue
            for line in text.replace("\\\n", " ").splitlines():
                for words in parts(re.sub(r"\s+#\s.*$", "", line)):
                    while words and re.fullmatch(r"\w+=.*", words[0]):
                        del words[0]
                    if words:
                        yield Line(str(page.relative_to(ROOT)), words)


def parts(line: str) -> Iterator[list[str]]:
    """The words of each command of a line; of none that goes on, in quotes, in the next one."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&")
    lexer.whitespace_split = True
    with suppress(ValueError):
        for operator, words in groupby(list(lexer), lambda word: not word.strip(";|&")):
            if not operator:
                yield [*words]


ALL = list(commands())
SCRIPTS = {line.words[0] for line in ALL if line.words[0].startswith("deploy/")}


def of(*programs: str) -> list[Any]:
    """The commands of some programs, to be tried one by one."""
    found = [line for line in ALL if line.words[0] in programs]
    return [pytest.param(line, id=f"{line.page}: {' '.join(line.words)[:60]}") for line in found]


@pytest.mark.parametrize("line", of("dossier"))
def test_dossier_knows_it(line: Line) -> None:
    group: Any = get_command(cli)
    rest = line.words[1:]
    while hasattr(group, "commands"):
        assert rest, f"{line.words} names no command"
        assert rest[0] in group.commands
        group = group.commands[rest.pop(0)]
    rest = [word for word in rest if not word.startswith(("[", "…"))]
    if rest != ["--help"]:
        group.make_context(line.words[1], rest)  # raises where it knows an argument or an option not


@pytest.mark.parametrize("line", of("make"))
def test_make_has_the_target(line: Line) -> None:
    targets = {word for word in line.words[1:] if not word.startswith("-") and "=" not in word}
    assert targets <= TARGETS


@pytest.mark.parametrize("line", of("python", "python3", "sh", "bash", *SCRIPTS))
def test_scripts_are_there(line: Line) -> None:
    found = [word for word in line.words if re.match(r"(?:deploy|tools|bench)[/.]", word)]
    for word in found:
        path = ROOT / (word if "/" in word else f"{word.replace('.', '/')}.py")
        assert path.is_file(), word


@pytest.mark.parametrize("line", of("docker", "compose"))
def test_compose_has_the_service(line: Line) -> None:
    words = [word for word in line.words if not word.startswith("-")]
    for verb in ("logs", "exec", "run", "restart", "cp"):
        if verb in words:
            named = words[words.index(verb) + 1].partition(":")[0]
            assert named in COMPOSE["services"] or named.startswith("$"), line.words
    if "-f" in line.words:
        assert (ROOT / line.words[line.words.index("-f") + 1]).exists()


@pytest.mark.parametrize("line", of("helm"))
def test_helm_finds_its_files(line: Line) -> None:
    named = [word for word in line.words[1:] if re.match(r"(?:\./)?(?:deploy/|dossier/?$)", word)]
    assert all((ROOT / word).exists() or (ROOT / "deploy/helm" / word).exists() for word in named), line.words


def test_there_are_such_commands() -> None:
    assert len(ALL) > 40
    assert {"dossier", "make", "docker", "python"} <= {line.words[0] for line in ALL}
