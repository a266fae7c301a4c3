"""The palette, the keys and the page of results."""

import re
import time
from collections.abc import Callable
from uuid import uuid4

from playwright.sync_api import Page, Route, expect

from tests.e2e.portal import PHONE, Api, Window


def wait_indexed(api: Api, word: str, count: int = 1) -> None:
    """Until the search knows ``count`` documents with the word."""
    for _ in range(300):
        if len(api.call("GET", "/search/documents", params={"q": word, "limit": 50})["items"]) >= count:
            return
        time.sleep(0.1)
    raise AssertionError(f"{word} was never found")


def palette(page: Page) -> Page:
    """Open it by its key."""
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Search documents, tasks, people")).to_be_focused()
    return page


class TestPalette:
    def test_finds_a_document_by_keyboard_alone(self, mara: Window, api: Api) -> None:
        word = f"zebra{uuid4().hex[:6]}"
        document = api.add(f"{word} report.txt", f"The {word} is striped.".encode())
        wait_indexed(api, word)
        page = palette(mara.open("/people"))
        page.keyboard.type(word)
        first = page.get_by_role("option", selected=True)
        expect(first).to_contain_text("report.txt")
        expect(first.locator("mark").first).to_have_text(word)
        expect(page.get_by_role("status").filter(has_text=re.compile("results"))).to_be_attached()
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"/documents/{document['id']}"))
        # And it is there the next time before anything is typed.
        palette(page)
        expect(page.get_by_role("group", name="Opened lately").get_by_role("option")).to_contain_text(
            [f"{word} report.txt"]
        )
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    def test_recent_ones_stay_in_their_workspace(self, mara: Window) -> None:
        page = mara.open("/people")
        key = page.evaluate("Object.keys(localStorage).find(key => key.startsWith('dossier.recent.'))")
        assert key is None or key.startswith("dossier.recent.acme.")

    def test_does_what_is_chosen(self, mara: Window) -> None:
        page = palette(mara.open("/people"))
        page.keyboard.type("dark")
        expect(page.get_by_role("option", selected=True)).to_contain_text("Dark theme")
        page.keyboard.press("Enter")
        expect(page.locator("html")).to_have_class(re.compile("dark"))
        palette(page)
        page.keyboard.type("go tra")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/trash$"))

    def test_an_older_answer_never_comes_over_a_newer_one(self, mara: Window) -> None:
        page = palette(mara.open("/people"))
        held: list[Route] = []
        page.route("**/api/v1/search?q=slow*", lambda route: held.append(route))
        page.keyboard.type("slow")
        page.wait_for_timeout(300)
        page.get_by_role("combobox").fill("tom berg")
        expect(page.get_by_role("option").filter(has_text="Tom Berg")).to_be_visible()
        for route in held:
            route.abort()

    def test_says_when_the_search_fails(self, mara: Window) -> None:
        page = palette(mara.open("/people"))
        page.route("**/api/v1/search?*", lambda route: route.abort())
        page.keyboard.type("lease")
        expect(page.get_by_role("alert")).to_contain_text("did not answer")
        mara.faults.clear()


class TestKeys:
    def test_go_and_show(self, mara: Window) -> None:
        page = mara.open("/people")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("g")
        page.keyboard.press("t")
        expect(page).to_have_url(re.compile("/people"))
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("g")
        page.keyboard.press("t")
        expect(page).to_have_url(re.compile("/tasks"))

    def test_never_while_somebody_types(self, mara: Window) -> None:
        page = mara.open("/profile")
        page.get_by_label("Name", exact=True).focus()
        page.keyboard.type("/?gt")
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page).to_have_url(re.compile("/profile"))

    def test_single_keys_can_be_switched_off(self, mara: Window) -> None:
        page = mara.open("/profile")
        page.get_by_role("switch", name="Keys of a single letter").click()
        page.get_by_role("heading", name="Profile").click()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.keyboard.press("Control+k")
        expect(page.get_by_role("combobox", name="Search documents, tasks, people")).to_be_visible()


class TestResults:
    def test_marks_filters_and_pages(self, mara: Window, api: Api) -> None:
        word = f"quartz{uuid4().hex[:6]}"
        document = api.add(f"{word} first.txt", f"{word} comes first.".encode())
        for number in range(32):
            api.add(f"{word} {number:02}.txt", f"Number {number}: {word} <b>is</b> a mineral.".encode())
        etag = api.client.get(f"/documents/{document['id']}").headers["ETag"]
        api.call("PATCH", f"/documents/{document['id']}", json={"tags": ["stones"]}, headers={"If-Match": etag})
        wait_indexed(api, word, 33)
        page = mara.open("/search")
        page.get_by_role("searchbox", name="Search for").fill(word)
        expect(page).to_have_url(re.compile(f"q={word}"))
        expect(page.get_by_role("status").filter(has_text="The newest 30 documents")).to_be_visible()
        expect(page.locator("main mark").first).to_have_text(word)
        # What stands in a document is text here, never markup.
        expect(page.get_by_text("<b>is</b>").first).to_be_visible()
        page.get_by_role("button", name="Show more").click()
        expect(page.get_by_text("33 documents")).to_be_visible()
        page.get_by_role("button", name="Only with the tag stones").click()
        expect(page.get_by_text("One document", exact=True)).to_be_visible()
        expect(page).to_have_url(re.compile("tag=stones"))
        page.get_by_role("combobox", name="Type").click()
        page.get_by_role("option", name="PDF").click()
        expect(page.get_by_text("Nothing found with these filters")).to_be_visible()
        page.get_by_role("button", name="Clear the filters").click()
        expect(page.get_by_text("The newest 30 documents")).to_be_visible()

    def test_on_a_phone_in_german(self, windows: Callable[..., Window], base: str, api: Api) -> None:
        word = f"opal{uuid4().hex[:6]}"
        api.add(f"{word}.txt", word.encode())
        wait_indexed(api, word)
        window = windows(base, viewport=PHONE, locale="de-DE", has_touch=True).sign_in("tom")
        page = window.open(f"/search?q={word}")
        expect(page.get_by_text("Ein Dokument", exact=True)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        page.get_by_role("button", name="Suche", exact=True).tap()
        page.get_by_role("option", name="Gehe zu Aufgaben").tap()
        expect(page).to_have_url(re.compile("/tasks"))
