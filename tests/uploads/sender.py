"""A client of tus for tests: what it sends, and what it is told."""

import asyncio
import base64
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import FastAPI

from dossier.storage.parts import Running
from tests.conftest import World

API = "/api/v1"
UPLOADS = f"{API}/uploads"
TUS = {"Tus-Resumable": "1.0.0"}
BYTES = TUS | {"Content-Type": "application/offset+octet-stream"}


def metadata(**values: Any) -> str:
    """``Upload-Metadata`` with these values; None leaves one out."""
    given = {key: str(value) for key, value in values.items() if value is not None}
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in given.items())


@dataclass(frozen=True)
class Sender:
    """Somebody who uploads."""

    client: httpx.AsyncClient

    async def ask_for(self, size: int, name: str | None = "a.txt", body: Any = None, **more: Any) -> httpx.Response:
        """Begin an upload; the answer."""
        headers = {**(TUS if body is None else BYTES), "Upload-Length": str(size)}
        headers["Upload-Metadata"] = metadata(filename=name, **more)
        return await self.client.post(UPLOADS, headers=headers, content=body)

    async def begin(self, size: int, name: str | None = "a.txt", **more: Any) -> str:
        """Begin an upload that must be taken; its address."""
        answer = await self.ask_for(size, name, **more)
        assert answer.status_code == 201, answer.text
        return answer.headers["location"]

    async def send(self, address: str, offset: int, body: Any, **headers: str) -> httpx.Response:
        """Send bytes; the answer."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.patch(address, headers=BYTES | {"Upload-Offset": str(offset)} | told, content=body)

    async def whole(self, body: bytes, name: str | None = "a.txt", **more: Any) -> httpx.Response:
        """Begin an upload and send all of it; the answer to the bytes."""
        return await self.send(await self.begin(len(body), name, **more), 0, body)

    async def offset(self, address: str) -> int:
        """Where to go on."""
        answer = await self.client.head(address, headers=TUS)
        assert answer.status_code == 200, answer.status_code
        return int(answer.headers["upload-offset"])

    async def look(self, address: str) -> Any:
        """The upload."""
        answer = await self.client.get(address)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def finish(self, address: str, **answer: Any) -> httpx.Response:
        """Another answer for a refused end."""
        return await self.client.post(f"{address}/finish", json=answer)

    async def content(self, answer: httpx.Response) -> bytes:
        """The content of the version that an answer tells of."""
        document, version = answer.headers["dossier-document"], answer.headers["dossier-version"]
        got = await self.client.get(f"{API}/documents/{document}/versions/{version}/content")
        assert got.status_code == 200, got.text
        return got.content


def problem(answer: httpx.Response, status: int, code: str) -> Any:
    """A refusal of this kind; its wire."""
    assert (answer.status_code, answer.headers.get("content-type")) == (status, "application/problem+json"), answer.text
    wire = answer.json()
    assert wire["code"] == code, wire
    assert answer.headers["tus-resumable"] == "1.0.0"
    return wire


BODY = b"what a process before has seen"


def forget(world: World) -> None:
    """As after a restart: how far hashes are is known no more."""
    world.parts.store._running = Running()  # type: ignore[attr-defined]  # of both stores


async def left(sender: Sender, world: World, name: str = "a.txt", **more: str) -> str:
    """An upload whose bytes are all here and whose digest nobody knows; its address."""
    address = await sender.begin(len(BODY), name, **more)
    await sender.send(address, 0, BODY[:-1])
    forget(world)
    answer = await sender.send(address, len(BODY) - 1, BODY[-1:])
    assert (answer.status_code, answer.headers["dossier-state"]) == (204, "hashing")
    assert answer.headers["upload-offset"] == str(len(BODY) - 1), "the last byte counts with the document"
    return address


class Wire:
    """A PATCH by hand, straight into the app: bytes come when the test says so, and the connection breaks when it does."""

    def __init__(
        self, app: FastAPI, token: str, address: str, offset: int, length: int | None = None, **more: str
    ) -> None:
        sent = {**BYTES, "Upload-Offset": str(offset), "Authorization": f"Bearer {token}", "Host": "127.0.0.1:8000"}
        sent |= {name.replace("_", "-"): value for name, value in more.items()}
        if length is not None:
            sent["Content-Length"] = str(length)
        self._scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "PATCH",
            "scheme": "http",
            "path": address,
            "raw_path": address.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "state": {},
        }
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._taken = asyncio.Event()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.task = asyncio.create_task(self._run(app))

    async def _run(self, app: FastAPI) -> None:
        await app(self._scope, self._receive, self._send)

    async def _receive(self) -> dict[str, Any]:
        if self._inbox.empty():
            self._taken.set()
        return await self._inbox.get()

    async def _send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")

    async def send(self, body: bytes) -> "Wire":
        """Some bytes; returns when they are taken and more is waited for, or the request has ended."""
        self._taken.clear()
        self._inbox.put_nowait({"type": "http.request", "body": body, "more_body": True})
        waiting = asyncio.create_task(self._taken.wait())
        await asyncio.wait([waiting, self.task], return_when=asyncio.FIRST_COMPLETED, timeout=20)
        waiting.cancel()
        return self

    async def end(self) -> "Wire":
        """No more bytes; wait for the answer."""
        self._inbox.put_nowait({"type": "http.request", "body": b"", "more_body": False})
        await asyncio.wait_for(self.task, 20)
        return self

    async def tear(self) -> "Wire":
        """The connection is gone."""
        self._inbox.put_nowait({"type": "http.disconnect"})
        await asyncio.wait_for(self.task, 20)
        return self
