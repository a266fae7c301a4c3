"""The parent's side of text extraction: foreign bytes are only opened in a child process that can do nothing else.

The child (``_child.py``) has bounds on memory, time and output, no environment, no files but the one it is given, no
network, no new processes and no root. It is started afresh for each file.
"""

import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from contextlib import suppress
from pathlib import Path

from dossier.search.extract import MIB, SUPPORTED, Reason, supports

__all__ = ["SUPPORTED", "ExtractionFailed", "Reason", "extract_text", "supports"]

_CHILD = Path(__file__).with_name("_child.py")
# openpyxl reads this one; without it the parser would depend on whether lxml happens to be installed.
_ENVIRONMENT = {"OPENPYXL_LXML": "False"}
_CHUNK = 65_536

_SENTENCES = {
    Reason.TOO_LARGE: "The file unpacks to more than is read for search.",
    Reason.BROKEN: "The file is damaged or is not what its type says.",
    Reason.BOMB: "The file is made so that opening it would overwhelm or trick its reader.",
    Reason.TIMEOUT: "Reading the file took too long.",
    Reason.MEMORY: "Reading the file took too much memory.",
    Reason.CRASHED: "The reader of this file type came to an unexpected end.",
    Reason.ENCRYPTED: "The file is protected with a password.",
}
# PDFium aborts where its memory ends; the kernel kills where the machine's does.
_SIGNALS = {
    signal.SIGXCPU: Reason.TIMEOUT,
    signal.SIGALRM: Reason.TIMEOUT,
    signal.SIGABRT: Reason.MEMORY,
    signal.SIGKILL: Reason.MEMORY,
}


class ExtractionFailed(Exception):
    """There is no text; ``reason`` says why and ``str()`` says it to people.

    ``clue`` is for the log alone: the class of the error and the line that raised it, or the signal.
    """

    def __init__(self, reason: Reason, clue: str = "") -> None:
        super().__init__(_SENTENCES[reason])
        self.reason = reason
        self.clue = clue


async def extract_text(
    path: Path, media_type: str, *, seconds: float = 30, memory: int = 512 * MIB, max_chars: int = 1_000_000
) -> str:
    """The first ``max_chars`` characters of the text in the file, read by a child within these seconds and bytes.

    Raises ``ExtractionFailed`` where the file gives none, ValueError for a type that ``supports`` denies, and OSError
    where the file cannot be opened or no process be started. Cancelling ends the child.
    """
    if not supports(media_type):
        raise ValueError(f"no reader for {media_type}")
    with path.open("rb") as source, tempfile.TemporaryDirectory(prefix="dossier-extract-") as empty:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-B", "-X", "utf8", str(_CHILD)),
            *(media_type, str(max_chars), str(memory), str(seconds)),
            stdin=source,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd=empty,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        answer = await _answer(child, seconds, 4 * max_chars + _CHUNK)
    return _text(child.returncode or 0, answer)[:max_chars]


async def _answer(child: Process, seconds: float, most: int) -> bytes:
    try:
        async with asyncio.timeout(seconds):
            answer = await _read(child.stdout, most)
            await child.wait()
            return answer
    except TimeoutError:
        raise ExtractionFailed(Reason.TIMEOUT, "wall clock") from None
    finally:
        await _end(child)


async def _read(stream: asyncio.StreamReader | None, most: int) -> bytes:
    answer = bytearray()
    while stream and (chunk := await stream.read(_CHUNK)):
        answer += chunk
        if len(answer) > most:
            raise ExtractionFailed(Reason.CRASHED, "answered more than it may")
    return bytes(answer)


async def _end(child: Process) -> None:
    """Kill what still runs and wait until it is gone."""
    if child.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        # What is left in the pipe must be read, or the wait never ends where the reader had paused.
        await child.communicate()


def _text(status: int, answer: bytes) -> str:
    if status < 0:
        raise ExtractionFailed(_SIGNALS.get(signal.Signals(-status), Reason.CRASHED), signal.Signals(-status).name)
    head, _, body = answer.partition(b"\n")
    if status == 0 and head == b"ok":
        return body.decode("utf-8", "replace")
    raise ExtractionFailed(_reason(head), body[:100].decode("ascii", "replace"))


def _reason(head: bytes) -> Reason:
    # The child had foreign bytes in its hands: its word is checked like theirs.
    try:
        return Reason(head.decode("ascii", "replace"))
    except ValueError:
        return Reason.CRASHED
