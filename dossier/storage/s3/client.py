"""The client library, set up for one bucket: with what credentials, for how long it tries, how it addresses the store."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from dossier.storage.addresses import S3Address

ATTEMPTS: Final = 3
_CONNECTIONS: Final = 256  # a slow client that reads holds one; one that sends holds none while a part fills
_ENCRYPTIONS: Final = {"s3": "AES256", "kms": "aws:kms"}


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials from settings; without them the library looks where AWS's programs do."""

    access: str
    secret: str = field(repr=False)


def client(address: S3Address, keys: Keys | None, seconds: float) -> AbstractAsyncContextManager[Any]:
    """The library's client, whose requests take at most about ``seconds`` with their repetitions."""
    config = AioConfig(
        signature_version="s3v4",
        connect_timeout=min(5.0, seconds / 4),
        read_timeout=seconds / 3,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        max_pool_connections=_CONNECTIONS,
        # Hosts named by the bucket are AWS's way; other stores are reached by one name.
        s3={"addressing_style": "path" if address.endpoint else "auto"},
        # The checksums are ours, made before the bytes are sent; the store is not asked for others.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    made: AbstractAsyncContextManager[Any] = _session().create_client(
        "s3",
        region_name=address.region or None,
        endpoint_url=address.endpoint or None,
        aws_access_key_id=keys.access if keys else None,
        aws_secret_access_key=keys.secret if keys else None,
        config=config,
    )
    return made


@cache
def _session() -> AioSession:
    return AioSession()


def encryption(address: S3Address) -> dict[str, str]:
    """What each request that writes says of encryption."""
    if address.sse == "none":
        return {}
    key = {"SSEKMSKeyId": address.kms_key} if address.kms_key else {}
    return {"ServerSideEncryption": _ENCRYPTIONS[address.sse], **key}
