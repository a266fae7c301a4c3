"""Names that OneDrive and SharePoint take, and names in addresses.

Source: support.microsoft.com, "Restrictions and limitations in OneDrive and SharePoint"; addresses by
learn.microsoft.com/graph/onedrive-addressing-driveitems.
"""

import re
from typing import Final
from urllib.parse import quote

from dossier.connectors.contract import RemoteError

LONGEST: Final = 255  # UTF-16 code units
#: Full-width look-alikes of what cannot be in a name; what cannot be seen becomes "_".
_LOOK_ALIKES: Final = str.maketrans('"*:<>?/\\|\x7f', "＂＊：＜＞？／＼｜_") | dict.fromkeys(range(32), "_")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?|\.lock|desktop\.ini", re.I | re.A)
_VTI: Final = re.compile("_(vti)_", re.I)
_FULL_WIDTH: Final = 0xFEE0  # from an ASCII character to its full-width look-alike
_LONGEST_ENDING: Final = 32


def fitting(name: str) -> str:
    """The same name if it can be, or one that looks like it. What it gives stays as it is when it is given again."""
    name = _cut(_VTI.sub(r"＿\1＿", name.translate(_LOOK_ALIKES)))
    start, end = len(name) - len(name.lstrip(" ")), len(name.rstrip(" ."))
    name = "_" * start + name[start:end] + name[max(start, end) :].replace(" ", "_").replace(".", "．")
    if name.startswith("~$") or _RESERVED.fullmatch(name):
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
    return quote(name, safe="")
