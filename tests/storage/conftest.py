"""A real S3 store for the tests of this folder, one for all tests of a process, and an empty prefix of it for each."""

from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest

from dossier.storage.addresses import S3Address
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tests.servers import SeaweedFS

MIB = 1 << 20
PART = 5 * MIB


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFS]:
    """A store with the bucket ``dossier``; a test that stops it starts it again."""
    server = SeaweedFS(tmp_path_factory.mktemp("seaweed"))
    server.start()
    server.make_bucket("dossier")
    yield server
    server.kill()  # a gentle stop takes a quarter of a minute, and the data goes anyway


@pytest.fixture
def address(seaweed: SeaweedFS) -> S3Address:
    """A prefix of the bucket that nothing is in."""
    return S3Address("dossier", f"{uuid4().hex}/", seaweed.region, seaweed.endpoint)


@pytest.fixture
def keys(seaweed: SeaweedFS) -> Keys:
    """Credentials that may do everything."""
    return Keys(seaweed.access_key, seaweed.secret_key)


@pytest.fixture
async def other(address: S3Address, keys: Keys) -> AsyncIterator[S3Blobs]:
    """The same as ``store`` as another process sees it."""
    store = S3Blobs(Bucket(address, keys), PART)
    yield store
    await store.close()


@pytest.fixture
async def store(address: S3Address, keys: Keys) -> AsyncIterator[S3Blobs]:
    """A store with the smallest parts that S3 allows."""
    store = S3Blobs(Bucket(address, keys), PART)
    await store.check()  # the client library is slow and large at its first request
    yield store
    await store.close()


@pytest.fixture
def calls(store: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests that a store makes, by name."""
    made: list[str] = []
    call = Bucket._call

    async def counted(self: Bucket, verb: str, name: str | None, **arguments: Any) -> dict[str, Any]:
        made.append(verb)
        return await call(self, verb, name, **arguments)

    monkeypatch.setattr(Bucket, "_call", counted)
    return made


async def uploads(store: S3Blobs) -> list[str]:
    """The multipart uploads that are not complete."""
    return [begun.upload async for begun in store._bucket.uploads("")]
