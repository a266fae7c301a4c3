"""Metrics: what is counted and timed, in one registry of our own.

Labels hold what the code knows by heart (route templates, codes, kinds of job), never an id, a name or what somebody sent.
"""

import asyncio
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, which says when it began
REGISTRY = CollectorRegistry()
LAG_EVERY_SECONDS: Final = 0.5
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER = "other"


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"dossier_{name}", text, labels, registry=REGISTRY)


def _gauge(name: str, text: str, *labels: str) -> Gauge:
    return Gauge(f"dossier_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"dossier_{name}", text, labels, buckets=buckets, registry=REGISTRY)


ANSWER = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60)
WORK = (0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60, 300)
LAG = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)

build = Info("dossier_build", "What runs here.", registry=REGISTRY)
requests = _counter("requests", "Requests; status 0 got no answer.", "method", "route", "status")
request_seconds = _histogram("request_seconds", "From head of request to end of answer.", ANSWER, "method", "route")
requests_under_way = _gauge("requests_under_way", "Requests that are not answered yet, streams among them.")
bytes_in = _counter("received_bytes", "Bytes of the bodies of requests.")
bytes_out = _counter("sent_bytes", "Bytes of the bodies of answers.")
uploads_under_way = _gauge("uploads_under_way", "Requests that send content.")
refusals = _counter("refusals", "Refusals by their code.", "code")
sign_ins = _counter("sign_ins", "Tries to sign in: done, or refused for e-mail or password.", "outcome")

units = _counter("units", "Units: committed, refused, failed, busy, or unknown whether committed.", "outcome")
unit_retries = _counter("unit_retries", "Units that were tried a second time.")
connections = _gauge("database_connections", "Connections of the pool: in_use or idle.", "pool", "state")
connections_waited_for = _gauge("database_waiting", "Who waits for a connection of the pool.", "pool")

jobs = _gauge("jobs", "Jobs in the database.", "kind", "state")
oldest_job_seconds = _gauge("jobs_oldest_seconds", "Age of the oldest job.", "kind", "state")
jobs_run = _counter(
    "jobs_run", "Runs of jobs: done, failed (comes again), dead, given_back or lost.", "kind", "outcome"
)
job_seconds = _histogram("job_seconds", "How long runs of jobs took.", WORK, "kind")
consumer_lag = _gauge("consumer_lag_events", "Events that a consumer has not seen, over all workspaces.", "consumer")
blobs_swept = _counter("blobs_swept", "Stored contents that nothing named and that were removed.")

link_runs = _counter("link_runs", "Runs of links: done, braked, or what was wrong.", "kind", "outcome")
link_steps = _counter("link_steps", "Steps of links by what they did.", "kind", "step")
link_hints = _counter(
    "link_hints", "What other systems tell links: heard, subscribed, renewed, failed (to subscribe).", "outcome"
)
webhook_tries = _counter(
    "webhook_tries", "Tries to deliver: delivered, failed (comes again), given_up, gone (410).", "outcome"
)
oldest_delivery_seconds = _gauge("webhook_oldest_seconds", "Age of the oldest delivery that is still to be sent.")
link_behind_seconds = _gauge("link_behind_seconds", "Since when the active link that is most behind was not in step.")

clock_ahead = _gauge("clock_ahead_seconds", "What this machine's clock is ahead of the database server's.")
loop_lag = _histogram("event_loop_lag_seconds", "How late the event loop came to a timer.", LAG)
gather_failures = _counter("gather_failures", "Times that the database did not tell its numbers.")

ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


async def watch_loop() -> None:
    """Note how late timers come, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_EVERY_SECONDS
        await asyncio.sleep(LAG_EVERY_SECONDS)
        loop_lag.observe(max(0.0, loop.time() - due))
