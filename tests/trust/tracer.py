"""strace as a saboteur: attached to one thread of a running program, it kills the process at that thread's N-th call of a
kind, or lets the call fail.

One thread, because strace counts the calls of each thread by themselves: so every call of every thread can be named.
"""

import collections
import contextlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat2", "unlink", "ftruncate", "mkdir", "rmdir")
Counts = dict[tuple[int, str], int]


@dataclass(frozen=True)
class Point:
    """The ``number``-th ``call`` of the thread that was made as the ``thread``-th."""

    thread: int
    call: str
    number: int

    def __str__(self) -> str:
        return f"thread {self.thread}, {self.call} {self.number}"


def usable() -> bool:
    """Whether strace is here and may attach."""
    return shutil.which("strace") is not None


def threads(pid: int) -> list[int]:
    """The thread ids of a process, in the order of their making."""
    return sorted(int(path.name) for path in Path(f"/proc/{pid}/task").iterdir())


@contextmanager
def _strace(*arguments: str, threads: int = 1) -> Iterator[None]:
    """Run strace; entered once it has attached."""
    with subprocess.Popen(["strace", *arguments], stderr=subprocess.PIPE, text=True) as strace:
        assert strace.stderr
        try:
            for _ in range(threads):
                line = strace.stderr.readline()
                assert "attached" in line, line
            yield
        finally:
            # It ends with its process; a thread that lives on is let go.
            with contextlib.suppress(subprocess.TimeoutExpired):
                strace.wait(0.2)
            strace.terminate()
            strace.stderr.read()


@contextmanager
def counting(pid: int, folder: Path, counts: Counts) -> Iterator[None]:
    """Count the calls of each thread; ``counts`` is filled when the block has ended."""
    tids, files = threads(pid), folder / "trace"
    with _strace("-ff", "-o", str(files), "-e", f"trace={','.join(CALLS)}", "-p", str(pid)):
        yield
    for index, tid in enumerate(tids):
        text = files.with_suffix(f".{tid}").read_text()
        for call, count in collections.Counter(re.findall(r"^(\w+)\(", text, re.M)).items():
            counts[index, call] = count


@contextmanager
def recording(pid: int, kinds: tuple[str, ...], file: Path) -> Iterator[None]:
    """Write down the calls of all threads, those to come too, with all bytes (in hex digits)."""
    with _strace("-f", "-o", str(file), "-xx", "-s", "16777216", "-e", f"trace={','.join(kinds)}", "-p", str(pid)):
        yield


@contextmanager
def sabotage(pid: int, point: Point, what: str, log: Path, *others: int, more: str = "") -> Iterator[None]:
    """``what`` is ``signal=SIGKILL`` or ``error=EIO``; when the block has ended, ``log`` shows the calls and which was hit.

    ``others`` are threads that could do the same work instead. ``more`` is ``+`` for all calls from that one on.
    """
    rule = f"inject={point.call}:{what}:when={point.number}{more}"
    tids = [threads(pid)[thread] for thread in {point.thread, *others}]
    who = [argument for tid in tids for argument in ("-p", str(tid))]
    with _strace("-o", str(log), "-e", f"trace={point.call}", "-e", rule, *who, threads=len(tids)):
        yield


def points(counts: Counts) -> list[Point]:
    """Every point of a counted run."""
    return [Point(thread, call, number) for (thread, call), n in sorted(counts.items()) for number in range(1, n + 1)]


def until(what: Callable[[], bool], seconds: float = 30, pause: float = 0.003) -> None:
    """Wait for something, not for ever."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)
