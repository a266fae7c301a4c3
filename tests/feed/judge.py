"""Holds every event that is written against the schema of its type."""

from collections.abc import Callable, Coroutine, Sequence
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

from dossier.core.actor import Actor
from dossier.core.events import NewEvent
from dossier.core.units import Unit
from dossier.feed import kinds

Write = Callable[[Unit, Actor, Sequence[NewEvent]], Coroutine[Any, Any, None]]
judged_types: set[str] = set()


@cache
def validator(type_: str) -> Draft202012Validator:
    """What judges the data of a type. A type that no code of Dossier records (test.happened) is a test's own."""
    return Draft202012Validator(kinds.data_schema(type_), format_checker=FormatChecker())


def fault(event: NewEvent) -> str | None:
    """What is wrong with an event; None for a good one."""
    if event.type.startswith("test."):
        return None
    if event.type not in kinds.ABOUT:
        return f"{event.type} stands in no schema"
    judged_types.add(event.type)
    about = kinds.ABOUT[event.type]
    if about and getattr(event, f"{about}_id") is None:
        return f"{event.type} is about a {about} and names none"
    return next((f"{event.type}: {error.message}" for error in validator(event.type).iter_errors(event.data)), None)


def judged(write: Write) -> Write:
    """The same, but a test whose program writes an event of another shape fails."""

    async def wrapped(unit: Unit, actor: Actor, recorded: Sequence[NewEvent]) -> None:
        assert [found for event in recorded if (found := fault(event))] == []
        await write(unit, actor, recorded)

    return wrapped
