"""`dossier serve`: the HTTP program and, beside it in the same process, the worker; and how both stop.

On SIGTERM or SIGINT the process takes no new connection, live streams end, requests under way are answered for up to
``drain_seconds``, and the job under way is finished or given back.
"""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable

from granian.constants import Interfaces
from granian.server.embed import Server

from dossier.app import Parts, create_app
from dossier.core.log import log
from dossier.worker import Worker


def free_port(host: str) -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int) -> None:
    """Refuse a port that something listens on: the server itself would share it without a word (SO_REUSEPORT)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SystemExit(f"dossier: cannot listen on {host}:{port}: {error.strerror}; try --port") from error


async def serve(parts: Parts, *, started: Callable[[], None], work: bool = True) -> None:
    """Serve until a signal; returns when all has ended. ``started`` is called once requests are taken."""
    settings = parts.settings
    require_free(settings.host, settings.port)
    app = create_app(parts)
    server = Server(
        app,
        settings.host,
        settings.port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_enabled=False,
        backlog=1024,
    )
    worker = Worker(parts)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    carrying = asyncio.create_task(parts.units.bell.carry())
    serving = asyncio.create_task(server.serve())
    working = asyncio.create_task(worker.run() if work else _until(stop))
    await _listening(settings.host, settings.port, serving)
    started()
    await asyncio.wait([serving, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    log.info("serve.stopping")
    app.state.draining = True
    worker.stop()
    server.stop()  # type: ignore[no-untyped-call]  # the library's own
    await _drain([serving, working], settings.drain_seconds)
    carrying.cancel()
    if serving.done() and not serving.cancelled() and (error := serving.exception()):
        raise error


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


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


async def work(parts: Parts) -> None:
    """Work on jobs until a signal."""
    worker = Worker(parts)
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, worker.stop)
    carrying = asyncio.create_task(parts.units.bell.carry())
    await worker.run()
    carrying.cancel()
