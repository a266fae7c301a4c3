"""What is told of each request: one log line, numbers and a span, by its route's template and never by its path.

A download ticket in a path is a secret, and a path that nobody knows is anything at all.
"""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from dossier.core import metrics, traces
from dossier.core.ids import new_id
from dossier.core.log import log

NO_ROUTE: Final = "-"
ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{7,63}")


def request_id(scope: Scope, *, trusted: bool) -> str:
    """The id that an edge of ours gave the request, if it looks like one; else a new one."""
    given = Headers(scope=scope).get("x-request-id", "") if trusted else ""
    return given if ID.fullmatch(given) else str(new_id())


class Seen:
    """One request from its head to the end of its answer."""

    def __init__(self, scope: Scope, *, trusted: bool) -> None:
        self.scope, self.status, self._length = scope, 0, 0
        self.method = scope["method"] if scope["method"] in metrics.METHODS else metrics.OTHER
        parent = Headers(scope=scope).get("traceparent") if trusted else None
        self._parent = {"traceparent": parent} if parent else None

    @property
    def route(self) -> str:
        """The template of the path; a dash where no route has it."""
        path: str = getattr(self.scope.get("route"), "path", NO_ROUTE)
        return path

    def counted(self, receive: Receive) -> Receive:
        """``receive``, with the bytes counted that come."""

        async def counting() -> Message:
            message = await receive()
            metrics.bytes_in.inc(len(message.get("body", b"")))
            return message

        return counting

    def sent(self, message: Message) -> None:
        """Take notice of a part of the answer."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._length = int(Headers(raw=message["headers"]).get("content-length", "0"))
        elif message["type"] == "http.response.pathsend":
            metrics.bytes_out.inc(self._length)
        else:
            metrics.bytes_out.inc(len(message.get("body", b"")))

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Around the whole: tells at the end, whatever the end is."""
        began = time.perf_counter()
        span_ = traces.span(self.method, kind="server", parent=self._parent)
        with metrics.requests_under_way.track_inprogress(), span_ as span:
            try:
                yield
            finally:
                self._tell(time.perf_counter() - began, span)

    def _tell(self, seconds: float, span: traces.Span) -> None:
        method, route, status = self.method, self.route, self.status
        metrics.requests.labels(method, route, str(status)).inc()
        metrics.request_seconds.labels(method, route).observe(seconds)
        span.rename(f"{method} {route}")
        span.set("http.request.method", method)
        span.set("http.route", route)
        span.set("http.response.status_code", status)
        span.set("dossier.request_id", self.scope["state"]["request_id"])
        if status == 0 or status >= 500:
            span.fail(str(status))
        say = log.debug if route.startswith("/health/") else log.info
        member = self.scope["state"].get("member_id")
        by = {"member": str(member)} if member else {}
        say("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), **by)
