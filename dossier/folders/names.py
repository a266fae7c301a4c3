"""Rules for the names of folders and documents, and for the paths made of them. Pure: no database, no clock.

A name is one path component of Unicode text in NFC. It is judged strictly on the way in (``clean_name``),
compared without case (``name_key``), and made fit for foreign file systems only on the way out (``portable_name``).
"""

import re
import unicodedata

from dossier.folders.errors import BadName

MAX_NAME_BYTES = 255
"""UTF-8 bytes of a name: what ext4, APFS and NTFS take in one component."""

MAX_KEY_BYTES = 1024
"""Bytes of a ``name_key``. Folding at most doubles a name (tested for every code point)."""

# No NFC form within 255 bytes comes from a text this long; the limit keeps the work on hostile input small.
_MAX_RAW_CHARS = 4096
_TOO_LONG = f"A name has at most {MAX_NAME_BYTES} bytes."
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# White space, Default_Ignorable_Code_Point (UAX #44) and the empty Braille cell: nobody could see or click such a name.
_INVISIBLE = re.compile(
    "[\\s\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_EXTENSION = re.compile(r"(?<=.)(?:\.tar)?\.(?=\w*[^\W\d_])\w{1,12}\Z", re.DOTALL)
_FAKE_PATH = re.compile(r"\A[a-z]:\\fakepath\\", re.IGNORECASE)
_NOT_PORTABLE = re.compile('[<>:"/\\\\|?*\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|\Z)", re.IGNORECASE)


def clean_name(raw: str) -> str:
    """The name as it is stored: NFC, without surrounding white space, at most 255 UTF-8 bytes.

    Raises BadName for what is empty or invisible, ``.`` and ``..``, slashes of both kinds, control characters and line
    breaks, lone surrogates, text direction controls and what is too long. Clean names come back unchanged.
    """
    _check_raw(raw)
    _refuse(_CONTROL, raw, "A name cannot hold control characters or line breaks.")
    _refuse(_BIDI, raw, "A name cannot hold characters that turn the direction of text.")
    name = unicodedata.normalize("NFC", raw).strip()
    _check_shape(name)
    return name


def _check_raw(raw: str) -> None:
    if len(raw) > _MAX_RAW_CHARS:
        raise BadName(_TOO_LONG)
    _refuse(_SURROGATE, raw, "A name cannot hold half a character.")


def _refuse(pattern: re.Pattern[str], text: str, reason: str) -> None:
    if pattern.search(text):
        raise BadName(reason)


def _check_shape(name: str) -> None:
    visible = _INVISIBLE.sub("", name)
    if not visible:
        raise BadName("A name needs at least one visible character.")
    if visible in (".", ".."):
        raise BadName("A name cannot be . or .. alone.")
    if "/" in name or "\\" in name:
        raise BadName("A name cannot hold / or \\.")
    if len(name.encode()) > MAX_NAME_BYTES:
        raise BadName(_TOO_LONG)


def upload_name(raw: str) -> str:
    """The clean name of a file as a client sends it. Only the ``C:\\fakepath\\`` of browsers is taken off; any other
    path raises BadName, so that nobody wonders where the folders went."""
    return clean_name(_FAKE_PATH.sub("", raw, count=1))


def name_key(name: str) -> bytes:
    """What two names are compared and sorted by: NFC(casefold(NFC(name))) in UTF-8, at most 1024 bytes.

    Every clean name has a key; raises BadName for text that is no name because it is too long or has no UTF-8 form.
    """
    _check_raw(name)
    key = _folded(name)
    if len(key) > MAX_KEY_BYTES:
        raise BadName(_TOO_LONG)
    return key


def _folded(text: str) -> bytes:
    if text.isascii():
        return text.lower().encode()  # the same, in a fifth of the time
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).encode()


def numbered(name: str, n: int, extension: bool = True, most: int = MAX_NAME_BYTES) -> str:
    """``Report (2).pdf``: the name with a number before its extension (``.tar.gz`` is one), or, without ``extension``
    as for folders, at its end. The stem is cut where the result would pass ``most`` UTF-8 bytes."""
    stem, suffix = _split(name) if extension else (name, "")
    tail = f" ({n}){suffix}"
    return _cut(stem, max(0, most - len(tail.encode()))) + tail


def _split(name: str) -> tuple[str, str]:
    found = _EXTENSION.search(name)
    return (name[: found.start()], found.group()) if found else (name, "")


def _cut(text: str, limit: int) -> str:
    encoded = text.encode()
    return text if len(encoded) <= limit else encoded[:limit].decode(errors="ignore").rstrip()


def portable_name(name: str) -> str:
    """The name as every file system takes it (Windows is the narrowest), for zip and export: at most 255 UTF-8 bytes,
    ``_`` in the place of what Windows refuses. Never fails; two names may meet in one (see UniquePaths)."""
    text = _NOT_PORTABLE.sub("_", name)
    text = f"_{text}" if not text or _RESERVED.match(text) else text
    stem, suffix = _split(text)
    text = _cut(stem, MAX_NAME_BYTES - len(suffix.encode())) + suffix
    kept = text.rstrip(". ")
    return kept + "_" * (len(text) - len(kept))


class UniquePaths:
    """Hands out paths for one archive or export so that no two are equal on a file system that ignores case.

    Paths are relative, with ``/`` between components and at the end of a folder. A file never takes the path of a
    folder or of a parent of another path, nor the other way round.
    """

    def __init__(self) -> None:
        self._folders: dict[bytes, str] = {b"": ""}
        self._taken: set[bytes] = set()
        self._next: dict[bytes, int] = {}

    def claim(self, path: str) -> str:
        """The path itself where it is free, else with the first free number: ``a/b (2).pdf``, ``a/b (2)/``.

        For what lies in a folder that was claimed (``a/``), build on the path that came back.
        """
        is_folder = path.endswith("/")
        parent, _, name = path.rstrip("/").rpartition("/")
        given = self._free(self._inside(parent), name, extension=not is_folder)
        if is_folder:
            self._folders[_folded(given)] = given = given + "/"
        return given

    def _inside(self, folder: str) -> str:
        """The given path of a parent folder, which takes its place at its first use."""
        given = ""
        for name in filter(None, folder.split("/")):
            key = _folded(given + name)
            if key not in self._folders:
                self._folders[key] = self._free(given, name, extension=False) + "/"
            given = self._folders[key]
        return given

    def _free(self, prefix: str, name: str, extension: bool) -> str:
        wanted = _folded(prefix + name)
        path, key = prefix + name, wanted
        while key in self._taken:
            n = self._next[wanted] = self._next.get(wanted, 1) + 1
            path = prefix + numbered(name, n, extension)
            key = _folded(path)
        self._taken.add(key)
        return path
