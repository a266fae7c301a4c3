"""One bucket of an S3 store: every request in bounded time, every error as Dossier's own.

With ``client.py`` the only module that knows the client library. Writes are create-only or tied to an ETag, and carry
checksums that the store verifies before it keeps anything.
"""

import asyncio
from base64 import b64decode, b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, Final
from uuid import uuid4

from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError

from dossier.storage.addresses import S3Address
from dossier.storage.s3.answers import Begun, BeyondEnd, Entry, Gone, Head, Sent, Taken, date_of, failed, refused
from dossier.storage.s3.client import ATTEMPTS, Keys, client, encryption

SECONDS: Final = 40.0  # that one request may take, its repetitions included
LINK_SECONDS: Final = 60
OFFER_SECONDS: Final = 3600  # in which a request for a large part has to begin, not to end
_PIECE: Final = 1 << 20
_MARKS: Final = {
    "list_objects_v2": ("ContinuationToken",),
    "list_multipart_uploads": ("KeyMarker", "UploadIdMarker"),
}
_ENCRYPTION_HEADERS: Final = {
    "ServerSideEncryption": "x-amz-server-side-encryption",
    "SSEKMSKeyId": "x-amz-server-side-encryption-aws-kms-key-id",
}


class Bucket:
    """The objects under the address's prefix; ``name`` is always without it. Connects with the first request."""

    def __init__(self, address: S3Address, keys: Keys | None = None, *, seconds: float = SECONDS) -> None:
        self._address, self._keys, self._seconds = address, keys, seconds
        self._stack, self._opening = AsyncExitStack(), asyncio.Lock()
        self._client: Any = None
        self._encryption = encryption(address)

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

    async def read(self, name: str, start: int = 0, length: int | None = None) -> AsyncGenerator[bytes, None]:
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
            if at < end and failures == ATTEMPTS:
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
        params = {f"Response{name.replace('-', '')}": value for name, value in headers.items()}
        return await self._signed("get_object", name, LINK_SECONDS, params)

    async def link_for(self, name: str, size: int, sha256: bytes) -> tuple[str, dict[str, str]]:
        """An address where anybody can create the object for an hour out of these bytes only, and the headers to send."""
        told = {"Content-Length": str(size), "If-None-Match": "*", "x-amz-checksum-sha256": b64encode(sha256).decode()}
        params = {"ContentLength": size, "IfNoneMatch": "*", "ChecksumSHA256": told["x-amz-checksum-sha256"]}
        told |= {_ENCRYPTION_HEADERS[option]: value for option, value in self._encryption.items()}
        return await self._signed("put_object", name, OFFER_SECONDS, params | self._encryption), told

    async def _signed(self, verb: str, name: str, seconds: int, params: dict[str, Any]) -> str:
        asking = await self._ready()
        params = {"Bucket": self._address.bucket, "Key": self._address.prefix + name, **params}
        try:
            return str(await asking.generate_presigned_url(verb, Params=params, ExpiresIn=seconds))
        except BotoCoreError as error:
            raise failed("link", error) from error

    async def verified(self, name: str) -> bytes | None:
        """The SHA-256 of an object's bytes, where the store compared it with them when they came."""
        answer = await self._call("head_object", name, ChecksumMode="ENABLED")
        checksum = str(answer.get("ChecksumSHA256", ""))
        # What has a hyphen is a checksum of the parts' checksums.
        return None if not checksum or "-" in checksum else b64decode(checksum)

    # Objects that come in parts

    async def begin(self, name: str, *, checksums: bool = True) -> str:
        """Begin an object that comes in parts, each with its SHA-256 or all of them without; the upload's name."""
        verified = {"ChecksumAlgorithm": "SHA256"} if checksums else {}
        answer = await self._call("create_multipart_upload", name, **verified, **self._encryption)
        return str(answer["UploadId"])

    async def part_link(self, name: str, upload: str, number: int, size: int) -> str:
        """An address where anybody can send the bytes of a part, so many of them, for an hour."""
        part = {"UploadId": upload, "PartNumber": number, "ContentLength": size}
        return await self._signed("upload_part", name, OFFER_SECONDS, part)

    async def sent(self, name: str, upload: str) -> list[Sent]:
        """The parts that are there, by number. Raises Gone."""
        found: list[Sent] = []
        async for page in self._parts(name, upload):
            found += (Sent(each["PartNumber"], each["Size"], each["ETag"], "") for each in page.get("Parts", ()))
        return found

    async def _parts(self, name: str, upload: str) -> AsyncIterator[dict[str, Any]]:
        after: dict[str, Any] = {}
        while True:
            page = await self._call("list_parts", name, UploadId=upload, **after)
            yield page
            after = {"PartNumberMarker": page.get("NextPartNumberMarker")}
            if not (page.get("IsTruncated") and after["PartNumberMarker"]):
                return

    async def send(self, name: str, upload: str, number: int, body: BytesIO, sha256: bytes) -> Sent:
        """One part; durable when it returns, and never to be read before the whole is complete. Raises Gone."""
        checksum, size = b64encode(sha256).decode(), len(body.getbuffer())
        answer = await self._call(
            "upload_part", name, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=checksum
        )
        return Sent(number, size, answer["ETag"], checksum)

    async def complete(self, name: str, upload: str, parts: list[Sent]) -> None:
        """Make an object of these parts, in this order. Raises Taken where there is one already, Gone."""
        listed = [
            {"PartNumber": each.number, "ETag": each.etag} | ({"ChecksumSHA256": each.sha256} if each.sha256 else {})
            for each in parts
        ]
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
        touched = begun
        try:
            async for page in self._parts(name, upload):
                touched = max([touched, *(part["LastModified"] for part in page.get("Parts", ()))])
        except Gone:
            return begun
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
                making = client(self._address, self._keys, self._seconds)
                self._client = await self._stack.enter_async_context(making)
            return self._client
