"""Requests to Microsoft Graph: each with a token and an id of its own, in bounded time, with every error as the contract's.

The token goes to Graph's own address and nowhere else: what Graph hands out for bytes (upload sessions, downloads) is an
address signed by itself, and is asked without one.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final
from uuid import uuid4

import aiohttp
from yarl import URL

from dossier.connectors.contract import Kind, RemoteError
from dossier.connectors.graph.answers import Answer, refusal
from dossier.connectors.graph.auth import TOKEN_URL, Credentials, Tokens

GRAPH_URL: Final = "https://graph.microsoft.com/v1.0"
#: What has to be in the address of a request that makes something, so that nothing is replaced.
CREATE_ONLY: Final = "@microsoft.graph.conflictBehavior=fail"
_LONGEST_LIST: Final = 10_000  # pages
_REDIRECTS: Final = 5
_CHUNK_BYTES: Final = 1 << 18
_SLOWEST: Final = 32 << 10  # bytes a second, below which a connection that we send by counts as broken
ATTEMPTS: Final = 5  # at one step of something long, without any progress
WAIT_SECONDS = 1.0  # after the first failure; twice as long after each further one
_PATIENCE_SECONDS: Final = 30.0
_MOVED: Final = frozenset({301, 302, 303, 307, 308})
_RUN_OUT: Final = frozenset({401, 403, 404, 410})  # what a signed address answers when its hour is over
#: What a broken connection raises.
FAILURES: Final = (aiohttp.ClientError, TimeoutError, OSError)


class Graph:
    """Graph as one app or person sees it. ``session`` stays its maker's; several may share it.

    ``base_url`` and ``token_url`` (where ``{tenant}`` is put in) name a national cloud, or a test's server.
    ``seconds`` bounds a request (what it sends comes on top), and the silence within a download.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        credentials: Credentials,
        *,
        base_url: str = GRAPH_URL,
        token_url: str = TOKEN_URL,
        seconds: float = 60.0,
    ) -> None:
        self._session, self._base, self._seconds = session, base_url.rstrip("/"), seconds
        self._origin = URL(self._base).origin()
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._stream_timeout = aiohttp.ClientTimeout(total=None, sock_connect=seconds, sock_read=seconds)
        scope = f"{self._origin}/.default"
        self.tokens = Tokens(session, credentials, url=token_url, scope=scope, seconds=seconds)

    async def call(
        self,
        method: str,
        where: str,
        *,
        body: dict[str, Any] | None = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        gone: Kind = "missing",
    ) -> Answer:
        """A request below the base address, or to an address that Graph gave; an answer of 2xx.

        Raises RemoteError; for 410 one of the kind ``gone``.
        """
        if body is not None:
            data, headers = json.dumps(body).encode(), {**(headers or {}), "Content-Type": "application/json"}
        again = True
        while True:
            token = await self.tokens.get()
            sent = {**(headers or {}), "Authorization": f"Bearer {token}"}
            answer = await self._once(method, self._own(where), data=data, headers=sent)
            if answer.ok:
                return answer
            if answer.status != 401 or not again:
                raise refusal(answer, gone=gone)
            self.tokens.drop(token)
            again = False

    async def signed(
        self, method: str, address: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """A request to an address that is signed by itself, without a token; any answer. Raises ``unreachable``."""
        return await self._once(method, self._foreign(address), data=data, headers=headers or {}, streamed=True)

    async def listed(self, where: str) -> AsyncIterator[dict[str, Any]]:
        """The entries of a list of several pages. Raises ``unreachable`` for one that does not end."""
        seen = set[str]()
        while where:
            if where in seen or len(seen) == _LONGEST_LIST:
                raise RemoteError("unreachable", "Microsoft Graph gave a list that does not end.")
            seen.add(where)
            page = (await self.call("GET", where)).body
            for entry in page.get("value", ()):
                yield entry
            where = str(page.get("@odata.nextLink", ""))

    @asynccontextmanager
    async def content(self, where: str) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer that carries a file's bytes, which are still to be read. Raises RemoteError.

        Graph answers with the signed address of another host; no token goes there.
        """
        async with AsyncExitStack() as stack:
            yield await self._opened(where, stack)

    async def _opened(self, where: str, stack: AsyncExitStack) -> aiohttp.ClientResponse:
        url, token, dropped = self._own(where), await self.tokens.get(), False
        for _ in range(_REDIRECTS):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            try:
                request = self._request("GET", url, headers=headers, streamed=True)
                response, request_id = await stack.enter_async_context(request)
                if response.status == 200:
                    return response
                answer = await _read(response, request_id)
            except FAILURES as error:
                raise torn(error) from error
            if answer.status in _MOVED and "Location" in answer.headers:
                url, token = self._foreign(answer.headers["Location"], url), ""
            elif answer.status == 401 and token and not dropped:
                self.tokens.drop(token)
                token, dropped = await self.tokens.get(), True
            elif not token and answer.status in _RUN_OUT:
                raise RemoteError("unreachable", f"The address of the file's bytes answered {answer.status}.")
            else:
                raise refusal(answer)
        raise RemoteError("unreachable", "Microsoft Graph sends from one address to the next without an end.")

    async def _once(
        self, method: str, url: URL, *, data: bytes | None, headers: Mapping[str, str], streamed: bool = False
    ) -> Answer:
        try:
            async with self._request(method, url, data=data, headers=headers, streamed=streamed) as (response, name):
                return await _read(response, name)
        except FAILURES as error:
            raise torn(error) from error

    @asynccontextmanager
    async def _request(
        self, method: str, url: URL, *, headers: Mapping[str, str], data: bytes | None = None, streamed: bool = False
    ) -> AsyncIterator[tuple[aiohttp.ClientResponse, str]]:
        request_id = str(uuid4())
        fixed = {"client-request-id": request_id, "Accept-Encoding": "identity"}
        timeout = self._stream_timeout if streamed else self._timeout
        if data is not None:
            fixed["Content-Length"] = str(len(data))
            timeout = aiohttp.ClientTimeout(total=self._seconds + len(data) / _SLOWEST)
        async with self._session.request(
            method,
            url,
            data=None if data is None else _once_only(data),
            headers={**headers, **fixed},
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            yield response, request_id

    def is_own(self, where: str) -> bool:
        """Whether an address is one of this Graph, which may see the token."""
        return where.startswith(("/", f"{self._origin}/"))

    def _own(self, where: str) -> URL:
        if not self.is_own(where):
            raise RemoteError("unreachable", "Microsoft Graph named an address that is not its own.")
        return URL(self._base + where if where.startswith("/") else where, encoded=True)

    def _foreign(self, address: str, base: URL | None = None) -> URL:
        """An address that Graph names for bytes."""
        try:
            url = (base or URL()).join(URL(address, encoded=True))
            fits = url.scheme in {"https", self._origin.scheme} and url.explicit_port != 0 and bool(url.raw_host)
        except ValueError:
            url, fits = URL(), False
        if not fits:
            raise RemoteError("unreachable", "Microsoft Graph named an address that cannot be asked.")
        return url


async def pause(error: RemoteError, failures: int) -> None:
    """Wait after an error that can pass, within something long; the error itself where that would take too long."""
    wait = WAIT_SECONDS * 2**failures if error.retry_after is None else error.retry_after
    if wait > _PATIENCE_SECONDS or failures + 1 >= ATTEMPTS:
        raise error
    await asyncio.sleep(wait)


async def _once_only(data: bytes) -> AsyncIterator[bytes]:
    """A body that aiohttp cannot send twice: it repeats a PUT whose connection broke, and that finds its own file there."""
    for at in range(0, len(data), _CHUNK_BYTES):
        yield data[at : at + _CHUNK_BYTES]


async def _read(response: aiohttp.ClientResponse, request_id: str) -> Answer:
    raw = await response.read()
    try:
        body = json.loads(raw) if raw else {}
    except ValueError:
        body = None
    if response.ok and not isinstance(body, dict):
        raise RemoteError("unreachable", f"Microsoft Graph gave an answer that is no JSON (request {request_id}).")
    return Answer(response.status, response.headers, body if isinstance(body, dict) else {}, request_id)


def torn(error: Exception) -> RemoteError:
    """A connection that broke or was silent for too long."""
    # The text of these errors holds addresses, which may be signed; their class says enough.
    return RemoteError("unreachable", f"Microsoft Graph gave no whole answer ({type(error).__name__}).")
