"""The servers of the production stack, for tests and try-outs: each on free ports of this machine, in a folder of its own,
ended by its own pid.

A server can be stopped, killed, paused and started again on the same ports and data, so that tests can take it away.
"""

import http.client
import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Self

import pymysql
from pymysql.constants import CLIENT

READY_SECONDS = 60.0
PORTS = range(16_000, 32_768)
STOP_SECONDS = 20.0


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens on at the moment, all different. None is one of those that the kernel gives to connections
    going out, or a server that is started again would find its own taken."""
    with ExitStack() as stack:
        probes: list[socket.socket] = []
        while len(probes) < count:
            probe = stack.enter_context(socket.socket())
            with suppress(OSError):
                probe.bind(("127.0.0.1", secrets.choice(_mine())))
                probes.append(probe)
        return [probe.getsockname()[1] for probe in probes]


def _mine() -> range:
    """Test runners side by side take turns among the ports: one must not take what another has found free a moment ago."""
    number = os.environ.get("PYTEST_XDIST_WORKER", "").removeprefix("gw")
    return PORTS[int(number) % 8 :: 8] if number.isdigit() else PORTS


def until(what: Callable[[], bool], seconds: float, told: Callable[[], str]) -> None:
    """Wait for something, in steps of 50 ms; ``AssertionError`` with what is told when it does not come in time."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


def unprivileged() -> dict[str, Any]:
    """As whom to run what refuses to run as root: nobody, where that is who we are."""
    return {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def hand_over(*paths: Path) -> None:
    """Give files, and folders with what is in them, to the user of ``unprivileged``."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        for path in [each for top in paths for each in (top, *top.rglob("*"))]:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


class Server:
    """A program with a folder; a subclass says what to run and how it shows that it is ready."""

    def __init__(self, folder: Path | None = None) -> None:
        self._is_own, self.runs_as = folder is None, dict[str, Any]()
        self.environment: dict[str, str] | None = None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="dossier-"))
        self.folder.mkdir(parents=True, exist_ok=True)
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

    @property
    def pid(self) -> int:
        """Of the running program."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """The end of what it wrote."""
        return (self.folder / "server.log").read_text(errors="replace")[-4000:]

    def start(self) -> Self:
        """Start it, again too, and wait until it is ready."""
        command = self.command()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=self.environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for whoever started it
                **self.runs_as,
            )
        try:
            until(lambda: not self.running or self.ready(), READY_SECONDS, self.log)
            assert self.running, self.log()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """Ask it to end, and wait; it is killed where that takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        """End it; a folder that it made goes with it."""
        self.kill()
        if self._is_own:
            shutil.rmtree(self.folder, ignore_errors=True)

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


class DatabaseServer(Server):
    """A database server that promises what production's does, with root and no password on 127.0.0.1."""

    OPTIONS = (
        "--bind-address=127.0.0.1",
        "--character-set-server=utf8mb4",
        "--collation-server=utf8mb4_unicode_520_ci",
        "--innodb-buffer-pool-size=128M",
        "--innodb-flush-log-at-trx-commit=1",
        "--performance-schema=OFF",
    )

    def __init__(self, folder: Path | None = None, *options: str) -> None:
        super().__init__(folder)
        self.options, self.runs_as = options, self.user()
        (self.port,) = free_ports(1)
        self.folder.chmod(0o755)
        (self.folder / "tmp").mkdir(exist_ok=True)
        if not (self.folder / "data").exists():
            (self.folder / "data").mkdir()
            self._hand_over()
            self._install()
        self._hand_over()

    def user(self) -> dict[str, Any]:
        """As whom it runs."""
        return unprivileged()

    def program(self) -> list[str]:
        """The server, with the options that no other brand takes."""
        raise NotImplementedError

    def install(self) -> list[str]:
        """What makes the first data."""
        raise NotImplementedError

    def _hand_over(self) -> None:
        if self.runs_as:
            hand_over(self.folder)

    def _install(self) -> None:
        ran = subprocess.run(
            self.install(),
            check=False,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            # A server begins by clearing its folder for temporary files of everybody's tables.
            env=os.environ | {"TMPDIR": str(self.folder / "tmp")},
            **self.runs_as,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr

    def command(self) -> list[str]:
        where = [f"--{name}={self.folder / file}" for name, file in (("datadir", "data"), ("tmpdir", "tmp"))]
        where += [f"--socket={self.folder / 'my.sock'}", f"--pid-file={self.folder / 'my.pid'}", f"--port={self.port}"]
        first, *rest = self.program()
        return [first, "--no-defaults", *where, *self.OPTIONS, *rest, *self.options]

    def ready(self) -> bool:
        with suppress(pymysql.err.OperationalError):
            self.connect().close()
            return True
        return False

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

    def make_database(self, name: str) -> None:
        """Make a database as docs/operations.md says."""
        self.execute(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")

    def address(self, database: str, user: str = "root") -> str:
        """As DOSSIER_DATABASE_URL names it."""
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"


class MariaDb(DatabaseServer):
    """MariaDB, from Debian."""

    def program(self) -> list[str]:
        program = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
        assert program, "MariaDB is missing: tools/apt installs it"
        return [program, "--skip-name-resolve", "--innodb-log-file-size=64M"]

    def install(self) -> list[str]:
        how = ("--no-defaults", f"--datadir={self.folder / 'data'}", "--auth-root-authentication-method=normal")
        return ["mariadb-install-db", *how, "--skip-test-db"]


class MySql(DatabaseServer):
    """MySQL, as tools/mysql unpacks it."""

    unpacked = Path(__file__).parents[1] / ".tools" / "mysql" / "mysqld"

    def user(self) -> dict[str, Any]:
        return {}  # its program lies in a checkout, which nobody may be kept out of

    def program(self) -> list[str]:
        assert self.unpacked.exists(), "MySQL is missing: `make test-mysql` fetches it"
        user = ["--user=root"] if os.geteuid() == 0 else []
        return [str(self.unpacked), *user, "--secure-file-priv=NULL", "--mysqlx=OFF", "--innodb-redo-log-capacity=64M"]

    def install(self) -> list[str]:
        first, *rest = self.program()
        return [first, "--no-defaults", *rest, f"--datadir={self.folder / 'data'}", "--initialize-insecure"]


def database_server(*options: str) -> DatabaseServer:
    """Of the brand that DOSSIER_TEST_DATABASE names (``mariadb``, ``mysql``), not started; MariaDB where it names none."""
    brand: type[DatabaseServer] = {"mariadb": MariaDb, "mysql": MySql}[
        os.environ.get("DOSSIER_TEST_DATABASE", "mariadb")
    ]
    return brand(None, *options)


class Redis(Server):
    """A Redis that keeps nothing."""

    def __init__(self, folder: Path | None = None, *options: str) -> None:
        super().__init__(folder)
        self.options = options
        (self.port,) = free_ports(1)

    @property
    def address(self) -> str:
        """As DOSSIER_REDIS_URL names it."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str]:
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        return [program("redis-server"), *where, "--save", "", "--appendonly", "no", *self.options]

    def ready(self) -> bool:
        return self.say("PING") == b"+PONG"

    def say(self, command: str) -> bytes:
        """The first line that it answers to a command; empty where it does not."""
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(1024).split(b"\r\n")[0]
        return b""


class SeaweedFS(Server):
    """An S3 store with encryption at rest (``kek``) and keys (KMS) of its own. Data outlives stop and start."""

    access_key, secret_key, region = "test-access", "test-secret-of-this-run", "us-east-1"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        self._ports, self._begun = free_ports(8), False
        (self.folder / "data").mkdir(exist_ok=True)
        if not (self.folder / "security.toml").exists():
            (self.folder / "security.toml").write_text(f'[s3.sse]\nkek = "{secrets.token_hex(32)}"\n')
        (self.folder / "s3.json").write_text(json.dumps(self._config()))

    @property
    def port(self) -> int:
        return self._ports[6]

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start it; the first time with other ports, should somebody have taken one of these since they were found free."""
        try:
            return super().start()
        except AssertionError:
            if self._begun or "address already in use" not in self.log():
                raise
            self._ports = free_ports(8)
            return super().start()
        finally:
            self._begun = True

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

    def address(self, prefix: str = "") -> str:
        """As DOSSIER_STORAGE_URL names a place in the bucket ``dossier``."""
        return f"s3://dossier/{prefix}?region={self.region}&endpoint={self.endpoint}"

    def make_bucket(self, name: str = "dossier") -> None:
        """Make a bucket, and wait until it takes an object: the first one takes seconds."""
        import botocore.session  # takes long to load

        client = botocore.session.get_session().create_client(
            "s3",
            region_name=self.region,
            endpoint_url=self.endpoint,
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
        )
        with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(Bucket=name)
        client.put_object(Bucket=name, Key="first", Body=b"")
        client.close()


class WireMock(Server):
    """WireMock as npm has it, on Java. It answers by the mappings of its folder, and by those that it is sent."""

    packages = Path(__file__).parent / "npm" / "node_modules" / "wiremock" / "build"

    def __init__(self, folder: Path | None = None) -> None:
        super().__init__(folder)
        (self.port,) = free_ports(1)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        archives = sorted(self.packages.glob("wiremock-standalone-*.jar"))
        assert archives, "WireMock is missing: `make wiremock` fetches it"
        where = ["--port", str(self.port), "--bind-address", "127.0.0.1", "--root-dir", str(self.folder)]
        return [program("java"), "-Xmx256m", "-jar", str(archives[-1]), *where, "--disable-banner"]

    def ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/__admin/health")[0] == 200
        return False

    def ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        """What its own interface answers: the status and the text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, path, body and body.encode(), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def program(name: str) -> str:
    """The path of a program: beside the interpreter, where PyPI's packages put theirs, or on PATH."""
    own = Path(sys.executable).parent / name
    path = str(own) if own.exists() else shutil.which(name)
    assert path, f"{name} is not installed"
    return path
