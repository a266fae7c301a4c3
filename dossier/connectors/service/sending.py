"""Bytes on their way to a service: of which nothing is to be seen before they are whole."""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from dossier.connectors.contract import RemoteError
from dossier.connectors.names import hidden_name
from dossier.connectors.service.calls import Calls, refusing
from dossier.connectors.service.traits import Storage

#: Some services take a file only in one piece, which has to be held.
MOST_IN_ONE: Final = 64 << 20
Check = Callable[[], Awaitable[None]]


def fits(calls: Calls, size: int) -> None:
    """Raises ``refused`` for what the service cannot take."""
    most = calls.can.write_total_max_size
    if not calls.can.write_can_multi:
        most = min(most or MOST_IN_ONE, MOST_IN_ONE)
    if size == 0 and not calls.can.write_can_empty:
        raise RemoteError("refused", "The service takes no empty files.")
    if most is not None and size > most:
        raise RemoteError("refused", f"The service takes no files over {most >> 20} MiB.")


async def send(
    calls: Calls,
    path: str,
    chunks: AsyncIterator[bytes],
    media_type: str = "",
    *,
    condition: dict[str, Any] | None = None,
    before: Check | None = None,
) -> str:
    """Write a file; its MD5, as services tell it. ``before`` is asked at the last moment in which nothing is written yet."""
    digest = hashlib.md5(usedforsecurity=False)
    held: list[bytes] = []
    file = await calls.writer(path, media_type, condition or {})
    # Where anything fails, the file is let go of without being closed.
    async for chunk in chunks:
        digest.update(chunk)
        if not calls.can.write_can_multi:
            held.append(chunk)
            continue
        with refusing():
            await file.write(chunk)
    if before is not None:
        await before()
    with refusing():
        if held:
            await file.write(b"".join(held))
        await file.close()
    return b64encode(digest.digest()).decode()


@asynccontextmanager
async def way(storage: Storage, calls: Calls, base: str, item_id: str) -> AsyncIterator[tuple[Calls, str]]:
    """By which operator and path a file is sent.

    Over FTP the library sends under a name beside its root and renames in the end. So the root is a hidden folder of this
    one file, and the file's own path leads out of it; whatever is left in there goes with the folder.
    """
    if not storage.traits.hides:
        yield calls, base + item_id
        return
    hidden = f"{base}{hidden_name()}/"
    try:
        yield Calls(storage.service, storage.config, f"/{hidden}"), f"../{item_id}"
    finally:
        with suppress(RemoteError):
            # Shielded, for a second cancellation must not stop the removal.
            await asyncio.shield(sweep(calls, hidden))


async def sweep(calls: Calls, folder: str) -> None:
    """Take away a hidden folder and what was left in it."""
    async for entry in calls.entries(folder):
        await calls.delete(entry.path)
    await calls.delete(folder)
