"""The ways the blob stores refuse; a full disk is ``core.errors.StorageFull`` (507).

None of them names a key to the client: the key stands in the exception's notes, for the log.
"""

from typing import Self

from dossier.core.errors import Internal, Locked, TooLarge, Unavailable


class BodyTooLarge(TooLarge):
    """More bytes came than the caller allowed; ``extra["limit"]`` is that number of bytes."""

    code = "body_too_large"
    title = "The file is larger than allowed here"


class StorageFailed(Unavailable):
    """The disk or the object store answered with an error; nothing half written is left."""

    code = "storage_failed"
    title = "The file storage does not answer as it should"


class PartBusy(Locked):
    """Somebody else is adding to the same bytes at the moment."""

    code = "upload_busy"
    title = "Another request is working on this upload"


class Unhashed(Exception):
    """All bytes are here for good, their digest is not known, and to read them takes longer than the caller waits."""


class _BlobError(Internal):
    @classmethod
    def of(cls, key: str) -> Self:
        """The error with ``key`` in its notes."""
        error = cls()
        error.add_note(f"blob key: {key!r}")
        return error


class BlobMissing(_BlobError):
    """A key without bytes. A row that names one has lost its content: 500 and an alarm, never 404."""

    code = "blob_missing"
    title = "The content of this version is missing in the storage"


class BlobDamaged(_BlobError):
    """The stored bytes are fewer than the caller knows they must be."""

    code = "blob_damaged"
    title = "The content of this version is damaged in the storage"


class BadKey(_BlobError):
    """``new_key`` cannot have made this key: a fault in our own code, or somebody's try to leave the store."""

    code = "bad_blob_key"
    title = "This is no key of the storage"
