"""The text of foreign files, read in a child process that can do nothing else (``core.sandbox``)."""

from pathlib import Path

from dossier.core import sandbox
from dossier.search.extract import MIB, SUPPORTED, Reason, supports

__all__ = ["SUPPORTED", "ExtractionFailed", "Reason", "extract_text", "supports"]

_READER = Path(__file__).with_name("extract.py")
# openpyxl reads this one; without it the parser would depend on whether lxml happens to be installed.
_ENVIRONMENT = {"OPENPYXL_LXML": "False"}

_SENTENCES = {
    Reason.TOO_LARGE: "The file unpacks to more than is read for search.",
    Reason.BROKEN: "The file is damaged or is not what its type says.",
    Reason.BOMB: "The file is made so that opening it would overwhelm or trick its reader.",
    Reason.TIMEOUT: "Reading the file took too long.",
    Reason.MEMORY: "Reading the file took too much memory.",
    Reason.CRASHED: "The reader of this file type came to an unexpected end.",
    Reason.ENCRYPTED: "The file is protected with a password.",
}


class ExtractionFailed(Exception):
    """There is no text; ``reason`` says why and ``str()`` says it to people. ``clue`` is for the log alone."""

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
    try:
        text = await sandbox.read(
            *(_READER, path, media_type, max_chars),
            seconds=seconds,
            memory=memory,
            size=4 * max_chars,
            environment=_ENVIRONMENT,
        )
    except sandbox.ChildFailed as error:
        raise ExtractionFailed(_reason(error.reason), error.clue) from error
    return text.decode("utf-8", "replace")[:max_chars]


def _reason(word: str) -> Reason:
    # The child had foreign bytes in its hands: its word is checked like theirs.
    try:
        return Reason(word)
    except ValueError:
        return Reason.CRASHED
