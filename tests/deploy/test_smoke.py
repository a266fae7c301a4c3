"""deploy/smoke.sh against a small server that can be wrong in every way that the script looks for."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/smoke.sh"
REVISION = "c" * 40
Page = tuple[int, str]
WELL: dict[str, Page] = {
    "/health/live": (200, '{"status":"ok"}'),
    "/health/ready": (200, '{"status":"ok","parts":{"database":{"state":"ok","needed":true,"ms":1.0}}}'),
    "/": (200, "<!DOCTYPE html><html><head></head></html>"),
    "/api/v1/openapi.json": (200, '{"openapi":"3.1.0"}'),
    "/api/v1/me": (401, '{"code":"unauthenticated"}'),
    "/version.json": (200, json.dumps({"version": "0.1.0", "revision": REVISION})),
}
pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="the script asks with curl")


class Place(http.server.ThreadingHTTPServer):
    """Answers with ``pages``; ``asked`` counts, and ``turn`` may change the pages in between."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pages = dict(WELL)
        self.asked: list[str] = []
        self.turn: Callable[[], None] = lambda: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    server: Place

    def do_GET(self) -> None:  # the library's name
        self.server.asked.append(self.path)
        self.server.turn()
        status, text = self.server.pages.get(self.path, (404, "{}"))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        pass


@pytest.fixture
def place() -> Iterator[Place]:
    with Place() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def smoke(*args: str, seconds: int = 0, steady: int = 1) -> subprocess.CompletedProcess[str]:
    """The script, without patience unless it is given some."""
    patience = {"SMOKE_SECONDS": str(seconds), "SMOKE_PAUSE": "0.05", "SMOKE_STEADY": str(steady)}
    return subprocess.run([SCRIPT, *args], env=os.environ | patience, capture_output=True, text=True, timeout=60)


class TestWell:
    def test_says_so(self, place: Place) -> None:
        done = smoke(place.url, REVISION)
        assert (done.returncode, done.stdout) == (0, f"{place.url} is well at {REVISION}\n"), done.stderr

    def test_asks_for_no_version_where_none_is_wanted(self, place: Place) -> None:
        assert smoke(f"{place.url}/").returncode == 0
        assert sorted(place.asked) == sorted(WELL.keys() - {"/version.json"})

    def test_more_than_once(self, place: Place) -> None:
        assert smoke(place.url, steady=3, seconds=30).returncode == 0
        assert place.asked.count("/health/ready") == 3


class TestWrong:
    @pytest.mark.parametrize(
        ("path", "page", "said"),
        [
            ("/health/live", (503, "{}"), "/health/live"),
            ("/health/ready", (503, '{"status":"ok"}'), "a part that is needed"),
            ("/health/ready", (200, '{"status":"degraded","parts":{}}'), "degraded"),
            ("/", (404, "<html>"), "the portal's page"),
            ("/", (200, "not built"), "the portal's page"),
            ("/api/v1/openapi.json", (502, ""), "contract"),
            ("/api/v1/openapi.json", (200, "{}"), "contract"),
            ("/api/v1/me", (200, "{}"), "who it is"),
            ("/version.json", (404, "{}"), "/version.json"),
            ("/version.json", (200, '{"version": "0.1.0", "revision": "old"}'), "still"),
        ],
    )
    def test_says_what(self, place: Place, path: str, page: Page, said: str) -> None:
        place.pages[path] = page
        done = smoke(place.url, REVISION)
        assert done.returncode == 1
        assert said in done.stderr.splitlines()[-1]

    def test_not_well_for_long_enough(self, place: Place) -> None:
        done = smoke(place.url, steady=2)
        assert done.returncode == 1
        assert "well 1 times" in done.stderr

    def test_nobody_there(self, place: Place) -> None:
        url = place.url
        place.server_close()
        assert smoke(url).returncode == 1

    def test_without_an_address(self) -> None:
        assert smoke().returncode != 0


class TestPatience:
    def test_waits_for_the_new_image(self, place: Place) -> None:
        place.pages["/version.json"] = (200, '{"version": "0.1.0", "revision": "old"}')

        def turn() -> None:
            if place.asked.count("/version.json") == 3:
                place.pages["/version.json"] = WELL["/version.json"]

        place.turn = turn
        done = smoke(place.url, REVISION, seconds=30, steady=2)
        assert done.returncode == 0
        assert done.stderr.count("not yet") == 2

    def test_a_stumble_begins_anew(self, place: Place) -> None:
        def turn() -> None:
            stumbles = place.asked.count("/health/live") == 2
            place.pages["/health/live"] = (503, "") if stumbles else WELL["/health/live"]

        place.turn = turn
        assert smoke(place.url, seconds=30, steady=2).returncode == 0
        assert place.asked.count("/health/ready") == 3
