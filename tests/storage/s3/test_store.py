"""The S3 store on a real one: the contract, and listings of many pages."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from dossier.storage.addresses import S3Address
from dossier.storage.blobs import BlobStore, new_key
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tests.contracts.blob_parts import BlobPartsContract
from tests.contracts.blob_store import BlobStoreContract, chunked, listed
from tests.storage.conftest import PART, uploads

pytestmark = pytest.mark.slow


class TestContract(BlobStoreContract):
    @pytest.fixture
    def store(self, store: BlobStore) -> BlobStore:
        return store


class TestPartsContract(BlobPartsContract):
    @pytest.fixture
    def store(self, store: BlobStore) -> BlobStore:
        return store

    @pytest.fixture
    async def again(self, address: S3Address, keys: Keys) -> AsyncIterator[BlobStore]:
        other = S3Blobs(Bucket(address, keys), PART)
        yield other
        await other.close()


class TestPages:
    @pytest.fixture(autouse=True)
    def short(self, store: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
        """Pages of two entries; the store's own have a thousand."""
        most = {"list_objects_v2": {"MaxKeys": 2}, "list_multipart_uploads": {"MaxUploads": 2}}
        call = Bucket._call

        async def shortened(self: Bucket, verb: str, name: str | None, **arguments: Any) -> dict[str, Any]:
            return await call(self, verb, name, **arguments, **most.get(verb, {}))

        monkeypatch.setattr(Bucket, "_call", shortened)

    async def test_of_keys(self, store: S3Blobs) -> None:
        blobs = [await store.put(uuid4(), chunked(b"x")) for _ in range(7)]
        assert [entry.key for entry in await listed(store)] == sorted(blob.key for blob in blobs)

    async def test_of_uploads(self, store: S3Blobs) -> None:
        """What a page leaves out is swept by and by."""
        for _ in range(5):
            await store._bucket.begin(f"blobs/{new_key(uuid4())}")
        assert sum([await store.sweep_temporary(timedelta(0)) for _ in range(3)]) == 5
        assert await uploads(store) == []
