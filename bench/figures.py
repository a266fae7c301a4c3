"""What a bench finds: samples, ratios to the limit and to a peer of the same run, and the page that shows them.

A group is a module of this folder with ``measure(scale) -> Iterator[Figure]``; ``bench/__main__.py`` lists them. Rounds of
the program and of what it is compared with alternate, so that a busy neighbour hurts both.
"""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

PAGE, DATA = Path("docs/performance.md"), Path("docs/performance.json")
BEGIN, END = "<!-- begin: written by make bench -->", "<!-- end -->"


@dataclass(frozen=True, slots=True)
class Scale:
    """How much a run takes: ``rounds`` that count (one more warms up), and whether the large rows (1 GiB files, 10 GiB,
    a million documents) are run or only tried at ``small`` size, to see that the bench itself works."""

    rounds: int = 5
    small: bool = False


@dataclass(frozen=True, slots=True)
class Sample:
    """One value a round, in ``unit``: "ms", "MB/s", "1/s", "MiB", "s"."""

    values: tuple[float, ...]
    unit: str

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def __str__(self) -> str:
        if len(self.values) == 1:
            return f"{_number(self.median)} {self.unit}"
        return f"{_number(self.median)} {self.unit} ({_number(min(self.values))}–{_number(max(self.values))})"


@dataclass(frozen=True, slots=True)
class Against:
    """What it is compared with: the limit (a bare loop of only the unavoidable work), a peer, or itself elsewhere."""

    name: str
    sample: Sample


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. ``goal`` is the text of goals.md where it has one ("≤ 4×"); ``reached`` is asked of the ratio, or of the
    program's median where there is no ``against``. ``more`` are further facts: p99, statements, rows examined, memory."""

    work: str
    stack: Literal["embedded", "production"]
    ours: Sample
    against: Against | None = None
    goal: str = ""
    reached: bool | None = None
    more: dict[str, str] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return self.ours.median / self.against.sample.median if self.against else None


def judged(figure: Figure, holds: Callable[[float], bool]) -> Figure:
    """The figure with ``reached`` asked of its ratio, or of its median."""
    value = figure.ours.median if figure.ratio is None else figure.ratio
    return Figure(**{**_fields(figure), "reached": holds(value)})


def _fields(figure: Figure) -> dict[str, Any]:
    return {name: getattr(figure, name) for name in Figure.__dataclass_fields__}


def alternating(rounds: int, *works: Callable[[], float]) -> list[tuple[float, ...]]:
    """What each of the works answers, round by round in turn; the first round warms up and does not count."""
    found = [tuple(work() for work in works) for _ in range(rounds + 1)]
    return list(zip(*found[1:], strict=True))


def _number(value: float) -> str:
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    lines = [
        "| work | stack | ratio | goal | this program | against | more |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for each in figures:
        ratio = "" if each.ratio is None else f"**{each.ratio:.2f}**"
        mark = {None: "", True: " reached", False: " **missed**"}[each.reached]
        against = f"{each.against.name}: {each.against.sample}" if each.against else ""
        more = "; ".join(f"{name} {value}" for name, value in each.more.items())
        lines.append(f"| {each.work} | {each.stack} | {ratio} | {each.goal}{mark} | {each.ours} | {against} | {more} |")
    return "\n".join(lines)


def kept() -> dict[str, Any]:
    """What earlier runs found: group → {"figures", "date", "commit", "machine"}."""
    found: dict[str, Any] = json.loads(DATA.read_text()) if DATA.exists() else {}
    return found


def keep(group: str, figures: Sequence[Figure], about: dict[str, str]) -> None:
    """Put the group's figures in the place of those of its last run, in the data and on the page."""
    groups = kept()
    groups[group] = {**about, "figures": [asdict(each) for each in figures]}
    DATA.write_text(json.dumps(groups, indent=1, ensure_ascii=False) + "\n")
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n\n{_page(groups)}\n\n{END}{rest.partition(END)[2]}")


def _page(groups: dict[str, Any]) -> str:
    return "\n\n".join(
        f"### {name.replace('_', ' ').capitalize()}\n\n"
        f"{found['date']}, commit {found['commit']}, {found['machine']}, medians of {found['rounds']} rounds.\n\n"
        + table(_read(each) for each in found["figures"])
        for name, found in groups.items()
    )


def _read(kept: dict[str, Any]) -> Figure:
    ours, against = kept["ours"], kept["against"]
    return Figure(
        **{
            **kept,
            "ours": Sample(tuple(ours["values"]), ours["unit"]),
            "against": against
            and Against(against["name"], Sample(tuple(against["sample"]["values"]), against["sample"]["unit"])),
        }
    )
