"""The production parts on this machine, without containers: MariaDB, Redis, SeaweedFS, two API processes, two workers, and
nginx with TLS before them. For trying them out (`make stack`), and for what takes them away one by one (tests, bench).

python tools/stack.py [--data FOLDER] [--port PORT] [--partner-port PORT]
"""

import argparse
import base64
import http.client
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.nginx import HOST, Nginx, brotli
from tools.pki import Authority
from tools.servers import MariaDb, Redis, SeaweedFS, Server, free_ports, hand_over

DOSSIER = Path(sys.executable).with_name("dossier")
PORTAL = Path(__file__).parents[1] / "web/.output/public"
DATABASE = USER = "dossier"
# What compose.yml tells its servers; tests/deploy/test_compose_settings.py holds the two against each other.
DATABASE_OPTIONS = (
    "--collation-server=utf8mb4_bin",
    "--log-bin=binlog",
    "--sync-binlog=1",
    "--binlog-expire-logs-seconds=604800",
    "--max-connections=151",
)
REDIS_OPTIONS = ("--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru")
# How many processes of each kind there are, and what they are started with.
NUMBER = 2
KINDS = {"api": ("serve", "--no-worker"), "worker": ("worker",)}


class Program(Server):
    """A process of Dossier, `dossier serve --no-worker` or `dossier worker`; ready as its side door says."""

    def __init__(self, folder: Path, env: dict[str, str], *args: str) -> None:
        super().__init__(folder)
        self.port, self.side_port = free_ports(2)
        self.args, self.env = args, env

    def command(self) -> list[str]:
        ports = {"WORKER_PORT": self.side_port}
        if "serve" in self.args:
            ports = {"PORT": self.port, "METRICS_PORT": self.side_port}
        mine = {"DATA_DIR": self.folder} | ports
        self.environment = self.env | {f"DOSSIER_{name}": str(value) for name, value in mine.items()}
        return [str(DOSSIER), *self.args]

    def ready(self) -> bool:
        return self.health()[0] == 200

    def health(self) -> tuple[int, bytes]:
        """What `/health/ready` answers; 0 where nobody does."""
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(HOST, self.side_port, timeout=5)
            try:
                connection.request("GET", "/health/ready")
                answer = connection.getresponse()
                return answer.status, answer.read()
            finally:
                connection.close()
        return 0, b""


class Stack:
    """All of it, with its data in ``folder``: started whole, and each part to be taken away and brought back.

    ``settings`` are more of Dossier's own, by the names of its environment. As root, what must not be root is nobody, who
    has to get into ``folder``.
    """

    def __init__(
        self, folder: Path, portal: Path = PORTAL, ports: Sequence[int] = (), settings: dict[str, str] | None = None
    ) -> None:
        self.folder, self.portal, self._settings = folder, portal, settings or {}
        folder.mkdir(parents=True, exist_ok=True)
        self.ports = list(ports) or free_ports(3)
        self.secret, self.password = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.programs: list[Program] = []
        self.nginx: Nginx | None = None
        with ThreadPoolExecutor() as threads:  # making the database takes a few seconds
            database = threads.submit(MariaDb, folder / "mariadb", *DATABASE_OPTIONS)
            self.redis = Redis(folder / "redis", *REDIS_OPTIONS)
            self.storage = SeaweedFS(folder / "seaweedfs")
            self.database = database.result()

    @property
    def servers(self) -> list[Server]:
        """What Dossier stands on."""
        return [self.database, self.redis, self.storage]

    @property
    def apis(self) -> list[Program]:
        """The processes behind nginx."""
        return [each for each in self.programs if "serve" in each.args]

    @property
    def workers(self) -> list[Program]:
        """The processes that do the jobs."""
        return [each for each in self.programs if "worker" in each.args]

    @property
    def url(self) -> str:
        """The one address."""
        return f"https://{HOST}:{self.ports[0]}"

    @property
    def pki(self) -> Authority:
        """The authority of the server's certificate, and of partners'."""
        return Authority(self.folder / "pki")

    @property
    def master_key(self) -> str:
        """What stored secrets are encrypted under, as long as the data is kept."""
        file = self.folder / "master.key"
        if not file.exists():
            file.touch(0o600)
            file.write_text(base64.b64encode(secrets.token_bytes(32)).decode())
        return file.read_text()

    @property
    def env(self) -> dict[str, str]:
        """The environment of every process of Dossier; those behind the edge know its secret besides."""
        settings = {
            "DATA_DIR": str(self.folder / "commands"),
            "DATABASE_URL": self.database.address(DATABASE),
            "DATABASE_USER": USER,
            "DATABASE_PASSWORD": self.password,
            "REDIS_URL": self.redis.address,
            "STORAGE_URL": self.storage.address("main"),
            "STORAGE_ACCESS_KEY": self.storage.access_key,
            "STORAGE_SECRET_KEY": self.storage.secret_key,
            "PUBLIC_URL": self.url,
            "PORTAL_DIR": str(self.portal),
            "TRUSTED_PROXIES": "1",
            "MASTER_KEY": self.master_key,
            "LINK_FOLDERS": str(self.folder / "shares"),
            "LOG_FORMAT": "json",
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
        return inherited | {f"DOSSIER_{name}": value for name, value in (settings | self._settings).items()}

    def start(self) -> Self:
        """Start everything, on the data that is there."""
        with ThreadPoolExecutor() as threads:
            for done in [threads.submit(server.start) for server in self.servers]:
                done.result()
        self.make_database(DATABASE)
        self.storage.make_bucket()
        self.dossier("migrate")
        self.programs = self.make_programs()
        # The first alone: it says with which link to begin.
        self.programs[0].start()
        with ThreadPoolExecutor() as threads:
            for started in [threads.submit(program.start) for program in self.programs[1:]]:
                started.result()
        self._start_nginx()
        return self

    def make_database(self, name: str) -> None:
        """Make a database in which Dossier's user may do everything. It may do nothing outside of such."""
        who = f"{USER}@{HOST}"
        self.database.make_database(name)
        self.database.execute(
            f"CREATE USER IF NOT EXISTS {who}",
            f"ALTER USER {who} IDENTIFIED BY '{self.password}'",
            f"GRANT ALL ON {name}.* TO {who}",
        )

    def make_programs(self) -> list[Program]:
        """The processes of Dossier, not started."""
        secret = {"DOSSIER_EDGE_SECRET": self.secret}
        return [
            Program(self.folder / f"{kind}-{number}", self.env | (secret if kind == "api" else {}), *args)
            for kind, args in KINDS.items()
            for number in range(1, NUMBER + 1)
        ]

    def make_nginx(self) -> Nginx:
        """What stands before ``apis``, not started."""
        port, partner, plain = self.ports
        values = {"EDGE_SECRET": self.secret, "EDGE_BROTLI": brotli()}
        return Nginx(
            self.folder / "nginx",
            [f"{HOST}:{each.port}" for each in self.apis],
            values,
            port,
            plain,
            partner,
            rest="5s",
        )

    def _start_nginx(self) -> None:
        if not (self.folder / "pki").exists():
            Authority.make(self.folder / "pki").server(HOST, "localhost")
        hand_over(self.folder / "pki")
        shutil.rmtree(self.folder / "nginx", ignore_errors=True)
        self.nginx = self.make_nginx()
        self.nginx.write(self.portal, self.folder / "pki")
        self.nginx.start()

    def dossier(self, *args: str, stdin: str = "") -> str:
        """What a command of Dossier prints."""
        ran = subprocess.run(
            [DOSSIER, *args], env=self.env, input=stdin, capture_output=True, text=True, check=False, timeout=300
        )
        assert ran.returncode == 0, f"dossier {' '.join(args)}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    @property
    def first_sign_in(self) -> str:
        """The link with which the first person begins; empty where there is a workspace."""
        found = re.search(r"First sign-in: open (\S+)", self.programs[0].log())
        return found[1] if found else ""

    def close(self) -> None:
        """End everything, the youngest first; the data stays."""
        with ThreadPoolExecutor() as threads:
            list(threads.map(Program.stop, self.programs))
        if self.nginx is not None:
            self.nginx.stop()
        self.database.stop()
        for server in (self.redis, self.storage):
            server.kill()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def main() -> None:
    """Run until Ctrl-C."""
    options = argparse.ArgumentParser(description="The production parts on this machine, behind one address.")
    options.add_argument("--data", type=Path, help="keep the data in this folder (default: nothing is kept)")
    options.add_argument("--port", type=int, default=8443, help="for people (default: 8443)")
    options.add_argument("--partner-port", type=int, default=9443, help="for partners' programs (default: 9443)")
    asked = options.parse_args()
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="dossier-stack-", ignore_cleanup_errors=True) as temporary:
        folder = (asked.data or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o711)
        portal = PORTAL
        if os.geteuid() == 0:  # nginx is nobody, who may not get to where this lies
            portal = folder / "portal"
            shutil.rmtree(portal, ignore_errors=True)
            shutil.copytree(PORTAL, portal)
        print("Starting MariaDB, Redis, SeaweedFS, two API processes, two workers and nginx …", flush=True)
        with Stack(folder, portal, [asked.port, asked.partner_port, *free_ports(1)]) as stack:
            print(f"Dossier is at {stack.url}  (API: {stack.url}/api/docs); its certificate is of {folder}/pki/ca.crt")
            if link := stack.first_sign_in:
                print(f"First sign-in: open {link}")
            print(f"Logs: {folder}/*/server.log. Ctrl-C ends all of it.", flush=True)
            stop.wait()
            print("Ending …", flush=True)


if __name__ == "__main__":
    main()
