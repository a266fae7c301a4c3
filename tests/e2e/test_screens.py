"""Every screen: axe in both themes, no sideways scrolling on any width, every text there in the second language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.e2e import content, portal
from tests.e2e.content import Filled, Screen
from tests.e2e.portal import DESKTOP, Window
from tests.trust.server import Template

TEXTS = Path(__file__).parents[2] / "web" / "app" / "locales" / "en"
# What a text looks like whose translation is missing: its key.
KEY = re.compile(
    rf"(?<![\w./@-])(?:{'|'.join(sorted(path.stem for path in TEXTS.glob('*.json')))})\.[a-z]\w*\b(?![.\w@])"
)
SAID = """[document.title, document.body.innerText, ...['aria-label', 'placeholder', 'title', 'alt'].flatMap(name =>
  [...document.querySelectorAll(`[${name}]`)].map(element => element.getAttribute(name)))].join('\\n')"""
# The page and its main part; a table in a box of its own may scroll there.
WIDE = (
    "[document.documentElement, document.querySelector('#main')].some(part => part.scrollWidth > part.clientWidth + 1)"
)
WIDTHS = (360, 768, 2560)


@pytest.fixture(scope="module")
def filled(data_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    """A program with something in it."""
    server = portal.serve(data_template, tmp_path_factory.mktemp("screens"))
    yield content.fill(portal.address(server), server.data.parent / "shares" / "acme")
    server.kill()


def look(window: Window, screen: Screen) -> Page:
    """Have the screen in front of whoever is meant to see it."""
    if screen.who:
        window.sign_in(screen.who)
    page = window.open(screen.path)
    screen.ready(page)
    return page


@pytest.mark.parametrize("name", content.NAMES)
def test_screen(browser: Browser, filled: Filled, name: str) -> None:
    """In German, whose words are the longer ones."""
    screen = next(each for each in content.screens(filled) if each.name == name)
    window = Window(browser, filled.base, locale="de-DE")
    page = look(window, screen)
    untranslated = sorted(set(KEY.findall(str(page.evaluate(SAID)))))
    found = window.axe_both()
    wide = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": DESKTOP["height"]})
        page.wait_for_timeout(200)
        if page.evaluate(WIDE):
            wide.append(width)
    window.close()
    assert (found, wide, untranslated) == ([], [], [])
