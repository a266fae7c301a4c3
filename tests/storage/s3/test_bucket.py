"""A real store that is slow, away, cut off or lied to on the way; links that nobody can bend; encryption at rest."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode, urlsplit
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from dossier.storage.addresses import S3Address
from dossier.storage.blobs import new_key
from dossier.storage.errors import BlobMissing, StorageFailed
from dossier.storage.s3 import Bucket, Keys, S3Blobs, bucket
from tests.contracts.blob_parts import add, nobody
from tests.contracts.blob_store import MIB, chunked, listed, pattern, read
from tests.proxy import Proxy, proxied
from tests.storage.conftest import PART, uploads
from tools.servers import SeaweedFS

WORKSPACE = UUID(int=0xABC)
SECONDS = 3.0
pytestmark = pytest.mark.slow


@pytest.fixture
async def proxy(seaweed: SeaweedFS) -> AsyncIterator[Proxy]:
    async with proxied(seaweed.port) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: Proxy, address: S3Address, keys: Keys) -> AsyncIterator[S3Blobs]:
    """The same place as ``store``, by way of the proxy, and impatient."""
    store = S3Blobs(Bucket(replace(address, endpoint=proxy.endpoint), keys, seconds=SECONDS), PART)
    await store.check()
    yield store
    await store.close()


class TestAway:
    async def test_stopped_and_started(self, address: S3Address, keys: Keys, seaweed: SeaweedFS) -> None:
        """Works again without a restart of ours, and nothing half written is left."""
        store = S3Blobs(Bucket(address, keys, seconds=10), PART)
        blob = await store.put(WORKSPACE, chunked(b"before"))
        key = new_key(WORKSPACE)
        await add(store, key, 0, pattern(PART + 5), MIB)
        await asyncio.to_thread(seaweed.kill)
        try:
            for doing in (
                store.put(WORKSPACE, chunked(b"x")),
                store.size(blob.key),
                read(store, blob.key),
                store.check(),
            ):
                with pytest.raises(StorageFailed) as refusal:
                    await doing
                assert refusal.value.retry_after is not None
        finally:
            await asyncio.to_thread(seaweed.start)
        await _again(store)
        assert await read(store, blob.key) == b"before"
        assert [entry.key for entry in await listed(store)] == [blob.key]
        await add(store, key, PART + 5, b"!")
        assert (await store.finish(key, PART + 6)).size == PART + 6
        await store.close()

    async def test_paused(self, address: S3Address, keys: Keys, seaweed: SeaweedFS) -> None:
        store = S3Blobs(Bucket(address, keys, seconds=SECONDS), PART)
        await store.check()
        seaweed.pause()
        try:
            began = time.monotonic()
            with pytest.raises(StorageFailed):
                await store.check()
            assert time.monotonic() - began < SECONDS + 2
        finally:
            seaweed.resume()
        await _again(store)
        await store.close()

    @pytest.mark.parametrize("size", [1000, 2 * PART], ids=["one request", "parts"])
    async def test_hanging(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy, size: int) -> None:
        proxy.hang()
        began = time.monotonic()
        with pytest.raises(StorageFailed):
            await behind.put(WORKSPACE, chunked(pattern(size)))
        assert time.monotonic() - began < 3 * SECONDS + 3  # the request, and taking it back
        proxy.go_on()
        assert (await behind.put(WORKSPACE, chunked(b"again"))).size == 5

    @pytest.mark.parametrize("after", [0, 100, 4000, PART // 2, PART + 4000])
    async def test_cut_while_it_is_sent(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy, after: int) -> None:
        proxy.up_left = after
        with pytest.raises(StorageFailed):
            await behind.put(WORKSPACE, chunked(pattern(2 * PART)))
        proxy.up_left = None
        assert await listed(store) == []
        blob = await behind.put(WORKSPACE, chunked(pattern(2 * PART)))
        assert await read(store, blob.key) == pattern(2 * PART)

    @pytest.mark.parametrize("size", [1000, 2 * PART], ids=["one request", "parts"])
    async def test_an_answer_that_gets_lost(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy, size: int) -> None:
        """The library sends again, and create-only would refuse what it made itself."""
        for at in range(3):
            proxy.down_left = 40 * at
            blob = await behind.put(WORKSPACE, chunked(pattern(size)))
            assert proxy.down_left is None
            assert await read(store, blob.key) == pattern(size)
        assert len(await listed(store)) == 3

    async def test_a_lost_answer_to_an_append(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy) -> None:
        for at in (10, 300, 700, 1000, 1300):
            key, data = new_key(WORKSPACE), pattern(PART + 5)
            proxy.down_left = at
            await add(behind, key, 0, data, MIB)
            proxy.down_left = at
            assert (await behind.finish(key, len(data))).size == len(data)
            assert await read(store, key) == data

    @pytest.mark.parametrize("after", [1, 5000, PART])
    async def test_cut_while_it_is_read(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy, after: int) -> None:
        """A reader hears nothing of it."""
        blob = await store.put(WORKSPACE, chunked(pattern(2 * PART)))
        proxy.down_left = after
        assert await read(behind, blob.key) == pattern(2 * PART)
        assert proxy.down_left is None

    async def test_gone_while_it_is_read(self, behind: S3Blobs, store: S3Blobs, proxy: Proxy) -> None:
        blob = await store.put(WORKSPACE, chunked(pattern(4 * PART)))
        chunks = behind.open(blob.key)
        await anext(chunks)
        await proxy.stop()
        with pytest.raises(StorageFailed):
            async for _ in chunks:
                pass

    async def test_a_slow_reader_is_no_failure(self, behind: S3Blobs, store: S3Blobs) -> None:
        blob = await store.put(WORKSPACE, chunked(pattern(2 * PART)))
        chunks = behind.open(blob.key)
        got = [await anext(chunks)]
        await asyncio.sleep(SECONDS + 1)
        got += [chunk async for chunk in chunks]
        assert b"".join(got) == pattern(2 * PART)


async def _again(store: S3Blobs) -> None:
    """Wait until the store takes something, with a bound."""
    for _ in range(60):
        try:
            await store.check()
        except StorageFailed:
            await asyncio.sleep(0.5)
        else:
            return
    await store.check()


class TestChecksums:
    @pytest.mark.parametrize("size", [1000, PART + 1000], ids=["one request", "parts"])
    async def test_a_byte_that_turns_over_on_the_way(
        self, behind: S3Blobs, store: S3Blobs, proxy: Proxy, size: int
    ) -> None:
        data = b"\xaa" * size
        proxy.spoil = lambda passing: passing.replace(b"\xaa" * 50, b"\xaa" * 49 + b"\xab", 1)
        with pytest.raises(StorageFailed):
            await behind.put(WORKSPACE, chunked(data))
        assert (await listed(store), await uploads(store)) == ([], [])
        key = new_key(WORKSPACE)
        with pytest.raises(StorageFailed):
            await behind.append(key, 0, chunked(data), synced=nobody)
        proxy.spoil = bytes
        assert (await behind.put(WORKSPACE, chunked(data))).size == size

    async def test_it_is_the_checksum_that_refuses(self, store: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
        """Over TLS the signature says nothing of the body; here the digest alone is wrong."""
        wrong = b64_of(b"something else")
        monkeypatch.setattr(bucket, "b64encode", lambda _digest: wrong)
        for size in (10, PART + 10):
            with pytest.raises(StorageFailed), capture_logs() as logs:
                await store.put(WORKSPACE, chunked(pattern(size)))
            assert [line["reason"] for line in logs if line["event"] == "storage.refused"] == ["BadDigest"]
        assert (await listed(store), await uploads(store)) == ([], [])


def b64_of(data: bytes) -> bytes:
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha256(data).digest())


class TestEncryption:
    @pytest.mark.parametrize(
        ("sse", "kms_key", "told"), [("s3", "", "AES256"), ("kms", "alias/dossier-test", "aws:kms"), ("none", "", None)]
    )
    async def test_at_rest(self, address: S3Address, keys: Keys, sse: str, kms_key: str, told: str | None) -> None:
        store = S3Blobs(Bucket(replace(address, sse=sse, kms_key=kms_key), keys), PART)
        small, large = [await store.put(WORKSPACE, chunked(pattern(size))) for size in (100, PART + 100)]
        key = new_key(WORKSPACE)
        await add(store, key, 0, b"a part of something")
        for name in (f"blobs/{small.key}", f"blobs/{large.key}", f"parts/{key}"):
            answer = await store._bucket._call("head_object", name)
            assert answer.get("ServerSideEncryption") == told, name
            assert answer.get("SSEKMSKeyId") == (kms_key or None), name
        assert await read(store, small.key) == pattern(100)
        assert await read(store, large.key, PART - 5, 10) == pattern(PART + 5)[-10:]
        await store.close()


class TestLinks:
    NAME = "attachment; filename=\"a.txt\"; filename*=UTF-8''%C3%A4.txt"

    @pytest.fixture
    async def link(self, store: S3Blobs) -> str:
        blob = await store.put(WORKSPACE, chunked(b"content"))
        return await store.link(blob.key, disposition=self.NAME, media_type="text/plain; charset=utf-8")

    async def test_gives_the_bytes_with_our_headers(self, link: str) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.get(link)
            part = await client.get(link, headers={"Range": "bytes=1-3"})
        assert (answer.status_code, answer.content) == (200, b"content")
        assert answer.headers["content-disposition"] == self.NAME
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert (part.status_code, part.content) == (206, b"ont")

    def test_lasts_a_minute(self, link: str) -> None:
        assert int(dict(parse_qsl(urlsplit(link).query))["X-Amz-Expires"]) <= 60

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("response-content-disposition", "inline"),
            ("response-content-type", "text/html"),
            ("X-Amz-Expires", "600"),
            ("X-Amz-Signature", "0" * 64),
            ("X-Amz-Date", "20200101T000000Z"),
            ("versionId", "null"),
        ],
    )
    async def test_a_bent_one_is_refused(self, link: str, name: str, value: str) -> None:
        parts = urlsplit(link)
        query = urlencode({**dict(parse_qsl(parts.query)), name: value})
        await self._refused(parts._replace(query=query).geturl())

    async def test_another_key_is_refused(self, store: S3Blobs, link: str) -> None:
        other = await store.put(WORKSPACE, chunked(b"other"))
        parts = urlsplit(link)
        await self._refused(parts._replace(path=f"{parts.path.rpartition('/')[0]}/{other.key.split('/')[1]}").geturl())

    async def test_nothing_but_reading(self, link: str) -> None:
        async with httpx.AsyncClient() as client:
            for method in ("PUT", "DELETE", "POST"):
                assert (await client.request(method, link, content=b"x")).status_code in (400, 403, 405)
            assert (await client.get(link)).content == b"content"

    async def test_without_a_signature(self, link: str) -> None:
        await self._refused(link.partition("?")[0])

    async def test_with_a_wrong_secret(self, address: S3Address, seaweed: SeaweedFS, link: str) -> None:
        stranger = S3Blobs(Bucket(address, Keys(seaweed.access_key, "guessed")), PART)
        key = "/".join(urlsplit(link).path.split("/")[-2:])
        await self._refused(await stranger.link(key, disposition="attachment", media_type="text/plain"))
        with pytest.raises(StorageFailed):
            await stranger.check()
        await stranger.close()

    async def test_expired(self, store: S3Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(bucket, "LINK_SECONDS", 1)
        blob = await store.put(WORKSPACE, chunked(b"content"))
        link = await store.link(blob.key, disposition="attachment", media_type="text/plain")
        await asyncio.sleep(2.5)
        await self._refused(link)

    async def _refused(self, link: str) -> None:
        async with httpx.AsyncClient() as client:
            answer = await client.get(link)
        assert answer.status_code in (400, 403), answer.text
        assert answer.content != b"content"


class TestLogs:
    async def test_no_secret_in_a_line(self, address: S3Address) -> None:
        stranger = S3Blobs(Bucket(address, Keys("CANARY-ACCESS", "CANARY-SECRET")), PART)
        with capture_logs() as logs, pytest.raises(StorageFailed) as refusal:
            await stranger.put(WORKSPACE, chunked(b"x"))
        assert logs
        assert "CANARY" not in f"{logs} {refusal.value!r} {stranger._bucket._keys!r}".replace("CANARY-ACCESS", "")
        await stranger.close()

    async def test_a_bucket_that_is_not_there(self, address: S3Address, keys: Keys) -> None:
        store = S3Blobs(Bucket(replace(address, bucket="no-such-bucket"), keys), PART)
        with pytest.raises(BlobMissing):
            await store.size(new_key(WORKSPACE))
        await store.close()
