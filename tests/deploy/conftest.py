"""The edge as it is run: a real nginx before two real programs on one data folder, and certificates of our own authority.
And the chart as it is rendered.
"""

import gzip
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from dossier.serve import free_port
from tests.conftest import BUILT_PORTAL
from tests.deploy.asking import Door
from tests.deploy.charts import ENVIRONMENTS, Release, files_of, objects, rendered
from tests.trust.server import Answer, Nursery, Server, Template, prepare_template
from tools.nginx import HOST, SECRET, Nginx, folder_for_nginx, let_read
from tools.pki import Authority
from tools.servers import hand_over

CLIENTS = ("partner", "unregistered", "other")


@dataclass
class Edge:
    """nginx, the two programs behind it, one without nginx, the authority that partners' certificates come from."""

    nginx: Nginx
    servers: list[Server]
    embedded: Server
    pki: Authority
    foreign: Authority
    token: str
    member: dict[str, Any]
    certificate: dict[str, Any]

    @property
    def ca(self) -> Path:
        """The authority that clients trust."""
        return self.pki.path("ca", "crt")

    def people(self, **headers: str) -> Door:
        """The door for people, with the owner's token unless ``Authorization`` says otherwise."""
        return Door(self.nginx.port, self.ca, headers={"Authorization": f"Bearer {self.token}"} | headers)

    def partners(self, name: str | None = "partner", authority: Authority | None = None, /, **headers: str) -> Door:
        """The partners' door, with a client certificate."""
        where = authority or self.pki
        pair = (where.path(name, "crt"), where.path(name, "key")) if name else None
        return Door(self.nginx.partner_port, self.ca, pair, headers)

    def register(self, file: str, **wanted: Any) -> Answer:
        """Register a certificate of the authority."""
        pem = self.pki.path(file, "crt").read_text()
        body = {"certificate": pem, "scopes": ["read", "write"]} | (wanted or {"name": file, "role": "editor"})
        return self.people().ask("POST", "/api/v1/certificates", body)

    def add(self, content: bytes, name: str) -> dict[str, Any]:
        """Add a document as the owner."""
        answer = self.people().ask("POST", f"/api/v1/documents?name={name}", content)
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json()
        return made


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that programs are forked off."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def data_template(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A data folder with a workspace and its owner."""
    return prepare_template(nursery, tmp_path_factory.mktemp("edge") / "template")


def authorities(folder: Path) -> tuple[Authority, Authority]:
    """Ours with a server and clients, and somebody else's with a client of the same name."""
    ours, foreign = Authority.make(folder / "pki"), Authority.make(folder / "foreign")
    ours.server("127.0.0.1", "localhost")
    for name in CLIENTS:
        ours.client(name, "Nordwind")
    ours.client("expired", "Nordwind", lasts=timedelta(minutes=5), ago=timedelta(hours=1))
    foreign.client("partner", "Nordwind")
    return ours, foreign


def settings(named: dict[str, str]) -> dict[str, str]:
    """Settings as the environment has them."""
    return {f"DOSSIER_{name.upper()}": value for name, value in named.items()}


def start(server: Server, *args: str, port: int = 0) -> Server:
    """Start a program; the address that it prints is the edge's."""
    port = port or free_port(HOST)
    server.start("--port", str(port), *args)
    server.host, server.port = HOST, port
    return server


@pytest.fixture(scope="module")
def edge(data_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    """The whole of it, for the tests of one module."""
    with folder_for_nginx(tmp_path_factory.mktemp("edge")) as home:
        yield from _edge(data_template, home)


def _edge(template: Template, home: Path) -> Iterator[Edge]:
    pki, foreign = authorities(home)
    portal = home / "portal"
    shutil.copytree(BUILT_PORTAL, portal)
    (portal / "_nuxt/a.js.gz").write_bytes(gzip.compress((portal / "_nuxt/a.js").read_bytes()))
    (portal / "_nuxt/a.js.br").write_bytes(b"stands for Brotli")
    hand_over(pki.folder)
    data = template.copy(home / "data")
    data.chmod(0o755)
    (data / "blobs").mkdir(exist_ok=True)
    let_read(data / "blobs")
    nginx = Nginx(home / "nginx", [], {"EDGE_BLOBS": str(data / "blobs"), "EDGE_BROTLI": "brotli_static on;"})
    shared = {"portal_dir": str(portal), "public_url": nginx.url, "log_level": "info"}
    behind = shared | {"trusted_proxies": "1", "accel_prefix": "/_blobs/", "edge_secret": SECRET}
    servers = [Server(template, data, settings(behind)) for _ in range(2)]
    embedded = Server(template, data, settings(shared))
    try:
        start(servers[0])
        for server in (servers[1], embedded):
            start(server, "--no-worker")
        nginx.servers = [f"{server.host}:{server.port}" for server in servers]
        nginx.write(portal, pki.folder)
        nginx.start()
        made = Edge(nginx, servers, embedded, pki, foreign, template.token, {}, {})
        answer = made.register("partner", name="Nordwind DMS", role="editor")
        assert answer.status == 201, answer.body
        made.certificate = answer.json()
        made.member = made.certificate["member"]
        yield made
    finally:
        nginx.stop()
        for server in [*servers, embedded]:
            server.kill()


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What helm renders of the chart for each environment, and with the defaults alone."""
    home = tmp_path_factory.mktemp("helm")
    made = {name: rendered(home, "--namespace", f"dossier-{name}", *files_of(name)) for name in ENVIRONMENTS}
    return made | {"defaults": rendered(home)}


@pytest.fixture(scope="session")
def releases(texts: dict[str, str]) -> dict[str, Release]:
    """The same, as objects; tests look at them and change nothing."""
    return {name: Release(objects(text)) for name, text in texts.items()}


@pytest.fixture(params=[*ENVIRONMENTS, "defaults"])
def release(releases: dict[str, Release], request: pytest.FixtureRequest) -> Release:
    """Each rendering in its turn."""
    return releases[request.param]


@pytest.fixture
def prod(releases: dict[str, Release]) -> Release:
    """PROD's rendering."""
    return releases["prod"]
