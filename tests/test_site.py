"""The site of the documents: built strictly, whole by itself, and readable in a browser."""

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from playwright.sync_api import Browser, Request, sync_playwright

from tools import site

pytestmark = pytest.mark.slow
#: Of the pages that nobody wrote: what each has to hold.
GENERATED = {
    "settings": "DOSSIER_DATABASE_URL",
    "commands": "dossier storage copy",
    "errors": "name_taken",
    "events": "version.added",
    "contract": "swagger/index.html",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site."""
    assert site.MKDOCS.exists(), "`make .delivery/.done` fetches it"
    folder = tmp_path_factory.mktemp("site") / "site"
    site.build(folder)
    return folder


class Addresses(HTMLParser):
    """What a page leads to and fetches."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.fetched = list[str](), list[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        elif "src" in found:
            self.fetched.append(found["src"])
        elif tag == "link" and found.get("rel") in ("stylesheet", "icon"):
            self.fetched.append(found["href"])


def test_every_page_of_docs_is_there(built: Path) -> None:
    pages = {path.relative_to(site.ROOT / "docs").with_suffix("") for path in (site.ROOT / "docs").rglob("*.md")}
    missing = [page for page in pages if not (built / page).with_suffix(".html").exists() and page.name != "README"]
    assert missing == []


@pytest.mark.parametrize("name", GENERATED)
def test_what_the_code_tells_is_there(built: Path, name: str) -> None:
    assert GENERATED[name] in (built / "reference" / f"{name}.html").read_text()


def test_no_link_is_broken_and_nothing_comes_from_elsewhere(built: Path) -> None:
    broken = []
    for page in built.rglob("*.html"):
        if page.name == "404.html":
            continue
        found = Addresses(page.read_text())
        broken += [(page.name, each) for each in found.fetched if urlsplit(each).netloc]
        for address in {*found.links, *found.fetched}:
            parts = urlsplit(address)
            if not parts.scheme and not parts.netloc and parts.path:
                target = (page.parent / unquote(parts.path)).resolve()
                if not (target / "index.html" if target.is_dir() else target).exists():
                    broken.append((page.name, address))
    assert broken == []


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    """Where the site is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(built)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
        yield made
        made.close()


@pytest.mark.parametrize("page", ["index", "tutorial", "operations", "reference/contract", "reference/events"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read(address: str, browser: Browser, page: str, width: int) -> None:
    """Nothing is asked of elsewhere, nothing fails, and no page is wider than the screen."""
    asked, failed = list[str](), list[str]()
    tab = browser.new_page(viewport={"width": width, "height": 800})

    def noted(request: Request) -> None:
        asked.append(request.url)

    tab.on("request", noted)
    tab.on("pageerror", lambda error: failed.append(str(error)))
    tab.goto(f"{address}/{page}.html", wait_until="networkidle")
    assert tab.locator("h1").first.is_visible()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.close()
    assert failed == []
    assert [url for url in asked if not url.startswith(address)] == []


def test_the_contract_can_be_looked_at(address: str, browser: Browser) -> None:
    tab = browser.new_page()
    tab.goto(f"{address}/reference/swagger/index.html")
    # Those in sight: it draws the others when somebody gets there.
    tab.locator(".opblock").first.wait_for()
    assert "Dossier" in tab.locator(".info h1, .info h2").first.inner_text()
    assert tab.locator(".errors-wrapper").count() == 0
    tab.close()


def test_a_search_finds_a_page(address: str, browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 1280, "height": 800})
    tab.goto(f"{address}/index.html", wait_until="networkidle")
    box = tab.locator("input.md-search__input")
    box.click()
    box.press_sequentially("restore drill")
    found = tab.locator(".md-search-result__item a").first
    found.wait_for()
    assert re.search("operations", found.get_attribute("href") or "")
    tab.close()
