"""Storage: immutable blobs. Bytes become durable under an opaque key first; then a row names them by their SHA-256."""

from dossier.storage.blobs import BlobEntry, BlobStore, StoredBlob
from dossier.storage.errors import BlobMissing, BodyTooLarge, StorageFailed
from dossier.storage.local import LocalBlobs
from dossier.storage.service import Received, adopt, find, forget, keys_of, list_, received, sweep, unknown_keys

__all__ = [
    "BlobEntry",
    "BlobMissing",
    "BlobStore",
    "BodyTooLarge",
    "LocalBlobs",
    "Received",
    "StorageFailed",
    "StoredBlob",
    "adopt",
    "find",
    "forget",
    "keys_of",
    "list_",
    "received",
    "sweep",
    "unknown_keys",
]
