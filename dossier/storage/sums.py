"""The two sums of a content: the SHA-256 that names it, and the CRC-32 that a zip wants to know before its first byte."""

import hashlib

from zlib_ng import zlib_ng


class Sums:
    """Both, of all that ``update`` has been given. ``crc32`` is unsigned."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self.crc32 = 0

    def update(self, data: bytes | memoryview) -> None:
        """Go on with these bytes. Lets go of the GIL meanwhile where they are many."""
        self._sha256.update(data)
        self.crc32 = zlib_ng.crc32(data, self.crc32)

    def digest(self) -> bytes:
        """The SHA-256, 32 bytes."""
        return self._sha256.digest()
