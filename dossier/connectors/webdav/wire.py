"""Requests to one WebDAV server: in bounded silence, to no other host, with every refusal as the contract's."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

import aiohttp
from yarl import URL

from dossier.connectors.contract import Kind, RemoteError
from dossier.connectors.headers import retry_after
from dossier.connectors.sending import Exact
from dossier.connectors.webdav.places import Base

_PIECE: Final = 1 << 16  # silence is measured from one of these to the next
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
#: RFC 4918, sections 9.3.1, 9.6, 9.7.1 and 9.9.4. What a 412 says depends on what was asked.
_BY_METHOD: Final[dict[tuple[str, int], Kind]] = {
    ("PUT", 409): "missing",
    ("MKCOL", 409): "missing",
    ("MOVE", 409): "missing",
    ("MKCOL", 405): "name_taken",
    ("PUT", 405): "name_taken",  # a collection is there
    ("PROPFIND", 405): "unsupported",
    ("PROPFIND", 501): "unsupported",
    ("REPORT", 405): "unsupported",
    ("REPORT", 501): "unsupported",
    ("LOCK", 405): "unsupported",
    ("LOCK", 409): "missing",
    ("LOCK", 501): "unsupported",
    ("OPTIONS", 405): "unsupported",
    ("OPTIONS", 501): "unsupported",
}
_BY_STATUS: Final[dict[int, Kind]] = {
    401: "sign_in",
    404: "missing",
    409: "changed",
    410: "missing",
    423: "locked",
    424: "locked",
    429: "throttled",
    507: "full",
}


def authorization(user: str, password: str, token: str) -> dict[str, str]:
    """The header of basic (RFC 7617, in UTF-8) or bearer (RFC 6750) credentials; none where there are none."""
    if token:
        return {"Authorization": f"Bearer {token}"}
    return {"Authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"} if user else {}


def refusal(method: str, status: int, headers: Mapping[str, str], on_412: Kind = "changed") -> RemoteError:
    """What a status means."""
    after = retry_after(headers)
    kind = _BY_METHOD.get((method, status)) or _BY_STATUS.get(status)
    if status == 412:
        kind = on_412
    elif status == 503 and after is not None:
        kind = "throttled"
    elif kind is None:
        kind = "refused" if 400 <= status < 500 else "unreachable"
    return RemoteError(kind, f"The server answers {status} to {method}.", retry_after=after)


def unreachable(error: BaseException) -> RemoteError:
    """No answer, or half of one. The text of such errors may hold addresses; their class says enough."""
    return RemoteError("unreachable", f"The server gives no whole answer ({type(error).__name__}).")


class _Body:
    """Bytes to be sent, in pieces; each one that the connection takes puts the end of patience off."""

    def __init__(self, content: Exact, limit: asyncio.Timeout, silence: float) -> None:
        self._content, self._limit, self._silence = content, limit, silence

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._read()

    async def _read(self) -> AsyncIterator[bytes]:
        async for chunk in self._content:
            for start in range(0, len(chunk), _PIECE):
                self._put_off()
                yield chunk[start : start + _PIECE]
        self._put_off()

    def _put_off(self) -> None:
        with suppress(RuntimeError):  # the answer came before the end, or patience has ended
            self._limit.reschedule(asyncio.get_running_loop().time() + self._silence)


class Wire:
    """The session of the caller, who answers for TLS, client certificates and which addresses may be called."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        base: Base,
        credentials: dict[str, str],
        *,
        connect_seconds: float,
        silence_seconds: float,
        answer_bytes: int,
    ) -> None:
        self.base = base
        #: Whether the server is a Nextcloud or an ownCloud. It is asked as one until that is known.
        self.owncloud = True
        self._session, self._credentials = session, credentials
        self._silence, self._most = silence_seconds, answer_bytes
        # Silence is measured here: the library's own timeout does not see an upload that nobody takes.
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)

    @asynccontextmanager
    async def asked(
        self,
        method: str,
        path: Sequence[str],
        *,
        slash: bool = False,
        headers: dict[str, str] | None = None,
        body: bytes | Exact | None = None,
        on_412: Kind = "changed",
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """A good answer, its body not read yet. Raises what a refusal means."""
        url = self.base.url(path, slash=slash)
        response = await self._send(method, url, headers or {}, body)
        if not slash and not isinstance(body, Exact) and self._wants_slash(response, path):
            response.release()
            response = await self._send(method, self.base.url(path, slash=True), headers or {}, body)
        async with response:
            if response.status in _REDIRECTS:
                raise RemoteError("refused", "The server sends us to another address: put that one into the link.")
            if not 200 <= response.status < 300:
                raise refusal(method, response.status, response.headers, on_412)
            yield response

    async def _send(
        self, method: str, url: URL, headers: dict[str, str], body: bytes | Exact | None
    ) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(self._silence) as limit:
                return await self._session.request(
                    method,
                    url,
                    # What is stored is wanted as it is (RFC 9110, section 12.5.3).
                    headers={"Accept-Encoding": "identity", **self._credentials, **headers},
                    data=_Body(body, limit, self._silence) if isinstance(body, Exact) else body,
                    timeout=self._timeout,
                    allow_redirects=False,
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if isinstance(body, Exact) and body.failed is not None:
                raise body.failed from error
            raise unreachable(error) from error

    def _wants_slash(self, response: aiohttp.ClientResponse, path: Sequence[str]) -> bool:
        """Whether it shows the way to a collection whose slash is missing, as Apache does. Nothing else is followed."""
        if response.status not in _REDIRECTS:
            return False
        with suppress(ValueError):
            target = response.url.join(URL(response.headers.get("Location", ""), encoded=True))
            is_ours = target.origin() == response.url.origin() and self.base.path_of(str(target)) == list(path)
            return is_ours and target.raw_path.endswith("/")
        return False

    async def pieces(self, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
        """An answer's bytes. Raises ``unreachable`` where they end early, are too slow, or are not plain."""
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise RemoteError("unreachable", "The server has packed its answer, against our wish.")
        try:
            while True:
                async with asyncio.timeout(self._silence):
                    piece = await response.content.readany()
                if not piece:
                    return
                yield piece
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise unreachable(error) from error

    async def whole(self, response: aiohttp.ClientResponse) -> bytes:
        """A small answer. Raises ``unreachable`` where it is larger than may be."""
        read = bytearray()
        async for piece in self.pieces(response):
            read += piece
            if len(read) > self._most:
                raise RemoteError("unreachable", f"The server's answer is larger than {self._most} bytes.")
        return bytes(read)
