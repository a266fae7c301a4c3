"""What has to be done about one item of a link: a pure function of what is here, what is there, and what both agreed on.

``plan`` names one step. Whoever carries it out commits what both sides agree on from then on, and asks again, until there
is nothing left. So a process that dies anywhere leaves a state from which the same function goes on.

The rules: the same content is no change. A change on one side travels. A change on both keeps both. A deletion travels
only where the other side did not change the content since; otherwise the change brings the item back.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal
from uuid import UUID

Direction = Literal["both", "in", "out"]


@dataclass(frozen=True, slots=True)
class Place:
    """In which item of the link (None: the link's own folder) something lies, and what it is called there."""

    parent: UUID | None
    name: str


@dataclass(frozen=True, slots=True)
class Ours:
    """A living document or folder of the link as it is here. A document in the trash, or moved out, is None."""

    place: Place
    #: SHA-256 and number of the newest version; empty and 0 for folders.
    digest: bytes = b""
    number: int = 0


@dataclass(frozen=True, slots=True)
class Theirs:
    """An item as the other side was last seen to have it. One that is gone is None."""

    place: Place
    tag: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Base:
    """What both sides were last known to agree on. The names differ where the other side cannot hold ours, or we theirs."""

    parent: UUID | None
    our_name: str
    their_name: str
    digest: bytes = b""
    number: int = 0
    tag: str = ""

    @property
    def ours(self) -> Place:
        """Where it was here."""
        return Place(self.parent, self.our_name)

    @property
    def theirs(self) -> Place:
        """Where it was there."""
        return Place(self.parent, self.their_name)


class Step(StrEnum):
    """One thing to do about one item."""

    CREATE_OURS = "create_ours"
    CREATE_THEIRS = "create_theirs"
    #: Their content becomes a version here.
    PULL = "pull"
    #: Our content replaces theirs.
    PUSH = "push"
    #: Both have something that the other has not seen: compare, and keep both where they differ.
    MEET = "meet"
    #: Both were moved to the same place.
    AGREE_PLACE = "agree_place"
    MOVE_OURS = "move_ours"
    MOVE_THEIRS = "move_theirs"
    TRASH_OURS = "trash_ours"
    DELETE_THEIRS = "delete_theirs"
    #: It was put away here, but they changed it since.
    REVIVE_OURS = "revive_ours"
    #: It is gone there, but we changed it since.
    RECREATE_THEIRS = "recreate_theirs"
    FORGET = "forget"
    #: The direction of the link, an open conflict, or a type that the link does not take keeps it from travelling.
    HOLD = "hold"


OUTWARD = {Step.CREATE_THEIRS, Step.PUSH, Step.MOVE_THEIRS, Step.DELETE_THEIRS, Step.RECREATE_THEIRS}
INWARD = {Step.CREATE_OURS, Step.PULL, Step.MOVE_OURS, Step.TRASH_OURS, Step.REVIVE_OURS}
#: What the brake counts.
DELETING = {Step.TRASH_OURS, Step.DELETE_THEIRS}
REPLACING = {Step.PULL, Step.PUSH}


def plan(
    ours: Ours | None,
    theirs: Theirs | None,
    base: Base | None,
    direction: Direction = "both",
    *,
    conflict: bool = False,
    types: Collection[str] = (),
) -> Step | None:
    """The next step for an item, or None where both sides are in step.

    With ``in`` nothing is written there, with ``out`` nothing of theirs is taken over, but that a change of theirs is
    kept as a version before ours replaces it. An open ``conflict`` holds back only what would replace their content.
    Without one of the endings in ``types`` (where there are any) in each of its names, an item is left alone.
    """
    if not all(is_taken(side.place.name, types) for side in (ours, theirs) if side is not None):
        return Step.HOLD
    steps = [_existence(ours, theirs, base)]
    if steps == [None] and ours is not None and theirs is not None and base is not None:
        steps = [_content(ours, theirs, base), _place(ours, theirs, base, direction)]
    wanted = [step for step in steps if step is not None]
    allowed = (each for step in wanted if (each := _allowed(step, direction, conflict=conflict)))
    return next(allowed, Step.HOLD if wanted else None)


def is_taken(name: str, types: Collection[str]) -> bool:
    """Whether a file's name ends with one of these, whatever the case; without any, each does."""
    return not types or name.lower().endswith(tuple(f".{each}" for each in types))


def _allowed(step: Step, direction: Direction, *, conflict: bool) -> Step | None:
    if (step in OUTWARD and direction == "in") or (step is Step.PUSH and conflict):
        return None
    if step in INWARD and direction == "out":
        return Step.MEET if step is Step.PULL else None
    return step


def _existence(ours: Ours | None, theirs: Theirs | None, base: Base | None) -> Step | None:
    match ours, theirs, base:
        case None, None, _:
            return Step.FORGET
        case None, _, None:
            return Step.CREATE_OURS
        case _, None, None:
            return Step.CREATE_THEIRS
        case None, Theirs(), Base():
            return Step.REVIVE_OURS if theirs.tag != base.tag else Step.DELETE_THEIRS
        case Ours(), None, Base():
            return Step.RECREATE_THEIRS if ours.digest != base.digest else Step.TRASH_OURS
        case _, _, None:
            return Step.MEET
    return None


def _content(ours: Ours, theirs: Theirs, base: Base) -> Step | None:
    we, they = ours.digest != base.digest, theirs.tag != base.tag
    if we and they:
        return Step.MEET
    if they:
        return Step.PULL
    if we:
        return Step.PUSH
    return None


def _place(ours: Ours, theirs: Theirs, base: Base, direction: Direction) -> Step | None:
    we, they = ours.place != base.ours, theirs.place != base.theirs
    if we and they and ours.place == theirs.place:
        return Step.AGREE_PLACE
    # Both moved it, to two places: a place cannot be kept twice, and the client's own system has the last word.
    if they and (direction != "out" or not we):
        return Step.MOVE_OURS
    if we:
        return Step.MOVE_THEIRS
    return None
