"""A document in the browser: preview, places, versions, comparison, details, lock; nothing in it ever runs."""

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e import papers
from tests.e2e.portal import PHONE, Api, Window

RFC3778 = "http://tools.ietf.org/rfc/rfc3778"


@pytest.fixture
def folder(api: Api, request: pytest.FixtureRequest) -> str:
    """A folder of this test's own."""
    return str(api.call("POST", "/folders", json={"name": f"{request.node.name} {uuid4().hex[:6]}"})["id"])


@pytest.fixture
def lease(api: Api, folder: str) -> Any:
    """A PDF of five pages."""
    return api.add("Lease Main St.pdf", papers.lease(900, "twelve months"), folder_id=folder, comment="first draft")


@pytest.fixture
def toms(base: str) -> Iterator[Api]:
    """Tom's own hands on the API."""
    api = Api(base, "tom@example.com")
    yield api
    api.client.close()


def place(page: int, box: str = "72,100,300,30") -> dict[str, str]:
    """A place as a task's target."""
    return {"type": "FragmentSelector", "conformsTo": RFC3778, "value": f"page={page}&viewrect={box}"}


def drawn(page: Page, number: int = 1) -> Locator:
    """The picture of a page, once it is drawn."""
    picture = page.get_by_role("img", name=f"Page {number}", exact=True)
    expect(picture.locator("canvas")).to_be_visible()
    return picture


def words(page: Page, number: int = 1) -> Locator:
    """The layer of text of a page."""
    return page.locator(f'.textLayer[data-page="{number}"]')


def select(page: Page, text: str, within: str = ".textLayer") -> None:
    """Select a text by a script, as a pointer would."""
    found = page.evaluate(
        """([text, within]) => {
          for (const root of document.querySelectorAll(within)) {
            const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
            for (let node = walker.nextNode(); node; node = walker.nextNode()) {
              const at = node.nodeValue.indexOf(text)
              if (at < 0) continue
              const range = document.createRange()
              range.setStart(node, at)
              range.setEnd(node, at + text.length)
              const selection = document.getSelection()
              selection.removeAllRanges()
              selection.addRange(range)
              return true
            }
          }
          return false
        }""",
        [text, within],
    )
    assert found, text


def add_version(page: Page, name: str, content: bytes, comment: str) -> None:
    """Choose a file for a new version and say what changed."""
    page.locator("input[data-new-version]").set_input_files({"name": name, "mimeType": "", "buffer": content})
    dialog = page.get_by_role("dialog", name="New version")
    dialog.get_by_label("What changed").fill(comment)
    dialog.get_by_role("button", name="Add version").click()


class TestPdf:
    def test_pages_and_zoom(self, mara: Window, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        tools = page.get_by_role("toolbar", name="Tools of the preview")
        expect(tools.get_by_text("/ 5")).to_be_visible()
        tools.get_by_role("button", name="Next page").click()
        expect(tools.get_by_label("Page", exact=True)).to_have_value("2")
        drawn(page, 2)
        tools.get_by_label("Page", exact=True).fill("5")
        page.keyboard.press("Enter")
        drawn(page, 5)
        expect(page).to_have_url(re.compile(r"[?&]page=5"))
        assert page.get_by_role("img", name="Page 1", exact=True).count() == 0, "only pages near the view are there"
        before = words(page, 5).bounding_box()
        tools.get_by_role("button", name="Larger").click()
        expect(tools.get_by_label(re.compile("Zoom"))).not_to_have_text("")
        page.wait_for_function(
            "width => document.querySelector('.textLayer[data-page=\"5\"]').getBoundingClientRect().width > width",
            arg=before and before["width"],
        )
        expect(tools.get_by_label("Page", exact=True)).to_have_value("5")
        page.reload()
        drawn(page, 5)

    def test_zooms_by_the_wheel(self, mara: Window, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        words(page).hover()
        shown = page.get_by_label(re.compile("Zoom"))
        before = shown.inner_text()
        page.keyboard.down("Control")
        page.mouse.wheel(0, -300)
        page.keyboard.up("Control")
        expect(shown).not_to_have_text(before)

    def test_text_can_be_selected(self, mara: Window, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        line = words(page).get_by_text("The rent is 900 euros")
        box = line.bounding_box()
        assert box
        page.mouse.move(box["x"] + 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2, steps=8)
        page.mouse.up()
        assert "rent is 900 euros a month" in page.evaluate("getSelection().toString()")
        expect(page.get_by_role("button", name="Make a task here")).to_be_visible()

    def test_broken_says_so_and_offers_the_file(self, mara: Window, api: Api, folder: str) -> None:
        torn = papers.lease(1, "x")[:900].replace(b"obj", b"odd")
        document = api.add("torn.pdf", torn, folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_text("This file cannot be shown")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name=re.compile(r"Download \(")).click()
        assert download.value.path().read_bytes() == torn

    def test_text_of_far_pages_needs_no_whole_file(self, mara: Window, api: Api, folder: str) -> None:
        large = papers.lease(900, "twelve months", pages=700)
        document = api.add("large.pdf", large, folder_id=folder)
        asked: list[str] = []
        mara.page.on("request", lambda request: asked.append(request.headers.get("range", "")))
        page = mara.open(f"/documents/{document['id']}?page=600")
        drawn(page, 600)
        assert any(each.startswith("bytes=") for each in asked), "by ranges"


class TestPlaces:
    def test_task_on_selected_text(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}?page=3")
        expect(words(page, 3).get_by_text("twelve months")).to_be_attached()
        select(page, "a term of twelve months")
        page.get_by_role("button", name="Make a task here").click()
        page.get_by_label("What is to be done").fill("Check clause 7")
        page.get_by_role("button", name="Add task").click()
        marker = page.get_by_role("button", name="Task 1: Check clause 7")
        expect(marker).to_be_visible()
        [task] = api.call("GET", f"/documents/{lease['id']}/tasks")["items"]
        assert task["version"] == 1
        assert task["target"]["refinedBy"]["exact"] == "a term of twelve months"
        found = re.fullmatch(r"page=3&viewrect=([\d.]+),([\d.]+),([\d.]+),([\d.]+)", task["target"]["value"])
        assert found
        left, top, width, height = (float(each) for each in found.groups())
        assert 72 < left < 300, "in points, from the left"
        assert 90 < top < 130, "from the top"
        assert 50 < width < 300
        assert 5 < height < 30

    def test_box_by_mouse(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        box = drawn(page).bounding_box()
        assert box
        page.get_by_role("button", name="Mark a place").click()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 200)
        page.mouse.down()
        page.mouse.move(box["x"] + box["width"] * 0.75, box["y"] + 260, steps=5)
        page.mouse.up()
        page.get_by_label("What is to be done").fill("Look here")
        page.get_by_role("button", name="Add task").click()
        expect(page.get_by_role("button", name="Task 1: Look here")).to_be_visible()
        [task] = api.call("GET", f"/documents/{lease['id']}/tasks")["items"]
        left, _, width, _ = (float(each) for each in task["target"]["value"].split("=")[-1].split(","))
        assert abs(left - papers.WIDTH / 2) < 3
        assert abs(width - papers.WIDTH / 4) < 3

    def test_box_by_keyboard(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        page.keyboard.press("m")
        expect(page.get_by_role("button", name=re.compile("Box on page 1"))).to_be_focused()
        for key in ("ArrowDown", "ArrowDown", "Shift+ArrowRight", "Enter"):
            page.keyboard.press(key)
        page.get_by_label("What is to be done").fill("By keys")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Task 1: By keys")).to_be_visible()
        [task] = api.call("GET", f"/documents/{lease['id']}/tasks")["items"]
        assert task["target"]["value"].startswith("page=1&viewrect=148.75,")

    def test_marker_and_task_show_each_other(self, mara: Window, api: Api, lease: Any) -> None:
        api.task(lease, "First", target=place(1))
        api.task(lease, "Second", target=place(4))
        page = mara.open(f"/documents/{lease['id']}")
        panel = page.get_by_role("complementary", name="Tasks, versions")
        panel.get_by_role("button", name="Second").click()
        marker = page.get_by_role("button", name="Task 2: Second")
        expect(marker).to_be_visible()
        expect(marker).to_have_attribute("aria-pressed", "true")
        expect(panel.get_by_role("button", name="Mark as done")).to_be_visible()
        panel.get_by_role("button", name="All tasks").click()
        page.get_by_label("Page", exact=True).fill("1")
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Task 1: First").click()
        expect(panel.get_by_label("What is to be done")).to_have_value("First")
        page.go_back()
        expect(panel.get_by_role("button", name="Second")).to_be_visible()

    def test_on_a_newer_version(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Check clause 7", target=place(3))
        page = mara.open(f"/documents/{lease['id']}?page=3")
        expect(page.get_by_role("button", name="Task 1: Check clause 7")).to_be_visible()
        add_version(page, "lease.pdf", papers.lease(950, "two years"), "after the call")
        expect(page.get_by_text("on v1 · now v2").first).to_be_visible()
        expect(page.get_by_role("button", name="Task 1: Check clause 7")).to_have_count(0)
        page.get_by_role("link", name="Look at it on v1").click()
        expect(page.get_by_role("button", name="Task 1: Check clause 7")).to_be_visible()
        expect(page.get_by_text("You are looking at v1; the newest is v2.")).to_be_visible()
        page.get_by_role("button", name="All tasks").click()
        page.get_by_role("button", name="Show v2").click()
        page.get_by_role("complementary").get_by_role("button", name="Carry over").first.click()
        expect(page.get_by_role("button", name="Task 1: Check clause 7")).to_be_visible()
        api.becomes(f"/tasks/{task['id']}", version=2)

    def test_on_an_image(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("plan.png", papers.png(640, 400), folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        image = page.get_by_role("img", name="plan.png")
        expect(page.get_by_role("button", name="Mark a place")).to_be_visible()
        box = image.bounding_box()
        assert box
        page.get_by_role("button", name="Mark a place").click()
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 110, box["y"] + 60, steps=4)
        page.mouse.up()
        page.get_by_label("What is to be done").fill("The corner")
        page.get_by_role("button", name="Add task").click()
        expect(page.get_by_role("button", name="Task 1: The corner")).to_be_visible()
        [task] = api.call("GET", f"/documents/{document['id']}/tasks")["items"]
        scale = 640 / box["width"]
        numbers = [float(each) for each in task["target"]["value"].split("=")[-1].split(",")]
        assert numbers == pytest.approx([10 * scale, 10 * scale, 100 * scale, 50 * scale], abs=2)

    def test_on_a_text(self, mara: Window, api: Api, folder: str) -> None:
        text = "The rent is due.\nThe deposit is due.\nThe rent is due, always.\n"
        document = api.add("notes.txt", text.encode(), folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_text("The deposit is due.")).to_be_visible()
        select(page, "deposit", "pre")
        page.keyboard.press("n")
        page.get_by_label("What is to be done").fill("How much")
        page.get_by_role("button", name="Add task").click()
        expect(page.get_by_role("button", name="Task 1: How much")).to_be_visible()
        [task] = api.call("GET", f"/documents/{document['id']}/tasks")["items"]
        assert task["target"]["exact"] == "deposit"
        assert task["target"]["prefix"].endswith("\nThe ")


class TestVersions:
    def test_new_version_restore_and_download(self, mara: Window, api: Api, lease: Any) -> None:
        second = papers.lease(950, "two years")
        page = mara.open(f"/documents/{lease['id']}?tab=versions")
        add_version(page, "signed.pdf", second, "signed")
        row = page.locator('[data-version="2"]')
        expect(row.get_by_text("signed", exact=True)).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download v2").click()
        assert download.value.path().read_bytes() == second
        page.get_by_role("button", name="Actions for v1").click()
        page.get_by_role("menuitem", name="Restore").click()
        expect(page.locator('[data-version="3"]').get_by_text("from v1")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Download v3").click()
        assert download.value.path().read_bytes() == papers.lease(900, "twelve months")

    def test_looks_at_an_old_one_and_downloads_it(self, mara: Window, api: Api, lease: Any) -> None:
        api.version(lease, papers.lease(950, "two years"), "second")
        page = mara.open(f"/documents/{lease['id']}")
        page.get_by_role("button", name="Version 2 of 2. Choose another").click()
        page.get_by_role("menuitemcheckbox", name=re.compile("first draft")).click()
        expect(page).to_have_url(re.compile(r"v=1"))
        expect(words(page).get_by_text("900 euros")).to_be_attached()
        page.get_by_role("button", name="Download which version").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Download v1").click()
        assert download.value.path().read_bytes() == papers.lease(900, "twelve months")

    def test_somebody_elses_is_told_and_not_pushed(self, mara: Window, toms: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        page.keyboard.press("n")
        page.get_by_label("What is to be done").fill("Half a thou")
        toms.version(lease, papers.lease(950, "two years"), "by Tom")
        news = page.get_by_text("v2 was added by Tom Berg")
        expect(news).to_be_visible(timeout=20_000)
        expect(page.get_by_label("What is to be done")).to_have_value("Half a thou")
        expect(words(page).get_by_text("900 euros")).to_be_attached()
        page.get_by_role("button", name="Show v2").click()
        expect(words(page).get_by_text("950 euros")).to_be_attached()
        expect(page.get_by_label("What is to be done")).to_have_value("Half a thou")
        expect(news).to_have_count(0)

    def test_new_one_while_somebody_adds_another(self, mara: Window, toms: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        content = papers.lease(1000, "ten years")
        page.locator("input[data-new-version]").set_input_files({"name": "x.pdf", "mimeType": "", "buffer": content})
        dialog = page.get_by_role("dialog", name="New version")
        toms.version(lease, papers.lease(950, "two years"), "by Tom")
        expect(dialog.get_by_text("Tom Berg added v2 in the meantime")).to_be_visible(timeout=20_000)
        dialog.get_by_role("button", name="Add as v3").click()
        expect(words(page).get_by_text("1000 euros")).to_be_attached()

    def test_compare_texts_of_pdfs(self, mara: Window, api: Api, lease: Any) -> None:
        api.version(lease, papers.lease(950, "two years"), "second")
        page = mara.open(f"/documents/{lease['id']}?tab=versions")
        page.get_by_role("button", name="Actions for v1").click()
        page.get_by_role("menuitem", name="Compare with the newest, v2").click()
        expect(page.get_by_role("button", name="2 changes")).to_be_visible()
        expect(page.locator("del", has_text="900")).to_be_visible()
        expect(page.locator("ins", has_text="950")).to_be_visible()
        page.keyboard.press("n")
        expect(page.get_by_text("1 of 2")).to_be_visible()
        page.keyboard.press("n")
        expect(page.get_by_text("2 of 2")).to_be_visible()
        expect(page.locator("ins", has_text="two")).to_be_in_viewport()
        page.keyboard.press("p")
        expect(page.get_by_text("1 of 2")).to_be_visible()
        page.get_by_role("button", name="Pages", exact=True).click()
        expect(page.get_by_role("button", name="2 pages changed")).to_be_visible()
        expect(page.get_by_role("img", name="Page 1", exact=True).locator("canvas")).to_have_count(2)
        page.keyboard.press("n")
        page.keyboard.press("n")
        expect(page.get_by_text("v2, Page 3")).to_be_in_viewport()
        page.keyboard.press("Escape")
        expect(page).not_to_have_url(re.compile("compare"))

    def test_compare_texts_and_images(self, mara: Window, api: Api, folder: str) -> None:
        notes = api.add("notes.md", b"# Notes\n\nThe rent is 900.\n", folder_id=folder)
        api.version(notes, b"# Notes\n\nThe rent is 950.\n")
        page = mara.open(f"/documents/{notes['id']}?compare=1..2")
        expect(page.get_by_role("button", name="1 change")).to_be_visible()
        plan = api.add("plan.png", papers.png(), folder_id=folder)
        api.version(plan, papers.png(colour="#aa2211"))
        page = mara.open(f"/documents/{plan['id']}?compare=1..2")
        expect(page.get_by_role("img", name=re.compile("Image of v"))).to_have_count(2)

    def test_compare_what_cannot_be(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("data.bin", b"\x00\x01\x02\xff" * 9, folder_id=folder)
        api.version(document, b"\x00\x01\x02\xfe" * 9)
        page = mara.open(f"/documents/{document['id']}?compare=1..2")
        expect(page.get_by_text("These two cannot be compared here")).to_be_visible()


SCRIPTS = b"""# Title

<script>window.ran = 'script'</script>
<img src=x onerror="window.ran = 'onerror'">
<svg onload="window.ran = 'svg'"></svg>
<a href="javascript:window.ran = 'link'">link</a>
<iframe srcdoc="<script>parent.ran = 'frame'</script>"></iframe>

![a picture](https://elsewhere.example/p.png)
[outside](https://elsewhere.example/) **bold**

<style>body { display: none }</style>
<form action="/x"><input name=q></form>
"""
SVG = b"""<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100" onload="window.top.ran = 'svg'">
<script>window.top.ran = 'svg script'</script><rect width="200" height="100" fill="#305a9f"/></svg>"""


class TestContentNeverRuns:
    def test_markdown(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("evil.md", SCRIPTS, folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        shown = page.locator(".markdown")
        expect(shown.get_by_role("heading", name="Title")).to_be_visible()
        expect(shown.locator("script, img, svg, iframe, style, form, input, [onerror], [onload]")).to_have_count(0)
        expect(shown.get_by_text("a picture")).to_be_visible()
        outside = shown.get_by_role("link", name="outside")
        expect(outside).to_have_attribute("rel", "noopener noreferrer nofollow")
        expect(shown.locator('a[href^="javascript"]')).to_have_count(0)
        assert page.evaluate("window.ran") is None
        page.get_by_role("button", name="Show as text").click()
        expect(page.locator("pre").get_by_text("onerror")).to_be_visible()
        assert page.evaluate("window.ran") is None

    def test_svg(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("evil.svg", SVG, folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        image = page.get_by_role("img", name="evil.svg")
        expect(image).to_be_visible()
        page.wait_for_function("document.querySelector('img[alt=\"evil.svg\"]').naturalWidth === 200")
        assert page.evaluate("window.ran") is None

    def test_html_is_text(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("evil.html", b"<h1>Hello</h1><script>window.ran = 1</script>", folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.locator("pre").get_by_text("<h1>Hello</h1>")).to_be_visible()
        assert page.evaluate("window.ran") is None

    def test_names_are_text(self, mara: Window, api: Api, folder: str) -> None:
        name = "<img src=x onerror=alert(1)>.txt"
        document = api.add(name, b"text", folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_role("heading", name=name)).to_be_visible()


class TestOtherKinds:
    def test_csv_is_a_table(self, mara: Window, api: Api, folder: str) -> None:
        rows = "".join(f'{n},"Name, {n}",{n * 10}\n' for n in range(1, 2501))
        document = api.add("list.csv", f"no,name,sum\n{rows}".encode(), folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_role("columnheader", name="name")).to_be_visible()
        expect(page.get_by_role("cell", name="Name, 7", exact=True)).to_be_visible()
        expect(page.get_by_role("row")).to_have_count(1001)
        page.get_by_role("button", name="Show 1,000 more rows").click()
        expect(page.get_by_role("row")).to_have_count(2001)
        page.get_by_role("button", name="Show as text").click()
        expect(page.locator("pre")).to_be_visible()

    def test_long_text_shows_its_beginning(self, mara: Window, api: Api, folder: str) -> None:
        text = "".join(f"line {n} of a long log\n" for n in range(120_000)).encode()
        document = api.add("long.log", text, folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_text("This is the beginning of a long text")).to_be_visible()
        expect(page.get_by_text("line 7 of a long log")).to_be_visible()

    @pytest.mark.parametrize("name", ["notes.md", "notes.txt"])
    def test_lines_end_where_a_phone_does(
        self, windows: Callable[..., Window], base: str, api: Api, folder: str, name: str
    ) -> None:
        document = api.add(name, b"The keys are handed over on Monday. " * 20, folder_id=folder)
        page = (
            windows(base, viewport=PHONE, has_touch=True, is_mobile=True)
            .sign_in("mara")
            .open(f"/documents/{document['id']}")
        )
        expect(page.get_by_text("The keys are handed over").first).to_be_visible()
        assert page.get_by_role("region", name="Preview").evaluate("view => view.scrollWidth - view.clientWidth") == 0

    def test_old_encodings(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("alt.txt", "Grüße aus Köln".encode("cp1252"), folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_text("Grüße aus Köln")).to_be_visible()

    def test_unknown_offers_the_download(self, mara: Window, api: Api, folder: str) -> None:
        document = api.add("data.bin", b"\x00\x01\x02\xff" * 9, folder_id=folder)
        page = mara.open(f"/documents/{document['id']}")
        expect(page.get_by_text("There is no preview of this kind of file")).to_be_visible()
        expect(page.get_by_role("link", name=re.compile(r"Download \("))).to_be_visible()


class TestDetails:
    def test_rename_in_place(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        expect(page.get_by_role("heading", name=lease["name"])).to_be_visible()
        page.keyboard.press("F2")
        box = page.get_by_label("Name", exact=True)
        assert box.evaluate("each => each.value.slice(each.selectionStart, each.selectionEnd)") == "Lease Main St"
        box.fill("Lease signed.pdf")
        box.press("Enter")
        expect(page.get_by_role("heading", name="Lease signed.pdf")).to_be_visible()
        expect(page).to_have_title(re.compile("Lease signed.pdf"))
        api.becomes(f"/documents/{lease['id']}", name="Lease signed.pdf")

    def test_refused_name_is_rolled_back_and_kept_for_another_try(
        self, mara: Window, api: Api, lease: Any, folder: str
    ) -> None:
        api.add("taken.pdf", b"x", folder_id=folder)
        page = mara.open(f"/documents/{lease['id']}")
        expect(page.get_by_role("heading", name="Lease Main St.pdf")).to_be_visible()
        page.keyboard.press("F2")
        page.get_by_label("Name", exact=True).fill("taken.pdf")
        page.keyboard.press("Enter")
        expect(page.get_by_text("This name exists here already.").first).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_value("taken.pdf")
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Lease Main St.pdf")).to_be_visible()

    def test_tags_and_description(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}?tab=details")
        tags = page.get_by_role("complementary").get_by_role("combobox", name="Tags")
        tags.fill("contract")
        tags.press("Enter")
        page.get_by_role("button", name="Add a description").click()
        page.get_by_role("textbox", name="Description").fill("For the rooms on the second floor")
        page.reload()
        expect(page.get_by_role("textbox", name="Description")).to_have_value("For the rooms on the second floor")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="For the rooms on the second floor")).to_be_visible()
        api.becomes(f"/documents/{lease['id']}", tags=["contract"], description="For the rooms on the second floor")

    @pytest.mark.parametrize("choice", ["Keep mine", "Take theirs"])
    def test_two_editors_of_the_description(self, mara: Window, toms: Api, api: Api, lease: Any, choice: str) -> None:
        page = mara.open(f"/documents/{lease['id']}?tab=details")
        page.get_by_role("button", name="Add a description").click()
        box = page.get_by_role("textbox", name="Description")
        box.fill("what Mara says")
        path = f"/documents/{lease['id']}"
        toms.call("PATCH", path, json={"description": "what Tom says"})
        page.get_by_role("button", name="Save").click()
        dialog = page.get_by_role("dialog", name="Somebody else changed this in the meantime")
        expect(dialog.get_by_text("what Mara says")).to_be_visible()
        expect(dialog.get_by_text("what Tom says")).to_be_visible()
        assert mara.axe() == []
        page.keyboard.press("Escape")
        expect(box).to_have_value("what Mara says")
        page.get_by_role("button", name="Save").click()
        dialog.get_by_role("button", name=choice).click()
        holds = "what Mara says" if choice == "Keep mine" else "what Tom says"
        expect(page.get_by_role("button", name=holds)).to_be_visible()
        api.becomes(path, description=holds)

    def test_a_change_of_something_else_is_no_conflict(self, mara: Window, toms: Api, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}?tab=details")
        page.get_by_role("button", name="Add a description").click()
        page.get_by_role("textbox", name="Description").fill("mine")
        toms.call("PATCH", f"/documents/{lease['id']}", json={"tags": ["his"]})
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("button", name="mine", exact=True)).to_be_visible()
        api.becomes(f"/documents/{lease['id']}", tags=["his"], description="mine")

    def test_move_and_back(self, mara: Window, api: Api, lease: Any, folder: str) -> None:
        other = api.call("POST", "/folders", json={"name": "Archive", "parent_id": folder})
        page = mara.open(f"/documents/{lease['id']}")
        page.get_by_role("button", name="More actions").first.click()
        page.get_by_role("menuitem", name="Move", exact=True).click()
        dialog = page.get_by_role("dialog", name="Move")
        here = dialog.get_by_role("treeitem", selected=True)
        expect(here).to_be_visible()
        here.press("ArrowRight")
        dialog.get_by_role("treeitem", name="Archive").click()
        dialog.get_by_role("button", name="Move here").click()
        expect(page.get_by_role("link", name="Archive")).to_be_visible()
        api.becomes(f"/documents/{lease['id']}", folder_id=other["id"])
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="Archive")).to_have_count(0)
        api.becomes(f"/documents/{lease['id']}", folder_id=folder)

    def test_trash_and_undo(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        page.get_by_role("button", name="More actions").first.click()
        page.get_by_role("menuitem", name="Move to trash").click()
        expect(page).to_have_url(re.compile("/documents\\?folder="))
        page.get_by_role("button", name="Undo").click()
        api.becomes(f"/documents/{lease['id']}", trashed_at=None)

    def test_in_the_trash(self, mara: Window, api: Api, lease: Any) -> None:
        api.call("DELETE", f"/documents/{lease['id']}")
        page = mara.open(f"/documents/{lease['id']}")
        expect(page.get_by_text("This document is in the trash.")).to_be_visible()
        expect(page.get_by_role("button", name="New version")).to_have_count(0)
        page.get_by_role("button", name="Restore", exact=True).click()
        expect(page.get_by_role("button", name="New version")).to_be_visible()


class TestLock:
    def test_lock_and_take_over(self, mara: Window, tom: Window, lease: Any) -> None:
        page, his = mara.open(f"/documents/{lease['id']}"), tom.open(f"/documents/{lease['id']}")
        his.get_by_role("button", name="Lock", exact=True).click()
        expect(his.get_by_role("button", name=re.compile("Locked by you until"))).to_be_visible()
        held = page.get_by_role("button", name=re.compile("Tom Berg until"))
        expect(held).to_be_visible(timeout=20_000)
        held.click()
        page.get_by_role("menuitem", name="Take over the lock of Tom Berg").click()
        mine = page.get_by_role("button", name=re.compile("Locked by you until"))
        expect(mine).to_be_visible()
        mine.click()
        page.get_by_role("menuitem", name="Unlock").click()
        expect(page.get_by_role("button", name="Lock", exact=True)).to_be_visible()

    def test_viewers_change_nothing(self, windows: Callable[..., Window], base: str, lease: Any) -> None:
        page = windows(base).sign_in("vera").open(f"/documents/{lease['id']}")
        drawn(page)
        for name in ("New version", "Lock", "Mark a place", "Add a task"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
        expect(page.get_by_role("link", name="Download v1")).to_be_visible()


class TestElsewhere:
    def test_missing(self, mara: Window) -> None:
        page = mara.open("/documents/0198c0de-3333-7000-8000-00000000dead")
        expect(page.get_by_text("This is not here, or not for you")).to_be_visible()
        assert mara.axe() == []

    def test_axe(self, windows: Callable[..., Window], base: str, api: Api, lease: Any) -> None:
        task = api.task(lease, "Check clause 7", target=place(1), priority="high")
        api.version(lease, papers.lease(950, "two years"), "second")
        api.task(lease, "Is it right?", target=place(1))
        path = f"/documents/{lease['id']}"
        window = windows(base).sign_in("mara")
        for query in ("", "?v=1", "?tab=versions", "?tab=activity", "?tab=details", f"?task={task['id']}"):
            page = window.open(path + query)
            drawn(page)
            page.wait_for_timeout(400)
            assert window.axe_both() == [], query
        window.page.keyboard.press("m")
        assert window.axe_both() == [], "marking"
        page = window.open(f"{path}?compare=1..2")
        expect(page.locator("ins").first).to_be_visible()
        assert window.axe_both() == [], "text compared"
        page.get_by_role("button", name="Pages", exact=True).click()
        expect(page.get_by_role("img", name="Page 1", exact=True).locator("canvas")).to_have_count(2)
        assert window.axe_both() == [], "pages compared"

    def test_phone(self, windows: Callable[..., Window], base: str, api: Api, lease: Any) -> None:
        api.task(lease, "Check clause 7", target=place(1))
        window = windows(base, viewport=PHONE, has_touch=True, is_mobile=True).sign_in("mara")
        page = window.open(f"/documents/{lease['id']}")
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.get_by_role("toolbar").evaluate("bar => bar.scrollWidth - bar.clientWidth") == 0
        assert window.axe() == []
        page.get_by_role("button", name="Task 1: Check clause 7").tap()
        sheet = page.get_by_role("dialog")
        expect(sheet.get_by_label("What is to be done")).to_have_value("Check clause 7")
        page.wait_for_timeout(400)
        assert window.axe() == []
        page.keyboard.press("Escape")
        page.get_by_role("navigation", name="Tasks, versions").get_by_role("button", name="Versions").tap()
        expect(sheet.get_by_text("first draft")).to_be_visible()

    def test_german(self, windows: Callable[..., Window], base: str, lease: Any) -> None:
        page = windows(base, locale="de-DE").sign_in("mara").open(f"/documents/{lease['id']}?tab=versions")
        drawn_de = page.get_by_role("img", name="Seite 1", exact=True).locator("canvas")
        expect(drawn_de).to_be_visible()
        expect(page.get_by_role("button", name="Neue Version")).to_be_visible()
        expect(page.get_by_role("tab", name="Versionen")).to_be_visible()

    def test_keyboard_alone(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        # From the start: a browser that is told only now may show its own dialog to a key that follows at once.
        page.on("filechooser", lambda _: None)
        drawn(page)
        page.keyboard.press("j")
        expect(page.get_by_label("Page", exact=True)).to_have_value("2")
        expect(page).to_have_url(re.compile("page=2"))
        page.keyboard.press("k")
        expect(page).not_to_have_url(re.compile("page="))
        page.keyboard.press("n")
        expect(page.get_by_label("What is to be done")).to_be_focused()
        page.keyboard.type("By keys alone")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="By keys alone")).to_be_visible()
        with page.expect_file_chooser():
            page.keyboard.press("v")
        page.keyboard.press("Escape")
        expect(page).to_have_url(re.compile("/documents\\?folder="))

    def test_leaving_while_the_page_number_is_still_to_be_noted(self, mara: Window, lease: Any) -> None:
        page = mara.open(f"/documents/{lease['id']}")
        drawn(page)
        page.keyboard.press("j")
        # A moment before the address takes the number of the page.
        page.wait_for_timeout(370)
        page.keyboard.press("Escape")
        expect(page).to_have_url(re.compile("/documents\\?folder="))
        page.wait_for_timeout(600)
        assert "page=" not in page.url
