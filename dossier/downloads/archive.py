"""A zip that is made while it is sent: constant memory, no temporary copy, no thread per file.

A member whose CRC-32 is known is *stored*: its header says all of it, and its bytes go out as they lie in the store, which
reads them many files at a time. Whoever unpacks it compares them with that CRC-32, so nobody does here.

A member without is "deflated" by nothing (level 0, 0.02 % longer), for its CRC-32 follows it in a data descriptor, and
readers that go from front to end (the Finder's Archive Utility, java.util.zip.ZipInputStream) refuse that after *stored*
members, whose end they cannot see. Its bytes are compared with their SHA-256, so that the CRC-32 can be kept.

The format is APPNOTE.TXT of PKWARE. The standard library's ``zipfile`` does not write what it cannot seek in as *stored*
members, tells no length beforehand, and keeps 700 bytes of each member.
"""

import asyncio
import stat
import struct
import zlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from datetime import UTC, datetime
from io import BytesIO
from typing import Final

import msgspec

from dossier.storage import BlobDamaged, BlobStore, Sums, Whole

_LOCAL: Final = struct.Struct("<4sHHHHHLLLHH")
_DESCRIPTOR: Final = {False: struct.Struct("<4sLLL"), True: struct.Struct("<4sLQQ")}
_LINE: Final = struct.Struct("<4sHHHHHHLLLHHHHHLL")
_END_64: Final = struct.Struct("<4sQHHLLQQQQ4sLQL")
_END: Final = struct.Struct("<4sHHHHLLH")
_UTF8, _FOLLOWS, _STORED, _DEFLATED, _UNIX = 0x800, 0x8, 0, 8, 3 << 8
_PLAIN, _ZIP64 = 20, 45  # versions that a reader needs
_MOST_32, _MOST_16 = 0xFFFFFFFF, 0xFFFF
_BLOCK_BYTES, _BLOCK_HEAD, _BLOCKS_END = 0xFFFF, struct.Struct("<BHH"), b"\1\0\0\xff\xff"
_MOST_FRAMES = 1 << 20  # bytes that the heads of blocks take at 4 GiB, however short the chunks are that come
_SMALL_BYTES = 1 << 16
_PAGE_BYTES = 60_000
_FIRST_DATE, _LAST_DATE = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)


class Member(msgspec.Struct, array_like=True, frozen=True):
    """A file of an archive by its unique relative path, or a folder, whose path ends in ``/``, at an aware time.

    ``size`` is in bytes, ``key`` is the blob's; its ``sha256`` (32 bytes) is there where the ``crc32`` is not known.
    """

    path: str
    modified_at: datetime
    size: int = 0
    key: str = ""
    crc32: int | None = None
    sha256: bytes = b""

    @property
    def known(self) -> bool:
        """Whether the CRC-32 is known beforehand; that of nothing is 0."""
        return self.crc32 is not None or not self.size


Told = Callable[[Member, int], Awaitable[None]]


async def zip_stream(store: BlobStore, members: Iterable[Member], told: Told) -> AsyncGenerator[bytes, None]:
    """The archive, in chunks of about 1 MiB; zip64 where sizes or the count need it, names in UTF-8.

    ``told`` hears each CRC-32 that was not known. Raises what the store does, BlobDamaged where bytes are not what the
    SHA-256 says, and ValueError (a path that could leave the folder it is unpacked in): the directory at the end, without
    which no zip is valid, was then never sent. Keeps some 40 bytes of each member until then.
    """
    async with aclosing(ahead(store.join(_pieces(store, members, told)))) as chunks:
        async for chunk in chunks:
            yield chunk


async def ahead(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The same, the next one made while this one is sent: 1.5 × the speed of taking turns."""
    making = asyncio.create_task(_next(chunks))
    try:
        while (chunk := await making) is not None:
            making = asyncio.create_task(_next(chunks))
            yield chunk
    finally:
        making.cancel()
        await asyncio.wait([making])
        await chunks.aclose()


async def _next(chunks: AsyncGenerator[bytes, None]) -> bytes | None:
    return await anext(chunks, None)


async def _pieces(store: BlobStore, members: Iterable[Member], told: Told) -> AsyncGenerator[bytes | Whole, None]:
    directory = Directory()
    for member in members:
        yield directory.begin(member)
        if member.known:
            if member.size:
                yield Whole(member.key, member.size)
            directory.end(member, member.crc32 or 0, member.size)
            continue
        sums, length = Sums(), len(_BLOCKS_END)
        async with aclosing(store.open(member.key, 0, member.size)) as chunks:
            async for chunk in chunks:
                framed = await _framed(chunk, sums)
                length += len(framed)
                yield framed
        if sums.digest() != member.sha256:
            raise BlobDamaged.of(member.key)
        yield _BLOCKS_END + directory.end(member, sums.crc32, length)
        await told(member, sums.crc32)
    for page in directory.pages():
        yield page


async def _framed(chunk: bytes, sums: Sums) -> bytes:
    """The chunk in stored blocks of deflate (RFC 1951, 3.2.4), none the last; what is large in a thread."""
    return _frame(chunk, sums) if len(chunk) < _SMALL_BYTES else await asyncio.to_thread(_frame, chunk, sums)


def _frame(chunk: bytes, sums: Sums) -> bytes:
    sums.update(chunk)
    count, data = -(-len(chunk) // _BLOCK_BYTES), memoryview(chunk)
    whole, at = BytesIO(bytes(len(chunk) + count * _BLOCK_HEAD.size)), 0
    with whole.getbuffer() as memory:
        for start in range(0, len(chunk), _BLOCK_BYTES):
            block = data[start : start + _BLOCK_BYTES]
            _BLOCK_HEAD.pack_into(memory, at, 0, len(block), len(block) ^ 0xFFFF)
            at += _BLOCK_HEAD.size
            memory[at : at + len(block)] = block
            at += len(block)
    return whole.getvalue()


class Directory:
    """Where the next member begins, and what comes at the end: a line for each member, packed where they are to be kept."""

    def __init__(self, *, keep: bool = True) -> None:
        self._keep, self._pages, self._page = keep, list[bytes](), bytearray()
        self._begun = self._at = self._count = self._lines = 0

    def begin(self, member: Member) -> bytes:
        """The header that comes before the member's bytes. Raises ValueError."""
        _check(member)
        size = member.size if member.known else 0
        name, extra = member.path.encode(), _times(member)
        if _is_big(member):
            extra += struct.pack("<HHQQ", 1, 16, size, size)
            size = _MOST_32
        what, lengths = _what(member), (len(name), len(extra))
        made = _LOCAL.pack(b"PK\3\4", *what, member.crc32 or 0, size, size, *lengths) + name + extra
        self._begun, self._at = self._at, self._at + len(made)
        return made

    def end(self, member: Member, crc32: int, length: int) -> bytes:
        """What follows the member's bytes, which take ``length`` in the archive: what the header did not know."""
        follows, big = b"", _is_big(member)
        if not member.known:
            follows = _DESCRIPTOR[big].pack(b"PK\7\x08", crc32, length, member.size)
        self._at += length + len(follows)
        self._count += 1
        self._add(self._line(member, crc32, length, big=big))
        return follows

    def _line(self, member: Member, crc32: int, length: int, *, big: bool) -> bytes:
        size, at, wide = member.size, self._begun, b""
        if big:
            wide += struct.pack("<QQ", size, length)
            size = length = _MOST_32
        if at >= _MOST_32:
            wide += struct.pack("<Q", at)
            at = _MOST_32
        name, extra = member.path.encode(), _times(member)
        extra += struct.pack("<HH", 1, len(wide)) + wide if wide else b""
        mode = (stat.S_IFDIR | 0o755) << 16 | 0x10 if member.path.endswith("/") else (stat.S_IFREG | 0o644) << 16
        what, lengths = _what(member), (len(name), len(extra), 0, 0, 0)
        line = _LINE.pack(b"PK\1\2", _UNIX | _ZIP64, *what, crc32, length, size, *lengths, mode, at)
        return line + name + extra

    def _add(self, line: bytes) -> None:
        self._lines += len(line)
        if self._keep:
            self._page += line
            if len(self._page) >= _PAGE_BYTES:
                self._pages.append(zlib.compress(self._page, 1))
                self._page = bytearray()

    def pages(self) -> Iterator[bytes]:
        """What comes behind all members."""
        yield from map(zlib.decompress, self._pages)
        yield bytes(self._page) + self._end()

    def _end(self) -> bytes:
        count, size, at, wide = self._count, self._lines, self._at, b""
        if count >= _MOST_16 or max(size, at) >= _MOST_32:
            there = (0, 0, count, count, size, at)
            wide = _END_64.pack(b"PK\6\6", 44, _UNIX | _ZIP64, _ZIP64, *there, b"PK\6\7", 0, at + size, 1)
        count, size, at = min(count, _MOST_16), min(size, _MOST_32), min(at, _MOST_32)
        return wide + _END.pack(b"PK\5\6", 0, 0, count, count, size, at, 0)

    @property
    def length(self) -> int:
        """How long an archive of these members is."""
        return self._at + self._lines + len(self._end())


def _what(member: Member) -> tuple[int, int, int, int, int]:
    """What header and line say alike: the version that a reader needs, flags, method, time and date."""
    moment = member.modified_at.astimezone(UTC).timetuple()[:6]
    year, month, day, hour, minute, second = min(max(moment, _FIRST_DATE), _LAST_DATE)
    time, date = hour << 11 | minute << 5 | second // 2, (year - 1980) << 9 | month << 5 | day
    flags, method = (_UTF8, _STORED) if member.known else (_UTF8 | _FOLLOWS, _DEFLATED)
    return _ZIP64 if _is_big(member) else _PLAIN, flags, method, time, date


def _times(member: Member) -> bytes:
    """The extended timestamp of Info-ZIP: the date of the header has no zone, this is UTC."""
    seconds = int(member.modified_at.timestamp())
    return struct.pack("<HHBl", 0x5455, 5, 1, seconds) if 0 <= seconds < 2**31 else b""


def _is_big(member: Member) -> bool:
    """Whether its sizes take 64 bits; those of blocks, which are not known before, are a little larger."""
    return member.size >= (_MOST_32 if member.known else _MOST_32 - _MOST_FRAMES)


def _check(member: Member) -> None:
    path = member.path
    if path.endswith("/") and member.size:
        raise ValueError("a folder has no bytes of its own")
    parts = path.removesuffix("/").split("/")
    if not {"", ".", ".."}.isdisjoint(parts) or "\\" in path or "\0" in path or len(path.encode()) > _MOST_16:
        raise ValueError("not a relative path in plain form")
