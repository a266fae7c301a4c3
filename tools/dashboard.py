"""The Grafana dashboard of Dossier as code: `make dashboard` writes deploy/observability/dashboard.json.

Every panel says what it shows and what of it is good; the numbers are those of docs/operations.md (Metrics).
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
#: Answers that last as long as the client likes: what they take says nothing of us.
LONG: Final = 'route!~".*(content|stream|uploads|zip|import|export).*"'
FAULT: Final = 'status=~"5.."'
READY: Final = 'state="ready"'
MINE: Final = 'job=~"$job"'


@dataclass(frozen=True)
class Panel:
    """One panel: its lines as (expression, legend)."""

    title: str
    text: str
    lines: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: str = "timeseries"
    width: int = 8
    #: From where on it is yellow and red.
    thresholds: tuple[float, float] | None = None


def rate(metric: str, *matchers: str) -> str:
    """So much of it a second."""
    return f"rate({metric}{{{','.join((MINE, *matchers))}}}[$__rate_interval])"


def quantile(share: float, metric: str, *matchers: str, by: str = "le") -> str:
    """Of a histogram."""
    return f"histogram_quantile({share}, sum by ({by}) ({rate(f'{metric}_bucket', *matchers)}))"


def of(metric: str, *matchers: str) -> str:
    """A gauge."""
    return f"{metric}{{{','.join((MINE, *matchers))}}}"


def error_share(window: str) -> str:
    """Answers of ours that were faults, of all."""
    faults = f'sum(rate(dossier_requests_total{{{MINE},status=~"5.."}}[{window}])) or vector(0)'
    return f"({faults}) / sum(rate(dossier_requests_total{{{MINE}}}[{window}]))"


#: The share of answers within half a second.
SOON: Final = (
    f'sum(rate(dossier_request_seconds_bucket{{{MINE},le="0.5",{LONG}}}[30d]))'
    f" / sum(rate(dossier_request_seconds_count{{{MINE},{LONG}}}[30d]))"
)

ROWS: Final[dict[str, tuple[Panel, ...]]] = {
    "What is promised": (
        Panel(
            "Answered without a fault, 30 days",
            "Promised: 99.9 %.",
            ((f"1 - {error_share('30d')}", ""),),
            "percentunit",
            "stat",
            6,
            (0.999, 0.9995),
        ),
        Panel(
            "Faults left to be made this month",
            "Of the 0.1 % that the promise leaves.",
            ((f"1 - ({error_share('30d')}) / 0.001", ""),),
            "percentunit",
            "stat",
            6,
            (0.1, 0.5),
        ),
        Panel(
            "Answered within half a second, 30 days",
            "Promised: 99 %. Without contents, uploads and live updates.",
            (
                (
                    SOON,
                    "",
                ),
            ),
            "percentunit",
            "stat",
            6,
            (0.99, 0.995),
        ),
        Panel(
            "Events that search and notices have not seen",
            "Promised: less than 1000.",
            ((f"max({of('dossier_consumer_lag_events')}) or vector(0)", ""),),
            "short",
            "stat",
            6,
        ),
    ),
    "Requests": (
        Panel(
            "Requests",
            "Answers a second, by status.",
            ((f"sum by (status) ({rate('dossier_requests_total')})", "{{status}}"),),
            "reqps",
        ),
        Panel(
            "Faults",
            "Answers 5xx, by route. Good: none.",
            ((f"sum by (route, status) ({rate('dossier_requests_total', FAULT)})", "{{status}} {{route}}"),),
            "reqps",
        ),
        Panel(
            "Refusals",
            "Problems answered, by code.",
            ((f"topk(10, sum by (code) ({rate('dossier_refusals_total')}))", "{{code}}"),),
            "reqps",
        ),
        Panel(
            "How long an answer takes",
            "Without contents, uploads and live updates.",
            tuple(
                (quantile(share, "dossier_request_seconds", LONG), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)
            ),
            "s",
        ),
        Panel(
            "The slowest routes",
            "p95.",
            ((f"topk(10, {quantile(0.95, 'dossier_request_seconds', LONG, by='le, route')})", "{{route}}"),),
            "s",
        ),
        Panel(
            "Contents",
            "Bytes a second.",
            (
                (f"sum({rate('dossier_received_bytes_total')})", "in"),
                (f"sum({rate('dossier_sent_bytes_total')})", "out"),
            ),
            "Bps",
        ),
        Panel(
            "Under way",
            "Not answered yet; live updates among them.",
            (
                (f"sum({of('dossier_requests_under_way')})", "requests"),
                (f"sum({of('dossier_uploads_under_way')})", "uploads"),
            ),
        ),
        Panel(
            "Sign-ins",
            "Many refused ones: somebody tries passwords.",
            ((f"sum by (outcome) ({rate('dossier_sign_ins_total')})", "{{outcome}}"),),
            "reqps",
        ),
    ),
    "Database": (
        Panel(
            "Connections",
            "In use of those of each pool.",
            ((f"sum by (pool, state) ({of('dossier_database_connections')})", "{{pool}} {{state}}"),),
        ),
        Panel(
            "Waiting for a connection",
            "Good: none for longer than a moment.",
            ((f"sum by (pool) ({of('dossier_database_waiting')})", "{{pool}}"),),
        ),
        Panel(
            "Writes",
            "By outcome. Unknown: a connection broke at the commit.",
            (
                (f"sum by (outcome) ({rate('dossier_units_total')})", "{{outcome}}"),
                (f"sum({rate('dossier_unit_retries_total')})", "tried again"),
            ),
            "ops",
        ),
    ),
    "Jobs": (
        Panel(
            "Jobs",
            "Dead ones were given up: `dossier jobs list --state dead`.",
            ((f"max by (state) ({of('dossier_jobs')})", "{{state}}"),),
        ),
        Panel(
            "The oldest that is ready",
            "Ten minutes: no worker runs, or they do not keep up.",
            ((f"max by (kind) ({of('dossier_jobs_oldest_seconds', READY)})", "{{kind}}"),),
            "s",
        ),
        Panel(
            "Runs",
            "By outcome.",
            ((f"sum by (kind, outcome) ({rate('dossier_jobs_run_total')})", "{{kind}} {{outcome}}"),),
            "ops",
        ),
        Panel(
            "How long a job takes", "p95.", ((quantile(0.95, "dossier_job_seconds", by="le, kind"), "{{kind}}"),), "s"
        ),
        Panel(
            "Events that a consumer has not seen",
            "",
            ((f"max by (consumer) ({of('dossier_consumer_lag_events')})", "{{consumer}}"),),
        ),
        Panel(
            "Contents swept",
            "Removed because nothing names them.",
            ((f"sum({rate('dossier_blobs_swept_total')})", "swept"),),
            "ops",
        ),
    ),
    "Other systems": (
        Panel(
            "The link that is most behind",
            "Since it was last in step.",
            ((f"max({of('dossier_link_behind_seconds')})", ""),),
            "s",
        ),
        Panel(
            "Runs of links",
            "By outcome; braked ones wait for an owner.",
            ((f"sum by (kind, outcome) ({rate('dossier_link_runs_total')})", "{{kind}} {{outcome}}"),),
            "ops",
        ),
        Panel("What links do", "", ((f"sum by (step) ({rate('dossier_link_steps_total')})", "{{step}}"),), "ops"),
        Panel(
            "Webhooks",
            "Tries by outcome.",
            ((f"sum by (outcome) ({rate('dossier_webhook_tries_total')})", "{{outcome}}"),),
            "ops",
        ),
        Panel(
            "The oldest delivery",
            "Still to be sent; of inactive webhooks as well.",
            ((f"max({of('dossier_webhook_oldest_seconds')})", ""),),
            "s",
        ),
        Panel(
            "Hints",
            "What other systems tell by themselves.",
            ((f"sum by (outcome) ({rate('dossier_link_hints_total')})", "{{outcome}}"),),
            "ops",
        ),
    ),
    "Processes": (
        Panel("Memory", "Resident, each process.", ((of("process_resident_memory_bytes"), "{{instance}}"),), "bytes"),
        Panel(
            "Processor",
            "Of one core, each process.",
            ((rate("process_cpu_seconds_total"), "{{instance}}"),),
            "percentunit",
        ),
        Panel(
            "The event loop is late",
            "p99; above 0.1 s something blocks it, above 0.25 s start more processes.",
            ((quantile(0.99, "dossier_event_loop_lag_seconds", by="le, instance"), "{{instance}}"),),
            "s",
        ),
        Panel("Clock ahead of the database's", "", ((of("dossier_clock_ahead_seconds"), "{{instance}}"),), "s"),
        Panel("Open files", "", ((of("process_open_fds"), "{{instance}}"),)),
        Panel(
            "Versions",
            "More than one for long: an update got stuck.",
            ((f"count by (version) ({of('dossier_build_info')})", "{{version}}"),),
        ),
    ),
}


def panels() -> Iterator[dict[str, Any]]:
    """Rows of at most 24 columns, one under the other."""
    number, y = 0, 0
    for title, row in ROWS.items():
        number += 1
        yield {
            "type": "row",
            "id": number,
            "title": title,
            "collapsed": False,
            "panels": [],
            "gridPos": place(0, y, 24, 1),
        }
        x, y, height = 0, y + 1, 4 if row[0].kind == "stat" else 8
        for panel in row:
            if x + panel.width > 24:
                x, y = 0, y + height
            number += 1
            yield drawn(panel, number) | {"gridPos": place(x, y, panel.width, height)}
            x += panel.width
        y += height


def place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    """Where a panel stands."""
    return {"x": x, "y": y, "w": width, "h": height}


def drawn(panel: Panel, number: int) -> dict[str, Any]:
    """A panel as Grafana has it."""
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.thresholds:
        low, high = panel.thresholds
        steps = [{"color": "red", "value": None}, {"color": "yellow", "value": low}, {"color": "green", "value": high}]
    targets = [
        {
            "refId": chr(65 + at),
            "datasource": SOURCE,
            "expr": expression,
            "legendFormat": legend or "__auto",
            "range": panel.kind != "stat",
            "instant": panel.kind == "stat",
        }
        for at, (expression, legend) in enumerate(panel.lines)
    ]
    defaults: dict[str, Any] = {"unit": panel.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
    if panel.kind == "stat" and panel.unit == "percentunit":
        defaults["decimals"] = 3
    options: dict[str, Any] = {
        "tooltip": {"mode": "multi", "sort": "desc"},
        "legend": {"displayMode": "list", "placement": "bottom"},
    }
    if panel.kind == "stat":
        options = {"reduceOptions": {"calcs": ["lastNotNull"]}, "graphMode": "none", "colorMode": "value"}
    return {
        "type": panel.kind, "id": number, "title": panel.title, "description": panel.text, "datasource": SOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options, "targets": targets,
    }  # fmt: skip


def dashboard() -> dict[str, Any]:
    """The whole of it. The data source and the job are asked for on top."""
    return {
        "uid": "dossier", "title": "Dossier", "tags": ["dossier"], "schemaVersion": 39, "version": 1, "editable": True,
        "timezone": "browser", "refresh": "30s", "time": {"from": "now-6h", "to": "now"}, "annotations": {"list": []},
        "templating": {
            "list": [
                {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"},
                {
                    "name": "job", "label": "Job", "type": "query", "datasource": SOURCE, "refresh": 2, "multi": True,
                    "includeAll": True, "allValue": ".*",
                    "query": {"query": "label_values(dossier_build_info, job)", "refId": "jobs"},
                    "current": {"text": ["All"], "value": ["$__all"]},
                },
            ]
        },
        "panels": list(panels()),
    }  # fmt: skip


if __name__ == "__main__":
    json.dump(dashboard(), sys.stdout, indent=1)
    print()
