"""The places that the contract is tried on: one real system each, and in it a place of each test's own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import token_hex

import aiohttp
import botocore.session
import pytest

from dossier.connectors import Connector
from dossier.connectors.folder import FolderConnector
from dossier.connectors.graph import GraphConnector, wire
from dossier.connectors.s3 import BucketPlace, S3Connector
from dossier.connectors.service import TRAITS, ServiceConnector, Storage
from dossier.connectors.service.traits import Traits
from dossier.connectors.webdav import WebDavConnector
from dossier.core import log
from tests.connectors.fake_graph import BAD_NAME, FakeGraph, graph_connector
from tests.connectors.servers import (
    PASSWORD,
    USER,
    Apache,
    Azurite,
    DavServer,
    FtpServer,
    PyFtp,
    Rclone,
    RcloneFtp,
    WsgiDav,
)
from tools.servers import SeaweedFS


@dataclass(frozen=True)
class Place:
    """One place, as we see it, as somebody else does, and a connector to a place that is not there."""

    ours: Connector
    theirs: Connector
    nowhere: Connector
    #: Which of the contract's names the system may refuse.
    cannot_hold: Callable[[str], object] = lambda name: set(name) & set("?;") or len(name.encode()) > 246
    #: Whether a file may be empty.
    holds_empty: bool = True


Maker = Callable[[pytest.FixtureRequest, Path], AbstractAsyncContextManager[Place]]


@asynccontextmanager
async def _folder(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret").write_bytes(b"of somebody else")
    yield Place(
        FolderConnector(tmp_path / "root"), FolderConnector(tmp_path / "root"), FolderConnector(tmp_path / "none")
    )


def _webdav(fixture: str) -> Maker:
    @asynccontextmanager
    async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
        server: DavServer = request.getfixturevalue(fixture)
        name = f"test é#%{token_hex(4)}"
        async with aiohttp.ClientSession() as session:

            def at(address: str) -> WebDavConnector:
                return WebDavConnector(session, address, user=USER, password=PASSWORD)

            await at(server.address).make_folder(None, name)
            address = f"{server.address}{name.replace('%', '%25').replace('#', '%23').replace(' ', '%20')}"
            # The connector is to cope with a missing slash and with letters that nobody has encoded.
            place = Place(at(address), at(f"{address}/"), at(f"{address}/none/"))
            for connector in (place.ours, place.theirs):
                await connector.check()
            yield place

    return make


def _s3(versioned: bool) -> Maker:
    @asynccontextmanager
    async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
        server: SeaweedFS = request.getfixturevalue("buckets")
        prefix = f"test é#%+ {token_hex(4)}"
        ours, theirs = (S3Connector(bucket_place(server, prefix, versioned=versioned)) for _ in range(2))
        nowhere = S3Connector(replace(bucket_place(server), bucket="no-such-bucket"))
        yield Place(ours, theirs, nowhere)
        for connector in (ours, theirs, nowhere):
            await connector.close()

    return make


def bucket_place(server: SeaweedFS, prefix: str = "", *, versioned: bool = False) -> BucketPlace:
    """A prefix of the bucket that keeps versions, or of the one that does not."""
    bucket = VERSIONED if versioned else PLAIN
    return BucketPlace(bucket, prefix, server.region, server.endpoint, server.access_key, server.secret_key)


@asynccontextmanager
async def _graph(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    fake = await FakeGraph().start()
    try:
        async with (
            graph_connector(fake) as ours,
            graph_connector(fake) as theirs,
            graph_connector(fake, folder_id="none") as nowhere,
        ):
            yield Place(ours, theirs, nowhere, BAD_NAME.search)
    finally:
        await fake.stop()


def _ftp(fixture: str) -> Maker:
    @asynccontextmanager
    async def make(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
        server: FtpServer = request.getfixturevalue(fixture)
        name = f"test é#% {token_hex(4)}"
        await ServiceConnector(ftp_storage(server)).make_folder(None, name)
        ours, theirs, nowhere = (ServiceConnector(ftp_storage(server, root)) for root in (name, name, f"{name}/none"))
        yield Place(ours, theirs, nowhere, lambda given: given != given.strip() or len(given.encode()) > 246, False)
        await ours.close()

    return make


def ftp_storage(server: FtpServer, root: str = "") -> Storage:
    """A folder of an FTP server."""
    who = {"endpoint": server.address, "user": USER, "password": PASSWORD}
    return Storage("ftp", who, root, TRAITS["ftp"])


@asynccontextmanager
async def _azurite(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    server: Azurite = request.getfixturevalue("azurite")
    prefix = f"test é#%+ {token_hex(4)}"
    ours, theirs = (ServiceConnector(blob_storage(server, prefix)) for _ in range(2))
    nowhere = ServiceConnector(blob_storage(server, prefix, container="no-such"))
    yield Place(ours, theirs, nowhere, lambda name: name != name.strip() or name.endswith("."))
    await ours.close()


def blob_storage(server: Azurite, root: str = "", *, container: str = "dossier") -> Storage:
    """A prefix of a container."""
    who = {"endpoint": server.endpoint, "account_name": server.account, "account_key": server.key}
    return Storage("azblob", who | {"container": container}, root, TRAITS["azblob"])


@asynccontextmanager
async def _service(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """The library's own files: a service with renames and folders. Nobody can link one."""
    how = {"atomic_write_dir": str(tmp_path / "parts")}
    (tmp_path / "top/root").mkdir(parents=True)

    def at(root: str) -> ServiceConnector:
        return ServiceConnector(Storage("fs", how, f"{tmp_path}/{root}".strip("/"), Traits(most=200)))

    ours = at("top/root")
    yield Place(ours, at("top/root"), at("top/none"), lambda name: name != name.strip() or len(name.encode()) > 200)
    await ours.close()


PLAIN, VERSIONED = "plain", "versioned"

PLACES: dict[str, Maker] = {
    "folder": _folder,
    "graph": _graph,
    "apache": _webdav("apache"),
    "wsgidav": _webdav("wsgidav"),
    "rclone": _webdav("rclone"),
    "s3": _s3(versioned=False),
    "s3 with versions": _s3(versioned=True),
    "service": _service,
    "azure blob": _azurite,
    "rclone by ftp": _ftp("rclone_ftp"),
    "pyftpdlib": _ftp("py_ftp"),
}
FAST = {"folder", "graph", "service"}


@pytest.fixture(autouse=True)
def _log() -> None:
    """Warnings are told, whatever a test of another room has asked for."""
    log.configure("console", "info")


@pytest.fixture(params=[pytest.param(name, marks=() if name in FAST else pytest.mark.slow) for name in PLACES])
async def place(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    """An empty place in each system, one after the other."""
    async with PLACES[request.param](request, tmp_path) as made:
        yield made


@pytest.fixture
def ours(place: Place) -> Connector:
    """Our side of the place."""
    return place.ours


@pytest.fixture
def theirs(place: Place) -> Connector:
    """Somebody else's."""
    return place.theirs


def _started(server: DavServer) -> Iterator[DavServer]:
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def apache() -> Iterator[DavServer]:
    """Apache's mod_dav."""
    yield from _started(Apache())


@pytest.fixture(scope="session")
def wsgidav() -> Iterator[DavServer]:
    """wsgidav on cheroot."""
    yield from _started(WsgiDav())


@pytest.fixture(scope="session")
def rclone() -> Iterator[DavServer]:
    """rclone serve webdav."""
    yield from _started(Rclone())


@pytest.fixture(scope="session")
def rclone_ftp() -> Iterator[FtpServer]:
    """rclone serve ftp."""
    yield from _serving(RcloneFtp())


@pytest.fixture(scope="session")
def py_ftp() -> Iterator[FtpServer]:
    """pyftpdlib."""
    yield from _serving(PyFtp())


def _serving(server: FtpServer) -> Iterator[FtpServer]:
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture(scope="session")
def azurite() -> Iterator[Azurite]:
    """Azure Blob with a container."""
    server = Azurite()
    try:
        server.start()
        server.make_container("dossier")
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def buckets(seaweed: SeaweedFS) -> SeaweedFS:
    """SeaweedFS with a bucket that keeps versions, and one that does not."""
    for name in (PLAIN, VERSIONED):
        seaweed.make_bucket(name)
    client = botocore.session.get_session().create_client(
        "s3",
        region_name=seaweed.region,
        endpoint_url=seaweed.endpoint,
        aws_access_key_id=seaweed.access_key,
        aws_secret_access_key=seaweed.secret_key,
    )
    client.put_bucket_versioning(Bucket=VERSIONED, VersioningConfiguration={"Status": "Enabled"})
    client.close()
    return seaweed


@pytest.fixture
async def fake(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeGraph]:
    """A drive with nothing in it. What fails is tried again at once."""
    monkeypatch.setattr(wire, "WAIT_SECONDS", 0.0)
    fake = await FakeGraph().start()
    yield fake
    await fake.stop()


@pytest.fixture
async def graph(fake: FakeGraph) -> AsyncIterator[GraphConnector]:
    """Linked to the drive's root."""
    async with graph_connector(fake) as connector:
        yield connector
