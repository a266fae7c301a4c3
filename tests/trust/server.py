"""The real server as a process of its own, on a free port and a private data folder; ended by its own pid.

``Server.start`` waits for the address that the program prints. A *cold* one is the console script; others are forked off a
process that has imported everything already (``nursery.py``) and are up five times as fast.
"""

import contextlib
import http.client
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
DOSSIER = Path(sys.executable).with_name("dossier")
EMAIL, WORKSPACE = "owner@example.com", "acme"
START_SECONDS = 60.0


def environment(data: Path, **extra: str) -> dict[str, str]:
    """The environment of a program on this folder: nothing of Dossier's from outside, bytecode cached as for anybody."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DOSSIER_", "COV_", "PYTHON")) or name == "PYTHONPATH"
    }
    return inherited | {"DOSSIER_DATA_DIR": str(data), "PYTHONUNBUFFERED": "1"} | extra


class Process(Protocol):
    """A running program: its pid, and how it ended."""

    pid: int

    def send(self, number: signal.Signals) -> None:
        """Send a signal; never to another process that got the pid of this one."""
        ...

    def wait(self, seconds: float) -> int:
        """The exit code (negative: the signal); raises TimeoutError."""
        ...


class Cold:
    """A program started from nothing."""

    def __init__(self, argv: list[str], env: dict[str, str], out: Path, err: Path) -> None:
        with out.open("ab") as out_file, err.open("ab") as err_file:
            self._popen = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file, cwd=out.parent
            )
        self.pid = self._popen.pid

    def send(self, number: signal.Signals) -> None:
        self._popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        try:
            return self._popen.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TimeoutError(f"pid {self.pid} still runs after {seconds} s") from error


class Nursery:
    """Hands out children of one process that has imported Dossier."""

    def __init__(self) -> None:
        env = environment(Path("/nowhere")) | {"PYTHONPATH": str(ROOT)}
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "tests.trust.nursery"],
            env=env,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **order: Any) -> int:
        """Give one order, get one number."""
        assert self._popen.stdin and self._popen.stdout
        self._popen.stdin.write(json.dumps(order) + "\n")
        self._popen.stdin.flush()
        return int(self._popen.stdout.readline())

    def start(self, argv: list[str], env: dict[str, str], out: Path, err: Path) -> "Forked":
        """Start ``dossier <argv[1:]>`` or ``scenario <…>``."""
        return Forked(self, self.ask(argv=argv, env=env, out=str(out), err=str(err)))

    def close(self) -> None:
        """Let it end."""
        self._popen.communicate(timeout=30)


class Forked:
    """A child of the nursery."""

    def __init__(self, nursery: Nursery, pid: int) -> None:
        self.pid, self._nursery = pid, nursery
        self._pidfd = os.pidfd_open(pid)
        self._code: int | None = None

    def send(self, number: signal.Signals) -> None:
        if self._code is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def wait(self, seconds: float) -> int:
        if self._code is None:
            poll = select.poll()
            poll.register(self._pidfd, select.POLLIN)
            if not poll.poll(seconds * 1000):
                raise TimeoutError(f"pid {self.pid} still runs after {seconds} s")
            os.close(self._pidfd)
            self._code = self._nursery.ask(wait=self.pid)
        return self._code


@dataclass(frozen=True)
class Template:
    """A data folder with schema, workspace and owner, to be copied, and the owner's token."""

    folder: Path
    token: str
    nursery: Nursery

    def copy(self, to: Path) -> Path:
        """A private copy."""
        shutil.copytree(self.folder, to)
        return to


def command(nursery: Nursery, data: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a `dossier` command to its end."""
    out, err = (data.parent / f"{data.name}.command.{kind}" for kind in ("out", "err"))
    for path in (out, err):
        path.unlink(missing_ok=True)
    code = nursery.start(["dossier", *args], environment(data, **env), out, err).wait(120)
    return subprocess.CompletedProcess(list(args), code, out.read_text(), err.read_text())


def prepare_template(nursery: Nursery, folder: Path) -> Template:
    """Make the template: schema, workspace, owner, token."""
    added = command(nursery, folder, "user", "add", EMAIL, "--workspace", WORKSPACE, "--role", "owner")
    assert added.returncode == 0, added.stderr
    token = command(nursery, folder, "token", "add", EMAIL, "--workspace", WORKSPACE)
    assert token.returncode == 0, token.stderr
    return Template(folder, token.stdout.strip(), nursery)


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code; empty for no problem."""
        if not self.headers.get("content-type", "").startswith("application/problem+json"):
            return ""
        return str(self.json()["code"])


class Client:
    """One kept-alive connection with the owner's token. Not for several threads."""

    def __init__(self, host: str, port: int, token: str, seconds: float = 30) -> None:
        self._connection = http.client.HTTPConnection(host, port, timeout=seconds)
        self._headers = {"Authorization": f"Bearer {token}"}
        weakref.finalize(self, self._connection.close)  # a test that fails in the middle closes nothing

    def connect(self) -> None:
        """Connect now, so that the first request loses no time with it."""
        self._connection.connect()

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str) -> Answer:
        """One request; raises OSError or HTTPException where the server goes away. ``Idempotency_Key`` gets its hyphen."""
        sent = self._headers | {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, dict):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        self._connection.request(method, f"/api/v1{path}", body, sent)
        response = self._connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())

    def every(self, path: str, **query: str) -> Iterator[Any]:
        """All items of a list, page by page."""
        after = ""
        while True:
            asked = "&".join(f"{name}={value}" for name, value in (query | {"limit": "200"}).items())
            page = self.ask("GET", f"{path}?{asked}" + (f"&after={after}" if after else "")).json()
            yield from page["items"]
            after = page["next"]
            if not after:
                return

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@dataclass
class Server:
    """A server on a folder. ``start`` it again after ``kill`` or ``stop``: it is the same folder, another port."""

    template: Template
    data: Path
    env: dict[str, str] = field(default_factory=dict)
    cold: bool = False
    process: Process | None = None
    host: str = "127.0.0.1"
    port: int = 0
    started_in: float = 0.0

    def start(self, *args: str) -> "Server":
        """Start and wait for the printed address."""
        assert self.process is None
        begun = time.perf_counter()
        out, err = self._file("out"), self._file("err")
        out.unlink(missing_ok=True)
        argv = ["serve", "--port", "0", *args]
        env = environment(self.data, **{"DOSSIER_LOG_LEVEL": "warning"} | self.env)
        if self.cold:
            self.process = Cold([str(DOSSIER), *argv], env, out, err)
        else:
            self.process = self.template.nursery.start(["dossier", *argv], env, out, err)
        self.host, self.port = self._address(out)
        self.started_in = time.perf_counter() - begun
        return self

    def _file(self, kind: str) -> Path:
        return self.data.parent / f"{self.data.name}.{kind}"

    def _address(self, out: Path) -> tuple[str, int]:
        assert self.process
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if out.exists() and (found := re.search(r"Dossier is at (\S+)", out.read_text())):
                address = urlsplit(found[1])
                return str(address.hostname), int(address.port or 0)
            with contextlib.suppress(TimeoutError):
                code = self.process.wait(0.005)
                raise AssertionError(f"The server ended with {code} at its start:\n{self.errors()}")
        raise AssertionError(f"No address within {START_SECONDS} s:\n{self.errors()}")

    def errors(self) -> str:
        """What the server wrote to standard error, over all its starts."""
        err = self._file("err")
        return err.read_text(errors="replace") if err.exists() else ""

    def client(self, seconds: float = 30) -> Client:
        """A client with the owner's token."""
        return Client(self.host, self.port, self.template.token, seconds)

    def ask(self, method: str, path: str, body: bytes | dict[str, Any] | None = None, **headers: str) -> Answer:
        """One request on a connection of its own."""
        client = self.client()
        try:
            return client.ask(method, path, body, **headers)
        finally:
            client.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self.process
        return self.process.pid

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self.process
        self.process.send(number)

    def wait(self, seconds: float) -> int:
        """Wait for the end; the exit code."""
        assert self.process
        code = self.process.wait(seconds)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.process is not None:
            self.send(signal.SIGKILL)
            self.wait(30)

    def stop(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Ask it to end; the exit code."""
        self.send(number)
        return self.wait(seconds)

    def restart(self) -> "Server":
        """Kill and start again."""
        self.kill()
        return self.start()

    def doctor(self) -> None:
        """`dossier doctor` finds no fault; the server must not run. Orphans and leftovers are none."""
        assert self.process is None
        checked = command(self.template.nursery, self.data, "doctor", "--json")
        assert checked.returncode == 0, checked.stdout + checked.stderr
