"""What a bucket answers, and its errors as Dossier's own."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final

from botocore.exceptions import ClientError

from dossier.core.errors import StorageFull
from dossier.core.log import log
from dossier.storage.errors import StorageFailed

_RETRY_AFTER: Final = 5
_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchUpload"})
_FULL: Final = frozenset({"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull"})
_TAKEN: Final = frozenset({"409", "412", "ConditionalRequestConflict", "PreconditionFailed"})


class Gone(Exception):
    """There is no such object or upload."""


class Taken(Exception):
    """The object is there already, or is not the one that the ETag names any more."""


class BeyondEnd(Exception):
    """The range begins or ends behind the object's last byte."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A part that the store has: its ``number``, ``size`` in bytes, ``etag``, and ``sha256`` in base 64."""

    number: int
    size: int
    etag: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Head:
    """What is known of an object. ``age`` is the store's own reckoning, whatever the clocks of this machine say."""

    size: int
    etag: str
    modified_at: datetime
    age: timedelta
    notes: dict[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a listing of objects."""

    name: str
    size: int
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class Begun:
    """A multipart upload that is not complete, and for how long nothing has come to it."""

    name: str
    upload: str
    idle: timedelta


def date_of(answer: dict[str, Any]) -> datetime:
    """The store's time at the answer."""
    date: datetime = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    return date


def refused(verb: str, error: ClientError) -> Exception:
    """What a refusal of the store means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
    if code in _GONE:
        return Gone()
    if {code, status} & _TAKEN:
        return Taken()
    if "InvalidRange" in code or status == "416":
        return BeyondEnd()
    if {code, status} & _FULL:
        return StorageFull()
    log.warning("storage.refused", call=verb, status=status, reason=code)
    return StorageFailed(retry_after=_RETRY_AFTER)


def failed(verb: str, error: Exception) -> StorageFailed:
    """The store was not to be reached, or too slow."""
    # The text of these errors may hold addresses; their class says enough.
    log.warning("storage.unreachable", call=verb, reason=type(error).__name__)
    return StorageFailed(retry_after=_RETRY_AFTER)
