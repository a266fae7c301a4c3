"""A real MariaDB for tests: started on a free port and a private folder, ended by its own process id."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pymysql
from pymysql.constants import CLIENT

ACCOUNT = "dossiertest"  # mariadbd refuses to run as root
START_SECONDS = 60.0
# What a test database needs no less than a real one is not here: durability and strictness are what is tested.
OPTIONS = (
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_unicode_520_ci",
    "--innodb-buffer-pool-size=128M",
    "--innodb-log-file-size=64M",
    "--innodb-flush-log-at-trx-commit=1",
    "--performance-schema=OFF",
)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class MariaDb:
    """One server. ``start`` it again after ``stop`` or ``kill``: same folder, same port; ``close`` leaves nothing."""

    def __init__(self, *options: str) -> None:
        # Not among pytest's folders, which are closed to the server's own account.
        folder = Path(tempfile.mkdtemp(prefix="dossier-mariadb-"))
        folder.chmod(0o755)
        self.folder, self.options, self.port = folder, options, free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        for name in ("data", "tmp"):
            (folder / name).mkdir()
        if os.geteuid() == 0:
            self._give_away()
        self._run(
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )

    def _give_away(self) -> None:
        if subprocess.run(["id", ACCOUNT], capture_output=True, check=False).returncode:
            # Two test processes may meet here; who comes second finds it made.
            subprocess.run(
                ["useradd", "-r", "-M", "-s", "/usr/sbin/nologin", ACCOUNT], capture_output=True, check=False
            )
        self._as = ["runuser", "-u", ACCOUNT, "--"]
        subprocess.run(["chown", "-R", ACCOUNT, self.folder], check=True)

    def _run(self, *argv: str) -> None:
        # A server begins by clearing its folder for temporary files of everybody's tables.
        around = os.environ | {"TMPDIR": str(self.folder / "tmp")}
        ran = subprocess.run(
            [*self._as, *argv], check=False, capture_output=True, text=True, env=around, timeout=START_SECONDS
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def start(self) -> "MariaDb":
        """Start and wait until it answers."""
        program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        assert program, "MariaDB is missing: tools/apt installs it"
        self._process = subprocess.Popen(
            [
                *self._as,
                program,
                "--no-defaults",
                f"--datadir={self.folder / 'data'}",
                f"--tmpdir={self.folder / 'tmp'}",
                f"--socket={self.folder / 'my.sock'}",
                f"--pid-file={self.folder / 'my.pid'}",
                f"--log-error={self.folder / 'error.log'}",
                f"--port={self.port}",
                *OPTIONS,
                *self.options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self.connect().close()
                return self
            except pymysql.err.OperationalError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError(f"MariaDB did not start:\n{self.errors()}") from None
                time.sleep(0.05)

    def errors(self) -> str:
        """The end of its log."""
        log = self.folder / "error.log"
        return log.read_text()[-3000:] if log.exists() else ""

    def connect(self, database: str | None = None) -> "pymysql.connections.Connection[pymysql.cursors.Cursor]":
        """A connection as root that takes several statements at once."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="root",
            database=database,
            autocommit=True,
            client_flag=CLIENT.MULTI_STATEMENTS,
            connect_timeout=5,
        )

    def execute(self, *statements: str) -> None:
        """Run statements as root."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def address(self, database: str) -> str:
        """As DOSSIER_DATABASE_URL names it."""
        return f"mysql://root@127.0.0.1:{self.port}/{database}"

    @property
    def pid(self) -> int:
        """Of the server itself, not of what started it."""
        return int((self.folder / "my.pid").read_text())

    def pause(self) -> None:
        """Let it hang, as a machine does that swaps."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut ends it."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an administrator ends it."""
        self._end(signal.SIGTERM)

    def close(self) -> None:
        """End it, with all that it held."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            os.kill(self.pid, number)
            self._process.wait(START_SECONDS)
        self._process = None
