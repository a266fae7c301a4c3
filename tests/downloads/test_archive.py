"""Zips: what members are, that every reader takes them, and what becomes of bytes that are lost or changed."""

import asyncio
import gc
import io
import os
import shutil
import subprocess
import tracemalloc
import warnings
import zipfile
import zlib
from bisect import bisect
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dossier.downloads.archive import Directory, Member, zip_stream
from dossier.storage import BlobDamaged, BlobMissing, LocalBlobs, StoredBlob, Sums

AT = datetime(2026, 3, 1, 23, 30, 12, tzinfo=timezone(timedelta(hours=2)))
MIB = 1024 * 1024
END_OF_DIRECTORY = b"PK\x05\x06"
WORKSPACE = UUID(int=0xABC)

JAVA_READER = """
import java.util.zip.*;
public class Read {
    public static void main(String[] a) throws Exception {
        ZipInputStream in = new ZipInputStream(System.in);
        for (ZipEntry e; (e = in.getNextEntry()) != null; )
            System.out.println(e.getName() + " " + in.transferTo(java.io.OutputStream.nullOutputStream()));
    }
}
"""
Made = Callable[..., Awaitable[Member]]


async def cut(data: bytes, size: int = 65536) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def folder(path: str) -> Member:
    return Member(path, AT)


def of(blob: StoredBlob, path: str, *, known: bool = True, at: datetime = AT) -> Member:
    """A member that the store has; its CRC-32 may be known or not."""
    member = Member(path, at, blob.size, blob.key, blob.crc32)
    return member if known else msgspec.structs.replace(member, crc32=None, sha256=blob.sha256)


@pytest.fixture
def store(tmp_path: Path) -> LocalBlobs:
    return LocalBlobs(tmp_path / "blobs")


@pytest.fixture
def file(store: LocalBlobs) -> Made:
    """Put bytes into the store, and make them a member."""

    async def put(path: str, data: bytes = b"x", *, known: bool = True, at: datetime = AT) -> Member:
        return of(await store.put(WORKSPACE, cut(data)), path, known=known, at=at)

    return put


async def forget(_member: Member, _crc32: int) -> None:
    """Hears what was learnt."""


async def made(store: LocalBlobs, *members: Member) -> bytes:
    return b"".join([chunk async for chunk in zip_stream(store, members, forget)])


def measured(members: Sequence[Member]) -> int:
    """How long the archive should be, without a byte read."""
    directory = Directory(keep=False)
    for member in members:
        directory.begin(member)
        directory.end(member, 0, member.size)
    return directory.length


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def run(*command: str, cwd: Path, stdin: bytes = b"") -> str:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=True).stdout.decode()


CONTENTS = {
    "報告/Übersicht é.pdf": b"%PDF-1.7",
    "nothing.txt": b"",
    "a/b.bin": os.urandom(3 * MIB) + b"tail",
    "👩‍👩‍👧‍👦.txt": b"x" * 100_000,
    "last": b"1",
}
KNOWN = [[], list(CONTENTS), ["nothing.txt", "a/b.bin"]]
"""Whose CRC-32 is known: nobody's, everybody's, some."""


@pytest.fixture(params=KNOWN, ids=["none known", "all known", "mixed"])
async def some(request: pytest.FixtureRequest, file: Made) -> list[Member]:
    """A folder and files of all kinds."""
    return [folder("empty/"), *[await file(path, data, known=path in request.param) for path, data in CONTENTS.items()]]


class TestZip:
    async def test_every_member_comes_back(self, store: LocalBlobs, some: list[Member]) -> None:
        archive = opened(await made(store, *some))
        assert archive.namelist() == ["empty/", *CONTENTS]
        assert {name: archive.read(name) for name in CONTENTS} == CONTENTS
        assert [info.file_size for info in archive.infolist()] == [member.size for member in some]

    async def test_nothing_at_all_is_an_empty_zip(self, store: LocalBlobs) -> None:
        assert opened(await made(store)).namelist() == []
        assert measured([]) == len(await made(store))

    async def test_what_is_known_lies_there_as_it_is(self, store: LocalBlobs, file: Made) -> None:
        noise = os.urandom(MIB)
        data = await made(store, await file("a", noise))
        info = opened(data).getinfo("a")
        assert (info.compress_type, info.flag_bits, info.CRC) == (zipfile.ZIP_STORED, 0x800, zlib.crc32(noise))
        assert data[39 + 1 :].startswith(noise)
        assert MIB < len(data) < MIB + 200

    async def test_what_is_not_known_adds_little(self, store: LocalBlobs, file: Made) -> None:
        data = await made(store, await file("a", os.urandom(MIB), known=False))
        assert opened(data).getinfo("a").compress_type == zipfile.ZIP_DEFLATED
        assert MIB < len(data) < MIB + 1000

    async def test_what_was_not_known_is_told(self, store: LocalBlobs, some: list[Member]) -> None:
        told: dict[str, int] = {}

        async def hear(member: Member, crc32: int) -> None:
            told[member.path] = crc32

        async for _ in zip_stream(store, some, hear):
            pass
        assert told == {each.path: zlib.crc32(CONTENTS[each.path]) for each in some if each.size and each.crc32 is None}

    async def test_names_are_marked_as_utf8_whatever_they_hold(self, store: LocalBlobs, file: Made) -> None:
        for info in opened(
            await made(store, await file("é"), await file("a"), await file("ж", known=False))
        ).infolist():
            assert info.flag_bits & 0x800

    async def test_a_folder_with_bytes_is_refused(self, store: LocalBlobs, file: Made) -> None:
        with pytest.raises(ValueError, match="folder"):
            await made(store, await file("d/"))

    async def test_dates_are_utc_and_kept_to_the_second_for_unzip(
        self, store: LocalBlobs, file: Made, tmp_path: Path
    ) -> None:
        (tmp_path / "a.zip").write_bytes(await made(store, await file("a")))
        assert opened((tmp_path / "a.zip").read_bytes()).getinfo("a").date_time == (2026, 3, 1, 21, 30, 12)
        run("unzip", "-q", "a.zip", cwd=tmp_path)
        assert (tmp_path / "a").stat().st_mtime == AT.timestamp()

    @pytest.mark.parametrize("year", [1, 1970, 1979, 2038, 2108, 9999])
    async def test_dates_beyond_the_format_are_moved_into_it(self, store: LocalBlobs, file: Made, year: int) -> None:
        member = await file("a", at=datetime(year, 6, 1, tzinfo=UTC))
        data = await made(store, member)
        assert 1980 <= opened(data).infolist()[0].date_time[0] <= 2107
        assert len(data) == measured([member])

    async def test_modes_are_those_of_plain_files_and_folders(self, store: LocalBlobs, file: Made) -> None:
        modes = [
            info.external_attr >> 16 for info in opened(await made(store, folder("d/"), await file("f"))).infolist()
        ]
        assert modes == [0o40755, 0o100644]

    @pytest.mark.parametrize("tool", [["unzip", "-tqq"], ["7zz", "t"]])
    async def test_other_readers_take_it(
        self, store: LocalBlobs, some: list[Member], tmp_path: Path, tool: list[str]
    ) -> None:
        (tmp_path / "a.zip").write_bytes(await made(store, *some))
        run(*tool, "a.zip", cwd=tmp_path)

    async def test_readers_from_front_to_end_take_it(
        self, store: LocalBlobs, some: list[Member], tmp_path: Path
    ) -> None:
        data, ascii_ = await made(store, *some), ["nothing.txt", "a/b.bin", "last"]
        if not shutil.which("javac"):
            pytest.skip("no Java compiler is installed")
        (tmp_path / "Read.java").write_text(JAVA_READER)
        listed = run("java", "Read.java", cwd=tmp_path, stdin=data).splitlines()
        assert len(listed) == len(some)
        assert {f"{name} {len(CONTENTS[name])}" for name in ascii_} < set(listed)

    @given(
        st.dictionaries(
            st.text(
                st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=40
            ).filter(lambda name: name not in (".", "..")),
            st.tuples(st.one_of(st.integers(0, 300), st.integers(0, 3 * MIB)), st.booleans()),
            max_size=8,
        ),
        st.integers(0, 2**32),
    )
    @settings(max_examples=40, deadline=None)
    def test_any_names_and_sizes(
        self, tmp_path_factory: pytest.TempPathFactory, files: dict[str, tuple[int, bool]], start: int
    ) -> None:
        store = LocalBlobs(tmp_path_factory.getbasetemp() / "any")
        noise = bytes(range(256)) * (3 * MIB // 256) + b"end"

        async def make() -> tuple[list[Member], bytes]:
            blobs = [
                (name, known, store.put(WORKSPACE, cut(noise[start % 256 :][:size], 1 << 20)))
                for name, (size, known) in files.items()
            ]
            members = [of(await blob, name, known=known) for name, known, blob in blobs]
            return members, await made(store, *members)

        members, data = asyncio.run(make())
        archive = opened(data)
        assert archive.namelist() == list(files)
        for name, (size, _) in files.items():
            assert archive.read(name) == noise[start % 256 :][:size]
        assert not all(member.known for member in members) or len(data) == measured(members)


class TestStreaming:
    async def test_a_member_is_opened_when_its_turn_comes(self, store: LocalBlobs, file: Made) -> None:
        members = [await file(name, bytes(4 * MIB), known=name < "c") for name in "abcd"]
        chunks = zip_stream(store, members, forget)
        await anext(chunks)
        for member in members[2:]:
            store.local_path(member.key).unlink()
        sent = list[bytes]()
        with pytest.raises(BlobMissing):  # noqa: PT012  # what comes before the fault is kept
            async for chunk in chunks:
                sent.append(chunk)
        assert sum(map(len, sent)) > 6 * MIB

    @pytest.mark.parametrize("known", [True, False])
    async def test_memory_is_constant(self, store: LocalBlobs, file: Made, known: bool) -> None:
        blob = await file("a", os.urandom(64 * MIB), known=known)
        members = [msgspec.structs.replace(blob, path=str(n)) for n in range(4)]
        tracemalloc.start()
        sent = sum([len(chunk) async for chunk in zip_stream(store, members, forget)])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent > 256 * MIB
        assert peak < 8 * MIB

    async def test_memory_hardly_grows_with_members(self, store: LocalBlobs, file: Made) -> None:
        count, one = 32_000, await file("a")
        many = (
            msgspec.structs.replace(one, path=f"Contracts/2026/{n % 90}/Scan of lease {n:08}.pdf") for n in range(count)
        )
        tracemalloc.start()
        async for _ in zip_stream(store, many, forget):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4.5 * MIB + count * 40

    async def test_chunks_are_bounded_whatever_the_members_are(self, store: LocalBlobs, file: Made) -> None:
        members = [await file("a", os.urandom(9 * MIB)), await file("b"), await file("c", bytes(2 * MIB), known=False)]
        small = [await file(f"{n}", bytes(1000)) for n in range(500)]
        sizes = [len(chunk) async for chunk in zip_stream(store, members + small, forget)]
        assert max(sizes) < 2 * MIB
        assert len(sizes) < 18

    async def test_bytes_that_somebody_keeps_do_not_change(self, store: LocalBlobs, file: Made) -> None:
        """Their memory is used again, once nobody holds them."""
        members = [await file(str(n), os.urandom(MIB)) for n in range(12)]
        kept, sums = list[bytes](), list[int]()
        async for chunk in zip_stream(store, members, forget):
            kept.append(chunk)
            sums.append(zlib.crc32(chunk))
        assert [zlib.crc32(chunk) for chunk in kept] == sums
        opened(b"".join(kept))

    @pytest.mark.parametrize("known", [True, False])
    async def test_giving_up_closes_what_is_open(self, store: LocalBlobs, file: Made, known: bool) -> None:
        member = await file("a", bytes(20 * MIB), known=known)
        stream = zip_stream(store, [member], forget)
        await anext(stream)
        assert is_open(store, member) is not known, "between two chunks nothing is open of what is known"
        await stream.aclose()
        for _ in range(200):
            if not is_open(store, member):
                return
            await asyncio.sleep(0.01)
        raise AssertionError


def is_open(store: LocalBlobs, member: Member) -> bool:
    """Whether this process has the member's file open."""
    found = set[Path]()
    for link in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):
            found.add(link.readlink())
    return store.local_path(member.key) in found


class TestBroken:
    async def broken(self, store: LocalBlobs, *members: Member, error: type[Exception]) -> bytes:
        sent = b""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(error):  # noqa: PT012  # what comes before the fault is kept
                async for chunk in zip_stream(store, members, forget):
                    sent += chunk
            gc.collect()
        assert END_OF_DIRECTORY not in sent
        assert not zipfile.is_zipfile(io.BytesIO(sent))
        return sent

    @pytest.mark.parametrize("size", [0, 3, 4 * MIB - 1, 4 * MIB + 1])
    @pytest.mark.parametrize("known", [True, False])
    async def test_a_content_of_another_size(self, store: LocalBlobs, file: Made, known: bool, size: int) -> None:
        first, torn = await file("a", os.urandom(3 * MIB)), await file("b", os.urandom(4 * MIB), known=known)
        path = store.local_path(torn.key)
        path.chmod(0o640)
        os.truncate(path, size)
        if not known and size > torn.size:  # what lies behind its end is not read
            opened(await made(store, torn))
            return
        sent = await self.broken(store, first, torn, await file("c"), error=BlobDamaged)
        assert len(sent) >= 2 * MIB

    @pytest.mark.parametrize("known", [True, False])
    async def test_a_content_that_is_gone(self, store: LocalBlobs, file: Made, known: bool) -> None:
        lost = await file("b", b"lost", known=known)
        store.local_path(lost.key).unlink()
        await self.broken(store, await file("a"), lost, error=BlobMissing)

    async def test_changed_bytes_do_not_pass_for_those_that_were_there(self, store: LocalBlobs, file: Made) -> None:
        for known in (True, False):
            changed = await file("b", os.urandom(MIB), known=known)
            path = store.local_path(changed.key)
            path.chmod(0o640)
            with path.open("r+b") as there:
                there.seek(1000)
                there.write(b"other")
            if known:
                archive = zipfile.ZipFile(io.BytesIO(await made(store, await file("a"), changed)))
                assert archive.testzip() == "b"
            else:
                await self.broken(store, await file("a"), changed, error=BlobDamaged)

    @pytest.mark.parametrize("path", ["", "/", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a\0b", "x" * 70_000])
    async def test_paths_that_could_leave_the_folder(self, store: LocalBlobs, file: Made, path: str) -> None:
        await self.broken(store, await file(path), error=ValueError)


class Sparse(io.RawIOBase):
    """A file in memory that keeps only what is not zero, so that 4 GiB of zeros cost next to nothing."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.parts: list[bytes] = []
        self.length = self.position = 0

    def append(self, chunk: bytes) -> None:
        for start in range(0, len(chunk), 4096):
            part = chunk[start : start + 4096].rstrip(b"\0")
            if part:
                self.starts.append(self.length + start)
                self.parts.append(part)
        self.length += len(chunk)

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self.position = offset + (0, self.position, self.length)[whence]
        return self.position

    def read(self, size: int = -1) -> bytes:
        begin, end = self.position, self.length if size < 0 else min(self.position + size, self.length)
        out = bytearray(max(end - begin, 0))
        for index in range(max(bisect(self.starts, begin) - 1, 0), bisect(self.starts, end)):
            part, at = self.parts[index], self.starts[index] - begin
            part = part[max(-at, 0) : len(out) - at]
            out[max(at, 0) : max(at, 0) + len(part)] = part
        self.position = max(end, begin)
        return bytes(out)


@pytest.fixture
def sparse(store: LocalBlobs) -> Callable[[int], Awaitable[StoredBlob]]:
    """Put a content of zeros into the store, so many MiB of them, that takes no room on the disk."""

    async def put(size: int) -> StoredBlob:
        blob = await store.put(WORKSPACE, cut(b"1"))
        path = store.local_path(blob.key)
        path.chmod(0o640)
        os.truncate(path, 0)
        os.truncate(path, size)
        sums, zeros = Sums(), bytes(MIB)
        for _ in range(size // MIB):
            sums.update(zeros)
        return StoredBlob(blob.key, sums.digest(), size, b"", sums.crc32)

    return put


@pytest.mark.slow
class TestZip64:
    @pytest.mark.timeout(600)
    @pytest.mark.parametrize("known", [True, False])
    async def test_more_than_4_gib(
        self,
        store: LocalBlobs,
        file: Made,
        sparse: Callable[[int], Awaitable[StoredBlob]],
        tmp_path: Path,
        known: bool,
    ) -> None:
        size = 4200 * MIB
        blob = await sparse(size)
        members = [await file("first"), of(blob, "big", known=known), await file("last"), folder("folder/")]
        out = Sparse()
        async for chunk in zip_stream(store, members, forget):
            out.append(chunk)
        assert not known or out.length == measured(members)
        with zipfile.ZipFile(out) as archive:
            infos = archive.infolist()
            assert [info.filename for info in infos] == ["first", "big", "last", "folder/"]
            assert infos[1].file_size == size
            assert infos[2].header_offset > 2**32
            assert [archive.read(name) for name in ("first", "last")] == [b"x", b"x"]
            with archive.open("big") as member:
                assert member.read(MIB) == bytes(MIB)

    @pytest.mark.timeout(600)
    async def test_more_than_65535_members(self, store: LocalBlobs, file: Made, tmp_path: Path) -> None:
        path, one = tmp_path / "many.zip", await file("a", b"1")
        members = [msgspec.structs.replace(one, path=f"{n // 1000}/{n}.txt") for n in range(70_000)]
        with path.open("wb") as out:
            async for chunk in zip_stream(store, members, forget):
                out.write(chunk)
        assert path.stat().st_size == measured(members)
        with zipfile.ZipFile(path) as archive:
            assert len(archive.infolist()) == 70_000
            assert archive.read("69/69999.txt") == b"1"
        run("unzip", "-tqq", str(path), cwd=tmp_path)
