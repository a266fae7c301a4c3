import asyncio
import gc
import io
import os
import shutil
import subprocess
import tracemalloc
import warnings
import zipfile
from bisect import bisect
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dossier.downloads.archive import BrokenSource, Entry, zip_stream

AT = datetime(2026, 3, 1, 23, 30, 12, tzinfo=timezone(timedelta(hours=2)))
MIB = 1024 * 1024
END_OF_DIRECTORY = b"PK\x05\x06"

JAVA_READER = """
import java.util.zip.*;
public class Read {
    public static void main(String[] a) throws Exception {
        ZipInputStream in = new ZipInputStream(System.in);
        for (ZipEntry e; (e = in.getNextEntry()) != null; )
            System.out.println(e.getName() + " " + in.readAllBytes().length);
    }
}
"""


def chunks_of(data: Iterable[bytes]) -> Callable[[], AsyncIterator[bytes]]:
    async def read() -> AsyncIterator[bytes]:
        for chunk in data:
            yield chunk

    return read


def file(path: str, *data: bytes, size: int | None = None, at: datetime = AT) -> Entry:
    return Entry(path, sum(map(len, data)) if size is None else size, at, chunks_of(data))


async def each(entries: Iterable[Entry]) -> AsyncIterator[Entry]:
    for entry in entries:
        yield entry


async def made(*entries: Entry, deflate: bool = False) -> bytes:
    return b"".join([chunk async for chunk in zip_stream(each(entries), deflate=deflate)])


def opened(data: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(data))
    assert archive.testzip() is None
    return archive


def run(*command: str, cwd: Path, stdin: bytes = b"") -> str:
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not installed")
    return subprocess.run(command, cwd=cwd, input=stdin, capture_output=True, check=True).stdout.decode()


SOME = [
    file("empty/"),
    file("報告/Übersicht é.pdf", b"%PDF", b"-1.7"),
    file("nothing.txt"),
    file("a/b.bin", os.urandom(3 * MIB), b"tail"),
    file("👩‍👩‍👧‍👦.txt", b"x" * 100_000),
]


class TestZip:
    @pytest.mark.parametrize("deflate", [False, True])
    async def test_every_member_comes_back(self, deflate: bool) -> None:
        archive = opened(await made(*SOME, deflate=deflate))
        assert archive.namelist() == [entry.path for entry in SOME]
        assert archive.read("報告/Übersicht é.pdf") == b"%PDF-1.7"
        assert [info.file_size for info in archive.infolist()] == [entry.size for entry in SOME]

    async def test_nothing_at_all_is_an_empty_zip(self) -> None:
        assert opened(await made()).namelist() == []

    async def test_adds_little_without_compression_and_shrinks_with_it(self) -> None:
        noise, zeros = os.urandom(MIB), bytes(MIB)
        assert MIB < len(await made(file("a", noise))) < MIB + 1000
        assert MIB < len(await made(file("a", zeros))) < MIB + 1000
        assert len(await made(file("a", zeros), deflate=True)) < 3000

    async def test_names_are_marked_as_utf8_whatever_they_hold(self) -> None:
        for info in opened(await made(file("é"), file("a"), file("ж"))).infolist():
            assert info.flag_bits & 0x800

    async def test_a_folder_with_bytes_is_refused(self) -> None:
        with pytest.raises(ValueError, match="folder"):
            await made(file("d/", b"x"))

    async def test_dates_are_utc_and_kept_to_the_second_for_unzip(self, tmp_path: Path) -> None:
        (tmp_path / "a.zip").write_bytes(await made(file("a", b"x")))
        assert opened((tmp_path / "a.zip").read_bytes()).getinfo("a").date_time == (2026, 3, 1, 21, 30, 12)
        run("unzip", "-q", "a.zip", cwd=tmp_path)
        assert (tmp_path / "a").stat().st_mtime == AT.timestamp()

    @pytest.mark.parametrize("year", [1, 1970, 1979, 2038, 2108, 9999])
    async def test_dates_beyond_the_format_are_moved_into_it(self, year: int) -> None:
        archive = opened(await made(file("a", b"x", at=datetime(year, 6, 1, tzinfo=UTC))))
        assert 1980 <= archive.infolist()[0].date_time[0] <= 2107

    async def test_modes_are_those_of_plain_files_and_folders(self) -> None:
        modes = [info.external_attr >> 16 for info in opened(await made(file("d/"), file("f"))).infolist()]
        assert modes == [0o40755, 0o100644]

    @pytest.mark.parametrize("tool", [["unzip", "-tqq"], ["7zz", "t"]])
    async def test_other_readers_take_it(self, tmp_path: Path, tool: list[str]) -> None:
        for deflate in (False, True):
            (tmp_path / "a.zip").write_bytes(await made(*SOME, deflate=deflate))
            run(*tool, "a.zip", cwd=tmp_path)

    async def test_a_reader_from_front_to_end_takes_it(self, tmp_path: Path) -> None:
        if not shutil.which("javac"):
            pytest.skip("no Java compiler is installed")
        (tmp_path / "Read.java").write_text(JAVA_READER)
        listed = run("java", "Read.java", cwd=tmp_path, stdin=await made(*SOME[2:4]))
        assert listed.split() == ["nothing.txt", "0", "a/b.bin", str(3 * MIB + 4)]

    @given(st.lists(st.lists(st.binary(max_size=200_000), max_size=4), max_size=5), st.booleans())
    @settings(max_examples=25, deadline=None)
    def test_any_cut_into_chunks(self, members: list[list[bytes]], deflate: bool) -> None:
        entries = [file(str(n), *data) for n, data in enumerate(members)]
        archive = opened(asyncio.run(made(*entries, deflate=deflate)))
        assert [archive.read(name) for name in archive.namelist()] == [b"".join(data) for data in members]


class TestStreaming:
    async def test_a_member_is_opened_when_its_turn_comes(self) -> None:
        order: list[str] = []

        def watched(name: str) -> Entry:
            async def read() -> AsyncIterator[bytes]:
                order.append(f"open {name}")
                yield bytes(2 * MIB)
                order.append(f"end {name}")

            return Entry(name, 2 * MIB, AT, read)

        async for _ in zip_stream(each([watched("a"), watched("b")])):
            order.append("chunk")
        assert order.index("end a") < order.index("open b")
        assert order[:2] == ["open a", "chunk"]

    async def test_memory_is_constant(self) -> None:
        block = os.urandom(MIB)
        entries = (file(str(n), *[block] * 64) for n in range(4))
        tracemalloc.start()
        sent = sum([len(chunk) async for chunk in zip_stream(each(entries))])
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert sent > 256 * MIB
        assert peak < 6 * MIB

    async def test_memory_hardly_grows_with_members(self) -> None:
        """Beside the directory itself, which is about 130 bytes of a member and made at the end."""
        count = 8_000
        entries = (file(f"Contracts/2026/{n % 90}/Scan of lease {n:08}.pdf", b"x") for n in range(count))
        tracemalloc.start()
        async for _ in zip_stream(each(entries)):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < count * 600

    async def test_chunks_are_bounded_whatever_the_source_gives(self) -> None:
        sizes = [len(chunk) async for chunk in zip_stream(each([file("a", os.urandom(9 * MIB)), file("b", b"x")]))]
        assert max(sizes) < 2 * MIB
        assert len(sizes) < 12

    async def test_giving_up_closes_what_is_open(self) -> None:
        closed: list[str] = []

        async def read() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield bytes(MIB)
            finally:
                closed.append("source")

        async def entries() -> AsyncIterator[Entry]:
            try:
                yield Entry("a", 100 * MIB, AT, read)
            finally:
                closed.append("entries")

        stream = zip_stream(entries())
        await anext(stream)
        await stream.aclose()
        assert closed == ["source", "entries"]


class TestBroken:
    async def broken(self, *entries: Entry, error: type[Exception]) -> bytes:
        sent = b""
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(error):  # noqa: PT012
                async for chunk in zip_stream(each(entries)):
                    sent += chunk
            gc.collect()
        assert END_OF_DIRECTORY not in sent
        assert not zipfile.is_zipfile(io.BytesIO(sent))
        return sent

    async def test_a_source_that_fails_midway(self) -> None:
        async def read() -> AsyncIterator[bytes]:
            yield b"x" * 2 * MIB
            raise OSError("disk")

        sent = await self.broken(file("a", b"whole"), Entry("b", 5 * MIB, AT, read), file("c"), error=OSError)
        assert len(sent) > MIB

    async def test_a_source_that_cannot_be_opened(self) -> None:
        def fail() -> AsyncIterator[bytes]:
            raise FileNotFoundError

        await self.broken(file("a", b"whole"), Entry("b", 5, AT, fail), error=FileNotFoundError)

    @pytest.mark.parametrize("size", [0, 3, 5])
    async def test_a_source_of_another_size(self, size: int) -> None:
        await self.broken(file("a", b"four", size=size), error=BrokenSource)

    async def test_entries_that_fail(self) -> None:
        async def entries() -> AsyncIterator[Entry]:
            yield file("a", b"x" * 2 * MIB)
            raise PermissionError

        with pytest.raises(PermissionError):
            [chunk async for chunk in zip_stream(entries())]

    @pytest.mark.parametrize("path", ["", "/", "/a", "../a", "a/../b", "a//b", "./a", "a\\b", "a\0b", "x" * 70_000])
    async def test_paths_that_could_leave_the_folder(self, path: str) -> None:
        await self.broken(file(path, b"x"), error=ValueError)


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


@pytest.mark.slow
class TestZip64:
    @pytest.mark.timeout(600)
    async def test_more_than_4_gib(self) -> None:
        block, count = bytes(MIB), 4200
        big = Entry("big", count * MIB, AT, chunks_of(block for _ in range(count)))
        sparse = Sparse()
        async for chunk in zip_stream(each([file("first", b"1"), big, file("last", b"2"), file("folder/")])):
            sparse.append(chunk)
        with zipfile.ZipFile(sparse) as archive:
            infos = archive.infolist()
            assert [info.filename for info in infos] == ["first", "big", "last", "folder/"]
            assert infos[1].file_size == count * MIB
            assert infos[2].header_offset > 2**32
            assert [archive.read(name) for name in ("first", "last")] == [b"1", b"2"]
            with archive.open("big") as member:
                assert member.read(MIB) == block

    @pytest.mark.timeout(600)
    async def test_more_than_65535_members(self, tmp_path: Path) -> None:
        path = tmp_path / "many.zip"
        entries = (file(f"{n // 1000}/{n}.txt", str(n).encode()) for n in range(70_000))
        with path.open("wb") as out:
            async for chunk in zip_stream(each(entries)):
                out.write(chunk)
        with zipfile.ZipFile(path) as archive:
            assert len(archive.infolist()) == 70_000
            assert archive.read("69/69999.txt") == b"69999"
        run("unzip", "-tqq", str(path), cwd=tmp_path)
