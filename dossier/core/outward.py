"""Outward: every request to an address that a customer typed (webhooks, other systems) goes out through here.

Against server-side request forgery: what counts is the address that a connection is made to, after the names were resolved.
The resolver refuses names that lead to an address of our own network, and the socket is made only for an address that was
judged, so that neither a literal in whatever notation nor a name that changes in between leads inside. No proxy of the
environment is asked, no cookie is kept, nothing is decompressed, and TLS is verified.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from dossier.core.errors import Invalid
from dossier.core.settings import Settings

if TYPE_CHECKING:
    import ssl

    import aiohttp
    from aiohttp.abc import AbstractResolver

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Lookup = Callable[[str, int], Awaitable[Sequence[str]]]
"""A name and a port → the addresses of the name. Raises OSError where it has none."""

LONGEST_URL: Final = 2048
CONNECT_SECONDS, WHOLE_SECONDS = 5.0, 15.0
# IANA's special-purpose registry (RFC 6890 and later), multicast and reserved space, and what a cloud answers on by itself.
FORBIDDEN_4 = [
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32"),
    )
]
# Only global unicast is reachable at all; these parts of it lead elsewhere (Teredo, 6to4) or nowhere.
GLOBAL_6 = IPv6Network("2000::/3")
FORBIDDEN_6 = [IPv6Network(text) for text in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
LONGEST_HOST: Final = 253
NOT_ALLOWED: Final = "this address is not allowed"
# Names as they stand in addresses of the web, underscores among them (RFC 1035 §2.3.1 and §2.3.4).
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_OLD_FORM = re.compile(r"[0-9a-fx.]+", re.ASCII)


class AddressNotAllowed(Invalid):
    """The address is no https:// address on the public network. ``fields`` says what is wrong with it."""

    code = "address_not_allowed"
    title = "Dossier sends nothing to this address"


class Refused(OSError):
    """A connection that is not made, because of where it leads; aiohttp puts it into an error of its own."""


def was_refused(error: Exception) -> bool:
    """Whether a request failed because of where it leads."""
    import aiohttp

    return isinstance(error, aiohttp.InvalidURL) or NOT_ALLOWED in str(getattr(error, "os_error", error))


class Outward:
    """The way out. ``allow`` holds networks that are let through all the same; ``http`` allows http:// addresses."""

    def __init__(self, allow: Sequence[Network] = (), *, http: bool = False, lookup: Lookup | None = None) -> None:
        self.allow, self.http = tuple(allow), http
        self.lookup = lookup or _look_up

    @classmethod
    def from_settings(cls, settings: Settings) -> "Outward":
        """As the settings say."""
        return cls(networks(settings.outward_allow), http=settings.outward_http)

    def check(self, url: str) -> None:
        """Judge an address by what is written, without asking anybody. Raises AddressNotAllowed."""
        host = self._host(url)
        if (literal := _literal(host)) and not self.lets(literal):
            raise _no("It leads to an address that is not public.")

    async def verify(self, url: str) -> None:
        """Judge an address also by where its name leads now; a name that is not known yet passes. Raises AddressNotAllowed.

        A clear answer for whoever types it, and no promise: each connection is judged anew.
        """
        self.check(url)
        host = self._host(url)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                found = await self.lookup(host, 0)
        except (OSError, TimeoutError):
            return
        if not all(self.lets(address) for address in map(ipaddress.ip_address, map(_unscoped, found))):
            raise _no("It leads to an address that is not public.")

    def _host(self, url: str) -> str:
        """The host of a well-formed address, as it goes to the resolver."""
        from yarl import URL

        if len(url) > LONGEST_URL:
            raise _no(f"An address has at most {LONGEST_URL} characters.")
        if any(char <= " " or char in "\\\x7f" for char in url):
            raise _no("An address has no spaces, backslashes or control characters.")
        try:
            parsed = URL(url)
            host, _port, authority = parsed.raw_host, parsed.port, urlsplit(url).netloc
        except ValueError as error:
            raise _no("This is no address.") from error
        if parsed.scheme not in self._schemes or not host:
            raise _no("An address begins with https:// and names a host.")
        if parsed.raw_user is not None or parsed.raw_password is not None or "@" in authority:
            raise _no("An address holds no user and no password.")
        if "#" in url:
            raise _no("An address has no fragment.")
        if len(str(parsed)) > LONGEST_URL or parsed.port == 0:
            raise _no(f"An address has at most {LONGEST_URL} characters when encoded, and a port above 0.")
        if ":" not in host and not (len(host) <= LONGEST_HOST and all(map(_LABEL.fullmatch, _labels(host)))):
            raise _no("This is no name of a host.")
        return host

    @property
    def _schemes(self) -> tuple[str, ...]:
        return ("https", "http") if self.http else ("https",)

    def lets(self, address: Address) -> bool:
        """Whether a connection to this address may be made."""
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped  # the kernel connects to that
        if any(address in network for network in self.allow):
            return True
        if isinstance(address, IPv4Address):
            return not any(address in network for network in FORBIDDEN_4)
        return address in GLOBAL_6 and not any(address in network for network in FORBIDDEN_6)

    def session(
        self,
        *,
        tls: "ssl.SSLContext | None" = None,
        connect: float = CONNECT_SECONDS,
        whole: float | None = WHOLE_SECONDS,
    ) -> "aiohttp.ClientSession":
        """A session to use with ``async with``; ``connect`` and ``whole`` are seconds (None: no end). Follow no redirects.

        Requests raise aiohttp.ClientError (see ``was_refused``), TimeoutError, or ValueError for an address that is none.
        """
        import aiohttp

        connector = aiohttp.TCPConnector(
            resolver=self._resolver(),
            socket_factory=self._socket,
            ssl=tls or True,
            use_dns_cache=False,
            force_close=True,
            limit=0,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=whole, connect=connect, sock_connect=connect),
            trust_env=False,
            auto_decompress=False,
            middlewares=[self._by_scheme],
        )

    async def _by_scheme(
        self, request: "aiohttp.ClientRequest", handler: "aiohttp.ClientHandlerType"
    ) -> "aiohttp.ClientResponse":
        """An address may be older than the setting that allowed its scheme."""
        if request.url.scheme not in self._schemes:
            raise Refused(NOT_ALLOWED)
        return await handler(request)

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The socket of a connection: the last moment before it is made, and the only one that sees literals."""
        family, kind, protocol, _name, place = info
        if not self.lets(ipaddress.ip_address(_unscoped(str(place[0])))):
            raise Refused(NOT_ALLOWED)
        return socket.socket(family, kind, protocol)

    def _resolver(self) -> "AbstractResolver":
        from aiohttp.abc import AbstractResolver, ResolveResult

        outward = self

        class Judging(AbstractResolver):
            async def resolve(
                self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
            ) -> list[ResolveResult]:
                found = [(text, ipaddress.ip_address(_unscoped(text))) for text in await outward.lookup(host, port)]
                if not found or not all(outward.lets(address) for _, address in found):
                    raise Refused(NOT_ALLOWED)
                return [
                    ResolveResult(
                        hostname=host,
                        host=text,
                        port=port,
                        family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                        proto=socket.IPPROTO_TCP,
                        flags=socket.AI_NUMERICHOST,
                    )
                    for text, address in found
                ]

            async def close(self) -> None:
                """Nothing is held."""

        return Judging()


async def first_bytes(response: "aiohttp.ClientResponse", most: int, seconds: float) -> bytes:
    """What comes of an answer's body within ``seconds``, ``most`` bytes of it at most; a body may be torn or never end."""
    import aiohttp

    body = bytearray()
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(seconds):
            while len(body) < most and (chunk := await response.content.read(most - len(body))):
                body += chunk
    return bytes(body)


def networks(text: str) -> list[Network]:
    """Networks as CIDR with commas between. Raises ValueError."""
    return [ipaddress.ip_network(each.strip()) for each in text.split(",") if each.strip()]


async def _look_up(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def _literal(host: str) -> Address | None:
    """The address that a host is written as, also in the old forms of IPv4 that resolvers still take (127.1, 0x7f000001)."""
    try:
        return ipaddress.ip_address(_unscoped(host))
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host.rstrip("."))) if _OLD_FORM.fullmatch(host) else None
    except OSError:
        return None


def _labels(host: str) -> list[str]:
    return host.removesuffix(".").split(".")


def _unscoped(text: str) -> str:
    return text.partition("%")[0]


def _no(why: str) -> AddressNotAllowed:
    return AddressNotAllowed(why, fields={"url": why})
