"""How much script a screen loads before it stands, as sent: compressed."""

from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page

from tests.e2e.portal import Api, Window

KB = 1000


def script_of(page: Page, go: Callable[[], Any]) -> dict[str, int]:
    """The bytes of script that came over the line meanwhile, by file."""
    sizes: dict[str, int] = {}
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    names: dict[str, str] = {}

    def answered(event: dict[str, Any]) -> None:
        kind = event["response"]["mimeType"]
        if "javascript" in kind or event["type"] == "Script":
            names[event["requestId"]] = event["response"]["url"].rpartition("/")[2]

    def ended(event: dict[str, Any]) -> None:
        if event["requestId"] in names:
            sizes[names[event["requestId"]]] = int(event["encodedDataLength"])

    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", ended)
    go()
    page.wait_for_load_state("networkidle" if "/sign-in" in page.url else "load")
    # What is fetched ahead for later counts as well: it shares the line with the first view.
    page.wait_for_timeout(1500)
    session.detach()
    return sizes


def told(sizes: dict[str, int]) -> str:
    """The files, largest first."""
    rows = sorted(sizes.items(), key=lambda each: -each[1])
    return "\n".join([f"{sum(sizes.values()) / KB:.0f} KB of script", *(f"{size:>8} {name}" for name, size in rows)])


class TestBudget:
    def test_sign_in_under_200_kb(self, windows: Callable[..., Window], base: str) -> None:
        window = windows(base)

        def go() -> None:
            window.open("/sign-in").get_by_role("button", name="Sign in").wait_for()

        sizes = script_of(window.page, go)
        assert 0 < sum(sizes.values()) < 200 * KB, told(sizes)

    def test_document_list_under_400_kb(self, mara: Window, api: Api) -> None:
        api.add("Budget.txt", b"x", on_conflict="rename")

        def go() -> None:
            mara.open("/documents").get_by_text("Budget.txt").first.wait_for()

        sizes = script_of(mara.page, go)
        assert 0 < sum(sizes.values()) < 400 * KB, told(sizes)
