"""A driveItem of Graph as the contract's Item. Source: learn.microsoft.com/graph/api/resources/driveitem.

``tag`` is the cTag, which changes with the content alone; ``etag`` is the eTag, which changes with the name too. What an
upload answers is shown as it was answered: where SharePoint writes properties into an office file after (or while) it takes
it, size and digests of the answer are not those of the bytes that were sent, and the tag changes once more a little later.
The engine then sees that the digest is another one although it was the last to write, keeps the new tag beside its own
version, and takes no new version from it.
"""

import binascii
from base64 import b64decode
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from dossier.connectors.contract import Item, OldVersion, RemoteError
from dossier.connectors.names import is_hidden

_HEX_DIGESTS: Final = {"sha1Hash": "sha1", "sha256Hash": "sha256"}


def is_left_out(raw: dict[str, Any]) -> bool:
    """Whether an entry is no file or folder to be told of.

    A OneNote notebook, a shortcut into another drive, or what a connector by another way has not written to its end.
    """
    return "package" in raw or "remoteItem" in raw or is_hidden(str(raw.get("name", "")))


def parent_of(raw: dict[str, Any]) -> str:
    """The id of the folder that it lies in; "" for a drive's root."""
    reference = raw.get("parentReference")
    return str(reference.get("id", "")) if isinstance(reference, dict) else ""


def item_of(raw: dict[str, Any], root_id: str) -> Item:
    """Raises ``unreachable`` where it has no id or name."""
    if not raw.get("id") or not isinstance(raw.get("name"), str):
        raise RemoteError("unreachable", "Microsoft Graph told of an item without an id or name.")
    parent, folder = parent_of(raw), "folder" in raw
    etag = str(raw.get("eTag", ""))
    size = raw.get("size")
    return Item(
        id=str(raw["id"]),
        parent_id=None if parent == root_id else parent,
        name=raw["name"],
        folder=folder,
        tag="" if folder else str(raw.get("cTag") or etag),
        etag="" if folder else etag,
        size=size if isinstance(size, int) and not folder else None,
        modified_at=moment(raw.get("lastModifiedDateTime")),
        author=author_of(raw),
        digests=_digests(raw.get("file")),
    )


def version_of(raw: dict[str, Any]) -> OldVersion:
    """A driveItemVersion, which has neither eTag nor hash."""
    size = raw.get("size")
    modified = moment(raw.get("lastModifiedDateTime"))
    return OldVersion(str(raw.get("id", "")), modified, size if isinstance(size, int) else None, author_of(raw))


def author_of(raw: dict[str, Any]) -> str:
    """Who changed it last: a person, or else the app."""
    by = raw.get("lastModifiedBy")
    for kind in ("user", "application"):
        who = by.get(kind) if isinstance(by, dict) else None
        if isinstance(who, dict) and (name := who.get("displayName") or who.get("email")):
            return str(name)
    return ""


def moment(text: object) -> datetime | None:
    """A time as Graph writes it, in UTC; None for what is none, or before the calendar's first year there."""
    with suppress(ValueError, OverflowError):
        if isinstance(text, str):
            parsed = datetime.fromisoformat(text)
            return parsed.replace(tzinfo=parsed.tzinfo or UTC).astimezone(UTC)
    return None


def _digests(file: object) -> dict[str, str]:
    hashes = file.get("hashes") if isinstance(file, dict) else None
    if not isinstance(hashes, dict):
        return {}
    digests = {name: str(hashes[key]).lower() for key, name in _HEX_DIGESTS.items() if hashes.get(key)}
    with suppress(binascii.Error, ValueError):
        if hashes.get("quickXorHash"):
            digests["quickxor"] = b64decode(str(hashes["quickXorHash"]), validate=True).hex()
    return digests
