"""The token string of search: one normalisation in Python, so that FTS5 and FULLTEXT give the same hits.

Every token starts with a short key of its workspace. That keeps workspaces apart inside one index and gets past stop
words and minimum lengths. Tokens are letters and digits only, so each engine's own tokenizer leaves them whole.
"""

import base64
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from uuid import UUID

KEY_LENGTH = 6
WORD_LENGTH = 40
TERMS = 16

# Accents that people leave out when they search: Latin, Greek and Cyrillic diacritics, Hebrew points, Arabic vowels;
# and what is not seen at all: soft hyphen, joiners, direction marks, tatweel, variation selectors, keycaps.
# й stays: to Russian readers it is a letter of its own, not an accented и.
_UNSEEN = re.compile(
    "(?<![иИ])\u0306|[\u0300-\u0305\u0307-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u0640"
    "\u00ad\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff"
    "\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\U000e0000-\U000e01ef]"
)
_LETTERS = str.maketrans(
    {"\u0131": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "æ": "ae", "œ": "oe", "þ": "th", "ð": "d"}
)


def _ranges(codes: Iterable[int]) -> str:
    """The inside of a regular expression's character class for these code points, given in order."""
    spans: list[list[int]] = []
    for code in codes:
        if spans and spans[-1][1] == code - 1:
            spans[-1][1] = code
        else:
            spans.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in spans)


# Vowel signs and the like (Devanagari, Thai, Khmer, …) are part of the word, though Unicode calls them marks.
_MARKS = _ranges(code for code in range(0x0483, 0x1E950) if unicodedata.category(chr(code)).startswith("M"))
# Han with 々〆〇, kana, Hangul, Thai, Lao, Myanmar, Khmer: scripts that are written without spaces, or as good as.
_UNSPACED = (
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff\uac00-\ud7ff\u1100-\u11ff\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u1780-\u17d3"
)
CONTINUING = (
    f"{_MARKS}\u0300-\u036f\u1160-\u11ff\u00ad\u0640\u200c-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\ufeff\U000e0000-\U000e01ef"
)
"""The inside of a character class: what belongs to the character before it."""
_UNSPACED_ONE = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(f"([{_UNSPACED}]+)|(?:[^\\W_{_UNSPACED}]|[{_MARKS}])+")


def workspace_key(workspace_id: UUID) -> str:
    """Six characters of ``[a-z2-7]``, always the same for a workspace.

    Two workspaces share one about once in 2^30 pairs: a query narrows by it and still filters by ``workspace_id``.
    """
    return base64.b32encode(hashlib.sha256(workspace_id.bytes).digest()).decode().lower()[:KEY_LENGTH]


def words(text: str) -> Iterator[str]:
    """The words of a text as search compares them: without case and accents, at most 40 characters each.

    Scripts written without spaces come as overlapping pairs of characters; a single such character stays single.
    """
    return _cut(text)


def index_string(workspace_id: UUID, *texts: str, limit: int = 200_000) -> str:
    """What the index stores for these texts: their distinct tokens in order of first appearance, at most ``limit``.

    Takes up to a second per million characters: call it outside of the event loop.
    """
    key = workspace_key(workspace_id)
    distinct: dict[str, None] = {}
    for word in (word for text in texts for word in _cut(text, ends=True)):
        if len(distinct) >= limit:
            break
        distinct[key + word] = None
    return " ".join(distinct)


def query_terms(workspace_id: UUID, q: str) -> list[tuple[str, bool]]:
    """The tokens that all must be there, at most 16, each with whether it is only the beginning of a word.

    That is so for the last word while the person may still be typing it (no space behind it), and for a single
    character of an unspaced script, which the index knows as the beginning of a pair. No terms means no hits.
    """
    key = workspace_key(workspace_id)
    return [(key + word, prefix) for word, prefix in query_words(q)]


def query_words(q: str) -> list[tuple[str, bool]]:
    """The terms of ``query_terms`` without a workspace's key."""
    found = list(islice(_cut(q), TERMS + 1))
    typing = bool(q) and not q[-1].isspace()
    terms: dict[str, bool] = {}
    for place, word in enumerate(found[:TERMS], start=1):
        prefix = (typing and place == len(found)) or _is_single(word)
        terms[word] = terms.get(word, True) and prefix
    return list(terms.items())


def fits(q: str) -> Callable[[str], bool]:
    """Whether a short text, such as a name, has all words of ``q``: the test that the index makes."""
    terms = query_words(q)

    def test(text: str) -> bool:
        there = set(_cut(text, ends=True))
        return bool(terms) and all(
            any(word.startswith(term) for word in there) if prefix else term in there for term, prefix in terms
        )

    return test


def fts5_query(terms: Iterable[tuple[str, bool]]) -> str:
    """The terms as an FTS5 ``MATCH`` expression; empty for none, which FTS5 refuses."""
    return " AND ".join(f'"{token}" *' if prefix else f'"{token}"' for token, prefix in terms)


def mysql_query(terms: Iterable[tuple[str, bool]]) -> str:
    """The terms for ``AGAINST (… IN BOOLEAN MODE)``; empty for none, which hits nothing."""
    return " ".join(f"+{token}*" if prefix else f"+{token}" for token, prefix in terms)


def _cut(text: str, *, ends: bool = False) -> Iterator[str]:
    """The words; ``ends`` adds the last character of each run alone, so that every character begins some token."""
    return (word for word, _ in placed(folded(text), ends=ends))


def placed(text: str, *, ends: bool = False) -> Iterator[tuple[str, int]]:
    """The words of a folded text, each with where it begins. ``ends`` as above."""
    for match in _WORD.finditer(text):
        start = match.start()
        if match[1] is None:
            yield _alphanumeric(match[0][:WORD_LENGTH]), start
            continue
        run = _alphanumeric(match[1])
        yield from ((run[at : at + 2], start + at) for at in range(max(1, len(run) - 1)))
        if ends:
            yield run[-1], start + len(run) - 1


def is_unspaced(word: str) -> bool:
    """Whether a word is of a script that is written without spaces: one character or a pair."""
    return _UNSPACED_ONE.match(word) is not None


def _is_single(word: str) -> bool:
    return len(word) == 1 and is_unspaced(word)


def folded(text: str) -> str:
    """A text without case, accents and what is not seen; its words are still to be cut."""
    if text.isascii():
        return text.lower()
    bare = _UNSEEN.sub("", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFC", bare.casefold().translate(_LETTERS))


def _alphanumeric(word: str) -> str:
    """The word with a Yi syllable in place of each mark: the engines cut words at marks, and Yi they keep."""
    return word if word.isalnum() else "".join(c if c.isalnum() else chr(0xA000 + ord(c) % 1165) for c in word)
