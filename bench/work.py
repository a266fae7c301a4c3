"""Changes over HTTP, each with its commit ÷ one bare INSERT with its commit on the same database; and documents in bulk."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.lists import API, Place, p99, times
from bench.program import Line
from dossier.core.ids import new_id
from tools.servers import MariaDb

AT_ONCE = 40
COMMENT = "INSERT INTO task_comments (id, task_id, workspace_id, body, created_at) VALUES (%s, %s, %s, %s, %s)"


def measure(scale: Scale) -> Iterator[Figure]:
    """The embedded stack, then MariaDB."""
    size = 300 if scale.small else 10_000
    with tempfile.TemporaryDirectory(prefix="work-") as name, ExitStack() as stack:
        yield from _figures(scale, Place(stack, Path(name) / "data", size), "embedded")
    server = MariaDb()
    with tempfile.TemporaryDirectory(prefix="work-") as name, ExitStack() as stack:
        stack.callback(server.close)
        server.start().make_database("work")
        yield from _figures(scale, Place(stack, Path(name) / "data", size, server.address("work")), "production")


def _figures(scale: Scale, place: Place, stack: Any) -> Iterator[Figure]:
    document = json.loads(place.line.ask(place.folder_list))["items"][0]["id"]
    task = json.loads(place.line.ask(f"{API}/documents/{document}/tasks", b'{"title": "First"}'))["id"]
    bare = _bare(place, UUID(task))
    for what, work in works(place.line, document).items():
        kept: list[float] = []
        ours, limit = alternating(scale.rounds, times(work, kept, AT_ONCE), times(bare, [], AT_ONCE))
        against = Against("a bare INSERT and COMMIT", Sample(limit, "ms"))
        figure = Figure(what, stack, Sample(ours, "ms"), against, "≤ 3×", None, {"p99": p99(kept)})
        yield judged(figure, lambda ratio: ratio <= 3)


def works(line: Line, document: str) -> dict[str, Callable[[], object]]:
    """The changes, on a document and on a task of its own there."""
    path = f"{API}/documents/{document}/tasks"
    task = json.loads(line.ask(path, b'{"title": "First"}'))["id"]
    turn = iter(range(10**9))

    def status() -> None:
        line.ask(f"{API}/tasks/{task}", b'{"status": "%s"}' % (b"in_progress", b"open")[next(turn) % 2], "PATCH")

    return {
        "make a task": lambda: line.ask(path, b'{"title": "Read this"}'),
        "comment on a task": lambda: line.ask(f"{API}/tasks/{task}/comments", b'{"body": "Well."}'),
        "change a task's status": status,
    }


def _bare(place: Place, task: UUID) -> Callable[[], object]:
    workspace = place.ground.workspace.bytes

    def insert() -> None:
        place.bare.all("BEGIN")
        place.bare.all(COMMENT, new_id().bytes, task.bytes, workspace, "Well.", "2026-01-01 00:00:00.000000")
        place.bare.all("COMMIT")

    return insert
