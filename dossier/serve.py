"""`dossier serve`: the HTTP program and, beside it in the same process, the worker; and how both stop.

On SIGTERM or SIGINT ``/health/ready`` turns to 503. After ``leave_seconds`` the process takes no new connection, live
streams end, requests under way are answered for up to ``drain_seconds``, and the job under way is finished or given back.
The side door, with health and metrics, closes last.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

from granian.constants import Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from dossier import links, webhooks
from dossier.app import Parts, create_app
from dossier.core import metrics, telemetry
from dossier.core.gathering import Gatherer
from dossier.core.log import log
from dossier.core.sidedoor import side_door
from dossier.worker import Worker

READ_BYTES = 1 << 20
"""The most of a body that comes at once: a tenth less work for each byte than with 0.4 MiB; 2 MiB take too much memory."""


def free_port(host: str) -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int, setting: str = "--port") -> None:
    """Refuse a port that something listens on: the server itself would share it without a word (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(f"dossier: cannot listen on {host}:{port}: {error.strerror}; try {setting}") from error


async def serve(parts: Parts, *, started: Callable[[], None], work: bool = True) -> None:
    """Serve until a signal; returns when all has ended. ``started`` is called once requests are taken."""
    settings = parts.settings
    require_free(settings.host, settings.port)
    app = create_app(parts)
    server = _server(app, settings.host, settings.port)
    worker = Worker(parts)
    stop = _signalled()
    parts.health.starting = True  # the side door is open before the house is
    async with _watched(parts, settings.metrics_port, "DOSSIER_METRICS_PORT"):
        beside = [asyncio.create_task(parts.units.bell.carry()), asyncio.create_task(parts.clock.follow())]
        serving = asyncio.create_task(server.serve())
        working = asyncio.create_task(worker.run() if work else _until(stop))
        await _listening(settings.host, settings.port, serving)
        parts.health.starting = False
        started()
        await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        log.info("serve.stopping")
        parts.health.leaving = True
        if not serving.done():
            await asyncio.sleep(settings.leave_seconds)
        app.state.draining = True
        worker.stop()
        server.stop()  # type: ignore[no-untyped-call]  # the library's own
        await _drain([serving, working], settings.drain_seconds)
        for task in beside:
            task.cancel()
    if serving.done() and not serving.cancelled() and (error := serving.exception()):
        raise error


async def work(parts: Parts) -> None:
    """Work on jobs until a signal; what is under way then is finished within ``drain_seconds``, or given back."""
    worker = Worker(parts)
    stop = _signalled()
    async with _watched(parts, parts.settings.worker_port, "DOSSIER_WORKER_PORT"):
        beside = [asyncio.create_task(parts.units.bell.carry()), asyncio.create_task(parts.clock.follow())]
        working = asyncio.create_task(worker.run())
        await asyncio.wait([working, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
        parts.health.leaving = True
        worker.stop()
        await _drain([working], parts.settings.drain_seconds)
        for task in beside:
            task.cancel()
    if not working.cancelled() and (error := working.exception()):
        raise error


def _server(app: Any, host: str, port: int) -> Server:
    http1 = HTTP1Settings(max_buffer_size=READ_BYTES)
    how: dict[str, Any] = {"interface": Interfaces.ASGINL, "websockets": False, "log_enabled": False, "backlog": 1024}
    return Server(app, host, port, http1_settings=http1, **how)


def _signalled() -> asyncio.Event:
    """What SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    return stop


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


@contextlib.asynccontextmanager
async def _watched(parts: Parts, port: int, setting: str) -> AsyncIterator[None]:
    """The side door on a port, if there is one, the numbers on their way to a receiver, if there is one, and the watch on
    the event loop, for as long as the block lasts."""
    gatherer = Gatherer(parts.units, [webhooks.gather, links.gather])
    beside = [asyncio.create_task(telemetry.send_metrics(parts.settings, gatherer))]
    beside.append(asyncio.create_task(metrics.watch_loop()))
    try:
        async with _side_door(parts, gatherer, port, setting) if port else contextlib.nullcontext():
            yield
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


@contextlib.asynccontextmanager
async def _side_door(parts: Parts, gatherer: Gatherer, port: int, setting: str) -> AsyncIterator[None]:
    host = parts.settings.host
    require_free(host, port, f"another {setting}")
    door = _server(side_door(parts.health, gatherer), host, port)
    serving = asyncio.create_task(door.serve())
    await _listening(host, port, serving)
    try:
        yield
    finally:
        door.stop()  # type: ignore[no-untyped-call]  # the library's own
        await _drain([serving], 1)


async def _listening(host: str, port: int, serving: "asyncio.Task[None]") -> None:
    while not serving.done():
        with contextlib.suppress(OSError):
            _reader, writer = await asyncio.open_connection(host, port)
            writer.close()
            return
        await asyncio.sleep(0.02)


async def _drain(tasks: "list[asyncio.Task[None]]", seconds: float) -> None:
    _done, late = await asyncio.wait(tasks, timeout=seconds)
    for task in late:
        log.warning("serve.cut_off", seconds=seconds)
        task.cancel()
    await asyncio.gather(*late, return_exceptions=True)
