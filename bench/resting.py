"""How soon the program answers after its start, and what it takes in memory while nobody asks anything."""

import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench import ground
from bench.figures import Figure, Sample, Scale, judged
from bench.lists import API
from bench.program import Line, Program
from dossier.core.settings import Settings

REST = 5.0


def measure(scale: Scale) -> Iterator[Figure]:
    """The embedded stack: one process for HTTP and jobs."""
    with tempfile.TemporaryDirectory(prefix="resting-") as name:
        settings = Settings(data_dir=Path(name))
        token = ground.lay(settings, 300 if scale.small else 1_000).tokens["owner"]
        starts, memory, used = zip(*(_once(settings, token, scale.small) for _ in range(scale.rounds + 1)), strict=True)
    figure = Figure(
        "start: from `dossier serve` to the first answer", "embedded", Sample(starts[1:], "s"), None, "≤ 1.5 s"
    )
    yield judged(figure, lambda value: value <= 1.5)
    more = {"after 200 lists": f"{statistics.median(used[1:]):.0f} MiB"}
    figure = Figure("memory at rest", "embedded", Sample(memory[1:], "MiB"), None, "≤ 120 MB", None, more)
    yield judged(figure, lambda value: value * 1.048576 <= 120)


def _once(settings: Settings, token: str, small: bool) -> tuple[float, float, float]:
    """Seconds to the first answer of ``/health/ready``; MiB at rest, and after some work."""
    program = Program(settings)
    began = time.perf_counter()
    program.start()
    started = time.perf_counter() - began
    try:
        time.sleep(0.5 if small else REST)
        at_rest = program.resident
        line = Line(program.port, token)
        for _ in range(200):
            line.ask(f"{API}/documents?limit=50")
        line.close()
        return started, at_rest, program.resident
    finally:
        program.stop()
