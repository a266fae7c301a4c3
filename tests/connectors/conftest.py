"""The places that the contract is tried on: one real system each, and in it a place of each test's own."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import aiohttp
import pytest

from dossier.connectors import Connector
from dossier.connectors.folder import FolderConnector
from dossier.connectors.webdav import WebDavConnector
from tests.connectors.servers import PASSWORD, USER, Apache, DavServer, Rclone, WsgiDav


@dataclass(frozen=True)
class Place:
    """One place, as we see it, as somebody else does, and a connector to a place that is not there."""

    ours: Connector
    theirs: Connector
    nowhere: Connector


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
            yield Place(at(address), at(f"{address}/"), at(f"{address}/none/"))

    return make


#: A system without a server of its own (an in-memory one, say) is one more line here.
PLACES: dict[str, Maker] = {
    "folder": _folder,
    "apache": _webdav("apache"),
    "wsgidav": _webdav("wsgidav"),
    "rclone": _webdav("rclone"),
}
FAST = {"folder", "memory"}


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
