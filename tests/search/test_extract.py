import datetime
import io
import struct
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import ClassVar

import pytest

from dossier.search import extract
from dossier.search.extract import DOCX, HTML, PDF, PPTX, XLSX, Reason, Refused
from tests.search import samples
from tests.search.samples import Entry

MANY = 100_000


def text_of(content: str | bytes, media_type: str, max_chars: int = MANY) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return extract.extract(io.BytesIO(raw), media_type, max_chars)


def reason_of(content: bytes, media_type: str) -> Reason:
    with pytest.raises(Refused) as refused:
        text_of(content, media_type)
    return refused.value.reason


class TestSupports:
    @pytest.mark.parametrize("media_type", [*sorted(extract.SUPPORTED), "text/x-python"])
    def test_yes(self, media_type: str) -> None:
        assert extract.supports(media_type)

    @pytest.mark.parametrize("media_type", ["image/png", "application/zip", ""])
    def test_no(self, media_type: str) -> None:
        assert not extract.supports(media_type)


class TestPlainText:
    @pytest.mark.parametrize("charset", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
    def test_in_each_encoding(self, charset: str) -> None:
        assert text_of("Größe – 5 €".encode(charset), "text/plain") == "Größe – 5 €"

    def test_big_endian(self) -> None:
        assert text_of(b"\xfe\xff" + "Größe".encode("utf-16-be"), "text/plain") == "Größe"

    def test_bytes_without_meaning_are_replaced(self) -> None:
        assert text_of(b"a\x81b", "text/plain") == "a\ufffdb"

    @pytest.mark.parametrize("media_type", ["text/markdown", "text/csv", "text/x-log"])
    def test_every_other_text(self, media_type: str) -> None:
        assert text_of("# a;b", media_type) == "# a;b"

    def test_empty(self) -> None:
        assert text_of(b"", "text/plain") == ""

    def test_a_character_cut_at_the_end_of_what_is_read_is_left_out(self) -> None:
        assert text_of("ä" + "€" * 50, "text/plain", max_chars=10) == "ä" + "€" * 9

    def test_reads_no_more_than_it_needs(self) -> None:
        stream = io.BytesIO(b"x" * MANY)
        assert extract.extract(stream, "text/plain", 100) == "x" * 100
        assert stream.tell() < 500


class TestHtml:
    def test_gives_what_a_reader_sees(self) -> None:
        page = """<!doctype html><title>Title</title><style>p{}</style><script>var a = "<p>no</p>"</script>
            <template>no</template><p class="no">One w<b>or</b>d &amp; &eacute;<!-- no --><br>two</p><li>three"""
        assert text_of(page, HTML).split() == ["Title", "One", "word", "&", "é", "two", "three"]

    def test_declared_encoding(self) -> None:
        page = '<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">Привет'
        assert text_of(page.encode("cp1251"), HTML) == "\nПривет"

    def test_charset_short_form_and_alias(self) -> None:
        assert text_of('<meta charset="GB2312">中文'.encode("gb18030"), HTML) == "\n中文"

    def test_unknown_charset_is_read_as_windows_1252(self) -> None:
        assert text_of(b'<meta charset="x-evil">\xe4', HTML) == "\nä"

    @pytest.mark.parametrize(
        "page", ["<", "<p", "<!", "<![", "<script>a", "</", "&#xD800;", "&#99999999;", "<p \x00 a='"]
    )
    def test_broken_mark_up_does_no_harm(self, page: str) -> None:
        assert len(text_of("ok" + page, HTML)) < 20


class TestPdf:
    def test_all_pages(self) -> None:
        assert text_of(samples.pdf("Gr\xf6\xdfe eins", "Seite zwei"), PDF) == "Größe eins\nSeite zwei\n"

    def test_a_hyphen_at_the_end_of_a_line_joins(self) -> None:
        lines = b"BT /F1 12 Tf 72 700 Td (Infor-) Tj 0 -14 Td (mation) Tj ET"
        assert text_of(samples.pdf(content=lines), PDF) == "Information\n"

    def test_encrypted(self) -> None:
        assert reason_of(samples.pdf("secret", encrypted=True), PDF) == Reason.ENCRYPTED

    def test_truncated(self) -> None:
        whole = samples.pdf("text")
        assert reason_of(whole[: len(whole) // 2], PDF) == Reason.BROKEN

    @pytest.mark.parametrize("content", [b"", b"%PDF-1.7\n", b"%PDF-1.7\n" + bytes(range(256)) * 100])
    def test_nonsense(self, content: bytes) -> None:
        assert reason_of(content, PDF) == Reason.BROKEN

    def test_ends_when_it_has_enough(self) -> None:
        assert text_of(samples.pdf(*["abcdefgh"] * 50), PDF, max_chars=12) == "abcdefgh\nabc"


class TestDocx:
    def test_paragraphs_tables_headers_and_footers(self) -> None:
        cells = "".join(f"<w:tc>{samples.paragraphs(text)}</w:tc>" for text in ("A1", "B1"))
        table = f"<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
        header, footer = samples.paragraphs("Kopf"), samples.paragraphs("Fuß")
        content = samples.docx(samples.paragraphs("Größe & <mehr>") + table, header=header, footer=footer)
        assert text_of(content, DOCX).split() == ["Größe", "&", "<mehr>", "A1", "B1", "Kopf", "Fuß"]

    def test_runs_of_one_word_join_and_breaks_part(self) -> None:
        runs = "<w:p><w:r><w:t>W</w:t></w:r><w:r><w:t>ort</w:t><w:tab/><w:t>a</w:t><w:br/><w:t>b</w:t></w:r></w:p>"
        assert text_of(samples.docx(runs), DOCX) == "Wort\ta\nb\n"

    def test_deleted_text_field_codes_and_fallbacks_stay_out(self) -> None:
        hidden = (
            "<w:p><w:del><w:r><w:delText>no</w:delText></w:r></w:del><w:r><w:instrText>PAGE</w:instrText></w:r></w:p>"
        )
        twice = f"<mc:AlternateContent><mc:Choice>{samples.paragraphs('yes')}</mc:Choice><mc:Fallback>"
        twice += f"{samples.paragraphs('yes')}</mc:Fallback></mc:AlternateContent>"
        assert text_of(samples.docx(hidden + twice), DOCX).split() == ["yes"]

    def test_ends_when_it_has_enough(self) -> None:
        assert text_of(samples.docx(samples.paragraphs(*["abcd"] * 100)), DOCX, max_chars=7) == "abcd\nab"

    def test_other_parts_are_not_opened(self) -> None:
        bomb = samples.deflated_repeat(b"\0" * extract.MIB, 100)
        inner = samples.raw_zip(Entry("a", bomb, 100 * extract.MIB))
        assert text_of(samples.docx(samples.paragraphs("x"), word_embeddings=inner), DOCX) == "x\n"

    def test_encrypted(self) -> None:
        content = bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 1000 + "EncryptedPackage".encode("utf-16-le")
        assert reason_of(content, DOCX) == Reason.ENCRYPTED

    def test_the_old_binary_format(self) -> None:
        assert reason_of(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 1000, DOCX) == Reason.BROKEN

    @pytest.mark.parametrize("content", [b"", b"PK", b"no zip", samples.docx("x")[:300], samples.docx("<w:p>")])
    def test_broken(self, content: bytes) -> None:
        with pytest.raises(Exception) as raised:  # noqa: PT011 - any error of a library is "broken" to the child
            text_of(content, DOCX)
        assert getattr(raised.value, "reason", Reason.BROKEN) == Reason.BROKEN

    def test_without_content_types(self) -> None:
        with pytest.raises(KeyError):
            text_of(samples.raw_zip(Entry("a", b"", 0, method=zipfile.ZIP_STORED)), DOCX)


class TestPptx:
    def test_slides_in_order_and_notes(self) -> None:
        content = samples.pptx(*[f"Folie {number}" for number in range(1, 12)], notes="Notiz")
        assert text_of(content, PPTX).splitlines() == [*[f"Folie {number}" for number in range(1, 12)], "Notiz"]


class TestXlsx:
    def test_all_sheets(self) -> None:
        rows: list[list[object]] = [
            ["Größe", 1, 2.5, True, None],
            [],
            [datetime.date(2026, 11, 5), datetime.datetime.fromisoformat("2026-11-05T12:30")],
        ]
        content = samples.xlsx({"Eins": rows, "Zwei": [["x"]]})
        expected = "Eins\nGröße\t1\t2.5\tTrue\n2026-11-05\t2026-11-05 12:30:00\nZwei\nx\n"
        assert text_of(content, XLSX) == expected

    def test_shared_strings(self) -> None:
        assert text_of(samples.xlsx_shared("a &amp; b", "c"), XLSX) == "One\na & b\nc\n"

    def test_a_false_dimension_costs_nothing(self) -> None:
        sheet, size = "xl/worksheets/sheet1.xml", '<dimension ref="A1:XFD1048576"/><sheetData>'
        content = samples.with_part(samples.xlsx_shared("a"), sheet, lambda xml: xml.replace("<sheetData>", size))
        started = time.process_time()
        assert text_of(content, XLSX) == "One\na\n"
        assert time.process_time() - started < 2

    def test_ends_when_it_has_enough(self) -> None:
        assert text_of(samples.xlsx({"S": [["abcd"]] * 100}), XLSX, max_chars=7) == "S\nabcd\n"


class TestXmlAttacks:
    @pytest.mark.parametrize("doctype", [samples.LAUGHS, samples.XXE])
    def test_in_docx(self, doctype: str) -> None:
        assert reason_of(samples.docx("<w:p><w:t>&j;</w:t></w:p>", doctype=doctype), DOCX) == Reason.BOMB

    @pytest.mark.parametrize("doctype", [samples.LAUGHS, samples.XXE])
    def test_in_content_types(self, doctype: str) -> None:
        content = samples.with_part(
            samples.docx("x"), "[Content_Types].xml", lambda xml: samples.with_doctype(xml, doctype, "<")
        )
        assert reason_of(content, DOCX) == Reason.BOMB

    @pytest.mark.parametrize("doctype", [samples.LAUGHS, samples.XXE])
    def test_in_shared_strings(self, doctype: str) -> None:
        assert reason_of(samples.xlsx_shared("&j;", doctype=doctype), XLSX) == Reason.BOMB


class TestZipAttacks:
    ZEROS = samples.deflated_repeat(b"\0" * extract.MIB, 1024)

    @pytest.mark.parametrize("media_type", [DOCX, XLSX, PPTX])
    def test_a_gibibyte_of_zeros(self, media_type: str) -> None:
        bomb = samples.raw_zip(samples.content_types(), Entry("word/document.xml", self.ZEROS, 2**30))
        assert reason_of(bomb, media_type) == Reason.BOMB

    def test_a_size_that_lies_yields_no_more_than_it_says(self) -> None:
        lie = samples.raw_zip(samples.content_types(), Entry("word/document.xml", self.ZEROS, 1000))
        with pytest.raises(zipfile.BadZipFile):
            text_of(lie, DOCX)

    def test_entries_over_one_another(self) -> None:
        packed = samples.deflated(b"x" * 1000)
        content = samples.raw_zip(*[Entry(str(n), packed if n == 0 else b"", 1000, packed_size=300) for n in range(50)])
        assert reason_of(content, DOCX) == Reason.BOMB

    def test_too_many_entries(self) -> None:
        empty = [Entry(str(n), b"", 0, method=zipfile.ZIP_STORED) for n in range(extract.ZIP_ENTRIES + 1)]
        assert reason_of(samples.raw_zip(*empty), DOCX) == Reason.TOO_LARGE

    def test_too_much_in_all(self) -> None:
        most = extract.ZIP_BYTES // 100
        filler = Entry("filler", b"\0" * (most * 101 // extract.ZIP_RATIO), 0, packed_size=0, method=zipfile.ZIP_STORED)
        many = [Entry(str(n), b"", most, packed_size=most // extract.ZIP_RATIO + 1) for n in range(101)]
        assert reason_of(samples.raw_zip(filler, *many), DOCX) == Reason.TOO_LARGE

    def test_encrypted_entries(self) -> None:
        assert reason_of(samples.raw_zip(Entry("a", b"x" * 12, 0, flags=1)), DOCX) == Reason.ENCRYPTED

    def test_other_compressions(self) -> None:
        assert reason_of(samples.raw_zip(Entry("a", b"x", 1, method=zipfile.ZIP_LZMA)), DOCX) == Reason.BROKEN

    def test_ratio_counts_over_a_mebibyte_only(self, tmp_path: Path) -> None:
        body = samples.paragraphs("x") + " " * (extract.MIB // 2)
        assert text_of(samples.docx(body), DOCX) == "x\n"


class TestRandomDamage:
    WHOLE: ClassVar = {
        DOCX: samples.docx(samples.paragraphs("text")),
        XLSX: samples.xlsx_shared("text"),
        PPTX: samples.pptx("text"),
        PDF: samples.pdf("text"),
    }

    @pytest.mark.parametrize("media_type", WHOLE)
    def test_ends_in_text_or_an_exception(self, media_type: str) -> None:
        whole = self.WHOLE[media_type]
        for place in range(0, len(whole), 41):
            damaged = whole[:place] + struct.pack("<H", place * 7919 % 65536) + whole[place + 2 :]
            with suppress(Exception):
                assert len(text_of(damaged, media_type)) < 1000
