"""Pictures out of foreign files, in the locked child."""

import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image

from dossier.renditions.office import Unmakeable
from dossier.renditions.thumbnails import PIXELS, draw
from tests.renditions import files
from tests.search import samples

pytestmark = pytest.mark.slow
MIB = 1024 * 1024
PDF = "application/pdf"


async def drawn(folder: Path, content: bytes, media_type: str, memory: int = 512 * MIB) -> bytes:
    path = folder / "foreign"
    path.write_bytes(content)
    return await draw(path, media_type, seconds=20, memory=memory)


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size, with nearly nothing in it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


class TestDraw:
    @pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "bmp", "tiff"])
    async def test_an_image(self, tmp_path: Path, kind: str) -> None:
        picture = files.opened(await drawn(tmp_path, files.image(kind), f"image/{kind}"))
        assert (picture.format, picture.size) == ("WEBP", (PIXELS, PIXELS // 2))
        left, right = picture.convert("RGB").getpixel((40, 80)), picture.convert("RGB").getpixel((280, 80))
        assert left[0] > 200 > 60 > left[2] and right[2] > 200 > 60 > right[0]

    async def test_a_page(self, tmp_path: Path) -> None:
        picture = files.opened(await drawn(tmp_path, files.pdf("First", "Second"), PDF))
        assert picture.height == PIXELS and abs(picture.width - PIXELS * 595 / 842) < 2
        darkest, lightest = picture.convert("L").getextrema()
        assert darkest < 160 < 250 < lightest

    async def test_a_small_image_stays_small(self, tmp_path: Path) -> None:
        assert files.opened(await drawn(tmp_path, files.image("png", 20, 10), "image/png")).size == (20, 10)

    async def test_what_is_clear_stays_clear(self, tmp_path: Path) -> None:
        clear = files.saved(Image.new("LA", (500, 500), (0, 0)), "PNG")
        picture = files.opened(await drawn(tmp_path, clear, "image/png"))
        assert picture.mode == "RGBA" and picture.getpixel((9, 9))[3] == 0

    async def test_upright_as_the_camera_says(self, tmp_path: Path) -> None:
        exif = files.opened(files.image("jpeg")).getexif()
        exif[0x0112] = 6
        picture = files.opened(await drawn(tmp_path, files.image("jpeg", exif=exif), "image/jpeg"))
        assert picture.size == (PIXELS // 2, PIXELS)

    async def test_a_large_photograph(self, tmp_path: Path) -> None:
        photograph = files.image("jpeg", 12_000, 9_000)
        assert files.opened(await drawn(tmp_path, photograph, "image/jpeg")).width == PIXELS

    @pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "I;16"])
    async def test_every_mode(self, tmp_path: Path, mode: str) -> None:
        content = files.saved(Image.new(mode, (500, 500)), "TIFF")
        assert files.opened(await drawn(tmp_path, content, "image/tiff")).size == (PIXELS, PIXELS)

    @pytest.mark.parametrize("size", [(3, 14_400), (14_400, 14_400), (0.5, 0.5)])
    async def test_strange_pages(self, tmp_path: Path, size: tuple[float, float]) -> None:
        assert max(files.opened(await drawn(tmp_path, files.pdf("x", size=size), PDF)).size) <= PIXELS


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "media_type", "reason"),
        [
            (b"\x89PNG\r\n\x1a\n broken", "image/png", "broken"),
            (files.image("png")[:200], "image/png", "broken"),
            (files.image("gif"), "image/png", "broken"),
            (b"%PDF-1.7\n" + bytes(999), PDF, "broken"),
            (samples.pdf("x", encrypted=True), PDF, "encrypted"),
            (png_of(60_000, 60_000), "image/png", "bomb"),
            (png_of(2**31 - 1, 2**31 - 1), "image/png", "bomb"),
        ],
    )
    async def test_says_why(self, tmp_path: Path, content: bytes, media_type: str, reason: str) -> None:
        with pytest.raises(Unmakeable) as failed:
            await drawn(tmp_path, content, media_type)
        assert failed.value.reason == reason
        assert str(failed.value).endswith(".") and str(tmp_path) not in str(failed.value) + failed.value.clue

    async def test_a_page_that_unpacks_without_end(self, tmp_path: Path) -> None:
        packed = zlib.compress(samples.deflated_repeat(b"q " * (MIB // 2), 1000, wbits=15))
        bomb = samples.pdf(content=packed, filters="/Filter[/FlateDecode/FlateDecode]")
        with pytest.raises(Unmakeable, match="memory"):
            await drawn(tmp_path, bomb, PDF, memory=200 * MIB)
