"""The whole production stack as a client sees it: nginx with TLS, two API processes and two workers, MariaDB, Redis, and
contents in SeaweedFS.

A list is measured against the same request put straight to one of the API processes, and against the bare loop of
``bench.lists``. Contents pass through Python on their way in, and on their way out too, for SeaweedFS has no address that a
browser reaches; the limit in is the bare loop of ``bench.limits``, the limit out what nginx sends from its own disk.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from bench import ground, limits
from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.lists import API, CLIENTS, FEED, PAGE, Bare, p99, times
from bench.program import Line, many
from bench.running import MIB, processor_seconds
from bench.sending import STATIC_TLS, fetched
from bench.wire import Wire, head
from bench.work import works
from dossier.core.settings import Settings
from tools.servers import free_ports
from tools.stack import PORTAL, Stack

STACK, STRAIGHT = "production", "straight to one API process"
LIMIT = "one thread: receive, SHA-256, write, fsync"
LARGE = "256 MiB"  # the object store of this machine takes 6 GB in all


class Behind:
    """The stack with a filled workspace."""

    tls = True

    def __init__(self, stack: Stack, count: int) -> None:
        self.stack, self.port = stack, stack.ports[0]
        for program in stack.programs:  # nobody else is to write while the ground is laid
            program.stop()
        given = {name.removeprefix("DOSSIER_").lower(): value for name, value in stack.env.items()}
        wanted = {name: value for name, value in given.items() if name in Settings.model_fields}
        # A user with rights of his own, whose password the bare loop and the ground need not know.
        wanted |= {"database_user": "", "database_password": "", "data_dir": str(stack.folder / "laying")}
        self.settings = Settings(**wanted)  # type: ignore[arg-type]  # as the environment gives them: text
        self.ground = ground.lay(self.settings, count)
        for program in stack.programs:
            program.start()
        self.token = self.ground.tokens["editor"]

    @property
    def cpu(self) -> float:
        """Seconds that everything between the client and the database has worked, the database too."""
        assert self.stack.nginx
        pids = [each.pid for each in (*self.stack.programs, self.stack.database)]
        return sum(map(processor_seconds, [*pids, *self.stack.nginx.workers()]))


def measure(scale: Scale) -> Iterator[Figure]:
    """Lists and work on 100,000 documents, then contents."""
    with tempfile.TemporaryDirectory(prefix="dossier-stack-", ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)
        portal = folder / "portal"
        if PORTAL.exists():
            shutil.copytree(PORTAL, portal)
        else:
            portal.mkdir()
            (portal / "index.html").write_text("<!doctype html><title>Stands for the portal</title>")
        (portal / "large.bin").write_bytes(os.urandom(64 * MIB if scale.small else 256 * MIB))
        parts = stack.enter_context(Stack(folder / "stack", portal, free_ports(3), {"LOG_LEVEL": "warning"}))
        behind = Behind(parts, 600 if scale.small else 100_000)
        line = stack.enter_context(closing(Line(behind.port, behind.token, tls=True)))
        yield from _lists(scale, behind, line)
        yield from _changes(scale, behind, line)
        with Wire() as wire, limits.Receiver(folder / "bare") as receiver:
            yield from _contents(scale, behind, wire, receiver)


def _lists(scale: Scale, behind: Behind, line: Line) -> Iterator[Figure]:
    path = f"{API}/documents?folder_id={behind.ground.large}&limit={PAGE}"
    kept: list[float] = []
    with closing(Line(behind.stack.apis[0].port, behind.token)) as straight, closing(Bare(behind.settings)) as bare:
        found = alternating(
            scale.rounds,
            times(partial(line.ask, path), kept),
            times(partial(straight.ask, path), []),
            times(lambda: bare.page(behind.ground.large), []),
        )
        last = int(bare.all("SELECT MAX(seq) FROM events")[0][0])
    ours, one, limit = [Sample(each, "ms") for each in found]
    assert len(json.loads(line.ask(path))["items"]) == PAGE
    work = f"list {PAGE} of a folder through nginx"
    more = {"p99": p99(kept), "limit": str(limit), "÷ limit": f"{ours.median / limit.median:.2f} (goal ≤ 1.8)"}
    yield Figure(work, STACK, ours, Against(STRAIGHT, one), "", None, more)
    rates = [many(behind, behind.token, path, CLIENTS, 1 if scale.small else 4) for _ in range(scale.rounds)]
    core, came = [
        Sample(tuple(each), unit) for each, unit in zip(zip(*_swapped(rates), strict=True), RATES, strict=True)
    ]
    yield judged(
        Figure(f"{work}, {CLIENTS} clients", STACK, core, None, "≥ 1,200/s and core", None, {"as it came": str(came)}),
        lambda rate: rate >= 1200,
    )
    for kind, words in (("common", behind.ground.common[:3]), ("rare and common", behind.ground.mixed)):
        kept = []
        asked = f"{API}/documents?q={'+'.join(words)}"
        (took,) = alternating(scale.rounds, times(partial(line.ask, asked), kept, 10))
        figure = Figure(
            f"search for three words, {kind}, through nginx", STACK, Sample(took, "ms"), None, "≤ 50 ms", None, {}
        )
        figure.more["p99"] = p99(kept)
        yield judged(figure, lambda value: value <= 50)
    kept = []
    (took,) = alternating(scale.rounds, times(lambda: line.ask(f"{API}/tasks?status=open&limit={PAGE}"), kept))
    yield Figure(f"list {PAGE} open tasks through nginx", STACK, Sample(took, "ms"), more={"p99": p99(kept)})
    count = min(FEED, last // 2)
    end, start = alternating(scale.rounds, partial(_feed, line, last - count, count), partial(_feed, line, 0, count))
    work = f"feed, {count:,} events at the end of {last:,}, through nginx"
    figure = Figure(work, STACK, Sample(end, "ms"), Against("the first events", Sample(start, "ms")), "≤ 1.2×")
    yield judged(figure, lambda ratio: ratio <= 1.2)


RATES = ("1/s and core", "1/s")


def _swapped(rates: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(core, came) for came, core in rates]


def _feed(line: Line, after: int, count: int) -> float:
    began, to = time.perf_counter(), after + count
    while after < to:
        after = int(json.loads(line.ask(f"{API}/events?after={after}&limit=200"))["next"])
    return (time.perf_counter() - began) * 1000


def _changes(scale: Scale, behind: Behind, line: Line) -> Iterator[Figure]:
    (first, *_), _next = json.loads(line.ask(f"{API}/documents?folder_id={behind.ground.large}&limit=1")).values()
    with closing(Line(behind.stack.apis[0].port, behind.token)) as straight:
        mine, its = works(line, first["id"]), works(straight, first["id"])
        for what, work in mine.items():
            kept: list[float] = []
            found = alternating(scale.rounds, times(work, kept, 40), times(its[what], [], 40))
            ours, one = [Sample(each, "ms") for each in found]
            yield Figure(f"{what}, through nginx", STACK, ours, Against(STRAIGHT, one), more={"p99": p99(kept)})


def _contents(scale: Scale, behind: Behind, wire: Wire, receiver: limits.Receiver) -> Iterator[Figure]:
    sizes = {"10 MB": 10_000_000, LARGE: 64 * MIB if scale.small else 256 * MIB}
    for name, size in sizes.items():
        bare, ours = alternating(
            scale.rounds, partial(_bare, wire, receiver, size), partial(_added, behind, wire, size)
        )
        against = Against(LIMIT, Sample(bare, "MB/s"))
        yield Figure(f"add {name} by raw body to S3, through nginx", STACK, Sample(ours, "MB/s"), against)
    count = 20 if scale.small else 100
    told = _head(behind, 10_000, "#.bin")
    rate = alternating(scale.rounds, *(_posting(behind, wire, told, count, lanes) for lanes in (1, 8)))
    for words, each in zip(("one client", "8 clients"), rate, strict=True):
        yield Figure(f"add 10 KB by raw body to S3, {words}, through nginx", STACK, Sample(each, "1/s"))
    size = sizes[LARGE]
    address = _address(_sent(behind, wire, size))
    bare, ours = alternating(
        scale.rounds,
        fetched(wire, behind.port, head("GET", "/large.bin"), size, tls=True),
        fetched(wire, behind.port, head("GET", address, behind.token), size, tls=True),
    )
    yield Figure(
        f"download {LARGE} from S3, through nginx",
        STACK,
        Sample(ours, "MB/s"),
        Against(STATIC_TLS, Sample(bare, "MB/s")),
    )


def _head(behind: Behind, size: int, name: str) -> str:
    kind = "application/octet-stream"
    return head("POST", f"{API}/documents?name={name}", behind.token, size, Content_Type=kind)


def _sent(behind: Behind, wire: Wire, size: int) -> dict[str, str]:
    told = _head(behind, size, f"{time.time_ns()}.bin")
    made: dict[str, str] = wire.ask("send", port=behind.port, head=told, size=size, tls=True)
    if made["status"] != 201:
        raise RuntimeError(str(made))
    return made


def _address(made: dict[str, str]) -> str:
    line = next(each for each in made["head"].splitlines() if each.lower().startswith("location:"))
    return f"{line.split(':', 1)[1].strip()}/content"


def _added(behind: Behind, wire: Wire, size: int) -> float:
    return size / 1e6 / float(_sent(behind, wire, size)["seconds"])


def _bare(wire: Wire, receiver: limits.Receiver, size: int) -> float:
    made = wire.ask("send", port=receiver.port, head=head("POST", "/", "", size), size=size)
    (receiver.folder / "final").unlink()
    return size / 1e6 / float(made["seconds"])


def _posting(behind: Behind, wire: Wire, told: str, count: int, lanes: int) -> Callable[[], float]:
    def post() -> float:
        each = count // lanes
        took = wire.ask("post", port=behind.port, head=told, size=10_000, count=each, lanes=lanes, tls=True)
        return each * lanes / float(took)

    return post
