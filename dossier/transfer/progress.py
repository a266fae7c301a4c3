"""How a long work shows how far it is: a bar on a terminal, else nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

BYTES = "bytes"


class Quiet:
    """Shows nothing."""

    def expect(self, things: int, size: int) -> None:
        """So many things and bytes are to come, on top of what was said before."""

    def moved(self, size: int) -> None:
        """So many bytes went through."""

    def done(self, things: int = 1) -> None:
        """So many things are finished."""

    @property
    def shows(self) -> bool:
        """Whether it is worth counting beforehand."""
        return False


class Bars(Quiet):
    """One bar for things and one for bytes."""

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress = progress
        self._things = progress.add_task(label, total=0)
        self._bytes = progress.add_task(BYTES, total=0, visible=False)
        self._totals = [0, 0]

    def expect(self, things: int, size: int) -> None:
        self._totals = [self._totals[0] + things, self._totals[1] + size]
        self._progress.update(self._things, total=self._totals[0])
        self._progress.update(self._bytes, total=self._totals[1], visible=self._totals[1] > 0)

    def moved(self, size: int) -> None:
        self._progress.advance(self._bytes, size)

    def done(self, things: int = 1) -> None:
        self._progress.advance(self._things, things)

    @property
    def shows(self) -> bool:
        return True


class _Amount(ProgressColumn):
    """``12/300`` for things, ``1.2/3.4 GB`` for bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._things, self._bytes = MofNCompleteColumn(), DownloadColumn()

    def render(self, task: Task) -> Text:
        return (self._bytes if task.description == BYTES else self._things).render(task)


@contextmanager
def shown(label: str, *, wanted: bool = True) -> Iterator[Quiet]:
    """A bar on standard error where that is a terminal and ``wanted``; else a ``Quiet``."""
    console = Console(stderr=True)
    if not (wanted and console.is_terminal):
        yield Quiet()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), _Amount(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bars(progress, label)
