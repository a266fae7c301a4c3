"""Fixtures of the browser tests. Tests share a program; each makes a folder of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Browser

from tests.e2e import portal
from tests.e2e.portal import Api, Window
from tests.stack import EMBEDDED, PRODUCTION
from tests.trust.server import Nursery, Server, Template
from tools.stack import Stack

# Whose tests run on the production stack with every commit; those of the others do so in `make test-long`.
ON_BOTH = {"test_story.py", "test_tasks.py"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests on both stacks."""
    on_both = Path(metafunc.module.__file__ or "").name in ON_BOTH
    production = pytest.param(PRODUCTION, marks=() if on_both else pytest.mark.long)
    for name in {"base", "fresh"} & set(metafunc.fixturenames):
        metafunc.parametrize(name, [EMBEDDED, production], indirect=True, scope="session" if name == "base" else None)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """The process that programs are forked off."""
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture(scope="session")
def data_template(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A data folder with the people."""
    return portal.prepare(nursery, tmp_path_factory.mktemp("e2e") / "template")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for a module. Not for longer: its loop would run under the tests of other folders."""
    playwright, browser = portal.launch()
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture(scope="session")
def shared_server(data_template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A program for all tests that do not kill it."""
    server = portal.serve(data_template, tmp_path_factory.mktemp("shared"))
    yield server
    server.kill()


@pytest.fixture
def server(data_template: Template, tmp_path: Path) -> Iterator[Server]:
    """A program of one's own, to be restarted or killed."""
    server = portal.serve(data_template, tmp_path)
    yield server
    server.kill()


@pytest.fixture(scope="session")
def shared_stack() -> Iterator[Stack]:
    """The production stack with the people, behind its own nginx."""
    with portal.production_stack() as stack:
        for short in portal.PEOPLE:
            stack.dossier(*portal.adding(short), stdin=portal.PASSWORD)
        yield stack


@pytest.fixture(scope="session")
def base(request: pytest.FixtureRequest) -> str:
    """The address of the program that tests share."""
    if request.param == PRODUCTION:
        return str(request.getfixturevalue("shared_stack").url)
    return portal.address(request.getfixturevalue("shared_server"))


@pytest.fixture
def share(request: pytest.FixtureRequest, base: str) -> Path:
    """A new folder of the "client's system", which the program may link."""
    stack = not base.startswith("http:")
    root = (
        request.getfixturevalue("shared_stack").folder
        if stack
        else request.getfixturevalue("shared_server").data.parent
    )
    folder = Path(root) / "shares" / "acme" / uuid4().hex[:8]
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def windows(browser: Browser) -> Iterator[Callable[..., Window]]:
    """``windows(base, **context)``: a new browser window; all are closed and checked at the end."""
    opened: list[Window] = []

    def open_(base: str, **context: Any) -> Window:
        opened.append(Window(browser, base, **context))
        return opened[-1]

    yield open_
    for number, window in enumerate(opened):
        if pictures := os.environ.get("FAILURE_PICTURES"):
            window.page.screenshot(path=f"{pictures}/window{number}.png")
        window.close()


@pytest.fixture
def mara(windows: Callable[..., Window], base: str) -> Window:
    """The owner at her desk."""
    return windows(base).sign_in("mara")


@pytest.fixture
def tom(windows: Callable[..., Window], base: str) -> Window:
    """The editor at his."""
    return windows(base).sign_in("tom")


@pytest.fixture
def api(base: str) -> Iterator[Api]:
    """Mara's own hands on the API."""
    api = Api(base, "mara@example.com")
    yield api
    api.client.close()
