"""One try of a message over HTTP: what is sent, and what came back. Nothing of the database is held meanwhile."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from uuid import UUID

from dossier import __version__, feed
from dossier.core.clock import Clock
from dossier.core.outward import first_bytes, was_refused
from dossier.webhooks.signing import sign

if TYPE_CHECKING:
    import aiohttp

KEPT_BYTES = 4096
# The status decides; the body is for the log alone, and nobody waits long for that.
BODY_SECONDS = 2.0
KEPT_HEADERS = ("content-type", "content-length", "date", "location", "retry-after", "server", "x-request-id")
LONGEST_HEADER = 500
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be sent now. ``keys`` sign it, the newest first."""

    delivery_id: UUID
    attempt: int
    url: str
    message_id: UUID
    body: bytes = field(repr=False)
    keys: Sequence[bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one try. ``pause`` is how long the receiver asked to be left alone (Retry-After), a day at most."""

    at: datetime
    ms: int
    status: int | None
    error: str | None
    request_headers: dict[str, str]
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b""
    pause: timedelta = timedelta(0)

    @property
    def delivered(self) -> bool:
        """Whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants nothing any more."""
        return self.status == 410


async def post(session: "aiohttp.ClientSession", letter: Letter, clock: Clock) -> Result:
    """Send a message once, within the session's limits of time. Never raises for what the receiver or the network does."""
    import aiohttp

    at, begun = clock(), time.perf_counter()
    headers = _headers(letter, int(at.timestamp()))

    def result(status: int | None, error: str | None = None) -> Result:
        return Result(at, round((time.perf_counter() - begun) * 1000), status, error, headers)

    try:
        async with session.post(letter.url, data=letter.body, headers=headers, allow_redirects=False) as response:
            answer = await first_bytes(response, KEPT_BYTES, BODY_SECONDS)
            came = result(response.status)
            kept = {name: value[:LONGEST_HEADER] for name in KEPT_HEADERS if (value := response.headers.get(name))}
            pause = _pause(response.headers.get("Retry-After"), at)
            return Result(at, came.ms, came.status, None, headers, kept, answer, pause)
    except TimeoutError:
        return result(None, "No answer in time.")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return result(None, _said(error))


def _headers(letter: Letter, timestamp: int) -> dict[str, str]:
    message_id = str(letter.message_id)
    return {
        "Content-Type": feed.ONE,
        "User-Agent": f"Dossier-Webhooks/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(letter.keys, message_id, timestamp, letter.body),
    }


def _said(error: Exception) -> str:
    """A sentence for owners; raw texts of errors may hold addresses of our network."""
    import aiohttp

    if was_refused(error):
        return "It leads to where nothing may be sent."
    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "Its TLS certificate cannot be verified."
        case aiohttp.ClientConnectorError():
            return "It cannot be reached."
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientOSError():
            return "It broke the connection."
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "Its answer cannot be read."
    return "It cannot be reached."


def _pause(retry_after: str | None, now: datetime) -> timedelta:
    """Retry-After (RFC 9110 §10.2.3), seconds or a date; what cannot be read asks for nothing."""
    text = (retry_after or "").strip()
    try:
        wanted = (
            timedelta(seconds=int(text))
            if text.isascii() and text.isdigit()
            else parsedate_to_datetime(text).astimezone(UTC) - now
        )
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
    return min(max(wanted, timedelta(0)), LONGEST_PAUSE)
