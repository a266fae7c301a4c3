"""Snippets: a little of a document's text around what was searched for, with the hits marked.

Hits are found by the normalisation of the index, so that accents and case match as they do there. The work for one document
is bounded: the first 100,000 characters are folded piece by piece, and at most eight pieces that may hold a hit are cut
into words.
"""

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.search import queries, tokens

LOOKED_AT, PIECE, PIECES = 100_000, 2_000, 8
WIDTH, LEAD, WORD, NEAR = 240, 60, 30, 50
Terms = Sequence[tuple[str, bool]]
Snippet = list[tuple[str, bool]]
# A character with what only changes it: combining marks, joiners, selectors, and the vowels and ends of Hangul syllables.
_CLUSTER = re.compile(f".[{tokens.CONTINUING}]*", re.DOTALL)

_YI = re.compile("[\ua000-\ua48c]")


class Hit(NamedTuple):
    """Where a word that was searched for stands, and the number of its term."""

    start: int
    end: int
    term: int


async def snippets_of(unit: ReadUnit, q: str, documents: Sequence[Wire]) -> list[Snippet]:
    """For each document, as it goes out: pairs of text and whether it is a hit, from the head's text or the description."""
    digests = {bytes.fromhex(document["version"]["sha256"]) for document in documents}
    texts = await queries.beginnings_of(unit, digests, LOOKED_AT) if digests else {}
    terms = tokens.query_words(q)
    sources = [(texts.get(document["version"]["sha256"], ""), document["description"]) for document in documents]
    # In a thread: folding all that is looked at takes ten milliseconds a document.
    return await asyncio.to_thread(lambda: [snippet(terms, *source) for source in sources])


def snippet(terms: Terms, *sources: str) -> Snippet:
    """The best place of the first source that has a hit; without one, the beginning of the first that says something."""
    for source in sources:
        if place := _best(terms, source):
            return _marked(*place)
    said = next((source for source in sources if source.strip()), "")
    return _marked(said.lstrip()[: WIDTH * 2], [], starts=True, ends=len(said) <= WIDTH * 2) if said else []


def _best(terms: Terms, source: str) -> tuple[str, list[Hit], bool, bool] | None:
    """The piece with the most different terms close together, its hits, and whether the source begins and ends with it."""
    best, most, cut = None, 0, 0
    for start, end in _pieces(source):
        folded = tokens.folded(source[start:end])
        if not _may_hold(terms, folded):
            continue
        found, cut = _hits(terms, folded), cut + 1
        if (count := _densest(found)[0]) > most:
            best, most = (start, end, folded, found), count
        if most == len(terms) or cut == PIECES:
            break
    if best is None:
        return None
    start, end, folded, found = best
    piece = source[start:end]
    return piece, _in_the_original(found, piece, folded), start == 0, end == len(source)


def _pieces(source: str) -> Iterator[tuple[int, int]]:
    """Where pieces begin and end: behind white space, so that no word is cut."""
    start = 0
    while start < len(source):
        end = min(start + PIECE, len(source))
        if end < len(source):
            space = max(source.rfind(" ", start + PIECE // 2, end), source.rfind("\n", start + PIECE // 2, end))
            end = space + 1 if space > 0 else end
        yield start, end
        start = end


def _may_hold(terms: Terms, folded: str) -> bool:
    # A word with marks has other characters in the index than in the text (Yi): it cannot be ruled out at a glance.
    return any(word in folded or _YI.search(word) for word, _ in terms)


def _hits(terms: Terms, folded: str) -> list[Hit]:
    return [
        Hit(at, at + length, term)
        for word, at in tokens.placed(folded)
        for term, wanted in enumerate(terms)
        if (length := _fit(word, *wanted))
    ]


def _fit(word: str, term: str, prefix: bool) -> int:
    """How many characters of the word are the hit; 0 for none."""
    if not (word.startswith(term) if prefix else word == term):
        return 0
    return len(term) if tokens.is_unspaced(word) else len(word)


def _in_the_original(found: list[Hit], piece: str, folded: str) -> list[Hit]:
    """The hits by their places in the text as it was written; none where folding cannot be followed back."""
    if piece.isascii():
        return found
    clusters = [(cluster.start(), tokens.folded(cluster[0])) for cluster in _CLUSTER.finditer(piece)]
    if "".join(part for _, part in clusters) != folded:
        return []
    origin = [start for start, part in clusters for _ in part]
    ends = [end for (_, part), end in zip(clusters, _ends(clusters, len(piece)), strict=True) for _ in part]
    return [Hit(origin[hit.start], ends[hit.end - 1], hit.term) for hit in found]


def _ends(clusters: list[tuple[int, str]], length: int) -> list[int]:
    return [start for start, _ in clusters[1:]] + [length]


def _marked(piece: str, hits: list[Hit], starts: bool, ends: bool) -> Snippet:
    """A window of the piece with most terms in it, cut between words, in parts."""
    begin = max(0, _densest(hits)[1] - LEAD)
    end = min(begin + WIDTH, len(piece))
    if begin:
        begin = _boundary(piece, begin, 1)
    if end < len(piece):
        end = _boundary(piece, end, -1)
    parts = list(_parts(piece, begin, end, hits))
    if parts and (begin or not starts):
        parts[0] = (f"… {parts[0][0].lstrip()}", False) if not parts[0][1] else parts[0]
    if parts and (end < len(piece) or not ends) and not parts[-1][1]:
        parts[-1] = (f"{parts[-1][0].rstrip()} …", False)
    return parts


def _densest(hits: list[Hit]) -> tuple[int, int]:
    """How many different terms fit into one window at most, and where the first of them stands; 0 and 0 without hits."""
    most, at = 0, 0
    for first, hit in enumerate(hits):
        near = itertools.takewhile(lambda other: other.end <= hit.start + WIDTH - LEAD, hits[first : first + NEAR])  # noqa: B023
        if (count := len({hit.term, *(other.term for other in near)})) > most:
            most, at = count, hit.start
    return most, at


def _boundary(piece: str, at: int, step: int) -> int:
    """The nearest white space from ``at`` on, in the direction of ``step``; ``at`` itself where there is none near."""
    for place in range(at, min(max(at + step * WORD, 0), len(piece)), step):
        if piece[place].isspace():
            return place
    return at


def _parts(piece: str, begin: int, end: int, hits: list[Hit]) -> Iterator[tuple[str, bool]]:
    at = begin
    for start, stop in _merged(hits):
        if start < begin or stop > end:
            continue
        if start > at:
            yield _plain(piece[at:start]), False
        yield _plain(piece[start:stop]), True
        at = stop
    if at < end:
        yield _plain(piece[at:end]), False


def _merged(hits: list[Hit]) -> Iterator[tuple[int, int]]:
    """The hits in order, those that overlap or touch as one."""
    at: tuple[int, int] | None = None
    for start, end, _ in sorted(hits):
        if at is not None and start <= at[1]:
            at = at[0], max(at[1], end)
            continue
        if at is not None:
            yield at
        at = start, end
    if at is not None:
        yield at


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text)
