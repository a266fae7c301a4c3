"""PDFs by a real LibreOffice, where there is one."""

import asyncio
import ctypes
import http.server
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dossier.documents.media import sniff
from dossier.renditions import office
from dossier.renditions.office import Unmakeable, as_pdf, program
from tests.renditions import files

SOFFICE = program("") or Path()
MIB = 1024 * 1024
pytestmark = [pytest.mark.slow, pytest.mark.skipif(program("") is None, reason="needs LibreOffice")]


async def made(folder: Path, name: str, content: bytes, *, seconds: float = 60, memory: int = 1024 * MIB) -> bytes:
    source = folder / name
    source.write_bytes(content)
    async with as_pdf(SOFFICE, source, sniff(content, name), seconds=seconds, memory=memory) as file:
        return file.read()


@pytest.fixture(autouse=True)
def leaves_nothing_behind() -> Iterator[None]:
    before = leftovers()
    yield
    mine = leftovers() - before
    # Another test process may have LibreOffice at work too; what that has here goes away with it.
    until = time.monotonic() + 60
    while mine & leftovers() and time.monotonic() < until:
        time.sleep(0.1)
    assert mine & leftovers() == set()


def leftovers() -> set[str]:
    return {path.name for path in Path(tempfile.gettempdir()).glob("dossier-office-*")} | sockets()


def sockets() -> set[str]:
    return {path.name for path in Path("/tmp").glob("OSL_PIPE_*")}


def landlocked() -> bool:
    """Whether the kernel has Landlock, in force."""
    version = ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    return bool(sys.platform == "linux" and version > 0)


class TestProgram:
    def test_on_path(self) -> None:
        assert SOFFICE.is_file()

    def test_by_setting(self) -> None:
        assert program(str(SOFFICE)) == SOFFICE
        assert program("/nowhere/soffice") is None


class TestAsPdf:
    @pytest.mark.parametrize(
        ("name", "content"),
        [
            ("a.docx", files.word("Grüße aus Köln")),
            ("a.xlsx", files.sheet(["Grüße aus Köln"], [12])),
            ("a.pptx", files.slides("Grüße aus Köln")),
            ("a.odt", files.odt("<text:p>Grüße aus Köln</text:p>")),
            ("a.rtf", rb"{\rtf1\ansi Gr\'fc\'dfe aus K\'f6ln}"),
        ],
    )
    async def test_each(self, tmp_path: Path, name: str, content: bytes) -> None:
        assert "Grüße aus Köln" in files.text_of(await made(tmp_path, name, content)).replace("\r\n", " ")

    async def test_two_at_once(self, tmp_path: Path) -> None:
        both = [made(tmp_path, f"{text}.docx", files.word(text)) for text in ("one", "two")]
        assert [files.text_of(pdf).strip() for pdf in await asyncio.gather(*both)] == ["one", "two"]


class TestUnmakeable:
    async def test_damaged(self, tmp_path: Path) -> None:
        with pytest.raises(Unmakeable, match="cannot open"):
            await made(tmp_path, "a.docx", files.word("x")[:2000])

    async def test_time(self, tmp_path: Path) -> None:
        with pytest.raises(Unmakeable) as failed:
            await made(tmp_path, "a.docx", files.word("x"), seconds=0.3)
        assert failed.value.reason == "timeout"

    async def test_memory(self, tmp_path: Path) -> None:
        with pytest.raises(Unmakeable):
            await made(tmp_path, "a.docx", files.word("x"), memory=100 * MIB)

    async def test_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(office, "MOST_SOURCE", 10)
        with pytest.raises(Unmakeable, match="too large"):
            await made(tmp_path, "a.docx", files.word("x"))

    async def test_cancelled(self, tmp_path: Path) -> None:
        task = asyncio.create_task(made(tmp_path, "a.docx", files.word("x")))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    @pytest.mark.parametrize("kind", ["link", "folder", "text", "nothing"])
    def test_only_a_pdf_is_taken_for_one(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "document.pdf"
        (tmp_path / "other").write_bytes(b"%PDF-1.7")
        if kind == "link":
            path.symlink_to(tmp_path / "other")
        elif kind == "folder":
            path.mkdir()
        elif kind == "text":
            path.write_text("text")
        with pytest.raises(Unmakeable):
            office._opened(path)


class TestLinks:
    """A file that names others must not get them: not from this machine, and not from another. Two things see to that."""

    @pytest.fixture(params=["profile and lock", "lock"], autouse=True)
    def guard(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        if request.param == "lock":
            if not landlocked():
                pytest.skip("no Landlock")
            monkeypatch.setattr(office, "_SETTINGS", {})

    @pytest.fixture
    def elsewhere(self) -> Iterator[tuple[str, list[str]]]:
        """A web server on this machine, and what it was asked for."""
        asked: list[str] = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_error(404)

            do_HEAD = do_OPTIONS = do_PROPFIND = do_GET  # noqa: N815  # named by http.server

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
            server.shutdown()

    async def test_to_files(self, tmp_path: Path) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "secret.odt").write_bytes(files.odt("<text:p>quokka</text:p>"))
            (folder / "secret.png").write_bytes(files.image("png"))
            folder.chmod(0o755)  # noqa: ASYNC240  # a test's own folder
            section = f'<text:section text:name="s"><text:section-source xlink:href="file://{folder}/secret.odt"/>'
            picture = f'<draw:image xlink:href="file://{folder}/secret.png" xlink:type="simple"/>'
            body = f'{section}<text:p>old</text:p></text:section><text:p>here<draw:frame svg:width="9cm"'
            body += f' svg:height="4cm">{picture}</draw:frame></text:p>'
            pdf = await made(tmp_path, "a.odt", files.odt(body))
        assert "here" in files.text_of(pdf) and "quokka" not in files.text_of(pdf)
        assert b"/Subtype/Image" not in pdf

    async def test_to_the_network(self, tmp_path: Path, elsewhere: tuple[str, list[str]]) -> None:
        address, asked = elsewhere
        picture = f'<draw:image xlink:href="{address}/a.png" xlink:type="simple"/>'
        body = f'<text:p>here<draw:frame svg:width="9cm" svg:height="4cm">{picture}</draw:frame></text:p>'
        assert "here" in files.text_of(await made(tmp_path, "a.odt", files.odt(body)))
        assert asked == []
