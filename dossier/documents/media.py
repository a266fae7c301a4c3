"""What kind of thing some bytes are. The client's word is never taken; the name only chooses among what they allow.

Safety does not hang on this label alone: everything is served with ``nosniff`` and a sandbox, and only
``core.content.safe_inline`` types are ever shown in place. So text named ``.txt`` is plain text whatever it holds,
and markup under a name that is no text (an SVG called ``.png``) is labelled as the markup it is.
The common types are told here, by patterns that are strict; rare binary types come from puremagic's table, turned
into a dictionary because its own search walks all 1,400 rows (0.5 ms) and its guesses follow the name.
"""

import codecs
import re
from collections import defaultdict

from puremagic import magic_header_array

HEAD_BYTES = 8192
"""How much of the beginning ``sniff`` looks at."""

OCTETS = "application/octet-stream"


def _by_extension(table: str) -> dict[str, str]:
    """Read lines of a media type and its extensions, as in /etc/mime.types."""
    rows = (line.split() for line in table.strip().splitlines())
    return {extension: row[0] for row in rows for extension in row[1:]}


TEXT_TYPES = _by_extension("""
    text/plain txt text log ini cfg conf env properties toml lock diff patch po pot srt rst adoc tex bib org me
    text/plain py pyi rb pl pm php java kt scala groovy go rs c h cc cpp cxx hpp cs swift m ts tsx jsx vue lua r jl sql
    text/plain sh bash zsh fish bat cmd ps1 mk cmake gradle tf dockerfile gitignore
    text/markdown md markdown
    text/csv csv
    text/tab-separated-values tsv
    text/html html htm
    text/javascript js mjs cjs
    text/css css
    text/calendar ics
    text/vcard vcf
    text/vtt vtt
    application/json json
    application/yaml yaml yml
    application/xml xml xsd xsl xslt
    application/xhtml+xml xhtml xht
    image/svg+xml svg
    message/rfc822 eml mht mhtml
""")
_ODF = "application/vnd.oasis.opendocument."
_ZIP_TYPES = _by_extension("""
    application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
    application/vnd.openxmlformats-officedocument.wordprocessingml.template dotx
    application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
    application/vnd.openxmlformats-officedocument.spreadsheetml.template xltx
    application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
    application/vnd.openxmlformats-officedocument.presentationml.template potx
    application/vnd.openxmlformats-officedocument.presentationml.slideshow ppsx
    application/vnd.ms-word.document.macroenabled.12 docm
    application/vnd.ms-excel.sheet.macroenabled.12 xlsm
    application/vnd.ms-powerpoint.presentation.macroenabled.12 pptm
    application/vnd.ms-visio.drawing.main+xml vsdx
    application/vnd.oasis.opendocument.text odt
    application/vnd.oasis.opendocument.text-template ott
    application/vnd.oasis.opendocument.spreadsheet ods
    application/vnd.oasis.opendocument.presentation odp
    application/vnd.oasis.opendocument.graphics odg
    application/epub+zip epub
    application/java-archive jar
    application/vnd.android.package-archive apk
    application/vnd.google-earth.kmz kmz
""")
_OOXML_PARTS = ((b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx"))
_OLE_TYPES = _by_extension("""
    application/msword doc dot
    application/vnd.ms-excel xls xlt
    application/vnd.ms-powerpoint ppt pps
    application/vnd.ms-outlook msg
    application/vnd.visio vsd
    application/vnd.ms-project mpp
    application/x-mspublisher pub
    application/x-msi msi
""")
_ZIP, _OLE = "application/zip", "application/x-ole-storage"


def _patterns(*rows: tuple[bytes, str]) -> tuple[tuple[re.Pattern[bytes], str], ...]:
    return tuple((re.compile(pattern, re.DOTALL), media_type) for pattern, media_type in rows)


# These may be all ASCII, so they are asked before text is.
_DECLARED = _patterns(
    (rb"(?:\xef\xbb\xbf)?\s{0,1000}%PDF-[12]", "application/pdf"),
    (rb"\{\\rtf", "application/rtf"),
    (rb"%!PS-", "application/postscript"),
)
_BINARY = _patterns(
    (rb"\x89PNG\r\n\x1a\n", "image/png"),
    (rb"\xff\xd8\xff", "image/jpeg"),
    (rb"GIF8[79]a", "image/gif"),
    (rb"RIFF....WEBP", "image/webp"),
    (rb"II\*\0|MM\0[*+]", "image/tiff"),
    (rb"BM....\0\0\0\0", "image/bmp"),
    (rb"\0\0\x01\0[^\0]\0", "image/vnd.microsoft.icon"),
    (rb"....ftyp(?:avif|avis)", "image/avif"),
    (rb"....ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)", "image/heic"),
    (rb"....ftypqt  ", "video/quicktime"),
    (rb"....ftypM4[AB] ", "audio/mp4"),
    (rb"....ftyp3g", "video/3gpp"),
    (rb"....ftyp", "video/mp4"),
    (rb"\x1aE\xdf\xa3.{0,64}webm", "video/webm"),
    (rb"\x1aE\xdf\xa3", "video/matroska"),
    (rb"RIFF....AVI ", "video/x-msvideo"),
    (rb"RIFF....WAVE", "audio/wav"),
    (rb"ID3[\x02-\x04]|\xff[\xf2\xf3\xfa\xfb][\x10-\xeb]", "audio/mpeg"),
    (rb"OggS", "audio/ogg"),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", _ZIP),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", _OLE),
    (rb"\x1f\x8b\x08", "application/gzip"),
    (rb"BZh[1-9]1AY&SY", "application/x-bzip2"),
    (rb"SQLite format 3\0", "application/vnd.sqlite3"),
    (rb"MZ", "application/vnd.microsoft.portable-executable"),
    (rb"\x7fELF", "application/x-elf"),
    (rb"\xca\xfe\xba\xbe\0\0\0[\x2d-\xff]", "application/java-vm"),
    (rb"\0asm", "application/wasm"),
    (rb"wOFF", "font/woff"),
    (rb"OTTO\0", "font/otf"),
    (rb"\0\x01\0\0\0", "font/ttf"),
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_BYTES = bytes({*range(0x20, 0x100)} - {0x7F} | {*b"\b\t\n\f\r\x1b"})
_CONTROL = re.compile("[\0-\x07\x0e-\x1a\x1c-\x1f\x7f]")
_PROLOG = re.compile(r"(?:\s++|<\?.*?\?>|<!--.*?-->)*+", re.DOTALL)
_SVG = re.compile(r"<(?:!doctype\s+)?(?:[\w.-]{1,64}:)?svg\b", re.IGNORECASE)
# The tags by which browsers know HTML (WHATWG MIME Sniffing §7.1).
_HTML = re.compile(
    r"<(?:!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)(?=[\s>/]|\Z)", re.I
)


def sniff(head: bytes, file_name: str) -> str:
    """The media type, without parameters, of content that begins with ``head`` (8 KiB are enough). Never raises.

    Empty content has the text type of its name, else ``application/octet-stream``, which is also the last word for
    what is not known.
    """
    head, extension = head[:HEAD_BYTES], _extension(file_name)
    if not head:
        return TEXT_TYPES.get(extension, OCTETS)
    if declared := _first(_DECLARED, head):
        return declared
    text = _decoded(head)
    return _binary_type(head, extension) if text is None else TEXT_TYPES.get(extension) or _markup(text) or "text/plain"


def _extension(file_name: str) -> str:
    return file_name[-32:].rpartition(".")[2].lower()


def _first(patterns: tuple[tuple[re.Pattern[bytes], str], ...], head: bytes) -> str | None:
    return next((media_type for pattern, media_type in patterns if pattern.match(head)), None)


def _decoded(head: bytes) -> str | None:
    """The text, cut where the head is, or None where it is not text. Eight-bit text without BOM passes as Latin-1."""
    for bom, encoding in _BOMS:
        if head.startswith(bom):
            text = _try(head[len(bom) :], encoding)
            return None if text is None or _CONTROL.search(text) else text
    if head.translate(None, _TEXT_BYTES):
        return None
    text = _try(head, "utf-8")
    return head.decode("latin-1") if text is None else text


def _try(data: bytes, encoding: str) -> str | None:
    try:
        return codecs.getincrementaldecoder(encoding)().decode(data)
    except UnicodeDecodeError:
        return None


def _markup(text: str) -> str | None:
    prolog = _PROLOG.match(text)
    start = prolog.end() if prolog else 0
    if _SVG.match(text, start):
        return "image/svg+xml"
    if _HTML.match(text, start):
        return "text/html"
    return "application/xml" if "<?xml" in text[:start] else None


def _binary_type(head: bytes, extension: str) -> str:
    known = _first(_BINARY, head)
    if known == _ZIP:
        return _zip_type(head, extension)
    if known == _OLE:
        return _OLE_TYPES.get(extension, _OLE)
    return known or _rare_type(head, extension) or OCTETS


def _zip_type(head: bytes, extension: str) -> str:
    """ODF and EPUB say what they are in a first member ``mimetype``; others are known by name, or by their parts."""
    declared = re.match(rb"PK\x03\x04.{26}mimetype([a-z0-9.+/-]{1,80})", head, re.DOTALL)
    if declared and declared[1].startswith((_ODF.encode(), b"application/epub+zip")):
        return declared[1].decode()
    if extension not in _ZIP_TYPES and b"[Content_Types].xml" in head:
        extension = next((ext for part, ext in _OOXML_PARTS if part in head), extension)
    return _ZIP_TYPES.get(extension, _ZIP)


def _rare_types() -> dict[tuple[int, int], dict[bytes, dict[str, str]]]:
    """puremagic's headers of four bytes and more as (offset, length) → bytes → extension → type, longest first.

    Text, markup and whatever may be shown in place are left out: those are for the strict patterns alone.
    """
    table: dict[tuple[int, int], dict[bytes, dict[str, str]]] = defaultdict(lambda: defaultdict(dict))
    wanted = re.compile(
        r"(?!.*(?:xml|html|script|image/png|image/jpeg|image/gif|image/webp|/pdf))(?!text/)[\w.+-]+/[\w.+-]+"
    )
    for row in magic_header_array:
        length = len(row.byte_match)
        if length >= 4 and row.offset >= 0 and row.offset + length <= HEAD_BYTES and wanted.fullmatch(row.mime_type):
            table[row.offset, length][row.byte_match].setdefault(row.extension.lstrip("."), row.mime_type)
    return dict(sorted(table.items(), key=lambda item: -item[0][1]))


_RARE = _rare_types()


def _rare_type(head: bytes, extension: str) -> str | None:
    for (offset, length), rows in _RARE.items():
        types = rows.get(head[offset : offset + length])
        if types and extension in types:
            return types[extension]
        # A few zeros and ones say nothing by themselves.
        if types and length - head.count(b"\0", offset, offset + length) >= 4:
            return next(iter(types.values()))
    return None
