"""Links on behalf of a person, who signs in to Microsoft."""

import asyncio
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import pytest

from dossier.app import build
from dossier.core import log
from dossier.links import boxes
from dossier.worker import Worker
from tests.conftest import someone
from tests.connectors.fake_graph import CREDENTIALS
from tests.links.graphs import HOME, SECRET, Hinted, app, graph, hinted, settings

__all__ = ["app", "graph", "hinted", "settings"]


def form(hinted: Hinted, grant: str) -> dict[str, str]:
    """What the newest token of a kind was asked for with."""
    return [each for each in hinted.graph.token_forms if each["grant_type"] == grant][-1]


async def kept(hinted: Hinted) -> dict[str, str]:
    """The credentials that the link has."""
    return boxes.get(await hinted.row(), hinted.world.parts.vault)


class TestSignIn:
    async def test_there_and_back(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        asked = {name: values[0] for name, values in parse_qs(urlsplit(begun["url"]).query).items()}
        assert asked["redirect_uri"] == begun["redirect_uri"] == f"{HOME}/api/v1/link_sign_ins/done"
        assert asked["client_id"] == hinted.app["client_id"]
        rights = [f"{hinted.graph.origin}/{right}" for right in ("Files.ReadWrite.All", "Sites.Read.All")]
        assert asked["scope"].split() == ["offline_access", "openid", "profile", *rights]
        path = f"/link_sign_ins/{begun['id']}"
        assert (await hinted.joined.call("GET", path))["signed_in"] is False
        there = await hinted.come_back(hinted.graph.sign_in(begun["url"]))
        assert there == f"/integrations/new?sign_in={begun['id']}"
        sent = form(hinted, "authorization_code")
        assert (sent["client_secret"], sent["redirect_uri"]) == (CREDENTIALS.secret, begun["redirect_uri"])
        assert len(sent["code_verifier"]) == 43
        told = await hinted.joined.call("GET", path)
        assert (told["signed_in"], told["account"], told["client_id"]) == (
            True,
            hinted.graph.account,
            hinted.app["client_id"],
        )
        assert hinted.graph.refresh_token not in json.dumps(told)

    async def test_an_app_without_a_secret(self, hinted: Hinted) -> None:
        hinted.graph.secret = ""
        await hinted.sign_in()
        assert "client_secret" not in form(hinted, "authorization_code")

    async def test_takes_a_state_once(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        back = hinted.graph.sign_in(begun["url"])
        assert "sign_in=" in await hinted.come_back(back)
        assert await hinted.come_back(back) == "/integrations/new?problem=ended"
        assert (await hinted.joined.call("GET", f"/link_sign_ins/{begun['id']}"))["signed_in"]
        assert len(hinted.graph.token_forms) == 1

    async def test_two_at_once_with_one_state(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        back = hinted.graph.sign_in(begun["url"])
        there = await asyncio.gather(hinted.come_back(back), hinted.come_back(back))
        assert sorted(there) == [
            "/integrations/new?problem=ended",
            f"/integrations/new?sign_in={begun['id']}",
        ]

    async def test_another_state(self, hinted: Hinted) -> None:
        back = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"])
        for state in ("", "x", "x" * 43):
            assert await hinted.come_back(back | {"state": state}) == "/integrations/new?problem=ended"
        assert hinted.graph.token_forms == []

    async def test_too_late(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        hinted.world.clock.move(minutes=11)
        assert await hinted.come_back(hinted.graph.sign_in(begun["url"])) == "/integrations/new?problem=ended"
        await hinted.joined.call("GET", f"/link_sign_ins/{begun['id']}", 404)

    async def test_another_persons_browser(self, hinted: Hinted) -> None:
        world = hinted.world
        back = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"])
        partner = await someone(world.app, world.parts, world.owner.actor.workspace_id, "partner", "owner")
        for who in (partner, world.stranger, world.editor):
            assert await hinted.come_back(back, who) == "/integrations/new?problem=ended"
        assert "sign_in=" in await hinted.come_back(back)

    async def test_nobody_and_a_token(self, hinted: Hinted) -> None:
        back = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"])
        for client, status in ((hinted.world.anonymous, 401), (hinted.world.owner.client, 403)):
            answer = await client.get("/api/v1/link_sign_ins/done", params=back)
            assert answer.status_code == status
        assert hinted.graph.token_forms == []

    async def test_a_person_of_two_workspaces(self, hinted: Hinted) -> None:
        """The browser names none when it comes back."""
        world = hinted.world
        await someone(world.app, world.parts, world.stranger.actor.workspace_id, "owner", "editor")
        await hinted.sign_in(**SECRET)

    async def test_the_person_refuses(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        state = hinted.graph.sign_in(begun["url"])["state"]
        back = {"error": "access_denied", "error_description": "AADSTS65004: User declined.", "state": state}
        assert await hinted.come_back(back) == "/integrations/new?problem=refused"
        assert await hinted.come_back(back) == "/integrations/new?problem=ended"
        assert await hinted.sign_ins() == []

    async def test_a_code_that_is_not_taken(self, hinted: Hinted) -> None:
        back = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"])
        assert await hinted.come_back(back | {"code": "guessed"}) == "/integrations/new?problem=refused"
        assert await hinted.sign_ins() == []

    async def test_microsoft_is_away(self, hinted: Hinted) -> None:
        back = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"])
        hinted.graph.fail("POST", "/token", "reset")
        assert await hinted.come_back(back) == "/integrations/new?problem=unreachable"

    async def test_is_swept(self, hinted: Hinted) -> None:
        await hinted.begin(**SECRET)
        await hinted.sign_in(**SECRET)
        hinted.world.clock.move(minutes=61)
        await Worker(hinted.world.parts).keep_house()
        hinted.world.clock.move(minutes=1)
        await hinted.world.work()
        assert await hinted.sign_ins() == []

    async def test_for_owners(self, hinted: Hinted) -> None:
        for who in (hinted.world.editor, hinted.world.viewer):
            answer = await who.client.post("/api/v1/link_sign_ins", json=hinted.app)
            assert answer.status_code == 403


class TestLink:
    async def test_on_behalf_of_a_person(self, hinted: Hinted) -> None:
        id_ = await hinted.sign_in(**SECRET)
        hinted.graph.add(None, "theirs.txt", b"theirs")
        tried = {"place": hinted.place, "credentials": {"sign_in": id_}}
        assert "Documents" in (await hinted.joined.call("POST", "/link_tests", json=tried))["found"]
        await hinted.make({"sign_in": id_})
        assert await hinted.joined.here() == {"theirs.txt": b"theirs"}
        link = await hinted.link()
        assert (link["state"], link["has_credentials"], link["hints_until"] is not None) == ("active", True, True)
        assert await hinted.sign_ins() == []
        assert await kept(hinted) == SECRET | {"refresh_token": hinted.graph.refresh_token}

    async def test_each_new_refresh_token_is_kept(self, hinted: Hinted) -> None:
        """This Microsoft takes only the newest one, and a process that begins anew has it."""
        await hinted.make({"sign_in": await hinted.sign_in(**SECRET)})
        seen = {hinted.graph.refresh_token}
        for _ in range(3):
            assert (await hinted.joined.run())["state"] == "active"
            assert (await kept(hinted))["refresh_token"] == hinted.graph.refresh_token
            seen.add(hinted.graph.refresh_token)
        assert len(seen) == 4
        other = build(hinted.world.parts.settings, clock=hinted.world.clock)
        await hinted.joined.call("POST", f"/links/{hinted.joined.link_id}/run")
        await Worker(other).work()
        await other.close()
        assert (await hinted.link())["state"] == "active"
        assert (await kept(hinted))["refresh_token"] == hinted.graph.refresh_token

    async def test_is_kept_before_the_access_token_is_used(
        self, hinted: Hinted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await hinted.make({"sign_in": await hinted.sign_in(**SECRET)})
        real, found = hinted.graph._answer, list[bool]()

        async def look(request: Any, path: str, body: bytes) -> Any:
            if path.startswith("/v1.0"):
                found.append((await kept(hinted))["refresh_token"] == hinted.graph.refresh_token)
            return await real(request, path, body)

        monkeypatch.setattr(hinted.graph, "_answer", look)
        await hinted.joined.run()
        assert found and all(found)

    async def test_other_credentials_that_came_meanwhile_stay(self, hinted: Hinted) -> None:
        await hinted.make({"sign_in": await hinted.sign_in(**SECRET)})
        row, secrets = await hinted.row(), await kept(hinted)
        parts = hinted.world.parts
        rotated = boxes.rotation(parts.units, parts.vault, hinted.world.owner.actor, row, secrets)
        assert rotated is not None
        await rotated("second")
        await rotated("third")
        assert (await kept(hinted))["refresh_token"] == "third"
        await hinted.joined.call("PATCH", f"/links/{hinted.joined.link_id}", json={"credentials": SECRET})
        await rotated("fourth")
        assert await kept(hinted) == SECRET
        await hinted.joined.call("DELETE", f"/links/{hinted.joined.link_id}", 204)
        await rotated("fifth")

    async def test_paused_and_ended(self, hinted: Hinted) -> None:
        await hinted.make({"sign_in": await hinted.sign_in(**SECRET)})
        path = f"/links/{hinted.joined.link_id}"
        await hinted.joined.call("PATCH", path, json={"paused": True})
        await hinted.world.work()
        assert hinted.graph.subscriptions == {}
        assert (await kept(hinted))["refresh_token"] == hinted.graph.refresh_token
        await hinted.joined.call("PATCH", path, json={"paused": False})
        await hinted.world.work()
        assert len(hinted.graph.subscriptions) == 1
        await hinted.joined.call("DELETE", path, 204)
        await hinted.world.work()
        assert hinted.graph.subscriptions == {}

    async def test_other_credentials_for_a_link(self, hinted: Hinted) -> None:
        await hinted.make()
        id_ = await hinted.sign_in(**SECRET)
        path = f"/links/{hinted.joined.link_id}"
        await hinted.joined.call("PATCH", path, json={"credentials": {"sign_in": id_}})
        assert (await hinted.joined.run())["state"] == "active"
        assert (await kept(hinted))["refresh_token"] == hinted.graph.refresh_token
        again = await hinted.joined.call("PATCH", path, 422, json={"credentials": {"sign_in": id_}})
        assert "credentials.sign_in" in again["fields"]

    async def test_a_consent_that_was_withdrawn(self, hinted: Hinted) -> None:
        await hinted.make({"sign_in": await hinted.sign_in(**SECRET)})
        hinted.graph.refresh_token = "withdrawn"
        link = await hinted.joined.run()
        assert (link["state"], link["trouble"]) == ("broken", "sign_in")
        credentials = {"sign_in": await hinted.sign_in(**SECRET)}
        await hinted.joined.call("PATCH", f"/links/{hinted.joined.link_id}", json={"credentials": credentials})
        await hinted.world.work()
        assert (await hinted.link())["state"] == "active"

    async def test_made_twice_by_one_key_is_made_once(self, hinted: Hinted) -> None:
        await hinted.joined.folder("Shared")
        told = {"name": "There", "folder_id": hinted.joined.folder_id, "place": hinted.place}
        told |= {"credentials": {"sign_in": await hinted.sign_in(**SECRET)}}
        headers = {"Idempotency-Key": "once"}
        first = await hinted.joined.call("POST", "/links", 201, json=told, headers=headers)
        assert await hinted.joined.call("POST", "/links", 201, json=told, headers=headers) == first


class TestRefused:
    async def test_what_is_no_sign_in_of_ones_own(self, hinted: Hinted) -> None:
        world = hinted.world
        done, waiting = await hinted.sign_in(**SECRET), (await hinted.begin(**SECRET))["id"]
        partner = await someone(world.app, world.parts, world.owner.actor.workspace_id, "partner", "owner")
        body: dict[str, Any] = {"place": hinted.place, "credentials": {"sign_in": done}}
        for who in (partner, world.stranger):
            answer = await who.client.post("/api/v1/link_tests", json=body)
            assert (answer.status_code, list(answer.json()["fields"])) == (422, ["credentials.sign_in"])
            choice = hinted.app | {"credentials": {"sign_in": done}, "ask": {"kind": "my_drives"}}
            answer = await who.client.post("/api/v1/link_choices", json=choice)
            assert (answer.status_code, list(answer.json()["fields"])) == (422, ["credentials.sign_in"])
            assert (await who.client.get(f"/api/v1/link_sign_ins/{done}")).status_code == 404
        for id_ in (waiting, str(uuid4()), "x", "0" * 32):
            refused = await hinted.joined.call(
                "POST", "/link_tests", 422, json=body | {"credentials": {"sign_in": id_}}
            )
            assert list(refused["fields"]) == ["credentials.sign_in"]
        hinted.world.clock.move(minutes=61)
        await hinted.joined.call("POST", "/link_tests", 422, json=body)

    async def test_of_another_app(self, hinted: Hinted) -> None:
        credentials = {"sign_in": await hinted.sign_in(**SECRET)}
        for other in ({"client_id": str(uuid4())}, {"tenant": "another"}, {"cloud": "china"}):
            body = {"place": hinted.place | other, "credentials": credentials}
            refused = await hinted.joined.call("POST", "/link_tests", 422, json=body)
            assert refused["fields"] == {"credentials.sign_in": "It is a sign-in to another app."}

    async def test_together_with_others(self, hinted: Hinted) -> None:
        credentials = SECRET | {"sign_in": await hinted.sign_in(**SECRET)}
        body = {"place": hinted.place, "credentials": credentials}
        assert "credentials" in (await hinted.joined.call("POST", "/link_tests", 422, json=body))["fields"]

    async def test_a_token_that_did_not_come_by_a_sign_in(self, hinted: Hinted) -> None:
        body = {"place": hinted.place, "credentials": {"refresh_token": "x"}}
        refused = await hinted.joined.call("POST", "/link_tests", 422, json=body)
        assert list(refused["fields"]) == ["credentials.refresh_token"]

    async def test_for_another_kind_of_place(self, hinted: Hinted) -> None:
        place = {"kind": "webdav", "url": "https://cloud.example/dav"}
        body = {"place": place, "credentials": {"sign_in": await hinted.sign_in(**SECRET)}}
        refused = await hinted.joined.call("POST", "/link_tests", 422, json=body)
        assert list(refused["fields"]) == ["credentials.sign_in"]

    async def test_secrets_are_in_no_log_and_no_answer(self, hinted: Hinted, capfd: pytest.CaptureFixture[str]) -> None:
        log.configure("json", "debug")
        try:
            begun = await hinted.begin(**SECRET)
            back = hinted.graph.sign_in(begun["url"])
            await hinted.come_back(back)
            tokens = {hinted.graph.refresh_token}
            shown = [await hinted.joined.call("GET", f"/link_sign_ins/{begun['id']}")]
            await hinted.make({"sign_in": begun["id"]})
            tokens.add(hinted.graph.refresh_token)
            hinted.graph.refresh_token = "withdrawn"
            shown += [await hinted.joined.run(), await hinted.joined.call("GET", "/events", params={"limit": 200})]
            failed = hinted.graph.sign_in((await hinted.begin(**SECRET))["url"]) | {"code": "a guessed code"}
            await hinted.come_back(failed)
        finally:
            log.configure("console", "error")
        told = "".join(capfd.readouterr())
        assert "link.sign_in_failed" in told
        verifier = form(hinted, "authorization_code")["code_verifier"]
        secrets = {
            back["code"],
            back["state"],
            "a guessed code",
            failed["state"],
            verifier,
            CREDENTIALS.secret,
            *tokens,
        }
        for secret in secrets | hinted.graph.tokens | {hinted.graph.account}:
            assert secret not in told
        for secret in secrets | hinted.graph.tokens:
            assert secret not in json.dumps(shown)

    async def test_nothing_is_stored_in_the_clear(self, hinted: Hinted) -> None:
        begun = await hinted.begin(**SECRET)
        state = hinted.graph.sign_in(begun["url"])["state"]
        await hinted.sign_in(**SECRET)
        for row in await hinted.sign_ins():
            held = str(vars(row))
            for secret in (state, CREDENTIALS.secret, hinted.graph.refresh_token):
                assert secret not in held
        assert {row.id for row in await hinted.sign_ins()} > {UUID(begun["id"])}
