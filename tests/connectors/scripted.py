"""A WebDAV server that does what a test says, byte for byte."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """What came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Scripted:
    """``script`` answers by method, or by method and target ("GET /dav/a"). ``seen`` is what came, in order."""

    address: str = ""
    script: dict[str, bytes | Answer] = field(default_factory=dict)
    seen: list[Request] = field(default_factory=list)
    #: Targets whose bodies nobody reads.
    unread: set[str] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            answer = self.script.get(f"{method} {target}") or self.script[method]
            wanted = 0 if target in self.unread else int(headers.get("content-length", 0))
            request = Request(method, target, headers, await reader.readexactly(wanted))
            self.seen.append(request)
            if callable(answer):
                await answer(request, writer)
            else:
                writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def asked(self, method: str) -> list[Request]:
        """The requests of a method."""
        return [request for request in self.seen if request.method == method]


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """A server on a free port, gone with the block."""
    made = Scripted()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/dav/"
    made.script["PROPFIND /dav/"] = multistatus([folder("/dav/")])
    made.script["OPTIONS"] = answer(200)
    try:
        yield made
    finally:
        server.close()


def answer(status: int, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    """An answer that says its body has ``length`` bytes."""
    said = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status} x", f"Content-Length: {said}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def multistatus(responses: Iterable[str], *headers: str, more: str = "") -> bytes:
    """207 with these responses."""
    body = '<?xml version="1.0" encoding="utf-8"?><d:multistatus xmlns:d="DAV:" xmlns:oc="http://owncloud.org/ns">'
    return answer(207, f"{body}{''.join(responses)}{more}</d:multistatus>".encode(), *headers)


def folder(href: str, more: str = "") -> str:
    """A response for a collection."""
    return _response(href, f"<d:resourcetype><d:collection/></d:resourcetype>{more}")


def file(
    href: str, *, etag: str = '"1"', size: int | None = 3, date: str = "Sat, 28 Nov 2026 10:00:00 GMT", more: str = ""
) -> str:
    """A response for a file."""
    length = "" if size is None else f"<d:getcontentlength>{size}</d:getcontentlength>"
    tag = f"<d:getetag>{etag}</d:getetag>" if etag else ""
    return _response(href, f"<d:resourcetype/>{tag}{length}<d:getlastmodified>{date}</d:getlastmodified>{more}")


def _response(href: str, props: str) -> str:
    found = f"<d:prop>{props}</d:prop><d:status>HTTP/1.1 200 OK</d:status>"
    return f"<d:response><d:href>{href}</d:href><d:propstat>{found}</d:propstat></d:response>"
