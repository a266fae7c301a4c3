"""Files come in: dropped and chosen, through a reload, a dead server and a name that exists."""

import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.files import content_of, documents_in, drop, line, noise, pick, row, slow_line, tray, tree, wait_for_list
from tests.e2e.portal import DESKTOP, PASSWORD, PHONE, Api, Window, address
from tests.trust.server import Server
from tests.uploads.sender import metadata

LONG = 60_000
# How many files the browser keeps for after a reload.
KEPT = """async wanted => new Promise(resolve => {
  const opening = indexedDB.open('dossier.uploads', 1)
  opening.onsuccess = () => {
    const counting = opening.result.transaction('files').objectStore('files').count()
    counting.onsuccess = () => { opening.result.close(); resolve(counting.result === wanted) }
  }
})"""


@pytest.fixture
def place(api: Api, request: pytest.FixtureRequest) -> dict[str, Any]:
    """A folder of the test's own."""
    return dict(api.call("POST", "/folders", json={"name": f"Uploads {uuid4().hex[:6]} {request.node.name}"[:200]}))


def opened(window: Window, place: dict[str, Any]) -> Page:
    """The folder, ready to take files."""
    page = window.open(f"/documents?folder={place['id']}")
    expect(page.get_by_role("button", name="Add files").first).to_be_visible()
    return page


class TestAdd:
    def test_a_dropped_folder_of_thirty_files(
        self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path
    ) -> None:
        files = {f"Contracts/{n % 3}/part {n}.txt": f"text {n}".encode() for n in range(29)}
        tree(tmp_path, files | {"Contracts/Lease Ä.pdf": b"%PDF-1.4 lease", "Contracts/.DS_Store": b"no"})
        (tmp_path / "Contracts" / "Empty").mkdir()
        page = opened(mara, place)
        drop(page, [tmp_path / "Contracts"], page.locator("#main"))
        expect(tray(page)).to_contain_text("30 files added", timeout=LONG)
        row(page, "Contracts").click()
        wait_for_list(page)
        for name in ("0", "1", "2", "Empty", "Lease Ä.pdf"):
            expect(row(page, name)).to_be_visible()
        made = {each["name"]: each["id"] for each in api.call("GET", "/folders", params={"limit": 200})["items"]}
        inside = documents_in(api, made["1"])
        assert len(inside) == 10
        assert content_of(api, inside["part 1.txt"]["id"]) == b"text 1"

    def test_a_chosen_folder_and_files(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        tree(tmp_path, {"Plans/a/one.txt": b"1", "Plans/two.txt": b"2", "three.txt": b"", "four.txt": noise(6_000_000)})
        page = opened(mara, place)
        pick(page, "folder", tmp_path / "Plans")
        pick(page, "files", [tmp_path / "three.txt", tmp_path / "four.txt"])
        expect(tray(page)).to_contain_text("4 files added", timeout=LONG)
        wait_for_list(page)
        expect(row(page, "Plans")).to_be_visible()
        expect(row(page, "three.txt")).to_contain_text("0 B")
        assert content_of(api, documents_in(api, place["id"])["four.txt"]["id"]) == noise(6_000_000)
        line(page, "four.txt").get_by_role("link").click()
        expect(page).to_have_url(f"{mara.base}/documents/{documents_in(api, place['id'])['four.txt']['id']}")
        expect(tray(page)).to_be_visible()
        tray(page).get_by_role("button", name="Clear what is done").first.click()
        expect(tray(page)).to_be_hidden()

    def test_a_drop_on_a_document_is_a_new_version(
        self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path
    ) -> None:
        document = api.add("Lease.pdf", b"%PDF-1.4 one", folder_id=place["id"])
        tree(tmp_path, {"scan.pdf": b"%PDF-1.4 two"})
        page = opened(mara, place)
        drop(page, [tmp_path / "scan.pdf"], row(page, "Lease.pdf"))
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("New version of “Lease.pdf”")
        dialog.get_by_label("What changed").fill("signed")
        dialog.get_by_role("button", name="Add version").click()
        expect(row(page, "Lease.pdf")).to_contain_text("v2")
        expect(line(page, "Lease.pdf")).to_contain_text("Added as v2")
        now = api.call("GET", f"/documents/{document['id']}")
        assert (now["version"]["comment"], content_of(api, document["id"])) == ("signed", b"%PDF-1.4 two")

    def test_a_viewer_cannot(
        self, windows: Callable[..., Window], base: str, place: dict[str, Any], tmp_path: Path
    ) -> None:
        tree(tmp_path, {"no.txt": b"no"})
        page = windows(base).sign_in("vera").open(f"/documents?folder={place['id']}")
        expect(page.get_by_text("Nobody has added anything here yet")).to_be_visible()
        expect(page.get_by_role("button", name="Add files")).to_have_count(0)
        drop(page, [tmp_path / "no.txt"], page.locator("#main"))
        expect(tray(page)).to_be_hidden()


class TestNameExists:
    def test_asks_once_for_all(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        for n in range(4):
            api.add(f"{n}.txt", b"old", folder_id=place["id"])
        tree(tmp_path, {f"{n}.txt": f"new {n}".encode() for n in range(6)})
        page = opened(mara, place)
        pick(page, "files", [tmp_path / f"{n}.txt" for n in range(6)])
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("0.txt” exists already")
        dialog.get_by_label("For all files of this kind").check()
        dialog.get_by_role("button", name="New version").click()
        expect(tray(page)).to_contain_text("6 files added")
        expect(dialog).to_be_hidden()
        found = documents_in(api, place["id"])
        assert [found[f"{n}.txt"]["version"]["number"] for n in range(6)] == [2, 2, 2, 2, 1, 1]

    def test_keep_both_and_skip(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        for name in ("a.txt", "b.txt"):
            api.add(name, b"old", folder_id=place["id"])
        tree(tmp_path, {"a.txt": b"new", "b.txt": b"new"})
        page = opened(mara, place)
        pick(page, "files", [tmp_path / "a.txt", tmp_path / "b.txt"])
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("“a.txt”")
        dialog.get_by_role("button", name="Keep both").click()
        expect(dialog).to_contain_text("“b.txt”")
        dialog.get_by_role("button", name="Skip").click()
        expect(row(page, "a (2).txt")).to_be_visible()
        found = documents_in(api, place["id"])
        assert {name: each["version"]["number"] for name, each in found.items()} == {
            "a (2).txt": 1,
            "a.txt": 1,
            "b.txt": 1,
        }

    def test_the_choice_can_wait(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        api.add("a.txt", b"old", folder_id=place["id"])
        page = opened(mara, place)
        pick(page, "files", [tree(tmp_path, {"a.txt": b"new"}) / "a.txt"])
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(tray(page)).to_contain_text("1 file waits for you")
        line(page, "a.txt").get_by_role("button", name="Choose").click()
        dialog.get_by_role("button", name="New version").click()
        expect(row(page, "a.txt")).to_contain_text("v2")

    def test_taken_meanwhile_by_somebody_else(
        self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path
    ) -> None:
        tree(tmp_path, {"big.bin": noise(6_000_000)})
        page = opened(mara, place)
        with slow_line(page, 2_000_000):
            pick(page, "files", [tmp_path / "big.bin"])
            expect(line(page, "big.bin")).to_contain_text(" of 6 MB")
            api.add("big.bin", b"quicker", folder_id=place["id"])
            page.get_by_role("dialog").get_by_role("button", name="New version").click(timeout=LONG)
        expect(line(page, "big.bin")).to_contain_text("Added as v2")
        found = documents_in(api, place["id"])["big.bin"]
        assert (found["version"]["number"], content_of(api, found["id"])) == (2, noise(6_000_000))


class TestGoesOn:
    def test_pause_resume_cancel(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        tree(tmp_path, {"keep.bin": noise(9_000_000, "k"), "drop.bin": noise(9_000_000, "d")})
        page = opened(mara, place)
        with slow_line(page, 3_000_000):
            pick(page, "files", [tmp_path / "keep.bin", tmp_path / "drop.bin"])
            expect(line(page, "keep.bin")).to_contain_text(" of 9 MB")
            page.get_by_role("button", name="Pause keep.bin").click()
            expect(line(page, "keep.bin")).to_contain_text("Paused")
            page.get_by_role("button", name="Cancel drop.bin").click()
            expect(line(page, "drop.bin")).to_have_count(0)
            page.get_by_role("button", name="Go on with keep.bin").click()
        expect(line(page, "keep.bin")).to_contain_text("Added", timeout=LONG)
        found = documents_in(api, place["id"])
        assert list(found) == ["keep.bin"]
        assert content_of(api, found["keep.bin"]["id"]) == noise(9_000_000, "k")
        assert [each["name"] for each in api.call("GET", "/uploads")["items"] if each["name"] == "drop.bin"] == []

    def test_after_a_reload(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        names = [f"{n}.bin" for n in range(5)]
        tree(tmp_path, {name: noise(5_000_000, name) for name in names})
        page = opened(mara, place)
        with slow_line(page, 3_000_000):
            pick(page, "files", [tmp_path / name for name in names])
            expect(line(page, "0.bin")).to_contain_text(" of 5 MB")
            page.wait_for_function(KEPT, arg=5)
            page.reload()
            expect(line(page, "4.bin")).to_be_visible()
        expect(tray(page)).to_contain_text("5 files added", timeout=LONG)
        found = documents_in(api, place["id"])
        assert sorted(found) == names
        assert all(content_of(api, found[name]["id"]) == noise(5_000_000, name) for name in names)

    def test_without_the_bytes_it_asks_for_the_file(
        self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path
    ) -> None:
        path = tree(tmp_path, {"lost.bin": noise(9_000_000)}) / "lost.bin"
        page = opened(mara, place)
        with slow_line(page, 3_000_000):
            pick(page, "files", [path])
            expect(line(page, "lost.bin")).to_contain_text(" of 9 MB")
            page.wait_for_timeout(1000)
            page.evaluate("indexedDB.deleteDatabase('dossier.uploads')")
            page.reload()
        expect(line(page, "lost.bin")).to_contain_text("Choose the file again")
        pick(page, "again", [path])
        expect(line(page, "lost.bin")).to_contain_text("Added", timeout=LONG)
        assert content_of(api, documents_in(api, place["id"])["lost.bin"]["id"]) == noise(9_000_000)

    def test_after_a_killed_server(self, windows: Callable[..., Window], server: Server, tmp_path: Path) -> None:
        base, port = address(server), server.port
        api = Api(base, "mara@example.com")
        root = api.call("GET", "/folders", params={"top": "true"})["items"][0]["id"]
        api.client.close()
        path = tree(tmp_path, {"big.bin": noise(90_000_000)}) / "big.bin"
        window = windows(base).sign_in("mara")
        window.expected = re.compile(f"{window.expected.pattern}|net::ERR_")  # it is the server that is gone
        page = window.open("/documents")
        expect(page.get_by_role("button", name="Add files").first).to_be_visible()
        with slow_line(page, 12_000_000):
            pick(page, "files", [path])
            expect(line(page, "big.bin")).to_contain_text(" of 90 MB")
            page.wait_for_timeout(
                6500
            )  # some of it has been noted: what comes then has to be read once more at the end
            server.send(signal.SIGKILL)
            server.wait(30)
            expect(line(page, "big.bin")).to_contain_text("goes on by itself")
            server.start("--port", str(port))
            expect(line(page, "big.bin")).to_contain_text(" of 90 MB", timeout=LONG)
        expect(line(page, "big.bin")).to_contain_text("Added", timeout=LONG)
        api = Api(base, "mara@example.com")
        assert content_of(api, documents_in(api, root)["big.bin"]["id"]) == noise(90_000_000)
        api.client.close()

    def test_what_is_read_once_more(
        self, windows: Callable[..., Window], base: str, api: Api, place: dict[str, Any]
    ) -> None:
        """An upload that an earlier visit left, all of whose bytes are there."""
        told = {"Tus-Resumable": "1.0.0", "Upload-Length": "9000000"}
        told["Upload-Metadata"] = metadata(filename="report.bin", folder_id=place["id"])
        begun = api.client.post("/uploads", headers=told)
        assert begun.status_code == 201, begun.text
        upload = begun.json() | {"state": "hashing", "offset": 8_999_999}
        asked: list[str] = []

        def answer(route: Route) -> None:
            asked.append(route.request.url)
            made = {"id": upload["id"], "version": 1}
            end = {"state": "done", "document": made} if len(asked) > 1 else {}
            route.fulfill(status=200 if end else 202, json=upload | end)

        window = windows(base).sign_in("mara")
        window.page.route("**/api/v1/uploads?*", lambda route: route.fulfill(json={"items": [upload], "next": None}))
        window.page.route("**/finish", answer)
        page = opened(window, place)
        expect(line(page, "report.bin")).to_contain_text("All here, being checked")
        expect(line(page, "report.bin")).to_contain_text("Added", timeout=LONG)
        assert len(asked) == 2
        api.client.delete(f"/uploads/{upload['id']}", headers=told).raise_for_status()

    def test_after_a_new_sign_in(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        path = tree(tmp_path, {"late.bin": noise(6_000_000)}) / "late.bin"
        page = opened(mara, place)
        mara.context.clear_cookies()
        pick(page, "files", [path])
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("sign")
        dialog.get_by_label("Password", exact=True).fill(PASSWORD)
        dialog.get_by_role("button", name="Sign in").click()
        expect(line(page, "late.bin")).to_contain_text("Added", timeout=LONG)
        assert content_of(api, documents_in(api, place["id"])["late.bin"]["id"]) == noise(6_000_000)


class TestArriving:
    """A large file whose bytes are all here, while the server reads it once more: who waits for it sees it come."""

    SIZE = 70_000_000

    def _send(self, api: Api, offset: int, address: str, body: bytes) -> None:
        told = {
            "Tus-Resumable": "1.0.0",
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        api.client.patch(address, headers=told, content=body).raise_for_status()

    def _begun(self, api: Api, **told: str) -> str:
        """All of an upload but its last byte; its address."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(self.SIZE), "Upload-Metadata": metadata(**told)}
        begun = api.client.post("/uploads", headers=headers)
        begun.raise_for_status()
        self._send(api, 0, f"/uploads/{begun.json()['id']}", noise(self.SIZE)[:-1])
        return f"/uploads/{begun.json()['id']}"

    def test_others_see_it_come(self, windows: Callable[..., Window], server: Server) -> None:
        base, port = address(server), server.port
        api = Api(base, "mara@example.com")
        place = api.call("POST", "/folders", json={"name": "Survey"})
        plan = api.add("plan.bin", b"the first", folder_id=place["id"])
        film = self._begun(api, filename="film.mp4", folder_id=place["id"])
        newer = self._begun(api, filename="plan.bin", document_id=plan["id"])
        # A process that has not seen the bytes has to read them, and here nobody does so yet.
        server.stop()
        server.start("--port", str(port), "--no-worker")
        tom, vera = windows(base).sign_in("tom"), windows(base, viewport=PHONE).sign_in("vera")
        page, paper = opened(tom, place), vera.open(f"/documents/{plan['id']}")
        arriving = page.get_by_role("status", name="About to be here")
        expect(arriving.get_by_role("listitem")).to_have_count(0)
        expect(paper.get_by_role("heading", name="plan.bin").first).to_be_visible()

        self._send(api, self.SIZE - 1, film, noise(self.SIZE)[-1:])
        expect(arriving.get_by_role("listitem")).to_have_count(1)
        self._send(api, self.SIZE - 1, newer, noise(self.SIZE)[-1:])
        expect(arriving.get_by_role("listitem")).to_have_count(2)
        expect(arriving).to_contain_text("film.mp4")
        expect(arriving).to_contain_text("70 MB")
        expect(arriving).to_contain_text("Mara Lind")
        expect(arriving).to_contain_text("All here, being checked")
        coming = arriving.get_by_role("listitem").filter(has_text="New version")
        expect(coming.get_by_role("link", name="plan.bin")).to_have_attribute("href", f"/documents/{plan['id']}")
        expect(paper.get_by_text("A new version by Mara Lind is all here and is being checked, 70 MB.")).to_be_visible()
        expect(row(page, "film.mp4")).to_have_count(0)
        assert tom.axe_both() == vera.axe_both() == []

        errors = re.compile(f"{tom.expected.pattern}|net::ERR_")  # it is the server that is gone for a moment
        tom.expected = vera.expected = errors
        server.stop()
        server.start("--port", str(port))
        expect(row(page, "film.mp4")).to_be_visible(timeout=LONG)
        expect(arriving.get_by_role("listitem")).to_have_count(0, timeout=LONG)
        expect(paper.get_by_text("v2 was added by Mara Lind")).to_be_visible(timeout=LONG)
        expect(paper.get_by_text("is being checked")).to_have_count(0)
        assert content_of(api, documents_in(api, place["id"])["film.mp4"]["id"]) == noise(self.SIZE)
        api.client.close()


class TestTray:
    def test_a_thousand_files_do_not_slow_the_page(
        self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path
    ) -> None:
        tree(tmp_path, {f"Many/{n:04}.txt": f"{n}".encode() for n in range(300)})
        page = opened(mara, place)
        page.evaluate(
            "window.longest = 0; new PerformanceObserver(list => { for (const each of list.getEntries())"
            " window.longest = Math.max(window.longest, each.duration) }).observe({ entryTypes: ['longtask'] })"
        )
        pick(page, "folder", tmp_path / "Many")
        expect(tray(page)).to_contain_text("of 300 added")
        assert tray(page).get_by_role("listitem").count() < 30
        expect(tray(page)).to_contain_text("300 files added", timeout=2 * LONG)
        assert page.evaluate("window.longest") < 1000

    @pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desk", "phone"])
    def test_axe(
        self,
        windows: Callable[..., Window],
        base: str,
        api: Api,
        place: dict[str, Any],
        tmp_path: Path,
        size: Any,
    ) -> None:
        api.add("a.txt", b"old", folder_id=place["id"])
        tree(tmp_path, {"a.txt": b"new", "b.txt": b"b", "c.bin": noise(9_000_000)})
        window = windows(base, viewport=size).sign_in("mara")
        page = opened_small(window, place) if size is PHONE else opened(window, place)
        with slow_line(page, 200_000):
            pick(page, "files", [tmp_path / name for name in ("a.txt", "b.txt", "c.bin")])
            expect(page.get_by_role("dialog")).to_be_visible()
            assert window.axe_both() == []
            page.keyboard.press("Escape")
            if size is PHONE:
                page.get_by_role("button", name="Show uploads").click()
            expect(line(page, "c.bin")).to_contain_text(" of 9 MB")
            assert window.axe_both() == []
            with page.expect_response(lambda answer: answer.request.method == "DELETE"):
                page.get_by_role("button", name="Cancel c.bin").click()

    def test_a_cancel_with_the_last_breath(self, mara: Window, api: Api, place: dict[str, Any], tmp_path: Path) -> None:
        """The page is closed in the same moment: what was cancelled does not come back at the next visit."""
        path = tree(tmp_path, {"gone.bin": noise(9_000_000)}) / "gone.bin"
        page = opened(mara, place)
        with slow_line(page, 200_000):
            pick(page, "files", [path])
            expect(line(page, "gone.bin")).to_contain_text(" of 9 MB")
        page.get_by_role("button", name="Cancel gone.bin").click()
        page.close()
        deadline = time.monotonic() + 20
        while any(each["name"] == "gone.bin" for each in api.call("GET", "/uploads")["items"]):
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def test_german(self, windows: Callable[..., Window], base: str, place: dict[str, Any], tmp_path: Path) -> None:
        page = windows(base, locale="de-DE").sign_in("mara").open(f"/documents?folder={place['id']}")
        expect(page.get_by_role("button", name="Dateien hinzufügen").first).to_be_visible()
        pick(page, "files", [tree(tmp_path, {"Brief.txt": b"x"}) / "Brief.txt"])
        expect(page.get_by_role("region", name="Uploads", exact=True)).to_contain_text("1 Datei hinzugefügt")


def opened_small(window: Window, place: dict[str, Any]) -> Page:
    """The folder on a phone."""
    page = window.open(f"/documents?folder={place['id']}")
    expect(page.get_by_role("button", name="Add", exact=True)).to_be_visible()
    return page
