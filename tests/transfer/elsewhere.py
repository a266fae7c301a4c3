"""A running Dossier elsewhere, as somebody sees it who has its address and a token; and the line to it."""

import hashlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from dossier.transfer import Quiet, TreeReport
from dossier.transfer.remote import Address, OnConflict, send_tree
from tests.proxy import Proxy
from tools.stack import DOSSIER, Program

BARE = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}


class Counted(Quiet):
    """What a bar would show at the end: of files and bytes how many were expected, and how many came."""

    def __init__(self) -> None:
        self.things, self.bytes = [0, 0], [0, 0]

    def expect(self, things: int, size: int) -> None:
        self.things[0] += things
        self.bytes[0] += size

    def moved(self, size: int) -> None:
        self.bytes[1] += size

    def done(self, things: int = 1) -> None:
        self.things[1] += things

    @property
    def shows(self) -> bool:
        return True


class Elsewhere:
    """The program, and short words for what is in it."""

    def __init__(self, folder: Path) -> None:
        self.program = Program(folder, BARE, "serve")
        self.token = self.member("owner@example.com", "owner")

    def dossier(self, *args: str) -> str:
        """What a command beside the database prints."""
        env = BARE | {"DOSSIER_DATA_DIR": str(self.program.folder)}
        return subprocess.run([DOSSIER, *args], env=env, check=True, capture_output=True, text=True).stdout.strip()

    def member(self, email: str, role: str, scopes: str = "read,write,admin") -> str:
        """A token of somebody with this role."""
        self.dossier("user", "add", email, "--workspace", "acme", "--role", role)
        return self.dossier("token", "add", email, "--workspace", "acme", "--scopes", scopes)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.program.port}"

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """A request of the owner's that must be answered; its JSON."""
        with httpx.Client(base_url=f"{self.url}/api/v1", headers={"Authorization": f"Bearer {self.token}"}) as client:
            answer = client.request(method, path, timeout=60, **more)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def items(self, path: str, **query: str) -> list[Any]:
        """All items of a list."""
        found, after = list[Any](), dict[str, str]()
        while True:
            page = self.ask("GET", path, params=query | {"limit": "200"} | after)
            found += page["items"]
            if not page["next"]:
                return found
            after = {"after": page["next"]}

    def tree(self, folder: str) -> dict[str, tuple[str, int]]:
        """What lies below a folder of the root: paths to the digests and numbers of heads; folders end in ``/``."""
        (top,) = [each for each in self.items("/folders") if each["name"] == folder and each["parent_id"]]
        return self._below(top["id"], "")

    def _below(self, folder_id: str, before: str) -> dict[str, tuple[str, int]]:
        found = {
            before + each["name"]: (each["version"]["sha256"], each["version"]["number"])
            for each in self.items("/documents", folder_id=folder_id)
        }
        for each in self.items("/folders", parent_id=folder_id):
            found |= {f"{before}{each['name']}/": ("", 0)} | self._below(each["id"], f"{before}{each['name']}/")
        return found

    async def send(
        self, path: Path, folder: str, on_conflict: OnConflict = "error", url: str = "", patience: float = 60
    ) -> TreeReport:
        """Send a tree in this process; what shows how far it is has then seen each byte and file once."""
        address, counted = Address(url or self.url, self.token, patience=patience), Counted()
        report = await send_tree(address, path, [folder], on_conflict, counted)
        if "bad_name" not in [each["code"] for each in report.failed]:  # these the walk leaves out before it begins
            assert (counted.bytes, counted.things) == ([report.bytes] * 2, [report.files] * 2)
        return report

    def start(self, path: Path, folder: str, url: str = "", *words: str) -> "subprocess.Popen[str]":
        """Start `dossier import --to` as a program of its own, without any settings."""
        command = [sys.executable, "-m", "dossier", "import", str(path), "--to", url or self.url, "--folder", folder]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        # A job in the background starts with SIGINT ignored, and tests may be one.
        heeding: dict[str, Any] = {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
        env = BARE | {"DOSSIER_TOKEN": self.token}
        return subprocess.Popen([*command, *words], env=env, cwd="/", **pipes, **heeding)


def digests(files: dict[str, bytes]) -> dict[str, tuple[str, int]]:
    """What ``tree`` says where each of these is a first version."""
    found: dict[str, tuple[str, int]] = {}
    for name, content in files.items():
        parts = name.rstrip("/").split("/")
        found |= {"/".join(parts[:n]) + "/": ("", 0) for n in range(1, len(parts) + name.endswith("/"))}
        if not name.endswith("/"):
            found[name] = (hashlib.sha256(content).hexdigest(), 1)
    return found


def noise(size: int, seed: bytes = b"noise") -> bytes:
    """Bytes that are not alike, quickly."""
    block = hashlib.shake_256(seed).digest(1 << 20)
    return b"".join(block[n % 1000 :] + block[: n % 1000] for n in range((size >> 20) + 1))[:size]


class Line(Proxy):
    """Counts what is sent, and does something once when so much has passed."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.passed, self._at = 0, -1
        self._do: Callable[[], Any] = lambda: None
        self.spoil = self._count
        self.heads: list[str] = []

    def when(self, passed: int, do: Callable[[], Any]) -> None:
        """Do something when so many bytes more have passed."""
        self._at, self._do = self.passed + passed, do

    def _count(self, data: bytes) -> bytes:
        self.passed += len(data)
        self.heads += [found.decode() for found in re.findall(rb"^([A-Z]{3,6} /\S+) HTTP/1.1", data, re.M)]
        if 0 <= self._at <= self.passed:
            self._at = -1
            self._do()
        return data

    def cut(self) -> None:
        """Break all connections that bytes go through, and take new ones."""
        for task in list(self._tasks):
            task.cancel()

    def hang_up(self) -> None:
        """Break all, and take no new ones."""
        assert self._server
        self._server.close()
        self.cut()


@asynccontextmanager
async def line(port: int) -> AsyncIterator[Line]:
    """A line to a port of this machine."""
    proxy = Line(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.stop()
