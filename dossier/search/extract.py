"""Text out of foreign files. Runs only in the child process that ``sandbox`` starts; the parent imports just the names.

Nothing here opens a file by name, and everything that it imports late is named in ``_NEEDS``: once the child is locked
it can import no more.
"""

import codecs
import importlib
import io
import re
import zipfile
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from html.parser import HTMLParser
from typing import Any, BinaryIO, ClassVar
from xml.parsers import expat

PDF = "application/pdf"
_OFFICE = "application/vnd.openxmlformats-officedocument."
DOCX = _OFFICE + "wordprocessingml.document"
XLSX = _OFFICE + "spreadsheetml.sheet"
PPTX = _OFFICE + "presentationml.presentation"
HTML = "text/html"
SUPPORTED = frozenset({"text/plain", "text/markdown", "text/csv", HTML, PDF, DOCX, XLSX, PPTX})

MIB = 1024 * 1024
ZIP_ENTRIES = 10_000
ZIP_BYTES = 512 * MIB
ZIP_RATIO = 200


class Reason(StrEnum):
    """Why there is no text."""

    TOO_LARGE = "too_large"
    BROKEN = "broken"
    BOMB = "bomb"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASHED = "crashed"
    ENCRYPTED = "encrypted"


class Refused(Exception):
    """The file is of a kind that gives no text."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Full(Exception):
    """There is text enough."""


class _Text:
    """Collects at most ``limit`` characters and raises ``_Full`` with the last of them."""

    def __init__(self, limit: int) -> None:
        self._left = limit
        self._parts = io.StringIO()

    def add(self, piece: str) -> None:
        self._parts.write(piece[: self._left])
        self._left -= len(piece)
        if self._left <= 0:
            raise _Full

    def value(self) -> str:
        return self._parts.getvalue()


def supports(media_type: str) -> bool:
    """Whether there is a reader for it: those in ``SUPPORTED``, and every other ``text/*`` as plain text."""
    return media_type in SUPPORTED or media_type.startswith("text/")


def prepare(media_type: str) -> None:
    """Import all that reading this type needs, and no more: after it the process may be locked."""
    for module in _NEEDS.get(media_type, ()):
        importlib.import_module(module)
    for charset in _CODECS + tuple(_CHARSETS.values() if media_type == HTML else ()):
        codecs.lookup(charset)


def extract(stream: BinaryIO, media_type: str, max_chars: int) -> str:
    """The text of a seekable stream, at most ``max_chars`` characters of it; reading stops when they are there.

    Raises ``Refused`` with a reason; MemoryError; and whatever a library raises on a broken file.
    """
    text = _Text(max_chars)
    reader = _READERS.get(media_type, _read_plain)
    with suppress(_Full):
        reader(stream, text, max_chars)
    return text.value()


# --- plain text and HTML

_BOMS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be"}
_BOMS |= {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CODECS = (*_BOMS.values(), "cp1252", "cp437")  # the last is how old zip files write names
# What browsers take these names for (WHATWG Encoding): ISO 8859-1 in the wild is Windows-1252.
_CHARSETS = {"iso-8859-1": "cp1252", "latin1": "cp1252", "us-ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}
_CHARSETS |= {"shift_jis": "cp932", "euc-kr": "cp949", "ks_c_5601-1987": "cp949", "iso-8859-9": "cp1254"}
_CHARSETS |= {f"windows-{page}": f"cp{page}" for page in range(1250, 1259)}
_CHARSETS |= {f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)}
_CHARSETS |= {name: name for name in ("utf-8", "gb18030", "big5", "euc-jp", "iso-2022-jp", "koi8-r", "koi8-u")}
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}charset\s*=\s*["']?([\w-]{1,40})""", re.IGNORECASE)


def _read_plain(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    raw = stream.read(4 * max_chars + 4)
    text.add(_decoded(raw, whole=not stream.read(1)))


def _read_html(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    # Mark-up and inline pictures outweigh the text by far; beyond this the page is cut.
    raw = stream.read(16 * max_chars)
    declared = _META_CHARSET.search(raw[:2048])
    fallback = _CHARSETS.get(declared[1].decode("ascii").lower(), "cp1252") if declared else "cp1252"
    page = _Page(text)
    page.feed(_decoded(raw, whole=not stream.read(1), fallback=fallback))
    page.close()


def _decoded(raw: bytes, *, whole: bool, fallback: str = "cp1252") -> str:
    """By the byte order mark; else as UTF-8 (the last character may be cut, if not ``whole``); else by the fallback."""
    for bom, charset in _BOMS.items():
        if raw.startswith(bom):
            return raw[len(bom) :].decode(charset, "replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(raw, whole)
    except UnicodeDecodeError:
        return raw.decode(fallback, "replace")


class _Page(HTMLParser):
    """What a reader of the page sees, and its title."""

    _HIDDEN = frozenset({"script", "style", "template"})
    _INLINE = frozenset({"a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s"})
    _INLINE |= {"samp", "small", "span", "strong", "sub", "sup", "u", "var", "wbr"}

    def __init__(self, text: _Text) -> None:
        super().__init__(convert_charrefs=True)
        self._text = text
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in self._HIDDEN
        self._break(tag)

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in self._HIDDEN and self._hidden > 0
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self._text.add(data)

    def _break(self, tag: str) -> None:
        if tag not in self._INLINE:
            self._text.add("\n")


# --- PDF

# PDFium marks a hyphen at the end of a line with U+FFFE: the word goes on in the next line.
_HYPHEN = re.compile("[\ufffe\x02]\\s*")


def _read_pdf(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    pypdfium2 = importlib.import_module("pypdfium2")  # it has no types
    try:
        pdf = pypdfium2.PdfDocument(stream)
    except pypdfium2.PdfiumError as error:
        locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
        raise Refused(Reason.ENCRYPTED if locked else Reason.BROKEN) from error
    for number in range(len(pdf)):
        text.add(_page_text(pdf, number))


def _page_text(pdf: Any, number: int) -> str:
    page = pdf[number]
    letters = page.get_textpage()
    text: str = _HYPHEN.sub("", letters.get_text_bounded()).replace("\r\n", "\n")
    letters.close()
    page.close()
    return text + "\n"


# --- Office: zip files of XML parts

_COMPOUND_FILE = bytes.fromhex("d0cf11e0a1b11ae1")
_DOCX_PARTS = ("main+xml", "header+xml", "footer+xml", "footnotes+xml", "endnotes+xml", "comments+xml")
_PPTX_PARTS = ("slide+xml", "notesSlide+xml", "comments+xml")
_DRAWINGS = ("diagramData+xml", "chart+xml")


def _read_docx(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    _read_runs(stream, text, _DOCX_PARTS + _DRAWINGS)


def _read_pptx(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    _read_runs(stream, text, _PPTX_PARTS + _DRAWINGS)


def _read_xlsx(stream: BinaryIO, text: _Text, max_chars: int) -> None:
    import openpyxl

    _opened(stream)
    try:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            text.add(f"{sheet.title}\n")
            _read_sheet(sheet, text)
    except ValueError as error:
        raise Refused(Reason.BOMB if _is_attack(error) else Reason.BROKEN) from error


def _read_sheet(sheet: Any, text: _Text) -> None:
    # A file may claim a size of a million rows by 16,384 columns that it does not have; then each cell would be padded.
    sheet.reset_dimensions()
    for row in sheet.iter_rows(values_only=True):
        cells = [str(value).removesuffix(" 00:00:00") for value in row if value is not None]
        if cells:
            text.add("\t".join(cells) + "\n")


def _is_attack(error: BaseException | None) -> bool:
    from defusedxml import DefusedXmlException

    while error is not None and not isinstance(error, DefusedXmlException):
        error = error.__cause__ or error.__context__
    return error is not None


def _opened(stream: BinaryIO) -> zipfile.ZipFile:
    """The archive, after its directory was judged. What an entry really unpacks to is bounded too: ``zipfile`` never
    hands out more than the directory says, and then compares the checksum."""
    if stream.read(len(_COMPOUND_FILE)) == _COMPOUND_FILE:
        # Office wraps an encrypted document in the old binary format; its directory names are in UTF-16.
        locked = "EncryptedPackage".encode("utf-16-le") in stream.read(4 * MIB)
        raise Refused(Reason.ENCRYPTED if locked else Reason.BROKEN)
    archive = zipfile.ZipFile(stream)
    _judge(archive.infolist(), packed=stream.seek(0, io.SEEK_END))
    return archive


def _judge(entries: list[zipfile.ZipInfo], packed: int) -> None:
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise Refused(Reason.ENCRYPTED)
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise Refused(Reason.BROKEN)
    if any(entry.file_size > max(MIB, ZIP_RATIO * entry.compress_size) for entry in entries):
        raise Refused(Reason.BOMB)
    if sum(entry.compress_size for entry in entries) > packed:
        raise Refused(Reason.BOMB)  # the entries lie over one another
    if len(entries) > ZIP_ENTRIES or sum(entry.file_size for entry in entries) > ZIP_BYTES:
        raise Refused(Reason.TOO_LARGE)


def _read_runs(stream: BinaryIO, text: _Text, kinds: tuple[str, ...]) -> None:
    archive = _opened(stream)
    for name in _parts(archive, kinds):
        with archive.open(name) as part:
            _Runs(text).parse(part)


def _parts(archive: zipfile.ZipFile, kinds: tuple[str, ...]) -> list[str]:
    """The parts of these kinds, in the order of the kinds and then of their numbers; names are free in this format."""
    names = {"/" + name.lower(): name for name in archive.namelist()}
    with archive.open("[Content_Types].xml") as part:
        types = _ContentTypes()
        types.parse(part)
    found = [(kinds.index(kind), len(path), path) for path, kind in types.kinds.items() if kind in kinds]
    return [names[path] for _, _, path in sorted(found) if path in names]


class _Xml:
    """Expat without document type definitions: no entities, so nothing to multiply and nothing to fetch."""

    def __init__(self) -> None:
        self._parser = expat.ParserCreate(namespace_separator=" ")
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = self._refuse
        self._parser.StartElementHandler = self.start

    def parse(self, part: Any) -> None:
        try:
            # Not ParseFile: it reads so little at a time that one huge attribute takes expat for ever.
            while data := part.read(MIB):
                self._parser.Parse(data, False)
            self._parser.Parse(b"", True)
        except expat.ExpatError as error:
            if error.code == expat.errors.codes[expat.errors.XML_ERROR_NO_MEMORY]:
                raise MemoryError from error
            raise

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        raise NotImplementedError

    def _refuse(self, *_: Any) -> None:
        raise Refused(Reason.BOMB)


class _ContentTypes(_Xml):
    """Which part is of which kind, after ``[Content_Types].xml``; a kind is the end of the media type."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, str] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag.endswith(" Override"):
            self.kinds[attributes["PartName"].lower()] = attributes["ContentType"].rpartition(".")[2]


class _Runs(_Xml):
    """The text runs of WordprocessingML and DrawingML, which both call them ``t`` and a paragraph ``p``."""

    _SPACES: ClassVar = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
    _ENDS: ClassVar = {"p": "\n", "tc": "\t"}

    def __init__(self, text: _Text) -> None:
        super().__init__()
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._data
        self._text = text
        self._in_run = False
        self._fallbacks = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        name = tag.rpartition(" ")[2]
        self._in_run = name == "t"
        self._fallbacks += name == "Fallback"  # says again, for old readers, what its sibling said
        if name in self._SPACES:
            self._text.add(self._SPACES[name])

    def _end(self, tag: str) -> None:
        name = tag.rpartition(" ")[2]
        self._in_run = False
        self._fallbacks -= name == "Fallback"
        if name in self._ENDS:
            self._text.add(self._ENDS[name])

    def _data(self, data: str) -> None:
        if self._in_run and not self._fallbacks:
            self._text.add(data)


_READERS: dict[str, Callable[[BinaryIO, _Text, int], None]] = {
    HTML: _read_html,
    PDF: _read_pdf,
    DOCX: _read_docx,
    XLSX: _read_xlsx,
    PPTX: _read_pptx,
}
_NEEDS = {PDF: ("pypdfium2",), XLSX: ("openpyxl", "defusedxml")}
