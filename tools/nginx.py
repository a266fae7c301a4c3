"""A real nginx on free ports and a private folder, with the configuration of deploy/nginx; ended by its own pid.

It never runs as root: where the tests do, it is `nobody`, who may read the blobs by their group, as docs/operations.md says.
"""

import contextlib
import grp
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.nginx.render import render
from dossier.serve import free_port
from tools.servers import hand_over, unprivileged

PROGRAM = shutil.which("nginx") or "/usr/sbin/nginx"
HOST = "127.0.0.1"
START_SECONDS = 20.0
# Debian's package of the module brings this; without it the portal is sent with gzip.
BROTLI_MODULE = Path("/etc/nginx/modules-enabled/50-mod-http-brotli-static.conf")
SECRET = "an-edge-secret-of-the-tests-0123456789"


def brotli() -> str:
    """What ``EDGE_BROTLI`` is to be on this machine."""
    return "brotli_static on;" if BROTLI_MODULE.exists() else ""


def let_read(blobs: Path) -> None:
    """Let nginx read blobs, those that come later too: by the group of the folder, which its files inherit."""
    for path in (blobs, *blobs.rglob("*")):
        if os.geteuid() == 0:
            os.chown(path, -1, _group())
        if path.is_dir():
            path.chmod(0o2750)


def _group() -> int:
    return grp.getgrnam("nogroup").gr_gid


@dataclass
class Nginx:
    """The edge in ``folder``, before servers at these addresses. ``values`` are those of ``render`` that a test sets."""

    folder: Path
    servers: Sequence[str]
    values: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=lambda: free_port(HOST))
    plain_port: int = field(default_factory=lambda: free_port(HOST))
    partner_port: int = field(default_factory=lambda: free_port(HOST))
    process: "subprocess.Popen[bytes] | None" = None
    rest: str = "2s"  # how long a server that failed is left alone: tests wait for it

    @property
    def url(self) -> str:
        """The address for people."""
        return f"https://{HOST}:{self.port}"

    @property
    def partner_url(self) -> str:
        """The address for partners' programs."""
        return f"https://{HOST}:{self.partner_port}"

    @property
    def log(self) -> Path:
        """The access log."""
        return self.folder / "access.log"

    def variables(self, portal: Path, pki: Path) -> dict[str, str]:
        """What the templates are filled in with."""
        upstream = [f"server {each} max_fails=1 fail_timeout={self.rest};" for each in self.servers]
        every = {
            "EDGE_RUN": str(self.folder / "run"),
            "EDGE_LOG": str(self.log),
            "EDGE_ERROR_LOG": str(self.folder / "error.log"),
            "EDGE_URL": self.url,
            "EDGE_HTTP_LISTEN": f"{HOST}:{self.plain_port}",
            "EDGE_LISTEN": f"{HOST}:{self.port}",
            "EDGE_PARTNER_LISTEN": f"{HOST}:{self.partner_port}",
            "EDGE_CERT": str(pki / "server.crt"),
            "EDGE_KEY": str(pki / "server.key"),
            "EDGE_PARTNER_CA": str(pki / "ca.crt"),
            "EDGE_SECRET": SECRET,
            "EDGE_PORTAL": str(portal),
            "EDGE_SERVERS": " ".join(upstream),
        }
        return every | self.values

    def write(self, portal: Path, pki: Path) -> None:
        """Write the configuration, as docs/operations.md says: render.py, and what `dossier portal nginx` makes."""
        (self.folder / "run").mkdir(parents=True)
        render(self.folder / "conf", self.variables(portal, pki))
        dossier = Path(sys.executable).with_name("dossier")
        env = {"DOSSIER_PUBLIC_URL": self.url, "DOSSIER_PORTAL_DIR": str(portal), "PATH": os.environ["PATH"]}
        subprocess.run([dossier, "portal", "nginx", self.folder / "conf"], env=env, check=True, timeout=60)
        hand_over(self.folder)

    def start(self) -> "Nginx":
        """Start and wait until it listens."""
        argv = [PROGRAM, "-e", str(self.folder / "error.log"), "-c", str(self.folder / "conf/nginx.conf")]
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*argv, "-g", "daemon off;"], stdin=subprocess.DEVNULL, stdout=output, stderr=output, **unprivileged()
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            if all(_listens(port) for port in (self.port, self.plain_port, self.partner_port)):
                return self
            time.sleep(0.02)
        raise AssertionError(f"nginx did not start:\n{self.errors()}")

    def reload(self) -> None:
        """Read configuration and certificates anew (SIGHUP); requests under way go on in the old workers."""
        before = self.workers()
        assert self.process
        self.process.send_signal(signal.SIGHUP)
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if self.workers() - before:
                return
            time.sleep(0.02)
        raise AssertionError(f"nginx did not reload:\n{self.errors()}")

    def workers(self) -> set[int]:
        """The pids of the workers that are there."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(pid) for pid in children.split()}

    def memory(self) -> int:
        """Bytes of memory that the workers hold alone."""
        kept = 0
        for pid in self.workers():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(("Private_Clean:", "Private_Dirty:")):
                    kept += int(line.split()[1]) * 1024
        return kept

    def laid_down(self) -> list[str]:
        """Temporary files: those in their folders, and those that were struck off there while a worker has them open."""
        run = self.folder / "run"
        found = [str(path) for path in run.rglob("*") if path.is_file() and path.name != "nginx.pid"]
        for file in (file for pid in self.workers() for file in Path(f"/proc/{pid}/fd").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # closed in the meantime
                found += [name for name in [str(file.readlink())] if name.startswith(f"{run}/")]
        return found

    def errors(self) -> str:
        """What nginx complained of."""
        told = [self.folder / "output", self.folder / "error.log"]
        return "\n".join(path.read_text(errors="replace") for path in told if path.exists())

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(10)
            self.process = None


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@contextlib.contextmanager
def folder_for_nginx(make: Path) -> Iterator[Path]:
    """A private folder that nginx can get into: ``make``, or where the tests run as root, one outside of pytest's, which
    nobody else may enter; that one is removed at the end.
    """
    if os.geteuid() != 0:
        make.mkdir(exist_ok=True)
        yield make
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="dossier-edge-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)
