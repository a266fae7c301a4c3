"""Locks of ours (RFC 4918, sections 6 and 7): others are kept out while we look at an item once more and change it.

A lock is held for milliseconds, between the last byte that was sent and the answer. One that is left, because this
process was killed, ends by itself.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from dossier.connectors.contract import RemoteError
from dossier.connectors.webdav.wire import Wire

#: Seconds. A write that meets a lock is tried again later than this.
_ENDS_AFTER: Final = 60
_ASKED: Final = (
    b'<?xml version="1.0" encoding="utf-8"?><d:lockinfo xmlns:d="DAV:"><d:lockscope><d:exclusive/></d:lockscope>'
    b"<d:locktype><d:write/></d:locktype><d:owner>Dossier</d:owner></d:lockinfo>"
)
#: Should be a URI (section 6.5); that of rclone is a number.
_TOKEN: Final = re.compile("<([!-;=?-~]{1,1000})>")


@asynccontextmanager
async def held(wire: Wire, path: list[str], *, slash: bool = False) -> AsyncIterator[dict[str, str]]:
    """Hold an item with all in it; the header that goes with what changes it (section 10.4).

    Without one where the server gives us no lock, as for want of a right. Raises ``locked`` where somebody else holds it,
    and ``missing`` where it has gone.
    """
    token = await _lock(wire, path, slash=slash)
    if not token:
        yield {}
        return
    try:
        yield {"If": f"<{wire.base.url(path, slash=slash)}> (<{token}>)"}
    finally:
        # Shielded, for a second cancellation must not leave the lock. Some servers keep it for a name that has gone.
        await asyncio.shield(_unlock(wire, path, token, slash=slash))


async def _lock(wire: Wire, path: list[str], *, slash: bool) -> str:
    """The token; "" where the server refuses any lock or gives none that can be named."""
    headers = {
        "Depth": "infinity",
        "Timeout": f"Second-{_ENDS_AFTER}",
        "Content-Type": 'application/xml; charset="utf-8"',
    }
    try:
        async with wire.asked("LOCK", path, slash=slash, headers=headers, body=_ASKED) as response:
            status, said = response.status, _TOKEN.fullmatch(response.headers.get("Lock-Token", "").strip())
    except RemoteError as error:
        if error.kind in ("refused", "unsupported"):
            return ""
        raise
    if status == 207:  # something in the folder could not be locked (section 9.10.9)
        raise RemoteError("locked", "Somebody holds a lock on something in this folder.")
    token = said[1] if said else ""
    if status == 201:
        await _take_back(wire, path, token)
        raise RemoteError("missing", "There is no such file or folder.")
    return token


async def _take_back(wire: Wire, path: list[str], token: str) -> None:
    """Remove the empty file that a lock on a free name makes (section 7.3)."""
    condition = {"If": f"<{wire.base.url(path, slash=False)}> (<{token}>)"} if token else {}
    async with wire.asked("DELETE", path, headers=condition):
        pass
    await _unlock(wire, path, token, slash=False)


async def _unlock(wire: Wire, path: list[str], token: str, *, slash: bool) -> None:
    try:
        async with wire.asked("UNLOCK", path, slash=slash, headers={"Lock-Token": f"<{token}>"}):
            pass
    except RemoteError:
        return  # gone with the item, or soon by itself
