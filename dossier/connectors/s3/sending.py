"""Bytes on their way into one object: of which nothing is to be seen before it is whole.

What fits into one part is one request, and the store verifies its SHA-256. What is larger goes as a multipart upload that
is ended where anything fails, so that nobody pays for its parts.
"""

import asyncio
import hashlib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any, Final
from uuid import uuid4

from dossier.connectors.contract import Content, RemoteError
from dossier.connectors.s3.bucket import Bucket
from dossier.connectors.sending import Exact

PART_BYTES: Final = 64 << 20
_MOST_PARTS: Final = 10_000
_MARK: Final = "dossier-write"


async def send(
    bucket: Bucket, key: str, content: Content, condition: dict[str, Any], *, part_bytes: int = PART_BYTES
) -> str:
    """Write an object where the condition (``IfNoneMatch`` or ``IfMatch``, or none) holds; its ETag. Raises ``changed``."""
    mark = uuid4().hex
    about = {"ContentType": content.media_type, "Metadata": {_MARK: mark}}
    try:
        if content.size > part_bytes:
            return await _send_parts(bucket, key, content, about, condition, part_bytes)
        body = b"".join([chunk async for chunk in Exact(content)])
        checksum = b64encode(content.sha256).decode()
        answer = await bucket.send_whole(Key=key, Body=body, ChecksumSHA256=checksum, **about, **condition)
        return str(answer["ETag"])
    except RemoteError as error:
        # The HTTP library sends a request again whose connection broke off, and finds then what it has written itself.
        there = await bucket.head(key) if error.kind == "changed" else None
        if there is None or there.get("Metadata", {}).get(_MARK) != mark:
            raise
        return str(there["ETag"])


async def _send_parts(
    bucket: Bucket, key: str, content: Content, about: dict[str, Any], condition: dict[str, Any], part_bytes: int
) -> str:
    size = max(part_bytes, -(-content.size // _MOST_PARTS))
    upload = (await bucket.call("create_multipart_upload", Key=key, ChecksumAlgorithm="SHA256", **about))["UploadId"]
    parts: list[dict[str, Any]] = []
    try:
        async for body in _parts(content, size):
            checksum = b64encode(await asyncio.to_thread(_sha256, body)).decode()
            number = len(parts) + 1
            sent = await bucket.send_part(
                Key=key, UploadId=upload, PartNumber=number, Body=body, ChecksumSHA256=checksum
            )
            parts.append({"PartNumber": number, "ETag": sent["ETag"], "ChecksumSHA256": checksum})
        answer = await bucket.call(
            "complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload={"Parts": parts}, **condition
        )
        return str(answer["ETag"])
    except BaseException:
        # Shielded, for a second cancellation must not stop it.
        await asyncio.shield(_abort(bucket, key, upload))
        raise


async def _parts(content: Content, size: int) -> AsyncIterator[bytes]:
    filling = bytearray()
    async for chunk in Exact(content):
        filling += chunk
        while len(filling) >= size:
            yield bytes(filling[:size])
            del filling[:size]
    if filling:
        yield bytes(filling)


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


async def _abort(bucket: Bucket, key: str, upload: str) -> None:
    with suppress(RemoteError):
        await bucket.call("abort_multipart_upload", Key=key, UploadId=upload)
