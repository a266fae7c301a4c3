"""Lists, search, tasks and the feed over HTTP, signed in by a token, as the workspace grows.

The limit of a list is a bare loop in this process: the statement for the same 50 rows, one for their tags, and the encoding.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pymysql
from pysqlite3 import dbapi2 as sqlite3
from sqlalchemy import event
from sqlalchemy.engine import make_url

from bench import ground
from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.ground import Ground
from bench.program import Line, Program, many
from dossier.app import build, create_app
from dossier.core import log, paging
from dossier.core.db import PRAGMAS
from dossier.core.settings import Settings
from tools.servers import MariaDb

API = "/api/v1"
AT_ONCE, CLIENTS, PAGE, FEED = 100, 16, 50, 10_000
DOCUMENT = [
    "id",
    "name",
    "folder_id",
    "description",
    "created_at",
    "updated_at",
    "trashed_at",
    "revision",
    "open_tasks",
]
VERSION = ["number", "sha256", "size", "media_type", "file_name", "comment", "author_id", "created_at"]
VERSION += ["restored_from", "branched_from"]
LOCK = ["holder_id", "acquired_at", "expires_at"]
ROWS = (
    f"SELECT {', '.join(f'd.{name}' for name in DOCUMENT)}, {', '.join(f'v.{name}' for name in VERSION)},"
    f" {', '.join(f'l.{name}' for name in LOCK)} FROM documents d{{hint}}"
    " JOIN versions v ON v.document_id = d.id AND v.number = d.head_number"
    " LEFT JOIN document_locks l ON l.document_id = d.id"
    " WHERE d.folder_id = %s AND d.trashed = 0 ORDER BY d.name_key, d.id LIMIT 51"
)
TAGS = "SELECT document_id, tag FROM document_tags WHERE document_id IN ({many}) ORDER BY document_id, tag_key"


class Bare:
    """The limit: a connection, two statements and an encoder."""

    def __init__(self, settings: Settings) -> None:
        self.is_sqlite = not settings.database_url
        if self.is_sqlite:
            self._connection: Any = sqlite3.connect(settings.data_dir / "dossier.sqlite3", isolation_level=None)
            for name, value in PRAGMAS.items():
                self._connection.execute(f"PRAGMA {name}={value}")
        else:
            url = make_url(settings.database)
            self._connection = pymysql.connect(
                host=url.host or "", port=url.port or 0, user=url.username or "", database=url.database, autocommit=True
            )
        self._cursor = self._connection.cursor()
        hint = "" if self.is_sqlite else " FORCE INDEX (ix_documents_folder_name)"
        self._rows = self._sql(ROWS.format(hint=hint))

    def _sql(self, statement: str) -> str:
        return statement.replace("%s", "?") if self.is_sqlite else statement

    def all(self, statement: str, *values: object) -> list[Any]:
        """The rows of a statement."""
        self._cursor.execute(self._sql(statement), values)
        return list(self._cursor.fetchall())

    def page(self, folder: UUID) -> bytes:
        """The first page of a folder, as it goes out."""
        rows = self.all(self._rows, folder.bytes)[:PAGE]
        tags: dict[bytes, list[str]] = {}
        for id_, tag in self.all(TAGS.format(many=", ".join(["%s"] * len(rows))), *(row[0] for row in rows)):
            tags.setdefault(id_, []).append(tag)
        return msgspec.json.encode({"items": [_shape(row, tags) for row in rows], "next": None})

    def close(self) -> None:
        """Let go."""
        self._connection.close()


def _shape(row: Any, tags: dict[bytes, list[str]]) -> dict[str, Any]:
    document = dict(zip(DOCUMENT, row, strict=False))
    version = dict(zip(VERSION, row[len(DOCUMENT) :], strict=False))
    version["sha256"] = version["sha256"].hex()
    version["author"] = {"id": version.pop("author_id").hex(), "name": "Somebody"}
    document["tags"] = tags.get(row[0], [])
    document |= {"id": row[0].hex(), "folder_id": document["folder_id"].hex(), "lock": None, "version": version}
    return document


class Place:
    """A filled workspace with the real program on it."""

    def __init__(self, stack: ExitStack, folder: Path, count: int, database: str = "") -> None:
        settings = Settings(data_dir=folder, database_url=database)
        began = time.perf_counter()
        self.count, self.ground = count, ground.lay(settings, count)
        self.laid_in = time.perf_counter() - began
        print(f"{count:,} documents laid in {self.laid_in:.1f} s", flush=True)
        self.program = Program(settings).start()
        stack.callback(self.program.stop)
        self.line = stack.enter_context(closing(Line(self.program.port, self.token)))
        self.bare = stack.enter_context(closing(Bare(settings)))

    @property
    def token(self) -> str:
        """Of an editor, who sees two scopes."""
        return self.ground.tokens["editor"]

    @property
    def folder_list(self) -> str:
        """The address of the list of the large folder."""
        return f"{API}/documents?folder_id={self.ground.large}&limit={PAGE}"

    def deep(self) -> str:
        """The address of a page near the end of the large folder."""
        of = (self.ground.large.bytes, self.count * 9 // 20)
        where = "SELECT name_key, id FROM documents WHERE folder_id = %s ORDER BY name_key, id LIMIT 1 OFFSET %s"
        ((key, id_),) = self.bare.all(where, *of)
        return f"{self.folder_list}&after={paging.encode(key, UUID(bytes=id_))}"

    def statements(self, path: str) -> int:
        """How many statements a request sends."""
        return asyncio.run(_statements(self.ground, self.token, path))

    def reads(self, path: str, times: int = 50) -> float:
        """Rows that MariaDB reads for a request, by its own counters."""
        counters = "SHOW GLOBAL STATUS LIKE 'Handler_read%%'"
        before = sum(int(row[1]) for row in self.bare.all(counters))
        for _ in range(times):
            self.line.ask(path)
        return (sum(int(row[1]) for row in self.bare.all(counters)) - before) / times


async def _statements(on: Ground, token: str, path: str) -> int:
    log.configure("console", "error")
    parts = build(on.settings)
    seen: list[str] = []
    engine = parts.database.reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda _c, _u, statement, *_: seen.append(statement))
    transport = httpx.ASGITransport(app=create_app(parts))
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers) as client:
        await client.get(path)
        before = len(seen)
        await client.get(path)
    await parts.close()
    return sum("SELECT" in statement for statement in seen[before:])


def times(work: Callable[[], object], kept: list[float], count: int = AT_ONCE) -> Callable[[], float]:
    """A round: the median of ``count`` runs in ms; all of them are kept."""

    def a_round() -> float:
        found = []
        for _ in range(count):
            began = time.perf_counter()
            work()
            found.append((time.perf_counter() - began) * 1000)
        kept.extend(found)
        return sorted(found)[count // 2]

    return a_round


def p99(kept: list[float]) -> str:
    """The 99th percentile."""
    return f"{sorted(kept)[int(len(kept) * 0.99)]:.2f} ms"


def measure(scale: Scale) -> Iterator[Figure]:
    """The embedded stack, then MariaDB."""
    sizes = (300, 600) if scale.small else (1_000, 100_000, 1_000_000)
    with tempfile.TemporaryDirectory(prefix="lists-") as name, ExitStack() as stack:
        yield from _figures(scale, [Place(stack, Path(name) / str(size), size) for size in sizes])
    server = MariaDb(None, "--innodb-buffer-pool-size=1G")
    with tempfile.TemporaryDirectory(prefix="lists-") as name, ExitStack() as stack:
        stack.callback(server.close)
        server.start()
        places = []
        for size in sizes[:2]:
            server.make_database(f"d{size}")
            places.append(Place(stack, Path(name) / str(size), size, server.address(f"d{size}")))
        yield from _figures(scale, places)


def _figures(scale: Scale, places: list[Place]) -> Iterator[Figure]:
    is_sqlite = places[0].bare.is_sqlite
    stack = "embedded" if is_sqlite else "production"
    for place in places:
        yield from _lists(scale, place, stack)
    yield _growth(scale, places, stack)
    largest = places[-1]
    yield _deep(scale, largest, stack)
    yield from _others(scale, largest, stack, 30 if is_sqlite else 50)


def _lists(scale: Scale, place: Place, stack: Any) -> Iterator[Figure]:
    most = 4 if stack == "embedded" else 1.8
    for what, path in (("a folder", place.folder_list), ("all folders", f"{API}/documents?limit={PAGE}")):
        kept: list[float] = []
        ours, limit = alternating(
            scale.rounds,
            times(partial(place.line.ask, path), kept),
            times(lambda: place.bare.page(place.ground.large), []),
        )
        assert len(json.loads(place.line.ask(path))["items"]) == PAGE
        more = {"p99": p99(kept), "statements": str(place.statements(path))}
        if stack != "embedded":
            more["rows read"] = f"{place.reads(path):.0f}"
        against = Against("limit", Sample(limit, "ms"))
        work = f"list {PAGE} of {what}, {place.count:,} documents"
        yield judged(Figure(work, stack, Sample(ours, "ms"), against, f"≤ {most}×", None, more), lambda r: r <= most)
    rates = [many(place.program, place.token, place.folder_list, CLIENTS, 2) for _ in range(scale.rounds)]
    figure = Figure(
        f"list {PAGE} of a folder, {CLIENTS} clients, {place.count:,} documents",
        stack,
        Sample(tuple(core for _, core in rates), "1/s and core"),
        None,
        "≥ 1,200/s and core",
        None,
        {"as it came": str(Sample(tuple(rate for rate, _ in rates), "1/s"))},
    )
    yield judged(figure, lambda rate: rate >= 1200)


def _growth(scale: Scale, places: list[Place], stack: Any) -> Figure:
    small, large = places[0], places[-1]
    works = [times(partial(place.line.ask, place.folder_list), []) for place in (large, small)]
    at_large, at_small = alternating(scale.rounds, *works)
    against = Against(f"itself at {small.count:,}", Sample(at_small, "ms"))
    figure = Figure(f"list as the workspace grows to {large.count:,}", stack, Sample(at_large, "ms"), against, "≤ 1.2×")
    return judged(figure, lambda ratio: ratio <= 1.2)


def _deep(scale: Scale, place: Place, stack: Any) -> Figure:
    path = place.deep()
    works = [times(partial(place.line.ask, each), []) for each in (path, place.folder_list)]
    deep, first = alternating(scale.rounds, *works)
    more = {} if stack == "embedded" else {"rows read": f"{place.reads(path):.0f}"}
    against = Against("its first page", Sample(first, "ms"))
    figure = Figure(
        f"a page at nine tenths, {place.count:,} documents", stack, Sample(deep, "ms"), against, "≤ 1.2×", None, more
    )
    return judged(figure, lambda ratio: ratio <= 1.2)


def _others(scale: Scale, place: Place, stack: Any, most: int) -> Iterator[Figure]:
    words = {"common": place.ground.common[:3], "rare and common": place.ground.mixed}
    asked = {f"search for three words, {kind}": f"{API}/documents?q={'+'.join(of)}" for kind, of in words.items()}
    for what, path in asked.items():
        kept: list[float] = []
        (ours,) = alternating(scale.rounds, times(partial(place.line.ask, path), kept, 10))
        hits = len(json.loads(place.line.ask(path))["items"])
        more = {"p99": p99(kept), "hits on the page": str(hits), "statements": str(place.statements(path))}
        figure = Figure(
            f"{what}, {place.count:,} documents", stack, Sample(ours, "ms"), None, f"≤ {most} ms", None, more
        )
        yield judged(figure, lambda value: value <= most)
    path = f"{API}/tasks?status=open&limit={PAGE}"
    kept = []
    (ours,) = alternating(scale.rounds, times(lambda: place.line.ask(path), kept))
    more = {"p99": p99(kept), "statements": str(place.statements(path))}
    if stack != "embedded":
        more["rows read"] = f"{place.reads(path):.0f}"
    yield Figure(f"list {PAGE} open tasks, {place.count:,} documents", stack, Sample(ours, "ms"), more=more)
    yield _feed(scale, place, stack)


def _feed(scale: Scale, place: Place, stack: Any) -> Figure:
    last = int(place.bare.all("SELECT MAX(seq) FROM events")[0][0])
    count = min(FEED, last // 2)

    def read(after: int) -> float:
        began, to = time.perf_counter(), after + count
        while after < to:
            after = int(json.loads(place.line.ask(f"{API}/events?after={after}&limit=200"))["next"])
        return (time.perf_counter() - began) * 1000

    end, start = alternating(scale.rounds, lambda: read(last - count), lambda: read(0))
    against = Against("the first events", Sample(start, "ms"))
    work = f"feed, {count:,} events at the end of {last:,}, 200 a page"
    figure = Figure(work, stack, Sample(end, "ms"), against, "≤ 1.2×")
    return judged(figure, lambda ratio: ratio <= 1.2)
