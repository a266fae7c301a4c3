"""What is there for containers, held against the code and against itself. No container engine runs here."""

import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from typer.main import get_command

from dossier.cli import cli
from dossier.core.mail import SmtpMail
from dossier.core.settings import Settings
from dossier.core.vault import parse
from tests.conftest import BUILT_PORTAL
from tools.nginx import PROGRAM
from tools.servers import SeaweedFS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
OURS = {name for name, service in SERVICES.items() if "build" in service}
SHARE = "/usr/share/dossier/"
# Needed for nothing that is built.
LEFT_OUT = "web/tests/"


@dataclass
class Stage:
    """A stage of the Dockerfile: what it stands on, and its instructions, each a word and the rest of the line."""

    base: str
    lines: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        """What follows the word, in order."""
        return [rest for each, rest in self.lines if each == word]


def stages() -> dict[str, Stage]:
    """The stages by name; ``""`` holds what stands before the first one."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.M).replace("\\\n", " ")
    found = {"": Stage("")}
    for line in filter(None, map(str.strip, text.splitlines())):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            base, name = rest.split(" AS ")
            found[name] = Stage(base)
        else:
            found[[*found][-1]].lines.append((word, rest.strip()))
    return found


STAGES = stages()


def copies() -> Iterator[tuple[str, str]]:
    """What is copied out of the clone, and where to."""
    for stage in STAGES.values():
        for rest in stage.of("COPY"):
            if not rest.startswith("--from="):
                *sources, target = rest.split()
                yield from ((source, target) for source in sources)


def is_ignored(path: str) -> bool:
    """Whether the builder does not get a file: of the patterns that meet it or a folder above, the last one decides."""
    ignored = False
    for pattern in filter(None, (DEPLOY.parent / ".dockerignore").read_text().splitlines()):
        exception, pattern = pattern.startswith("!"), pattern.removeprefix("!")
        form = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
        if not pattern.startswith("#") and re.fullmatch(f"{form}(/.*)?", path):
            ignored = not exception
    return ignored


def kept(where: str) -> list[str]:
    """The files of the clone below a path that belong to it, new ones included."""
    argv = ["git", "ls-files", "--cached", "--others", "--exclude-standard", where]
    return subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")[:-1]


def shown(value: str) -> str:
    """A text of compose.yml with its variables' defaults filled in."""
    return re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", value)


class TestDockerfile:
    @pytest.mark.parametrize("source", sorted({source for source, _target in copies()}))
    def test_gets_what_it_copies(self, source: str) -> None:
        assert (ROOT / source).exists()
        files = kept(source)
        assert files
        assert [path for path in files if is_ignored(path) and not path.startswith(LEFT_OUT)] == []

    @pytest.mark.parametrize(
        "path",
        [
            *(".git/config", ".env", "deploy/.env", "deploy/secrets/edge_secret", "var/dossier.sqlite3"),
            *("web/node_modules/nuxt/package.json", "web/.output/public/index.html", "dossier/core/__pycache__/a.pyc"),
        ],
    )
    def test_gets_nothing_secret_or_built(self, path: str) -> None:
        assert is_ignored(path)

    def test_hadolint_finds_nothing(self) -> None:
        program = ROOT / ".delivery" / "bin" / "hadolint"
        assert program.exists(), "`make .delivery/.done` fetches it"
        done = subprocess.run(
            [program, "--no-color", DEPLOY / "Dockerfile"], capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stdout) == (0, "")

    def test_stands_on_what_can_be_pinned(self) -> None:
        arguments = {rest.split("=")[0] for rest in STAGES[""].of("ARG")}
        for stage in [*STAGES.values()][1:]:
            assert stage.base in STAGES or stage.base.removeprefix("${").removesuffix("}") in arguments

    @pytest.mark.parametrize("name", ["program", "office", "dossier"])
    def test_does_not_run_as_root(self, name: str) -> None:
        users = STAGES[name].of("USER") or STAGES[STAGES[name].base].of("USER")
        assert users[-1] == SERVICES["api"]["user"] == "10001:10001"

    def test_builds_without_office_where_no_target_is_named(self) -> None:
        assert [*STAGES][-1] == "dossier"
        assert STAGES["dossier"].base == "program"

    def test_takes_packages_by_their_hashes_alone(self) -> None:
        installs = [rest for stage in STAGES.values() for rest in stage.of("RUN") if "pip install" in rest]
        assert all("--require-hashes" in rest or "--no-index" in rest for rest in installs)
        assert len(installs) == 2

    @pytest.mark.parametrize("status", [200, 503])
    def test_asks_how_the_program_is(self, status: int) -> None:
        class Answering(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the library's name
                self.send_response(status if self.path == "/health/live" else 404)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
                pass

        with http.server.HTTPServer(("127.0.0.1", 0), Answering) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            _options, command = STAGES["program"].of("HEALTHCHECK")[0].split(" CMD ")
            argv = [sys.executable, *json.loads(command)[1:]]
            done = subprocess.run(argv, env={"DOSSIER_PORT": str(server.server_port)}, timeout=30)
        assert done.returncode == (status != 200)


class TestSettings:
    def test_every_variable_is_a_setting(self) -> None:
        named = {
            name
            for path in map(ROOT.joinpath, kept("deploy"))
            for name in re.findall(r"\bDOSSIER_([A-Z0-9_]+)", path.read_text())
        }
        assert {name.lower().removesuffix("_file") for name in named} <= Settings.model_fields.keys()

    @pytest.mark.parametrize("name", sorted(OURS))
    def test_the_values_are_taken(self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        secret = tmp_path / "secret"
        secret.write_text("0123456789abcdef" * 2 + "0123456789A=")  # long enough for the edge, and 32 bytes in Base64
        for variable, value in SERVICES[name]["environment"].items():
            if variable.startswith("DOSSIER_"):
                monkeypatch.setenv(variable, str(secret) if variable.endswith("_FILE") else shown(value))
        settings = Settings()
        assert settings.base_url == "https://localhost:8443"
        assert settings.database_url == ("mysql://database/dossier" if name != "edge-config" else "")


class TestServices:
    @pytest.mark.parametrize("name", sorted(SERVICES))
    def test_is_locked_in(self, name: str) -> None:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert (service["cap_drop"], service.get("cap_add", [])) == (["ALL"], [])
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["user"].split(":")[0]) > 0

    @pytest.mark.parametrize("name", sorted(SERVICES))
    def test_ends_or_is_kept_and_watched(self, name: str) -> None:
        service = SERVICES[name]
        serves = name in OURS and "entrypoint" not in service and service["command"][0] == "serve"
        assert service["restart"] in ("no", "unless-stopped")
        assert (name in ONE_SHOT) != ("healthcheck" in service or serves)  # the image looks after `serve`

    def test_those_that_end(self) -> None:
        assert {"migrate", "bucket", "edge-config"} == ONE_SHOT

    @pytest.mark.parametrize("name", sorted(SERVICES))
    def test_waits_for_others_until_they_are_ready(self, name: str) -> None:
        for other, how in SERVICES[name].get("depends_on", {}).items():
            wanted = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
            assert (other in SERVICES, how["condition"]) == (True, wanted)

    @pytest.mark.parametrize("name", ["api", "partner", "worker"])
    def test_waits_for_the_schema_and_the_bucket(self, name: str) -> None:
        assert SERVICES[name]["depends_on"].keys() >= {"migrate", "bucket"}

    def test_all_that_is_used_is_declared_and_all_that_is_declared_is_used(self) -> None:
        for kind in ("networks", "secrets"):
            used = {name for service in SERVICES.values() for name in service.get(kind, [])}
            assert used == COMPOSE[kind].keys()
        mounts = {mount.split(":")[0] for service in SERVICES.values() for mount in service.get("volumes", [])}
        files = {mount for mount in mounts if mount.startswith("./")}
        assert mounts - files == COMPOSE["volumes"].keys()
        assert all((DEPLOY / path).exists() for path in files)

    @pytest.mark.parametrize("name", sorted(SERVICES))
    def test_reads_the_secrets_that_it_has(self, name: str) -> None:
        given = {f"/run/secrets/{secret}" for secret in SERVICES[name].get("secrets", [])}
        assert set(re.findall(r"/run/secrets/[\w.]+", json.dumps(SERVICES[name]))) == given

    def test_only_the_edge_can_be_reached(self) -> None:
        """From elsewhere; what is there to try things out with is for this machine alone."""
        assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {
            "edge": ["8443:8443", "9443:9443"],
            "mail": ["127.0.0.1:8025:8025"],
            "wiremock": ["127.0.0.1:8089:8089"],
        }
        assert COMPOSE["networks"]["back"] == {"internal": True}
        assert SERVICES["edge"]["networks"] == ["front"]
        assert {name for name, service in SERVICES.items() if service.get("networks") == ["back"]} == {
            *("database", "redis", "storage", "migrate", "bucket")
        }

    @pytest.mark.parametrize("name", sorted(name for name in OURS if "entrypoint" not in SERVICES[name]))
    def test_runs_a_command_that_there_is(self, name: str) -> None:
        word, *rest = SERVICES[name]["command"]
        commands: dict[str, Any] = get_command(cli).commands  # type: ignore[attr-defined]  # the group's
        commands[word].make_context(word, rest)  # raises where it knows an argument or a value not

    @pytest.mark.parametrize("name", sorted(name for name in OURS if "entrypoint" in SERVICES[name]))
    def test_runs_a_file_that_the_image_has(self, name: str) -> None:
        script = SERVICES[name]["entrypoint"][1].removeprefix(SHARE)
        assert (ROOT / script).is_file()
        assert (script, f"{SHARE}deploy/") in set(copies())

    def test_mails_go_to_the_one_that_catches_them(self, tmp_path: Path) -> None:
        shutil.copy(DEPLOY / "secrets.sh", tmp_path)
        subprocess.run(["sh", tmp_path / "secrets.sh"], check=True, timeout=30)
        url = urlsplit((tmp_path / "secrets/smtp_url").read_text())
        assert (url.hostname in SERVICES, url.port) == (True, 1025)
        SmtpMail(url.geturl())  # raises where it cannot be used
        assert {*SERVICES["api"]["networks"]} & {*SERVICES[url.hostname or ""]["networks"]}

    def test_has_images_of_one_release_each(self) -> None:
        images = [service["image"] for name, service in SERVICES.items() if name not in OURS]
        assert [image for image in images if not re.search(r":v?\d+\.\d+", image)] == []


class TestSecrets:
    def make(self, folder: Path) -> dict[str, str]:
        shutil.copy(DEPLOY / "secrets.sh", folder)
        subprocess.run(["sh", folder / "secrets.sh"], check=True, timeout=30)
        return {path.name: path.read_text() for path in (folder / "secrets").iterdir()}

    def test_all_are_made(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        declared = {secret["file"].removeprefix("secrets/") for secret in COMPOSE["secrets"].values()}
        assert made.keys() == declared == COMPOSE["secrets"].keys()
        others = ("smtp_url", "storage_identities.json", "master_key")
        random = [value for name, value in made.items() if name not in others]
        assert all(re.fullmatch("[0-9a-f]{48}", value) for value in random)
        assert len(parse(made["master_key"].strip())) == 32
        assert len(set(random)) == len(random)
        (identity,) = json.loads(made["storage_identities.json"])["identities"]
        assert identity["credentials"] == [
            {"accessKey": made["storage_access_key"], "secretKey": made["storage_secret_key"]}
        ]

    def test_those_that_are_there_stay(self, tmp_path: Path) -> None:
        made = self.make(tmp_path)
        (tmp_path / "secrets/smtp_url").write_text("smtp://mail.example")
        assert self.make(tmp_path) == made | {"smtp_url": "smtp://mail.example"}

    def test_nobody_else_gets_at_them(self, tmp_path: Path) -> None:
        """A container reads one that is mounted, whatever its user is; other people of the machine do not get that far."""
        self.make(tmp_path)
        assert (tmp_path / "secrets").stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "secrets").iterdir()} == {0o644}

    @pytest.mark.parametrize("path", ["deploy/secrets/edge_secret", "deploy/.env"])
    def test_git_does_not_take_them(self, path: str) -> None:
        assert subprocess.run(["git", "check-ignore", "--quiet", path], cwd=ROOT).returncode == 0


def configure(folder: Path) -> None:
    """What `edge-config` does, with its own arguments and variables, in ``edge`` and ``pki`` of this folder."""
    service = SERVICES["edge-config"]
    environment = {name: shown(value) for name, value in service["environment"].items()}
    # The names of other services are known in their network alone.
    servers = {name: re.sub("api|partner", "127.0.0.1", environment[name]) for name in environment if "SERVERS" in name}
    (folder / "secret").write_text("0123456789abcdef" * 3)
    places = {"EDGE_SECRET_FILE": str(folder / "secret"), "DOSSIER_PORTAL_DIR": str(BUILT_PORTAL)}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell, script, *_folders = service["entrypoint"]
    argv = [shell, ROOT / script.removeprefix(SHARE), folder / "edge", folder / "pki"]
    subprocess.run(argv, env=environment | servers | places | {"PATH": path}, check=True, timeout=120)


@pytest.fixture(scope="module")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a first run."""
    folder = tmp_path_factory.mktemp("configured")
    for name in ("edge", "pki", "run"):
        (folder / name).mkdir()
    configure(folder)
    return folder


@pytest.mark.slow
class TestEdge:
    @pytest.mark.skipif(not Path(PROGRAM).exists(), reason="nginx is not installed")
    def test_nginx_takes_it(self, configured: Path, tmp_path: Path) -> None:
        shutil.copytree(configured / "edge", made := tmp_path / "edge")
        for conf in made.glob("*.conf"):
            here = conf.read_text().replace("/run/dossier-edge", str(configured / "run"))
            conf.write_text(here.replace(str(configured / "edge"), str(made)))
        argv = [PROGRAM, "-t", "-e", "stderr", "-c", str(made / "nginx.conf")]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr

    def test_is_whole_and_for_its_owner_alone(self, configured: Path) -> None:
        made = configured / "edge"
        assert {"partner.conf", "site.conf", "headers.conf"} <= {path.name for path in made.iterdir()}
        assert (made / "portal/index.html").read_bytes() == (BUILT_PORTAL / "index.html").read_bytes()
        assert {path.stat().st_mode & 0o077 for path in made.rglob("*")} == {0}
        assert not (made / "ca.key").exists()

    def test_nginx_has_a_folder_to_write_to(self, configured: Path) -> None:
        place = SERVICES["edge"]["tmpfs"][0].split(":")[0]
        assert f"pid {place}/nginx.pid;" in (configured / "edge/nginx.conf").read_text()

    def test_a_second_time_it_keeps_the_certificates(self, configured: Path) -> None:
        before = {path: path.read_bytes() for path in (configured / "pki").iterdir()}
        configure(configured)
        assert {path: path.read_bytes() for path in (configured / "pki").iterdir()} == before


@pytest.mark.slow
class TestBucket:
    def test_is_made_once(self, seaweed: SeaweedFS) -> None:
        environment = {
            "DOSSIER_STORAGE_URL": seaweed.address("main").replace("s3://dossier/", "s3://of-compose/"),
            "DOSSIER_STORAGE_ACCESS_KEY": seaweed.access_key,
            "DOSSIER_STORAGE_SECRET_KEY": seaweed.secret_key,
        }
        script = SERVICES["bucket"]["entrypoint"][1].removeprefix(SHARE)
        for _time in range(2):
            done = subprocess.run(
                [sys.executable, ROOT / script], env=environment, capture_output=True, text=True, timeout=120
            )
            assert done.returncode == 0, done.stderr
