"""An empty place in a real S3 store for each test of this folder."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from dossier.core import log
from dossier.storage.addresses import S3Address
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tools.servers import SeaweedFS

MIB = 1 << 20
PART = 5 * MIB


@pytest.fixture(autouse=True)
def all_is_logged() -> None:
    """Whatever tests before have let through: some listen to the log."""
    log.configure("console", "info")


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
