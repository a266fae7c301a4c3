"""Conditional and partial reads (RFC 9110 §13 and §14): pure functions from header values to what is to be answered."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from dossier.core.errors import PreconditionFailed, RangeNotSatisfiable

# Positions longer than 19 digits are beyond every file, and int() refuses thousands of digits with an error.
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,19})-([0-9]{0,19})", re.IGNORECASE)
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


@dataclass(frozen=True, slots=True)
class Range:
    """A part of some content: ``length`` ≥ 1 bytes from ``start``."""

    start: int
    length: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to answer: the status (200, 206 or 304), the bytes to send, and ``Content-Range`` for a 206."""

    status: int
    start: int
    length: int
    content_range: str | None = None


def parse_range(header: str | None, size: int) -> Range | None:
    """The one range that ``Range`` asks of ``size`` bytes (RFC 9110 §14.2), or None for the whole.

    What cannot be read, other units, several ranges (which a server may ignore: nobody gains by a multipart answer,
    and merging them is an attack, CVE-2025-62727) and any range of empty content ask for the whole.
    Raises RangeNotSatisfiable, with ``size`` for ``Content-Range: bytes */size``. Linear in the header's length.
    """
    found = _RANGE.fullmatch(header.strip()) if header and size else None
    first, last = found.groups() if found else ("", "")
    if first:
        return _from_first(int(first), int(last) if last else None, size)
    return _suffix(int(last), size) if last else None


def _from_first(first: int, last: int | None, size: int) -> Range | None:
    if last is not None and last < first:
        return None
    if first >= size:
        raise RangeNotSatisfiable(size=size)
    end = size if last is None else min(last + 1, size)
    return Range(first, end - first)


def _suffix(length: int, size: int) -> Range:
    if length == 0:
        raise RangeNotSatisfiable(size=size)
    length = min(length, size)
    return Range(size - length, length)


def matches(if_match: str | None, etag: str) -> bool:
    """True where an edit may go on: there is no ``If-Match``, it is ``*``, or it lists ``etag`` (RFC 9110 §13.1.1,
    strong comparison: a weak tag never matches). A value that cannot be read does not match."""
    return if_match is None or _lists(if_match, etag, weak=False)


def evaluate(method: str, headers: Mapping[str, str], etag: str, last_modified: datetime | None, size: int) -> Outcome:
    """Judge a GET or HEAD of existing content in the order of RFC 9110 §13.2.2.

    ``headers`` has names in lower case or ignores case; ``last_modified`` is aware, or None where a date would lie
    (content that may change twice in a second), and then conditions on dates are ignored or, in If-Range, false.
    Raises PreconditionFailed and RangeNotSatisfiable.
    """
    modified = None if last_modified is None else int(last_modified.timestamp())
    _check_preconditions(headers, etag, modified)
    if _not_modified(headers, etag, modified):
        return Outcome(304, 0, 0)
    wants_part = method == "GET" and _range_holds(headers, etag, modified)
    part = parse_range(headers.get("range"), size) if wants_part else None
    if part is None:
        return Outcome(200, 0, size)
    return Outcome(206, part.start, part.length, f"bytes {part.start}-{part.start + part.length - 1}/{size}")


def _check_preconditions(headers: Mapping[str, str], etag: str, modified: int | None) -> None:
    if_match = headers.get("if-match")
    if if_match is not None:
        holds = matches(if_match, etag)
    else:
        since = _seconds(headers.get("if-unmodified-since"))
        holds = since is None or modified is None or modified <= since
    if not holds:
        raise PreconditionFailed()


def _not_modified(headers: Mapping[str, str], etag: str, modified: int | None) -> bool:
    if_none_match = headers.get("if-none-match")
    if if_none_match is not None:
        return _lists(if_none_match, etag, weak=True)
    since = _seconds(headers.get("if-modified-since"))
    return since is not None and modified is not None and modified <= since


def _range_holds(headers: Mapping[str, str], etag: str, modified: int | None) -> bool:
    """If-Range (§13.1.5): the strong tag, or exactly the date; anything else asks for the whole."""
    validator = headers.get("if-range")
    if validator is None:
        return True
    if '"' in validator:
        return validator.strip() == etag and not etag.startswith("W/")
    return modified is not None and _seconds(validator) == modified


def _lists(header: str, etag: str, *, weak: bool) -> bool:
    if header.strip() == "*":
        return True
    tags = _ETAG.findall(header)
    if weak:
        return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
    return etag in tags and not etag.startswith("W/")


def _seconds(http_date: str | None) -> int | None:
    """An HTTP-date (§5.6.7) in seconds since 1970, or None for what is no date."""
    if http_date is None or len(http_date) > 64:
        return None
    try:
        parsed = parsedate_to_datetime(http_date)
        return int((parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp())
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
