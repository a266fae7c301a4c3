"""Traces that a test reads: an exporter in memory, and a receiver of OTLP over HTTP."""

import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from dossier.core import traces


class Spans:
    """The spans that have ended, in this order."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()

    @classmethod
    def kept(cls) -> Iterator["Spans"]:
        """Traces are on, into this, for as long as a fixture lasts."""
        spans = cls()
        traces.configure("", exporter=spans.exporter)
        yield spans
        traces.close()

    @property
    def all(self) -> Sequence[ReadableSpan]:
        """All of them."""
        return self.exporter.get_finished_spans()

    def named(self, name: str) -> ReadableSpan:
        """The only one of that name."""
        (found,) = [span for span in self.all if span.name == name]
        return found

    def trace(self, id_: int) -> list[str]:
        """The names of a trace's spans."""
        return [span.name for span in self.all if span.context and span.context.trace_id == id_]

    @property
    def text(self) -> str:
        """All that is told of them."""
        return "\n".join(str(span.to_json()) for span in self.all)


class Receiver:
    """An OTLP receiver on a free port of this machine. It keeps the bodies that it is sent."""

    def __init__(self) -> None:
        receiver = self
        self.bodies: list[tuple[str, bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the base class's name
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append((self.path, body))
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def spans(self) -> list[Any]:
        """What has come, in OTLP's own form."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        requests = [ExportTraceServiceRequest.FromString(body) for body in self.sent("traces")]
        scopes = [
            scope for request in requests for resource in request.resource_spans for scope in resource.scope_spans
        ]
        return [span for scope in scopes for span in scope.spans]

    def lines(self) -> list[Any]:
        """The log lines that have come."""
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

        requests = [ExportLogsServiceRequest.FromString(body) for body in self.sent("logs")]
        scopes = [scope for request in requests for resource in request.resource_logs for scope in resource.scope_logs]
        return [line for scope in scopes for line in scope.log_records]

    def numbers(self) -> dict[str, Any]:
        """The metrics that came last, by name."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        request = ExportMetricsServiceRequest.FromString(self.sent("metrics")[-1])
        scopes = [scope for resource in request.resource_metrics for scope in resource.scope_metrics]
        return {metric.name: metric for scope in scopes for metric in scope.metrics}

    def sent(self, signal: str) -> list[bytes]:
        """The bodies of one signal."""
        return [body for path, body in self.bodies if path == f"/v1/{signal}"]
