"""From what a service tells of its files to items, and their bytes."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC
from hashlib import blake2b
from typing import Any, Final

from dossier.connectors.contract import Item, RemoteError
from dossier.connectors.service.calls import refusing

_PIECE: Final = 1 << 20


def tag_of(item_id: str, about: Any) -> str:
    """What changes with a file's content: the etag, version or digest that the service tells, else its time and size.

    Those two may be the same for another file (FTP tells minutes), so that the path is a part: a rename is no rename then,
    but no file is ever taken for another.
    """
    told = (about.etag or "").removeprefix("W/").strip('"') or about.version or about.content_md5
    if told:
        return str(told)
    when = int(about.last_modified.timestamp()) if about.last_modified else 0
    where = blake2b(item_id.encode(), digest_size=8).hexdigest()
    return f"{about.content_length:x}-{when:x}-{where}"


def file_of(item_id: str, about: Any) -> Item:
    """A file."""
    parent, slash, name = item_id.rpartition("/")
    tag = tag_of(item_id, about)
    when = about.last_modified.astimezone(UTC) if about.last_modified else None
    size = about.content_length
    return Item(item_id, parent + slash or None, name, tag=tag, etag=tag, size=size, modified_at=when)


def folder_of(item_id: str) -> Item:
    """A folder."""
    parent, slash, name = item_id.removesuffix("/").rpartition("/")
    return Item(item_id, parent + slash or None, name, folder=True)


async def pieces(file: Any) -> AsyncIterator[bytes]:
    """The bytes of a file that was opened; closed once they are read or not wanted any more."""
    try:
        while True:
            with refusing():
                piece = await file.read(_PIECE)
            if not piece:
                return
            yield bytes(piece)
    finally:
        with suppress(RemoteError), refusing():
            await file.close()
