"""Ids of what comes out of an export, the same at every try, so that a second try finds what the first has made."""

import hashlib
from uuid import UUID

KEPT_BITS = 48
"""The milliseconds that a UUIDv7 begins with: what is sorted by id stays in the order of time."""


def derived(workspace_id: UUID, source: UUID, place: int = 0) -> UUID:
    """The id in this workspace of what is ``source`` in the export: a UUIDv8 (RFC 9562 §5.8) of the source's time, its
    ``place`` in a list (12 bits, for things of one millisecond) and 62 bits of a digest. Never equal to a UUIDv7."""
    digest = int.from_bytes(hashlib.sha256(workspace_id.bytes + source.bytes).digest()[:8], "big")
    time = source.int >> (128 - KEPT_BITS)
    value = time << 80 | 8 << 76 | (place & 0xFFF) << 64 | 0b10 << 62 | digest >> 2
    return UUID(int=value)
