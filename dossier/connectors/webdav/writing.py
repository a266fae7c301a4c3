"""How bytes get into a WebDAV server without anybody seeing half of them.

wsgidav 4.4 and rclone 1.75 write a PUT into the file itself: others read half of it, and an upload that breaks off
destroys what was there. Apache 2.4 keeps it aside until it is whole, but compares If-Match before the first byte, not
after the last. So these are sent to a hidden name, which is given the right one by a MOVE. RFC 4918 lets that refuse to
replace (section 9.9.3), and lets it ask for the target's ETag (section 10.4), which Apache does; wsgidav does not look at
that, and rclone refuses whatever it says: where there are locks, the file is held while it is looked at and replaced.

On Nextcloud and ownCloud a MOVE onto a file would end its history: they are sent to the name itself. They keep a PUT
aside until it is whole and keep what it replaces as a version, so that an edit while it was sent is not lost.
"""

import asyncio
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

from aiohttp import ClientResponse

from dossier.connectors.contract import Content, Item, Kind, RemoteError
from dossier.connectors.names import hidden_name
from dossier.connectors.sending import Exact
from dossier.connectors.webdav.answers import Found, parse, quoted
from dossier.connectors.webdav.locks import held
from dossier.connectors.webdav.reading import bare, is_strong, item_of, propfind
from dossier.connectors.webdav.wire import Wire, refusal

#: How nobody's edit is replaced unseen: the server compares its ETag, or lets us hold the file; or it is looked at just
#: before.
Guard = Literal["etag", "lock", "look"]
#: Seconds until an ETag of Apache's is strong.
_STRONG_AFTER: Final = 1.1


async def send(wire: Wire, path: list[str], content: Content, headers: dict[str, str], *, new: bool) -> Item:
    """PUT to the name itself, under a condition. Raises ``name_taken`` (``new``) or ``changed``."""
    about = {"Content-Length": str(content.size), "Content-Type": content.media_type, **headers}
    on_412: Kind = "name_taken" if new else "changed"
    async with wire.asked("PUT", path, headers=about, body=Exact(content), on_412=on_412) as response:
        etag = quoted(response.headers.get("OC-ETag") or response.headers.get("ETag") or "")
    item, found = await look(wire, path)
    # Somebody may have written since. An item that is not ours goes out without a tag, so that it is read.
    is_ours = _opaque(found) == etag.removeprefix("W/") if etag else found.size == content.size
    return item if is_ours else replace(item, tag="", etag="")


async def send_aside(
    wire: Wire, path: list[str], content: Content, *, if_match: str | None, guard: Guard = "look"
) -> Item:
    """PUT to a hidden name beside, then MOVE: onto nothing, or onto a file whose etag is ``if_match``.

    Raises ``name_taken``, ``changed``, ``missing``, ``locked``. The hidden file goes where anything fails.
    """
    aside = [*path[:-1], hidden_name()]
    try:
        return await _sent_aside(wire, aside, path, content, if_match, guard)
    except BaseException:
        # Shielded, for a second cancellation must not stop the removal.
        await asyncio.shield(_discard(wire, aside))
        raise


async def _sent_aside(
    wire: Wire, aside: list[str], path: list[str], content: Content, if_match: str | None, guard: Guard
) -> Item:
    about = {"Content-Length": str(content.size), "Content-Type": content.media_type}
    async with wire.asked("PUT", aside, headers=about, body=Exact(content)):
        pass
    sent, ours = await look(wire, aside)
    if ours.size not in (None, content.size):
        raise RemoteError("unreachable", "The server has kept another number of bytes than it was sent.")
    if if_match is None:
        await move(wire, aside, path)
    else:
        await _replace(wire, aside, path, if_match, guard)
    item, found = await look(wire, path)
    # A server may change the ETag with the name; date and size together have to do then.
    is_ours = _opaque(found) == _opaque(ours) or (found.modified_at, found.size) == (ours.modified_at, ours.size)
    return item if is_ours else replace(item, tag=sent.etag, etag=sent.etag)


async def _replace(wire: Wire, aside: list[str], path: list[str], if_match: str, guard: Guard) -> None:
    async with held(wire, path) if guard == "lock" else nullcontext[dict[str, str]]({}) as condition:
        item, found = await (settled if guard == "etag" else look)(wire, path)
        if item.etag != bare(if_match):
            raise RemoteError("changed", "The file is not what it was any more.")
        if guard == "etag" and found.etag:
            condition = {"If": f"<{wire.base.url(path, slash=False)}> ([{found.etag}])"}
        await move(wire, aside, path, replacing=True, condition=condition)


async def move(
    wire: Wire,
    path: list[str],
    target: list[str],
    *,
    slash: bool = False,
    replacing: bool = False,
    condition: dict[str, str] | None = None,
) -> None:
    """MOVE. Raises ``name_taken`` unless ``replacing``, and then ``changed`` where the ``condition`` does not hold."""
    headers = {
        "Destination": str(wire.base.url(target, slash=slash)),
        "Overwrite": "T" if replacing else "F",
        "Depth": "infinity",
        **(condition or {}),
    }
    on_412: Kind = "changed" if replacing else "name_taken"
    async with wire.asked("MOVE", path, slash=slash, headers=headers, on_412=on_412) as response:
        await check_parts(wire, "MOVE", response)


async def settled(wire: Wire, path: list[str]) -> tuple[Item, Found]:
    """A file as it is, looked at once more where its ETag is weak: Apache's become strong when they are a second old."""
    item, found = await look(wire, path)
    if found.etag and not is_strong(found):
        await asyncio.sleep(_STRONG_AFTER)
        item, found = await look(wire, path)
    return item, found


async def look(wire: Wire, path: list[str]) -> tuple[Item, Found]:
    """An item, and all that the server says of it. Raises ``missing``."""
    listing = await propfind(wire, path, "0")
    found = listing.found.get(tuple(path))
    if found is None:
        raise RemoteError("missing", "There is no such file or folder.")
    return item_of(path, found, listing.date), found


async def check_parts(wire: Wire, method: str, response: ClientResponse) -> None:
    """Raises what has failed below, where the answer is a multistatus (RFC 4918, sections 9.6.1 and 9.9.4)."""
    if response.status == 207:
        failed = [each.status for each in parse(await wire.whole(response)) if each.status >= 300]
        if failed:
            raise refusal(method, 423 if 423 in failed else failed[0], {})


async def sweep(wire: Wire, path: list[str], found: Found, date: datetime, seconds: float) -> None:
    """Take away a hidden file that an upload has left, ``seconds`` after it was last written."""
    if (date - (found.modified_at or datetime.now(UTC))).total_seconds() > seconds:
        await _discard(wire, path)


async def _discard(wire: Wire, path: list[str]) -> None:
    """Take a hidden file away, as far as the server can be reached. rclone holds one for a moment after its upload broke
    off."""
    for wait in (0.1, 0.5, None):
        try:
            async with wire.asked("DELETE", path):
                return
        except RemoteError as error:
            if error.kind != "locked" or wait is None:
                return
        await asyncio.sleep(wait)


def _opaque(found: Found) -> str:
    return found.etag.removeprefix("W/")
