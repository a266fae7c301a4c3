"""What a sample is made of, as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Spot:
    """A place on a page: points from its upper left corner, or pixels of an image."""

    page: int
    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Edition:
    """One version: its bytes and its author's comment."""

    content: bytes
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """A task. ``days`` to its due date from now, at four in the afternoon; ``said`` are comments; ``mine``: the maker's."""

    title: str
    details: str = ""
    version: int = 1
    status: Literal["open", "in_progress", "done", "cancelled"] = "open"
    priority: Literal["low", "normal", "high"] = "normal"
    days: int | None = None
    mine: bool = True
    said: Sequence[str] = ()
    spot: Spot | None = None
    quote: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document."""

    name: str
    editions: Sequence[Edition]
    description: str = ""
    tags: Sequence[str] = ()
    tasks: Sequence[Plan] = field(default_factory=tuple)
