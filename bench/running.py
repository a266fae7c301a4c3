"""A running ``dossier serve`` with a workspace and its owner's token, looked at from outside by its pid."""

import http.client
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bench.wire import HOST
from dossier.serve import free_port
from tools.nginx import PROGRAM as NGINX
from tools.servers import Server, hand_over, unprivileged
from tools.stack import DOSSIER, Program

MIB = 1 << 20
WAYS = """\
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {host}:{port}; root {root}; }}
}}
"""


@contextmanager
def folder() -> Iterator[Path]:
    """A private folder that nginx can get into, which goes at the end; ``TMPDIR`` says on which disk."""
    with tempfile.TemporaryDirectory(prefix="dossier-bench-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o711)
        yield Path(made)


class Place:
    """A program on a folder of its own. ``start`` it again after ``kill``: the same data, another process."""

    def __init__(self, data: Path, **settings: str) -> None:
        self.data = data
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
        quiet = {"DOSSIER_LOG_LEVEL": "warning", "DOSSIER_DATA_DIR": str(data)}
        self.env = inherited | quiet | {f"DOSSIER_{name.upper()}": value for name, value in settings.items()}
        self.program = Program(data, self.env, "serve")
        self.dossier("migrate")
        self.dossier("user", "add", "a@example.com", "--workspace", "bench", "--role", "owner")
        self.token = self.dossier("token", "add", "a@example.com", "--workspace", "bench")

    def dossier(self, *args: str) -> str:
        """What a command of the program prints."""
        ran = subprocess.run([DOSSIER, *args], env=self.env, check=False, capture_output=True, text=True)
        if ran.returncode:
            raise RuntimeError(ran.stderr)
        return ran.stdout.strip()

    def __enter__(self) -> "Place":
        self.program.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.program.kill()

    @property
    def port(self) -> int:
        return self.program.port

    @property
    def blobs(self) -> Path:
        return self.data / "blobs"

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], Any]:
        """One request with the token: status, headers in small letters, and what the JSON of the answer says."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=300)
        sent = {"Authorization": f"Bearer {self.token}"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None and not isinstance(body, bytes):
            body, sent["Content-Type"] = json.dumps(body).encode(), "application/json"
        try:
            connection.request(method, f"/api/v1{path}", body, sent)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            raw = answer.read()
            told = json.loads(raw) if found.get("content-type", "").endswith("json") and raw else raw
            return answer.status, found, told
        finally:
            connection.close()

    def forget(self, keep: set[Path] | None = None) -> None:
        """Take the bytes of what was added from the disk, behind the program's back: nobody asks for them any more."""
        for path in self.blobs.rglob("*"):
            if path.is_file() and path not in (keep or set()):
                path.unlink()

    def settle(self) -> None:
        """Wait until jobs are done and the program rests, for half a minute at most."""
        for _ in range(30):
            before = processor_seconds(self.program.pid)
            time.sleep(1)
            if processor_seconds(self.program.pid) - before < 0.05:
                return

    def stored(self) -> set[Path]:
        """The files of all contents."""
        return {path for path in self.blobs.rglob("*") if path.is_file()}


class Memory:
    """The most memory of a process above what it held at rest, in MiB."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.rest = self.resident()
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # the peak begins anew

    def resident(self) -> float:
        return self._told("VmRSS")

    @property
    def above(self) -> float:
        return max(self._told("VmHWM") - self.rest, 0.0)

    def _told(self, name: str) -> float:
        found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        assert found
        return int(found[1]) / 1024


def processor_seconds(pid: int) -> float:
    """What the process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def stay_on(pid: int, cores: set[int]) -> None:
    """Keep all threads of a process on these cores."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


class Static(Server):
    """nginx with one worker that sends files from a folder, without TLS."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.port, self.root = free_port(HOST), folder / "root"
        self.root.mkdir()
        (folder / "nginx.conf").write_text(WAYS.format(folder=folder, host=HOST, port=self.port, root=self.root))
        self.runs_as = unprivileged()

    def share(self, file: Path, name: str) -> str:
        """Let it send the file under a name; the address. It is the same file on the disk, and in its cache."""
        os.link(file, self.root / name)
        (self.root / name).chmod(0o444)
        return f"/{name}"

    def command(self) -> list[str]:
        hand_over(self.folder)
        config = ["-e", str(self.folder / "error.log"), "-c", str(self.folder / "nginx.conf")]
        return [NGINX, *config, "-g", "daemon off;"]

    def ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5)
        with suppress(OSError):
            connection.request("GET", "/")
            return connection.getresponse().status > 0
        return False

    @property
    def worker(self) -> int:
        """The pid of the one that sends."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return int(children.split()[0])
