"""A real Redis for tests: started on a free port and a private folder, ended by its own process id."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from tests.mariadb import free_port

START_SECONDS = 30.0


class RedisServer:
    """One server that keeps nothing. ``start`` it again after ``kill``: same port; ``close`` leaves nothing."""

    def __init__(self, *options: str) -> None:
        self.folder, self.options, self.port = Path(tempfile.mkdtemp(prefix="dossier-redis-")), options, free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """As DOSSIER_REDIS_URL names it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        """Start and wait until it takes connections."""
        program = shutil.which("redis-server")
        assert program, "Redis is missing: tools/apt installs it"
        keeps_nothing = ["--save", "", "--appendonly", "no", "--daemonize", "no"]
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        self._process = subprocess.Popen(
            [program, *where, *keeps_nothing, *self.options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return self
            except OSError:
                assert self._process.poll() is None, "Redis ended at its start"
                assert time.monotonic() < until, "Redis did not start"
                time.sleep(0.02)

    def pause(self) -> None:
        """Let it hang."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a power cut ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_SECONDS)
            self._process = None

    def close(self) -> None:
        """End it, with all that it held."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
