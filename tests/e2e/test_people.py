"""People, profile, tokens, settings and jobs."""

import re
from collections.abc import Callable
from uuid import uuid4

import httpx
from playwright.sync_api import Page, expect

from tests.e2e.portal import PASSWORD, PHONE, Api, Window

JOB = {
    "id": "0198c0de-7777-7000-8000-000000000001",
    "kind": "search.index",
    "state": "failed",
    "attempts": 5,
    "last_error": "The file is damaged.",
    "created_at": "2026-11-24T09:00:00Z",
    "next_try_at": None,
    "document": {"id": "0198c0de-1111-7000-8000-000000000001", "name": "Lease.pdf"},
}


def invited(page: Page, email: str, role: str = "Editor") -> str:
    """Invite by the form; the link that it shows."""
    page.get_by_role("button", name="Invite", exact=True).first.click()
    dialog = page.get_by_role("dialog", name="Invite somebody")
    dialog.get_by_label("E-mail").fill(email)
    dialog.get_by_role("radio", name=role).check()
    dialog.get_by_role("button", name="Make the link").click()
    link = page.get_by_role("textbox", name="Invitation link")
    expect(link).to_be_visible()
    return link.input_value()


def newcomer(api: Api, windows: Callable[..., Window], base: str, role: str = "editor") -> tuple[Window, str]:
    """Somebody new who has just joined: their window and their e-mail."""
    email = f"n{uuid4().hex[:8]}@example.com"
    made = api.call("POST", "/invitations", json={"email": email, "role": role})
    link = made["url"].partition("#")[2]
    told = {"link": link, "name": f"Nova {email[:9]}", "password": PASSWORD}
    answer = httpx.post(f"{base}/api/v1/invitations/accept", json=told, headers={"Origin": base}, verify=False)
    assert answer.is_success, answer.text
    window = windows(base)
    signed = window.context.request.post(
        "/api/v1/session", data={"email": email, "password": PASSWORD}, headers={"Origin": base}
    )
    assert signed.ok
    return window, email


class TestInvite:
    def test_the_link_is_opened_elsewhere_and_leads_in(
        self, mara: Window, windows: Callable[..., Window], base: str
    ) -> None:
        page = mara.open("/people")
        email = f"nina{uuid4().hex[:6]}@example.com"
        link = invited(page, email, "Viewer")
        assert "/join#" in link
        page.get_by_role("button", name="Done").click()
        page.get_by_role("link", name="Invitations").click()
        expect(page.get_by_text(email)).to_be_visible()

        guest = windows(base).open(f"/join#{link.partition('#')[2]}")
        guest.get_by_label("Your name").fill("Nina Falk")
        guest.get_by_label("Password", exact=True).fill("a sentence of hers")
        guest.get_by_role("button", name="Join").click()
        guest.get_by_role("link", name="Sign in").click()
        guest.get_by_label("E-mail").fill(email)
        guest.get_by_label("Password", exact=True).fill("a sentence of hers")
        guest.get_by_role("button", name="Sign in").click()
        expect(guest).to_have_url(f"{base}/")
        # The owner's page hears of it.
        expect(page.get_by_text(email)).to_have_count(0)
        page.get_by_role("link", name="Members").click()
        expect(page.get_by_role("row").filter(has_text=email)).to_be_visible()
        # A viewer reads who is there and changes nothing.
        guest.goto("/people")
        expect(guest.get_by_role("row").filter(has_text="Mara Lind")).to_be_visible()
        expect(guest.get_by_role("button", name="Invite", exact=True)).to_have_count(0)
        expect(guest.get_by_role("combobox")).to_have_count(0)

    def test_is_taken_back(self, mara: Window) -> None:
        page = mara.open("/people?view=invitations")
        email = f"late{uuid4().hex[:6]}@example.com"
        invited(page, email)
        page.get_by_role("button", name="Done").click()
        page.get_by_role("button", name=f"Take back the invitation for {email}").click()
        expect(page.get_by_text(f"The invitation for {email} is taken back").first).to_be_visible()
        expect(page.get_by_text(email, exact=True)).to_have_count(0)

    def test_says_what_is_wrong_and_keeps_what_was_typed(self, mara: Window) -> None:
        page = mara.open("/people")
        page.get_by_role("button", name="Invite", exact=True).click()
        page.get_by_label("E-mail").fill("tom@example.com")
        page.get_by_role("button", name="Make the link").click()
        expect(page.get_by_text("This person is a member already")).to_be_visible()
        expect(page.get_by_label("E-mail")).to_have_value("tom@example.com")


class TestMembers:
    def test_role_and_undo(self, mara: Window, windows: Callable[..., Window], base: str, api: Api) -> None:
        _, email = newcomer(api, windows, base)
        page = mara.open("/people")
        role = page.get_by_role("row").filter(has_text=email).get_by_role("combobox")
        role.click()
        page.get_by_role("option", name="Viewer").click()
        expect(role).to_contain_text("Viewer")
        page.get_by_role("button", name="Undo").click()
        expect(role).to_contain_text("Editor")
        expect(page.get_by_text("Taken back").first).to_be_visible()

    def test_a_refused_change_is_put_back(
        self, mara: Window, windows: Callable[..., Window], base: str, api: Api
    ) -> None:
        _, email = newcomer(api, windows, base)
        page = mara.open("/people")
        page.route("**/api/v1/members/*", lambda route: route.fulfill(status=503, json={"code": "unavailable"}))
        role = page.get_by_role("row").filter(has_text=email).get_by_role("combobox")
        role.click()
        page.get_by_role("option", name="Owner").click()
        expect(page.get_by_text("was not changed").first).to_be_visible()
        expect(role).to_contain_text("Editor")

    def test_deactivated_and_taken_back(
        self, mara: Window, windows: Callable[..., Window], base: str, api: Api
    ) -> None:
        window, email = newcomer(api, windows, base)
        page = mara.open("/people")
        mine = page.get_by_role("row").filter(has_text=email)
        mine.get_by_role("button", name=re.compile("Actions for")).click()
        page.get_by_role("menuitem", name="Deactivate").click()
        expect(mine).to_have_count(0)
        expect(page.get_by_text("has no access any more").first).to_be_visible()
        assert window.context.request.get("/api/v1/me").status == 401
        page.get_by_role("button", name="Undo").click()
        expect(mine).to_be_visible()


class TestGroups:
    def test_made_renamed_and_ended(self, mara: Window) -> None:
        name = f"Group {uuid4().hex[:6]}"
        page = mara.open("/people?view=groups")
        page.get_by_role("button", name="New group").first.click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("checkbox", name="Tom Berg").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("listitem").filter(has_text=name)).to_contain_text("Tom Berg")
        page.get_by_role("button", name=f"Edit {name}").click()
        page.get_by_label("Name", exact=True).fill(f"{name} two")
        page.get_by_role("checkbox", name="Vera Holm").check()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("listitem").filter(has_text=f"{name} two")).to_contain_text("Vera Holm")
        page.get_by_role("button", name=f"Delete the group {name} two").click()
        page.get_by_role("button", name="Delete", exact=True).click()
        expect(page.get_by_role("heading", name=f"{name} two")).to_have_count(0)


class TestProfile:
    def test_name_and_password(self, windows: Callable[..., Window], base: str, api: Api) -> None:
        window, email = newcomer(api, windows, base)
        page = window.open("/profile")
        expect(page.get_by_label("E-mail")).to_have_value(email)
        page.get_by_label("Name", exact=True).fill("Nova Stern")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Saved").first).to_be_visible()
        page.get_by_label("Present password").fill("not this one")
        page.get_by_label("New password").fill("another sentence")
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("This is not the present password")).to_be_visible()
        expect(page.get_by_label("New password")).to_have_value("another sentence")
        page.get_by_label("Present password").fill(PASSWORD)
        page.get_by_role("button", name="Change password").click()
        expect(page.get_by_text("The new password is in force").first).to_be_visible()
        answer = httpx.post(
            f"{base}/api/v1/session",
            json={"email": email, "password": "another sentence"},
            headers={"Origin": base},
            verify=False,
        )
        assert answer.is_success

    def test_language_and_theme_stay(self, mara: Window) -> None:
        page = mara.open("/profile")
        expect(page.get_by_text("Europe/Berlin")).to_be_visible()
        page.get_by_role("radio", name="Dark").check()
        page.get_by_role("combobox", name="Language").click()
        page.get_by_role("option", name="Deutsch").click()
        expect(page.get_by_role("heading", name="Profil")).to_be_visible()
        page.reload()
        expect(page.get_by_role("heading", name="Profil")).to_be_visible()
        expect(page.locator("html")).to_have_class(re.compile("dark"))
        expect(page.locator("html")).to_have_attribute("lang", "de")


class TestTokens:
    def test_made_used_and_revoked(self, mara: Window, base: str) -> None:
        name = f"Backup {uuid4().hex[:6]}"
        page = mara.open("/tokens")
        page.get_by_role("button", name="New token").first.click()
        page.get_by_label("Name", exact=True).fill(name)
        page.get_by_role("button", name="Make the token").click()
        token = page.get_by_role("textbox", name="Token", exact=True).input_value()
        assert token in page.get_by_role("textbox", name="Example").input_value()
        headers = {"Authorization": f"Bearer {token}"}
        program = httpx.Client(base_url=f"{base}/api/v1", headers=headers, verify=False)
        assert program.get("/documents").status_code == 200
        assert program.post("/folders", json={"name": "x"}).status_code == 403
        page.get_by_role("button", name="Done").click()
        page.reload()
        mine = page.get_by_role("listitem").filter(has_text=name)
        expect(mine).to_contain_text("last used")
        assert token not in page.content()
        page.get_by_role("button", name=f"Revoke the token {name}").click()
        page.get_by_role("button", name="Revoke", exact=True).last.click()
        expect(page.get_by_role("heading", name=name)).to_have_count(0)
        assert program.get("/documents").status_code == 401
        program.close()


class TestSettings:
    def test_an_owner_renames_the_workspace(self, mara: Window) -> None:
        page = mara.open("/settings")
        name = page.get_by_label("Name", exact=True)
        for wanted in ("Acme Ltd", "acme"):
            name.fill(wanted)
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("navigation", name="Main").get_by_text(wanted, exact=True)).to_be_visible()

    def test_others_read(self, tom: Window) -> None:
        page = tom.open("/settings")
        expect(page.get_by_text("Owners can change this.")).to_be_visible()
        expect(page.get_by_role("button", name="Save")).to_have_count(0)


class TestJobs:
    def test_says_what_failed_and_tries_again(self, mara: Window) -> None:
        page = mara.page
        page.route("**/api/v1/jobs?*", lambda route: route.fulfill(json={"items": [JOB], "next": None}))
        page.route(
            "**/api/v1/jobs/*/retry",
            lambda route: route.fulfill(json=JOB | {"state": "waiting", "attempts": 0, "last_error": None}),
        )
        mara.open("/jobs")
        expect(page.get_by_role("heading", name="Take a document into the search")).to_be_visible()
        expect(page.get_by_text("The file is damaged.")).to_be_visible()
        expect(page.get_by_text("tried 5 times")).to_be_visible()
        page.get_by_role("button", name=re.compile("Try again")).click()
        expect(page.get_by_text("It is tried again").first).to_be_visible()

    def test_is_not_for_others(self, tom: Window) -> None:
        page = tom.open("/jobs")
        expect(page.get_by_text("Only owners see this.")).to_be_visible()


class TestFrame:
    def test_an_address_that_is_no_page(self, mara: Window) -> None:
        page = mara.open("/people/nobody")
        expect(page.get_by_role("heading", name="There is no page at this address")).to_be_visible()
        expect(page).to_have_title(re.compile(r"There is no page at this address · Dossier$"))

    def test_a_newer_build_is_said_and_nothing_typed_is_lost(self, mara: Window) -> None:
        page = mara.open("/profile")
        page.get_by_label("Name", exact=True).fill("Half a na")
        # The parts of pages that were not opened yet are gone, as after an update of the server.
        page.route("**/_nuxt/*.js", lambda route: route.fulfill(status=404))
        page.get_by_role("link", name="Trash").click()
        expect(page.get_by_text("A new version of the portal is out")).to_be_visible()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Half a na")
        page.unroute("**/_nuxt/*.js")
        mara.faults.clear()

    def test_unread_and_open_tasks_are_counted(self, mara: Window, api: Api, base: str) -> None:
        tom = Api(base, "tom@example.com")
        document = tom.add(f"{uuid4().hex}.txt", b"x")
        page = mara.open("/people")
        before = page.get_by_role("link", name=re.compile("^Tasks")).get_attribute("aria-label") or ""
        tom.task(document, "Count me", assignee_id=api.member("mara"))
        tom.client.close()
        expect(page.get_by_role("link", name=re.compile("^Tasks"))).not_to_have_attribute("aria-label", before)

    def test_on_a_phone(self, windows: Callable[..., Window], base: str) -> None:
        page = windows(base, viewport=PHONE, has_touch=True, is_mobile=True).sign_in("mara").open("/")
        page.get_by_role("button", name="More", exact=True).tap()
        page.get_by_role("link", name="People").tap()
        expect(page.get_by_role("row").filter(has_text="Tom Berg")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    def test_german(self, windows: Callable[..., Window], base: str) -> None:
        page = windows(base, locale="de-DE").sign_in("mara").open("/people")
        expect(page.get_by_role("button", name="Einladen")).to_be_visible()
        expect(page.get_by_role("row").filter(has_text="Tom Berg").get_by_role("combobox")).to_contain_text(
            "Bearbeiter"
        )
