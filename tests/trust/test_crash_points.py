"""The crash-point sweep (R2): SIGKILL at each single write, fsync, rename … of a scenario, then a start and a look.

After a crash with ``a`` acknowledged steps the folder must show the state of ``a`` or of ``a + 1`` steps, whole.
"""

import collections
import random
import time
from pathlib import Path

import pytest

from tests.trust import evidence, tracer
from tests.trust.scenario import SCENARIOS
from tests.trust.server import Template
from tests.trust.stage import SEED, Stage
from tests.trust.tracer import Point

SAMPLE = {"upload": 24, "resumable": 16, "version": 12, "restore": 6, "trash": 6, "purge": 6, "migration": 6}
pytestmark = pytest.mark.skipif(not tracer.usable(), reason="needs strace")


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


# What the kernel says of a call that it could not do.
ERRORS = ("EIO", "ENOSPC", "EDQUOT")
FAILING = ("write", "pwrite64", "fsync", "fdatasync", "rename", "ftruncate", "mkdir", "unlink")


def faults(points: list[Point]) -> list[tuple[Point, str, bool]]:
    """Every call that can fail, with each error, once and from there on."""
    able = [point for point in points if point.call in FAILING]
    return [(point, error, on) for point in able for error in ERRORS for on in (False, True)]


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_sample_of_failing_calls(data_template: Template, tmp_path: Path, name: str) -> None:
    """The disk refuses: what was acknowledged is there, and the next start works."""
    stage = Stage(data_template, tmp_path / name, name)
    chosen = random.Random(f"{SEED}{name}").sample(faults(stage.count()), 4)
    for point, error, on in chosen:
        stage.fail(point, error, from_there_on=on)


@pytest.mark.long
@pytest.mark.parametrize("name", SCENARIOS)
def test_every_failing_call(data_template: Template, tmp_path: Path, name: str) -> None:
    begun, gave_up = time.perf_counter(), 0
    stage = Stage(data_template, tmp_path / name, name)
    every = faults(stage.count())
    for point, error, on in every:
        gave_up += stage.fail(point, error, from_there_on=on)
    minutes = (time.perf_counter() - begun) / 60
    figures = f"{', '.join(ERRORS)}, once and from there on; the program gave up {gave_up} times; {minutes:.0f} min"
    evidence.record(f"R3 every failing call: {name}", f"{len(every)} faults", "0", figures)
