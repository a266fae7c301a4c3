"""What the child may and may not do. ``work`` below runs in the locked child in place of a reader of files."""

import ast
import asyncio
import os
import resource
import tempfile
import textwrap
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from dossier.core import sandbox as core_sandbox
from dossier.search import sandbox
from dossier.search.extract import DOCX, HTML, MIB, PDF, PPTX, XLSX
from dossier.search.sandbox import ExtractionFailed, Reason, extract_text
from tests.search import samples
from tests.search.samples import Entry

CHILD = Path(core_sandbox.__file__).with_name("_child.py")
SAMPLES: dict[str, str | bytes] = {
    "text/plain": "Größe",
    "text/markdown": "# Größe",
    "text/csv": "a;Größe",
    "text/x-python": "# Größe",
    HTML: "<p>Gr&ouml;ße",
    PDF: samples.pdf("Gr\xf6\xdfe"),
    DOCX: samples.docx(samples.paragraphs("Größe")),
    XLSX: samples.xlsx({"S": [["Größe"]]}),
    PPTX: samples.pptx("Größe"),
}
ATTEMPTS = {
    "read a file": "open('/etc/passwd')",
    "read a file of its own folder": "open('new', 'w')",
    "list a folder": "os.listdir('/')",
    "look whether a file is there": "os.stat('/etc/passwd')",
    "connect": "socket.create_connection(('127.0.0.1', 9), 1)",
    "open a socket": "socket.socket()",
    "open a local socket": "socket.socket(socket.AF_UNIX)",
    "open a pipe": "os.pipe()",
    "double a descriptor": "os.dup(0)",
    "fork": "os.fork() or os._exit(0)",
    "start a thread": "_thread.start_new_thread(print, ())",
    "become another program": "os.execv('/bin/true', ['true'])",
    "signal the parent": "os.kill(os.getppid(), 0)",
    "lift a limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (99, 99))",
    "enlarge a file": "os.ftruncate(0, 99)",
    "delete a file": "os.unlink('/etc/nothing')",
}

# What refuses: the filter by EPERM, the interpreter where a thread or a limit fails.
REFUSALS = {"PermissionError", "RuntimeError", "ValueError"}
LITTLE = 96 * MIB
UNFILTERED = "child._filter_syscalls = lambda libc: None"


@pytest.fixture(autouse=True)
def leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    others = children()
    yield
    assert list(folder.iterdir()) == []
    assert children() <= others


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "Work":
    return Work(tmp_path, monkeypatch)


class Work:
    """Runs Python lines as the work of the locked child; what they ``return`` is the text."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch

    async def run(self, lines: str, *, before: str = "", seconds: float = 10, memory: int = 512 * MIB) -> str:
        script = self._folder / "script.py"
        script.write_text(
            "import _thread, encodings.idna, importlib.util, os, resource, signal, socket, sys, time\n"
            f"spec = importlib.util.spec_from_file_location('child', {str(CHILD)!r})\n"
            "child = importlib.util.module_from_spec(spec)\n"
            "spec.loader.exec_module(child)\n"
            f"{before}\n"
            f"def work(stream):\n{textwrap.indent(lines, '    ')}\n"
            "child.run(work, int(sys.argv[3]), float(sys.argv[4]))\n"
        )
        self._monkeypatch.setattr(core_sandbox, "_CHILD", script)
        path = samples.write(self._folder, "foreign")
        return await extract_text(path, "text/plain", seconds=seconds, memory=memory, max_chars=1000)

    async def attempt(self, *attempts: str, before: str = "") -> dict[str, str]:
        """Which class of error each attempt ends in."""
        lines = "found = {}\n" + "".join(
            f"try:\n    {ATTEMPTS[name]}\n    found[{name!r}] = 'none'\n"
            f"except Exception as e: found[{name!r}] = type(e).__name__\n"
            for name in attempts
        )
        return dict(ast.literal_eval(await self.run(lines + "return repr(found)", before=before)))


def children() -> set[int]:
    """The processes, zombies included, whose parent this one is."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == os.getpid():
            found.add(int(stat.parent.name))
    return found


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def failure(path: Path, media_type: str, *, seconds: float = 20, memory: int = 512 * MIB) -> ExtractionFailed:
    with pytest.raises(ExtractionFailed) as failed:
        await extract_text(path, media_type, seconds=seconds, memory=memory)
    return failed.value


class TestExtractText:
    @pytest.mark.parametrize("media_type", SAMPLES)
    async def test_each_type(self, tmp_path: Path, media_type: str) -> None:
        path = samples.write(tmp_path, SAMPLES[media_type])
        assert "Größe" in await extract_text(path, media_type)

    def test_covers_all_supported_types(self) -> None:
        assert set(SAMPLES) >= sandbox.SUPPORTED

    async def test_keeps_to_the_number_of_characters(self, tmp_path: Path) -> None:
        path = samples.write(tmp_path, "€" * 3 * MIB)
        assert await extract_text(path, "text/plain", max_chars=2_000_000) == "€" * 2_000_000

    async def test_gives_any_text_whole(self, tmp_path: Path) -> None:
        text = "\ntab\tnul\0 crlf\r\n emoji 👍 ok\n"
        assert await extract_text(samples.write(tmp_path, text), "text/plain") == text

    async def test_is_quick(self, tmp_path: Path) -> None:
        path = samples.write(tmp_path, "text")
        times = []
        for _ in range(3):
            started = time.perf_counter()
            await extract_text(path, "text/plain")
            times.append(time.perf_counter() - started)
        assert min(times) < 0.3

    async def test_several_at_a_time(self, tmp_path: Path) -> None:
        path = samples.write(tmp_path, "text")
        texts = await asyncio.gather(*[extract_text(path, "text/plain") for _ in range(6)])
        assert texts == ["text"] * 6

    async def test_refuses_an_unknown_type(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="image/png"):
            await extract_text(samples.write(tmp_path, "x"), "image/png")

    async def test_a_missing_file_is_no_failed_extraction(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            await extract_text(tmp_path / "missing", "text/plain")

    async def test_leaves_no_descriptor_open(self, tmp_path: Path) -> None:
        path = samples.write(tmp_path, "text")
        await extract_text(path, "text/plain")
        before = descriptors()
        for _ in range(3):
            await extract_text(path, "text/plain")
        assert descriptors() <= before


class TestBadFiles:
    @pytest.mark.parametrize(
        ("content", "media_type", "reason"),
        [
            (samples.pdf("x", encrypted=True), PDF, Reason.ENCRYPTED),
            (samples.pdf("text")[:300], PDF, Reason.BROKEN),
            (b"%PDF-1.7\n" + bytes(range(256)) * 100, PDF, Reason.BROKEN),
            (b"", PDF, Reason.BROKEN),
            (b"PK\x03\x04 no zip", DOCX, Reason.BROKEN),
            (samples.docx("<w:p>"), DOCX, Reason.BROKEN),
            (samples.docx("x"), XLSX, Reason.BROKEN),
            (samples.docx("&j;", doctype=samples.LAUGHS), DOCX, Reason.BOMB),
            (samples.docx("&j;", doctype=samples.XXE), DOCX, Reason.BOMB),
            (samples.xlsx_shared("&j;", doctype=samples.LAUGHS), XLSX, Reason.BOMB),
            (samples.xlsx_shared("&j;", doctype=samples.XXE), XLSX, Reason.BOMB),
        ],
    )
    async def test_say_why(self, tmp_path: Path, content: bytes, media_type: str, reason: Reason) -> None:
        failed = await failure(samples.write(tmp_path, content), media_type)
        assert failed.reason == reason
        assert str(tmp_path) not in str(failed) + failed.clue

    @pytest.mark.parametrize("doctype", [samples.LAUGHS, samples.XXE])
    @pytest.mark.parametrize(
        ("part", "where"),
        [("xl/worksheets/sheet1.xml", "<v>"), ("xl/styles.xml", '<fonts count="1">'), ("xl/workbook.xml", "<sheets>")],
    )
    async def test_xml_attacks_on_xlsx(self, tmp_path: Path, part: str, where: str, doctype: str) -> None:
        book = samples.xlsx({"S": [[1]]})
        content = samples.with_part(book, part, lambda xml: samples.with_doctype(xml, doctype, where))
        assert (await failure(samples.write(tmp_path, content), XLSX)).reason == Reason.BOMB

    async def test_a_gibibyte_of_zeros(self, tmp_path: Path) -> None:
        zeros = samples.deflated_repeat(b"\0" * MIB, 1024)
        bomb = samples.raw_zip(samples.content_types(), Entry("word/document.xml", zeros, 2**30))
        assert (await failure(samples.write(tmp_path, bomb), DOCX)).reason == Reason.BOMB

    async def test_one_huge_attribute_meets_the_memory_limit(self, tmp_path: Path) -> None:
        size = 200 * MIB
        head, noise = b"<a b='", os.urandom(6000).hex().encode()
        packed = samples.deflated_repeat(noise, size // len(noise), head=head)
        unpacked = len(head) + size // len(noise) * len(noise)
        bomb = samples.raw_zip(samples.content_types(), Entry("word/document.xml", packed, unpacked))
        assert (await failure(samples.write(tmp_path, bomb), DOCX, memory=LITTLE)).reason == Reason.MEMORY

    async def test_a_pdf_that_unpacks_without_end_meets_the_memory_limit(self, tmp_path: Path) -> None:
        packed = zlib.compress(samples.deflated_repeat(b"q " * (MIB // 2), 1000, wbits=15))
        bomb = samples.pdf(content=packed, filters="/Filter[/FlateDecode/FlateDecode]")
        assert (await failure(samples.write(tmp_path, bomb), PDF, memory=LITTLE)).reason == Reason.MEMORY

    @pytest.mark.slow
    async def test_memory_stays_bounded(self, tmp_path: Path) -> None:
        packed = zlib.compress(samples.deflated_repeat(b"BT /F1 9 Tf 9 9 Td (aaaa) Tj ET\n" * 30_000, 64, wbits=15))
        bomb = samples.pdf(content=packed, filters="/Filter[/FlateDecode/FlateDecode]")
        assert (await failure(samples.write(tmp_path, bomb), PDF)).reason == Reason.MEMORY
        # A child starts with the figure of its parent, so that counts too.
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 <= max(512 * MIB, own * 1024)

    @pytest.mark.slow
    async def test_a_page_that_takes_for_ever_ends_in_time(self, tmp_path: Path) -> None:
        path = samples.write(tmp_path, "<p>" + "<a " * 400_000)
        started = time.perf_counter()
        assert (await failure(path, HTML, seconds=1.5)).reason == Reason.TIMEOUT
        assert time.perf_counter() - started < 20


class TestLimits:
    async def test_memory(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed, match="too much memory") as failed:
            await work.run("hog = []\nwhile True: hog.append(bytearray(1 << 20))", memory=128 * MIB)
        assert failed.value.reason == Reason.MEMORY

    async def test_wall_clock(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed, match="too long") as failed:
            await work.run("time.sleep(60)", seconds=0.5)
        assert (failed.value.reason, failed.value.clue) == (Reason.TIMEOUT, "wall clock")

    async def test_endless_loop(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed) as failed:
            await work.run("while True: pass", seconds=0.5)
        assert failed.value.reason == Reason.TIMEOUT

    async def test_processor_time(self, work: Work) -> None:
        less = "limit = child._limit\nchild._limit = lambda memory, seconds: limit(memory, 1)"
        with pytest.raises(ExtractionFailed) as failed:
            await work.run("while True: pass", before=less, seconds=60)
        assert (failed.value.reason, failed.value.clue) == (Reason.TIMEOUT, "SIGXCPU")

    async def test_a_child_without_a_parent_ends_itself(self, work: Work) -> None:
        assert await work.run("return str(0 < signal.alarm(9) <= 12)", before=UNFILTERED) == "True"

    async def test_a_flood_of_output(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed) as failed:
            await work.run("while True: os.write(1, b'x' * 65536)")
        assert failed.value.reason == Reason.CRASHED

    async def test_closing_the_answer_and_going_on(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed) as failed:
            await work.run("os.close(1)\nwhile True: time.sleep(1)", seconds=0.5)
        assert failed.value.reason == Reason.TIMEOUT


class TestEnds:
    @pytest.mark.parametrize(
        ("lines", "reason", "clue"),
        [
            ("import ctypes\nctypes.string_at(8)", Reason.CRASHED, "SIGSEGV"),
            ("os.abort()", Reason.MEMORY, "SIGABRT"),
            ("os._exit(3)", Reason.CRASHED, ""),
            ("os._exit(0)", Reason.CRASHED, ""),
            ("os.write(1, b'nonsense\\n\\xff\\n'); os._exit(0)", Reason.CRASHED, ""),
            ("os.write(1, b'bomb\\n'); os._exit(1)", Reason.BOMB, ""),
            ("raise ValueError('/secret/path')", Reason.BROKEN, "ValueError at script.py"),
            ("b'\\xff'.decode()", Reason.BROKEN, "UnicodeDecodeError at script.py"),
            ("raise SystemExit('secret')", Reason.CRASHED, ""),
            ("def deep(): deep()\ndeep()", Reason.BROKEN, "RecursionError at script.py"),
            ("import wave", Reason.CRASHED, "ModuleNotFoundError at script.py"),
        ],
    )
    async def test_give_the_right_reason(self, work: Work, lines: str, reason: Reason, clue: str) -> None:
        with pytest.raises(ExtractionFailed) as failed:
            await work.run(lines)
        assert failed.value.reason == reason
        assert failed.value.clue.partition(":")[0] == clue or not clue
        assert "secret" not in str(failed.value) + failed.value.clue

    def test_every_reason_has_a_sentence(self) -> None:
        assert all(str(ExtractionFailed(reason)).endswith(".") for reason in Reason)


class TestLock:
    async def test_the_child_can_do_nothing_else(self, work: Work) -> None:
        outcomes = await work.attempt(*ATTEMPTS)
        assert {name: error for name, error in outcomes.items() if error not in REFUSALS} == {}

    async def test_the_limits_alone_keep_files_sockets_and_processes_away(self, work: Work) -> None:
        files = [name for name, attempt in ATTEMPTS.items() if "open" in attempt or "socket" in attempt]
        outcomes = await work.attempt(*files, "open a pipe", "double a descriptor", "fork", before=UNFILTERED)
        assert {name: error for name, error in outcomes.items() if error not in {"OSError", "BlockingIOError"}} == {}

    async def test_the_child_has_no_environment_and_no_arguments_of_the_file(self, work: Work, tmp_path: Path) -> None:
        seen = await work.run("return repr((dict(os.environ), sys.argv))")
        assert "HOME" not in seen and "PATH" not in seen and str(tmp_path / "sample") not in seen

    async def test_the_child_is_not_root(self, work: Work) -> None:
        assert await work.run("return str(os.geteuid())", before=UNFILTERED) != "0"

    async def test_the_child_reads_its_file(self, work: Work) -> None:
        assert await work.run("return stream.read().decode()") == "foreign"

    async def test_the_child_cannot_write_to_its_file(self, work: Work) -> None:
        with pytest.raises(ExtractionFailed) as failed:
            await work.run("os.write(0, b'x')")
        assert failed.value.clue.startswith("OSError")


class TestCancel:
    @pytest.mark.parametrize("after", [0, 0.001, 0.01, 0.3])
    async def test_ends_the_child(self, work: Work, after: float) -> None:
        task = asyncio.create_task(work.run("while True: time.sleep(1)"))
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def test_by_a_time_limit_of_the_caller(self, work: Work) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await work.run("while True: time.sleep(1)")
