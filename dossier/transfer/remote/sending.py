"""One file to a document, by tus 1.0: begun, or found again where it was cut off, and gone on with until that is there.

Found again is an upload of one's own for the same place and name, of the same size, that was promised the same SHA-256.
"""

import asyncio
import base64
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from dossier.core.errors import DossierError
from dossier.transfer.errors import FileChanged, ServerRefused
from dossier.transfer.progress import Quiet
from dossier.transfer.remote.answers import Answer, Lost
from dossier.transfer.remote.content import SMALL, Body, Content, opened
from dossier.transfer.remote.server import Server

UPLOADS: Final = "/uploads"
CHUNK: Final = 1 << 23
"""Bytes of one request. Of one that was cut off is kept what came, unless something in between hands on only whole ones."""
HASHED_A_SECOND: Final = 20e6
"""How slow a server may read what it has not seen whole, before it is no longer waited for."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a file is to become: a document of this name in a folder, or a version of a document."""

    name: str
    folder_id: UUID | None = None
    document_id: UUID | None = None

    @property
    def place(self) -> tuple[str, str]:
        """As the API names it, and its id."""
        if self.document_id is not None:
            return "document_id", str(self.document_id)
        return "folder_id", str(self.folder_id)

    def metadata(self, sha256: str) -> str:
        """Upload-Metadata."""
        pairs = {"filename": self.name, self.place[0]: self.place[1], "sha256": sha256}
        return ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())


@dataclass(slots=True)
class State:
    """How far an upload is, as the server says."""

    path: str
    offset: int = 0
    done: bool = False
    hashing: bool = False

    @classmethod
    def of(cls, path: str, answer: Answer) -> "State":
        """From the headers of an answer of tus."""
        there = answer.headers
        offset = int(answer.header("Upload-Offset"))
        return cls(path, offset, "Dossier-Document" in there, there.get("Dossier-State") == "hashing")


class Gone(Exception):
    """The upload is not there any more, and is begun anew. ``refusal`` says so to people."""

    def __init__(self, refusal: ServerRefused) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal


class Sender:
    """Sends files, as many side by side as one likes."""

    def __init__(self, server: Server, progress: Quiet) -> None:
        self._server, self._progress = server, progress
        self._open = defaultdict[tuple[str, str, int], list[dict[str, Any]]](list)

    async def look(self) -> None:
        """Learn which uploads of one's own are open."""
        for upload in await self._server.items(UPLOADS):
            if not upload["part"] and not upload["direct"] and not upload["path"] and upload["size"]:
                where = upload["document_id"] or upload["folder_id"]
                self._open[where, upload["name"], upload["size"]].append(upload)

    async def send(self, path: Path, goal: Goal) -> bool:
        """Send a file; False where its bytes are in its place already.

        Raises OSError and FileChanged for the file, and as ``Server``. What has arrived stays with the server, unless the
        file is another now.
        """
        async with opened(path) as content:
            for last in (False, True):
                try:
                    return await self._send(content, goal)
                except Gone as gone:
                    if last:
                        raise gone.refusal from gone
                except ServerRefused as refused:
                    if refused.code != "checksum_mismatch":
                        raise
                    await content.verify()
                    if last:
                        raise
        raise AssertionError("the last try ends by itself")

    async def _send(self, content: Content, goal: Goal) -> bool:
        one = _One(self._server, self._progress, content, goal)
        try:
            await one.run(self._open.pop((goal.place[1], goal.name, content.size), []))
        except FileChanged:
            await one.forget()
            raise
        except ServerRefused as refused:
            one.path = one.path or _address(refused.extra.get("upload_id"))
            if refused.code == "checksum_mismatch":
                await one.forget()
            elif await self._is_there(refused, content.sha256):
                await one.forget()
                return False
            raise
        return True

    async def _is_there(self, refused: ServerRefused, sha256: str) -> bool:
        """Whether what has taken the name meanwhile is the same: the last run's, answered too late."""
        existing = refused.extra.get("existing") or {}
        if refused.code != "name_taken" or existing.get("kind") != "document":
            return False
        document = (await self._server.ask("GET", f"/documents/{existing['id']}")).told
        return bool(document["version"]["sha256"] == sha256)


class _One:
    """One content's upload."""

    def __init__(self, server: Server, progress: Quiet, content: Content, goal: Goal) -> None:
        self._server, self._progress, self._content, self._goal = server, progress, content, goal
        self._patience = server.patience()
        self._counted = 0
        self.path = ""

    async def run(self, known: list[dict[str, Any]]) -> None:
        """Until the document is there. Raises Gone, and as ``Sender.send``."""
        try:
            state = await self._found(known) or await self._begun()
            self.path = state.path
            while not state.done:
                state = await self._hashed(state) if state.hashing else await self._more(state)
        except ServerRefused as refused:
            self._count(0)
            if refused.code in ("upload_not_found", "upload_expired"):
                raise Gone(refused) from refused
            raise
        except BaseException:
            self._count(0)
            raise
        self._count(self._content.size)

    async def forget(self) -> None:
        """Take away what has arrived; where that fails it expires."""
        if self.path:
            try:
                await self._server.once("DELETE", self.path)
            except (Lost, DossierError):
                return

    def _count(self, there: int) -> None:
        """So many bytes are there: show what that is more, or less, than before."""
        self._progress.moved(there - self._counted)
        self._counted = there

    def _moved(self, size: int) -> None:
        self._count(self._counted + size)

    async def _found(self, known: list[dict[str, Any]]) -> State | None:
        """An upload that was cut off."""
        promised = self._goal.metadata(self._content.sha256).rpartition(",")[2]
        for upload in known:
            path = _address(upload["id"])
            try:
                answer = await self._server.ask("HEAD", path)
            except ServerRefused:
                continue
            if promised not in answer.headers.get("Upload-Metadata", "").split(","):
                continue
            self.path = path
            if upload["state"] == "refused":
                return _state(path, (await self._server.ask("POST", f"{path}/finish", told={})).told)
            state = State.of(path, answer)
            self._count(state.offset)
            return state
        return None

    async def _begun(self) -> State:
        """A new upload; the bytes of a small file come along."""
        size, key = self._content.size, str(uuid4())
        about = {"Upload-Length": str(size), "Upload-Metadata": self._goal.metadata(self._content.sha256)}
        while True:
            body = Body(self._content, 0, size, self._moved) if 0 < size <= SMALL else None
            try:
                answer = await self._server.once("POST", UPLOADS, {"Idempotency-Key": key} | about, body=body)
                return State.of(_address(answer.header("Location").rpartition("/")[2]), answer)
            except Lost as lost:
                self._count(0)
                await self._patience.wait(lost)

    async def _more(self, state: State) -> State:
        """The next chunk, or as much of it as arrives."""
        body = Body(self._content, state.offset, min(CHUNK, self._content.size - state.offset), self._moved)
        try:
            answer = await self._server.once("PATCH", state.path, {"Upload-Offset": str(state.offset)}, body=body)
            found = State.of(state.path, answer)
        except Lost as lost:
            await self._patience.wait(lost)
            found = await self._asked(state.path)
        self._count(found.offset)
        if found.offset > state.offset:
            self._patience.renew()
        return found

    async def _asked(self, path: str) -> State:
        while True:
            try:
                return State.of(path, await self._server.once("HEAD", path))
            except Lost as lost:
                await self._patience.wait(lost)
            except ServerRefused as refused:
                if refused.status in (
                    404,
                    410,
                ):  # HEAD tells no code; where the folder is gone, the next beginning says so
                    raise Gone(refused) from refused
                raise

    async def _hashed(self, state: State) -> State:
        """Wait until the server has read what it has not seen whole."""
        clock = asyncio.get_running_loop().time
        until = clock() + 600 + self._content.size / HASHED_A_SECOND
        while state.hashing:
            if clock() > until:
                raise ServerRefused("All bytes are there, and the server is still reading them: ask again later.")
            await asyncio.sleep(1)
            state = _state(state.path, (await self._server.ask("GET", state.path)).told)
        return state


def _state(path: str, upload: dict[str, Any]) -> State:
    """From an upload as JSON. Raises ServerRefused where its end was refused."""
    if upload["state"] == "refused":
        raise ServerRefused(upload["problem"]["detail"], code=upload["problem"]["code"])
    return State(path, upload["offset"], upload["state"] == "done", upload["state"] == "hashing")


def _address(upload_id: Any) -> str:
    return f"{UPLOADS}/{upload_id}" if upload_id else ""
