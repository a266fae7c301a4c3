"""A blob store whose work shows in traces: how long its calls took, and nothing of what they are about."""

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from dossier.core import traces
from dossier.storage.blobs import BlobStore, OfferedPart, StoredBlob


class _Traced:
    """Hands everything on to the store; what takes time is done within a span."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(
        self, workspace_id: UUID, chunks: AsyncIterator[bytes], *, limit: int | None = None, key: str | None = None
    ) -> StoredBlob:
        with traces.span("storage.put") as span:
            stored = await self._store.put(workspace_id, chunks, limit=limit, key=key)
            span.set("dossier.bytes", stored.size)
            return stored

    async def append(
        self, key: str, offset: int, chunks: AsyncIterator[bytes], *, synced: Callable[[int], Awaitable[None]]
    ) -> int:
        with traces.span("storage.append", {"dossier.offset": offset}) as span:
            end = await self._store.append(key, offset, chunks, synced=synced)
            span.set("dossier.bytes", end - offset)
            return end

    async def finish(
        self, key: str, size: int, sha256: bytes | None = None, *, most_read: int | None = None
    ) -> StoredBlob:
        with traces.span("storage.finish", {"dossier.bytes": size}):
            return await self._store.finish(key, size, sha256, most_read=most_read)

    async def offer(self, key: str, size: int, sha256: bytes | None = None) -> list[OfferedPart] | None:
        with traces.span("storage.offer", {"dossier.bytes": size}):
            return await self._store.offer(key, size, sha256)

    def open(self, key: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
        return _opened(self._store.open(key, start, length))

    async def delete(self, key: str) -> None:
        with traces.span("storage.delete"):
            await self._store.delete(key)

    async def sweep_temporary(self, older_than: timedelta) -> int:
        with traces.span("storage.sweep_temporary"):
            return await self._store.sweep_temporary(older_than)


async def _opened(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same chunks. The span ends with the first: how fast the rest leaves is the client's doing."""
    try:
        with traces.span("storage.open"):
            first = await anext(chunks, b"")
        if first:
            yield first
        async for chunk in chunks:
            yield chunk
    finally:
        await chunks.aclose()


def traced(store: BlobStore) -> BlobStore:
    """The store, with spans around its work."""
    return cast(BlobStore, _Traced(store))
