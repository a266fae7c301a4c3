"""The trail: which request, and which trace, something came from. Events and jobs carry it to whatever follows from them.

It lies in the JSON of a row under a key of its own, and is taken out before anybody reads that.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import structlog

from dossier.core import traces

KEY = "_trail"


def marked(data: dict[str, Any]) -> dict[str, Any]:
    """``data`` as it is stored: with the trail of whoever is at work."""
    trail = traces.carried()
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        trail["request_id"] = request_id
    return data | {KEY: trail} if trail else data


def unmarked(stored: Mapping[str, Any]) -> dict[str, Any]:
    """What was stored, without the trail."""
    return {name: value for name, value in stored.items() if name != KEY}


@contextmanager
def followed(
    stored: Mapping[str, Any], name: str, attributes: Mapping[str, traces.Value] | None = None
) -> Iterator[traces.Span]:
    """Do what follows from a row: its log lines name the request, and its span ``name`` is a part of that trace."""
    trail: dict[str, str] = stored.get(KEY, {})
    bound = {"request_id": trail["request_id"]} if "request_id" in trail else {}
    with (
        structlog.contextvars.bound_contextvars(**bound),
        traces.span(name, attributes, kind="consumer", parent=trail) as span,
    ):
        yield span
