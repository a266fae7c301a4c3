"""A workspace with something in it, and every screen that there is to look at: for pictures, axe and widths."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
from docx import Document as Word
from PIL import Image, ImageDraw
from playwright.sync_api import Page
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from tests.e2e.portal import Api

NOTES = """# Move to Main Street

Keys are handed over **on Friday**. What is still open:

- the meter readings
- the parking spaces
"""
PRICES = "item;unit;price\n" + "".join(f"Position {number};m2;{number * 3.5:.2f}\n" for number in range(1, 60))


@dataclass
class Filled:
    """What a test or a picture needs to find its way."""

    base: str
    folder: str
    lease: Any
    notes: Any
    tasks: list[Any] = field(default_factory=list)
    link: str = ""
    torn: str = ""
    webhook: str = ""


@dataclass(frozen=True)
class Screen:
    """One screen: what it is called, where it is, who looks, and what is done before it is looked at."""

    name: str
    path: str
    who: str | None = "mara"
    ready: Callable[[Page], None] = lambda page: page.wait_for_timeout(400)


def pdf(title: str, pages: int = 3) -> bytes:
    """A PDF with text on every page."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for page in range(1, pages + 1):
        canvas.setFont("Helvetica-Bold", 18)
        canvas.drawString(72, 760, title)
        canvas.setFont("Helvetica", 11)
        for line in range(1, 28):
            canvas.drawString(
                72, 740 - 22 * line, f"{page}.{line}  The tenant keeps the rooms in good order and returns them."
            )
        canvas.drawString(72, 60, f"Page {page} of {pages}")
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def picture(text: str) -> bytes:
    """A PNG."""
    image = Image.new("RGB", (900, 600), "#dfe8f5")
    draw = ImageDraw.Draw(image)
    draw.rectangle((120, 120, 780, 480), outline="#264a85", width=6)
    draw.text((160, 160), text, fill="#1b3056", font_size=40)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def word(title: str) -> bytes:
    """A Word file."""
    paper, out = Word(), io.BytesIO()
    paper.add_heading(title)
    for part in range(1, 6):
        paper.add_paragraph(f"Item {part}: agreed at the meeting, to be done by the end of the month.")
    paper.save(out)
    return out.getvalue()


def sheet() -> bytes:
    """An Excel file."""
    book, out = openpyxl.Workbook(), io.BytesIO()
    for row in range(1, 30):
        book.active.append([f"Position {row}", row * 12, f"=B{row}*1.19"])  # type: ignore[union-attr]
    book.save(out)
    return out.getvalue()


def fill(base: str, shares: Path) -> Filled:
    """Folders, documents of all kinds with versions and tasks, groups, an invitation, a token and links with folders below
    ``shares`` (of the workspace), by three people."""
    mara, tom = Api(base, "mara@example.com"), Api(base, "tom@example.com")
    contracts = mara.call("POST", "/folders", json={"name": "Contracts"})["id"]
    year = mara.call("POST", "/folders", json={"name": "2026", "parent_id": contracts})["id"]
    mara.call("POST", "/folders", json={"name": "Building site photos"})
    lease = mara.add("Lease Main Street.pdf", pdf("Lease Main Street"), folder_id=year, comment="first draft")
    tom.add("Floor plan.png", picture("Floor plan"), folder_id=year)
    mara.add("Minutes of the owners' meeting in November.docx", word("Minutes"), folder_id=year)
    tom.add("Costs.xlsx", sheet(), folder_id=year)
    tom.add("Prices.csv", PRICES.encode(), folder_id=year)
    notes = mara.add("Notes.md", NOTES.encode(), folder_id=year, comment="first draft")
    filled = Filled(base, year, lease, notes, list(_tasks(mara, tom, lease, notes)))
    tom.version(lease, pdf("Lease Main Street", 4), "clause 7 reworded")
    mara.version(notes, NOTES.replace("Friday", "Monday").encode(), "another day")
    mara.version(lease, pdf("Lease Main Street, signed", 4), "signed")
    _administer(mara)
    filled.link, filled.torn = _link(mara, shares)
    told = {
        "url": "http://127.0.0.1:9/hooks/dossier",
        "description": "Nordwind's archive",
        "types": ["version.*", "task.*"],
    }
    filled.webhook = mara.call("POST", "/webhooks", json=told)["id"]
    mara.call("POST", f"/webhooks/{filled.webhook}/test")
    gone = mara.add("Old offer.txt", b"An offer that is void.\n")
    mara.call("DELETE", f"/documents/{gone['id']}")
    for hands in (mara, tom):
        hands.client.close()
    return filled


def _tasks(mara: Api, tom: Api, lease: Any, notes: Any) -> Iterator[Any]:
    now = datetime.now(UTC)
    mine = {"assignee_id": mara.member("mara")}

    def due(days: int) -> dict[str, str]:
        return {"due_at": (now + timedelta(days=days)).isoformat()}

    yield tom.task(lease, "Check clause 7", priority="high", **mine, **due(-2))
    yield tom.task(lease, "Ask for the second signature", **mine, **due(1))
    yield mara.task(lease, "Compare with the offer", assignee_id=mara.member("tom"), **due(5))
    yield tom.task(notes, "Order the keys", **mine, **due(20))
    started = mara.task(notes, "Read the meters", **mine)
    mara.call("PATCH", f"/tasks/{started['id']}", json={"status": "in_progress"})
    done = tom.task(notes, "Tell the neighbours", **mine)
    mara.call("PATCH", f"/tasks/{done['id']}", json={"status": "done"})
    tom.call("POST", f"/tasks/{started['id']}/comments", json={"body": "The electricity meter is in the cellar."})
    yield started


def _administer(mara: Api) -> None:
    mara.call("POST", "/groups", json={"name": "Letting", "member_ids": [mara.member("mara"), mara.member("tom")]})
    mara.call("POST", "/invitations", json={"email": "nina@example.com", "role": "editor", "days": 14})
    mara.call("POST", "/tokens", json={"name": "Nightly backup", "scopes": ["read"]})


def _link(mara: Api, shares: Path) -> tuple[str, str]:
    """A link with a conflict and one whose place is gone; the first one's id and that of the document in conflict."""
    papers, scans = shares / "Nordwind" / "Contracts 2026", shares / "Scans"
    for folder, name, content in ((papers, "Rental agreement.txt", b"as agreed\n"), (scans, "Scan 1.txt", b"a scan\n")):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
    (papers / "Annexes").mkdir()
    (papers / "Annexes" / "House rules.txt").write_bytes(b"no noise after ten\n")

    def made(name: str, path: Path, items: int) -> Any:
        folder = mara.call("POST", "/folders", json={"name": name})["id"]
        place = {"kind": "folder", "path": str(path)}
        link = mara.call(
            "POST", "/links", json={"name": f"{name} (network share)", "folder_id": folder, "place": place}
        )
        mara.becomes(f"/links/{link['id']}", items=items, waiting=0)
        return link

    link, gone = made("Nordwind papers", papers, 3), made("Scanner", scans, 1)
    (scans / "Scan 1.txt").unlink()
    scans.rmdir()
    documents = mara.call("GET", "/documents", params={"folder_id": link["folder_id"]})["items"]
    torn = next(each for each in documents if each["name"] == "Rental agreement.txt")
    mara.call("PATCH", f"/links/{link['id']}", json={"paused": True})
    mara.version(torn, b"as agreed, and the cellar\n", "the cellar as well")
    (papers / "Rental agreement.txt").write_bytes(b"as agreed, and the garage\n")
    mara.call("PATCH", f"/links/{link['id']}", json={"paused": False})
    mara.becomes(f"/links/{link['id']}", conflicts=1)
    mara.call("POST", f"/links/{gone['id']}/run")
    mara.becomes(f"/links/{gone['id']}", trouble="missing")
    return str(link["id"]), str(torn["id"])


def _wizard(kind: str) -> Callable[[Page], None]:
    def ready(page: Page) -> None:
        page.locator("main ul button").nth({"graph": 0, "webdav": 1, "s3": 2, "service": 3, "folder": 4}[kind]).click()
        page.wait_for_timeout(400)

    return ready


def _opened(page: Page) -> None:
    page.locator("#main li [aria-expanded=false]").last.click()
    page.wait_for_timeout(600)


def _press(*keys: str) -> Callable[[Page], None]:
    def ready(page: Page) -> None:
        page.wait_for_timeout(400)
        for key in keys:
            page.keyboard.press(key)
        page.wait_for_timeout(600)

    return ready


def _type(text: str) -> Callable[[Page], None]:
    def ready(page: Page) -> None:
        _press("Control+k")(page)
        page.get_by_role("combobox").fill(text)
        page.wait_for_timeout(800)

    return ready


def screens(filled: Filled) -> list[Screen]:
    """All of them; who signs in nowhere is a guest."""
    lease, notes = filled.lease["id"], filled.notes["id"]
    return [
        Screen("sign-in", "/sign-in", None),
        Screen("forgot", "/forgot", None),
        Screen("setup", "/setup#secret", None),
        Screen("join", "/join#secret", None),
        Screen("reset", "/reset#secret", None),
        Screen("reset-without-link", "/reset", None),
        Screen("home", "/"),
        Screen("documents", "/documents"),
        Screen("folder", f"/documents?folder={filled.folder}"),
        Screen("document-pdf", f"/documents/{lease}", ready=lambda page: page.wait_for_timeout(2500)),
        Screen("document-markdown", f"/documents/{notes}", ready=lambda page: page.wait_for_timeout(1500)),
        Screen("tasks", "/tasks?assignee=anyone"),
        Screen("tasks-board", "/tasks?view=board"),
        Screen("tasks-none", "/tasks?q=nothinglikeit"),
        Screen("task", f"/tasks?task={filled.tasks[0]['id']}", ready=lambda page: page.wait_for_timeout(1200)),
        Screen("search", "/search?q=lease"),
        Screen("search-empty", "/search"),
        Screen("palette", "/people", ready=_press("Control+k")),
        Screen("palette-found", "/people", ready=_type("lease")),
        Screen("keys", "/people", ready=_press("?")),
        Screen("activity", "/activity"),
        Screen("notices", "/notices"),
        Screen("people", "/people"),
        Screen("people-groups", "/people?view=groups"),
        Screen("people-invitations", "/people?view=invitations"),
        Screen("profile", "/profile"),
        Screen("tokens", "/tokens"),
        Screen("settings", "/settings"),
        Screen("settings-viewer", "/settings", "vera"),
        Screen("jobs", "/jobs"),
        Screen("jobs-all", "/jobs?view=all"),
        Screen("integrations", "/integrations"),
        Screen("integrations-viewer", "/integrations", "vera"),
        Screen("webhooks", "/integrations?view=webhooks"),
        Screen("webhook", f"/integrations/webhooks/{filled.webhook}", ready=_opened),
        Screen("link", f"/integrations/{filled.link}"),
        Screen("link-conflicts", f"/integrations/{filled.link}?view=conflicts"),
        Screen("link-plan", f"/integrations/{filled.link}?view=plan"),
        Screen("link-rights", f"/integrations/{filled.link}?view=rights"),
        Screen("link-new", "/integrations/new"),
        Screen("link-new-service", "/integrations/new", ready=_wizard("service")),
        Screen("link-new-graph", "/integrations/new", ready=_wizard("graph")),
        Screen(
            "document-elsewhere",
            f"/documents/{filled.torn}?tab=details",
            ready=lambda page: page.wait_for_timeout(2000),
        ),
        Screen("trash", "/trash"),
        Screen("nowhere", "/people/nobody/here"),
    ]


NAMES = [screen.name for screen in screens(Filled("", "", {"id": ""}, {"id": ""}, [{"id": ""}]))]
