"""The files of the samples: real ones that differ from version to version, and places that are where they say."""

import io
import time
import zipfile

import openpyxl
import pypdfium2
import pytest

from dossier.documents.media import sniff
from dossier.renditions.kinds import OFFICE, kind_of
from dossier.samples import kit
from dossier.samples.shapes import Paper

pytestmark = pytest.mark.slow
TYPES = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "md": "text/markdown",
    "csv": "text/csv",
    "txt": "text/plain",
} | {extension: media_type for media_type, extension in OFFICE.items()}


@pytest.fixture(scope="module")
def papers() -> dict[str, Paper]:
    return {paper.name: paper for paper in kit.make()}


def pages(content: bytes) -> list[str]:
    with pypdfium2.PdfDocument(content) as pdf:
        return [page.get_textpage().get_text_bounded() for page in pdf]


class TestMake:
    def test_every_file_is_what_its_name_says(self, papers: dict[str, Paper]) -> None:
        for paper in papers.values():
            for edition in paper.editions:
                assert sniff(edition.content, paper.name) == TYPES[paper.name.rpartition(".")[2]], paper.name
        kinds = {kind_of(sniff(paper.editions[0].content, paper.name)) for paper in papers.values()}
        assert kinds == {"pdf", "image", "markdown", "csv", "text"}

    def test_versions_differ(self, papers: dict[str, Paper]) -> None:
        assert sum(len(paper.editions) > 1 for paper in papers.values()) >= 7
        for paper in papers.values():
            contents = [edition.content for edition in paper.editions]
            assert len(set(contents)) == len(contents), paper.name

    def test_the_same_bytes_each_time(self, papers: dict[str, Paper]) -> None:
        again = {paper.name: paper for paper in kit.make()}
        differing = {name for name, paper in again.items() if paper.editions != papers[name].editions}
        assert differing <= {"Budget.xlsx"}, "openpyxl writes the time into what it saves"

    def test_small_and_quick(self, papers: dict[str, Paper]) -> None:
        started = time.process_time()
        kit.make()
        assert time.process_time() - started < 3
        assert sum(len(edition.content) for paper in papers.values() for edition in paper.editions) < 1_000_000

    def test_pdfs_carry_their_font(self, papers: dict[str, Paper]) -> None:
        for paper in papers.values():
            if paper.name.endswith(".pdf"):
                assert b"FontFile2" in paper.editions[0].content and b"Lindenhof" in paper.editions[0].content

    def test_the_lease(self, papers: dict[str, Paper]) -> None:
        first, _, last = ("\n".join(pages(edition.content)) for edition in papers["Lease contract.pdf"].editions)
        assert len(pages(papers["Lease contract.pdf"].editions[0].content)) == 4
        assert "2,450 euros" in first and "2,450 euros" not in last
        assert "Subletting" in last and "Subletting" not in first

    def test_the_invoice_counts_right(self, papers: dict[str, Paper]) -> None:
        (page,) = pages(papers["Invoice 2026-0117.pdf"].editions[1].content)
        assert "8,362.13" in page and round((2180 + 79 * 58 + 265) * 1.19, 2) == 8362.13

    def test_the_budget_counts(self, papers: dict[str, Paper]) -> None:
        book = openpyxl.load_workbook(io.BytesIO(papers["Budget.xlsx"].editions[1].content))
        assert book["2026"]["B7"].value == "=SUM(B2:B6)" and book["2026"]["D2"].value == "=C2/B2"

    def test_office_files_are_sound_archives(self, papers: dict[str, Paper]) -> None:
        for name in ("Offer Nordlicht.docx", "Budget.xlsx", "Kick-off.pptx"):
            for edition in papers[name].editions:
                assert zipfile.ZipFile(io.BytesIO(edition.content)).testzip() is None

    def test_places_hold_what_is_quoted(self, papers: dict[str, Paper]) -> None:
        paper = papers["Lease contract.pdf"]
        for plan in paper.tasks:
            if plan.spot:
                with pypdfium2.PdfDocument(paper.editions[plan.version - 1].content) as pdf:
                    page = pdf[plan.spot.page - 1]
                    top = page.get_height() - plan.spot.top
                    box = (plan.spot.left, top - plan.spot.height, plan.spot.left + plan.spot.width, top)
                    text = page.get_textpage().get_text_bounded(*box)
                assert plan.quote in text and text.startswith(("Either party", "The monthly rent")), text

    def test_tasks_of_every_state(self, papers: dict[str, Paper]) -> None:
        tasks = [plan for paper in papers.values() for plan in paper.tasks]
        assert {plan.status for plan in tasks} == {"open", "in_progress", "done", "cancelled"}
        assert {plan.priority for plan in tasks} == {"low", "normal", "high"}
        assert any(plan.days and plan.days < 0 and plan.status == "open" for plan in tasks)
        assert all(plan.version <= len(paper.editions) for paper in papers.values() for plan in paper.tasks)
