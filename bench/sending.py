"""Rows of what goes out: contents ÷ nginx that sends the same file from its disk, in the same run."""

import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.adding import add_head
from bench.figures import Against, Figure, Sample, Scale, alternating, judged
from bench.running import MIB, Place, Static, processor_seconds, stay_on
from bench.wire import HOST, Wire, head
from dossier.serve import free_port
from tools.nginx import SECRET, Nginx, let_read
from tools.pki import Authority
from tools.servers import MariaDb, Redis, hand_over
from tools.stack import DATABASE

STATIC, STATIC_TLS = "nginx static, no TLS", "nginx static, the same TLS"
SERVER, CLIENT = {0}, {1}


def added(place: Place, wire: Wire, size: int, name: str) -> tuple[str, Path]:
    """A document of ``size`` bytes: the address of its content, and where those lie."""
    before = place.stored()
    made = wire.ask("send", port=place.port, head=add_head(place, size, name), size=size)
    if made["status"] != 201:
        raise RuntimeError(str(made))
    (path,) = place.stored() - before
    address = next(line for line in made["head"].splitlines() if line.lower().startswith("location:"))
    return f"{address.split(':', 1)[1].strip()}/content", path


def fetched(wire: Wire, port: int, told: str, size: int, *, tls: bool = False) -> Callable[[], float]:
    """A download as often as it is called; MB/s."""

    def fetch() -> float:
        got = wire.ask("get", port=port, head=told, tls=tls)
        if (got["status"], got["bytes"]) != (200, size):
            raise RuntimeError(str(got))
        return size / 1e6 / float(got["seconds"])

    return fetch


class Rush:
    """Small downloads from servers on one core, by a client on the other; how busy the servers' core was."""

    def __init__(self, wire: Wire, seconds: float) -> None:
        self.wire, self.seconds, self.busy = wire, seconds, dict[str, list[float]]()

    def of(self, name: str, pids: list[int], port: int, told: str, *, tls: bool = False) -> Callable[[], float]:
        """Requests a second, as often as it is called."""

        def rush() -> float:
            before = sum(map(processor_seconds, pids))
            rate = self.wire.ask("rush", port=port, head=told, lanes=4, seconds=self.seconds, tls=tls)
            self.busy.setdefault(name, []).append((sum(map(processor_seconds, pids)) - before) / self.seconds)
            return float(rate)

        return rush

    def told(self, *names: str) -> dict[str, str]:
        """For ``more``."""
        shares = [f"{name} {statistics.median(self.busy[name][1:]):.0%}" for name in names]
        return {"busy share of the core": ", ".join(shares)}


def embedded(folder: Path, scale: Scale) -> Iterator[Figure]:
    """One process, without TLS, beside a plain nginx."""
    size, name, seconds = (64 * MIB, "64 MiB", 1.0) if scale.small else (1 << 30, "1 GiB", 4.0)
    with Place(folder / "sending") as place, Wire() as wire:
        address, file = added(place, wire, size, "large.bin")
        small, small_file = added(place, wire, 10_000, "small.bin")
        static = Static(folder / "static")
        paths = [static.share(file, "large.bin"), static.share(small_file, "small.bin")]
        static.start()
        try:
            bare = fetched(wire, static.port, head("GET", paths[0]), size)
            ours = fetched(wire, place.port, head("GET", address, place.token), size)
            found = [Sample(each, "MB/s") for each in alternating(scale.rounds, bare, ours)]
            figure = Figure(f"download {name}", "embedded", found[1], Against(STATIC, found[0]), "≥ 0.8")
            yield judged(figure, lambda ratio: ratio >= 0.8)
            for pid in (place.program.pid, static.worker):
                stay_on(pid, SERVER)
            wire.stay_on(CLIENT)
            rush = Rush(wire, seconds)
            bare = rush.of("nginx", [static.worker], static.port, head("GET", paths[1]))
            ours = rush.of("Dossier", [place.program.pid], place.port, head("GET", small, place.token))
            yield _small("embedded", alternating(scale.rounds, bare, ours), STATIC, rush.told("nginx", "Dossier"))
        finally:
            static.stop()


def _small(stack: Any, found: list[tuple[float, ...]], against: str, more: dict[str, str]) -> Figure:
    bare, ours = [Sample(each, "1/s") for each in found]
    figure = Figure("download 10 KB, one core", stack, ours, Against(against, bare), "≥ 0.12", None, more)
    return judged(figure, lambda ratio: ratio >= 0.12)


def production(folder: Path, scale: Scale) -> Iterator[Figure]:
    """nginx with the project's configuration and MariaDB; contents on the disk are sent by X-Accel-Redirect."""
    size, name, seconds = (64 * MIB, "64 MiB", 1.0) if scale.small else (1 << 30, "1 GiB", 4.0)
    with ExitStack() as stack:
        database, redis = MariaDb(folder / "mariadb"), Redis(folder / "redis")
        for server in (database, redis):
            stack.callback(server.stop)
            server.start()
        database.make_database(DATABASE)
        portal = folder / "portal"
        portal.mkdir()
        (portal / "index.html").write_text("<!doctype html><title>Stands for the portal</title>")
        (portal / "index.css").write_text("body { margin: 0 }")
        data = folder / "behind"
        blobs = data / "blobs"
        blobs.mkdir(parents=True)
        data.chmod(0o755)
        let_read(blobs)
        port = free_port(HOST)
        nginx = Nginx(folder / "nginx", [], {"EDGE_BLOBS": str(blobs)})
        settings = {"database_url": database.address(DATABASE), "redis_url": redis.address, "edge_secret": SECRET}
        settings |= {"trusted_proxies": "1", "accel_prefix": "/_blobs/", "public_url": nginx.url}
        place = stack.enter_context(Place(data, portal_dir=str(portal), **settings))
        nginx.servers = [f"{HOST}:{place.port}"]
        Authority.make(folder / "pki").server(HOST, "localhost")
        hand_over(folder / "pki")
        nginx.write(portal, folder / "pki")
        stack.callback(nginx.stop)
        nginx.start()
        wire = stack.enter_context(Wire())
        address, file = added(place, wire, size, "large.bin")
        small, small_file = added(place, wire, 10_000, "small.bin")
        for path, as_ in ((file, "large.bin"), (small_file, "small.bin")):
            (portal / as_).hardlink_to(path)
            path.chmod(0o444)
        port = nginx.port
        bare = fetched(wire, port, head("GET", "/large.bin"), size, tls=True)
        ours = fetched(wire, port, head("GET", address, place.token), size, tls=True)
        found = [Sample(each, "MB/s") for each in alternating(scale.rounds, bare, ours)]
        work = f"download {name} (X-Accel)"
        yield judged(
            Figure(work, "production", found[1], Against(STATIC_TLS, found[0]), "≥ 0.95"), lambda ratio: ratio >= 0.95
        )
        workers = sorted(nginx.workers())
        for pid in (place.program.pid, database.pid, redis.pid, *workers):
            stay_on(pid, SERVER)
        wire.stay_on(CLIENT)
        rush, pids = Rush(wire, seconds), [place.program.pid, database.pid, *workers]
        bare = rush.of("nginx", workers, port, head("GET", "/small.bin"), tls=True)
        ours = rush.of("all", pids, port, head("GET", small, place.token), tls=True)
        yield _small("production", alternating(scale.rounds, bare, ours), STATIC_TLS, rush.told("nginx", "all"))


def measure(folder: Path, scale: Scale) -> Iterator[Figure]:
    """Embedded, then production."""
    yield from embedded(folder, scale)
    yield from production(folder, scale)
