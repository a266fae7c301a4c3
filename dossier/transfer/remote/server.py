"""The Dossier at the other end of a line that may break: one request, or one until it is answered."""

import asyncio
import random
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from dossier.core.actor import NotAllowed
from dossier.core.errors import Invalid
from dossier.transfer.errors import FileChanged, ServerAway, ServerRefused, ServerUnfit
from dossier.transfer.remote.answers import Answer, Lost, judge
from dossier.transfer.remote.content import Body

SILENT_SECONDS: Final = 120.0
"""A request that moves no byte for so long, and has no answer then, is given up; the server takes 20 at most for an end."""
UNSENT_BYTES: Final = 1 << 17
"""What may wait in the system before it goes onto the line: a slow one would empty megabytes in silence."""
PATIENCE_SECONDS: Final = 600.0
SHORTEST, LONGEST = 0.5, 15.0
Headers = dict[str, str]


@dataclass(frozen=True, slots=True)
class Address:
    """Where a Dossier is, and as whom one comes: a token, or a client certificate with its key. ``workspace`` (a slug) is
    needed where these are good for several."""

    url: str
    token: str = ""
    workspace: str = ""
    certificate: Path | None = None
    key: Path | None = None
    patience: float = PATIENCE_SECONDS

    @property
    def base(self) -> str:
        """Without a slash at its end. Raises Invalid where it is no address."""
        with suppress(ValueError):
            parts = urlsplit(self.url)
            more = parts.query or parts.fragment or parts.username is not None
            if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not more:
                return self.url.rstrip("/")
        raise Invalid(f"{self.url!r} is no address like https://dossier.example.com.")

    @property
    def headers(self) -> dict[str, str]:
        """Of any request. Raises Invalid."""
        if not (self.token.isascii() and self.token.isprintable()):
            raise Invalid("The token has characters that no token has.")
        given = {"Authorization": f"Bearer {self.token}" if self.token else "", "X-Workspace": self.workspace}
        return {"Tus-Resumable": "1.0.0"} | {name: value for name, value in given.items() if value}

    def trust(self) -> ssl.SSLContext:
        """As OpenSSL is set up on this machine (SSL_CERT_FILE, SSL_CERT_DIR), with the certificate. Raises Invalid."""
        context = ssl.create_default_context()
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key)
            except OSError as error:  # ssl.SSLError is one
                raise Invalid(f"{self.certificate}: no certificate with its key could be read ({error}).") from error
        return context


class Patience:
    """Waits between tries, longer each time, until since the first failure nothing has gone on for too long."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.renew()

    def renew(self) -> None:
        """It went on."""
        self._tries, self._until = 0, 0.0

    async def wait(self, lost: Lost) -> None:
        """Wait for the next try. Raises the refusal where there is to be none."""
        now = asyncio.get_running_loop().time()
        self._tries += 1
        self._until = now + self._seconds if self._tries == 1 else self._until
        if now >= self._until or (lost.tries is not None and self._tries >= lost.tries):
            raise lost.refusal from lost
        pause = min(LONGEST, SHORTEST * 2.0 ** min(self._tries - 1, 10)) * random.uniform(0.7, 1.0)  # noqa: S311  # jitter
        self._until += lost.wait  # it was the server's wish
        await asyncio.sleep(max(pause, lost.wait))


class Server:
    """Requests to one Dossier. Each raises ServerRefused, and what the next one would meet too: ServerAway, ServerUnfit,
    Unauthenticated, StorageFull."""

    def __init__(self, address: Address, session: aiohttp.ClientSession) -> None:
        self._address, self._session, self._base = address, session, address.base

    def patience(self) -> Patience:
        """What a step of the work has."""
        return Patience(self._address.patience)

    async def ask(self, method: str, path: str, headers: Headers | None = None, told: Any = None) -> Answer:
        """A request that may be repeated, until it is answered."""
        patience = self.patience()
        while True:
            try:
                return await self.once(method, path, headers, told)
            except Lost as lost:
                await patience.wait(lost)

    async def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        """All items of a list, page by page."""
        found: list[dict[str, Any]] = []
        after: dict[str, str] = {}
        while True:
            page = (await self.ask("GET", f"{path}?{urlencode(query | {'limit': '200'} | after)}")).told
            found += page["items"]
            if not page["next"]:
                return found
            after = {"after": page["next"]}

    async def once(
        self, method: str, path: str, headers: Headers | None = None, told: Any = None, body: Body | None = None
    ) -> Answer:
        """One try of a request. Raises Lost besides; and OSError and FileChanged for what became of the body's file."""
        sent: dict[str, Any] = {"json": told, "headers": headers or {}}
        if body is not None:
            about = {"Content-Length": str(body.length), "Content-Type": "application/offset+octet-stream"}
            sent = {"data": body, "headers": sent["headers"] | about}
        try:
            answer = await self._once(method, path, body, sent)
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or error
            raise ServerUnfit(
                f"The certificate of {self._base} is not trusted: {why}. SSL_CERT_FILE names your own."
            ) from error
        except aiohttp.InvalidURL as error:
            raise ServerUnfit(f"{self._base} is no address.") from error
        except (aiohttp.ClientError, OSError, TimeoutError, FileChanged) as error:
            if body is not None and body.fault is not None:
                raise body.fault from None
            raise Lost(ServerAway(f"No answer from {self._base}: {_reason(error)}.")) from error
        judge(answer, self._base)
        return answer

    async def _once(self, method: str, path: str, body: Body | None, sent: Mapping[str, Any]) -> Answer:
        clock = asyncio.get_running_loop().time
        async with asyncio.timeout(SILENT_SECONDS) as limit:
            if body is not None:
                body.alive = lambda: limit.reschedule(clock() + SILENT_SECONDS)
            asked = self._session.request(method, f"{self._base}/api/v1{path}", allow_redirects=False, **sent)
            async with asked as answer:
                return Answer(answer.status, answer.headers, await answer.read())

    async def greet(self) -> None:
        """Ask who one is there. One try. Raises ServerAway, ServerUnfit, Unauthenticated, ServerRefused, NotAllowed."""
        try:
            me = (await self.once("GET", "/me")).told
        except Lost as lost:
            raise lost.refusal from lost
        except ServerRefused as refused:
            if refused.code == ServerRefused.code:
                raise ServerUnfit(f"At {self._base} is no Dossier: {refused.detail}") from refused
            raise
        if not {"user", "memberships", "workspace", "scopes"} <= me.keys():
            raise ServerUnfit(f"At {self._base} is no Dossier.")
        if me["workspace"] is None:
            raise Invalid("There are several workspaces: say which by --workspace.")
        if "write" not in me["scopes"]:
            raise NotAllowed("The token or certificate may only read.")


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing came for {SILENT_SECONDS:.0f} s"
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return (told or type(error).__name__).rstrip(".")


def _socket(info: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = info
    made = socket.socket(family, kind, protocol)
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
    return made


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Server]:
    """A server that answered, and takes the token. Raises Invalid, and as ``Server.greet``."""
    parts = urlsplit(address.base)
    # The environment's own netrc would get between: so its proxies are asked for here.
    proxy = None if proxy_bypass(parts.netloc) else getproxies().get(parts.scheme)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=20)
    connector = aiohttp.TCPConnector(ssl=address.trust(), socket_factory=_socket)
    async with aiohttp.ClientSession(
        connector=connector, headers=address.headers, timeout=timeout, proxy=proxy, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        server = Server(address, session)
        await server.greet()
        yield server
