"""Storage: immutable blobs. Bytes become durable under an opaque key first; then a row names them by their SHA-256."""

from dossier.storage.addresses import AddressUnfit, open_store
from dossier.storage.blobs import BlobEntry, BlobStore, OfferedPart, StoredBlob, Whole
from dossier.storage.errors import BlobDamaged, BlobMissing, BodyTooLarge, PartBusy, StorageFailed, Unhashed
from dossier.storage.local import LocalBlobs
from dossier.storage.service import (
    Received,
    adopt,
    assembled,
    find,
    forget,
    hold,
    key_of,
    keys_of,
    let_go,
    list_,
    note,
    on_disk,
    received,
    sweep,
    unknown_keys,
)
from dossier.storage.sums import Sums
from dossier.storage.traced import traced

__all__ = [
    "AddressUnfit",
    "BlobDamaged",
    "BlobEntry",
    "BlobMissing",
    "BlobStore",
    "BodyTooLarge",
    "LocalBlobs",
    "OfferedPart",
    "PartBusy",
    "Received",
    "StorageFailed",
    "StoredBlob",
    "Sums",
    "Unhashed",
    "Whole",
    "adopt",
    "assembled",
    "find",
    "forget",
    "hold",
    "key_of",
    "keys_of",
    "let_go",
    "list_",
    "note",
    "on_disk",
    "open_store",
    "received",
    "sweep",
    "traced",
    "unknown_keys",
]
