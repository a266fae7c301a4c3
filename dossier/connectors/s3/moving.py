"""Moving objects, which S3 has no word for: copies first, and then what was copied is deleted."""

from contextlib import suppress
from typing import Any, Final

from dossier.connectors.contract import RemoteError
from dossier.connectors.s3.bucket import Bucket

_LARGEST_COPY: Final = 5 << 30
_COPY_SECONDS: Final = 900.0


async def copy_one(bucket: Bucket, key: str, target: str, etag: str, *, honours: bool) -> None:
    """Move one object. Raises ``name_taken``, and ``changed`` where it is another by the time that it was copied: it stays
    then, and the copy goes."""
    await _copy(bucket, key, target, etag, honours=honours)
    try:
        await _forget(bucket, key, etag, honours=honours)
    except RemoteError as error:
        if error.kind == "changed":
            await bucket.call("delete_object", Key=target)
        raise


async def copy_all(bucket: Bucket, prefix: str, target: str, *, honours: bool) -> None:
    """Move every object below a prefix. Where a copy fails, those that were made are taken back."""
    pages = [page async for page in bucket.pages("list_objects_v2", prefix)]
    etags = {each["Key"]: each["ETag"] for page in pages for each in page.get("Contents", ())}
    if any(each["Size"] > _LARGEST_COPY for page in pages for each in page.get("Contents", ())):
        raise RemoteError("refused", "A file over 5 GiB cannot be moved in S3.")
    made: list[str] = []
    try:
        for key, etag in etags.items():
            made.append(target + key.removeprefix(prefix))
            await _copy(bucket, key, made[-1], etag, honours=honours)
    except BaseException:
        for key in made[:-1]:
            with suppress(RemoteError):
                await bucket.call("delete_object", Key=key)
        raise
    # Last come the markers of the folders, the outermost at the end.
    for key in sorted(etags, key=lambda key: (key.endswith("/"), -len(key))):
        await _forget(bucket, key, etags[key], honours=honours)


async def _copy(bucket: Bucket, key: str, target: str, etag: str, *, honours: bool) -> None:
    if key.endswith("/"):
        # SeaweedFS copies no markers; they are empty.
        await bucket.call("put_object", Key=target, Body=b"")
        return
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if honours else {}
    try:
        await bucket.call(
            "copy_object",
            seconds=_COPY_SECONDS,
            Key=target,
            CopySource={"Bucket": bucket.name, "Key": key},
            CopySourceIfMatch=etag,
            **condition,
        )
    except RemoteError as error:
        if error.kind == "changed" and await bucket.head(target) is not None:
            raise RemoteError("name_taken", "There is something of this name already.") from error
        raise


async def _forget(bucket: Bucket, key: str, etag: str, *, honours: bool) -> None:
    """Delete what was copied, unless it is another by now. Raises ``changed``."""
    if key.endswith("/"):
        await bucket.call("delete_object", Key=key)
        return
    there = await bucket.head(key)
    if there is None:
        return
    if there["ETag"] != etag:
        raise RemoteError("changed", "The file was changed while it was moved.")
    condition: dict[str, Any] = {"IfMatch": etag} if honours else {}
    await bucket.call("delete_object", Key=key, **condition)
