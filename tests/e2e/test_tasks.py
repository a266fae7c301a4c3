"""The tasks: list, board, sheet; two people at once; nothing typed is lost."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.portal import PASSWORD, PHONE, Api, Window


def due(**ahead: float) -> str:
    """A moment that far ahead."""
    return (datetime.now(UTC) + timedelta(**ahead)).isoformat()


@pytest.fixture
def lease(api: Api) -> Any:
    """A document in a folder of its own."""
    folder = api.call("POST", "/folders", json={"name": f"Tasks {uuid4().hex[:8]}"})
    return api.add(f"Lease {uuid4().hex[:6]}.txt", b"a term of twelve months", folder_id=folder["id"])


def at(document: Any, **more: str) -> str:
    """The task page with the tasks of one document."""
    return "/tasks?" + "&".join(
        f"{key}={value}" for key, value in {"scope": "all", "document": document["id"], **more}.items()
    )


def row(page: Page, title: str) -> Any:
    """A row or a card."""
    return page.locator("#main [data-task]").filter(has_text=title)


def sheet(page: Page) -> Any:
    """The open sheet."""
    return page.get_by_role("dialog", name="Task")


class TestTogether:
    def test_make_assign_hear_comment_complete(self, mara: Window, tom: Window, api: Api, lease: Any) -> None:
        toms, maras = tom.open("/tasks"), mara.open(at(lease))
        maras.get_by_role("button", name="New task").first.click()
        title = f"Check clause {uuid4().hex[:6]}"
        maras.get_by_label("What is to be done").fill(title)
        dialog = maras.get_by_role("dialog", name="New task")
        dialog.get_by_role("button", name="Assigned to: Nobody").click()
        maras.get_by_role("option", name="Tom Berg").click()
        dialog.get_by_role("button", name="Add task").click()
        expect(row(maras, title)).to_be_visible()

        expect(row(toms, title)).to_be_visible()
        expect(toms).to_have_title(re.compile(r"^\(\d+\) Tasks"))
        row(toms, title).get_by_role("button", name=title).click()
        expect(toms).to_have_url(re.compile(r"[?&]task="))
        sheet(toms).get_by_label("Your comment").fill("Agreed by **phone**.")
        sheet(toms).get_by_role("button", name="Send").click()
        expect(sheet(toms).locator("strong", has_text="phone")).to_be_visible()
        expect(row(maras, title).get_by_text("1 comment", exact=True)).to_be_attached()

        row(maras, title).get_by_role("button", name=title).click()
        expect(sheet(maras).get_by_text("Agreed by phone.")).to_be_visible()
        sheet(toms).get_by_role("button", name="Mark as done").click()
        expect(sheet(maras).get_by_role("button", name="Status: Done. Change it")).to_be_visible()
        expect(sheet(maras).get_by_text("Tom Berg set it from “Open” to “Done”.")).to_be_visible()

    def test_a_new_version_shows_at_once_and_is_carried_over(self, mara: Window, api: Api, lease: Any) -> None:
        api.task(lease, "Read it")
        page = mara.open(at(lease))
        expect(row(page, "Read it")).to_be_visible()
        api.version(lease, b"two years")
        expect(row(page, "Read it").get_by_text("on v1 · now v2")).to_be_visible()
        row(page, "Read it").get_by_role("button", name="Read it").click()
        sheet(page).get_by_role("button", name="Carry over to v2").click()
        expect(sheet(page).get_by_text("on v1 · now v2")).to_have_count(0)
        expect(sheet(page).get_by_text("You carried it over from v1 to v2.")).to_be_visible()


class TestQuickEdit:
    def test_assignee_and_due_date_in_the_row(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Ask for it")
        page = mara.open(at(lease))
        row(page, "Ask for it").get_by_role("button", name="Assigned to: Nobody").click()
        page.get_by_placeholder("Find a person").fill("ver")
        page.get_by_role("option", name="Vera Holm").click()
        expect(page.get_by_role("listbox")).to_have_count(0)
        expect(row(page, "Ask for it").get_by_role("button", name="Assigned to: Vera Holm")).to_be_visible()
        row(page, "Ask for it").get_by_role("button", name="Due: No date. Change it").click()
        page.get_by_label("Day", exact=True).fill("2020-02-03")
        page.get_by_label("Time (optional)").fill("17:00")
        page.get_by_role("button", name="Set", exact=True).click()
        expect(row(page, "Ask for it").get_by_text("Overdue: Feb 3, 2020")).to_be_visible()
        expect(page.get_by_role("heading", name="Overdue 1")).to_be_visible()
        api.becomes(f"/tasks/{task['id']}", due_at="2020-02-03T16:00:00Z")
        assert api.call("GET", f"/tasks/{task['id']}")["assignee"]["name"] == "Vera Holm"

    def test_a_refused_edit_is_rolled_back_and_said(
        self, windows: Callable[..., Window], base: str, api: Api, lease: Any
    ) -> None:
        api.task(lease, "Not yours")
        page = windows(base).sign_in("vera").open(at(lease))
        row(page, "Not yours").get_by_role("button", name="Status: Open. Change it").click()
        page.get_by_role("menuitemcheckbox", name="Done").click()
        expect(page.get_by_text("You may see this, but not change it.").first).to_be_visible()
        expect(row(page, "Not yours").get_by_role("button", name="Status: Open. Change it")).to_be_visible()

    def test_done_is_taken_back_from_the_message(self, mara: Window, api: Api, lease: Any) -> None:
        api.task(lease, "Sign it")
        page = mara.open(at(lease))
        row(page, "Sign it").get_by_role("button", name="Status: Open. Change it").click()
        page.get_by_role("menuitemcheckbox", name="Done").click()
        expect(row(page, "Sign it").get_by_role("button", name="Status: Done. Change it")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(row(page, "Sign it").get_by_role("button", name="Status: Open. Change it")).to_be_visible()

    def test_a_deleted_task_is_gone_everywhere(self, mara: Window, tom: Window, api: Api, lease: Any) -> None:
        api.task(lease, "Drop it")
        page, other = mara.open(at(lease)), tom.open(at(lease))
        expect(row(other, "Drop it")).to_be_visible()
        row(page, "Drop it").get_by_role("button", name="Drop it").click()
        sheet(page).get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Delete task").click()
        page.get_by_role("dialog", name="Delete this task?").get_by_role("button", name="Delete task").click()
        expect(sheet(page)).to_have_count(0)
        expect(row(page, "Drop it")).to_have_count(0)
        expect(row(other, "Drop it")).to_have_count(0)


class TestBoard:
    @pytest.fixture
    def board(self, mara: Window, api: Api, lease: Any) -> Page:
        """Three cards."""
        for title in ("First", "Second", "Third"):
            api.task(lease, title, details="x")
        page = mara.open(at(lease, view="board", status="any"))
        expect(row(page, "Third")).to_be_visible()
        return page

    def column(self, page: Page, name: str) -> Any:
        """A column of the board."""
        return page.locator("#main").get_by_role("region", name=name, exact=True)

    def test_by_drag(self, board: Page, api: Api, lease: Any) -> None:
        here = row(board, "Second").bounding_box()
        there = self.column(board, "In progress").bounding_box()
        assert here and there
        board.mouse.move(here["x"] + 20, here["y"] + 20)
        board.mouse.down()
        board.mouse.move(there["x"] + 80, there["y"] + 90, steps=8)
        board.mouse.up()
        expect(self.column(board, "In progress").get_by_text("Second")).to_be_visible()
        expect(sheet(board)).to_have_count(0)
        expect(board.get_by_role("button", name="Undo")).to_be_visible()
        ids = {each["title"]: each["id"] for each in api.call("GET", f"/documents/{lease['id']}/tasks")["items"]}
        api.becomes(f"/tasks/{ids['Second']}", status="in_progress")
        tasks = api.call("GET", f"/documents/{lease['id']}/tasks")["items"]
        assert {task["title"]: task["status"] for task in tasks} == {
            "First": "open",
            "Second": "in_progress",
            "Third": "open",
        }

    def test_escape_ends_a_drag(self, board: Page) -> None:
        here, there = row(board, "Second").bounding_box(), self.column(board, "Done").bounding_box()
        assert here and there
        board.mouse.move(here["x"] + 20, here["y"] + 20)
        board.mouse.down()
        board.mouse.move(there["x"] + 80, there["y"] + 90, steps=8)
        board.keyboard.press("Escape")
        board.mouse.up()
        expect(self.column(board, "Open").get_by_text("Second")).to_be_visible()

    def test_by_keyboard_and_menu(self, board: Page) -> None:
        title = row(board, "First").get_by_role("button", name="First")
        title.focus()
        board.keyboard.press("Shift+ArrowRight")
        expect(self.column(board, "In progress").get_by_text("First")).to_be_visible()
        expect(title).to_be_focused()
        board.keyboard.press("Shift+ArrowRight")
        expect(self.column(board, "Done").get_by_text("First")).to_be_visible()
        expect(title).to_be_focused()
        row(board, "Third").get_by_role("button", name="Status: Open. Change it").focus()
        board.keyboard.press("Enter")
        board.get_by_role("menuitemcheckbox", name="Cancelled").focus()
        board.keyboard.press("Enter")
        expect(self.column(board, "Cancelled").get_by_text("Third")).to_be_visible()

    def test_a_refused_move_goes_back(self, windows: Callable[..., Window], base: str, api: Api, lease: Any) -> None:
        api.task(lease, "Stay")
        page = windows(base).sign_in("vera").open(at(lease, view="board", status="any"))
        row(page, "Stay").get_by_role("button", name="Stay").focus()
        page.keyboard.press("Shift+ArrowRight")
        expect(page.get_by_text("You may see this, but not change it.").first).to_be_visible()
        expect(self.column(page, "Open").get_by_text("Stay")).to_be_visible()


class TestFilters:
    def test_stand_in_the_address_and_survive_a_reload(self, mara: Window, api: Api, lease: Any) -> None:
        tom = api.member("tom")
        api.task(lease, "Late one", assignee_id=tom, due_at=due(days=-3))
        api.task(lease, "Later one", assignee_id=tom, due_at=due(days=30))
        api.task(lease, "Nobody's")
        page = mara.open(at(lease))
        expect(page.locator("#main [data-task]")).to_have_count(3)
        page.get_by_label("Find in tasks").fill("one")
        expect(page.locator("#main [data-task]")).to_have_count(2)
        page.get_by_role("combobox", name="Due").click()
        page.get_by_role("option", name="Overdue").click()
        expect(page.locator("#main [data-task]")).to_have_count(1)
        page.get_by_role("combobox", name="Group by").click()
        page.get_by_role("option", name="By person").click()
        expect(page.get_by_role("heading", name="Tom Berg 1")).to_be_visible()
        expect(page).to_have_url(re.compile(r"group=assignee.*due=overdue.*q=one"))
        page.reload()
        expect(page.get_by_role("heading", name="Tom Berg 1")).to_be_visible()
        expect(page.locator("#main [data-task]")).to_have_count(1)
        expect(page.get_by_label("Find in tasks")).to_have_value("one")
        page.get_by_label("Find in tasks").fill("nothing like it")
        page.get_by_role("button", name="Clear filters").click()
        expect(page).to_have_url(re.compile(r"/tasks\?scope=all&group=assignee$"))

    def test_pages_come_as_one_scrolls(self, mara: Window, api: Api, lease: Any) -> None:
        for index in range(120):
            api.task(lease, f"Task {index:03}", due_at=due(days=40, minutes=index))
        page = mara.open(at(lease))
        expect(row(page, "Task 000")).to_be_visible()
        row(page, "Task 000").hover()
        for _ in range(6):
            page.mouse.wheel(0, 3000)
            page.wait_for_timeout(150)
        expect(row(page, "Task 119")).to_be_visible()
        expect(page.get_by_text("120 shown")).to_be_visible()


class TestNothingIsLost:
    def test_a_comment_survives_a_reload_and_a_failed_save(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Answer")
        page = mara.open(at(lease, task=task["id"]))
        field = sheet(page).get_by_label("Your comment")
        field.fill("What I meant to say")
        page.reload()
        expect(field).to_have_value("What I meant to say")

        def refuse(route: Any) -> None:
            route.fulfill(status=503, json={"code": "unavailable", "title": "Busy", "detail": "Busy", "status": 503})

        page.route("**/comments", refuse)
        sheet(page).get_by_role("button", name="Send").click()
        expect(sheet(page).get_by_text("The server is busy or restarting")).to_be_visible()
        expect(field).to_have_value("What I meant to say")
        page.unroute("**/comments", refuse)
        sheet(page).get_by_role("button", name="Send").click()
        expect(sheet(page).locator("ol").get_by_text("What I meant to say")).to_be_visible()
        expect(field).to_have_value("")
        assert len(api.call("GET", f"/tasks/{task['id']}/comments")["items"]) == 1

    def test_an_ended_sign_in_is_renewed_over_the_page(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Write")
        page = mara.open(at(lease, task=task["id"]))
        sheet(page).get_by_label("Your comment").fill("Typed before it ended")
        mara.context.clear_cookies()
        # Not by a click: another request may have brought up the dialog already.
        sheet(page).get_by_label("Your comment").evaluate("field => field.form.requestSubmit()")
        dialog = page.get_by_role("dialog", name="Sign in again")
        dialog.get_by_label("Password").fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in").click()
        expect(sheet(page).locator("ol").get_by_text("Typed before it ended")).to_be_visible()
        expect(dialog).to_have_count(0)

    @pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
    def test_two_who_change_the_same_choose(self, mara: Window, api: Api, lease: Any, heard: bool) -> None:
        """Whether or not the other's change has come in live while one typed."""
        task = api.task(lease, "Old title")
        page = mara.open(at(lease, task=task["id"]))
        title = sheet(page).get_by_label("What is to be done")
        expect(title).to_have_value("Old title")
        title.fill("My title")
        if not heard:
            page.route(
                "**/api/v1/tasks/*", lambda route: route.abort() if route.request.method == "GET" else route.continue_()
            )
        api.call("PATCH", f"/tasks/{task['id']}", json={"title": "Their title"})
        if heard:
            expect(row(page, "Their title")).to_be_attached()
        else:
            page.unroute("**/api/v1/tasks/*")
        title.press("Enter")
        conflict = page.get_by_role("dialog", name=re.compile("meantime"))
        expect(conflict.get_by_text("My title")).to_be_visible()
        expect(conflict.get_by_text("Their title")).to_be_visible()
        conflict.get_by_role("button", name="Keep mine").click()
        expect(conflict).to_have_count(0)
        expect(title).to_have_value("My title")
        api.becomes(f"/tasks/{task['id']}", title="My title")

    def test_two_who_change_different_things_both_win(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Both")
        page = mara.open(at(lease))
        page.route("**/events/stream**", lambda route: route.abort())
        expect(row(page, "Both")).to_be_visible()
        api.call("PATCH", f"/tasks/{task['id']}", json={"priority": "high"})
        row(page, "Both").get_by_role("button", name="Status: Open. Change it").click()
        page.get_by_role("menuitemcheckbox", name="In progress").click()
        expect(row(page, "Both").get_by_role("button", name="Status: In progress. Change it")).to_be_visible()
        expect(row(page, "Both").get_by_text("High priority")).to_be_attached()
        api.becomes(f"/tasks/{task['id']}", status="in_progress", priority="high")

    def test_details_are_shown_without_what_could_run(self, mara: Window, api: Api, lease: Any) -> None:
        evil = "**bold** <img src=x onerror=alert(1)> <script>alert(1)</script> [a](javascript:alert(1)) ![p](https://example.com/p.png)"
        task = api.task(lease, "Evil", details=evil)
        page = mara.open(at(lease, task=task["id"]))
        expect(sheet(page).locator("strong", has_text="bold")).to_be_visible()
        assert sheet(page).locator("img, script, [href^=javascript]").count() == 0


class TestSheet:
    def test_opens_over_any_page_and_back_closes_it(self, mara: Window, api: Api, lease: Any) -> None:
        task = api.task(
            lease,
            "Anywhere",
            version=1,
            target={
                "type": "TextQuoteSelector",
                "exact": "twelve months",
                "prefix": "",
                "suffix": "",
            },
        )
        page = mara.open(f"/activity?task={task['id']}")
        expect(sheet(page).get_by_text("twelve months")).to_be_visible()
        expect(sheet(page).get_by_role("link", name=re.compile("Lease"))).to_have_attribute(
            "href", f"/documents/{lease['id']}?v=1&task={task['id']}"
        )
        page.keyboard.press("Escape")
        expect(sheet(page)).to_have_count(0)
        expect(page).to_have_url(re.compile(r"/activity$"))
        mara.open(at(lease))
        row(page, "Anywhere").get_by_role("button", name="Anywhere").click()
        expect(sheet(page)).to_be_visible()
        page.go_back()
        expect(sheet(page)).to_have_count(0)

    def test_watch(self, tom: Window, api: Api, lease: Any) -> None:
        task = api.task(lease, "Watched")
        page = tom.open(f"/tasks?task={task['id']}")
        sheet(page).get_by_role("button", name="Watch", exact=True).click()
        expect(sheet(page).get_by_role("button", name="Watching")).to_be_visible()
        page.reload()
        expect(sheet(page).get_by_role("button", name="Watching")).to_be_visible()

    def test_one_that_is_not_there_says_so(self, mara: Window) -> None:
        page = mara.open("/tasks?task=0198c0de-0000-7000-8000-000000000000")
        expect(sheet(page).get_by_text("This is not here, or not for you")).to_be_visible()


class TestKeys:
    def test_keyboard_only(self, mara: Window, api: Api, lease: Any) -> None:
        for index, title in enumerate(("One", "Two", "Three")):
            api.task(lease, title, due_at=due(days=index + 1))
        page = mara.open(at(lease))
        expect(row(page, "Three")).to_be_visible()
        for key in "jjk":
            page.keyboard.press(key)
        expect(row(page, "One").get_by_role("button", name="One")).to_be_focused()
        page.keyboard.press("j")
        page.keyboard.press("e")
        expect(row(page, "Two").get_by_role("button", name="Status: Done. Change it")).to_be_visible()
        expect(row(page, "Two").get_by_role("button", name="Two")).to_be_focused()
        page.keyboard.press("Enter")
        expect(sheet(page)).to_be_visible()
        page.keyboard.press("Escape")
        expect(sheet(page)).to_have_count(0)
        expect(row(page, "Two").get_by_role("button", name="Two")).to_be_focused()
        page.keyboard.press("n")
        expect(page.get_by_role("dialog", name="New task").get_by_label("What is to be done")).to_be_focused()
        page.keyboard.type("By keys")
        page.keyboard.press("Enter")
        expect(row(page, "By keys")).to_be_visible()


class TestForEverybody:
    @pytest.fixture
    def paths(self, api: Api, lease: Any) -> list[str]:
        """The views with something in them."""
        task = api.task(
            lease,
            "Look at it",
            assignee_id=api.member("mara"),
            due_at=due(days=-2),
            priority="high",
            details="**x**\n\n- y",
        )
        api.call("POST", f"/tasks/{task['id']}/comments", json={"body": "Said"})
        api.version(lease, b"newer")
        return [at(lease), at(lease, view="board", status="any"), at(lease, task=task["id"]), "/tasks?q=nothinglikeit"]

    def test_phone(self, windows: Callable[..., Window], base: str, paths: list[str]) -> None:
        window = windows(base, viewport=PHONE, has_touch=True, is_mobile=True).sign_in("mara")
        for path in paths:
            page = window.open(path)
            page.get_by_text("Look at it").or_(page.get_by_text("No task matches")).first.wait_for()
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
            assert window.axe() == [], path
        page = window.open(paths[0])
        page.get_by_role("button", name=re.compile("Filter")).click()
        expect(page.get_by_label("Find in tasks")).to_be_visible()
        row(page, "Look at it").get_by_role("button", name="Look at it").tap()
        expect(sheet(page).get_by_text("Said")).to_be_visible()

    def test_german(self, windows: Callable[..., Window], base: str, paths: list[str]) -> None:
        page = windows(base, locale="de-DE").sign_in("mara").open(paths[2])
        task = page.get_by_role("dialog", name="Aufgabe")
        expect(task.get_by_role("button", name="Als erledigt markieren")).to_be_visible()
        expect(task.get_by_text("auf v1 · jetzt v2")).to_be_visible()
        expect(task.get_by_text("Sie haben die Aufgabe angelegt.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", name="Überfällig 1")).to_be_visible()
