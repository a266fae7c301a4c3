"""Logs: one event with fields per line, on standard error. No secret and no personal data goes into a field."""

import logging
import sys
from typing import Any

import structlog

log: Any = structlog.get_logger("dossier")


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
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        # Looked up at each line, for whoever puts another in the place of standard error.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
