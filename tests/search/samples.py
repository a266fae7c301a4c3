"""Builders of the files that text is extracted from, good and bad. All are made at run time: no binary fixtures."""

import io
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import openpyxl

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"
P = "http://schemas.openxmlformats.org/presentationml/2006/main"
MC = "http://schemas.openxmlformats.org/markup-compatibility/2006"
TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_PROLOG = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'

LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "haha haha haha haha haha">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
XXE = '<!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>'


# --- Office files


def package(parts: dict[str, str | bytes], kinds: dict[str, str]) -> bytes:
    """A zip of parts; ``kinds`` gives the end of the media type of those that have one."""
    overrides = "".join(f'<Override PartName="/{n}" ContentType="{_OFFICE}{k}"/>' for n, k in kinds.items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'{_PROLOG}<Types xmlns="{TYPES}">{overrides}</Types>')
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def paragraphs(*texts: str) -> str:
    return "".join(f"<w:p><w:r><w:t>{escape(text)}</w:t></w:r></w:p>" for text in texts)


def word_part(root: str, inner: str, doctype: str = "") -> str:
    return f'{_PROLOG}{doctype}<w:{root} xmlns:w="{W}" xmlns:a="{A}" xmlns:mc="{MC}">{inner}</w:{root}>'


def docx(body: str = "", *, header: str = "", footer: str = "", doctype: str = "", **more: str | bytes) -> bytes:
    """A Word file whose ``body`` is WordprocessingML; ``more`` are parts of no kind, ``_`` standing for ``/``."""
    parts: dict[str, str | bytes] = {"word/document.xml": word_part("document", f"<w:body>{body}</w:body>", doctype)}
    kinds = {"word/document.xml": "wordprocessingml.document.main+xml"}
    for root, tag, inner in (("header", "hdr", header), ("footer", "ftr", footer)):
        if inner:
            parts[f"word/{root}1.xml"] = word_part(tag, inner)
            kinds[f"word/{root}1.xml"] = f"wordprocessingml.{root}+xml"
    return package(parts | {name.replace("_", "/"): content for name, content in more.items()}, kinds)


def pptx(*slides: str, notes: str = "") -> bytes:
    parts: dict[str, str | bytes] = {}
    kinds = {}
    for number, text in enumerate(slides, start=1):
        parts[f"ppt/slides/slide{number}.xml"] = _slide("sld", text)
        kinds[f"ppt/slides/slide{number}.xml"] = "presentationml.slide+xml"
    parts["ppt/notesSlides/notesSlide1.xml"] = _slide("notes", notes)
    kinds["ppt/notesSlides/notesSlide1.xml"] = "presentationml.notesSlide+xml"
    return package(parts, kinds)


def _slide(root: str, text: str) -> str:
    run = f"<a:p><a:r><a:t>{escape(text)}</a:t></a:r></a:p>"
    return f'{_PROLOG}<p:{root} xmlns:p="{P}" xmlns:a="{A}"><p:cSld><p:txBody>{run}</p:txBody></p:cSld></p:{root}>'


def xlsx(sheets: dict[str, list[list[Any]]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def xlsx_shared(*texts: str, doctype: str = "") -> bytes:
    """A workbook as Excel writes it: the cells of its one sheet point into the table of shared strings."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{n - 1}</v></c></row>' for n in range(1, len(texts) + 1))
    strings = "".join(f"<si><t>{text}</t></si>" for text in texts)
    links = [("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "sharedStrings.xml")]
    relations = "".join(f'<Relationship Id="r{n}" Type="{office}/{k}" Target="{t}"/>' for n, (k, t) in enumerate(links))
    parts: dict[str, str | bytes] = {
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="One" sheetId="1" r:id="r0"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}">{relations}</Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}</sheetData></worksheet>',
        "xl/sharedStrings.xml": f'{doctype}<sst xmlns="{main}">{strings}</sst>',
    }
    kinds = {"workbook": "sheet.main+xml", "worksheets/sheet1": "worksheet+xml", "sharedStrings": "sharedStrings+xml"}
    return package(parts, {f"xl/{name}.xml": f"spreadsheetml.{kind}" for name, kind in kinds.items()})


def with_part(package_: bytes, name: str, change: Any) -> bytes:
    """The package with one part replaced by ``change(its text)``."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package_)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            content = old.read(entry)
            new.writestr(entry.filename, change(content.decode()) if entry.filename == name else content)
    return out.getvalue()


def with_doctype(xml: str, doctype: str, where: str) -> str:
    """The XML with a DOCTYPE in front of its root and a reference to its entity ``j`` behind the first ``where``."""
    head, mark, tail = xml.partition("?>") if xml.startswith("<?xml") else ("", "", xml)
    return head + mark + doctype + tail.replace(where, f"{where}&j;", 1)


# --- zip files that lie


@dataclass(frozen=True)
class Entry:
    """An entry as its headers tell it, which need not be true."""

    name: str
    packed: bytes
    size: int
    crc: int = 0
    flags: int = 0
    method: int = zipfile.ZIP_DEFLATED
    packed_size: int | None = None


def raw_zip(*entries: Entry) -> bytes:
    body, directory = b"", b""
    for entry in entries:
        name, packed_size = entry.name.encode(), len(entry.packed) if entry.packed_size is None else entry.packed_size
        common = struct.pack("<HHHHHIII", 20, entry.flags, entry.method, 0, 33, entry.crc, packed_size, entry.size)
        lengths = struct.pack("<HH", len(name), 0)
        directory += b"PK\x01\x02\x14\x00" + common + lengths + struct.pack("<HHHII", 0, 0, 0, 0, len(body)) + name
        body += b"PK\x03\x04" + common + lengths + name + entry.packed
    count = len(entries)
    return body + directory + b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


def deflated_repeat(block: bytes, times: int, *, head: bytes = b"", wbits: int = -15) -> bytes:
    """The deflate stream of ``head`` and ``block`` many times over, without ever holding what it unpacks to."""
    packer = zlib.compressobj(wbits=wbits)
    start = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + one * times + b"\x03\x00"


def content_types() -> Entry:
    kind = f"{_OFFICE}wordprocessingml.document.main+xml"
    xml = f'<Types xmlns="{TYPES}"><Override PartName="/word/document.xml" ContentType="{kind}"/></Types>'.encode()
    return Entry("[Content_Types].xml", deflated(xml), len(xml), zlib.crc32(xml))


# --- PDF


def pdf(*pages: str, encrypted: bool = False, content: bytes | None = None, filters: str = "") -> bytes:
    """A PDF with one line of Latin text per page; or with one raw ``content`` stream on its only page."""
    streams = [f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET".encode("latin-1") for text in pages]
    streams = streams if content is None else [content]
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(streams)))
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(streams)}>>".encode(),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for number, stream in enumerate(streams):
        page = f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents {5 + 2 * number} 0 R"
        objects.append(f"{page}/Resources<</Font<</F1 3 0 R>>>>>>".encode())
        objects.append(f"<</Length {len(stream)}{filters}>>\nstream\n".encode() + stream + b"\nendstream")
    return _pdf_file(objects, encrypted)


def _pdf_file(objects: list[bytes], encrypted: bool) -> bytes:
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    # A user key that no password gives: the empty one fails, which is all that matters here.
    secret = f"/ID[<{'00' * 16}><{'00' * 16}>]/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<{'11' * 32}>/U<{'22' * 32}>>>"
    trailer = f"<</Size {len(objects) + 1}/Root 1 0 R{secret if encrypted else ''}>>"
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    return out + f"{head}trailer\n{trailer}\nstartxref\n{len(out)}\n%%EOF\n".encode()


def write(folder: Path, content: str | bytes, name: str = "sample") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path
