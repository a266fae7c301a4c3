"""QuickXorHash, the digest that OneDrive and SharePoint compute of every file.

Source: learn.microsoft.com/onedrive/developer/code-snippets/quickxorhash. Byte number i goes, rotated by 11 bits × i, into
160 bits by XOR; the length goes into the last 64 bits. After 160 bytes the rotation begins anew, so that whole blocks are
put together first.
"""

from typing import Final

_BITS: Final = 160
_SHIFT: Final = 11
_BLOCK: Final = 160  # bytes: 11 × 160 is a multiple of 160 bits
_MASK: Final = (1 << _BITS) - 1


class QuickXor:
    """Like hashlib's. Finds faults and echoes; it withstands nobody who means harm."""

    def __init__(self) -> None:
        self._block, self._rest, self._length = 0, b"", 0

    def update(self, data: bytes) -> None:
        """Take more bytes."""
        self._length += len(data)
        data = self._rest + data
        whole = len(data) - len(data) % _BLOCK
        self._block ^= _folded(data[:whole])
        self._rest = data[whole:]

    def digest(self) -> bytes:
        """20 bytes of what came so far."""
        block = self._block ^ int.from_bytes(self._rest.ljust(_BLOCK, b"\0"), "little")
        total = 0
        for i, byte in enumerate(block.to_bytes(_BLOCK, "little")):
            turned = byte << (_SHIFT * i % _BITS)
            total ^= (turned & _MASK) | (turned >> _BITS)
        return (total ^ (self._length << (_BITS - 64))).to_bytes(_BITS // 8, "little")

    def hexdigest(self) -> str:
        """As ``Item.digests`` has it."""
        return self.digest().hex()


def _folded(data: bytes) -> int:
    """All blocks of the data, put together by XOR: halves first, for integers are fast when they are long."""
    number, blocks = int.from_bytes(data, "little"), len(data) // _BLOCK
    while blocks > 1:
        half = (blocks + 1) // 2
        bits = half * _BLOCK * 8
        number = (number >> bits) ^ (number & ((1 << bits) - 1))
        blocks = half
    return number
