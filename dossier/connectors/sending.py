"""Bytes on their way out, held to what they were announced as."""

import hashlib
from collections.abc import AsyncIterator

from dossier.connectors.contract import Content, RemoteError


class Exact:
    """A content's bytes: all of them, or an error before the last ones leave, so that no torn file can become whole.

    Each iteration begins anew: an HTTP client may send a request a second time. ``failed`` is the last error that came
    from here, which a client wraps in its own.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self.failed: Exception | None = None

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()

    async def _read(self) -> AsyncIterator[bytes]:
        self.failed = None
        hash_, size, held = hashlib.sha256(), 0, b""
        try:
            async for chunk in self._content.open(0):
                if not chunk:
                    continue
                if held:
                    yield held
                hash_.update(chunk)
                size, held = size + len(chunk), chunk
                if size > self._content.size:
                    break
            if size != self._content.size or hash_.digest() != self._content.sha256:
                raise RemoteError("unreachable", "The content that was to be sent is not the one that was announced.")
        except Exception as error:
            self.failed = error
            raise
        if held:
            yield held
