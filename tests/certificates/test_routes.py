"""Certificates over HTTP: registering, renewing, listing, revoking; and what opens the partners' door afterwards."""

from typing import Any

import httpx
import pytest

from dossier import sessions, users
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import Invalid
from dossier.sessions import service
from dossier.sessions.jobs import CONSUMERS
from dossier.worker import Worker
from tests.certificates.certs import SECRET, pem, shown
from tests.conftest import World, client_of, someone
from tools.pki import Authority

API = "/api/v1"
DIGEST = {"sha256": "AB:" * 31 + "AB", "subject": "CN=x", "expires_at": "2099-01-01T00:00:00Z"}
PROGRAM = {"name": "Nordwind DMS", "role": "editor", "scopes": ["write", "read"]}


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, answer.json()["code"]


async def register(world: World, pki: Authority, name: str = "client", **wanted: Any) -> Any:
    """Register a certificate as the owner."""
    body: dict[str, Any] = PROGRAM | {"certificate": pem(pki, name)} | wanted
    answer = await world.owner.client.post(f"{API}/certificates", json={k: v for k, v in body.items() if v is not None})
    assert answer.status_code == 201, answer.text
    return answer.json()


def partner(world: World, pki: Authority, name: str = "client", **headers: str) -> httpx.AsyncClient:
    """A program with a certificate at the partners' door."""
    client = client_of(world.app)
    client.headers.update(shown(pem(pki, name)) | headers)
    return client


class TestRegister:
    async def test_makes_a_member_without_a_mailbox(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        assert made["member"]["name"] == "Nordwind DMS"
        assert (made["role"], made["scopes"], made["subject"]) == ("editor", ["read", "write"], "CN=client,O=Nordwind")
        assert made["last_used_at"] is None
        members = (await world.owner.client.get(f"{API}/members")).json()["items"]
        mine = next(each for each in members if each["id"] == made["member"]["id"])
        assert (mine["name"], mine["email"], mine["role"], mine["active"]) == ("Nordwind DMS", None, "editor", True)

    async def test_is_in_the_log(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        events = (await world.owner.client.get(f"{API}/events")).json()["items"]
        told = next(each for each in events if each["type"] == "certificate.registered")
        assert told["data"] == {
            "certificate_id": made["id"],
            "member_id": made["member"]["id"],
            "subject": made["subject"],
            "sha256": made["sha256"],
            "scopes": ["read", "write"],
        }

    async def test_by_digest(self, world: World) -> None:
        answer = await world.owner.client.post(f"{API}/certificates", json=PROGRAM | DIGEST)
        assert (answer.status_code, answer.json()["sha256"]) == (201, "ab" * 32)
        assert answer.json()["expires_at"] == DIGEST["expires_at"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": None},
            {"role": None},
            {"scopes": []},
            {"scopes": ["root"]},
            {"role": "admin"},
            {"sha256": "ab" * 32},
            {"expires_at": "2099-01-01T00:00:00Z"},
            {"certificate": None},
            {"certificate": None, "sha256": "ab" * 32},
            {"certificate": None, **DIGEST, "expires_at": "2020-01-01T00:00:00Z"},
            {"certificate": None, **DIGEST, "sha256": "ab" * 31},
            {"certificate": "no certificate"},
            {"email": "a@example.com"},
        ],
    )
    async def test_refuses_bad_input(self, world: World, pki: Authority, wrong: dict[str, Any]) -> None:
        body = {k: v for k, v in (PROGRAM | {"certificate": pem(pki, "client")} | wrong).items() if v is not None}
        answer = await world.owner.client.post(f"{API}/certificates", json=body)
        assert problem(answer) in ((422, "invalid"), (422, "bad_certificate"))

    async def test_once_in_a_workspace(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        answer = await world.owner.client.post(
            f"{API}/certificates", json=PROGRAM | {"certificate": pem(pki, "client")}
        )
        assert problem(answer) == (409, "certificate_taken")

    async def test_another_workspace_learns_nothing(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        answer = await world.stranger.client.post(
            f"{API}/certificates", json=PROGRAM | {"certificate": pem(pki, "client")}
        )
        assert answer.status_code == 201

    async def test_no_more_scopes_than_who_registers(self, world: World, pki: Authority) -> None:
        acme = world.owner.actor.workspace_id
        admin = await someone(world.app, world.parts, acme, "admin", "owner", scopes=["write", "admin"])
        body = PROGRAM | {"certificate": pem(pki, "client")}
        assert problem(await admin.client.post(f"{API}/certificates", json=body)) == (403, "not_allowed")
        answer = await admin.client.post(f"{API}/certificates", json=body | {"scopes": ["write"]})
        assert answer.status_code == 201

    async def test_never_for_a_person(self, world: World, pki: Authority) -> None:
        """Else an owner could act in the name of somebody else."""
        body = {"member_id": str(world.editor.member_id), "scopes": ["read"], "certificate": pem(pki, "client")}
        answer = await world.owner.client.post(f"{API}/certificates", json=body)
        assert (problem(answer), "member_id" in answer.json()["fields"]) == ((422, "invalid"), True)

    async def test_never_for_a_program_of_another_workspace(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        body = {"member_id": made["member"]["id"], "scopes": ["read"], **DIGEST}
        assert problem(await world.stranger.client.post(f"{API}/certificates", json=body)) == (404, "member_not_found")

    async def test_once_for_a_key(self, world: World, pki: Authority) -> None:
        body, key = PROGRAM | {"certificate": pem(pki, "client")}, {"Idempotency-Key": "k"}
        answers = [await world.owner.client.post(f"{API}/certificates", json=body, headers=key) for _ in range(2)]
        assert answers[0].status_code == 201
        assert answers[0].content == answers[1].content


class TestRenew:
    async def test_beside_the_old_one(self, world: World, pki: Authority) -> None:
        first = await register(world, pki)
        body = {"member_id": first["member"]["id"], "scopes": ["read"], **DIGEST}
        second = (await world.owner.client.post(f"{API}/certificates", json=body)).json()
        assert second["member"] == first["member"]
        listed = (await world.owner.client.get(f"{API}/certificates")).json()["items"]
        assert [each["id"] for each in listed] == [first["id"], second["id"]]

    @pytest.mark.parametrize("more", [{"name": "Another"}, {"role": "owner"}])
    async def test_changes_neither_name_nor_role(self, world: World, pki: Authority, more: dict[str, str]) -> None:
        made = await register(world, pki)
        body = {"member_id": made["member"]["id"], "scopes": ["read"], **DIGEST, **more}
        assert problem(await world.owner.client.post(f"{API}/certificates", json=body)) == (422, "invalid")

    async def test_not_for_a_deactivated_program(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        await world.owner.client.delete(f"{API}/members/{made['member']['id']}")
        body = {"member_id": made["member"]["id"], "scopes": ["read"], **DIGEST}
        assert problem(await world.owner.client.post(f"{API}/certificates", json=body)) == (422, "invalid")


class TestDoor:
    async def test_is_the_program(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        me = (await partner(world, pki).get(f"{API}/me")).json()
        assert (me["user"]["name"], me["scopes"], me["workspace"]) == ("Nordwind DMS", ["read", "write"], "acme")
        assert me["memberships"][0]["member_id"] == made["member"]["id"]

    async def test_writes_in_its_own_name(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        answer = await partner(world, pki).post(f"{API}/documents", params={"name": "a.txt"}, content=b"a")
        assert answer.json()["version"]["author"] == made["member"]
        activity = (await world.viewer.client.get(f"{API}/activity")).json()["items"]
        assert activity[0]["actor"] == made["member"]

    async def test_notes_its_use(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        await partner(world, pki).get(f"{API}/me")
        assert (await world.owner.client.get(f"{API}/certificates")).json()["items"][0]["last_used_at"] is not None

    async def test_scopes_and_role_hold(self, world: World, pki: Authority) -> None:
        await register(world, pki, scopes=["read"], role="owner")
        client = partner(world, pki)
        assert problem(await client.post(f"{API}/folders", json={"name": "x"})) == (403, "not_allowed")
        assert problem(await client.get(f"{API}/certificates")) == (403, "not_allowed")

    async def test_makes_no_tokens(self, world: World, pki: Authority) -> None:
        """A token would open the door for people, and live on when the certificate ends."""
        await register(world, pki, role="owner", scopes=["read", "write", "admin"])
        answer = await partner(world, pki).post(f"{API}/tokens", json={"name": "t", "scopes": ["read"]})
        assert problem(answer) == (403, "not_allowed")

    @pytest.mark.parametrize(
        "change",
        [
            {"X-Edge-Secret": ""},
            {"X-Edge-Secret": SECRET[:-1]},
            {"X-Edge-Secret": SECRET + "x"},
            {"X-Client-Cert-Verify": "NONE"},
            {"X-Client-Cert-Verify": "FAILED:certificate has expired"},
            {"X-Client-Cert-Verify": ""},
            {"X-Client-Cert-Pem": ""},
            {"X-Client-Cert-Pem": "x"},
        ],
    )
    async def test_believes_the_edge_alone(self, world: World, pki: Authority, change: dict[str, str]) -> None:
        await register(world, pki)
        assert problem(await partner(world, pki, **change).get(f"{API}/me")) == (401, "unauthenticated")

    async def test_no_other_credential_counts_there(self, world: World, pki: Authority) -> None:
        client = partner(world, pki, Authorization=f"Bearer {world.owner.token}")
        assert problem(await client.get(f"{API}/me")) == (401, "unauthenticated")
        await register(world, pki)
        assert (await client.get(f"{API}/me")).json()["user"]["name"] == "Nordwind DMS"

    async def test_is_shut_without_a_secret(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        world.app.state.settings = world.parts.settings.model_copy(update={"edge_secret": ""})
        client = partner(world, pki, **{"X-Edge-Secret": ""})
        assert problem(await client.get(f"{API}/me")) == (401, "unauthenticated")

    async def test_not_after_the_certificates_end(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        world.clock.move(days=364)
        assert (await partner(world, pki).get(f"{API}/me")).status_code == 200
        world.clock.move(days=1)
        assert problem(await partner(world, pki).get(f"{API}/me")) == (401, "unauthenticated")
        listed = (await world.owner.client.get(f"{API}/certificates")).json()["items"]
        assert len(listed) == 1, "who looks for the reason finds it"

    async def test_not_of_another_workspace(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        hidden = await world.stranger.client.post(f"{API}/documents", params={"name": "h.txt"}, content=b"h")
        path, client = f"{API}/documents/{hidden.json()['id']}", partner(world, pki)
        assert problem(await client.get(path)) == (404, "document_not_found")
        named = {"X-Workspace": "other"}
        assert problem(await client.get(f"{API}/documents", headers=named)) == (404, "workspace_not_found")

    async def test_in_two_workspaces_says_which(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        body = PROGRAM | {"name": "There", "certificate": pem(pki, "client"), "scopes": ["read"]}
        assert (await world.stranger.client.post(f"{API}/certificates", json=body)).status_code == 201
        client = partner(world, pki)
        assert problem(await client.get(f"{API}/documents")) == (422, "workspace_needed")
        me = [(await client.get(f"{API}/me", headers={"X-Workspace": slug})).json() for slug in ("acme", "other")]
        assert [each["user"]["name"] for each in me] == ["Nordwind DMS", "There"]
        assert [each["scopes"] for each in me] == [["read", "write"], ["read"]]
        theirs = await world.stranger.client.post(f"{API}/documents", params={"name": "t.txt"}, content=b"t")
        assert (await client.get(f"{API}/documents/{theirs.json()['id']}")).status_code == 200


class TestEnds:
    async def test_revoked_at_once(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        assert (await world.owner.client.delete(f"{API}/certificates/{made['id']}")).status_code == 204
        assert problem(await partner(world, pki).get(f"{API}/me")) == (401, "unauthenticated")
        answer = await world.owner.client.delete(f"{API}/certificates/{made['id']}")
        assert problem(answer) == (404, "certificate_not_found")
        assert (await world.owner.client.get(f"{API}/certificates")).json()["items"] == []

    async def test_with_the_member_and_for_good(self, world: World, pki: Authority) -> None:
        made = await register(world, pki)
        path = f"{API}/members/{made['member']['id']}"
        assert (await world.owner.client.delete(path)).status_code == 204
        assert problem(await partner(world, pki).get(f"{API}/me")) == (401, "unauthenticated")
        listed = (await world.owner.client.get(f"{API}/certificates")).json()["items"]
        assert [each["role"] for each in listed] == [None]
        await Worker(world.parts, consumers=CONSUMERS).follow()
        assert (await world.owner.client.patch(path, json={"active": True})).status_code == 200
        assert problem(await partner(world, pki).get(f"{API}/me")) == (401, "unauthenticated")

    async def test_forgotten_three_months_later(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        for days, left in ((365 + 89, 1), (2, 0)):
            world.clock.move(days=days)
            await world.parts.units.run(Actor.system(world.owner.actor.workspace_id), sessions.forget_expired)
            assert len((await world.owner.client.get(f"{API}/certificates")).json()["items"]) == left


class TestPrograms:
    """What a member without a mailbox means elsewhere."""

    async def test_does_not_keep_a_workspace(self, world: World, pki: Authority) -> None:
        """A program with the role owner is no owner who could stay as the last one."""
        await register(world, pki, role="owner", scopes=["read", "write", "admin"])
        answer = await world.owner.client.delete(f"{API}/members/{world.owner.member_id}")
        assert problem(answer) == (409, "last_owner")

    async def test_can_be_deactivated_as_an_owner(self, world: World, pki: Authority) -> None:
        made = await register(world, pki, role="owner")
        assert (await world.owner.client.delete(f"{API}/members/{made['member']['id']}")).status_code == 204

    async def test_gets_no_mail_and_no_password(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        address = (await partner(world, pki).get(f"{API}/me")).json()["user"]["email"]
        assert address.endswith("@service.invalid")
        settings = world.parts.settings
        reset = await world.parts.units.run(NOBODY, lambda unit: service.make_reset_link(unit, address, settings))
        assert reset is None

    async def test_gets_none_by_the_command_line_either(self, world: World, pki: Authority) -> None:
        await register(world, pki)
        address = (await partner(world, pki).get(f"{API}/me")).json()["user"]["email"]
        for actor in (world.owner.actor, world.stranger.actor):
            with pytest.raises(Invalid):
                await world.parts.units.run(
                    Actor.system(actor.workspace_id),
                    lambda unit: users.add_member(unit, address, "X", "owner", "correct horse battery", overwrite=True),
                )

    @pytest.mark.parametrize("email", ["x@service.invalid", "X@Service.INVALID"])
    async def test_no_person_has_such_an_address(self, world: World, email: str) -> None:
        answer = await world.owner.client.post(f"{API}/invitations", json={"email": email, "role": "viewer"})
        assert problem(answer) == (422, "invalid")
        with pytest.raises(Invalid):
            await world.parts.units.run(
                Actor.system(world.owner.actor.workspace_id),
                lambda unit: users.add_member(unit, email, "X", "viewer"),
            )
