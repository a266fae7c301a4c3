"""What the connectors that speak HTTP read in an answer's head."""

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def date_of(text: str | None) -> datetime | None:
    """An HTTP-date (RFC 9110, section 5.6.7); None where it is none."""
    with suppress(ValueError, TypeError, OverflowError):
        parsed = parsedate_to_datetime(text or "")
        return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to be left alone, said as such or as a date (RFC 9110, section 10.2.3), by its own clock
    where it tells that; None where it says nothing."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    if (until := date_of(said)) is None:
        return None
    now = date_of(headers.get("Date"))
    return max(0.0, until.timestamp() - (now.timestamp() if now else time.time()))
