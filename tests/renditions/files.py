"""Files to look at: made by the libraries that people's own come from."""

import io
import zipfile
from typing import Any

import docx
import openpyxl
import pptx
import pypdfium2
from PIL import Image, ImageDraw
from reportlab.pdfgen.canvas import Canvas

ODF = "urn:oasis:names:tc:opendocument:xmlns"
SPACES = f'xmlns:office="{ODF}:office:1.0" xmlns:text="{ODF}:text:1.0" xmlns:draw="{ODF}:drawing:1.0"'
SPACES += f' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:svg="{ODF}:svg-compatible:1.0"'


def saved(thing: Any, *arguments: Any) -> bytes:
    """What a library's ``save`` writes."""
    out = io.BytesIO()
    thing.save(out, *arguments)
    return out.getvalue()


def word(*paragraphs: str) -> bytes:
    document = docx.Document()
    for paragraph in paragraphs:
        document.add_paragraph(paragraph)
    return saved(document)


def sheet(*rows: list[Any]) -> bytes:
    book = openpyxl.Workbook()
    for row in rows:
        book.worksheets[0].append(row)
    return saved(book)


def slides(title: str) -> bytes:
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[0]).shapes.title.text = title
    return saved(show)


def odt(body: str) -> bytes:
    """An OpenDocument text with this XML in it."""
    out = io.BytesIO()
    part = f'<?xml version="1.0"?><office:document-content {SPACES} office:version="1.2"><office:body>'
    part += f"<office:text>{body}</office:text></office:body></office:document-content>"
    kind = "application/vnd.oasis.opendocument.text"
    manifest = f'<manifest:manifest xmlns:manifest="{ODF}:manifest:1.0"><manifest:file-entry manifest:full-path="/"'
    manifest += f' manifest:media-type="{kind}"/><manifest:file-entry manifest:full-path="content.xml"'
    manifest += ' manifest:media-type="text/xml"/></manifest:manifest>'
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr("content.xml", part)
        archive.writestr("META-INF/manifest.xml", manifest)
    return out.getvalue()


def image(kind: str, width: int = 800, height: int = 400, mode: str = "RGB", **options: Any) -> bytes:
    """An image, red on the left and blue on the right."""
    picture = Image.new(mode, (width, height), "blue")
    ImageDraw.Draw(picture).rectangle((0, 0, width // 2, height), fill="red")
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pdf(*pages: str, size: tuple[float, float] = (595, 842)) -> bytes:
    """A PDF with a line of text on each page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=size)
    for page in pages:
        canvas.drawString(72, size[1] - 72, page)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def text_of(pdf_: bytes) -> str:
    """The text of a PDF."""
    with pypdfium2.PdfDocument(pdf_) as document:
        return "\n".join(page.get_textpage().get_text_bounded() for page in document)


def opened(picture: bytes) -> Any:
    """An image, read whole."""
    found = Image.open(io.BytesIO(picture))
    found.load()
    return found
