"""How the sample PDFs are set: pages of A4 with a font of their own inside, the same bytes each time."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from dossier.samples.shapes import Spot

INK, FAINT, LINE = colors.HexColor("#1f2933"), colors.HexColor("#64748b"), colors.HexColor("#cbd5e1")
MARGIN = 64


@dataclass(slots=True)
class Printed:
    """A PDF, and where in it the marked paragraphs came to stand."""

    content: bytes = b""
    spots: dict[str, Spot] = field(default_factory=dict)


class Marked(Paragraph):  # type: ignore[misc]  # the library has no types
    """A paragraph that tells where it was drawn."""

    def __init__(self, text: str, style: ParagraphStyle, name: str, into: Printed) -> None:
        super().__init__(text, style)
        self.name, self.into = name, into

    def draw(self) -> None:
        left, bottom = self.canv.absolutePosition(0, 0)
        top = A4[1] - bottom - self.height
        page = self.canv.getPageNumber()
        self.into.spots[self.name] = Spot(page, round(left, 1), round(top, 1), round(self.width, 1), self.height)
        super().draw()


@cache
def styles() -> dict[str, ParagraphStyle]:
    """The styles by name; registers the font, which comes with the library and may be embedded."""
    for name, file in (("Vera", "Vera.ttf"), ("Vera-Bold", "VeraBd.ttf")):
        pdfmetrics.registerFont(TTFont(name, file))
    text = ParagraphStyle("text", fontName="Vera", fontSize=10, leading=15, textColor=INK, spaceAfter=8)
    return {
        "text": text,
        "small": ParagraphStyle("small", text, fontSize=8, leading=11, textColor=FAINT),
        "title": ParagraphStyle("title", text, fontName="Vera-Bold", fontSize=20, leading=26, spaceAfter=14),
        "head": ParagraphStyle("head", text, fontName="Vera-Bold", fontSize=12, leading=16, spaceBefore=12),
    }


def para(text: str, style: str = "text") -> Flowable:
    """A paragraph."""
    return Paragraph(text, styles()[style])


def gap(points: float) -> Flowable:
    """White space."""
    return Spacer(0, points)


def table(rows: Sequence[Sequence[str]], widths: Sequence[float], *, total: bool = False) -> Flowable:
    """A table with a head, its numbers on the right; ``total`` makes the last row bold."""
    styles()
    look: list[tuple[Any, ...]] = [
        ("FONT", (0, 0), (-1, -1), "Vera", 9),
        ("FONT", (0, 0), (-1, 0), "Vera-Bold", 9),
        ("TEXTCOLOR", (0, 0), (-1, -1), INK),
        ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, LINE),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 6),
    ]
    if total:
        look.append(("FONT", (0, -1), (-1, -1), "Vera-Bold", 9))
    return Table([list(row) for row in rows], list(widths), style=TableStyle(look), hAlign="LEFT", repeatRows=1)


def signatures(left: str, right: str) -> Flowable:
    """Two lines to sign on."""
    styles()
    look = [("FONT", (0, 0), (-1, -1), "Vera", 8), ("TEXTCOLOR", (0, 0), (-1, -1), FAINT)]
    look += [("LINEABOVE", (0, 0), (0, 0), 0.5, INK), ("LINEABOVE", (2, 0), (2, 0), 0.5, INK)]
    return Table([[left, "", right]], [190, 40, 190], style=TableStyle(look), hAlign="LEFT")


def printed(title: str, story: Sequence[Flowable], into: Printed | None = None) -> Printed:
    """The pages as a PDF, with the title and a page number below each."""
    result, out = into or Printed(), io.BytesIO()

    def foot(canvas: Any, _document: Any) -> None:
        canvas.setFont("Vera", 8)
        canvas.setFillColor(FAINT)
        canvas.drawString(MARGIN, 36, title)
        canvas.drawRightString(A4[0] - MARGIN, 36, f"Page {canvas.getPageNumber()}")

    document = SimpleDocTemplate(
        out,
        pagesize=A4,
        **{f"{side}Margin": MARGIN for side in ("left", "right", "top", "bottom")},
        title=title,
        author="Lindenhof Studio",
        invariant=1,
    )
    document.build(list(story), onFirstPage=foot, onLaterPages=foot)
    result.content = out.getvalue()
    return result
