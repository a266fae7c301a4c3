"""The crash-point sweep (R2): SIGKILL at each single write, fsync, rename … of a scenario, then a start and a look.

After a crash with ``a`` acknowledged steps the folder must show the state of ``a`` or of ``a + 1`` steps, whole.
"""

import collections
import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.trust import evidence, invariants, tracer
from tests.trust.scenario import FIRST, HALF, SCENARIOS, SECOND
from tests.trust.server import EMAIL, WORKSPACE, Template, command, environment
from tests.trust.tracer import Point

SEED = int(os.environ.get("TRUST_SEED", "0")) or random.SystemRandom().randrange(10**9)
SAMPLE = {"upload": 24, "resumable": 16, "version": 12, "restore": 6, "trash": 6, "purge": 6, "migration": 6}
pytestmark = pytest.mark.skipif(not tracer.usable(), reason="needs strace")

ONE, TWO = (sha256(body).hexdigest() for body in (FIRST, SECOND))
STATES: dict[str, list[Any]] = {
    "upload": [
        [],
        [["one.bin", False, [ONE]]],
        [["one.bin", False, [ONE]], ["two.bin", False, [TWO]]],
    ],
    "resumable": [
        [],
        [["upload", False, [0]]],
        [["upload", False, [HALF]]],
        [["two.bin", False, [TWO]]],
    ],
    "version": [[["one.bin", False, [ONE, TWO, ONE][:count]]] for count in (1, 2, 3)],
    "restore": [[["one.bin", False, [ONE, TWO, ONE][:count]]] for count in (2, 3)],
    "trash": [[["one.bin", trashed, [ONE, TWO]]] for trashed in (False, True)],
    "purge": [
        [["other.bin", False, [ONE]], ["one.bin", True, [ONE, TWO]]],
        [["other.bin", False, [ONE]]],
    ],
}


@dataclass
class Stage:
    """A prepared folder of one scenario; each point plays on a copy of its own."""

    template: Template
    folder: Path
    name: str
    played: int = 0

    def __post_init__(self) -> None:
        self.before = self.folder / "before" / "data"
        self.before.parent.mkdir(parents=True)
        if self.name == "migration":
            self.before.mkdir()
            return
        self.template.copy(self.before)
        code, said = self._run(self.before, f"prepare-{self.name}")
        assert code == 0, said

    def _files(self, data: Path) -> tuple[Path, Path]:
        return data.parent / "out", data.parent / "err"

    def _run(self, data: Path, name: str) -> tuple[int, str]:
        out, err = self._files(data)
        code = self.template.nursery.start(["scenario", name], environment(data), out, err).wait(60)
        return code, out.read_text() + err.read_text()

    def play(self, saboteur: Callable[[int, Path], Any]) -> tuple[int, Path]:
        """Play the scenario under a saboteur, a context made of pid and folder: the exit code and the data."""
        self.played += 1
        data = self.folder / str(self.played) / "data"
        shutil.copytree(self.before, data)
        out, err = self._files(data)
        os.mkfifo(data.parent / "go")
        process = self.template.nursery.start(["scenario", self.name], environment(data), out, err)
        try:
            tracer.until(lambda: out.exists() and "READY" in out.read_text())
            with saboteur(process.pid, data.parent):
                (data.parent / "go").write_bytes(b"")
                return process.wait(60), data
        except BaseException:
            process.send(signal.SIGKILL)
            process.wait(30)
            raise

    def count(self) -> list[Point]:
        """Every point there is."""
        counts: tracer.Counts = {}

        def count(pid: int, folder: Path) -> Any:
            return tracer.counting(pid, folder, counts)

        code, data = self.play(count)
        assert code == 0, self._files(data)[1].read_text()
        assert self.acks(data) == self.steps
        return tracer.points(counts)

    @property
    def steps(self) -> int:
        """How many acknowledgements a whole play gives."""
        return 1 if self.name == "migration" else len(STATES[self.name]) - 1

    def acks(self, data: Path) -> int:
        """How many it got to."""
        return self._files(data)[0].read_text().count("ACK {")

    def crash(self, point: Point) -> bool:
        """Kill it there, start again and look; False if the run had fewer calls than the counted one and ended."""
        code, data = self.play(lambda pid, folder: tracer.sabotage(pid, point, "signal=SIGKILL", folder / "log"))
        assert code in (-9, 0), self._files(data)[1].read_text()
        try:
            self.look(data, self.acks(data))
        except AssertionError as error:
            error.add_note(f"TRUST_SEED={SEED}: {self.name}, {point}; the folder is {data}")
            raise
        shutil.rmtree(data.parent)
        return code == -9

    def look(self, data: Path, acks: int) -> None:
        """Start on what is left: it is the state of so many steps, or of one more."""
        if self.name == "migration":
            self._look_at_schema(data)
            return
        code, said = self._run(data, "look")
        assert code == 0, said
        state = json.loads(said.split("STATE ", 1)[1].splitlines()[0])
        assert state in STATES[self.name][acks : acks + 2], f"after {acks} acknowledgements"
        invariants.check(data)
        if self.played % 8 == 0:
            checked = command(self.template.nursery, data, "doctor", "--json")
            assert checked.returncode == 0, checked.stdout + checked.stderr

    def _look_at_schema(self, data: Path) -> None:
        added = command(self.template.nursery, data, "user", "add", EMAIL, "--workspace", WORKSPACE, "--role", "owner")
        assert added.returncode == 0, added.stderr
        assert schema(data) == schema(self.template.folder)
        invariants.check(data)


def schema(data: Path) -> set[tuple[str, str]]:
    """All that the database is made of."""
    with invariants.opened(data) as database:
        return set(database.execute("SELECT name, sql FROM sqlite_master").fetchall())


def sample(points: list[Point], count: int, seed: str) -> list[Point]:
    """So many of them, spread evenly from a random beginning."""
    step = max(1.0, len(points) / count)
    start = random.Random(seed).uniform(0, step)
    return [points[int(start + number * step) % len(points)] for number in range(min(count, len(points)))]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SAMPLE)
def test_a_sample_of_points(data_template: Template, tmp_path: Path, name: str) -> None:
    print(f"TRUST_SEED={SEED}")
    stage = Stage(data_template, tmp_path / name, name)
    chosen = sample(stage.count(), SAMPLE[name], f"{SEED}{name}")
    killed = sum(stage.crash(point) for point in chosen)
    assert killed >= len(chosen) * 0.8


@pytest.mark.long
@pytest.mark.parametrize("name", [*SCENARIOS, "migration"])
def test_every_point(data_template: Template, tmp_path: Path, name: str) -> None:
    begun, killed = time.perf_counter(), 0
    stage = Stage(data_template, tmp_path / name, name)
    every = stage.count()
    calls = collections.Counter(point.call for point in every)
    named = ", ".join(f"{call} {count}" for call, count in calls.items())
    for done, point in enumerate(every, 1):
        killed += stage.crash(point)
        if done % 50 == 0 or done == len(every):
            minutes = (time.perf_counter() - begun) / 60
            what, count = f"R2 every crash point: {name}", f"{killed} of {len(every)} points hit"
            evidence.record(what, count, "0", f"{named}; {minutes:.0f} min")
    assert killed >= len(every) * 0.9
