"""One bucket of an S3 store: every request in bounded time, every error as Dossier's own.

The only module that knows the client library. Writes are create-only or tied to an ETag, and carry checksums that the
store verifies before it keeps anything.
"""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError

from dossier.storage.addresses import S3Address
from dossier.storage.s3.answers import Begun, BeyondEnd, Entry, Gone, Head, Sent, Taken, date_of, failed, refused

SECONDS: Final = 40.0  # that one request may take, its repetitions included
LINK_SECONDS: Final = 60
_ATTEMPTS: Final = 3
_CONNECTIONS: Final = 256  # a slow client that reads holds one; one that sends holds none while a part fills
_PIECE: Final = 1 << 20
_MARKS: Final = {
    "list_objects_v2": ("ContinuationToken",),
    "list_multipart_uploads": ("KeyMarker", "UploadIdMarker"),
}
_ENCRYPTIONS: Final = {"s3": "AES256", "kms": "aws:kms"}


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials from settings; without them the library looks where AWS's programs do."""

    access: str
    secret: str = field(repr=False)


class Bucket:
    """The objects under the address's prefix; ``name`` is always without it. Connects with the first request."""

    def __init__(self, address: S3Address, keys: Keys | None = None, *, seconds: float = SECONDS) -> None:
        self._address, self._keys, self._seconds = address, keys, seconds
        self._stack, self._opening = AsyncExitStack(), asyncio.Lock()
        self._client: Any = None
        self._encryption = _encryption(address)

    async def close(self) -> None:
        """Let go of the connections."""
        self._client = None
        await self._stack.aclose()

    # Objects

    async def put(
        self, name: str, body: BytesIO | bytes, sha256: bytes, *, match: str = "", notes: dict[str, str] | None = None
    ) -> str:
        """Write an object that is not there yet, or that has the ETag ``match``; its new ETag. Raises Taken."""
        write = uuid4().hex
        condition = {"IfMatch": match} if match else {"IfNoneMatch": "*"}
        extra = {"Metadata": {**(notes or {}), "write": write}, "ChecksumSHA256": b64encode(sha256).decode()}
        try:
            answer = await self._call("put_object", name, Body=body, **condition, **extra, **self._encryption)
        except Taken:
            # A request whose answer got lost is sent again by the library, and finds what it wrote itself.
            there = await self.head(name)
            if there is None or there.notes.get("write") != write:
                raise
            return there.etag
        return str(answer["ETag"])

    async def head(self, name: str) -> Head | None:
        """What is known of an object; None where there is none."""
        try:
            answer = await self._call("head_object", name)
        except Gone:
            return None
        modified = answer["LastModified"].astimezone(UTC)
        age = date_of(answer) - modified
        return Head(answer["ContentLength"], answer["ETag"], modified, age, answer.get("Metadata", {}))

    async def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """The bytes of a range, ``length`` at least 1; a connection that breaks is made anew where the last one ended.

        Raises Gone, and BeyondEnd before the first byte where there are fewer.
        """
        at, end, failures = start, None if length is None else start + length, 0
        while end is None or at < end:
            answer = await self._call("get_object", name, Range=f"bytes={at}-{'' if end is None else end - 1}")
            total = int(answer["ContentRange"].rpartition("/")[2])
            end = total if end is None else end
            cut: Exception = EOFError()
            try:
                async with answer["Body"] as body:
                    if end > total:
                        raise BeyondEnd
                    while chunk := await self._piece(body):
                        at, failures = at + len(chunk), 0
                        yield chunk
            except (HttpError, BotoCoreError, TimeoutError, OSError) as error:
                cut = error
            failures += 1
            if at < end and failures == _ATTEMPTS:
                raise failed("get_object", cut) from cut

    async def _piece(self, body: Any) -> bytes:
        async with asyncio.timeout(self._seconds):
            piece: bytes = await body.read(_PIECE)
            return piece

    async def whole(self, name: str) -> tuple[bytes, str] | None:
        """A small object with its ETag; None where there is none."""
        for again in (True, False):
            try:
                answer = await self._call("get_object", name)
                async with asyncio.timeout(self._seconds), answer["Body"] as body:
                    return await body.read(), str(answer["ETag"])
            except Gone:
                break
            except (HttpError, BotoCoreError, TimeoutError, OSError) as error:
                if not again:
                    raise failed("get_object", error) from error
        return None

    async def delete(self, name: str, version: str = "") -> None:
        """Forget an object, or one version of it for good; nothing happens where there is none."""
        await self._call("delete_object", name, **({"VersionId": version} if version else {}))

    async def probe(self, name: str) -> None:
        """Write an object and take it away again, without a trace in a bucket that keeps versions."""
        answer = await self._call("put_object", name, Body=b"\0", **self._encryption)
        await self.delete(name, answer.get("VersionId", ""))

    async def list_(self, prefix: str) -> AsyncIterator[Entry]:
        """The objects whose names begin with ``prefix``."""
        async for page in self._pages("list_objects_v2", prefix):
            for each in page.get("Contents", ()):
                name = each["Key"].removeprefix(self._address.prefix)
                yield Entry(name, each["Size"], each["LastModified"].astimezone(UTC))

    async def link(self, name: str, headers: dict[str, str]) -> str:
        """An address under which anybody can read the object for a minute, with these headers and no others."""
        client = await self._ready()
        params = {"Bucket": self._address.bucket, "Key": self._address.prefix + name}
        params |= {f"Response{name.replace('-', '')}": value for name, value in headers.items()}
        try:
            return str(await client.generate_presigned_url("get_object", Params=params, ExpiresIn=LINK_SECONDS))
        except BotoCoreError as error:
            raise failed("link", error) from error

    # Objects that come in parts

    async def begin(self, name: str) -> str:
        """Begin an object that comes in parts; the upload's name."""
        answer = await self._call("create_multipart_upload", name, ChecksumAlgorithm="SHA256", **self._encryption)
        return str(answer["UploadId"])

    async def send(self, name: str, upload: str, number: int, body: BytesIO, sha256: bytes) -> Sent:
        """One part; durable when it returns, and never to be read before the whole is complete. Raises Gone."""
        checksum, size = b64encode(sha256).decode(), len(body.getbuffer())
        answer = await self._call(
            "upload_part", name, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=checksum
        )
        return Sent(number, size, answer["ETag"], checksum)

    async def complete(self, name: str, upload: str, parts: list[Sent]) -> None:
        """Make an object of these parts, in this order. Raises Taken where there is one already, Gone."""
        listed = [{"PartNumber": each.number, "ETag": each.etag, "ChecksumSHA256": each.sha256} for each in parts]
        await self._call(
            "complete_multipart_upload", name, UploadId=upload, MultipartUpload={"Parts": listed}, IfNoneMatch="*"
        )

    async def abort(self, name: str, upload: str) -> None:
        """Forget all parts; nothing happens where there is no such upload."""
        try:
            await self._call("abort_multipart_upload", name, UploadId=upload)
        except Gone:
            return

    async def uploads(self, prefix: str) -> AsyncIterator[Begun]:
        """The uploads that are not complete."""
        async for page in self._pages("list_multipart_uploads", prefix):
            for each in page.get("Uploads", ()):
                name, upload = each["Key"].removeprefix(self._address.prefix), each["UploadId"]
                touched = await self._touched(name, upload, each["Initiated"])
                yield Begun(name, upload, date_of(page) - touched)

    async def _touched(self, name: str, upload: str, begun: datetime) -> datetime:
        try:
            found = await self._call("list_parts", name, UploadId=upload)
            while found.get("IsTruncated") and found.get("NextPartNumberMarker"):
                found = await self._call(
                    "list_parts", name, UploadId=upload, PartNumberMarker=found["NextPartNumberMarker"]
                )
        except Gone:
            return begun
        touched: datetime = max([begun, *(part["LastModified"] for part in found.get("Parts", ()))])
        return touched

    # Requests

    async def _pages(self, verb: str, prefix: str) -> AsyncIterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = await self._call(verb, None, Prefix=self._address.prefix + prefix, **after)
            yield page
            # SeaweedFS has no way to the second page of uploads; the next sweep finds those in the first.
            marks = {mark: page.get(f"Next{mark}", "") for mark in _MARKS[verb]}
            after = {mark: value for mark, value in marks.items() if value}
            if not (page.get("IsTruncated") and after):
                return

    async def _call(self, verb: str, name: str | None, **arguments: Any) -> dict[str, Any]:
        """One request. Raises Gone, Taken, BeyondEnd, StorageFull and StorageFailed."""
        if name is not None:
            arguments["Key"] = self._address.prefix + name
        try:
            async with asyncio.timeout(self._seconds):
                return await self._asked(verb, {"Bucket": self._address.bucket, **arguments})
        except ClientError as error:
            raise refused(verb, error) from error
        except (BotoCoreError, HttpError, TimeoutError, OSError) as error:
            raise failed(verb, error) from error

    async def _asked(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        ask = getattr(await self._ready(), verb)
        try:
            return dict(await ask(**arguments))
        except HttpError:  # an answer that was cut: the library repeats all other failures itself
            if isinstance(body := arguments.get("Body"), BytesIO):
                body.seek(0)
            return dict(await ask(**arguments))

    async def _ready(self) -> Any:
        """The library's client, made at the first request: its description of S3 takes a fifth of a second to read."""
        async with self._opening:
            if self._client is None:
                keys = self._keys
                making = _session().create_client(
                    "s3",
                    region_name=self._address.region or None,
                    endpoint_url=self._address.endpoint or None,
                    aws_access_key_id=keys.access if keys else None,
                    aws_secret_access_key=keys.secret if keys else None,
                    config=self._config(),
                )
                self._client = await self._stack.enter_async_context(making)
            return self._client

    def _config(self) -> AioConfig:
        return AioConfig(
            signature_version="s3v4",
            connect_timeout=min(5.0, self._seconds / 4),
            read_timeout=self._seconds / 3,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            max_pool_connections=_CONNECTIONS,
            # Hosts named by the bucket are AWS's way; other stores are reached by one name.
            s3={"addressing_style": "path" if self._address.endpoint else "auto"},
            # The checksums are ours, made before the bytes are sent; the store is not asked for others.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )


@cache
def _session() -> AioSession:
    return AioSession()


def _encryption(address: S3Address) -> dict[str, str]:
    if address.sse == "none":
        return {}
    key = {"SSEKMSKeyId": address.kms_key} if address.kms_key else {}
    return {"ServerSideEncryption": _ENCRYPTIONS[address.sse], **key}
