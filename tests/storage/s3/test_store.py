"""The S3 store on a real one: the contract."""

from collections.abc import AsyncIterator

import pytest

from dossier.storage.addresses import S3Address
from dossier.storage.blobs import BlobStore
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tests.contracts.blob_parts import BlobPartsContract
from tests.contracts.blob_store import BlobStoreContract
from tests.storage.conftest import PART


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
