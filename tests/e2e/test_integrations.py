"""Links with other systems, as owners set them up and everybody else sees them."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.portal import PHONE, Api, Window


def write(path: Path, content: bytes) -> None:
    """As a person saves a file there, with a time of its own."""
    path.write_bytes(content)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1))


@pytest.fixture
def folder(api: Api) -> Iterator[Any]:
    """A folder of ours; the links that were made with it are ended."""
    made = api.call("POST", "/folders", json={"name": f"Linked {uuid4().hex[:6]}"})
    yield made
    for link in api.call("GET", "/links")["items"]:
        if link["folder_id"] == made["id"]:
            api.call("DELETE", f"/links/{link['id']}")


def link(api: Api, folder: Any, share: Path, **more: Any) -> Any:
    """A link, made by the API."""
    body = {"name": "Client share", "folder_id": folder["id"], "place": {"kind": "folder", "path": str(share)}} | more
    return api.call("POST", "/links", json=body)


def in_step(page: Page) -> None:
    """The open link's page says so."""
    expect(page.get_by_role("status").filter(has_text="In step").first).to_be_visible()


class TestWizard:
    def test_from_nothing_to_both_ways(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        write(share / "Offer.txt", b"An offer of theirs.")
        api.add("Ours.txt", b"A paper of ours.", folder_id=folder["id"])
        page = mara.open("/integrations")
        page.get_by_role("link", name="New link").first.click()
        page.get_by_role("button", name="Folder or network share").click()
        page.get_by_label("Path").fill(str(share))
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_text("It can be reached")).to_be_visible()
        page.get_by_label("Name", exact=True).fill("Nordwind share")
        page.get_by_role("treeitem", name=folder["name"]).click()
        page.get_by_role("button", name="Make it and begin").click()
        expect(page.get_by_role("heading", name="Nordwind share")).to_be_visible()
        in_step(page)
        expect(page.get_by_role("link", name="Offer.txt", exact=True)).to_be_visible()
        assert (share / "Ours.txt").read_bytes() == b"A paper of ours."

        # The document says where it lives, and its history what went over.
        page.get_by_role("link", name="Ours.txt", exact=True).click()
        page.get_by_role("tab", name="Details").click()
        expect(page.get_by_role("region", name="Lives elsewhere")).to_contain_text("Nordwind share")
        expect(page.get_by_role("region", name="Lives elsewhere")).to_contain_text("In step")
        page.get_by_role("tab", name="Activity").click()
        expect(page.get_by_text("went to Nordwind share")).to_be_visible()

    def test_a_place_that_cannot_be_is_said_and_what_was_typed_stays(self, mara: Window, folder: Any) -> None:
        page = mara.open("/integrations/new")
        page.get_by_role("button", name="Folder or network share").click()
        page.get_by_label("Path").fill("/etc")
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_text("can be linked").first).to_be_visible()
        page.reload()
        expect(page.get_by_label("Path")).to_have_value("/etc")
        page.get_by_role("button", name="Back").click()
        page.get_by_role("button", name="WebDAV").click()
        expect(page.get_by_label("Address")).to_have_value("")
        page.get_by_label("Address").fill("https://127.0.0.1:1/dav")
        page.get_by_label("Password").fill("a secret of theirs")
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_role("alert").or_(page.locator("[aria-live=assertive]")).first).not_to_be_empty()
        assert "a secret of theirs" not in str(page.evaluate("JSON.stringify(localStorage)"))

    def test_looks_first(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        write(share / "Offer.txt", b"An offer of theirs.")
        page = mara.open("/integrations/new")
        page.get_by_role("button", name="Folder or network share").click()
        page.get_by_label("Path").fill(str(share))
        page.get_by_role("button", name="Try it and go on").click()
        page.get_by_role("treeitem", name=folder["name"]).click()
        page.get_by_role("button", name="Look first").click()
        expect(page.get_by_role("listitem").filter(has_text="Offer.txt")).to_contain_text("Add here")
        assert api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"] == []
        page.get_by_role("button", name="Go on").click()
        in_step(page)
        page.get_by_role("button", name="Look again").click()
        expect(page.get_by_text("Nothing is to be done")).to_be_visible()


class TestServices:
    def test_each_service_asks_for_what_it_needs(self, mara: Window, api: Api, folder: Any) -> None:
        tested: list[Any] = []

        def test(route: Route) -> None:
            tested.append(route.request.post_data_json)
            route.continue_()

        page = mara.page
        page.route("**/api/v1/link_tests", test)
        mara.open("/integrations/new")
        page.get_by_role("button", name="Another service").click()
        expect(page.get_by_label("Container")).to_be_visible()
        page.get_by_label("Service", exact=True).click()
        page.get_by_role("option", name="FTP").click()
        expect(page.get_by_label("Container")).to_have_count(0)
        page.get_by_label("Address").fill("ftp://127.0.0.1:1")
        page.get_by_label("Folder or prefix").fill("signed")
        page.get_by_label("User name").fill("nordwind")
        page.get_by_label("Password").fill("a secret of theirs")
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.locator("[aria-live=assertive]").filter(has_text=re.compile("."))).not_to_have_count(0)
        place = {"kind": "service", "service": "ftp", "root": "signed", "options": {"endpoint": "ftp://127.0.0.1:1"}}
        assert tested == [{"place": place, "credentials": {"username": "nordwind", "password": "a secret of theirs"}}]
        page.get_by_label("Address").fill("http://127.0.0.1:1")
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_label("Address")).to_have_attribute("aria-invalid", "true")


class TestMicrosoft:
    """What Microsoft would answer is put in its place; the program's own part of it is tested without a browser."""

    def test_signed_in_and_picked_folder_by_folder(self, mara: Window) -> None:
        app = {"tenant": "nordwind.example", "client_id": "0198c0de-8888-7000-8000-000000000001", "cloud": "global"}
        sign_in = "0198c0de-8888-7000-8000-00000000000a"
        asked: list[Any] = []
        tested: list[Any] = []

        def choices(route: Route) -> None:
            body: Any = route.request.post_data_json
            asked.append(body)
            ask = body["ask"]
            names = {"sites": ["Legal"], "drives": ["Papers"], "folders": ["Contracts"]}[ask["kind"]]
            if ask.get("folder_id") == "id of Contracts":
                names = []
            items = [{"id": f"id of {name}", "name": name, "web_url": ""} for name in names]
            route.fulfill(json={"items": items})

        def begin(route: Route) -> None:
            begun = {"id": sign_in, "url": f"{mara.base}/integrations/new?sign_in={sign_in}", "redirect_uri": ""}
            route.fulfill(status=201, json=begun | {"expires_at": "2030-01-01T00:00:00Z"})

        def test(route: Route) -> None:
            tested.append(route.request.post_data_json)
            route.fulfill(json={"found": "The folder Contracts."})

        found = {"id": sign_in, **app, "signed_in": True, "account": "ada@nordwind.example"}
        page = mara.page
        page.route("**/api/v1/link_sign_ins", begin)
        page.route(
            f"**/api/v1/link_sign_ins/{sign_in}",
            lambda route: route.fulfill(json=found | {"expires_at": "2030-01-01T00:00:00Z"}),
        )
        page.route("**/api/v1/link_choices", choices)
        page.route("**/api/v1/link_tests", test)
        mara.open("/integrations/new")
        page.get_by_role("button", name="OneDrive or SharePoint").click()
        expect(page.get_by_role("button", name="Sign in with Microsoft")).to_be_disabled()
        page.get_by_label("Tenant").fill(app["tenant"])
        page.get_by_label("Application (client) ID").fill(app["client_id"])
        page.get_by_role("button", name="Sign in with Microsoft").click()
        expect(page.get_by_text("Signed in as ada@nordwind.example")).to_be_visible()
        expect(page.get_by_label("Tenant")).to_have_value(app["tenant"])
        page.get_by_label("Name of a SharePoint site").fill("legal")
        page.get_by_role("button", name="Find").click()
        for name in ("Legal", "Papers", "Contracts"):
            page.get_by_role("listitem").get_by_role("button", name=name).click()
        expect(page.get_by_text("No folders in it")).to_be_visible()
        page.get_by_role("button", name="Take “Contracts”").click()
        expect(page.get_by_text("Legal › Papers › Contracts")).to_be_visible()
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_text("The folder Contracts.")).to_be_visible()
        credentials = {"sign_in": sign_in}
        place = {"kind": "graph", **app, "drive_id": "id of Papers", "folder_id": "id of Contracts"}
        assert tested == [{"place": place, "credentials": credentials}]
        assert [each["ask"]["kind"] for each in asked] == ["sites", "drives", "folders", "folders"]

    def test_without_a_place_it_is_asked_for(self, mara: Window) -> None:
        page = mara.open("/integrations/new")
        page.get_by_role("button", name="OneDrive or SharePoint").click()
        page.get_by_label("Tenant").fill("nordwind.example")
        page.get_by_label("Application (client) ID").fill("0198c0de-8888-7000-8000-000000000001")
        page.get_by_label("Client secret").fill("a secret of theirs")
        page.get_by_role("button", name="Try it and go on").click()
        expect(page.get_by_label("Drive ID")).to_have_attribute("aria-invalid", "true")

    @pytest.mark.parametrize(
        ("why", "said"), [("ended", "came too late"), ("refused", "did not allow"), ("unreachable", "could not be")]
    )
    def test_a_sign_in_that_failed_is_said(self, mara: Window, why: str, said: str) -> None:
        page = mara.open(f"/integrations/new?problem={why}")
        expect(page.get_by_text(said).first).to_be_visible()
        expect(page).to_have_url(re.compile("/integrations/new$"))


class TestLink:
    def test_a_conflict_is_decided(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        write(share / "Lease.txt", b"base")
        made = link(api, folder, share)
        page = mara.open(f"/integrations/{made['id']}")
        in_step(page)
        document = api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"][0]
        api.call("PATCH", f"/links/{made['id']}", json={"paused": True})
        api.version(document, b"ours")
        write(share / "Lease.txt", b"theirs")
        page.get_by_role("button", name="Go on").click()
        page.get_by_role("link", name="Look at them").click()
        expect(page.get_by_text("Changed on both sides", exact=True)).to_be_visible()

        # Whoever opens the document is told.
        page.get_by_role("link", name="Lease.txt", exact=True).click()
        expect(page.get_by_role("link", name="Out of step with Client share")).to_be_visible()
        page.go_back()

        page.get_by_role("button", name="Decide on Lease.txt").click()
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("link", name="Compare the two")).to_have_attribute(
            "href", re.compile(r"compare=3(\.\.|%2E)4")
        )
        dialog.get_by_role("button", name="Keep ours").click()
        expect(page.get_by_text("No conflicts")).to_be_visible()
        in_step(page)
        assert (share / "Lease.txt").read_bytes() == b"ours"

    def test_the_brake_asks(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        for number in range(8):
            write(share / f"Paper {number}.txt", b"%d" % number)
        limits = {"most_deleted": 2, "most_deleted_share": 0.1}
        made = link(api, folder, share, limits=limits)
        page = mara.open(f"/integrations/{made['id']}")
        in_step(page)
        for number in range(6):
            (share / f"Paper {number}.txt").unlink()
        page.get_by_role("button", name="Sync now").click()
        expect(page.get_by_text("Stopped, and asks")).to_be_visible()
        page.get_by_role("link", name="See what it would do").click()
        expect(page.get_by_text("This run would stop and ask")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="To the trash here")).to_have_count(6)
        assert len(api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"]) == 8
        page.get_by_role("button", name="Let it go on").click()
        in_step(page)
        assert len(api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"]) == 2

    def test_paused_changed_and_ended(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        made = link(api, folder, share)
        page = mara.open(f"/integrations/{made['id']}")
        in_step(page)
        page.get_by_role("button", name="More actions").last.click()
        page.get_by_role("menuitem", name="Pause").click()
        expect(page.get_by_text("Nothing travels until you let it go on")).to_be_visible()
        page.get_by_role("button", name="More actions").last.click()
        page.get_by_role("menuitem", name="Name, direction and limits").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name").fill("Renamed share")
        dialog.get_by_role("radio", name="From there to here").check()
        dialog.get_by_label("Largest file").fill("2.5")
        dialog.get_by_label("Share of all", exact=True).fill("35")
        dialog.get_by_label("Types of files").fill(".PDF, docx")
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Renamed share")).to_be_visible()
        now = api.call("GET", f"/links/{made['id']}")
        assert (now["direction"], now["limits"]["max_bytes"]) == ("in", 2_500_000)
        assert (now["limits"]["most_deleted_share"], now["limits"]["types"]) == (0.35, ["pdf", "docx"])
        page.get_by_role("button", name="More actions").last.click()
        page.get_by_role("menuitem", name="End the link").click()
        page.get_by_role("dialog").get_by_role("button", name="End the link").click()
        expect(page).to_have_url(re.compile("/integrations$"))
        expect(page.get_by_role("link", name="Renamed share")).to_have_count(0)

    def test_the_rights_of_the_other_side_are_shown(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        made = link(api, folder, share)
        page = mara.open(f"/integrations/{made['id']}")
        page.get_by_role("link", name="Rights there").click()
        expect(page.get_by_role("listitem").filter(has_text="what the link works as")).to_be_visible()

    def test_a_place_that_is_gone_deletes_nothing(self, mara: Window, api: Api, folder: Any, share: Path) -> None:
        write(share / "Offer.txt", b"An offer of theirs.")
        made = link(api, folder, share)
        page = mara.open(f"/integrations/{made['id']}")
        in_step(page)
        away = share.rename(share.with_name(f"{share.name} away"))
        page.get_by_role("button", name="Sync now").click()
        expect(page.get_by_text("The place is gone there")).to_be_visible()
        assert len(api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"]) == 1
        away.rename(share)
        page.get_by_role("button", name="Sync now").click()
        in_step(page)


class TestOthers:
    def test_an_editor_sees_where_a_document_lives_and_sets_nothing_up(
        self, tom: Window, api: Api, folder: Any, share: Path
    ) -> None:
        write(share / "Offer.txt", b"An offer of theirs.")
        made = link(api, folder, share)
        api.becomes(f"/links/{made['id']}", items=1, waiting=0)
        document = api.call("GET", "/documents", params={"folder_id": folder["id"]})["items"][0]
        page = tom.open(f"/documents/{document['id']}?tab=details")
        region = page.get_by_role("region", name="Lives elsewhere")
        expect(region).to_contain_text("Client share")
        expect(region.get_by_role("link")).to_have_count(0)
        expect(page.get_by_role("link", name="Integrations")).to_have_count(0)
        for path in ("/integrations", "/integrations/new", f"/integrations/{made['id']}"):
            page.goto(path)
            expect(page.get_by_text("Only owners of the workspace")).to_be_visible()

    def test_on_a_phone(self, windows: Callable[..., Window], base: str, api: Api, folder: Any, share: Path) -> None:
        made = link(api, folder, share)
        window = windows(base, viewport=PHONE, has_touch=True, is_mobile=True).sign_in("mara")
        page = window.open("/")
        page.get_by_role("button", name="More", exact=True).click()
        page.get_by_role("link", name="Integrations").click()
        page.locator(f"a[href='/integrations/{made['id']}']").click()
        in_step(page)
        page.get_by_role("link", name="Dry run").click()
        expect(page.get_by_text("Nothing is to be done")).to_be_visible()
