"""Sign-in and the pages behind links, in a real browser."""

from collections.abc import Callable

from playwright.sync_api import expect

from tests.e2e.portal import PASSWORD, Window


class TestSignIn:
    def test_comes_back_to_the_page_that_was_wanted(self, windows: Callable[..., Window], base: str) -> None:
        page = windows(base).open("/tasks")
        expect(page).to_have_url(f"{base}/sign-in?next=/tasks")
        page.get_by_label("E-mail").fill("mara@example.com")
        page.get_by_label("Password", exact=True).fill("wrong")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("E-mail or password is wrong")).to_be_visible()
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page).to_have_url(f"{base}/tasks")

    def test_german(self, windows: Callable[..., Window], base: str) -> None:
        page = windows(base, locale="de-DE").open("/sign-in")
        expect(page.get_by_role("button", name="Anmelden")).to_be_visible()
