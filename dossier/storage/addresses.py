"""Where a store is, as text: a folder (``/var/dossier/blobs``, ``file:///…``) or ``s3://bucket/prefix?region=…``.

Client libraries are imported only by whoever opens a store that needs them.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from dossier.core.errors import Invalid
from dossier.core.settings import MIB, Settings
from dossier.storage.blobs import BlobStore
from dossier.storage.local import LocalBlobs

MOST_PARTS: Final = 10_000  # that S3 allows in one object
LEAST_PART: Final = 5 * MIB  # that S3 allows for any part but the last
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ENCRYPTIONS: Final = ("none", "s3", "kms")
_OPTIONS: Final = frozenset({"region", "endpoint", "sse", "kms_key"})


class AddressUnfit(Invalid):
    """The text names no store, or names it with an option that there is not."""

    code = "storage_address_unfit"
    title = "This is no address of a storage"


@dataclass(frozen=True, slots=True)
class S3Address:
    """A bucket and how to speak with it. ``prefix`` is empty or ends with a slash; an empty ``endpoint`` means AWS.

    ``sse`` is none (what the bucket does by itself), s3 or kms, the last with ``kms_key`` or the account's own key.
    """

    bucket: str
    prefix: str = ""
    region: str = ""
    endpoint: str = ""
    sse: str = "none"
    kms_key: str = ""

    @classmethod
    def parse(cls, text: str) -> "S3Address":
        """Read ``s3://bucket/prefix?region=…&endpoint=…&sse=…&kms_key=…``. Raises AddressUnfit."""
        url = urlsplit(text)
        if "@" in url.netloc:
            raise AddressUnfit("Credentials do not belong into an address; there are settings for them.")
        if not _BUCKET.fullmatch(url.netloc):
            raise AddressUnfit(f"{url.netloc!r} is no name of a bucket.")
        options = _options(url.query)
        prefix = unquote(url.path).strip("/")
        return cls(url.netloc, f"{prefix}/" if prefix else "", **options)


def _options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query).items()}
    if unknown := options.keys() - _OPTIONS:
        raise AddressUnfit(f"There is no option {min(unknown)!r}; there are {', '.join(sorted(_OPTIONS))}.")
    if (sse := options.get("sse", "none")) not in _ENCRYPTIONS:
        raise AddressUnfit(f"sse is one of {', '.join(_ENCRYPTIONS)}, not {sse!r}.")
    if options.get("kms_key") and sse != "kms":
        raise AddressUnfit("kms_key needs sse=kms.")
    endpoint = options.get("endpoint")
    if endpoint and not re.fullmatch(r"https?://[^/?#@\s]+", endpoint):
        raise AddressUnfit("endpoint is http(s)://host[:port] and nothing more.")
    return options


def open_store(settings: Settings, address: str = "") -> BlobStore:
    """The store at an address, or the one that the settings name. Touches nothing yet. Raises AddressUnfit."""
    address = address or settings.storage_url or str(settings.blobs_dir)
    scheme, colon, _rest = address.partition("://")
    if not colon:
        return LocalBlobs(Path(address))
    if scheme == "file":
        return LocalBlobs(_path(address))
    if scheme != "s3":
        raise AddressUnfit(f"{scheme!r} is no kind of storage; there are folders, file:// and s3://.")
    from dossier.storage.s3 import Bucket, Keys, S3Blobs

    keys = None
    if settings.storage_access_key and settings.storage_secret_key:
        keys = Keys(settings.storage_access_key, settings.storage_secret_key.get_secret_value())
    return S3Blobs(Bucket(S3Address.parse(address), keys), part_bytes(settings.max_upload_bytes))


def _path(address: str) -> Path:
    url = urlsplit(address)
    if url.netloc not in ("", "localhost") or not url.path:
        raise AddressUnfit("A folder is written as file:///with/three/slashes.")
    return Path(unquote(url.path))


def part_bytes(largest: int) -> int:
    """The size of a part, in whole MiB, with which an object of ``largest`` bytes has parts enough."""
    return max(LEAST_PART, -(-largest // (MOST_PARTS * MIB)) * MIB)
