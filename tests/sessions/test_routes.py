"""Signing in, oneself, passwords, invitations by link and tokens over HTTP."""

from typing import Any

import httpx
import pytest

from dossier import users
from dossier.core.actor import NOBODY
from dossier.core.ids import new_id
from dossier.sessions import service
from tests.users.house import PASSWORD, House

V1 = "/api/v1"
OLGA = {"email": "olga@example.com", "password": PASSWORD}
EVIL = {"Origin": "https://evil.example"}
CHANGE = {"current": PASSWORD, "password": "battery staple"}
OPEN = {
    "session": OLGA,
    "password/forgot": {"email": "olga@example.com"},
    "password/reset": {"link": "x", "password": "battery staple"},
    "invitations/accept": {"link": "x", "name": "Tom", "password": "battery staple"},
}


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


class TestSignIn:
    async def test_answers_who_one_is(self, house: House) -> None:
        async with house.client() as client:
            answer = await client.post(f"{V1}/session", json=OLGA)
            assert answer.status_code == 201
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.json() == (await client.get(f"{V1}/me")).json()
        me = answer.json()
        assert (me["user"]["name"], me["user"]["email"]) == ("Olga", "olga@example.com")
        assert me["memberships"] == [
            {"member_id": str(house.owner), "role": "owner", "workspace": {"slug": "acme", "name": "Acme"}}
        ]
        assert (me["workspace"], me["scopes"]) == ("acme", ["read", "write", "admin"])

    async def test_tells_nothing_of_which_emails_exist(self, house: House) -> None:
        async with house.client() as client:
            answers = [
                await client.post(f"{V1}/session", json={"email": email, "password": "wrong password"})
                for email in ("olga@example.com", "nobody@example.com", "no mail")
            ]
        assert {problem(answer) for answer in answers} == {(401, "bad_credentials")}
        assert len({str(sorted(answer.json() | {"request_id": ""})) for answer in answers}) == 1
        assert not any("Set-Cookie" in answer.headers for answer in answers)

    async def test_waits_after_too_many(self, house: House) -> None:
        async with house.client() as client:
            wrong = OLGA | {"password": "wrong password"}
            answers = [(await client.post(f"{V1}/session", json=wrong)).status_code for _ in range(11)]
            assert answers == [401] * 10 + [429]
            # Another spelling of the same e-mail is the same e-mail.
            answer = await client.post(f"{V1}/session", json=OLGA | {"email": "OLGA@Example.com"})
            assert problem(answer) == (429, "rate_limited")
            assert int(answer.headers["Retry-After"]) > 0

    async def test_a_cookie_and_a_program_without_origin(self, house: House) -> None:
        async with house.client() as client:
            del client.headers["Origin"]
            assert (await client.post(f"{V1}/session", json=OLGA)).status_code == 201

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"email": "olga@example.com"},
            OLGA | {"remember": True},
            OLGA | {"password": 1},
            OLGA | {"password": "x" * 1001},
            OLGA | {"email": None},
            OLGA | {"user_id": str(new_id())},
            [],
            "x",
        ],
    )
    async def test_refuses_bad_input(self, house: House, body: Any) -> None:
        async with house.client() as client:
            answer = await client.post(f"{V1}/session", json=body)
        assert problem(answer) == (422, "invalid")

    @pytest.mark.parametrize("body", [b"{", b"\xff", b'{"email": "\\ud800", "password": "\\ud800"}'])
    async def test_refuses_broken_json(self, house: House, body: bytes) -> None:
        async with house.client() as client:
            answer = await client.post(f"{V1}/session", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in (400, 422)


class TestOpenRoutes:
    """What nobody has to sign in for."""

    @pytest.mark.parametrize("path", OPEN)
    async def test_not_from_another_site(self, house: House, path: str) -> None:
        async with house.client() as client:
            for headers in (EVIL, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}):
                answer = await client.post(f"{V1}/{path}", json=OPEN[path], headers=headers)
                assert problem(answer) == (403, "cross_site")
        assert await house.jobs() == []

    @pytest.mark.parametrize("path", OPEN)
    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
    async def test_only_json(self, house: House, path: str, kind: str) -> None:
        async with house.client() as client:
            content = httpx.Request("POST", "http://x", json=OPEN[path]).read()
            answer = await client.post(f"{V1}/{path}", content=content, headers={"Content-Type": kind})
        assert answer.status_code in (415, 422)
        assert await house.jobs() == []

    @pytest.mark.parametrize("path", ["password/reset", "invitations/accept"])
    async def test_a_link_that_is_not_good(self, house: House, path: str) -> None:
        async with house.client() as client:
            answers = [await client.post(f"{V1}/{path}", json=OPEN[path]) for _ in range(11)]
        assert [problem(answer) for answer in answers] == [(404, "link_ended")] * 10 + [(429, "rate_limited")]


class TestSignOut:
    async def test_ends_the_session_and_clears_the_browser(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            kept = dict(client.cookies)
            answer = await client.delete(f"{V1}/session")
            assert answer.status_code == 204
            assert "Max-Age=0" in answer.headers["Set-Cookie"]
            assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
            client.cookies = httpx.Cookies(kept)
            assert problem(await client.get(f"{V1}/me")) == (401, "unauthenticated")

    async def test_needs_a_session_from_our_pages(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            assert problem(await client.delete(f"{V1}/session", headers=EVIL)) == (403, "cross_site")
            assert (await client.get(f"{V1}/me")).status_code == 200
        async with await house.as_owner() as program, house.client() as nobody:
            assert problem(await program.delete(f"{V1}/session")) == (403, "session_needed")
            assert problem(await nobody.delete(f"{V1}/session")) == (401, "unauthenticated")


class TestMe:
    async def test_in_several_workspaces(self, house: House) -> None:
        await house.add("sven@example.com", "viewer")
        async with await house.sign_in("sven@example.com") as client:
            me = (await client.get(f"{V1}/me")).json()
            assert (me["workspace"], len(me["memberships"])) == (None, 2)
            me = (await client.get(f"{V1}/me", headers={"X-Workspace": "other"})).json()
            assert me["workspace"] == "other"
            answer = await client.get(f"{V1}/me?workspace=nowhere")
            assert problem(answer) == (404, "workspace_not_found")

    async def test_a_token_sees_its_own_workspace(self, house: House) -> None:
        await house.add("sven@example.com", "viewer")
        async with house.client(token=await house.token(house.stranger, "read", workspace=house.other)) as client:
            me = (await client.get(f"{V1}/me")).json()
        assert ([one["workspace"]["slug"] for one in me["memberships"]], me["scopes"]) == (["other"], ["read"])

    async def test_a_new_name_shows_everywhere(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            assert (await client.patch(f"{V1}/me", json={"name": " Olga Ö "})).json()["user"]["name"] == "Olga Ö"
            assert [one["name"] for one in (await client.get(f"{V1}/members")).json()["items"]] == ["Olga Ö"]

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"name": ""},
            {"name": " "},
            {"name": "a\r\nb"},
            {"name": "a\u0000"},
            {"name": "x" * 201},
            {"name": "x", "email": "evil@example.com"},
            {"name": "x", "password_hash": "x"},
            {"name": "x", "role": "owner"},
        ],
    )
    async def test_refuses_bad_input(self, house: House, body: Any) -> None:
        async with await house.sign_in("olga@example.com") as client:
            assert problem(await client.patch(f"{V1}/me", json=body)) == (422, "invalid")
            assert (await client.get(f"{V1}/me")).json()["user"]["name"] == "Olga"

    async def test_a_token_cannot_change_the_person(self, house: House) -> None:
        async with await house.as_owner() as client:
            assert problem(await client.patch(f"{V1}/me", json={"name": "x"})) == (403, "session_needed")
        async with house.client(token=await house.token(house.owner, "write")) as client:
            assert problem(await client.get(f"{V1}/me")) == (403, "not_allowed")


class TestPassword:
    async def test_changes(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as here, await house.sign_in("olga@example.com") as there:
            assert (await here.put(f"{V1}/me/password", json=CHANGE)).status_code == 204
            assert (await here.get(f"{V1}/me")).status_code == 200
            assert (await there.get(f"{V1}/me")).status_code == 401

    async def test_needs_the_present_one_and_patience(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            wrong = CHANGE | {"current": "wrong"}
            answers = [await client.put(f"{V1}/me/password", json=wrong) for _ in range(11)]
        assert [problem(answer) for answer in answers] == [(422, "wrong_password")] * 10 + [(429, "rate_limited")]
        assert answers[0].json()["fields"] == {"current": "This is not the present password."}

    async def test_refuses_the_email(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            answer = await client.put(f"{V1}/me/password", json=CHANGE | {"password": "olga@example.com"})
        assert problem(answer) == (422, "unfit_password")

    async def test_not_by_token_nor_from_elsewhere(self, house: House) -> None:
        async with await house.as_owner() as program, await house.sign_in("olga@example.com") as client:
            assert problem(await program.put(f"{V1}/me/password", json=CHANGE)) == (403, "session_needed")
            answer = await client.put(f"{V1}/me/password", json=CHANGE, headers=EVIL)
            assert problem(answer) == (403, "cross_site")
        async with await house.sign_in("olga@example.com"):
            pass


class TestReset:
    async def test_the_answer_is_the_same_for_everybody(self, house: House) -> None:
        async with house.client() as client:
            answers = [
                await client.post(f"{V1}/password/forgot", json={"email": email})
                for email in ("olga@example.com", "nobody@example.com", "no mail")
            ]
        kept = [dict(answer.headers) | {"x-request-id": ""} for answer in answers]
        assert [(answer.status_code, answer.content) for answer in answers] == [(202, b"")] * 3
        assert kept[0] == kept[1] == kept[2]
        assert len(await house.jobs()) == 3
        await house.work()
        assert [to for to, _, _ in house.mail.sent] == ["olga@example.com"]

    async def test_is_asked_for_only_so_often(self, house: House) -> None:
        async with house.client() as client:
            answers = [await client.post(f"{V1}/password/forgot", json={"email": "a@b.c"}) for _ in range(11)]
        assert [answer.status_code for answer in answers] == [202] * 10 + [429]

    async def test_sets_a_new_password_by_the_mailed_link(self, house: House) -> None:
        await house.units.run(NOBODY, lambda unit: service.request_reset(unit, "olga@example.com"))
        await house.work()
        body = {"link": house.mail.secret(), "password": "battery staple"}
        async with await house.sign_in("olga@example.com") as browser, house.client() as client:
            assert (await client.post(f"{V1}/password/reset", json=body)).status_code == 204
            assert (await browser.get(f"{V1}/me")).status_code == 401
            assert problem(await client.post(f"{V1}/password/reset", json=body)) == (404, "link_ended")
            answer = await client.post(f"{V1}/session", json=OLGA | {"password": "battery staple"})
            assert answer.status_code == 201


class TestAccept:
    async def _link(self, house: House, email: str) -> str:
        made = await house.run(lambda unit: users.invite(unit, email, "editor", house.settings))
        return str(made["url"]).partition("#")[2]

    async def test_a_new_person_is_signed_in(self, house: House) -> None:
        body = {"link": await self._link(house, "tom@example.com"), "name": "Tom", "password": "battery staple"}
        async with house.client() as client:
            answer = await client.post(f"{V1}/invitations/accept", json=body)
            assert (answer.status_code, answer.json()["role"]) == (200, "editor")
            assert (await client.get(f"{V1}/me")).json()["user"]["name"] == "Tom"
            assert problem(await client.post(f"{V1}/invitations/accept", json=body)) == (404, "link_ended")

    async def test_who_is_signed_in_needs_no_password(self, house: House) -> None:
        link = await self._link(house, "sven@example.com")
        async with await house.sign_in("sven@example.com") as client:
            path, body = f"{V1}/invitations/accept", {"link": link}
            del client.headers["Origin"]
            # A session that does not come from our own pages proves nothing.
            assert problem(await client.post(path, json=body)) == (401, "bad_credentials")
            assert (await client.post(path, json=body, headers={"Sec-Fetch-Site": "same-origin"})).status_code == 200
            assert len((await client.get(f"{V1}/me")).json()["memberships"]) == 2

    async def test_somebody_else_signed_in_needs_it(self, house: House) -> None:
        body = {"link": await self._link(house, "sven@example.com")}
        async with await house.sign_in("olga@example.com") as client:
            answer = await client.post(f"{V1}/invitations/accept", json=body)
            assert problem(answer) == (401, "bad_credentials")
            answer = await client.post(f"{V1}/invitations/accept", json=body | {"password": PASSWORD})
            assert answer.status_code == 200
            assert (await client.get(f"{V1}/me")).json()["user"]["name"] == "Sven"

    async def test_an_ended_session_is_nobodys(self, house: House) -> None:
        body = {"link": await self._link(house, "sven@example.com"), "password": PASSWORD}
        async with house.client(Cookie="dossier_session=ended") as client:
            assert (await client.post(f"{V1}/invitations/accept", json=body)).status_code == 200

    @pytest.mark.parametrize("field", ["role", "workspace_id", "email"])
    async def test_takes_no_other_fields(self, house: House, field: str) -> None:
        body = {"link": await self._link(house, "tom@example.com"), "name": "Tom", "password": PASSWORD, field: "owner"}
        async with house.client() as client:
            answer = await client.post(f"{V1}/invitations/accept", json=body)
        assert (problem(answer), list(answer.json()["fields"])) == ((422, "invalid"), [field])


class TestTokens:
    async def test_the_whole_life(self, house: House) -> None:
        body = {"name": "Backup", "scopes": ["read", "read"], "expires_at": "2999-01-01T00:00:00+02:00"}
        async with await house.sign_in("olga@example.com") as client:
            client.headers["Idempotency-Key"] = "k"
            made = (await client.post(f"{V1}/tokens", json=body)).json()
            assert (made["scopes"], made["expires_at"]) == (["read"], "2998-12-31T22:00:00Z")
            assert problem(await client.post(f"{V1}/tokens", json=body)) == (409, "already_done")
            async with house.client(token=made["token"]) as program:
                assert (await program.get(f"{V1}/members")).status_code == 200
                listed = (await client.get(f"{V1}/tokens")).json()["items"]
                assert [(one["name"], "token" in one) for one in listed] == [("Backup", False)]
                assert (await client.delete(f"{V1}/tokens/{made['id']}")).status_code == 204
                assert (await program.get(f"{V1}/members")).status_code == 401

    @pytest.mark.parametrize(
        "change",
        [
            {"scopes": []},
            {"scopes": ["root"]},
            {"scopes": "read"},
            {"name": ""},
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"expires_at": "2999-01-01T00:00:00"},
            {"expires_at": "9999-12-31T23:59:59-12:00"},
            {"expires_at": "0001-01-01T00:00:00+12:00"},
            {"expires_at": "soon"},
            {"member_id": str(new_id())},
            {"workspace_id": str(new_id())},
            {"secret_hash": "x"},
        ],
    )
    async def test_refuses_bad_input(self, house: House, change: dict[str, Any]) -> None:
        body = {"name": "Backup", "scopes": ["read"]} | change
        async with await house.as_owner() as client:
            answer = await client.post(f"{V1}/tokens", json=body)
            assert problem(answer) == (422, "invalid")
            assert next(iter(change)) in str(answer.json()["fields"])

    async def test_not_more_than_oneself(self, house: House) -> None:
        async with house.client(token=await house.token(house.owner, "read", "write")) as client:
            answer = await client.post(f"{V1}/tokens", json={"name": "x", "scopes": ["admin"]})
        assert problem(answer) == (403, "not_allowed")

    async def test_others(self, house: House) -> None:
        tom = await house.add("tom@example.com", "editor")
        await house.token(tom)
        async with await house.as_owner() as owner, house.client(token=await house.token(tom)) as editor:
            listed = (await owner.get(f"{V1}/tokens", params={"member_id": str(tom)})).json()["items"]
            mine = (await owner.get(f"{V1}/tokens")).json()["items"]
            assert len(listed) == 2
            answer = await editor.get(f"{V1}/tokens", params={"member_id": str(house.owner)})
            assert problem(answer) == (403, "not_allowed")
            assert problem(await editor.delete(f"{V1}/tokens/{mine[0]['id']}")) == (404, "token_not_found")
            assert (await owner.delete(f"{V1}/tokens/{listed[0]['id']}")).status_code == 204
            assert (await owner.get(f"{V1}/tokens?limit=1")).json()["next"] is None

    async def test_not_from_another_workspace(self, house: House) -> None:
        async with await house.as_owner() as owner:
            mine = (await owner.get(f"{V1}/tokens")).json()["items"][0]["id"]
        async with house.client(token=await house.token(house.stranger, workspace=house.other)) as stranger:
            assert (await stranger.get(f"{V1}/tokens", params={"member_id": str(house.owner)})).json()["items"] == []
            assert problem(await stranger.delete(f"{V1}/tokens/{mine}")) == (404, "token_not_found")


class TestSecrets:
    async def test_none_in_the_log_of_events(self, house: House) -> None:
        link = str(
            (await house.run(lambda unit: users.invite(unit, "tom@example.com", "editor", house.settings)))["url"]
        ).partition("#")[2]
        async with await house.sign_in("olga@example.com") as client:
            body: dict[str, Any] = {"name": "x", "scopes": ["read"]}
            token = (await client.post(f"{V1}/tokens", json=body)).json()["token"]
            await client.put(f"{V1}/me/password", json=CHANGE)
            cookie = next(iter(dict(client.cookies).values()))
        log = str([event.data for event in await house.events()])
        for secret in (link, token, cookie, PASSWORD, "battery staple", "argon2"):
            assert secret not in log
