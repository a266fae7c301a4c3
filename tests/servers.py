"""Real programs that tests run against: each on free ports of this machine, in a folder of its own, ended by its own pid.

A server can be stopped, killed, paused and started again on the same ports and data, so that tests can take it away.
"""

import http.client
import json
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import botocore.session

READY_SECONDS = 60.0
STOP_SECONDS = 20.0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on at the moment, all different."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def until(what: Callable[[], bool], seconds: float, told: Callable[[], str]) -> None:
    """Wait for something, in steps of 50 ms; ``AssertionError`` with what is told when it does not come in time."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


class Server:
    """A program with a folder; a subclass says what to run and how it shows that it is ready."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What to run in the folder."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it answers as it should."""
        raise NotImplementedError

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "server.log").read_text(errors="replace")[-4000:]

    def start(self) -> None:
        """Start it, again too, and wait until it is ready."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            until(lambda: not self.running or self.ready(), READY_SECONDS, self.log)
            assert self.running, self.log()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ask it to end, and wait; it is killed where that takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """Let it stand still: connections are taken by the kernel and nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)  # a paused one would not hear of it
        process.send_signal(how)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)


class SeaweedFS(Server):
    """An S3 store with encryption at rest (``kek``) and keys (KMS) of its own. Data outlives stop and start."""

    access_key, secret_key, region = "test-access", "test-secret-of-this-run", "us-east-1"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._ports = free_ports(8)
        (folder / "data").mkdir(parents=True, exist_ok=True)
        (folder / "security.toml").write_text(f'[s3.sse]\nkek = "{secrets.token_hex(32)}"\n')
        (folder / "s3.json").write_text(json.dumps(self._config()))

    @property
    def port(self) -> int:
        return self._ports[6]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _config(self) -> dict[str, object]:
        credentials = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        local = {"type": "local", "enableOnDemandCreate": True}
        return {
            "identities": [{"name": "test", "credentials": credentials, "actions": actions}],
            "kms": {"default_provider": "local", "providers": {"local": local}},
        }

    def command(self) -> list[str]:
        master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc = map(str, self._ports)
        data = self.folder / "data"
        return [
            *(program("weed"), f"-logdir={data}", "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
            *(f"-master.port={master}", f"-master.port.grpc={master_grpc}", "-master.volumeSizeLimitMB=64"),
            *(f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}", "-volume.max=100"),
            "-volume.preStopSeconds=0",
            *(f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}"),
            *("-s3", f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}", "-s3.port.iceberg=0", "-s3.port.lance=0"),
            f"-s3.config={self.folder / 's3.json'}",
        ]

    def ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
            try:
                connection.request("GET", "/healthz")
                return connection.getresponse().status == 200
            finally:
                connection.close()
        return False

    def make_bucket(self, name: str) -> None:
        """Make a bucket, and wait until it takes an object: the first one takes seconds."""
        client = botocore.session.get_session().create_client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )
        client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="first", Body=b"")
        client.close()


def program(name: str) -> str:
    """The path of a program: beside the interpreter, where PyPI's packages put theirs, or on PATH."""
    own = Path(sys.executable).parent / name
    path = str(own) if own.exists() else shutil.which(name)
    assert path, f"{name} is not installed"
    return path
