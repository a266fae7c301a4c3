"""A real S3 store for the tests of this folder, one for all tests of a process, and an empty prefix of it for each."""

from collections.abc import AsyncIterator, Iterator
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
async def store(address: S3Address, keys: Keys) -> AsyncIterator[S3Blobs]:
    """A store with the smallest parts that S3 allows."""
    store = S3Blobs(Bucket(address, keys), PART)
    await store.check()  # the client library is slow and large at its first request
    yield store
    await store.close()
