"""The real program with the built portal, and people in front of it: what the browser tests stand on."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

from tests.trust.server import Nursery, Server, Template, prepare_template
from tools.stack import PORTAL, Stack

PASSWORD = "correct horse battery"
PEOPLE = {"mara": ("Mara Lind", "owner"), "tom": ("Tom Berg", "editor"), "vera": ("Vera Holm", "viewer")}
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
# What a browser writes to the console about an answer that the test asked for.
EXPECTED = re.compile(r"Failed to load resource: the server responded with a status of (4\d\d|503)")

# Webhooks go to this machine, and links look often.
OUTWARD = {"OUTWARD_ALLOW": "127.0.0.0/8", "OUTWARD_HTTP": "true", "LINK_POLL_SECONDS": "2"}
PATIENCE = 40.0  # seconds; the cores are shared with other tests
expect.set_options(timeout=PATIENCE * 1000)


def prepare(nursery: Nursery, folder: Path) -> Template:
    """A data folder with workspace ``acme`` and Mara (owner), Tom (editor) and Vera (viewer), who all have the password."""
    template = prepare_template(nursery, folder)
    dossier = Path(sys.executable).with_name("dossier")
    for short in PEOPLE:
        subprocess.run(
            [dossier, *adding(short)],
            input=PASSWORD,
            text=True,
            check=True,
            env={"DOSSIER_DATA_DIR": str(folder), "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
        )
    return template


def adding(short: str) -> list[str]:
    """The command that adds one of the people; the password comes on standard input."""
    name, role = PEOPLE[short]
    who = [f"{short}@example.com", "--name", name, "--workspace", "acme", "--role", role]
    return ["user", "add", *who, "--password-stdin"]


@contextmanager
def production_stack() -> Iterator[Stack]:
    """The production stack with the built portal. nginx, which is nobody, has to get to all of it."""
    with tempfile.TemporaryDirectory(prefix="dossier-e2e-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        shutil.copytree(PORTAL, folder / "portal")
        with Stack(folder, folder / "portal", settings=OUTWARD) as stack:
            yield stack


_cookies: dict[tuple[str, str], dict[str, str]] = {}


def session_of(base: str, email: str) -> dict[str, str]:
    """The cookie of a person's session, shared by all windows of a test process: hashing a password takes long."""
    with httpx.Client(base_url=f"{base}/api/v1", cookies=_cookies.get((base, email)), verify=False) as client:
        if client.get("/me").status_code != httpx.codes.OK:
            client.cookies.clear()
            answer = client.post("/session", json={"email": email, "password": PASSWORD}, headers={"Origin": base})
            answer.raise_for_status()
            _cookies[base, email] = dict(answer.cookies)
    return _cookies[base, email]


@dataclass
class Api:
    """A person's own hands on the API, for what a test needs to be there before it looks."""

    base: str
    email: str
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = httpx.Client(
            base_url=f"{self.base}/api/v1",
            headers={"Origin": self.base},
            cookies=session_of(self.base, self.email),
            timeout=30,
            verify=False,
        )

    def call(self, method: str, path: str, **how: Any) -> Any:
        """The body of a good answer."""
        answer = self.client.request(method, path, **how)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def becomes(self, path: str, **wanted: Any) -> None:
        """Wait until what lies there has these values: the page shows a change before the server has it."""
        until = time.monotonic() + PATIENCE
        while (found := {key: self.call("GET", path)[key] for key in wanted}) != wanted:
            assert time.monotonic() < until, found
            time.sleep(0.05)

    def add(self, name: str, content: bytes, **query: str) -> Any:
        """A document."""
        return self.call("POST", "/documents", params={"name": name} | query, content=content)

    def version(self, document: Any, content: bytes, comment: str = "") -> Any:
        """A new version of a document."""
        return self.call("POST", f"/documents/{document['id']}/versions", params={"comment": comment}, content=content)

    def task(self, document: Any, title: str, **more: Any) -> Any:
        """A task on a document."""
        return self.call("POST", f"/documents/{document['id']}/tasks", json={"title": title} | more)

    def member(self, name: str) -> str:
        """The member id of a person by short name."""
        members = self.call("GET", "/members", params={"limit": 100})["items"]
        return next(str(each["id"]) for each in members if each["email"] == f"{name}@example.com")


class Window:
    """One browser window of one person. Remembers what the browser complained about; ``close`` fails on it."""

    def __init__(self, browser: Browser, base: str, **context: Any) -> None:
        self.base = base
        options: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin"} | context
        options["ignore_https_errors"] = True  # the stack's certificate is of an authority of its own
        self.context: BrowserContext = browser.new_context(base_url=base, accept_downloads=True, **options)
        self.context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = self.context.new_page()
        self.faults: list[str] = []
        self.expected = EXPECTED
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self.expected.search(message.text):
            self.faults.append(f"{message.type}: {message.text}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self.base, "data:", "blob:")):
            self.faults.append(f"foreign: {request.url}")

    def sign_in(self, name: str) -> "Window":
        """Be somebody, without the form."""
        cookies = session_of(self.base, f"{name}@example.com")
        self.context.add_cookies(
            [
                {"name": key, "value": value, "url": self.base, "httpOnly": True, "sameSite": "Lax"}
                for key, value in cookies.items()
            ]
        )
        return self

    def open(self, path: str) -> Page:
        """Go to a page of the portal and wait until it stands."""
        self.page.goto(path)
        self.page.wait_for_load_state("load")
        self.page.locator("#main").wait_for()
        return self.page

    def axe(self, *, leave_out: str = "") -> list[str]:
        """What axe finds against WCAG 2.2 AA, in words."""
        options: dict[str, Any] = {"runOnly": {"type": "tag", "values": RULES}}
        context = {"exclude": [[leave_out]]} if leave_out else None
        found = Axe().run(self.page, context=context, options=options).response["violations"]
        return [f"{rule['id']}: {node['target']} {node['failureSummary']}" for rule in found for node in rule["nodes"]]

    def axe_both(self) -> list[str]:
        """What axe finds in light and in dark; the window goes back to light."""
        found = self.axe()
        self.page.emulate_media(color_scheme="dark")
        self.page.wait_for_timeout(300)  # colours fade
        found += [f"dark: {each}" for each in self.axe()]
        self.page.emulate_media(color_scheme="light")
        return found

    def close(self) -> None:
        """Close, and fail on whatever the browser complained about."""
        self.context.close()
        assert self.faults == []


def launch() -> tuple[Any, Browser]:
    """Debian's Chromium under Playwright; end both by ``close`` and ``stop``."""
    playwright = sync_playwright().start()
    browser = playwright.chromium.launch(
        executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    )
    return playwright, browser


def serve(template: Template, folder: Path | None = None) -> Server:
    """The program with the built portal on a copy of the template."""
    data = template.copy((folder or Path(tempfile.mkdtemp())) / "var")
    # PORTAL_BUILD: another build than the one of `make portal`, as nuxt.config.ts reads it too.
    build = os.environ.get("PORTAL_BUILD")
    env = {"DOSSIER_PORTAL_DIR": f"{build}/output/public"} if build else {}
    env |= {"DOSSIER_LINK_FOLDERS": str(data.parent / "shares")} | {
        f"DOSSIER_{name}": value for name, value in OUTWARD.items()
    }
    return Server(template, data, env).start()


def address(server: Server) -> str:
    """Where a browser finds the server."""
    return f"http://{server.host}:{server.port}"
