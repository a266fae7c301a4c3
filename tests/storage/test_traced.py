"""The traced store is the same store: it passes the contracts, and its spans tell nothing of what they are about."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from dossier.storage import BlobMissing, BlobStore, LocalBlobs, traced
from tests.contracts.blob_parts import BlobPartsContract
from tests.contracts.blob_store import BlobStoreContract, chunked, read
from tests.spans import Spans

pytestmark = pytest.mark.slow


@pytest.fixture
def spans() -> Iterator[Spans]:
    yield from Spans.kept()


class TestContract(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path, spans: Spans) -> BlobStore:
        return traced(LocalBlobs(tmp_path))


class TestParts(BlobPartsContract):
    @pytest.fixture
    def store(self, tmp_path: Path, spans: Spans) -> BlobStore:
        return traced(LocalBlobs(tmp_path))

    @pytest.fixture
    def again(self, store: BlobStore, tmp_path: Path) -> BlobStore:
        return traced(LocalBlobs(tmp_path))


async def test_spans(tmp_path: Path, spans: Spans) -> None:
    store = traced(LocalBlobs(tmp_path))
    stored = await store.put(UUID(int=1), chunked(b"canary"))
    assert await read(store, stored.key) == b"canary"
    await store.delete(stored.key)
    assert [span.name for span in spans.all] == ["storage.put", "storage.open", "storage.delete"]
    assert spans.named("storage.put").attributes == {"dossier.bytes": 6}
    assert stored.key not in spans.text


async def test_a_failure_is_told_by_its_code(tmp_path: Path, spans: Spans) -> None:
    store = traced(LocalBlobs(tmp_path))
    with pytest.raises(BlobMissing):
        await read(store, f"{'a' * 32}/{'b' * 32}")
    assert spans.named("storage.open").attributes == {"error.type": BlobMissing.code}
