"""The solution design is true of the repository, and agrees with itself: paths, tables, stories, sums, dates of the plan."""

import importlib
import pkgutil
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Table

import dossier
from dossier.core.db import Base

ROOT = Path(__file__).parents[1]
ENTRANCE = ROOT / "docs/solution-design.md"
PAGES = {path.stem: path.read_text() for path in [ENTRANCE, *sorted((ROOT / "docs/solution").glob("*.md"))]}
ALL = "\n".join(PAGES.values())
STORIES, OCTOBER, QUESTIONS = PAGES["stories"], PAGES["october"], PAGES["questions"]
# They come by other changes; the design says that they are unproven.
IS_PATH = re.compile(
    r"\.github|(?:bench|changelog|deploy|docs|dossier|migrations|tests|tools|web)/[\w./-]*|[\w-]+\.(?:json|toml|md)|bench"
)
RELEASES = ("minimum", "likely", "stretch")
LARGEST = {"S": 4, "M": 10, "L": 25}
RESERVE = 1.15
Range = tuple[int, int]


def rows(text: str, first: str) -> dict[str, list[str]]:
    """The rows of tables whose first cell fits the pattern: that cell → the others."""
    lines = re.findall(rf"^\| ({first})(?: \*\*!\*\*)? \|(.*)\|$", text, flags=re.M)
    return {name: [cell.strip() for cell in rest.split("|")] for name, rest in lines}


def range_of(text: str) -> Range:
    """``12–20`` as numbers; ``0`` is none."""
    low, _, high = text.partition("–")
    return int(low), int(high or low)


def plus(*ranges: Range) -> Range:
    return sum(each[0] for each in ranges), sum(each[1] for each in ranges)


@dataclass(frozen=True, slots=True)
class Story:
    """One story as it stands in the text."""

    id: str
    text: str

    def field(self, name: str) -> str:
        found = re.findall(rf"^- {name}: (.+)$", self.text, flags=re.M)
        assert len(found) == 1, f"{self.id} has {len(found)} lines of {name}"
        return str(found[0])

    @property
    def epic(self) -> str:
        return f"E{self.id[1]}"

    @property
    def release(self) -> str:
        return self.field("Release")

    @property
    def days(self) -> Range:
        found = re.search(r"(\d+)–(\d+) days", self.field("Effort"))
        assert found, self.id
        return int(found[1]), int(found[2])

    @property
    def needs(self) -> set[str]:
        return set(re.findall(r"\b[SD][\d.]*\d", self.field("Depends on")))


FOUND = re.findall(r"^### (S\d\.\d) [^\n]+\n(.*?)(?=^##|\Z)", STORIES, flags=re.M | re.S)
BY_ID = {id_: Story(id_, text) for id_, text in FOUND}
EACH = pytest.mark.parametrize("story", BY_ID.values(), ids=BY_ID)


def days(release: str, epic: str = "") -> Range:
    """The sum of the stories of a release, of one epic or of all."""
    return plus((0, 0), *(each.days for each in BY_ID.values() if each.release == release and epic in (each.epic, "")))


class TestPaths:
    def test_each_exists(self) -> None:
        named = {found for found in re.findall(r"`([^`\n]+)`", ALL) if IS_PATH.fullmatch(found)}
        assert len(named) > 50
        assert {name for name in named if not (ROOT / name).exists()} == set()

    def test_each_decision_is_there_under_its_number(self) -> None:
        linked = re.findall(r"\[(\d{4})?[^\]]*\]\((?:\.\./)?decisions/((\d{4})-[^)]+\.md)\)", ALL)
        assert len(linked) > 20
        assert [name for number, name, told in linked if number not in ("", told)] == []
        assert [name for _, name, _ in linked if not (ROOT / "docs/decisions" / name).exists()] == []


class TestAssumptions:
    def test_each_has_a_place_and_a_cost(self) -> None:
        found = rows(QUESTIONS, r"A\d+")
        assert list(found) == [f"A{i + 1}" for i in range(len(found))]
        assert len(found) > 20
        for name, (_what, where, cost) in found.items():
            assert any(IS_PATH.fullmatch(path) for path in re.findall(r"`([^`]+)`", where)), name
            assert re.match(r"\d", cost), name


class TestQuestions:
    def test_each_says_why_and_what_changes(self) -> None:
        found = rows(QUESTIONS, r"Q[A-Z]\d")
        assert len(found) > 20
        assert [name for name, cells in found.items() if len(cells) != 3 or not all(cells)] == []

    def test_the_six_that_hold_up_the_plan_are_on_the_entrance(self) -> None:
        marked = re.findall(r"^\| (Q[A-Z]\d) \*\*!\*\*", QUESTIONS, flags=re.M)
        section = PAGES["solution-design"].split("### Six questions")[1].split("###")[0]
        assert re.findall(r"Q[A-Z]\d", section) == marked
        assert len(marked) == 6


class TestNames:
    def test_whatever_is_named_is_there(self) -> None:
        known = {*BY_ID, *rows(QUESTIONS, r"[AD]\d+"), *rows(QUESTIONS, r"Q[A-Z]\d"), *rows(PAGES["risks"], r"R\d+")}
        known |= {f"E{i}" for i in range(1, 9)}
        assert set(re.findall(r"\b(?:S\d\.\d|Q[A-Z]\d|[ADRE]\d+)\b", ALL)) - known == set()


class TestStories:
    def test_they_are_numbered_in_order_and_counted(self) -> None:
        ids = list(BY_ID)
        assert ids == sorted(ids)
        for before, after in pairwise(ids):
            assert after in (f"{before[:3]}{int(before[3]) + 1}", f"S{int(before[1]) + 1}.1")
        assert f"{len(ids)} stories" in PAGES["solution-design"]

    @EACH
    def test_says_for_whom_and_what_is_accepted(self, story: Story) -> None:
        assert re.search(r"^As (?:\*\*.+?\*\*|.+), I want .+\.$", story.text, flags=re.M)
        assert len(re.findall(r"^  - .+$", story.text.split("- Accepted when:\n")[1], flags=re.M)) >= 2
        assert story.field("State") in ("open", "partly", "built")
        assert story.release in RELEASES

    @EACH
    def test_effort_has_a_size_a_range_a_confidence_and_a_reason(self, story: Story) -> None:
        told = re.fullmatch(r"([SML]), (\d+)–(\d+) days, confidence (high|medium|low)\. .+\.", story.field("Effort"))
        assert told
        low, high = int(told[2]), int(told[3])
        assert 0 < low < high <= LARGEST[told[1]]
        assert told[1] == next(size for size, most in LARGEST.items() if high <= most)

    @EACH
    def test_waits_for_nothing_unknown_or_later(self, story: Story) -> None:
        waited_for = rows(QUESTIONS, r"D\d+")
        assert story.needs or story.field("Depends on") == "none"
        for need in story.needs:
            if need.startswith("D"):
                assert story.id in waited_for[need][-1] or f"all of {story.epic}" in waited_for[need][-1], need
            else:
                assert RELEASES.index(BY_ID[need].release) <= RELEASES.index(story.release), need

    def test_none_waits_for_itself(self) -> None:
        def behind(id_: str, seen: frozenset[str]) -> None:
            assert id_ not in seen, id_
            for need in BY_ID[id_].needs & BY_ID.keys():
                behind(need, seen | {id_})

        for id_ in BY_ID:
            behind(id_, frozenset())


class TestSums:
    def test_the_table_adds_up(self) -> None:
        table = {name[:2]: cells for name, cells in rows(STORIES, r"E\d [^|]+|all").items()}
        for epic in [*{each.epic: None for each in BY_ID.values()}, "al"]:
            wanted = [days(release, "" if epic == "al" else epic) for release in RELEASES]
            assert [range_of(cell) for cell in table[epic]] == [*wanted, plus(*wanted)], epic

    @pytest.mark.parametrize("page", ["october", "solution-design"])
    def test_the_releases_are_those_of_the_stories(self, page: str) -> None:
        whole: Range = (0, 0)
        for release in RELEASES:
            whole = plus(whole, days(release))
            row = re.search(rf"^\| \*\*{release}\*\*.*$", PAGES[page], flags=re.M | re.I)
            assert row, release
            assert f"{whole[0]}–{whole[1]}" in row[0]
            assert f"| {round(whole[1] * RESERVE)} |" in row[0]


class TestPlan:
    def test_the_burn_up_is_weeks_times_what_a_week_is_worth(self) -> None:
        table = re.findall(r"^\| \d+ \w+ \| (\d+) \| (\d+) \| (\d+) \|", OCTOBER, flags=re.M)
        lines = [
            [int(value) for value in found.split(",")] for found in re.findall(r"^  line \[(.+)\]$", OCTOBER, re.M)
        ]
        weeks = [int(row[0]) for row in table]
        assert [[int(row[i]) for row in table] for i in (1, 2)] == [[w * 9 for w in weeks], [w * 12 for w in weeks]]
        assert lines[:2] == [[w * 9 for w in weeks], [w * 12 for w in weeks]]
        minimum, likely = days("minimum"), plus(days("minimum"), days("likely"))
        assert {tuple(set(line)) for line in lines[2:]} == {(round(most[1] * RESERVE),) for most in (minimum, likely)}


def drawn() -> tuple[dict[str, set[str]], list[tuple[str, str, str]]]:
    """Tables with their columns, and lines between them, of all ER diagrams."""
    tables: dict[str, set[str]] = {}
    lines: list[tuple[str, str, str]] = []
    for text in re.findall(r"^erDiagram\n(.*?)^```", PAGES["diagrams"], flags=re.M | re.S):
        for name, body in re.findall(r"^  (\w+) \{\n(.*?)^  \}", text, flags=re.M | re.S):
            tables.setdefault(name, set()).update(re.findall(r"^    \w+ (\w+)", body, flags=re.M))
        lines += re.findall(r"^  (\w+) \S\S(--|\.\.)\S\S (\w+) :", text, flags=re.M)
    return tables, lines


@pytest.fixture(scope="module")
def tables() -> Mapping[str, Table]:
    """Every table of the code, by its name."""
    for module in pkgutil.walk_packages(dossier.__path__, "dossier."):
        if module.name.endswith((".models", ".events", ".jobs", ".idempotency")):
            importlib.import_module(module.name)
    return Base.metadata.tables


class TestTables:
    def test_each_has_the_columns_that_are_drawn(self, tables: Mapping[str, Table]) -> None:
        known = {name: {column.name for column in table.columns} for name, table in tables.items()}
        assert {name: columns - known[name] for name, columns in drawn()[0].items() if columns - known[name]} == {}

    def test_each_is_drawn_or_said_not_to_be(self, tables: Mapping[str, Table]) -> None:
        left_out = set(
            re.findall(r"`(\w+)`", re.split(r"^Not drawn: ", PAGES["diagrams"], flags=re.M)[-1].split("\n\n")[0])
        )
        assert drawn()[0].keys() | left_out == tables.keys()
        assert f"which has {len(tables)} tables" in PAGES["diagrams"]

    def test_full_lines_are_foreign_keys_and_dotted_ones_are_not(self, tables: Mapping[str, Table]) -> None:
        def keys(one: str, other: str) -> bool:
            return any(key.column.table.name == one for key in tables[other].foreign_keys)

        assert [line for line in drawn()[1] if keys(line[0], line[2]) != (line[1] == "--")] == []
        assert len(drawn()[1]) > 30

    def test_no_foreign_key_between_two_that_are_drawn_is_missing(self, tables: Mapping[str, Table]) -> None:
        there = {(one, other) for one, style, other in drawn()[1] if style == "--"}
        wanted = {
            (key.column.table.name, name)
            for name in drawn()[0]
            for key in tables[name].foreign_keys
            if key.column.table.name in drawn()[0].keys() - {"workspaces"}
        }
        assert wanted - there == {("members", "uploads"), ("members", "webhooks")}  # the page says so
