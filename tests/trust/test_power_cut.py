"""The power cut (R4): each scenario is recorded once, call by call. After every call the power goes, in many ways, and what
is then on the disk must show the state of the acknowledged steps, or of one more, whole.

Nothing is started on most of these states: they are judged by plain SQL and plain files. Some get a real start besides.
"""

import hashlib
import random
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pysqlite3 import dbapi2 as sqlite

from tests.trust import disk, evidence, invariants, tracer
from tests.trust.disk import EXTREMES, Call, Disk, Luck
from tests.trust.scenario import SCENARIOS, SECOND
from tests.trust.server import Template
from tests.trust.stage import SEED, STATES, Stage

# What is lost by a program that leaves an fsync out: a scenario, and the paths that it does not sync.
CARELESS = {
    "the bytes of a file": ("upload", r"/\.tmp/"),
    "the name of a file": ("upload", r"/blobs/[0-9a-f]{32}/[0-9a-f]{2}$"),
    "the directory of a file": ("upload", r"/blobs/[0-9a-f]{32}$"),
    "the directory of a workspace": ("upload", r"/blobs$"),
    "the bytes of an upload": ("resumable", r"/\.parts/"),
    "the name of an upload": ("resumable", r"/\.parts$"),
    "the log of the database": ("version", r"-wal$"),
    "the database": ("restore", r"\.sqlite3$"),
}


@dataclass
class Record:
    """A scenario as it was played."""

    stage: Stage
    data: Path = Path()
    descriptors: dict[int, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    judged: int = 0

    @property
    def start(self) -> Path:
        """A copy of the data before the first call."""
        return self.data.parent / "start"

    def play(self) -> "Record":
        """Play it."""
        code, self.data = self.stage.play(self._recording)
        assert code == 0
        self.calls = list(disk.calls((self.data.parent / "trace").read_text()))
        return self

    @contextmanager
    def _recording(self, pid: int, folder: Path) -> Iterator[None]:
        shutil.copytree(folder / "data", folder / "start")
        for link in Path(f"/proc/{pid}/fd").iterdir():
            self.descriptors[int(link.name)] = str(link.readlink())
        with tracer.recording(pid, disk.CALLS, folder / "trace"):
            yield

    def moments(self, deaf: str = "") -> Iterator[tuple[Disk, int, int]]:
        """The disk after each call that left something to lose, the number of acknowledgements, and that of the call."""
        found, acks = Disk(self.data, self.start, self.descriptors, deaf), 0
        for number, call in enumerate(self.calls):
            if call.name == "write" and call.int(0) == 1:
                acks += call.data(1).startswith(b"ACK {")
            found.make(call)
            if found.waits:
                yield found, acks, number

    def cut(self, found: Disk, acks: int, luck: Luck, seed: str, *, start: bool = False) -> None:
        """Cut the power, and look at what is left. Raises AssertionError."""
        target = self.data.parent / "cut"
        shutil.rmtree(target, ignore_errors=True)
        disk.restore(found, target, luck, random.Random(seed))
        self.judged += 1
        try:
            if self.stage.name in STATES:
                judge(target, self.stage.name, acks)
            if start:
                self.stage.look(target, acks)
        except (AssertionError, sqlite.Error, OSError) as error:
            error.add_note(f"TRUST_SEED={SEED}: {seed}, {luck}, {acks} acknowledgements; the folder is {target}")
            raise


def judge(data: Path, name: str, acks: int) -> None:
    """What is on the disk is the state of so many steps, or of one more, and whole."""
    database = sqlite.connect(data / "dossier.sqlite3")
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        state = [*documents(database), *uploads(database, data / "blobs")]
    finally:
        database.close()
    assert state in STATES[name][acks : acks + 2], f"after {acks} acknowledgements: {state}"
    invariants.check(data)


def documents(database: Any) -> Iterator[list[Any]]:
    """As ``STATES`` has them."""
    found = database.execute("SELECT id, name, trashed FROM documents ORDER BY trashed, name").fetchall()
    for id_, name, trashed in found:
        query = "SELECT lower(hex(sha256)) FROM versions WHERE document_id = ? ORDER BY number"
        yield [name, bool(trashed), [row[0] for row in database.execute(query, (id_,))]]


def uploads(database: Any, blobs: Path) -> Iterator[list[Any]]:
    """Open uploads, whose bytes are as many as was said, and the right ones."""
    for key, received in database.execute("SELECT key, received FROM uploads WHERE state <> 'done'").fetchall():
        if received:
            finished, part = invariants.place(blobs, key), blobs / ".parts" / key.replace("/", "-")
            body = (finished if finished.exists() else part).read_bytes()[:received]
            assert hashlib.sha256(body).digest() == hashlib.sha256(SECOND[:received]).digest(), "an upload is torn"
        yield ["upload", False, [received]]


@pytest.fixture
def record(data_template: Template, tmp_path: Path, request: pytest.FixtureRequest) -> Record:
    """The scenario that a test is about."""
    print(f"TRUST_SEED={SEED}")
    name = request.node.callspec.params["name"]
    return Record(Stage(data_template, tmp_path / name, name)).play()


def tree(folder: Path) -> dict[str, bytes]:
    """All files but memory that processes share."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_sample_of_states(record: Record, name: str) -> None:
    moments = sum(1 for _ in record.moments())
    chosen = set(random.Random(f"{SEED}{name}").sample(range(moments), min(10, moments)))
    for at, (found, acks, number) in enumerate(record.moments()):
        if at in chosen:
            for luck in EXTREMES:
                record.cut(found, acks, luck, f"{SEED} {name} {number}")
    assert record.judged == len(chosen) * len(EXTREMES) > 30
    # The model itself: where nothing is lost, it has what the real disk has.
    whole = Disk(record.data, record.start, record.descriptors)
    for call in record.calls:
        whole.make(call)
    target = record.data.parent / "whole"
    disk.restore(whole, target, Luck(1, 1), random.Random(0))
    assert tree(target) == tree(record.data)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("careless", "name"), [(what, name) for what, (name, _deaf) in CARELESS.items()])
def test_a_careless_program_is_found_out(record: Record, careless: str, name: str) -> None:
    """Without one of its fsyncs the program loses something, and these tests see it."""
    deaf = CARELESS[careless][1]
    for found, acks, number in record.moments(deaf):
        for luck in EXTREMES:
            try:
                record.cut(found, acks, luck, f"{SEED} {name} {number}")
            except (AssertionError, sqlite.Error, OSError):
                return
    pytest.fail(f"nobody misses {careless}")


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_moment(record: Record, name: str) -> None:
    begun, moments, starts = time.perf_counter(), 0, 0
    draw = random.Random(f"{SEED}{name}")
    for found, acks, number in record.moments():
        moments += 1
        lucks = [*EXTREMES, *(Luck(draw.random(), draw.random()) for _ in range(8))]
        for at, luck in enumerate(lucks):
            starts += (start := (moments + at) % 50 == 0)
            record.cut(found, acks, luck, f"{SEED} {name} {number} {at}", start=start)
    figures = f"{moments} moments, {starts} of the states started on; {time.perf_counter() - begun:.0f} s; seed {SEED}"
    evidence.record(f"R4 power cut: {name}", f"{record.judged} states", "0", figures)
    assert record.judged > 500


@pytest.mark.long
@pytest.mark.parametrize("name", ["migration"])
def test_a_migration(record: Record, name: str) -> None:
    """The database is made from nothing: whatever is left of it, the same command makes the rest."""
    begun = time.perf_counter()
    for at, (found, acks, number) in enumerate(record.moments()):
        if at % 3 == 0:
            record.cut(found, acks, EXTREMES[at // 3 % len(EXTREMES)], f"{SEED} {name} {number}", start=True)
    figures = f"all of the states started on; {time.perf_counter() - begun:.0f} s; seed {SEED}"
    evidence.record(f"R4 power cut: {name}", f"{record.judged} states", "0", figures)
    assert record.judged > 60
