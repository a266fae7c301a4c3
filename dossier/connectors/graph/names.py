"""Names that OneDrive and SharePoint take, and names in addresses.

Source: support.microsoft.com, "Restrictions and limitations in OneDrive and SharePoint"; addresses by
learn.microsoft.com/graph/onedrive-addressing-driveitems.
"""

import re
from typing import Final
from urllib.parse import quote

from dossier.connectors.contract import RemoteError
from dossier.connectors.names import checked_name, is_hidden

LONGEST: Final = 255  # UTF-16 code units
#: Full-width look-alikes of what cannot be in a name; what cannot be seen, or be in UTF-8, becomes "_".
_LOOK_ALIKES: Final = str.maketrans('"*:<>?/\\|', "＂＊：＜＞？／＼｜")
_UNSEEN: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
#: What neither a name nor an id there holds. A server that decodes an address too early would read a path in it.
_PATH: Final = re.compile("[/\\\\:\x00-\x1f\x7f\ud800-\udfff]")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|\.lock|desktop\.ini", re.I | re.A)
_VTI: Final = re.compile("_(vti)_", re.I)
_FULL_WIDTH: Final = 0xFEE0  # from an ASCII character to its full-width look-alike
_LONGEST_ENDING: Final = 32


def fitting(name: str) -> str:
    """The same name if it can be, or one that looks like it. What it gives stays as it is when it is given again."""
    name = _cut(_VTI.sub(r"＿\1＿", _UNSEEN.sub("_", name).translate(_LOOK_ALIKES)))
    start, end = len(name) - len(name.lstrip(" ")), len(name.rstrip(" ."))
    name = "_" * start + name[start:end] + name[max(start, end) :].replace(" ", "_").replace(".", "．")
    if name.startswith("~$") or _RESERVED.fullmatch(name) or is_hidden(name):
        name = chr(ord(name[0]) + _FULL_WIDTH) + name[1:]
    return name or "_"


def _cut(name: str) -> str:
    """At most the longest; what is cut stands before the ending."""
    if _units(name) <= LONGEST:
        return name
    stem, dot, ending = name.rpartition(".")
    if not stem or len(ending) > _LONGEST_ENDING:
        stem, ending = name, ""
    else:
        ending = dot + ending
    while _units(stem) + _units(ending) > LONGEST:
        stem = stem[:-1]
    return stem + ending


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def segment(name: str) -> str:
    """A name or id as one segment of an address. Raises ``refused`` for what would lead to another place."""
    if name in {"", ".", ".."}:
        raise RemoteError("refused", "A name cannot be empty or made of dots.")
    try:
        return quote(name, safe="")
    except UnicodeEncodeError as error:
        raise RemoteError("refused", "A name has to be UTF-8.") from error


def is_path(text: str) -> bool:
    """Whether this could lead to another place than the name or id that it is taken for."""
    return _PATH.search(text) is not None


def of_item(item_id: str) -> str:
    """An item's id as one segment of an address. Raises ``refused`` for what no id of Graph can be."""
    if is_path(item_id):
        raise RemoteError("refused", "This cannot be the id of a file or folder.")
    return segment(item_id)


def to_be_made(name: str) -> None:
    """Raises ``refused`` for a name that would be refused there, or silently become another (SharePoint trims some)."""
    if fitting(checked_name(name)) != name:
        raise RemoteError("refused", "OneDrive and SharePoint do not take this name.")
