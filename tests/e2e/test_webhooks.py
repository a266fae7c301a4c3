"""Webhooks in the portal: added, tried, looked into, sent again, given another secret, deleted."""

import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.e2e.portal import Api, Window


class Receiver(ThreadingHTTPServer):
    """A client's program: keeps what it is sent, and answers as it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.heard: list[str] = []
        self.status = 204

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/hook"


class Handler(BaseHTTPRequestHandler):
    """One message."""

    server: Receiver

    def do_POST(self) -> None:
        """Keep it."""
        self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append(self.headers["webhook-signature"])
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_args: Any) -> None:
        """Nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A program that listens."""
    with Receiver() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_from_added_to_deleted(mara: Window, api: Api, receiver: Receiver) -> None:
    page = mara.open("/integrations")
    page.get_by_role("link", name="Webhooks").click()
    page.get_by_role("button", name="Add webhook").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Address").fill("http://10.1.2.3/hook")
    dialog.get_by_role("button", name="Add webhook").click()
    expect(dialog.get_by_text(re.compile("not public|not allowed|public")).last).to_be_visible()
    dialog.get_by_label("Address").fill(receiver.url)
    dialog.get_by_label("Description").fill("Nordwind's program")
    dialog.get_by_role("checkbox", name="Versions").check()
    dialog.get_by_role("button", name="Add webhook").click()
    expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    page.get_by_role("link", name="Nordwind's program").click()
    expect(page.get_by_text("Messages arrive")).to_be_visible()
    expect(page.get_by_text("version.*")).to_be_visible()

    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_role("listitem").filter(has_text="Delivered").filter(has_text="now")).to_be_visible()
    page.get_by_role("button", name=re.compile("^Show ")).first.click()
    expect(page.get_by_role("textbox", name="Message")).to_have_value(re.compile("specversion"))
    expect(page.get_by_role("textbox", name="Answer")).to_have_value(re.compile("server: BaseHTTP"))
    page.get_by_role("button", name=re.compile("^Send .* again$")).first.click()
    expect(page.get_by_text("It is sent again", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Show "))).to_have_count(2)

    page.get_by_role("button", name="More actions").last.click()
    page.get_by_role("menuitem", name="New secret").click()
    page.get_by_role("dialog").get_by_role("button", name="New secret").click()
    expect(page.get_by_role("textbox", name="Secret")).to_have_value(re.compile("^whsec_"))
    page.get_by_role("button", name="Done").click()
    expect(page.get_by_text("the old secret still signs")).to_be_visible()

    receiver.status = 410
    # What happens is sent; a test alone would turn nothing off.
    api.version(api.add("Lease.txt", b"one"), b"two")
    hook = next(each for each in api.call("GET", "/webhooks")["items"] if each["url"] == receiver.url)
    api.becomes(f"/webhooks/{hook['id']}", disabled_reason="gone")
    page.reload()
    expect(page.get_by_text("it said that it is gone")).to_be_visible()
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_role("button", name="Send a test")).to_be_visible()
    page.get_by_role("button", name="More actions").last.click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page).to_have_url(re.compile("view=webhooks$"))
    expect(page.get_by_role("link", name="Nordwind's program")).to_have_count(0)
    # Two signatures as long as both secrets hold.
    assert " " in receiver.heard[-1]
