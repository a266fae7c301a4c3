"""`docker compose up` and `make stack` start the same: settings, servers' options and the edge's variables, name by name.

What has to be different stands in a list here, with its reason; one that is no longer there fails as one that is new does.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.servers import DatabaseServer
from tools.stack import KINDS, Stack

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SHARE = "/usr/share/dossier/"
SECRET = "a secret"
PREFIX = "DOSSIER_"
ALL = ("api", "partner", "worker", "migrate")

# Setting, with those who have it in one alone, and why. A service of Compose is of the stack's kind of the same name;
# the door for partners, which Compose has a service for, is served by the stack's `api`.
ONLY_COMPOSE = {
    "FACE": (("api", "partner"), "the stack's processes serve both doors"),
    "HOST": (ALL, "a container is asked from outside of it"),
    "PORT": (("worker", "migrate"), "the image names it for whatever runs in it"),
    "SMTP_URL": (ALL, "nothing catches mails beside the stack: its log shows them"),
}
ONLY_STACK = {
    "EDGE_SECRET": (("api",), "the stack's processes serve both doors"),
    "LINK_FOLDERS": (ALL, "a container has no folder to share until somebody mounts one"),
    "METRICS_PORT": (("api", "partner"), "it tells the stack that a process is ready; the image asks at the main port"),
}
DATABASE_ONLY_COMPOSE = {"mysqlx": "MariaDB has no such door"}
DATABASE_ONLY_STACK = {
    "bind-address": "its network is the machine's",
    "innodb-buffer-pool-size": "MariaDB's default, and MySQL's: both are 128 MB",
    "innodb-log-file-size": "MySQL sizes its redo log by innodb-redo-log-capacity; 100 MB by default",
    "log-bin": "MySQL has it by itself",
    "performance-schema": "MariaDB's default",
}
REDIS_ONLY_STACK = {"port": "a free one", "bind": "its network is the machine's", "dir": "a container has its own"}
STORAGE_OTHER = {
    "master.volumeSizeLimitMB": "files that grow to 1 GB are much for a machine that tries things out",
    "volume.max": "no limit, against one that is far away from volumes as small",
}
STORAGE_PORTS = {*(f"{part}.port" for part in ("master", "volume", "filer")), "s3.port", "s3.port.grpc"} | {
    f"{part}.port.grpc" for part in ("master", "volume", "filer")
}
STORAGE_ONLY_STACK = {
    "volume.preStopSeconds": "tests do not wait for what no balancer asks",
    "logdir": "a container writes to standard error",
}
STORAGE_ONLY_COMPOSE = {
    "logtostderr": "the stack has a folder for its log",
    "s3.ip.bind": "S3 is asked from outside of the container",
}
EDGE_ONLY_STACK = {
    "EDGE_BROTLI": "a module of Debian, which the image of nginx is without",
    "EDGE_ERROR_LOG": "a container writes to standard error",
    "EDGE_LOG": "a container writes to standard output",
    "EDGE_RUN": "the folder that render.py takes by itself is a container's own",
}
EDGE_ONLY_COMPOSE = {"EDGE_PARTNER_SERVERS": "the stack's processes serve both doors"}


def alike(value: str) -> str:
    """A value without what depends on the place: hosts and ports, and folders."""
    value = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)
    value = re.sub(r"\b(?:[a-z]+|127\.0\.0\.1):\d{4,5}\b", "HOST:PORT", value)
    value = re.sub(r"(?<=://)(?:root@)?(?:database|HOST:PORT)(?=/)", "HOST", value)
    return re.sub(r"^/\S+", "/…", value)


def secret(name: str, value: str) -> tuple[str, str]:
    """A setting and its value; one that is read from a file is as good as the value."""
    name = name.removeprefix(PREFIX)
    kept = name.endswith("_FILE")
    if kept or re.search(r"PASSWORD|SECRET|MASTER_KEY|ACCESS_KEY", name):
        return name.removesuffix("_FILE"), SECRET
    return name, alike(value)


def ours(environment: Mapping[str, str]) -> dict[str, str]:
    """Dossier's settings of an environment."""
    return dict(secret(name, value) for name, value in environment.items() if name.startswith(PREFIX))


def of_compose(service: str) -> dict[str, str]:
    """The settings that a service gets, from the image, compose.yml and its command."""
    given = SERVICES[service]
    assert "env_file" not in given
    image = dict(re.findall(rf"\b({PREFIX}\w+)=(\S+)", (DEPLOY / "Dockerfile").read_text()))
    command = given["command"]
    options = {PREFIX + name[2:].upper(): value for name, value in pairwise(command) if name.startswith("--")}
    options.pop(f"{PREFIX}NO-WORKER", None)
    return ours(image | given["environment"] | options)


def of_stack(stack: Stack, service: str) -> dict[str, str]:
    """The settings of the process of the stack that does what a service does."""
    if service == "migrate":
        return ours(stack.env)
    words = KINDS["worker" if service == "worker" else "api"]
    program = next(each for each in stack.programs if each.args == words)
    program.command()
    assert program.environment is not None
    return ours(program.environment)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack, with nothing started and no database made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseServer, "_install", lambda _server: None)
        patch.setattr(DatabaseServer, "_hand_over", lambda _server: None)
        made = Stack(tmp_path_factory.mktemp("stack"))
    made.programs = made.make_programs()
    return made


class TestSettings:
    @pytest.mark.parametrize("service", ALL)
    def test_are_the_same(self, stack: Stack, service: str) -> None:
        compose, own = of_compose(service), of_stack(stack, service)
        assert compose.keys() - own.keys() == {name for name, (who, _why) in ONLY_COMPOSE.items() if service in who}
        assert own.keys() - compose.keys() == {name for name, (who, _why) in ONLY_STACK.items() if service in who}
        both = (compose.keys() & own.keys()) - {"PORT", "WORKER_PORT"}
        assert {name: compose[name] for name in both} == {name: own[name] for name in both}
        assert len(both) > 8

    def test_processes_are_as_many_and_are_started_alike(self, stack: Stack) -> None:
        assert SERVICES["api"]["deploy"]["replicas"] == len(stack.apis) == len(stack.workers)
        for service in ("api", "partner", "worker"):
            command = SERVICES[service]["command"]
            words = KINDS["worker" if service == "worker" else "api"]
            assert tuple(command[: len(words)]) == words
            assert command[len(words) :] in ([], ["--face", service.replace("api", "portal")])

    def test_nobody_else_is_told_anything(self) -> None:
        """The bucket's script reads the same as the rest, and the edge's nothing but where it is."""
        told = {name for name, service in SERVICES.items() if PREFIX in str(service.get("environment", ""))}
        assert told == {*ALL, "bucket", "edge-config"}
        assert SERVICES["bucket"]["environment"] == SERVICES["migrate"]["environment"]
        assert ours(SERVICES["edge-config"]["environment"]).keys() == {"PUBLIC_URL"}


def options(words: Sequence[str], dash: str) -> dict[str, str]:
    """``--name=value`` and ``--name``, the last one where there are several."""
    flags = [word.removeprefix(dash).partition("=") for word in words if word.startswith(dash)]
    return {name: value for name, _equals, value in flags}


def pairs(words: Sequence[str]) -> dict[str, str]:
    """``--name value``."""
    return {name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2], strict=True)}


class TestServers:
    def test_the_database_has_the_same_options(self, stack: Stack) -> None:
        compose, own = options(SERVICES["database"]["command"], "--"), options(stack.database.command(), "--")
        places = {"no-defaults", "datadir", "tmpdir", "socket", "pid-file", "port"}
        own = {name: value for name, value in own.items() if name not in places}
        assert compose.keys() - own.keys() == DATABASE_ONLY_COMPOSE.keys()
        assert own.keys() - compose.keys() == DATABASE_ONLY_STACK.keys()
        both = compose.keys() & own.keys()
        assert {name: own[name] for name in both} == {name: compose[name] for name in both}

    def test_redis_has_the_same_options(self, stack: Stack) -> None:
        compose, own = pairs(SERVICES["redis"]["command"][1:]), pairs(stack.redis.command()[1:])
        assert own.keys() - compose.keys() == REDIS_ONLY_STACK.keys()
        assert compose == {name: value for name, value in own.items() if name not in REDIS_ONLY_STACK}

    def test_the_store_has_the_same_options(self, stack: Stack) -> None:
        compose, own = options(SERVICES["storage"]["entrypoint"], "-"), options(stack.storage.command(), "-")
        places = STORAGE_PORTS | {"dir", "s3.config"}
        assert compose.keys() - own.keys() == STORAGE_ONLY_COMPOSE.keys()
        assert own.keys() - compose.keys() - STORAGE_PORTS == STORAGE_ONLY_STACK.keys()
        both = (compose.keys() & own.keys()) - places
        assert {name for name in both if compose[name] != own[name]} == STORAGE_OTHER.keys()


def rendered(folder: Path) -> dict[str, str]:
    """The variables that edge.sh hands to render.py when `edge-config` starts it."""
    service = SERVICES["edge-config"]
    shell, script, *_folders = service["entrypoint"]
    for made in ("bin", "pki", "edge", "portal"):
        (folder / made).mkdir()
    for name in ("ca.crt", "server.crt", "server.key"):
        (folder / "pki" / name).touch()
    (folder / "secret").write_text(SECRET)
    told = folder / "told"
    for name, text in (("python", f'printf "%s\\n" "$@" > {shlex.quote(str(told))}'), ("dossier", "true")):
        (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / "bin" / name).chmod(0o755)
    places = {"EDGE_SECRET_FILE": str(folder / "secret"), "DOSSIER_PORTAL_DIR": str(folder / "portal")}
    path = {"PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    argv = [shell, ROOT / script.removeprefix(SHARE), folder / "edge", folder / "pki"]
    subprocess.run(argv, env=service["environment"] | places | path, check=True, timeout=60)
    program, _folder, *variables = told.read_text().splitlines()
    assert program.endswith("/render.py")
    return dict(each.split("=", 1) for each in variables)


class TestEdge:
    def test_has_the_same_variables(self, stack: Stack, tmp_path: Path) -> None:
        compose = rendered(tmp_path)
        own = stack.make_nginx().variables(stack.portal, tmp_path)
        assert compose.keys() - own.keys() == EDGE_ONLY_COMPOSE.keys()
        assert own.keys() - compose.keys() == EDGE_ONLY_STACK.keys()
        secrets, listens = {"EDGE_SECRET"}, {name for name in compose if name.endswith("_LISTEN")}
        assert compose["EDGE_SECRET"] == SECRET
        both = (compose.keys() & own.keys()) - secrets - listens
        assert {name: one_of(compose[name]) for name in both} == {name: one_of(own[name]) for name in both}
        assert one_of(compose["EDGE_PARTNER_SERVERS"]) == one_of(own["EDGE_SERVERS"])


def one_of(value: str) -> str:
    """A value without its place; of servers that are told alike, one."""
    return " ".join(dict.fromkeys(re.findall(r"server [^;]+;", alike(value)) or [alike(value)]))
