"""A small picture of the first page of a PDF, or of an image. Runs only in the child process of ``core.sandbox``.

Nothing here opens a file by name, and everything is imported in ``prepare``: once the child is locked it can import no more.
"""

import importlib
import io
from enum import StrEnum
from typing import Any, BinaryIO

PDF = "application/pdf"
FORMATS = {f"image/{name}": name.upper() for name in ("png", "jpeg", "gif", "webp", "bmp", "tiff")}
_PARTS = "ImageFile ImageOps ImagePalette ImageColor MpoImagePlugin TiffImagePlugin WebPImagePlugin"
_NEEDS = ("copy", *(f"PIL.{name}" for name in _PARTS.split()))
MOST_PIXELS = 64_000_000
"""Of an image before it is made smaller; a JPEG is read smaller at once."""


class Reason(StrEnum):
    """Why there is no picture, where the reader itself knows."""

    BROKEN = "broken"
    BOMB = "bomb"
    ENCRYPTED = "encrypted"


class Refused(Exception):
    """The file gives no picture."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def prepare(media_type: str) -> None:
    """Import all that drawing this type needs; Pillow leaves much until it is met."""
    for name in _NEEDS + (("pypdfium2",) if media_type == PDF else ()):
        importlib.import_module(name)
    importlib.import_module("PIL.Image").preinit()


def extract(stream: BinaryIO, media_type: str, most: int) -> bytes:
    """A WebP of at most ``most`` pixels on its longer side.

    Raises ``Refused`` with a reason; MemoryError; and whatever a library raises on a broken file.
    """
    image = _page(stream, most) if media_type == PDF else _image(stream, FORMATS[media_type], most)
    image.thumbnail((most, most))
    out = io.BytesIO()
    image.save(out, "WEBP", quality=80, method=4)
    return out.getvalue()


def _page(stream: BinaryIO, most: int) -> Any:
    pypdfium2 = importlib.import_module("pypdfium2")  # it has no types
    try:
        page = pypdfium2.PdfDocument(stream)[0]
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        raise Refused(Reason.ENCRYPTED if locked else Reason.BROKEN) from error
    return page.render(scale=most / max(1.0, *page.get_size())).to_pil().convert("RGB")


def _image(stream: BinaryIO, kind: str, most: int) -> Any:
    from PIL import Image, ImageOps

    Image.MAX_IMAGE_PIXELS = None  # judged here, where a JPEG may have more
    image: Any = Image.open(stream, formats=[kind])
    image.draft("RGB", (most, most))
    if image.width * image.height > MOST_PIXELS:
        raise Refused(Reason.BOMB)
    image.thumbnail((2 * most, 2 * most))
    image = ImageOps.exif_transpose(image)
    clear = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    return image.convert("RGBA" if clear else "RGB")
