"""Rows of what comes in: bodies, forms and resumable uploads ÷ a bare loop that receives, hashes, writes and syncs."""

import base64
import statistics
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bench import limits
from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.running import MIB, Memory, Place
from bench.wire import HOST, Wire, head

API = "/api/v1"
LIMIT = "one thread: receive, SHA-256, write, fsync"
BARE = "one thread: SHA-256, write, fsync, rename, fsync, INSERT, commit"
LAST = 64 * 1024
PIECE = 64 * MIB
TUS = {"Tus_Resumable": "1.0.0"}
EDGE = "bench-boundary-7d1f"


def add_head(place: Place, size: int, name: str) -> str:
    """Of a raw body."""
    return head("POST", f"{API}/documents?name={name}", place.token, size, Content_Type="application/octet-stream")


class Adding:
    """The ways in. Each answers MB/s, and clears the disk first of what the one before has left there."""

    def __init__(self, place: Place, wire: Wire, receiver: limits.Receiver, size: int, piece: int = PIECE) -> None:
        self.place, self.wire, self.receiver, self.size, self.piece = place, wire, receiver, size, piece
        self.peaks: dict[str, list[float]] = {}
        self.last: dict[str, list[float]] = {}

    def limit(self) -> float:
        told = head("POST", "/", "", self.size)
        made = self.wire.ask("send", port=self.receiver.port, head=told, size=self.size)
        (self.receiver.folder / "final").unlink()
        return self.size / 1e6 / float(made["seconds"])

    def raw(self) -> float:
        return self._timed("raw", lambda: [self._send(add_head(self.place, self.size, _name()), self.size)])

    def form(self) -> float:
        start, end = _form(_name())
        length = len(start) + self.size + len(end)
        kind = f"multipart/form-data; boundary={EDGE}"
        told = head("POST", f"{API}/documents", self.place.token, length, Content_Type=kind)
        return self._timed("form", lambda: [self._send(told, self.size, before=start, after=end)])

    def tus(self) -> float:
        return self._timed("tus", lambda: self._resumable("tus", self.size - LAST))

    def pieces(self) -> float:
        return self._timed("pieces", lambda: self._resumable("pieces", self.piece))

    def _timed(self, name: str, work: Any) -> float:
        self.place.forget()
        memory = Memory(self.place.program.pid)
        seconds = sum(work())
        self.peaks.setdefault(name, []).append(memory.above)
        return self.size / 1e6 / seconds

    def _send(self, told: str, size: int, status: int = 201, **more: str) -> float:
        made = self.wire.ask("send", port=self.place.port, head=told, size=size, **more)
        if made["status"] != status:
            raise RuntimeError(str(made))
        return float(made["seconds"])

    def _resumable(self, name: str, piece: int) -> list[float]:
        """Create, send all but the last 64 KiB in pieces, and then those, whose time is kept."""
        started = time.perf_counter()
        address = begin(self.place, self.size)
        took, offset = [time.perf_counter() - started], 0
        while offset < self.size:
            until = min(offset + piece, self.size - LAST) if offset < self.size - LAST else self.size
            took.append(self._send(patch_head(self.place, address, offset, until - offset), until - offset, 204))
            offset = until
        self.last.setdefault(name, []).append(took[-1] * 1000)
        return took


def _name() -> str:
    return f"{time.time_ns()}.bin"


def _form(name: str) -> tuple[str, str]:
    field = f'--{EDGE}\r\nContent-Disposition: form-data; name="name"\r\n\r\n{name}\r\n'
    file = f'--{EDGE}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return field + file, f"\r\n--{EDGE}--\r\n"


def begin(place: Place, size: int, name: str = "") -> str:
    """A new resumable upload; its address."""
    told = base64.b64encode((name or _name()).encode()).decode()
    sent = {**TUS, "Upload_Length": str(size), "Upload_Metadata": f"filename {told}"}
    status, headers, said = place.ask("POST", "/uploads", **sent)
    if status != 201:
        raise RuntimeError(str(said))
    return urlsplit(headers["location"]).path


def patch_head(place: Place, address: str, offset: int, length: int) -> str:
    """Of a PATCH with ``length`` bytes."""
    kind = "application/offset+octet-stream"
    return head("PATCH", address, place.token, length, **TUS, Upload_Offset=str(offset), Content_Type=kind)


def large(place: Place, wire: Wire, receiver: limits.Receiver, scale: Scale) -> Iterator[Figure]:
    """1 GiB by each way."""
    size, name = (64 * MIB, "64 MiB") if scale.small else (1 << 30, "1 GiB")
    adding = Adding(place, wire, receiver, size)
    ways = [adding.raw, adding.form, adding.tus, adding.pieces]
    bare, *found = [Sample(each, "MB/s") for each in alternating(scale.rounds, adding.limit, *ways)]
    goals = {"raw": ("raw body", 1.0), "form": ("form", 0.8), "tus": ("tus, one PATCH and a last of 64 KiB", 0.8)}
    goals["pieces"] = (f"tus, PATCHes of {PIECE // MIB} MiB and a last of 64 KiB", 0.8)
    for (way, (words, goal)), ours in zip(goals.items(), found, strict=True):
        more = {"peak memory": f"{max(adding.peaks[way][1:]):.1f} MiB above rest (goal ≤ 16)"}
        if last := adding.last.get(way):
            more["last request"] = f"{Sample(tuple(last[1:]), 'ms')} (goal ≤ 50 ms)"
        figure = Figure(f"add {name} by {words}", "embedded", ours, Against(LIMIT, bare), f"≥ {goal}", None, more)
        yield judged(figure, lambda ratio, goal=goal: ratio >= goal)
    place.forget()


def huge(place: Place, wire: Wire, receiver: limits.Receiver, scale: Scale) -> Iterator[Figure]:
    """10 GiB by tus, 1 GiB a PATCH; with cuts and a killed server it is ``bench.ten_gib``."""
    size, piece, name = (128 * MIB, 16 * MIB, "128 MiB") if scale.small else (10 << 30, 1 << 30, "10 GiB")
    adding = Adding(place, wire, receiver, size, piece)
    bare, ours = [Sample(each, "MB/s") for each in alternating(scale.rounds, adding.limit, adding.pieces)]
    more = {
        "peak memory": f"{max(adding.peaks['pieces'][1:]):.1f} MiB above rest (goal ≤ 16)",
        "last request": f"{Sample(tuple(adding.last['pieces'][1:]), 'ms')} (goal ≤ 50 ms)",
    }
    work = f"add {name} by tus, PATCHes of {piece // MIB} MiB and a last of 64 KiB"
    yield judged(Figure(work, "embedded", ours, Against(LIMIT, bare), "≥ 0.8", None, more), lambda ratio: ratio >= 0.8)
    place.forget()


def smaller(place: Place, wire: Wire, receiver: limits.Receiver, scale: Scale) -> Iterator[Figure]:
    """10 MB and 10 KB, where the commit and the syncs count."""
    adding = Adding(place, wire, receiver, 10_000_000)
    bare, ours = [Sample(each, "MB/s") for each in alternating(scale.rounds, adding.limit, adding.raw)]
    yield Figure("add 10 MB by raw body", "embedded", ours, Against(LIMIT, bare))
    count = 20 if scale.small else 200
    folder = receiver.folder
    told = add_head(place, 10_000, "#.bin")

    def posted(lanes: int) -> float:
        each = count // lanes
        took = wire.ask("post", port=place.port, head=told, size=10_000, count=each, lanes=lanes)
        return each * lanes / float(took)

    works = (lambda: limits.write(folder, count, 10_000), lambda: posted(1), lambda: posted(8))
    bare, one, eight = [Sample(each, "1/s") for each in alternating(scale.rounds, *works)]
    yield Figure("add 10 KB by raw body, one client", "embedded", one, Against(BARE, bare))
    yield Figure("add 10 KB by raw body, 8 clients", "embedded", eight, Against(BARE, bare))
    place.forget()


def percentile(values: list[float], part: float) -> float:
    """The nearest rank."""
    return sorted(values)[min(int(len(values) * part), len(values) - 1)]


def beside(place: Place, wire: Wire, scale: Scale) -> Iterator[Figure]:
    """How a list fares while 8 uploads run."""
    seconds, size = (1.0, 16 * MIB) if scale.small else (5.0, 256 * MIB)
    asked = head("GET", f"{API}/documents?limit=50", place.token)
    rates = []

    def rest() -> float:
        place.forget()
        return percentile(wire.ask("each", port=place.port, head=asked, seconds=seconds), 0.99) * 1000

    def loaded() -> float:
        with Wire() as other:
            told = add_head(place, size, "#.bin")
            other.begin("fill", port=place.port, head=told, size=size, lanes=8, seconds=seconds + 1, nice=5)
            time.sleep(0.5)
            took = wire.ask("each", port=place.port, head=asked, seconds=seconds)
            rates.append(other.end() / 1e6)
        return percentile(took, 0.99) * 1000

    quiet, busy = [Sample(each, "ms") for each in alternating(scale.rounds, rest, loaded)]
    more = {"uploads": f"{statistics.median(rates):.0f} MB/s in all"}
    work = "p99 of a list of 50 while 8 uploads run"
    figure = Figure(work, "embedded", busy, Against("the same at rest", quiet), "≤ 3×", None, more)
    yield judged(figure, lambda ratio: ratio <= 3)
    place.forget()


def again(place: Place, wire: Wire, scale: Scale) -> Iterator[Figure]:
    """Old versions made current, and content that is there already: nothing is copied."""
    sizes = {"10 KB": 10_000, "1 GiB": 1 << 20 if scale.small else 1 << 30}
    documents = {name: _with_old_version(place, wire, size) for name, size in sizes.items()}

    def restored(name: str) -> float:
        started = time.perf_counter()
        status, _, told = place.ask("POST", f"/documents/{documents[name]}/versions/1/restore")
        if status != 201:
            raise RuntimeError(str(told))
        return (time.perf_counter() - started) * 1000

    def same(name: str) -> float:
        took, status = _sent_again(place, documents[name], sizes[name])
        if status != 201:
            raise RuntimeError(str(status))
        return took * 1000

    before = len(place.stored())
    small, large = [
        Sample(each, "ms") for each in alternating(scale.rounds * 8, *[lambda n=n: restored(n) for n in sizes])
    ]
    against = Against("the same with 10 KB", small)
    goal = "same time"
    yield judged(
        Figure("restore an old version of 1 GiB", "embedded", large, against, goal), lambda ratio: ratio <= 1.25
    )
    small, large = [Sample(each, "ms") for each in alternating(scale.rounds, *[lambda n=n: same(n) for n in sizes])]
    rate = f"{sizes['1 GiB'] / 1e6 / (large.median / 1000):.0f} MB/s"
    more = {"of which the bytes take their way in": rate, "files more in the store": str(len(place.stored()) - before)}
    yield Figure(
        "add 1 GiB that is there already as a version", "embedded", large, Against("10 KB", small), "", None, more
    )
    place.forget()


def _with_old_version(place: Place, wire: Wire, size: int) -> str:
    status, _, made = place.ask(
        "POST", f"/documents?name={_name()}", bytes(size), Content_Type="application/octet-stream"
    )
    if status != 201:
        raise RuntimeError(str(made))
    told = head(
        "POST", f"{API}/documents/{made['id']}/versions", place.token, 9, Content_Type="application/octet-stream"
    )
    if wire.ask("send", port=place.port, head=told, size=9)["status"] != 201:
        raise RuntimeError("no second version")
    return str(made["id"])


def _sent_again(place: Place, document: str, size: int) -> tuple[float, int]:
    """The first version's bytes (zeros) as a new version."""
    connection = HTTPConnection(HOST, place.port, timeout=120)
    told = {"Authorization": f"Bearer {place.token}", "Content-Type": "application/octet-stream"}
    block = bytes(min(size, MIB))
    started = time.perf_counter()
    body = (block[: min(MIB, size - start)] for start in range(0, size, MIB))
    path = f"{API}/documents/{document}/versions"
    connection.request("POST", path, body, {**told, "Content-Length": str(size)})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return time.perf_counter() - started, answer.status


def measure(folder: Path, scale: Scale) -> Iterator[Figure]:
    """All of them, on one program."""
    with Place(folder / "adding") as place, Wire() as wire, limits.Receiver(folder / "bare") as receiver:
        yield from large(place, wire, receiver, scale)
        yield from huge(place, wire, receiver, scale)
        yield from smaller(place, wire, receiver, scale)
        yield from beside(place, wire, scale)
        yield from again(place, wire, scale)
