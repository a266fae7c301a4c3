"""Which place in a folder of Dossier each name of a local folder has. Pure: no database, no disk.

Dossier compares names without case, a local file system may not: ``A.txt`` and ``a.txt`` are two files there and one
name here. So the second gets a number, ``a (2).txt``, and has to find that place again at the next import. The rule:

1. A name belongs to what carries exactly this name; else to what carries exactly one of its numbered names, unless a
   local name of its own claims that one. ``a (2).txt`` comes from ``a.txt`` and not from ``A.txt``: numbering keeps case.
2. Else it belongs to what carries the name in another case, unless that is the exact name of another local one.
3. Else it is new, under the first free name.

Local names that are equal even here (composed and decomposed accents) first look for a place with their own digest.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from uuid import UUID

from dossier import folders


@dataclass(frozen=True, slots=True)
class Place:
    """What carries a name in a folder of Dossier; a document's digest and size are its head's."""

    kind: str
    id: UUID
    name: str
    sha256: bytes = b""
    size: int = 0


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of a local name: ``name`` is new where ``place`` is None."""

    name: str
    place: Place | None


class Slots:
    """Hands out each place of one folder once. Ask for folders first, so that they keep their names."""

    def __init__(self, there: Mapping[bytes, Place], names: Sequence[str]) -> None:
        self._there = there
        self._alike = Counter(map(folders.name_key, names))
        self._exact = frozenset(names)
        self._given: set[bytes] = set()

    def take(self, kind: str, name: str, sha256: bytes | None = None, *, only: bool = False) -> Slot:
        """The place of a local name; of several that are left for it, one with ``sha256`` comes first, and with ``only`` no
        other one counts."""
        found = [place for place in self._candidates(kind, name) if folders.name_key(place.name) not in self._given]
        place = next((each for each in found if each.sha256 == sha256), found[0] if found and not only else None)
        taken = self._free(kind, name) if place is None else place.name
        self._given.add(folders.name_key(taken))
        return Slot(taken, place)

    def has(self, name: str) -> bool:
        """Whether something here has this name, in whatever case."""
        return folders.name_key(name) in self._there

    def knows(self, sha256: bytes | None) -> bool:
        """Whether a document here has this digest."""
        return sha256 is not None and any(place.sha256 == sha256 for place in self._there.values())

    def _candidates(self, kind: str, name: str) -> Iterator[Place]:
        key = folders.name_key(name)
        here = self._there.get(key)
        if here is not None and (here.kind, here.name) == (kind, name):
            yield here
        gaps = 0
        for numbered in self._numbered(kind, name):
            place = self._there.get(folders.name_key(numbered))
            # At most as many numbers were given, and so can be missing now, as there are names alike.
            gaps += place is None
            if gaps > self._alike[key]:
                break
            if place is not None and (place.kind, place.name) == (kind, numbered):
                yield place
        if here is not None and here.kind == kind and here.name not in self._exact:
            yield here

    def _free(self, kind: str, name: str) -> str:
        names = chain([name], self._numbered(kind, name))
        return next(each for each in names if self._is_free(folders.name_key(each)))

    def _is_free(self, key: bytes) -> bool:
        return key not in self._there and key not in self._given

    def _numbered(self, kind: str, name: str) -> Iterator[str]:
        """The numbered names without end, but those that are a local name of their own."""
        names = (folders.numbered(name, n, extension=kind == "document") for n in count(2))
        return (each for each in names if folders.name_key(each) not in self._alike)
