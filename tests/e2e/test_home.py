"""Home, activity and notifications: what waits, what happened, what concerns one."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.e2e.portal import PHONE, Api, Window, address
from tests.e2e.test_tasks import due, row, sheet
from tests.trust.server import Server


@pytest.fixture
def lease(api: Api) -> Any:
    """A document in a folder of its own."""
    folder = api.call("POST", "/folders", json={"name": f"Home {uuid4().hex[:8]}"})
    return api.add(f"Lease {uuid4().hex[:6]}.txt", b"text", folder_id=folder["id"])


@pytest.fixture
def toms(base: str) -> Iterator[Api]:
    """Tom's hands on the API."""
    api = Api(base, "tom@example.com")
    yield api
    api.client.close()


class TestHome:
    def test_what_waits_by_one_request(self, mara: Window, api: Api, lease: Any) -> None:
        me = api.member("mara")
        late, soon = f"Late {uuid4().hex[:6]}", f"Soon {uuid4().hex[:6]}"
        api.task(lease, late, assignee_id=me, due_at=due(days=-400))
        api.task(lease, soon, assignee_id=me, due_at=due(seconds=40))
        api.version(lease, b"more", comment="signed")
        api.call("PUT", f"/documents/{lease['id']}/lock", json={"minutes": 5})
        asked: list[str] = []

        def hear(request: Any) -> None:
            if "/api/v1/" in request.url:
                asked.append(request.url.split("/api/v1/")[1])

        mara.page.on("request", hear)
        page = mara.open("/")
        tasks = page.get_by_role("region", name="My tasks")
        expect(tasks.get_by_role("heading", name=re.compile("^Overdue"))).to_be_visible()
        expect(row(page, late).get_by_text(re.compile("^Overdue: "))).to_be_visible()
        expect(row(page, soon).get_by_text(re.compile("^Today"))).to_be_visible()
        waiting = page.get_by_role("region", name="Documents that wait for me")
        expect(waiting.locator("li", has_text=lease["name"]).get_by_text("locked by me")).to_be_visible()
        recent = page.get_by_role("region", name="Touched lately").locator("li", has_text=lease["name"])
        expect(recent.get_by_text("v2")).to_be_visible()
        lately = page.get_by_role("region", name="Lately", exact=True)
        expect(lately.get_by_text(re.compile(f"You added\\s+v2\\s+of {lease['name']} –")).first).to_be_visible()
        frame = ("me", "events", "members", "notices/unread", "uploads")  # what every page asks for
        assert [path for path in asked if not path.startswith(frame) and "/thumbnail" not in path] == ["home"]
        api.call("DELETE", f"/documents/{lease['id']}/lock")

    def test_done_stays_until_the_page_is_left(self, mara: Window, api: Api, lease: Any) -> None:
        title = f"Finish {uuid4().hex[:6]}"
        api.task(lease, title, assignee_id=api.member("mara"), due_at=due(days=-300))
        page = mara.open("/")
        row(page, title).get_by_role("button", name=title).focus()
        page.keyboard.press("e")
        expect(row(page, title).get_by_role("button", name="Status: Done. Change it")).to_be_visible()
        page.wait_for_timeout(1500)
        expect(row(page, title)).to_be_visible()
        page.reload()
        expect(
            page.get_by_role("region", name="Lately", exact=True).get_by_text(f"You completed {title}.")
        ).to_be_visible()
        expect(row(page, title)).to_have_count(0)

    def test_what_others_give_comes_by_itself(self, mara: Window, api: Api, toms: Api, lease: Any) -> None:
        page = mara.open("/")
        expect(page.get_by_role("region", name="Lately", exact=True)).to_be_visible()
        title = f"Given {uuid4().hex[:6]}"
        toms.task(lease, title, assignee_id=api.member("mara"), due_at=due(days=-200))
        expect(row(page, title)).to_be_visible()
        expect(
            page.get_by_role("region", name="Lately", exact=True).get_by_text(f"Tom Berg assigned {title} to you.")
        ).to_be_visible()


class TestEmpty:
    def test_samples_come_and_go(self, server: Server, windows: Callable[..., Window]) -> None:
        window = windows(address(server)).sign_in("mara")
        page = window.open("/")
        expect(page.get_by_role("heading", name="Welcome, Mara Lind")).to_be_visible()
        assert window.axe() == []
        page.get_by_role("button", name="Add sample documents").click()
        expect(page.get_by_role("region", name="Touched lately")).to_be_visible(timeout=30_000)
        page.get_by_role("button", name="Remove sample documents").click()
        expect(page.get_by_role("heading", name="Welcome, Mara Lind")).to_be_visible(timeout=30_000)

    def test_files_are_added_from_here(self, server: Server, windows: Callable[..., Window], tmp_path: Path) -> None:
        (tmp_path / "first.txt").write_text("the first one")
        page = windows(address(server)).sign_in("mara").open("/")
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose files").click()
        chooser.value.set_files(tmp_path / "first.txt")
        expect(page).to_have_url(re.compile("/documents"))
        expect(page.locator("#main").get_by_text("first.txt").first).to_be_visible(timeout=30_000)

    def test_a_viewer_is_not_asked_to_add(self, server: Server, windows: Callable[..., Window]) -> None:
        page = windows(address(server)).sign_in("vera").open("/")
        expect(page.get_by_text("There are no documents yet")).to_be_visible()
        expect(page.get_by_role("button", name="Choose files")).to_have_count(0)


class TestActivity:
    def test_what_is_new_waits_until_it_is_wanted(self, mara: Window, api: Api, lease: Any) -> None:
        page = mara.open("/activity")
        added = page.locator("#main li").filter(has_text=f"You added {lease['name']}")
        expect(added).to_be_visible()
        api.version(lease, b"more", comment="signed")
        api.task(lease, "Told of")
        expect(page.get_by_role("button", name=re.compile("2 new"))).to_be_visible()
        expect(page.get_by_text("Told of")).to_have_count(0)
        page.get_by_role("button", name=re.compile("2 new")).click()
        expect(page.locator("#main li").filter(has_text=f"Told of on {lease['name']}")).to_be_visible()
        page.get_by_role("button", name="Documents and versions").click()
        expect(page).to_have_url(re.compile("kind=versions"))
        expect(page.get_by_text("Told of")).to_have_count(0)
        expect(page.get_by_text("signed").first).to_be_visible()
        page.reload()
        expect(page.get_by_role("button", name="Documents and versions")).to_have_attribute("aria-pressed", "true")


class TestNotices:
    def test_bell_counts_lives_and_leads(self, windows: Callable[..., Window], base: str, api: Api, lease: Any) -> None:
        window = windows(base).sign_in("tom")
        page = window.open("/")
        page.get_by_role("button", name=re.compile("^Notifications")).click()
        if page.get_by_role("button", name="Mark all as read").is_enabled():
            page.get_by_role("button", name="Mark all as read").click()
        page.keyboard.press("Escape")
        expect(page).to_have_title("Home · Dossier")
        title = f"Yours {uuid4().hex[:6]}"
        api.task(lease, title, assignee_id=api.member("tom"))
        expect(page.get_by_role("button", name="Notifications, 1 unread")).to_be_visible()
        expect(page).to_have_title("(1) Home · Dossier")
        page.get_by_role("button", name="Notifications, 1 unread").click()
        assert window.axe() == []
        page.get_by_role("link", name=re.compile(f"Mara Lind assigned {title} to you")).click()
        expect(sheet(page).get_by_label("What is to be done")).to_have_value(title)
        expect(page).to_have_title("Home · Dossier")
        page.keyboard.press("Escape")
        api.version(lease, b"newer")
        expect(page).to_have_title("(1) Home · Dossier")
        window.open("/notices")
        expect(page.get_by_text("1 unread")).to_be_visible()
        page.get_by_role("button", name="Mark all as read").click()
        expect(page.get_by_text("All read", exact=True)).to_be_visible()


class TestForEverybody:
    PATHS = ("/", "/activity", "/notices")

    @pytest.fixture
    def filled(self, api: Api, toms: Api, lease: Any) -> str:
        """Something on every page."""
        title = f"Seen {uuid4().hex[:6]}"
        toms.task(lease, title, assignee_id=api.member("mara"), due_at=due(days=-500), priority="high")
        return title

    def test_phone(self, windows: Callable[..., Window], base: str, filled: str) -> None:
        window = windows(base, viewport=PHONE, has_touch=True, is_mobile=True).sign_in("mara")
        for path in self.PATHS:
            page = window.open(path)
            page.get_by_text(filled).first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert window.axe() == [], path

    def test_german(self, windows: Callable[..., Window], base: str, filled: str) -> None:
        page = windows(base, locale="de-DE").sign_in("mara").open("/")
        expect(
            page.get_by_role("region", name="Meine Aufgaben").get_by_role("heading", name=re.compile("^Überfällig"))
        ).to_be_visible()
        expect(
            page.get_by_role("region", name="Neuigkeiten").get_by_text(f"Tom Berg hat Ihnen {filled} zugewiesen.")
        ).to_be_visible()
