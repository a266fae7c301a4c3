"""Make the bucket that DOSSIER_STORAGE_URL names, where it is not there, and wait until it takes an object: ``bucket.py``.

For the store of compose.yml. In AWS a bucket is made with its rules, as docs/operations.md says, and not by this.
"""

import sys
from contextlib import suppress

from botocore.session import get_session

from dossier.core.settings import Settings
from dossier.storage.addresses import S3Address


def main() -> None:
    """The command line."""
    settings = Settings()
    address = S3Address.parse(settings.storage_url)
    secret = settings.storage_secret_key
    client = get_session().create_client(
        "s3",
        region_name=address.region,
        endpoint_url=address.endpoint,
        aws_access_key_id=settings.storage_access_key,
        aws_secret_access_key=secret.get_secret_value() if secret else None,
    )
    with suppress(client.exceptions.BucketAlreadyExists, client.exceptions.BucketAlreadyOwnedByYou):
        client.create_bucket(Bucket=address.bucket)
    # The first object of a new bucket takes SeaweedFS seconds.
    key = f"{address.prefix}check/bucket"
    client.put_object(Bucket=address.bucket, Key=key, Body=b"")
    client.delete_object(Bucket=address.bucket, Key=key)
    client.close()


if __name__ == "__main__":
    sys.exit(main())
