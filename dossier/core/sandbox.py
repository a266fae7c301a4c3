"""Foreign bytes are only opened in a child process that can do nothing else; this is the parent's side of it.

``read``: the child (``_child.py``) has bounds on memory, time and output, no environment, no files but the one it is
given, no network, no new processes and no root. It is started afresh for each file. What it runs is a reader: a file of
Python with ``prepare(media_type)``, which imports all that will be needed, and ``extract(stream, media_type, most)``.

``launch``: the child becomes another program (``_launch.py``), which has what such a program cannot do without: the files
that a system is made of, a work folder of its own, threads and processes.
"""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_CHILD = Path(__file__).with_name("_child.py")
_LAUNCH = Path(__file__).with_name("_launch.py")
_CHUNK = 65_536
TIMEOUT, MEMORY, CRASHED = "timeout", "memory", "crashed"
"""The reasons that a child need not give itself."""

# PDFium aborts where its memory ends; the kernel kills where the machine's does.
_SIGNALS = {
    signal.SIGXCPU: TIMEOUT,
    signal.SIGALRM: TIMEOUT,
    signal.SIGABRT: MEMORY,
    signal.SIGKILL: MEMORY,
}


class ChildFailed(Exception):
    """The child gave nothing. ``reason`` is one word: ``timeout``, ``memory``, ``crashed``, ``broken`` or the reader's own.

    ``clue`` is for the log alone: the class of the error and the line that raised it, or the signal.
    """

    def __init__(self, reason: str, clue: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.clue = clue


async def read(
    reader: Path,
    path: Path,
    media_type: str,
    most: int,
    *,
    seconds: float,
    memory: int,
    size: int,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """What ``reader`` makes of the file, within these seconds and bytes of memory; at most ``size`` bytes.

    Raises ``ChildFailed``, and OSError where the file cannot be opened or no process be started. Cancelling ends the child.
    """
    with path.open("rb") as source, tempfile.TemporaryDirectory(prefix="dossier-child-") as empty:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", "-X", "utf8", str(_CHILD)),
            *(media_type, str(most), str(memory), str(seconds), str(reader)),
            stdin=source,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=empty,
            env=dict(environment or {}),
            start_new_session=True,
        )
        answer = await _answer(child, seconds, size + _CHUNK)
    return _result(child.returncode or 0, answer)


async def launch(
    program: Path, arguments: Sequence[str], work: Path, *, seconds: float, memory: int, file_size: int
) -> int:
    """Run a program in the folder ``work``, which is private to it; what it answers at its end.

    It has these seconds, bytes of memory per process, and bytes per file. All that it started ends with it. Raises
    ``ChildFailed`` where time or a signal ended it, OSError where no process can be started. Cancelling ends it too.
    """
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-B", "-X", "utf8", str(_LAUNCH)),
        *(str(work), str(memory), str(seconds), str(file_size), str(program), *arguments),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=DEVNULL,
        cwd=work,
        env={},
        start_new_session=True,
    )
    try:
        async with asyncio.timeout(seconds):
            status = await child.wait()
    except TimeoutError:
        raise ChildFailed(TIMEOUT, "wall clock") from None
    finally:
        _kill(child.pid)
        await child.wait()
    _check(status)
    return status


def _kill(group: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


async def _answer(child: Process, seconds: float, most: int) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            answer = await _read(child.stdout, most)
            await child.wait()
            return answer
    except TimeoutError:
        raise ChildFailed(TIMEOUT, "wall clock") from None
    finally:
        await _end(child)


async def _read(stream: asyncio.StreamReader | None, most: int) -> bytes:
    answer = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        answer += chunk
        if len(answer) > most:
            raise ChildFailed(CRASHED, "answered more than it may")
    return bytes(answer)


async def _end(child: Process) -> None:
    """Kill what still runs and wait until it is gone."""
    if child.returncode is None:
        _kill(child.pid)
        # What is left in the pipe must be read, or the wait never ends where the reader had paused.
        await child.communicate()


def _check(status: int) -> None:
    if status < 0:
        ended = signal.Signals(-status)
        raise ChildFailed(_SIGNALS.get(ended, CRASHED), ended.name)


def _result(status: int, answer: bytes) -> bytes:
    _check(status)
    head, _, body = answer.partition(b"\n")
    if status == 0 and head == b"ok":
        return body
    raise ChildFailed(head[:32].decode("ascii", "replace"), body[:100].decode("ascii", "replace"))
