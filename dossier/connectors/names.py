"""Names that every system can hold, and the hidden names under which a connector keeps what is not whole yet."""

import re
from secrets import token_hex
from typing import Final

from dossier.connectors.contract import RemoteError

#: Most file systems, and the servers that stand on one, hold no longer name (in bytes of UTF-8).
MOST_BYTES: Final = 255
#: Seconds that nothing has come to a hidden file before whoever meets it takes it away.
STALE_SECONDS: Final = 86_400.0
_HIDDEN: Final = re.compile(r"\.dossier-[0-9a-f]{32}\.part")
#: Controls, which XML 1.0 cannot carry (section 2.2), and lone surrogates, which UTF-8 cannot.
_UNFIT: Final = re.compile("[/\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def hidden_name() -> str:
    """A new name for a file that nobody is to see."""
    return f".dossier-{token_hex(16)}.part"


def is_hidden(name: str) -> bool:
    """Whether a name is one of ``hidden_name``: never listed, never to be made by a caller."""
    return _HIDDEN.fullmatch(name) is not None


def is_name(name: str) -> bool:
    """Whether this can be one step of a path: no way up, no way down, no NUL, and UTF-8."""
    if name in ("", ".", "..") or "/" in name or "\0" in name or is_hidden(name):
        return False
    return not any("\ud800" <= each <= "\udfff" for each in name)


def checked_name(name: str) -> str:
    """The name itself. Raises ``refused`` where it is no name."""
    if not is_name(name):
        raise RemoteError("refused", "This name cannot be a file's or a folder's.")
    return name


def steps_of(item_id: str) -> list[str]:
    """The names on the way to an item whose id is its path. Raises ``refused`` for what is no path of ours."""
    return [checked_name(name) for name in item_id.split("/")]


def child_of(parent_id: str | None, name: str) -> str:
    """The id of what is named so in a folder. Raises ``refused`` for what is no name."""
    checked_name(name)
    return f"{parent_id}/{name}" if parent_id else name


def parent_of(item_id: str) -> str | None:
    """The id of the folder that an item lies in; None for the place itself."""
    return item_id.rpartition("/")[0] or None


def fitting(name: str, unfit: re.Pattern[str] = _UNFIT, most: int = MOST_BYTES) -> str:
    """The name with "_" for what cannot be kept, shortened before its ending to ``most`` bytes of UTF-8."""
    name = unfit.sub("_", name)
    if name in ("", ".", "..") or is_hidden(name):
        name = f"_{name[1:]}"
    if len(name.encode()) <= most:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending.encode()) > 16:
        stem, dot, ending = name, "", ""
    room = most - len(f"{dot}{ending}".encode())
    return stem.encode()[:room].decode(errors="ignore") + dot + ending
