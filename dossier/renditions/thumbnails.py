"""Thumbnails: the parent's side of ``_draw.py``, which looks at foreign pages and pixels in a locked child process."""

from pathlib import Path

from dossier.core import sandbox
from dossier.core.settings import MIB
from dossier.renditions.office import Unmakeable

PIXELS = 320
MOST_BYTES = MIB // 2
_READER = Path(__file__).with_name("_draw.py")
_SENTENCES = {
    "timeout": "Drawing the thumbnail took too long.",
    "memory": "Drawing the thumbnail took too much memory.",
    "broken": "The file is damaged or is not what its type says.",
    "bomb": "The image has more pixels than are read for a thumbnail.",
    "encrypted": "The file is protected with a password.",
    "crashed": "The reader of this file type came to an unexpected end.",
}


async def draw(source: Path, media_type: str, *, seconds: float, memory: int) -> bytes:
    """A WebP of the first page or the image, at most ``PIXELS`` on its longer side. Raises ``Unmakeable``."""
    try:
        drawn = await sandbox.read(_READER, source, media_type, PIXELS, seconds=seconds, memory=memory, size=MOST_BYTES)
    except sandbox.ChildFailed as error:
        raise Unmakeable(error.reason, error.clue, sentences=_SENTENCES) from error
    # The child had foreign bytes in its hands: what it says is checked like theirs.
    if drawn[:4] != b"RIFF" or drawn[8:12] != b"WEBP" or len(drawn) > MOST_BYTES:
        raise Unmakeable("crashed", "no WebP", sentences=_SENTENCES)
    return drawn
