"""The sample office files: an offer, a budget, slides. ``stage`` counts their versions from 0."""

import io
import zipfile
from datetime import UTC, datetime
from typing import Any

import docx
import openpyxl
import pptx
from openpyxl.styles import Font
from pptx.util import Pt

from dossier.samples.texts import STUDIO

WHEN = datetime(2026, 2, 2, 9, 0, tzinfo=UTC)


def offer(stage: int) -> bytes:
    """A letter with a table; long, shorter, after a talk."""
    document = docx.Document()
    document.core_properties.created = document.core_properties.modified = WHEN
    document.core_properties.author = STUDIO
    document.add_heading("Offer: a new face for Nordlicht", 0)
    document.add_paragraph("Dear Ms Arnesen,")
    document.add_paragraph(_OPENING[min(stage, 1)])
    document.add_heading("What we do", 1)
    for step in _STEPS[: 4 if stage == 0 else 3]:
        document.add_paragraph(step, style="List Number")
    if stage == 2:
        document.add_paragraph("A workshop in your workshop, with those who build the lamps", style="List Number")
    document.add_heading("What it costs", 1)
    rows = [("Concept", "4,200"), ("Design", "9,600"), ("Website", "6,800")]
    rows = rows if stage == 0 else [("All of it, at a fixed price", "17,500" if stage == 1 else "18,900")]
    table = document.add_table(rows=0, cols=2, style="Light Grid Accent 1")
    for name, price in rows:
        cells = table.add_row().cells
        cells[0].text, cells[1].text = name, f"{price} euros"
    document.add_paragraph()
    document.add_paragraph(
        "We hold to this offer until the end of March." if stage else "The hours are billed each month."
    )
    document.add_paragraph(f"With kind regards,\n{STUDIO}")
    return _still(document)


_OPENING = (
    "thank you for showing us your workshop. We have seldom seen people who know their lamps so well, and a website "
    "that tells so little of it. Here is how we would go about changing that, step by step, and what each of the steps "
    "would cost you.",
    "thank you for showing us your workshop. Here is how we would tell the world of your lamps, and what it costs.",
)
_STEPS = (
    "Two days with you and your customers: what are the lamps bought for?",
    "A concept with three directions, of which you choose one",
    "Design of name, type, colours and photographs, and a website with a shop",
    "Support for half a year after the start, by the hour",
)


def budget(stage: int) -> bytes:
    """Two sheets with formulas; the plan, and what was spent."""
    book = openpyxl.Workbook()
    sheet: Any = book.worksheets[0]
    sheet.title = "2026"
    rows = [("Rent", 27600, 13800), ("Salaries", 372000, 186400), ("Software", 9800, 4410), ("Travel", 6000, 5230)]
    rows += [("Equipment", 14500, 3900)]
    sheet.append(["Costs in euros", "Plan", *(["Up to June", "Part"] if stage else [])])
    for number, (name, plan, spent) in enumerate(rows, 2):
        sheet.append([name, plan, *([spent, f"=C{number}/B{number}"] if stage else [])])
    last = len(rows) + 1
    sheet.append(["Together", f"=SUM(B2:B{last})", *([f"=SUM(C2:C{last})"] if stage else [])])
    for cell in (*sheet[1], *sheet[last + 1]):
        cell.font = Font(bold=True)
    for row in sheet.iter_rows(min_row=2, min_col=2):
        for cell in row:
            cell.number_format = "0 %" if cell.column == 4 else "#,##0"
    sheet.column_dimensions["A"].width = 22
    notes: Any = book.create_sheet("Notes")
    notes.append(["Travel: the fair in Milan was not in the plan." if stage else "Salaries with nine people."])
    return _still(book)


def kick_off() -> bytes:
    """Slides."""
    show = pptx.Presentation()
    show.core_properties.created = show.core_properties.modified = WHEN
    title = show.slides.add_slide(show.slide_layouts[0])
    title.shapes.title.text = "Nordlicht: we begin"
    title.placeholders[1].text = f"{STUDIO}, 16 March 2026"
    for heading, lines in _SLIDES:
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = heading
        frame = slide.placeholders[1].text_frame
        frame.text = "\n".join(lines)
        for paragraph in frame.paragraphs:
            paragraph.font.size = Pt(24)
    return _still(show)


_SLIDES = (
    ("Who is who", ("Signe Arnesen decides", "Tor builds the lamps", "Ines leads on our side, Jakob designs")),
    ("What we know", ("Half of the buyers come by way of a friend", "The website is read on telephones, at night")),
    (
        "The next four weeks",
        ("Two days in the workshop", "Twelve talks with customers", "Three directions on 14 April"),
    ),
)


def _still(thing: Any) -> bytes:
    """What a library saves, with the times taken out of the archive."""
    out, still = io.BytesIO(), io.BytesIO()
    thing.save(out)
    with zipfile.ZipFile(out) as archive, zipfile.ZipFile(still, "w", zipfile.ZIP_DEFLATED) as quiet:
        for entry in archive.infolist():
            quiet.writestr(zipfile.ZipInfo(entry.filename), archive.read(entry), zipfile.ZIP_DEFLATED)
    return still.getvalue()
