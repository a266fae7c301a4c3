"""A large file in pieces, by an upload session. Source: learn.microsoft.com/graph/api/driveitem-createuploadsession.

Nobody sees the file before its last piece. A piece that was torn is lost alone; the session knows how far it came. Its
address is signed by itself: no token goes there, and it stands in no message.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from dossier.connectors.contract import Content, RemoteError
from dossier.connectors.graph.answers import Answer, refusal
from dossier.connectors.graph.wire import ATTEMPTS, Graph, pause

#: Up to here a file goes in one request: every edition of the service takes that much.
SMALL_BYTES: Final = 4 << 20
_UNIT: Final = 320 << 10
PIECE_BYTES: Final = 32 * _UNIT  # 10 MiB; a multiple of the unit below 60 MiB
_GONE: Final = frozenset({401, 404, 410})  # 401: what an address answers that is signed no longer


class Source:
    """The bytes that are sent, from any place on. Holds at most a piece and a chunk.

    The last of them are given out only if all are those that were announced, so that no torn file can become whole.
    """

    def __init__(self, content: Content) -> None:
        self._content, self._at, self._rest = content, 0, bytearray()
        self._stream: AsyncIterator[bytes] | None = None
        self._digest = hashlib.sha256()
        #: Where the piece before began, with the digest of all that came before it: a torn one is read again from there.
        self._mark = 0, self._digest.copy()

    async def take(self, start: int, count: int) -> bytes:
        """``count`` bytes from ``start`` on. Raises ``unreachable`` where they are not what was announced."""
        if self._stream is None or start != self._at:
            await self._go_to(start)
        self._mark = start, self._digest.copy()
        piece = await self._next(count)
        if self._at == self._content.size:
            has_more = bool(self._rest) or await self._more()
            if has_more or self._digest.digest() != self._content.sha256:
                raise _not_as_announced()
        return piece

    async def _go_to(self, start: int) -> None:
        """Open anew, and read on to ``start`` where that is not the beginning of a piece: the digest is one of all bytes."""
        await self.close()
        at, digest = self._mark if self._mark[0] <= start else (0, hashlib.sha256())
        self._stream, self._at, self._digest = self._content.open(at), at, digest.copy()
        while self._at < start:
            await self._next(min(start - self._at, PIECE_BYTES))

    async def _next(self, count: int) -> bytes:
        while len(self._rest) < count:
            if not await self._more():
                raise _not_as_announced()
        piece = bytes(self._rest[:count])
        del self._rest[:count]
        self._digest.update(piece)
        self._at += count
        return piece

    async def _more(self) -> bool:
        """Read on. Whether anything came before the stream's end."""
        if self._stream is not None:
            async for chunk in self._stream:
                if chunk:
                    self._rest += chunk
                    return True
        return False

    async def close(self) -> None:
        """Let go of the stream."""
        stream, self._stream, self._rest = self._stream, None, bytearray()
        if stream is not None and hasattr(stream, "aclose"):
            await stream.aclose()


def _not_as_announced() -> RemoteError:
    return RemoteError("unreachable", "The content that was to be sent is not the one that was announced.")


async def whole(content: Content) -> bytes:
    """All bytes of a small file."""
    source = Source(content)
    try:
        return await source.take(0, content.size)
    finally:
        await source.close()


class _SessionGone(Exception):
    """The session has run out, or was ended."""


class Upload:
    """One file on its way. ``begin`` makes a session and gives its address; ``before_last`` may still refuse."""

    def __init__(
        self,
        graph: Graph,
        content: Content,
        begin: Callable[[], Awaitable[str]],
        before_last: Callable[[], Awaitable[None]] | None = None,
        *,
        piece_bytes: int = PIECE_BYTES,
    ) -> None:
        self._graph, self._content, self._source = graph, content, Source(content)
        self._begin, self._before_last, self._piece_bytes = begin, before_last, piece_bytes
        self._in_doubt = False  # the last piece was sent, and no answer came

    async def run(self) -> dict[str, Any]:
        """The item as the last piece's answer shows it. Raises RemoteError; the session is cancelled then."""
        try:
            for _ in range(2):
                address = await self._begin()
                with suppress(_SessionGone):
                    return await self._sent(address)
        finally:
            await self._source.close()
        raise RemoteError("unreachable", "Microsoft Graph ended the upload twice before it was complete.")

    async def _sent(self, address: str) -> dict[str, Any]:
        try:
            return await self._send(address)
        except _SessionGone:
            raise
        except BaseException as error:
            # Shielded, for a second cancellation must not stop the removal.
            await asyncio.shield(self._cancel(address))
            if self._in_doubt and isinstance(error, RemoteError) and error.kind in {"name_taken", "changed"}:
                raise self._gone() from error  # it may be our own file that is in the way
            raise

    async def _cancel(self, address: str) -> None:
        with suppress(RemoteError):
            await self._graph.signed("DELETE", address)

    async def _send(self, address: str) -> dict[str, Any]:
        at, failures = 0, 0
        while True:
            count = min(self._piece_bytes, self._content.size - at)
            is_last = at + count == self._content.size
            answer, error = await self._put(address, at, count)
            if answer.status in (200, 201):
                return answer.body
            if error is None:
                following = self._expected(answer, at + count)
                error = RemoteError("unreachable", "Microsoft Graph does not take a piece of the file.")
            else:
                self._in_doubt |= is_last and answer.status != 416
                await pause(error, failures)
                following = await self._following(address, at)
            failures = 0 if following > at else failures + 1
            if failures == ATTEMPTS:
                raise error
            at = following

    async def _put(self, address: str, at: int, count: int) -> tuple[Answer, RemoteError | None]:
        """Send a piece: the answer, with an error that can pass. Raises what is final."""
        piece = await self._source.take(at, count)
        if at + count == self._content.size and self._before_last is not None:
            await self._before_last()  # with the bytes in hand: while they come the item may change
        headers = {
            "Content-Range": f"bytes {at}-{at + count - 1}/{self._content.size}",
            "Content-Type": "application/octet-stream",
        }
        try:
            answer = await self._graph.signed("PUT", address, data=piece, headers=headers)
        except RemoteError as error:
            return Answer(0), error
        if answer.ok:
            return answer, None
        if answer.status in _GONE:
            raise self._gone()
        refused = refusal(answer)
        # 416: it has these bytes already, and says by its state what it lacks.
        if answer.status == 416 or refused.kind in {"throttled", "unreachable"}:
            return answer, refused
        raise refused

    async def _following(self, address: str, at: int) -> int:
        """Where the session wants to go on; where it was if nobody says."""
        try:
            answer = await self._graph.signed("GET", address)
        except RemoteError:
            return at
        if answer.status in _GONE:
            raise self._gone()
        return self._expected(answer, None) if answer.ok else at

    def _gone(self) -> Exception:
        """A session ends with its last piece too: whether that came nobody says, and the caller has to look."""
        if self._in_doubt:
            return RemoteError(
                "unreachable", "The connection broke at the end: whether the file has arrived is not known."
            )
        return _SessionGone()

    def _expected(self, answer: Answer, otherwise: int | None) -> int:
        """The first byte that the session lacks."""
        ranges = answer.body.get("nextExpectedRanges")
        first = str(ranges[0]).partition("-")[0] if isinstance(ranges, list) and ranges else ""
        at = int(first) if first.isdecimal() else otherwise
        if at is None or at >= self._content.size:
            raise RemoteError("unreachable", "Microsoft Graph does not say what it lacks of the file.")
        return at
