"""Bytes that clients send straight to a real bucket by signed addresses."""

import hashlib
from base64 import b64encode
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from dossier.storage.addresses import S3Address
from dossier.storage.blobs import OfferedPart, new_key
from dossier.storage.errors import BlobDamaged, BlobMissing, PartBusy, Unhashed
from dossier.storage.s3 import Bucket, Keys, S3Blobs
from tests.contracts.blob_store import MIB, pattern, read
from tests.storage.conftest import uploads

pytestmark = pytest.mark.slow
BIG = pattern(33 * MIB + 5)  # three parts


@pytest.fixture
def key() -> str:
    return new_key(uuid4())


async def put(part: OfferedPart, data: bytes, **headers: str) -> int:
    """Send a part as somebody who has nothing but its address; the status."""
    async with httpx.AsyncClient() as client:
        answer = await client.put(part.url, content=data, headers=part.headers | headers)
        return answer.status_code


async def offered(store: S3Blobs, key: str, size: int, sha256: bytes | None = None) -> list[OfferedPart]:
    found = await store.offer(key, size, sha256)
    assert found is not None
    return found


def cut(data: bytes, part: OfferedPart) -> bytes:
    return data[part.offset : part.offset + part.size]


class TestOneRequest:
    DATA = pattern(20 * MIB)
    SHA256 = hashlib.sha256(DATA).digest()

    async def test_what_was_promised(self, store: S3Blobs, key: str) -> None:
        [part] = await offered(store, key, len(self.DATA), self.SHA256)
        assert (part.number, part.offset, part.size) == (1, 0, len(self.DATA))
        assert await put(part, self.DATA) == 200
        assert await store.offer(key, len(self.DATA), self.SHA256) == []
        blob = await store.finish(key, len(self.DATA), most_read=0)
        assert (blob.sha256, blob.size, blob.head) == (self.SHA256, len(self.DATA), self.DATA[:8192])
        assert await read(store, key) == self.DATA

    async def test_other_bytes_are_refused(self, store: S3Blobs, key: str) -> None:
        [part] = await offered(store, key, len(self.DATA), self.SHA256)
        assert await put(part, bytes(len(self.DATA))) >= 400
        assert len(await offered(store, key, len(self.DATA), self.SHA256)) == 1

    async def test_with_another_promise_they_are_refused_too(self, store: S3Blobs, key: str) -> None:
        """The headers belong to the signature: who has the address cannot change what was asked for."""
        [part] = await offered(store, key, len(self.DATA), self.SHA256)
        other = b64encode(hashlib.sha256(b"other").digest()).decode()
        assert await put(part, b"other", **{"x-amz-checksum-sha256": other, "Content-Length": "5"}) == 403

    async def test_nothing_is_written_over(self, store: S3Blobs, key: str) -> None:
        [part] = await offered(store, key, len(self.DATA), self.SHA256)
        assert await put(part, self.DATA) == 200
        assert await put(part, self.DATA) == 412

    async def test_a_foreign_address_reads_nothing(self, store: S3Blobs, key: str) -> None:
        [part] = await offered(store, key, len(self.DATA), self.SHA256)
        await put(part, self.DATA)
        async with httpx.AsyncClient() as client:
            assert (await client.get(part.url)).status_code == 403


async def test_what_the_bucket_is_to_encrypt_with_is_told_and_signed(keys: Keys) -> None:
    bucket = Bucket(S3Address("dossier", "", "eu-central-1", sse="kms", kms_key="alias/ours"), keys)
    url, headers = await bucket.link_for("blobs/x", 7, bytes(32))
    await bucket.close()
    assert headers["x-amz-server-side-encryption"] == "aws:kms"
    assert headers["x-amz-server-side-encryption-aws-kms-key-id"] == "alias/ours"
    [signed] = parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"]
    assert set(signed.split(";")) == {"host", *(name.lower() for name in headers)}


class TestParts:
    async def test_sent_in_any_order(self, store: S3Blobs, other: S3Blobs, key: str) -> None:
        parts = await offered(store, key, len(BIG))
        assert [part.size for part in parts] == [16 * MIB, 16 * MIB, MIB + 5]
        for part in reversed(parts):
            assert await put(part, cut(BIG, part)) == 200
        assert await other.offer(key, len(BIG)) == []
        with pytest.raises(Unhashed):
            await other.finish(key, len(BIG), most_read=len(BIG) - 1)
        blob = await store.finish(key, len(BIG), most_read=len(BIG))
        assert blob.sha256 == hashlib.sha256(BIG).digest()
        assert await read(store, key) == BIG
        assert await uploads(store) == []
        assert [entry async for entry in store.parts()] == []

    async def test_asked_again_only_what_is_missing(self, store: S3Blobs, other: S3Blobs, key: str) -> None:
        parts = await offered(store, key, len(BIG))
        assert await put(parts[1], cut(BIG, parts[1])) == 200
        left = await offered(other, key, len(BIG))
        assert [part.number for part in left] == [1, 3]
        for part in left:
            assert await put(part, cut(BIG, part)) == 200
        assert (await store.finish(key, len(BIG))).sha256 == hashlib.sha256(BIG).digest()

    async def test_a_part_of_another_length(self, store: S3Blobs, key: str) -> None:
        part = (await offered(store, key, len(BIG)))[2]
        assert await put(part, b"short", **{"Content-Length": "5"}) == 403
        assert [each.number for each in await offered(store, key, len(BIG))] == [1, 2, 3]

    async def test_finished_too_early(self, store: S3Blobs, key: str) -> None:
        first = (await offered(store, key, len(BIG)))[0]
        assert await put(first, cut(BIG, first)) == 200
        with pytest.raises(BlobDamaged):
            await store.finish(key, len(BIG))
        assert [part.number for part in await offered(store, key, len(BIG))] == [2, 3]

    async def test_finished_twice(self, store: S3Blobs, other: S3Blobs, key: str) -> None:
        for part in await offered(store, key, len(BIG)):
            await put(part, cut(BIG, part))
        first = await store.finish(key, len(BIG))
        assert await other.finish(key, len(BIG)) == first

    async def test_dropped(self, store: S3Blobs, key: str) -> None:
        [part, *_] = await offered(store, key, len(BIG))
        await put(part, cut(BIG, part))
        await store.drop(key)
        assert await uploads(store) == []
        assert await put(part, cut(BIG, part)) == 404
        with pytest.raises(BlobMissing):
            await store.finish(key, len(BIG))

    async def test_sweeps_leave_it_alone(self, store: S3Blobs, other: S3Blobs, key: str) -> None:
        await offered(store, key, len(BIG))
        assert await other.sweep_temporary(timedelta(0)) == 0
        assert [entry.key async for entry in other.parts()] == [key]

    async def test_two_that_ask_at_once(self, store: S3Blobs, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """The second one ends what it has begun, and finds the first one's when it asks again."""
        begin = type(store._bucket).begin

        async def late(self: object, name: str, **how: bool) -> str:
            monkeypatch.undo()
            await offered(store, key, len(BIG))
            return await begin(store._bucket, name, **how)

        monkeypatch.setattr(type(store._bucket), "begin", late)
        with pytest.raises(PartBusy):
            await store.offer(key, len(BIG))
        assert len(await uploads(store)) == 1
        assert len(await offered(store, key, len(BIG))) == 3
