"""The chart's scripts for real: filling the edges in, running nginx and watching its certificates, and the smoke test."""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from dossier.serve import free_port
from tests.conftest import BUILT_PORTAL
from tests.deploy.asking import Door
from tests.deploy.charts import CHART, ROOT
from tests.deploy.conftest import settings, start
from tests.trust.server import Server, Template
from tools.nginx import HOST, PROGRAM, SECRET, folder_for_nginx
from tools.pki import Authority
from tools.servers import hand_over, unprivileged

pytestmark = pytest.mark.slow
FILES = CHART / "files"
SECONDS = 20.0


def eventually(holds: Callable[[], object], what: str, log: "Path | None" = None) -> None:
    """Wait until ``holds()``."""
    until = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < until, f"{what}: {log.read_text() if log else ''}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
        return True
    return False


@dataclass
class Face:
    """An edge of the chart, before one address, in a folder of its own."""

    name: str
    home: Path
    pki: Authority
    upstream: str
    url: str
    port: int = 0
    plain_port: int = field(default_factory=lambda: free_port(HOST))
    probe_port: int = field(default_factory=lambda: free_port(HOST))
    process: "subprocess.Popen[bytes] | None" = None

    def __post_init__(self) -> None:
        self.port = self.port or free_port(HOST)
        for each in ("tls", "partners", "run", "edge"):
            (self.home / each).mkdir(parents=True)
        self.show("server")
        shutil.copy(self.pki.path("ca", "crt"), self.home / "partners/ca.crt")
        (self.home / "edge_secret").write_text(SECRET + "\n")

    @property
    def folder(self) -> Path:
        """What nginx reads."""
        return self.home / "edge"

    def show(self, name: str) -> None:
        """Mount this certificate."""
        for kind in ("crt", "key"):
            shutil.copy(self.pki.path(name, kind), self.home / f"tls/tls.{kind}")
        hand_over(self.home / "tls")

    def configure(self) -> None:
        """What the init container does."""
        environment = {
            "DOSSIER_PUBLIC_URL": self.url,
            "DOSSIER_PORTAL_DIR": str(BUILT_PORTAL),
            "EDGE_SHARE": str(ROOT),
            "EDGE_FOLDER": str(self.folder),
            "EDGE_RUN": str(self.home / "run"),
            "EDGE_UPSTREAM": self.upstream,
            "EDGE_HTTP_LISTEN": f"{HOST}:{self.plain_port}",
            "EDGE_LISTEN": f"{HOST}:{self.port}",
            "EDGE_PROBE_LISTEN": f"{HOST}:{self.probe_port}",
            "EDGE_TLS": str(self.home / "tls"),
            "EDGE_WORKERS": "2",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        if self.name == "partner":
            environment |= {
                "EDGE_CA": str(self.home / "partners/ca.crt"),
                "EDGE_SECRET_FILE": str(self.home / "edge_secret"),
            }
        subprocess.run(["sh", FILES / "edge.sh", self.name], env=environment, check=True, timeout=60)

    def start(self) -> None:
        """What the container of nginx does."""
        (self.home / "output").touch()  # a container's output belongs to its user
        hand_over(self.home)
        script = shutil.copy(FILES / "nginx.sh", self.home)
        argv = ["sh", script, self.folder / "nginx.conf", self.home / "tls", self.home / "partners"]
        environment = {"PATH": f"{Path(PROGRAM).parent}:{os.environ['PATH']}", "EDGE_WATCH_SECONDS": "0.1"}
        with (self.home / "output").open("ab") as output:
            self.process = subprocess.Popen(
                argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **unprivileged()
            )
        eventually(
            lambda: listens(self.port) and listens(self.probe_port), "nginx does not listen", self.home / "output"
        )

    def stop(self) -> int:
        """End it as its image's stop signal does; the exit code."""
        if self.process is None:
            return 0
        self.process.send_signal(signal.SIGQUIT)
        try:
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()

    def door(self, client: str = "") -> Door:
        """Who asks here, with a client certificate of that name."""
        pair = (self.pki.path(client, "crt"), self.pki.path(client, "key")) if client else None
        return Door(self.port, self.pki.path("ca", "crt"), pair)


@dataclass
class Whole:
    """Both edges, each before a program with its own face."""

    portal: Face
    partner: Face
    template: Template
    pki: Authority

    def smoke(self, **changed: str) -> "subprocess.CompletedProcess[str]":
        """The smoke test, as the chart's Job runs it."""
        environment = {
            "SMOKE_URL": self.portal.url,
            "SMOKE_PORTAL": f"{HOST}:{self.portal.port}",
            "SMOKE_PLAIN": f"{HOST}:{self.portal.plain_port}",
            "SMOKE_PARTNER": f"{HOST}:{self.partner.port}",
            "SMOKE_VERIFY": "true",
            "SMOKE_CA": str(self.pki.path("ca", "crt")),
            "SMOKE_SECONDS": "0",
        } | changed
        argv = [sys.executable, "-I", "-c", (FILES / "smoke.py").read_text()]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def whole(data_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    """All of it, once."""
    with folder_for_nginx(tmp_path_factory.mktemp("chart")) as home, contextlib.ExitStack() as ending:
        pki = Authority.make(home / "pki")
        pki.server(HOST, "localhost")
        pki.client("nordwind", "Nordwind")
        port, data = free_port(HOST), data_template.copy(home / "data")
        url = f"https://{HOST}:{port}"
        shared = {"portal_dir": str(BUILT_PORTAL), "public_url": url, "trusted_proxies": "1"}
        faces = []
        for name, more in (("portal", {"edge_secret": ""}), ("partner", {"edge_secret": SECRET})):
            server = Server(data_template, data, settings(shared | more))
            ending.callback(server.kill)
            start(server, "--no-worker", "--face", name)
            face = Face(name, home / name, pki, f"{HOST}:{server.port}", url, port if name == "portal" else 0)
            face.configure()
            ending.callback(face.stop)
            face.start()
            faces.append(face)
        portal, partner = faces
        yield Whole(portal, partner, data_template, pki)


class TestFaces:
    def test_people_get_the_portal_and_the_api(self, whole: Whole) -> None:
        page = whole.portal.door().ask("GET", "/")
        assert (page.status, page.body) == (200, (BUILT_PORTAL / "index.html").read_bytes())
        mine = whole.portal.door().ask("GET", "/api/v1/me", Authorization=f"Bearer {whole.template.token}")
        assert mine.status == 200

    def test_partners_get_in_by_their_certificate_alone(self, whole: Whole) -> None:
        body = {"certificate": whole.pki.path("nordwind", "crt").read_text(), "name": "Nordwind", "role": "editor"}
        owner = f"Bearer {whole.template.token}"
        made = whole.portal.door().ask("POST", "/api/v1/certificates", body | {"scopes": ["read"]}, Authorization=owner)
        assert made.status == 201, made.body
        assert whole.partner.door("nordwind").ask("GET", "/api/v1/me").status == 200
        assert whole.partner.door().ask("GET", "/api/v1/me", Authorization=owner).status == 401
        assert whole.partner.door("nordwind").ask("GET", "/").status == 404
        # At the other door a certificate is nothing, and nobody speaks for the edge.
        assert whole.portal.door("nordwind").ask("GET", "/api/v1/me").status == 401

    def test_neither_knows_what_is_the_others(self, whole: Whole) -> None:
        portal = {path.name: path.read_text() for path in whole.portal.folder.glob("*.conf")}
        partner = {path.name: path.read_text() for path in whole.partner.folder.glob("*.conf")}
        assert SECRET not in "".join(portal.values())
        assert "partner.conf" not in portal
        assert SECRET in partner["partner.conf"]
        assert "dossier;" not in partner["portal.conf"]
        assert not (whole.partner.folder / "portal").exists()
        assert not listens(whole.partner.plain_port)

    def test_a_second_start_of_the_pod_finds_its_folder(self, whole: Whole) -> None:
        for face in (whole.portal, whole.partner):
            before = {path.name: path.read_text() for path in face.folder.glob("*.conf")}
            face.configure()
            assert {path.name: path.read_text() for path in face.folder.glob("*.conf")} == before
            assert not (face.folder / "portal/built").exists()
            hand_over(face.folder)

    def test_takes_no_more_processes_than_it_is_told(self, whole: Whole) -> None:
        assert "\nworker_processes 2;\n" in (whole.portal.folder / "nginx.conf").read_text()


class TestCertificates:
    def served(self, face: Face) -> bytes:
        context = ssl.create_default_context(cafile=str(face.pki.path("ca", "crt")))
        with (
            socket.create_connection((HOST, face.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as tls,
        ):
            return tls.getpeercert(binary_form=True) or b""

    @pytest.mark.parametrize("name", ["portal", "partner"])
    def test_a_renewed_one_is_shown_soon(self, name: str, whole: Whole) -> None:
        face: Face = getattr(whole, name)
        before = self.served(face)
        whole.pki.renew("server")
        face.show("server")
        eventually(lambda: self.served(face) != before, "the old certificate is still shown")

    def test_one_that_is_broken_changes_nothing(self, whole: Whole) -> None:
        before = self.served(whole.portal)
        (whole.portal.home / "tls/tls.crt").write_text("no certificate")
        log = whole.portal.home / "output"
        eventually(lambda: "cannot load certificate" in log.read_text(), "nginx was not told")
        assert self.served(whole.portal) == before
        whole.portal.show("server")
        eventually(lambda: self.served(whole.portal), "nginx is gone")


class TestAway:
    def test_a_read_that_meets_a_dead_pod_is_asked_again(self, whole: Whole, tmp_path: Path) -> None:
        """Behind a Service the second connection most often leads to another pod."""
        asked: list[bytes] = []

        def serve(listener: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _address = listener.accept()
                    asked.append(client.recv(65536))
                    if len(asked) % 2 == 0:
                        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                    client.close()

        with socket.create_server((HOST, 0)) as listener, folder_for_nginx(tmp_path / "nginx") as home:
            threading.Thread(target=serve, args=(listener,), daemon=True).start()
            upstream = f"{HOST}:{listener.getsockname()[1]}"
            face = Face("portal", home / "face", whole.pki, upstream, "https://dossier.example.com")
            face.configure()
            face.start()
            try:
                assert face.door().ask("GET", "/api/v1/me").body == b"ok"
                assert len(asked) == 2
                # What changes something is never sent twice.
                assert face.door().ask("POST", "/api/v1/folders", {}).status == 503
                assert len(asked) == 3
            finally:
                assert face.stop() == 0


class TestSmoke:
    def test_is_content(self, whole: Whole) -> None:
        done = whole.smoke()
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count("is well") == 5

    def test_goes_without_partners(self, whole: Whole) -> None:
        done = whole.smoke(SMOKE_PARTNER="")
        assert (done.returncode, done.stdout.count("is well")) == (0, 4)

    @pytest.mark.parametrize(
        "what", ["partners' door for people", "nobody", "another name", "a stranger's certificate"]
    )
    def test_finds_what_is_wrong(self, what: str, whole: Whole) -> None:
        changed = {
            "partners' door for people": {"SMOKE_PORTAL": f"{HOST}:{whole.partner.port}"},
            "nobody": {"SMOKE_PARTNER": f"{HOST}:{free_port(HOST)}"},
            "another name": {"SMOKE_URL": "https://localhost:1"},
            "a stranger's certificate": {"SMOKE_CA": str(Path(ssl.get_default_verify_paths().openssl_cafile))},
        }[what]
        done = whole.smoke(**changed)
        assert done.returncode == 1, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1].startswith("smoke: ")
