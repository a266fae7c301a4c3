"""Where traces, metrics and log lines go by OTLP, as the settings say; nothing of it is imported where they say nothing."""

import asyncio
from typing import TYPE_CHECKING, Final

from dossier.core import log, metrics, traces
from dossier.core.gathering import Gatherer
from dossier.core.settings import Settings

if TYPE_CHECKING:
    from dossier.core.otel_signals import LogSender

EVERY_SECONDS: Final = 15.0
_lines: "LogSender | None" = None


def configure(settings: Settings) -> None:
    """Send traces and log lines from now on."""
    global _lines
    endpoint = settings.otlp_endpoint.rstrip("/")
    if endpoint and "traces" in settings.otlp:
        traces.configure(endpoint, settings.trace_ratio)
    if endpoint and "logs" in settings.otlp:
        from dossier.core.otel_signals import LogSender

        _lines = LogSender(endpoint)
        log.pass_on(_lines)


def close() -> None:
    """Send what is left, for some seconds at most, and be off. Blocks."""
    global _lines
    traces.close()
    lines, _lines = _lines, None
    log.pass_on(None)
    if lines is not None:
        lines.close()


async def send_metrics(settings: Settings, gatherer: Gatherer) -> None:
    """Send them every quarter of a minute until cancelled, and then once more; returns at once where they are not wanted."""
    if not settings.otlp_endpoint or "metrics" not in settings.otlp:
        return
    from dossier.core.otel_signals import MetricSender

    sender = MetricSender(settings.otlp_endpoint.rstrip("/"), metrics.REGISTRY)
    try:
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await gatherer.text()
            await asyncio.to_thread(sender.send)
    finally:
        await asyncio.to_thread(sender.send)
        sender.close()
