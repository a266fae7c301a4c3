"""Every other command of the pages: run here, with servers and stand-ins of this machine, or in another test, or in a list
of those that need what no test has, with the reason.

Blocks are taken from the pages as they are; a test puts its own places where the page has some.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from textwrap import dedent

import httpx
import pytest
import yaml

from dossier.core.secrets import Address
from dossier.core.settings import Settings
from tests.conftest import BUILT_PORTAL
from tests.connectors.servers import PASSWORD, USER, WsgiDav
from tests.deploy.charts import helm
from tests.test_docs_commands import BLOCK, PAGES, ROOT
from tools.nginx import PROGRAM, SECRET, Nginx, folder_for_nginx
from tools.servers import MariaDb, SeaweedFS, free_ports, hand_over, until
from tools.stack import Program

API, OPERATIONS = "docs/api.md", "docs/operations.md"
LINKS, STACKS, CHART = "docs/integrations/README.md", "deploy/cloudformation/README.md", "deploy/helm/README.md"
ARGO, WORKFLOWS, TUTORIAL = "deploy/argocd/README.md", ".github/README.md", "docs/tutorial.md"

# The blocks that tests below run: the page, and how the block begins.
RUN = {
    "mappings": (API, "java -jar"),
    "more mappings": (API, "for FILE in"),
    "an error": (API, "curl -i -H"),
    "link": (LINKS, "curl -sS"),
    "secrets": (OPERATIONS, "DOSSIER_DATABASE_URL="),
    "database": (OPERATIONS, "CREATE DATABASE"),
    "contents": (OPERATIONS, "dossier storage copy"),
    "edge": (OPERATIONS, "python deploy/nginx/render.py"),
    "certificates": (OPERATIONS, "python tools/pki.py"),
    "stacks": (STACKS, "export AWS_REGION"),
    "account": (STACKS, "umask 077"),
    "database of the account": (STACKS, "ALTER DATABASE"),
    "chart": (CHART, "helm upgrade"),
}
# What is printed, what lies where, a drawing.
SHOWN = {("README.md", "Dossier is at"), (OPERATIONS, "var/"), (CHART, "people ──")}
# Commands that another test gives in its own way, or has done before it begins.
ELSEWHERE = {
    ("README.md", "make run"): "tests/test_serve.py",
    ("README.md", "make test"): "tests/deploy/test_workflows.py",
    ("README.md", 'export PATH="$PWD/.venv/bin:$PATH"'): "tests/test_docs.py",
    ("README.md", "export DOSSIER_URL=http://127.0.0.1:8000"): "tests/test_docs.py",
    ("CONTRIBUTING.md", "make run"): "tests/test_serve.py",
    (OPERATIONS, "python deploy/drill.py"): "tests/faults/test_drill.py",
    (OPERATIONS, "sh deploy/secrets.sh"): "tests/deploy/test_compose.py",
    (OPERATIONS, "read -rs DOSSIER_TOKEN"): "tests/transfer/test_remote_refusals.py",
    (OPERATIONS, "dossier import papers --to"): "tests/transfer/test_remote_refusals.py",
    (TUTORIAL, "make run"): "tests/test_docs.py",
}
ENGINE = "it needs a container engine"
# Commands that no test runs, and what they would need.
LEFT = {
    ("CONTRIBUTING.md", "make setup"): "it fetches packages: each run in CI begins with it",
    (WORKFLOWS, "cosign verify"): "it needs an image that was signed in a registry",
    (WORKFLOWS, "gh attestation"): "it needs an image that was signed in a registry",
    (OPERATIONS, "apt-get install"): "it changes the machine",
    (OPERATIONS, "echo EDGE_HOST="): ENGINE,
    (OPERATIONS, "docker compose -f deploy/compose.yml up"): ENGINE,
    (OPERATIONS, "docker compose -f deploy/compose.yml logs"): ENGINE,
    (OPERATIONS, "compose()"): ENGINE,
    (OPERATIONS, "compose exec"): ENGINE,
    (OPERATIONS, "compose cp"): ENGINE,
    (OPERATIONS, "pki()"): ENGINE,
    (OPERATIONS, "pki python"): ENGINE,
    (OPERATIONS, "pki cat"): ENGINE,
    (OPERATIONS, "compose run"): ENGINE,
    (ARGO, "kubectl apply --filename deploy/argocd/namespaces.yaml"): "it asks a cluster for its kinds",
    (ARGO, "kubectl apply --filename deploy/argocd/project.yaml"): "it asks a cluster for its kinds",
}


def blocks() -> Iterator[tuple[str, str]]:
    """The blocks that test_docs does not run: page and text."""
    for page in PAGES:
        for run, language, text in BLOCK.findall(page.read_text()):
            if not run and language in ("", "bash", "sh"):
                yield str(page.relative_to(ROOT)), dedent(text)


BLOCKS = list(blocks())


def lines(text: str) -> Iterator[str]:
    """The commands of a block: continued ones as one, without comments and the variables before them."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if command := re.sub(r"""^(\w+=(?:'[^']*'|"[^"]*"|\S*) +)*""", "", re.sub(r"(^|\s+)#\s.*$", "", line)):
            yield command.strip()


def text(name: str, places: Mapping[str, object] | None = None) -> str:
    """A block of RUN, with places of the test in the place of the page's, each of which has to stand there."""
    page, beginning = RUN[name]
    (found,) = [each for where, each in BLOCKS if where == page and each.startswith(beginning)]
    for old, new in (places or {}).items():
        assert old in found, f"{page} does not say {old} any more"
        found = found.replace(old, str(new))
    return found


def bash(script: str, folder: Path, **environment: str) -> str:
    """What a script prints that runs to its end."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("DOSSIER_")}
    path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), ours["PATH"]])
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env=ours | {"PATH": path, "HOME": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class TestAll:
    def test_every_block_is_run_or_each_of_its_commands_is_in_a_list(self) -> None:
        taken = {*RUN.values(), *SHOWN}
        lists = {*ELSEWHERE, *LEFT}
        used = set[tuple[str, str]]()
        for page, block in BLOCKS:
            if of_page := {(where, start) for where, start in taken if where == page and block.startswith(start)}:
                used |= of_page
                continue
            for line in lines(block):
                named = {(where, start) for where, start in lists if where == page and line.startswith(start)}
                assert named, f"{page}: no test runs {line}, and no list says why"
                used |= named
        assert taken | lists == used, "the pages do not say all of these any more"

    def test_what_is_run_elsewhere_is(self) -> None:
        assert [file for file in ELSEWHERE.values() if not (ROOT / file).is_file()] == []


class TestSettings:
    def test_secrets_are_read_from_such_addresses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        given = dict(word.split("=", 1) for word in shlex.split(text("secrets")))
        found = [Address.parse(each) for each in given.pop("DOSSIER_SECRETS").split()]
        assert len(found) == 2
        for name, value in given.items():
            monkeypatch.setenv(name, value)
        assert Settings().database == "mysql+aiomysql://db.internal/dossier"


@pytest.mark.slow
class TestDatabase:
    def test_dossier_gets_along_with_what_the_statements_make(self, tmp_path: Path) -> None:
        server = MariaDb().start()
        try:
            server.execute(text("database", {"…": "a password"}))
            url = f"mysql://dossier:a%20password@127.0.0.1:{server.port}/dossier"
            bash("dossier migrate && dossier doctor", tmp_path, DOSSIER_DATABASE_URL=url)
            server.execute("DROP DATABASE dossier", "DROP USER dossier", "CREATE DATABASE dossier")  # as RDS begins
            server.execute(text("database of the account", {"…": "a password"}))
            with server.connect("dossier") as connection, connection.cursor() as cursor:
                cursor.execute("SELECT @@collation_database, (SELECT ssl_type FROM mysql.user WHERE user = 'dossier')")
                assert cursor.fetchone() == ("utf8mb4_bin", "ANY")
                cursor.execute("SHOW GRANTS FOR dossier")
                assert any("ON `dossier`.*" in str(row) for row in cursor.fetchall())
        finally:
            server.close()


@pytest.mark.slow
class TestContents:
    def test_move_to_a_bucket(self, seaweed: SeaweedFS, tmp_path: Path) -> None:
        seaweed.make_bucket("acme-dossier")
        keys = {"AWS_ACCESS_KEY_ID": seaweed.access_key, "AWS_SECRET_ACCESS_KEY": seaweed.secret_key}
        script = f"""
            echo content > file.txt
            dossier user add a@example.com --workspace acme --role owner
            dossier import file.txt --workspace acme
            {text("contents").replace("dossier doctor", "mv var/blobs away; dossier doctor")}
        """
        bash(script, tmp_path, AWS_ENDPOINT_URL_S3=seaweed.endpoint, **keys)


def token_of(program: Program) -> str:
    """The token of an owner."""
    own = {"DOSSIER_DATA_DIR": str(program.folder)}
    bash("dossier user add a@example.com --workspace acme --role owner", program.folder, **own)
    return bash("dossier token add a@example.com --workspace acme", program.folder, **own).strip()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with what the commands take from a clone; nginx gets in."""
    with folder_for_nginx(Path()) as folder:
        for name in ("deploy", "tools"):
            (folder / name).symlink_to(ROOT / name)
        yield folder


@pytest.mark.slow
class TestEdge:
    def test_programs_get_in_by_their_certificates(self, place: Path) -> None:
        *making, asking, sending = text("certificates").strip().splitlines()
        bash("\n".join(making), place)
        self.check_configuration(place)
        hand_over(place / "pki")
        settings = {"DOSSIER_EDGE_SECRET": SECRET, "DOSSIER_TRUSTED_PROXIES": "1"}
        program = Program(place / "dossier", dict(os.environ) | settings, "serve").start()
        nginx = Nginx(place / "nginx", [f"127.0.0.1:{program.port}"])
        try:
            nginx.write(BUILT_PORTAL, place / "pki")
            nginx.start()
            self.register(program, place / "pki/nordwind.crt")
            asking = asking.replace("localhost:8443", f"localhost:{nginx.partner_port}")
            assert json.loads(bash(asking, place))["user"]["name"] == "Nordwind"
            without = re.sub("--(cert|key) [^ ]+ ", "", asking)
            assert json.loads(bash(without, place))["code"] == "unauthenticated"
            (place / "README.md").write_text("Read me")
            sending = sending.replace("localhost:8443", f"localhost:{nginx.partner_port}")
            assert "1 added" in bash(sending, place)
            with pytest.raises(AssertionError, match="is not trusted"):
                bash(sending.removeprefix("SSL_CERT_FILE=pki/ca.crt "), place)
        finally:
            nginx.stop()
            program.stop()

    def register(self, program: Program, certificate: Path) -> None:
        """Let the certificate stand for a program of a workspace."""
        token = token_of(program)
        body = {
            "name": "Nordwind",
            "role": "editor",
            "scopes": ["read", "write"],
            "certificate": certificate.read_text(),
        }
        headers = {"Authorization": f"Bearer {token}"}
        made = httpx.post(f"http://127.0.0.1:{program.port}/api/v1/certificates", json=body, headers=headers)
        assert made.status_code == 201, made.text

    def check_configuration(self, place: Path) -> None:
        """What render.py and `dossier portal nginx` write is taken by nginx."""
        (place / "edge-secret").write_text(SECRET)
        for name in ("var", "run"):
            (place / name).mkdir()
        ports = dict(zip(("EDGE_HTTP_LISTEN", "EDGE_LISTEN", "EDGE_PARTNER_LISTEN"), free_ports(3), strict=True))
        own = " ".join(f"{name}={value}" for name, value in {**ports, "EDGE_RUN": place / "run"}.items())
        folder = place / "edge"
        places = {
            "/etc/dossier-edge": folder,
            "/etc/ssl/dossier.crt": place / "pki/server.crt",
            "/etc/ssl/private/dossier.key": place / "pki/server.key",
            "/etc/ssl/partners.crt": place / "pki/ca.crt",
            "/srv/dossier/portal": BUILT_PORTAL,
            "/srv/dossier/var": place / "var",
        }
        page = (ROOT / OPERATIONS).read_text()
        more = ["dossier portal nginx /etc/dossier-edge", "nginx -t -c /etc/dossier-edge/nginx.conf"]
        assert all(f"`{command}`" in page for command in more)
        steps = [
            f"{text('edge', places).strip()} {own}",
            *(each.replace("/etc/dossier-edge", str(folder)) for each in more),
        ]
        path = f"{Path(PROGRAM).parent}:$PATH"
        settings = {"DOSSIER_PUBLIC_URL": "https://dossier.example.com", "DOSSIER_PORTAL_DIR": str(BUILT_PORTAL)}
        bash(f"PATH={path}\n" + "\n".join(steps), place, **settings)
        assert "max_fails" in (folder / "nginx.conf").read_text()


@pytest.mark.slow
class TestMappings:
    def test_wiremock_answers_by_them(self, tmp_path: Path) -> None:
        shutil.copytree(ROOT / "deploy/wiremock", tmp_path / "deploy/wiremock")
        (archive,) = (ROOT / "tools/npm/node_modules/wiremock/build").glob("wiremock-standalone-*.jar")
        (tmp_path / archive.name).symlink_to(archive)
        (port,) = free_ports(1)
        first, asking = text("mappings", {"8080": port}).strip().splitlines()
        with subprocess.Popen(shlex.split(first), cwd=tmp_path, stdout=subprocess.DEVNULL) as process:
            try:
                url = f"http://127.0.0.1:{port}/__admin/health"
                until(lambda: process.poll() is not None or answers(url), 60, lambda: "WireMock does not answer")
                assert len(json.loads(bash(asking, tmp_path))["items"]) > 0
                bash(text("more mappings", {"8080": port}), tmp_path)
                head, _, body = bash(text("an error", {"8080": port}), tmp_path).partition("\n\n")
                assert head.startswith("HTTP/1.1 423")
                assert json.loads(body)["code"] == "document_locked"
            finally:
                process.kill()


def answers(url: str) -> bool:
    """Whether something answers 200 there."""
    with suppress(httpx.HTTPError):
        return httpx.get(url).status_code == 200
    return False


@pytest.mark.slow
class TestLink:
    def test_is_made(self, tmp_path: Path) -> None:
        files = WsgiDav(tmp_path / "dav").start()
        settings = {"DOSSIER_OUTWARD_HTTP": "true", "DOSSIER_OUTWARD_ALLOW": "127.0.0.0/8"}
        program = Program(tmp_path / "dossier", dict(os.environ) | settings, "serve").start()
        try:
            url = f"http://127.0.0.1:{program.port}"
            places = {
                "https://cloud.example.com/remote.php/dav/files/dossier/Contracts": files.address,
                '"username": "dossier"': f'"username": "{USER}"',
                "…": PASSWORD,
            }
            token = token_of(program)
            headers = {"Authorization": f"Bearer {token}"}
            folder = httpx.post(f"{url}/api/v1/folders", json={"name": "Here"}, headers=headers).json()["id"]
            made = json.loads(bash(text("link", places), tmp_path, DOSSIER=url, TOKEN=token, FOLDER=folder))
            assert (made["name"], made["place"]["url"]) == ("Contracts", files.address)
        finally:
            program.stop()
            files.close()


def stand_in(folder: Path, name: str, script: str) -> Path:
    """A program that a script finds under this name."""
    (folder / "bin").mkdir(exist_ok=True)
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


class TestAccount:
    def test_the_stacks_are_made(self, tmp_path: Path) -> None:
        (tmp_path / "deploy").symlink_to(ROOT / "deploy")
        program = stand_in(tmp_path, "aws", f'echo "$*" >> {tmp_path}/calls')
        bash(text("stacks"), tmp_path, AWS=str(program))
        calls = (tmp_path / "calls").read_text().splitlines()
        names = [call.split()[call.split().index("--stack-name") + 1] for call in calls]
        assert len(names) == 3 * 10 + 2 + 1
        assert [("--no-execute-changeset" in call) for call in calls] == [False] * 32 + [True]
        assert names[-3:] == ["dossier-prod-database", "dossier-prod-alarms", "dossier-prod-database"]

    def test_the_secret_is_what_dossier_reads(self, tmp_path: Path) -> None:
        stand_in(
            tmp_path,
            "aws",
            f"""case "$*" in
              *get-secret-value*dossier/dev/app*) echo '{{"edge_secret": "{SECRET}"}}' ;;
              *get-secret-value*dossier/dev/cache*) echo '{{"auth_token": "a-token"}}' ;;
              *list-exports*"'dossier-dev-CacheHost'"*) echo cache.internal ;;
              *put-secret-value*dossier/dev/app*file://app.json) cp app.json put.json ;;
              *) exit 9 ;;
            esac""",
        )
        bash(text("account"), tmp_path)
        put = json.loads((tmp_path / "put.json").read_text())
        assert Settings(**put).redis_url == "rediss://:a-token@cache.internal:6379/0"
        assert put.keys() == {"edge_secret", "master_key", "redis_url", "smtp_url"}
        assert not (tmp_path / "app.json").exists()


class TestChart:
    def test_is_rendered_with_these_files(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """`helm upgrade --install` asks a cluster; `helm template` makes the same of the same values."""
        monkeypatch.chdir(ROOT)
        command, testing = lines(text("chart"))
        words = shlex.split(command)
        assert words[:3] == ["helm", "upgrade", "--install"]
        assert words[-3:] == ["--wait", "--timeout", "20m"]
        done = helm(tmp_path, "template", *words[3:-3])
        assert done.returncode == 0, done.stderr
        made = [each for each in yaml.safe_load_all(done.stdout) if each]
        assert "dossier-dev" in {each["metadata"].get("namespace", "dossier-dev") for each in made}
        hooks = [each["metadata"].get("annotations", {}).get("helm.sh/hook") for each in made]
        assert "test" in hooks, "what `helm test` runs"
        assert shlex.split(testing) == ["helm", "--namespace", "dossier-dev", "test", "dossier", "--logs"]


class TestOffice:
    def test_the_packages_are_those_that_tests_have(self) -> None:
        (line,) = [
            line for page, block in BLOCKS if page == OPERATIONS for line in lines(block) if "libreoffice" in line
        ]
        packages = {word for word in line.split() if word.startswith("libreoffice")}
        for file in ("Makefile", "deploy/Dockerfile"):
            assert packages <= set((ROOT / file).read_text().split())
