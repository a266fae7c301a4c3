"""What counts as the same work in two Office files."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import openpyxl
import pptx
import pytest

from dossier.links.sync.office import same_work
from tests.links.conftest import Joined
from tests.links.test_links import write


def word(path: Path, text: str = "The rent is 900 euros.") -> None:
    """A Word file."""
    document = docx.Document()
    document.add_paragraph(text)
    document.save(str(path))


def excel(path: Path, text: str = "900") -> None:
    """An Excel file."""
    book = openpyxl.Workbook()
    book.active["A1"] = text  # type: ignore[index]
    book.save(path)


def slides(path: Path, text: str = "Rent") -> None:
    """A PowerPoint file."""
    show = pptx.Presentation()
    show.slides.add_slide(show.slide_layouts[0]).shapes.title.text = text
    show.save(str(path))


Change = Callable[[str, bytes], bytes | None]


def rewritten(path: Path, change: Change | None = None, **more: bytes) -> Path:
    """The file packed anew, as a system does that writes its properties into it."""
    target = path.with_name(f"rewritten {path.name}")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = change(name, old.read(name)) if change else old.read(name)
            if content is not None:
                new.writestr(name, content)
        for name, content in more.items():
            new.writestr(name, content)
    return target


def promoted(path: Path) -> Path:
    """With a library's properties in it: parts, their relationship and their content type."""

    def change(name: str, content: bytes) -> bytes:
        kind = b"http://schemas.openxmlformats.org/officeDocument/2006/relationships/customXml"
        link = b'<Relationship Id="rId99" Type="' + kind + b'" Target="../customXml/item99.xml"/></Relationships>'
        if name.endswith("document.xml.rels"):
            return content.replace(b"</Relationships>", link)
        if name == "[Content_Types].xml":
            return content.replace(b"</Types>", b'<Default Extension="odd" ContentType="text/odd"/></Types>')
        if name == "docProps/core.xml":
            return content.replace(b"</cp:coreProperties>", b"<dc:language>de</dc:language></cp:coreProperties>")
        return content

    return rewritten(
        path, change, **{"customXml/item99.xml": b"<properties/>", "docProps/custom.xml": b"<Properties/>"}
    )


class TestSameWork:
    @pytest.mark.parametrize(("make", "name"), [(word, "a.docx"), (excel, "a.xlsx"), (slides, "a.pptx")])
    def test_properties_of_a_library(self, tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
        make(tmp_path / name)
        other = promoted(tmp_path / name)
        assert other.read_bytes() != (tmp_path / name).read_bytes()
        assert same_work(tmp_path / name, other)

    @pytest.mark.parametrize(("make", "name"), [(word, "a.docx"), (excel, "a.xlsx"), (slides, "a.pptx")])
    def test_another_text(self, tmp_path: Path, make: Callable[[Path, str], None], name: str) -> None:
        make(tmp_path / name, "one")
        make(tmp_path / f"b{name}", "two")
        assert not same_work(tmp_path / name, tmp_path / f"b{name}")

    def test_another_address_behind_a_link(self, tmp_path: Path) -> None:
        """It stands in the relationships alone."""
        word(tmp_path / "a.docx")

        def change(name: str, content: bytes) -> bytes:
            link = (
                b'<Relationship Id="r9" Type="x/hyperlink" Target="https://a" TargetMode="External"/></Relationships>'
            )
            return content.replace(b"</Relationships>", link) if name.endswith("document.xml.rels") else content

        assert not same_work(tmp_path / "a.docx", rewritten(tmp_path / "a.docx", change))

    def test_a_part_more_or_less(self, tmp_path: Path) -> None:
        word(tmp_path / "a.docx")
        more = rewritten(tmp_path / "a.docx", None, **{"word/media/image1.png": b"png"})
        assert not same_work(tmp_path / "a.docx", more)
        assert not same_work(more, tmp_path / "a.docx")

    @pytest.mark.parametrize("content", [b"", b"text", b"PK\x05\x06" + bytes(18), b"PK\x03\x04torn"])
    def test_what_is_no_office_file(self, tmp_path: Path, content: bytes) -> None:
        for name in ("a", "b"):
            (tmp_path / name).write_bytes(content)
        assert not same_work(tmp_path / "a", tmp_path / "b")

    def test_a_zip_of_something_else(self, tmp_path: Path) -> None:
        for name in ("a.zip", "b.zip"):
            with zipfile.ZipFile(tmp_path / name, "w") as made:
                made.writestr("docProps/a.xml", name)
        assert not same_work(tmp_path / "a.zip", tmp_path / "b.zip")

    def test_relationships_that_blow_up(self, tmp_path: Path) -> None:
        word(tmp_path / "a.docx")
        bomb = b'<!DOCTYPE a [<!ENTITY b "' + b"x" * 1000 + b'">]><Relationships>&b;</Relationships>'

        def change(name: str, content: bytes) -> bytes:
            return bomb if name.endswith("document.xml.rels") else content

        other = rewritten(tmp_path / "a.docx", change)
        assert not same_work(other, other)


class TestLink:
    async def test_a_file_that_the_other_system_rewrites(self, joined: Joined, tmp_path: Path) -> None:
        """No version, no conflict, no loop; and the next version here goes over."""
        word(tmp_path / "a.docx")
        await joined.make()
        document = await joined.add("a.docx", (tmp_path / "a.docx").read_bytes())
        await joined.run()
        write(joined.share / "a.docx", promoted(tmp_path / "a.docx").read_bytes())
        for _ in range(2):
            await joined.run()
            assert (await joined.get(document))["version"]["number"] == 1
        word(tmp_path / "a.docx", "The rent is 950 euros.")
        await joined.version(document, (tmp_path / "a.docx").read_bytes())
        link = await joined.run()
        assert (joined.share / "a.docx").read_bytes() == (tmp_path / "a.docx").read_bytes()
        assert link["conflicts"] == 0
        assert (await joined.get(document))["version"]["number"] == 2
