"""What lies in a WebDAV server: PROPFIND by PROPFIND, and what kind of server it is."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from dossier.connectors.contract import Item, RemoteError
from dossier.connectors.headers import date_of
from dossier.connectors.webdav import answers
from dossier.connectors.webdav.answers import Found
from dossier.connectors.webdav.wire import Wire, refusal
from dossier.core.log import log

#: ``oc``: Nextcloud and ownCloud. ``apache``: mod_dav. They differ in how a file is replaced: see ``writing``.
Make = Literal["oc", "apache", "wsgidav", "other"]
_FRESH: Final = "~"
#: Seconds for which one more edit might leave no trace: wsgidav's ETags and HTTP's dates count whole seconds.
_TICK: Final = 2.0


@dataclass(frozen=True, slots=True)
class Listing:
    """The answer to one PROPFIND: paths below the base, each once. ``date`` is the server's time."""

    found: dict[tuple[str, ...], Found]
    date: datetime
    server: str


async def propfind(
    wire: Wire, path: Sequence[str], depth: Literal["0", "1"], *, slash: bool = False, body: bytes = b""
) -> Listing:
    """Ask for an item, or for a folder with what is directly in it. Raises ``missing``, and ``unreachable`` where the
    item itself is not in the answer, or one in it could not be read: whatever is not listed would count as deleted.

    ``body`` asks for other properties than those that an item is made of.
    """
    headers = {"Depth": depth, "Content-Type": 'application/xml; charset="utf-8"'}
    body = body or answers.asked(owncloud=wire.owncloud)
    async with wire.asked("PROPFIND", path, slash=slash, headers=headers, body=body) as response:
        if response.status != 207:
            raise RemoteError("unreachable", f"The server answers {response.status} to PROPFIND.")
        answer = await wire.whole(response)
        date, server = date_of(response.headers.get("Date")), response.headers.get("Server", "")
    parsed = await asyncio.to_thread(answers.parse, answer)
    found = _below(wire, tuple(path), depth, parsed)
    if tuple(path) not in found:
        raise RemoteError("unreachable", "The server's answer leaves out what it was asked for.")
    if found[tuple(path)].status == 404:
        raise RemoteError("missing", "There is no such file or folder.")
    for each in found.values():
        if each.status not in (200, 404):
            raise refusal("PROPFIND", each.status, {})
    return Listing(
        {key: each for key, each in found.items() if each.status == 200}, date or datetime.now(UTC), server[:100]
    )


async def offers(wire: Wire) -> tuple[frozenset[str], frozenset[str]]:
    """The classes of WebDAV (RFC 4918, section 18; RFC 3744, section 7.2) and the methods that the server says it knows;
    none where it does not say."""
    try:
        async with wire.asked("OPTIONS", (), slash=True) as response:
            classes, methods = (",".join(response.headers.getall(name, [])) for name in ("DAV", "Allow"))
    except RemoteError as error:
        if error.kind in ("refused", "unsupported"):
            return frozenset(), frozenset()
        raise
    return (
        frozenset(each.strip().lower() for each in classes.split(",")),
        frozenset(each.strip().upper() for each in methods.split(",")),
    )


def _below(wire: Wire, path: tuple[str, ...], depth: str, parsed: list[Found]) -> dict[tuple[str, ...], Found]:
    found: dict[tuple[str, ...], Found] = {}
    for each in parsed:
        steps = wire.base.path_of(each.href)
        is_self = steps is not None and tuple(steps) == path
        is_child = steps is not None and depth == "1" and tuple(steps[:-1]) == path and len(steps) == len(path) + 1
        if steps is None or not (is_self or is_child):
            log.warning("connectors.webdav.href_ignored")
        else:
            found.setdefault(tuple(steps), each)
    return found


def make_of(listing: Listing) -> Make:
    """Which kind of server this is, from the answer about the base."""
    if listing.found[()].fileid:
        return "oc"
    known: dict[str, Make] = {"Apache": "apache", "WsgiDAV": "wsgidav"}
    return known.get(listing.server.partition("/")[0], "other")


def item_of(path: Sequence[str], found: Found, date: datetime) -> Item:
    """An item of the contract."""
    parent = "/".join(path[:-1]) or None
    if found.folder:
        return Item("/".join(path), parent, path[-1], folder=True, modified_at=found.modified_at, lasting=found.fileid)
    etag = _etag(found)
    return Item(
        "/".join(path),
        parent,
        path[-1],
        tag=etag + (_FRESH if _is_fresh(found, date) else ""),
        etag=etag,
        size=found.size,
        modified_at=found.modified_at,
        digests=found.digests,
        lasting=found.fileid,
    )


def _etag(found: Found) -> str:
    """The ETag, with the date and the size where it is not one of Nextcloud's: a weak one promises nothing of bytes, and
    Apache's are weak for a second and then strong."""
    if found.fileid and is_strong(found):
        return found.etag
    date = found.modified_at.isoformat() if found.modified_at else ""
    return f"{found.etag.removeprefix('W/')}|{date}|{'' if found.size is None else found.size}"


def _is_fresh(found: Found, date: datetime) -> bool:
    """Whether one more edit might not show. The mark goes with time: the tag becomes another, and whoever has read
    the file meanwhile reads it once more."""
    if found.fileid and is_strong(found):
        return False
    return found.modified_at is None or (date - found.modified_at).total_seconds() < _TICK


def is_strong(found: Found) -> bool:
    """Whether the ETag can be a condition (RFC 9110, section 13.1.1)."""
    return found.etag.startswith('"')


def bare(tag: str) -> str:
    """A tag without the mark of freshness, to be compared."""
    return tag.removesuffix(_FRESH)
