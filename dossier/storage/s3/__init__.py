"""Blobs in an S3 bucket. Importing this loads the client library; ``addresses.open_store`` does it where it is wanted."""

from dossier.storage.s3.bucket import Bucket
from dossier.storage.s3.client import Keys
from dossier.storage.s3.store import S3Blobs

__all__ = ["Bucket", "Keys", "S3Blobs"]
