"""OpenTelemetry's SDK behind ``traces``; imported only where traces are on."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any
from uuid import uuid4

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from dossier import __version__
from dossier.core.log import log
from dossier.core.traces import Kind, Value

KINDS = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "consumer": SpanKind.CONSUMER}
SECONDS = 2
NOT_SENT = "otlp.not_sent"
CARRIER = TraceContextTextMapPropagator()


@cache
def resource() -> Resource:
    """What all that this process sends is said of."""
    logger = logging.getLogger("opentelemetry")
    logger.handlers, logger.propagate = [_Told()], False
    names = {"service.name": "dossier", "service.version": __version__, "service.instance.id": str(uuid4())}
    return Resource.create(names)


class Tracer:
    """One provider of spans, and the way out for them."""

    def __init__(self, endpoint: str, ratio: float, exporter: Any = None) -> None:
        # What ends the process closes this; the SDK's own hook would wait for a receiver that is away.
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)), resource=resource(), shutdown_on_exit=False
        )
        self._provider.add_span_processor(SimpleSpanProcessor(exporter) if exporter else _sending(endpoint))
        self._tracer = self._provider.get_tracer("dossier", __version__)

    def close(self) -> None:
        """Send what is left; a receiver that is away holds nobody up."""
        self._provider.force_flush(SECONDS * 1000)
        self._provider.shutdown()

    @contextmanager
    def span(
        self, name: str, attributes: Mapping[str, Value], kind: Kind, parent: Mapping[str, str] | None
    ) -> Iterator["_Span"]:
        """A span around a block; one that raises has failed with the name of the error's class."""
        context = None if parent is None else CARRIER.extract(parent, Context())
        with self._tracer.start_as_current_span(
            name,
            context,
            KINDS[kind],
            attributes,
            record_exception=False,  # its text may hold what people wrote
            set_status_on_exception=False,
        ) as real:
            span = _Span(real)
            try:
                yield span
            except BaseException as error:
                span.fail(getattr(error, "code", type(error).__name__))
                raise

    def carried(self) -> dict[str, str]:
        """The present span as a ``traceparent``."""
        carrier: dict[str, str] = {}
        CARRIER.inject(carrier)
        return carrier


class _Span:
    def __init__(self, real: trace.Span) -> None:
        self._real = real

    def rename(self, name: str) -> None:
        self._real.update_name(name)

    def set(self, name: str, value: Value) -> None:
        self._real.set_attribute(name, value)

    def fail(self, why: str) -> None:
        self._real.set_attribute("error.type", str(why))
        self._real.set_status(Status(StatusCode.ERROR))


def _sending(endpoint: str) -> BatchSpanProcessor:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=SECONDS)
    return BatchSpanProcessor(exporter, export_timeout_millis=SECONDS * 1000)


class _Told(logging.Handler):
    """The SDK's complaints, in our log and without their text, which may hold an address with a password."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            log.warning(NOT_SENT, source=record.name.rpartition(".")[2])
