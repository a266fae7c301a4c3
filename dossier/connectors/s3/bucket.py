"""One bucket of a client's store: every request in bounded time, every refusal as the contract's.

The only module of the connectors that knows the client library.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from aiohttp import ClientError as HttpError
from botocore.exceptions import BotoCoreError, ClientError

from dossier.connectors.contract import Kind, RemoteError
from dossier.connectors.headers import retry_after

SECONDS: Final = 40.0  # that one request may take
_PART_SECONDS: Final = 900.0  # that one part of a big file may take: 64 MiB at 600 kbit/s
_PIECE: Final = 1 << 20
_BY_CODE: Final[dict[str, Kind]] = {
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "AuthFailure", "401"), "sign_in"
    ),
    **dict.fromkeys(("SlowDown", "Throttling", "ThrottlingException", "TooManyRequests", "429", "503"), "throttled"),
    **dict.fromkeys(("InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "507"), "full"),
    **dict.fromkeys(("NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NoSuchUpload", "404"), "missing"),
    **dict.fromkeys(("PreconditionFailed", "ConditionalRequestConflict", "412", "409"), "changed"),
    **dict.fromkeys(("NotImplemented", "501"), "unsupported"),
    # Until somebody sets a clock: nothing is wrong with the item.
    "RequestTimeTooSkewed": "unreachable",
}


@dataclass(frozen=True, slots=True)
class BucketPlace:
    """Where the link leads: the keys of a bucket that begin with ``prefix`` and a slash. Without an ``endpoint`` it is
    AWS. Credentials that are empty are looked for where AWS's programs look."""

    bucket: str
    prefix: str = ""
    region: str = ""
    endpoint: str = ""
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    session_token: str = field(default="", repr=False)


def refusal(verb: str, error: ClientError) -> RemoteError:
    """What a refusal of the store means."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    meta = error.response.get("ResponseMetadata", {})
    status = str(meta.get("HTTPStatusCode", ""))
    kind = _BY_CODE.get(code) or _BY_CODE.get(status) or ("refused" if status.startswith("4") else "unreachable")
    detail = f"The store answers {status} {code[:80]} to {verb}."
    if code == "RequestTimeTooSkewed":
        detail = "The store's clock and that of this server differ by more than it allows."
    said = {name.title(): str(value) for name, value in meta.get("HTTPHeaders", {}).items()}
    return RemoteError(kind, detail, retry_after=retry_after(said))


def unreachable(error: BaseException) -> RemoteError:
    """No answer, or half of one. The text of such errors may hold addresses; their class says enough."""
    return RemoteError("unreachable", f"The store gives no whole answer ({type(error).__name__}).")


class Bucket:
    """The bucket of a place; keys are whole ones. Connects with the first request, and repeats none by itself."""

    def __init__(self, place: BucketPlace) -> None:
        self.name = place.bucket
        self._place = place
        self._stack, self._opening = AsyncExitStack(), asyncio.Lock()
        self._client: Any = None

    async def close(self) -> None:
        """Let go of the connections."""
        self._client = None
        await self._stack.aclose()

    async def call(self, verb: str, *, seconds: float = SECONDS, **arguments: Any) -> dict[str, Any]:
        """One request. Raises RemoteError."""
        try:
            async with asyncio.timeout(seconds):
                ask = getattr(await self._ready(), verb)
                return dict(await ask(Bucket=self._place.bucket, **arguments))
        except ClientError as error:
            raise refusal(verb, error) from error
        except (BotoCoreError, HttpError, TimeoutError, OSError) as error:
            raise unreachable(error) from error

    async def send_part(self, **arguments: Any) -> dict[str, Any]:
        """One part of a big file."""
        return await self.call("upload_part", seconds=_PART_SECONDS, **arguments)

    async def send_whole(self, **arguments: Any) -> dict[str, Any]:
        """A file of one part."""
        return await self.call("put_object", seconds=_PART_SECONDS, **arguments)

    async def head(self, key: str) -> dict[str, Any] | None:
        """What is known of an object; None where there is none. Raises ``missing`` for the bucket."""
        try:
            return await self.call("head_object", Key=key)
        except RemoteError as error:
            if error.kind != "missing":
                raise
            return None

    async def pages(self, verb: str, prefix: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
        """Pages of ``list_objects_v2`` or ``list_object_versions``. Raises ``unreachable`` where one leads to itself."""
        marks = ("KeyMarker", "VersionIdMarker") if verb == "list_object_versions" else ("ContinuationToken",)
        after: dict[str, Any] = {}
        while True:
            page = await self.call(verb, Prefix=prefix, **arguments, **after)
            yield page
            following = {mark: page[f"Next{mark}"] for mark in marks if page.get(f"Next{mark}")}
            if not page.get("IsTruncated"):
                return
            if not following or following == after:
                raise RemoteError("unreachable", "The store's listing does not come to its end.")
            after = following

    async def pieces(self, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        """The bytes of a ``get_object``. Raises ``unreachable`` where they are others than announced."""
        size = 0
        try:
            async with answer["Body"] as body:
                while True:
                    async with asyncio.timeout(SECONDS):
                        piece = await body.read(_PIECE)
                    if not piece:
                        break
                    size += len(piece)
                    yield piece
        except (BotoCoreError, HttpError, TimeoutError, OSError) as error:
            raise unreachable(error) from error
        if size != answer["ContentLength"]:
            raise RemoteError("unreachable", f"The store has sent {size} bytes, and announced others.")

    async def _ready(self) -> Any:
        """The library's client, made at the first request: its description of S3 takes a fifth of a second to read."""
        async with self._opening:
            if self._client is None:
                place = self._place
                making = _session().create_client(
                    "s3",
                    region_name=place.region or None,
                    endpoint_url=place.endpoint or None,
                    aws_access_key_id=place.access_key or None,
                    aws_secret_access_key=place.secret_key or None,
                    aws_session_token=place.session_token or None,
                    config=_config(place),
                )
                self._client = await self._stack.enter_async_context(making)
            return self._client


def _config(place: BucketPlace) -> AioConfig:
    return AioConfig(
        signature_version="s3v4",
        connect_timeout=10.0,
        read_timeout=SECONDS,
        # The caller looks before it repeats anything.
        retries={"mode": "standard", "total_max_attempts": 1},
        # Hosts named by the bucket are AWS's way; other stores are reached by one name.
        s3={"addressing_style": "path" if place.endpoint else "auto"},
        # The checksums are ours, made before the bytes are sent; the store is not asked for others.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )


@cache
def _session() -> AioSession:
    return AioSession()
