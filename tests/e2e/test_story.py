"""The main job from beginning to end, by two people in two browser windows, on a program that nobody has set up yet."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e import portal
from tests.e2e.papers import lease
from tests.e2e.portal import PASSWORD, Window
from tests.stack import PRODUCTION
from tests.trust.server import Nursery, Template

FILES = 30


@dataclass(frozen=True)
class Fresh:
    """A program that nobody has set up: its address, and the link that it printed."""

    url: str
    link: str


@pytest.fixture
def fresh(request: pytest.FixtureRequest, nursery: Nursery, tmp_path: Path) -> Iterator[Fresh]:
    """A program on an empty folder, or the production stack with nothing in it."""
    if request.param == PRODUCTION:
        with portal.production_stack() as stack:
            yield Fresh(stack.url, stack.first_sign_in)
        return
    (tmp_path / "nothing").mkdir()
    server = portal.serve(Template(tmp_path / "nothing", "", nursery), tmp_path)
    link = re.search(r"First sign-in: open (\S+)", (server.data.parent / f"{server.data.name}.out").read_text())
    assert link
    yield Fresh(portal.address(server), link[1])
    server.kill()


def papers(folder: Path) -> dict[str, bytes]:
    """A folder of 30 files in two folders below it, among them a lease of five pages."""
    made = {f"plans/note {n:02d}.txt": f"Note {n}, on the move.\n".encode() * 20 for n in range(FILES - 1)}
    made["contracts/lease.pdf"] = lease(1200, "three years")
    for name, content in made.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return made


def set_up(page: Page, link: str) -> None:
    """Follow the link that the program printed."""
    page.goto(link)
    for label, text in {
        "Workspace": "Acme",
        "Your name": "Mara Lind",
        "E-mail": "mara@example.com",
        "Password": PASSWORD,
    }.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Set up").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def invite(page: Page) -> str:
    """Ask Tom to come; the link."""
    page.goto("/people")
    page.get_by_role("button", name="Invite").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("E-mail").fill("tom@example.com")
    dialog.get_by_role("radio", name="Editor").click()
    dialog.get_by_role("button", name="Make the link").click()
    return dialog.get_by_role("textbox", name="Invitation link").input_value()


def join(page: Page, link: str) -> None:
    """Follow the invitation and sign in. The program was told no address of its own, so only the end of the link is good."""
    page.goto("/join" + link.partition("/join")[2])
    page.get_by_label("Your name").fill("Tom Berg")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill("tom@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("navigation", name="Main")).to_be_visible()


def add_folder(page: Page, folder: Path) -> None:
    """Add a whole folder and wait until all of it is there."""
    page.goto("/documents")
    page.locator("input[data-pick=folder]").set_input_files(folder)
    expect(page.get_by_text(f"{FILES} files added").first).to_be_visible(timeout=60_000)


def open_lease(page: Page) -> None:
    """Find the lease by its folder and open it."""
    page.goto("/documents")
    page.get_by_role("grid").get_by_text("papers").dblclick()
    page.get_by_role("grid").get_by_text("contracts").dblclick()
    page.get_by_role("grid").get_by_text("lease.pdf").dblclick()
    expect(page.get_by_text("The rent is 1200 euros").first).to_be_visible(timeout=30_000)


@pytest.mark.timeout(300)
class TestStory:
    def test_from_an_empty_folder_to_a_done_task(
        self, fresh: Fresh, windows: Callable[..., Window], tmp_path: Path
    ) -> None:
        base = fresh.url
        folder = tmp_path / "papers"
        sent = papers(folder)
        mara, tom = windows(base), windows(base)
        set_up(mara.page, fresh.link)
        join(tom.page, invite(mara.page))
        add_folder(mara.page, folder)
        open_lease(mara.page)
        address = mara.page.url.split("?")[0]
        self.second_version(mara.page, tmp_path)
        tom.page.goto("/tasks")
        self.task_on_a_page(mara.page)
        self.task_is_done(tom.page, mara.page, address)
        self.bytes_are_the_same(mara.page, address, sent, tmp_path)

    def second_version(self, page: Page, tmp_path: Path) -> None:
        newer = tmp_path / "lease.pdf"
        newer.write_bytes(lease(1350, "five years"))
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="New version").first.click()
        chooser.value.set_files(newer)
        page.get_by_label("What changed").fill("as agreed")
        page.get_by_role("button", name="Add version").click()
        expect(page.get_by_text("The rent is 1350 euros").first).to_be_visible(timeout=30_000)
        page.get_by_role("tab", name="Versions").click()
        page.get_by_role("button", name="Actions for v1").click()
        page.get_by_role("menuitem", name="Compare with the newest, v2").click()
        expect(page.get_by_text("1350").first).to_be_visible()
        expect(page.get_by_text("1200").first).to_be_visible()
        page.keyboard.press("n")
        expect(page.get_by_role("status").filter(has_text="1 of 2")).to_be_visible()
        page.get_by_role("link", name="End comparison").or_(page.get_by_role("button", name="End comparison")).click()

    def task_on_a_page(self, page: Page) -> None:
        page.get_by_role("tab", name="Tasks").click()
        page.get_by_role("button", name="Mark a place").click()
        paper = page.locator("[data-page='1']").first
        box = paper.bounding_box()
        assert box
        page.mouse.move(box["x"] + 60, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 300, box["y"] + 120, steps=5)
        page.mouse.up()
        page.get_by_label("What is to be done").fill("Check the rent")
        page.get_by_role("combobox", name="Assigned to: ").or_(page.get_by_role("button", name="Assigned to: ")).click()
        page.get_by_role("option", name="Tom Berg").click()
        page.get_by_role("button", name="Add task").click()
        expect(page.get_by_text("Check the rent").first).to_be_visible()

    def task_is_done(self, tom: Page, mara: Page, address: str) -> None:
        expect(tom.get_by_text("Check the rent").first).to_be_visible()  # without a reload
        tom.get_by_text("Check the rent").first.click()
        sheet = tom.get_by_role("dialog")
        sheet.get_by_label("Your comment").fill("It is right now.")
        sheet.get_by_role("button", name="Send").click()
        expect(sheet.get_by_text("It is right now.").first).to_be_visible()
        sheet.get_by_role("button", name="Mark as done").click()
        expect(sheet.get_by_role("button", name="Status: Done")).to_be_visible()
        mara.goto(address)
        expect(mara.get_by_role("button", name="Show 1 that is done")).to_be_visible()

    def bytes_are_the_same(self, page: Page, address: str, sent: dict[str, bytes], tmp_path: Path) -> None:
        page.goto(f"{address}?v=1")
        page.get_by_role("button", name="Download which version").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Download v1").click()
        assert download.value.path().read_bytes() == sent["contracts/lease.pdf"]
        page.goto("/documents")
        page.get_by_role("row", name="papers").get_by_role("checkbox").check()
        with page.expect_download() as download:
            page.get_by_role("toolbar").get_by_role("button", name="Download").click()
        packed = zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes()))
        newest = sent | {"contracts/lease.pdf": (tmp_path / "lease.pdf").read_bytes()}
        assert {name: packed.read(name) for name in packed.namelist() if not name.endswith("/")} == {
            f"papers/{name}": content for name, content in newest.items()
        }
