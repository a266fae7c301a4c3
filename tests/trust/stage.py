"""A prepared data folder on which a scenario is played under a saboteur, and what must be there afterwards."""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from tests.trust import invariants, tracer
from tests.trust.scenario import FIRST, HALF, SECOND
from tests.trust.server import EMAIL, WORKSPACE, Template, command, environment
from tests.trust.tracer import Point

SEED = int(os.environ.get("TRUST_SEED", "0")) or random.SystemRandom().randrange(10**9)
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
        return self._sabotaged(point, "signal=SIGKILL", (-9, 0)) == -9

    def fail(self, point: Point, error: str, *, from_there_on: bool) -> bool:
        """Let that call fail, or all of its kind from there on; look as after a crash. Whether the program gave up."""
        return self._sabotaged(point, f"error={error}", (0, 1), "+" if from_there_on else "") == 1

    def _some_of_a_piece(self, state: list[Any], acks: int) -> bool:
        """Whether it is an upload with some bytes of the piece that failed: those that were there before stay."""
        if self.name != "resumable" or acks not in (1, 2) or [item[0] for item in state] != ["upload"]:
            return False
        least, most = ((0, HALF), (HALF, len(SECOND)))[acks - 1]
        return bool(least <= state[0][2][0] <= most)

    def _sabotaged(self, point: Point, what: str, codes: tuple[int, ...], more: str = "") -> int:
        code, data = self.play(lambda pid, folder: tracer.sabotage(pid, point, what, folder / "log", more=more))
        try:
            assert code in codes, self._files(data)[1].read_text()
            self.look(data, self.acks(data), failed=what.startswith("error="))
        except AssertionError as error:
            error.add_note(f"TRUST_SEED={SEED}: {self.name}, {point}, {what}{more}; the folder is {data}")
            raise
        shutil.rmtree(data.parent)
        return code

    def look(self, data: Path, acks: int, *, failed: bool = False) -> None:
        """Start on what is left: it is the state of so many steps, or of one more; where one ``failed``, also in between."""
        if self.name == "migration":
            self._look_at_schema(data)
            return
        code, said = self._run(data, "look")
        assert code == 0, said
        state = json.loads(said.rsplit("STATE ", 1)[1].splitlines()[0])
        whole = state in STATES[self.name][acks : acks + 2]
        assert whole or (failed and self._some_of_a_piece(state, acks)), f"after {acks} acknowledgements: {state}"
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
