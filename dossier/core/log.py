"""Logs: one event with fields per line, on standard error. No secret and no personal data goes into a field."""

import contextlib
import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

log: Any = structlog.get_logger("dossier")
_also: Callable[[Mapping[str, Any]], None] | None = None


def pass_on(sink: Callable[[Mapping[str, Any]], None] | None) -> None:
    """Give each line to somebody else as well, from now on; None: to nobody."""
    global _also
    _also = sink


def _passed_on(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if _also is not None:
        _also(line)
    return line


def configure(form: str = "console", level: str = "info") -> None:
    """Set the form (console or json) and the least level for the process."""
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _passed_on,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # Looked up at each line, for whoever puts another in the place of standard error.
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )


class _Lines(structlog.PrintLogger):
    """Writes lines. A file that is full or closed costs the line, and not the request or job that it tells of."""

    def msg(self, message: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().msg(message)

    log = debug = info = warn = warning = msg
    fatal = failure = err = error = critical = exception = msg
