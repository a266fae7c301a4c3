"""S3: a client's own bucket, at AWS or in any store that speaks its protocol."""

from dossier.connectors.s3.bucket import BucketPlace
from dossier.connectors.s3.connector import S3Connector

__all__ = ["BucketPlace", "S3Connector"]
