import io
import os
import time
import zipfile
from collections.abc import Callable

import docx
import openpyxl
import pptx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from dossier.core.content import safe_inline
from dossier.documents.media import sniff

OCTETS = "application/octet-stream"
OOXML = "application/vnd.openxmlformats-officedocument."
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"
HTML = b"<!DOCTYPE html><script>alert(1)</script>"


def saved(save: Callable[[io.BytesIO], object]) -> bytes:
    out = io.BytesIO()
    save(out)
    return out.getvalue()[:8192]


def picture(kind: str) -> bytes:
    return saved(lambda out: Image.new("RGB", (8, 8), "red").save(out, kind))


def zipped(*members: tuple[str, bytes]) -> bytes:
    def save(out: io.BytesIO) -> None:
        with zipfile.ZipFile(out, "w") as archive:
            for name, data in members:
                archive.writestr(name, data)

    return saved(save)


WORD = saved(docx.Document().save)
SHEET = saved(openpyxl.Workbook().save)
SLIDES = saved(pptx.Presentation().save)
WRITER = zipped(("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", b"<x/>"))
BOOK = zipped(("mimetype", b"application/epub+zip"), ("META-INF/container.xml", b"<x/>"))


class TestText:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.txt", "text/plain"),
            ("README", "text/plain"),
            ("a.MD", "text/markdown"),
            ("a.csv", "text/csv"),
            ("a.html", "text/html"),
            ("a.json", "application/json"),
            ("a.xml", "application/xml"),
            ("a.svg", "image/svg+xml"),
            ("a.js", "text/javascript"),
            ("a.py", "text/plain"),
            ("a.png", "text/plain"),
            ("a.docx", "text/plain"),
            ("", "text/plain"),
            ("a.", "text/plain"),
        ],
    )
    def test_by_name(self, name: str, expected: str) -> None:
        assert sniff(b"Hello, world\n", name) == expected

    @pytest.mark.parametrize(
        "head",
        [
            "Grüße, Привет, 你好 👋".encode(),
            "Grüße".encode("latin-1"),
            "\ufeffPrivet".encode(),
            "Grüße 👋".encode("utf-16"),
            b"\xfe\xff" + "Grüße".encode("utf-16-be"),
            "Grüße".encode("utf-32"),
            b"\x1b[31mred\x1b[0m\n",
            "你".encode()[:2],
            b"\xff\xfe" + "👋".encode("utf-16-le")[:3],
            b"PK is not always a zip",
            b"MZ is not always a program",
        ],
    )
    def test_in_every_encoding(self, head: bytes) -> None:
        assert sniff(head, "letter") == "text/plain"

    @pytest.mark.parametrize("head", [b"a\0b", b"\x01\x02", b"\xff\xfea\0\0\0", b"\xef\xbb\xbf\xff", b"a\x7f"])
    def test_control_characters_are_no_text(self, head: bytes) -> None:
        assert sniff(head, "a.txt") == OCTETS

    @pytest.mark.parametrize(
        ("name", "expected"), [("a.txt", "text/plain"), ("a", OCTETS), ("a.png", OCTETS), ("a.csv", "text/csv")]
    )
    def test_empty(self, name: str, expected: str) -> None:
        assert sniff(b"", name) == expected


class TestMarkup:
    @pytest.mark.parametrize(
        "head",
        [
            SVG,
            b"\xef\xbb\xbf <?xml version='1.0'?>\n<!-- x --><!DOCTYPE svg PUBLIC '' ''>" + SVG,
            b"<s:svg xmlns:s='http://www.w3.org/2000/svg'/>",
            SVG.decode().encode("utf-16"),
            b"<SVG>",
        ],
    )
    @pytest.mark.parametrize("name", ["a.png", "a", "a.svg"])
    def test_svg_whatever_its_name(self, head: bytes, name: str) -> None:
        assert sniff(head, name) == "image/svg+xml"

    @pytest.mark.parametrize("head", [HTML, b"\n\n<HTML>", b"<!-- x --><body >", b"<script>", b"<p>", b"<!-- open <b>"])
    def test_html_without_a_text_name(self, head: bytes) -> None:
        assert sniff(head, "a.png") == "text/html"

    @pytest.mark.parametrize("head", [SVG, HTML, b"<?xml version='1.0'?><x/>"])
    def test_named_as_text_it_is_plain_text(self, head: bytes) -> None:
        assert sniff(head, "a.txt") == "text/plain"

    def test_other_xml(self) -> None:
        assert sniff(b"<?xml version='1.0'?><svgx/>", "a") == "application/xml"
        assert sniff(b"a < b and <svg> later", "a") == "text/plain"


class TestBinary:
    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("PNG", "image/png"),
            ("JPEG", "image/jpeg"),
            ("GIF", "image/gif"),
            ("WEBP", "image/webp"),
            ("TIFF", "image/tiff"),
            ("BMP", "image/bmp"),
            ("ICO", "image/vnd.microsoft.icon"),
            ("PDF", "application/pdf"),
        ],
    )
    @pytest.mark.parametrize("name", ["a", "a.txt", "a.html", "a.docx"])
    def test_pictures_whatever_their_name(self, kind: str, name: str, expected: str) -> None:
        assert sniff(picture(kind), name) == expected

    @pytest.mark.parametrize(
        ("head", "expected"),
        [
            (b"%PDF-1.7\n", "application/pdf"),
            (b"\r\n%PDF-2.0", "application/pdf"),
            (b"{\\rtf1\\ansi", "application/rtf"),
            (b"\x1f\x8b\x08\0", "application/gzip"),
            (b"7z\xbc\xaf\x27\x1c\0\4", "application/x-7z-compressed"),
            (b"Rar!\x1a\x07\1\0", "application/vnd.rar"),
            (b"a" + bytes(256) + b"ustar\x0000", "application/x-tar"),
            (b"\0\0\0\x18ftypmp42\0", "video/mp4"),
            (b"\0\0\0\x18ftypheic\0", "image/heic"),
            (b"RIFF\1\0\0\0WAVEfmt ", "audio/wav"),
            (b"ID3\3\0", "audio/mpeg"),
            (b"MZ\x90\0\3\0\0\0", "application/vnd.microsoft.portable-executable"),
            (b"AC1027\0\0", "image/x-dwg"),
            (bytes(8192), OCTETS),
        ],
    )
    def test_others(self, head: bytes, expected: str) -> None:
        assert sniff(head, "a") == expected


class TestContainers:
    @pytest.mark.parametrize(
        ("head", "name", "expected"),
        [
            (WORD, "a.docx", OOXML + "wordprocessingml.document"),
            (SHEET, "a.xlsx", OOXML + "spreadsheetml.sheet"),
            (SLIDES, "a.pptx", OOXML + "presentationml.presentation"),
            (WRITER, "a.odt", "application/vnd.oasis.opendocument.text"),
            (WRITER, "a.zip", "application/vnd.oasis.opendocument.text"),
            (BOOK, "a.bin", "application/epub+zip"),
            (zipped(("a.class", b"")), "a.jar", "application/java-archive"),
            (zipped(("a.txt", b"")), "a.zip", "application/zip"),
            (zipped(("a.txt", b"")), "a.txt", "application/zip"),
            (zipped(), "a", "application/zip"),
            (OLE, "a.doc", "application/msword"),
            (OLE, "a.XLS", "application/vnd.ms-excel"),
            (OLE, "a.ppt", "application/vnd.ms-powerpoint"),
            (OLE, "a.msg", "application/vnd.ms-outlook"),
            (OLE, "a.docx", "application/x-ole-storage"),
        ],
    )
    def test_by_name_and_bytes(self, head: bytes, name: str, expected: str) -> None:
        assert sniff(head, name) == expected

    def test_office_files_without_a_name_by_their_parts(self) -> None:
        assert sniff(WORD, "upload") == OOXML + "wordprocessingml.document"


class TestAnyInput:
    @given(st.binary(max_size=300), st.text(st.characters(codec=None), max_size=40))
    @example(b"\xff\xfe", "a.txt")
    @example(b"PK\3\4", "a.docx")
    def test_always_answers_a_media_type(self, head: bytes, name: str) -> None:
        kind, _, sub = sniff(head, name).partition("/")
        assert kind.isalpha()
        assert sub.isprintable()
        assert ";" not in sub

    @given(st.sampled_from([HTML, SVG]), st.sampled_from(["", "a.png", "a.pdf", "a.gif", "a.webp", "a.jpg", "a.html"]))
    def test_markup_is_never_shown_in_place_as_what_its_name_says(self, head: bytes, name: str) -> None:
        assert not safe_inline(sniff(head, name))

    @pytest.mark.parametrize(
        "head",
        [
            os.urandom(8192),
            b"text " * 2000,
            "ж".encode() * 5000,
            b"<?" * 5000,
            b"<!--" * 2500,
            b"<!---->" * 1200,
            b" " * 8192,
            b"<" + b"a" * 8192,
            b"<!doctype " + b" " * 8192,
            b"\x1aE\xdf\xa3" * 2048,
            b"PK\3\4" * 2048,
        ],
    )
    def test_is_fast(self, head: bytes) -> None:
        def once() -> float:
            began = time.perf_counter()
            sniff(head, "a")
            return time.perf_counter() - began

        assert min(once() for _ in range(5)) < 0.05  # a bound on the kind of work, not a speed
