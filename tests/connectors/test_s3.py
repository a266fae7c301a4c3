"""What is true of a bucket and of no other place."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from secrets import token_hex
from typing import Any

import aiohttp
import botocore.session
import pytest
from botocore.exceptions import ClientError
from structlog.testing import capture_logs

from dossier.connectors import Item, RemoteError
from dossier.connectors.s3 import BucketPlace, S3Connector
from dossier.connectors.s3.bucket import Bucket, refusal
from tests.connectors.conftest import PLAIN, VERSIONED, bucket_place
from tests.connectors.content import Gate, content, listed, read
from tools.servers import SeaweedFS

PART = 5 << 20


@pytest.fixture
def place(buckets: SeaweedFS) -> BucketPlace:
    """A prefix of the test's own."""
    return bucket_place(buckets, f"own/{token_hex(4)}")


@pytest.fixture
async def s3(place: BucketPlace) -> AsyncIterator[S3Connector]:
    """Its connector, with parts as small as S3 allows."""
    made = S3Connector(place, part_bytes=PART)
    yield made
    await made.close()


@pytest.fixture
def client(buckets: SeaweedFS) -> Iterator[Any]:
    """Somebody else's hand."""
    made = botocore.session.get_session().create_client(
        "s3",
        region_name=buckets.region,
        endpoint_url=buckets.endpoint,
        aws_access_key_id=buckets.access_key,
        aws_secret_access_key=buckets.secret_key,
    )
    yield made
    made.close()


@pytest.mark.slow
class TestCheck:
    async def test_conditions_and_no_trace(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        assert await s3.check()
        assert s3.caps.conditional_write and not s3.caps.versions
        assert not client.list_objects_v2(Bucket=PLAIN, Prefix=place.prefix).get("Contents")

    async def test_a_store_that_ignores_conditions(self, buckets: SeaweedFS, client: Any) -> None:
        place = bucket_place(buckets, f"own/{token_hex(4)}", versioned=True)
        s3 = ignoring(S3Connector(place))
        await s3.check()
        assert not s3.caps.conditional_write
        found = client.list_object_versions(Bucket=VERSIONED, Prefix=place.prefix)
        assert not found.get("Versions") and not found.get("DeleteMarkers")
        await s3.close()

    @pytest.mark.parametrize("wrong", [{"secret_key": "wrong"}, {"access_key": "wrong"}])
    async def test_wrong_keys(self, place: BucketPlace, wrong: dict[str, str]) -> None:
        s3 = S3Connector(replace(place, **wrong))
        with pytest.raises(RemoteError) as refused:
            await s3.check()
        assert refused.value.kind == "sign_in"
        await s3.close()

    async def test_nobody_there(self, place: BucketPlace, unused_tcp_port: int) -> None:
        s3 = S3Connector(replace(place, endpoint=f"http://127.0.0.1:{unused_tcp_port}"))
        with pytest.raises(RemoteError) as refused:
            await s3.check()
        assert refused.value.kind == "unreachable" and "127.0.0.1" not in refused.value.detail
        await s3.close()


def ignoring(s3: S3Connector) -> S3Connector:
    """The connector on a store that does not look at conditions of writes."""
    call = s3._bucket.call

    async def without(verb: str, **arguments: Any) -> dict[str, Any]:
        if not verb.startswith("get"):
            for name in ("IfMatch", "IfNoneMatch"):
                arguments.pop(name, None)
        return await call(verb, **arguments)

    s3._bucket.call = without  # type: ignore[method-assign]
    return s3


@pytest.mark.slow
class TestAStoreThatIgnoresConditions:
    async def test_it_is_looked_just_before(self, s3: S3Connector) -> None:
        ignoring(s3)
        made = await s3.create(None, "a", content(b"1"))
        after = await s3.put(made.id, content(b"22"), if_match=made.etag)
        for call in (
            s3.put(made.id, content(b"333"), if_match=made.etag),
            s3.delete(made.id, if_match=made.etag),
            s3.create(None, "a", content(b"4")),
            s3.make_folder(None, "a"),
        ):
            with pytest.raises(RemoteError) as refused:
                await call
            assert refused.value.kind in ("changed", "name_taken")
        assert await read(s3, made.id, after.tag) == b"22"


@pytest.mark.slow
class TestListing:
    async def test_folders_that_nobody_made(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/f/g/a", Body=b"1")
        found = await listed(s3)
        assert list(found) == ["f/", "f/g/", "f/g/a"]
        assert (found["f/g/"].parent_id, found["f/g/"].name, found["f/g/a"].parent_id) == ("f/", "g", "f/g/")
        assert await s3.find(None, "f") == found["f/"]

    async def test_keys_that_are_no_paths(
        self, s3: S3Connector, place: BucketPlace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """SeaweedFS cannot hold them; AWS can."""
        keys = ["a//b", "../x", "./x", "c/../d", "//", "good", f".dossier-{'0' * 32}.part"]
        entries = [{"Key": f"{place.prefix}/{key}", "ETag": '"1"', "Size": 1, "LastModified": None} for key in keys]

        async def pages(*_: object, **__: object) -> AsyncIterator[dict[str, Any]]:
            yield {"Contents": entries}

        monkeypatch.setattr(s3._bucket, "pages", pages)
        with capture_logs() as logs:
            assert set(await listed(s3)) == {"good"}
        assert len(logs) == 1

    async def test_pages(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        for number in range(1005):
            client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/f/{number}", Body=b"")
        pages = [[item.id for item in page.items] async for page in s3.changes()]
        assert len(pages) == 2
        assert len({item for items in pages for item in items}) == 1006

    async def test_a_listing_without_end(self, s3: S3Connector) -> None:
        async def again(verb: str, **_: Any) -> dict[str, Any]:
            return {"IsTruncated": True, "NextContinuationToken": "same"}

        s3._bucket.call = again  # type: ignore[method-assign]
        with pytest.raises(RemoteError) as refused:
            await listed(s3)
        assert refused.value.kind == "unreachable"

    async def test_a_neighbour_prefix(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        client.put_object(Bucket=PLAIN, Key=f"{place.prefix}x/a", Body=b"1")
        assert await listed(s3) == {}


@pytest.mark.slow
class TestBig:
    BIG = bytes(range(256)) * (PART // 128) + b"rest"

    def uploads(self, client: Any, place: BucketPlace) -> list[str]:
        """The multipart uploads that are open."""
        found = client.list_multipart_uploads(Bucket=PLAIN, Prefix=place.prefix)
        return [each["Key"] for each in found.get("Uploads", ()) if self.is_open(client, each)]

    def is_open(self, client: Any, upload: dict[str, Any]) -> bool:
        """SeaweedFS lists some that are gone."""
        try:
            client.list_parts(Bucket=PLAIN, Key=upload["Key"], UploadId=upload["UploadId"])
        except ClientError:
            return False
        return True

    async def test_in_parts(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        made = await s3.create(None, "a", content(self.BIG))
        assert made.etag.endswith('-3"')  # three parts
        assert await read(s3, made.id, made.tag) == self.BIG
        assert (await s3.stat(made.id)) == made
        after = await s3.put(made.id, content(self.BIG[::-1]), if_match=made.etag)
        assert await read(s3, made.id, after.tag) == self.BIG[::-1]
        assert self.uploads(client, place) == []

    async def test_name_taken_meanwhile(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        gate = Gate(self.BIG)
        late = asyncio.create_task(s3.create(None, "a", gate.content))
        await gate.reached.wait()
        client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/a", Body=b"theirs")
        gate.open.set()
        with pytest.raises(RemoteError) as refused:
            await late
        assert refused.value.kind == "name_taken"
        assert await read(s3, "a") == b"theirs"
        assert self.uploads(client, place) == []

    async def test_changed_meanwhile(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        made = await s3.create(None, "a", content(b"1"))
        gate = Gate(self.BIG)
        late = asyncio.create_task(s3.put(made.id, gate.content, if_match=made.etag))
        await gate.reached.wait()
        client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/a", Body=b"theirs")
        gate.open.set()
        with pytest.raises(RemoteError) as refused:
            await late
        assert refused.value.kind == "changed"
        assert await read(s3, "a") == b"theirs"

    @pytest.mark.parametrize("cancelled", [False, True])
    async def test_what_breaks_off_is_ended(
        self, s3: S3Connector, place: BucketPlace, client: Any, cancelled: bool
    ) -> None:
        gate = Gate(self.BIG, None if cancelled else KeyError("ours"))
        under_way = asyncio.create_task(s3.create(None, "a", gate.content))
        await gate.reached.wait()
        under_way.cancel() if cancelled else gate.open.set()
        with pytest.raises((KeyError, asyncio.CancelledError)):
            await under_way
        assert self.uploads(client, place) == []
        assert await listed(s3) == {}


@pytest.mark.slow
class TestOneAnswerIsLost:
    async def test_a_repeated_request_finds_its_own_object(self, s3: S3Connector) -> None:
        """The HTTP library sends a request again where a kept connection broke off before the answer."""
        call = s3._bucket.call

        async def twice(verb: str, **arguments: Any) -> dict[str, Any]:
            if verb == "put_object" and arguments.get("Body"):
                await call(verb, **arguments)
            return await call(verb, **arguments)

        s3._bucket.call = twice  # type: ignore[method-assign]
        made = await s3.create(None, "a", content(b"1"))
        assert await read(s3, made.id, made.tag) == b"1"


@pytest.mark.slow
class TestMove:
    @pytest.mark.parametrize("ignores", [False, True], ids=["honours conditions", "ignores them"])
    async def test_changed_while_it_is_copied(
        self, s3: S3Connector, place: BucketPlace, client: Any, ignores: bool
    ) -> None:
        if ignores:
            ignoring(s3)
        made = await s3.create(None, "a", content(b"1"))
        call = s3._bucket.call

        async def then_somebody_writes(verb: str, **arguments: Any) -> dict[str, Any]:
            answer = await call(verb, **arguments)
            if verb == "copy_object":
                client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/a", Body=b"theirs")
            return answer

        s3._bucket.call = then_somebody_writes  # type: ignore[method-assign]
        with pytest.raises(RemoteError) as refused:
            await s3.move(made.id, None, "b")
        assert refused.value.kind == "changed"
        assert set(await listed(s3)) == {"a"}
        assert await read(s3, "a") == b"theirs"

    async def test_name_taken_meanwhile(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        made = await s3.create(None, "a", content(b"1"))
        call = s3._bucket.call

        async def somebody_is_first(verb: str, **arguments: Any) -> dict[str, Any]:
            if verb == "copy_object":
                client.put_object(Bucket=PLAIN, Key=f"{place.prefix}/b", Body=b"theirs")
            return await call(verb, **arguments)

        s3._bucket.call = somebody_is_first  # type: ignore[method-assign]
        with pytest.raises(RemoteError) as refused:
            await s3.move(made.id, None, "b")
        assert refused.value.kind == "name_taken"
        assert (await read(s3, "a"), await read(s3, "b")) == (b"1", b"theirs")

    async def test_a_folder_that_breaks_off_is_taken_back(self, s3: S3Connector) -> None:
        folder = await s3.make_folder(None, "f")
        for name in "abc":
            await s3.create(folder.id, name, content(b"1"))
        call, copied = s3._bucket.call, 0

        async def breaks_off(verb: str, **arguments: Any) -> dict[str, Any]:
            nonlocal copied
            copied += verb == "copy_object"
            if copied == 3:
                copied += 1
                raise RemoteError("unreachable", "gone")
            return await call(verb, **arguments)

        s3._bucket.call = breaks_off  # type: ignore[method-assign]
        with pytest.raises(RemoteError) as refused:
            await s3.move(folder.id, None, "g")
        assert refused.value.kind == "unreachable"
        assert set(await listed(s3)) == {"f/", "f/a", "f/b", "f/c"}

    async def test_type_and_notes_go_along(self, s3: S3Connector, place: BucketPlace, client: Any) -> None:
        client.put_object(
            Bucket=PLAIN, Key=f"{place.prefix}/a", Body=b"1", ContentType="image/x-own", Metadata={"own": "note"}
        )
        await s3.move("a", None, "b")
        head = client.head_object(Bucket=PLAIN, Key=f"{place.prefix}/b")
        assert (head["ContentType"], head["Metadata"]) == ("image/x-own", {"own": "note"})


@pytest.mark.slow
class TestVersions:
    async def test_of_one_key_only(self, buckets: SeaweedFS, client: Any) -> None:
        place = bucket_place(buckets, f"own/{token_hex(4)}", versioned=True)
        s3 = S3Connector(place)
        item: Item = await s3.create(None, "a", content(b"1"))
        await s3.create(None, "ab", content(b"1"))
        for number in range(2, 5):
            item = await s3.put(item.id, content(bytes(number)), if_match=item.etag)
        found = await s3.versions("a")
        assert [version.size for version in found] == [4, 3, 2, 1]
        assert len({version.id for version in found}) == 4
        await s3.delete("a", if_match=item.etag)
        with pytest.raises(RemoteError) as refused:
            await s3.versions("a")
        assert refused.value.kind == "missing"
        await s3.close()


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "code", "kind"),
        [
            (403, "AccessDenied", "refused"),
            (403, "", "refused"),
            (403, "SignatureDoesNotMatch", "sign_in"),
            (400, "ExpiredToken", "sign_in"),
            (401, "", "sign_in"),
            (404, "NoSuchBucket", "missing"),
            (409, "ConditionalRequestConflict", "changed"),
            (412, "PreconditionFailed", "changed"),
            (429, "", "throttled"),
            (503, "SlowDown", "throttled"),
            (507, "", "full"),
            (400, "EntityTooLarge", "refused"),
            (500, "InternalError", "unreachable"),
            (502, "", "unreachable"),
            (501, "NotImplemented", "unsupported"),
        ],
    )
    def test_kinds(self, status: int, code: str, kind: str) -> None:
        error = self.error(status, code)
        assert refusal("put_object", error).kind == kind

    def test_retry_after(self) -> None:
        assert refusal("put_object", self.error(503, "SlowDown", after="7")).retry_after == 7.0
        assert refusal("put_object", self.error(503, "SlowDown", after="soon")).retry_after is None

    @staticmethod
    def error(status: int, code: str, after: str = "") -> ClientError:
        meta = {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": after}}
        return ClientError({"Error": {"Code": code}, "ResponseMetadata": meta}, "x")


class Body:
    """A body that comes in these pieces, or breaks off."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces, self._error = list(pieces), error

    async def __aenter__(self) -> "Body":
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def read(self, _: int) -> bytes:
        if not self._pieces and self._error:
            raise self._error
        return self._pieces.pop(0) if self._pieces else b""


class TestPieces:
    @pytest.mark.parametrize(
        "body",
        [Body(b"ab"), Body(b"ab", b"cd"), Body(b"ab", error=aiohttp.ClientPayloadError())],
        ids=["short", "long", "torn"],
    )
    async def test_others_than_announced(self, body: Body) -> None:
        async def whole() -> bytes:
            answer = {"ContentLength": 3, "Body": body}
            return b"".join([piece async for piece in Bucket(BucketPlace("x")).pieces(answer)])

        with pytest.raises(RemoteError) as refused:
            await whole()
        assert refused.value.kind == "unreachable"


def test_secrets_are_in_no_text_of_the_place() -> None:
    place = BucketPlace("b", secret_key="hidden-1", session_token="hidden-2")
    assert "hidden" not in repr(place) + str(place)
