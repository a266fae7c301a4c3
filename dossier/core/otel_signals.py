"""Metrics and log lines as OTLP, by OpenTelemetry's SDK; imported only where the settings ask for them."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import get_current
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client import CollectorRegistry
from prometheus_client.samples import Sample

from dossier import __version__
from dossier.core.otel import NOT_SENT, SECONDS, resource

CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
#: An unknown least and greatest value of a histogram: Prometheus does not keep them.
UNKNOWN: Final = cast(float, None)
SEVERITIES: Final = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}


class LogSender:
    """Log lines to ``<endpoint>/v1/logs``: in batches, by a thread of its own. A receiver that is away costs lines."""

    def __init__(self, endpoint: str) -> None:
        self._provider = LoggerProvider(resource(), shutdown_on_exit=False)
        exporter = OTLPLogExporter(f"{endpoint}/v1/logs", timeout=SECONDS)
        self._provider.add_log_record_processor(BatchLogRecordProcessor(exporter, export_timeout_millis=SECONDS * 1000))
        self._logger = self._provider.get_logger("dossier", __version__)

    def __call__(self, line: Mapping[str, Any]) -> None:
        """Take one line, with the span that it was written in."""
        if line["event"] == NOT_SENT:  # each would make another
            return
        level = str(line.get("level", "info"))
        fields = {name: _plain(value) for name, value in line.items() if name not in ("event", "level", "timestamp")}
        self._logger.emit(
            LogRecord(
                timestamp=time.time_ns(),
                context=get_current(),
                severity_text=level.upper(),
                severity_number=SEVERITIES.get(level, SeverityNumber.INFO),
                body=str(line["event"]),
                attributes=fields,
            )
        )

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(SECONDS * 1000)
        self._provider.shutdown()


def _plain(value: object) -> str | bool | int | float:
    return value if isinstance(value, str | bool | int | float) else str(value)


class MetricSender:
    """The numbers of a registry to ``<endpoint>/v1/metrics``, under the names that Prometheus knows."""

    def __init__(self, endpoint: str, registry: CollectorRegistry) -> None:
        self._registry, self._began = registry, time.time_ns()
        self._exporter = OTLPMetricExporter(f"{endpoint}/v1/metrics", timeout=SECONDS)

    def send(self) -> None:
        """Send all of them as they are. Blocks, for a receiver that is away seconds; raises nothing."""
        scope = ScopeMetrics(InstrumentationScope("dossier", __version__), list(self._metrics()), "")
        self._exporter.export(MetricsData([ResourceMetrics(resource(), [scope], "")]), timeout_millis=SECONDS * 1000)

    def close(self) -> None:
        """Let go of the connection."""
        self._exporter.shutdown()

    def _metrics(self) -> Iterator[Metric]:
        now = time.time_ns()
        for family in self._registry.collect():
            if not family.samples:
                continue
            data: Sum | Gauge | Histogram
            if family.type == "histogram":
                data = Histogram(list(self._histogram(family.samples, now)), CUMULATIVE)
                yield Metric(family.name, family.documentation, family.unit, data)
                continue
            points = [NumberDataPoint(each.labels, self._began, now, each.value) for each in family.samples]
            data = Sum(points, CUMULATIVE, is_monotonic=True) if family.type == "counter" else Gauge(points)
            yield Metric(family.samples[0].name, family.documentation, family.unit, data)

    def _histogram(self, samples: list[Sample], now: int) -> Iterator[HistogramDataPoint]:
        """Prometheus counts up to each bound, OTLP between two."""
        series: dict[frozenset[tuple[str, str]], dict[str, float]] = {}
        for sample in samples:
            labels = frozenset((name, value) for name, value in sample.labels.items() if name != "le")
            what = sample.labels["le"] if "le" in sample.labels else sample.name.rpartition("_")[2]
            series.setdefault(labels, {})[what] = sample.value
        for labels, told in series.items():
            total, count = told.pop("sum"), int(told.pop("count"))
            up_to = [int(each) for each in told.values()]
            between = [each - before for each, before in zip(up_to, [0, *up_to], strict=False)]
            bounds = [float(bound) for bound in told if bound != "+Inf"]
            yield HistogramDataPoint(dict(labels), self._began, now, count, total, between, bounds, UNKNOWN, UNKNOWN)
