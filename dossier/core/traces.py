"""Traces: spans of requests, Units, storage and jobs. While they are off nothing is done, and the SDK is not even imported.

A span tells what kind of thing was done, how long it took and how it ended; never a statement, a name or an error's text.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from dossier.core.otel import Tracer

Kind = Literal["internal", "server", "consumer"]
Value = str | int | float | bool


class Span(Protocol):
    """What is under way, to be told more about."""

    def rename(self, name: str) -> None:
        """Give it the name that only its end knows."""

    def set(self, name: str, value: Value) -> None:
        """Add an attribute. No name of a person or thing, no e-mail, no text of a user's."""

    def fail(self, why: str) -> None:
        """Mark it as failed; ``why`` is a code or the name of a class."""


class _Nothing:
    """The span of a program without traces."""

    def rename(self, name: str) -> None:
        return

    def set(self, name: str, value: Value) -> None:
        return

    def fail(self, why: str) -> None:
        return


_OFF: AbstractContextManager[Span] = nullcontext(_Nothing())
_tracer: "Tracer | None" = None


def configure(endpoint: str, ratio: float = 1.0, *, exporter: Any = None) -> None:
    """Send spans to an OTLP receiver from now on (or give them to ``exporter`` at once); ``ratio`` of the traces is kept."""
    global _tracer
    from dossier.core.otel import Tracer

    close()
    _tracer = Tracer(endpoint, ratio, exporter)


def close() -> None:
    """Send what is left, for at most two seconds, and be off. Blocks."""
    global _tracer
    tracer, _tracer = _tracer, None
    if tracer is not None:
        tracer.close()


def span(
    name: str,
    attributes: Mapping[str, Value] | None = None,
    *,
    kind: Kind = "internal",
    parent: Mapping[str, str] | None = None,
) -> AbstractContextManager[Span]:
    """A span around a ``with`` block: below the present one, or below what ``parent`` carries (a W3C ``traceparent``)."""
    return _OFF if _tracer is None else _tracer.span(name, attributes or {}, kind, parent)


def carried() -> dict[str, str]:
    """What a follow-up needs to be a part of this trace; empty without one."""
    return {} if _tracer is None else _tracer.carried()
