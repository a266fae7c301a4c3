"""Downloads from a real process, where the server itself sends files that are large and whole."""

import hashlib
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.running import Place
from dossier.core.serving import AT_ONCE

pytestmark = [pytest.mark.slow, pytest.mark.embedded]
MIB = 1 << 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A running Dossier."""
    with Place(tmp_path_factory.mktemp("served") / "data") as place:
        yield place


@pytest.fixture
def client(place: Place) -> Iterator[httpx.Client]:
    """Its owner."""
    headers = {"Authorization": f"Bearer {place.token}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{place.port}/api/v1", headers=headers, timeout=60) as client:
        yield client


@pytest.fixture
def add(place: Place, client: httpx.Client) -> Callable[[bytes], tuple[str, Path]]:
    """Add a document of some bytes: the address of its content, and the file."""

    def added(body: bytes) -> tuple[str, Path]:
        before = place.stored()
        name = f"{time.time_ns()}.bin"
        answer = client.post(
            "/documents", params={"name": name}, content=body, headers={"Content-Type": "application/x-b"}
        )
        assert answer.status_code == 201, answer.text
        (path,) = place.stored() - before
        return f"/documents/{answer.json()['id']}/content", path

    return added


@pytest.mark.parametrize("size", [0, 1, AT_ONCE, AT_ONCE + 1, 9 * MIB + 11])
def test_bytes_and_headers(client: httpx.Client, add: Callable[[bytes], tuple[str, Path]], size: int) -> None:
    body = os.urandom(size) if size else b""
    address, _ = add(body)
    got, asked = client.get(address), client.head(address)
    assert (got.status_code, asked.status_code) == (200, 200)
    assert got.content == body
    assert got.headers["etag"] == f'"{hashlib.sha256(body).hexdigest()}"'
    assert got.headers["content-length"] == str(size)
    changing = {"x-request-id", "date"}
    assert {k: v for k, v in got.headers.items() if k not in changing} == {
        k: v for k, v in asked.headers.items() if k not in changing
    }
    assert client.get(address, headers={"If-None-Match": got.headers["etag"]}).status_code == 304


def test_ranges_of_a_large_one(client: httpx.Client, add: Callable[[bytes], tuple[str, Path]]) -> None:
    body = os.urandom(5 * MIB)
    address, _ = add(body)
    for first, last in ((0, 0), (3, 4 * MIB), (0, len(body) - 1)):
        got = client.get(address, headers={"Range": f"bytes={first}-{last}"})
        assert (got.status_code, got.content) == (206, body[first : last + 1])


@pytest.mark.parametrize("fault", ["missing", "short"])
def test_lost_bytes_are_told_of(client: httpx.Client, add: Callable[[bytes], tuple[str, Path]], fault: str) -> None:
    address, path = add(os.urandom(3 * MIB))
    path.chmod(0o640)
    if fault == "missing":
        path.unlink()
    else:
        os.truncate(path, 2 * MIB)
    assert client.get(address).status_code >= 500


def test_a_client_that_goes_away(place: Place, client: httpx.Client, add: Callable[[bytes], tuple[str, Path]]) -> None:
    """Of a document and of a zip: files are closed, and the next one gets all of it."""
    body = os.urandom(64 * MIB)
    address, path = add(body)
    chosen = {"document_ids": [address.split("/")[2]]}

    def ticket() -> str:
        made: Any = client.post("/downloads", json=chosen).json()
        return str(made["url"]).removeprefix("/api/v1")

    for url in (address, ticket()):
        with client.stream("GET", url) as answer:
            assert answer.status_code == 200
            chunks = answer.iter_raw(1000)  # held: an iterator that is dropped closes the connection
            next(chunks)
            assert url != address or path in opened(place), "a zip has nothing open between two pieces"
        until(lambda: path not in opened(place))
    assert client.get(address).content == body
    got = client.get(ticket())
    assert got.headers["content-length"] == str(len(got.content))
    with zipfile.ZipFile(BytesIO(got.content)) as archive:
        assert archive.read(archive.namelist()[0]) == body


def opened(place: Place) -> set[Path]:
    """The files that the program has open."""
    found = set[Path]()
    for link in Path(f"/proc/{place.program.pid}/fd").iterdir():
        try:
            found.add(link.readlink())
        except FileNotFoundError:
            continue
    return found


def until(what: Callable[[], bool]) -> None:
    """Wait for it, 10 s at most."""
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)
