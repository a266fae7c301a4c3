"""The door: credentials, cross-site requests, the choice of the workspace, last use, and who is told to wait."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI, Request
from sqlalchemy import select, update

from dossier import sessions, users
from dossier.core.actor import NOBODY
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit
from dossier.core.web import CurrentActor
from dossier.sessions import door
from dossier.sessions.models import SessionRow, TokenRow
from dossier.users.models import Member, User
from tests.users.house import ORIGIN, PASSWORD, House

V1 = "/api/v1"
HERE, THERE = {"Origin": ORIGIN}, {"Origin": "https://evil.example"}


@pytest.fixture
def who(house: House) -> FastAPI:
    """The app with routes that tell the actor, for an item and without one."""

    @house.app.api_route("/who", methods=["GET", "POST", "PATCH", "DELETE"], response_model=None)
    @house.app.get("/things/{thing_id}", response_model=None)
    async def tell(actor: CurrentActor) -> dict[str, Any]:
        return {"workspace": str(actor.workspace_id), "kind": actor.kind, "role": actor.role, "name": actor.name}

    return house.app


async def seen(client: httpx.AsyncClient, path: str = "/who", **headers: str) -> Any:
    """The slug-less truth: which workspace the actor is in, or the status and code of the refusal."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await client.get(path, headers=named)
    return answer.json()["workspace"] if answer.status_code == 200 else (answer.status_code, answer.json()["code"])


@pytest.mark.usefixtures("who")
class TestCredentials:
    async def test_nobody(self, house: House) -> None:
        async with house.client() as client:
            answer = await client.get("/who")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")

    async def test_a_session(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            assert (await client.get("/who")).json() == {
                "workspace": str(house.acme),
                "kind": "person",
                "role": "owner",
                "name": "Olga",
            }

    async def test_a_token(self, house: House) -> None:
        async with house.client(token=await house.token(house.owner)) as client:
            assert (await client.get("/who")).json()["kind"] == "token"
            client.headers["Authorization"] = client.headers["Authorization"].replace("Bearer", "bEARER")
            assert (await client.get("/who")).json()["kind"] == "token"

    async def test_the_token_wins(self, house: House) -> None:
        await house.add("tom@example.com", "viewer")
        async with await house.sign_in("tom@example.com") as client:
            client.headers["Authorization"] = f"Bearer {await house.token(house.owner)}"
            assert (await client.get("/who")).json()["role"] == "owner"
            assert (await client.post("/who", headers=THERE)).status_code == 200
            client.headers["Authorization"] = "Bearer dsr_wrong"
            assert (await client.get("/who")).status_code == 401

    @pytest.mark.parametrize("value", ["Bearer", "Bearer ", "Bearer é".encode("latin-1"), "Basic b2xnYTp4", "dsr_x"])
    async def test_garbage(self, house: House, value: Any) -> None:
        async with house.client() as client:
            answer = await client.get("/who", headers=[(b"authorization", value)])
        assert answer.status_code == 401

    @pytest.mark.parametrize("scopes", [["read"], ["write"]])
    async def test_scopes(self, house: House, scopes: list[str]) -> None:
        async with house.client(token=await house.token(house.owner, *scopes)) as client:
            reads, writes = (await client.get("/who")).status_code, (await client.post("/who")).status_code
        assert (reads, writes) == ((200, 403) if scopes == ["read"] else (403, 200))


class TestEnds:
    """Each kind of credential × each way to end: 401 at once, tested a second after."""

    @pytest.fixture
    def ends(self, house: House) -> dict[str, Callable[[], Coroutine[Any, Any, Any]]]:
        tom, past = User.email_key == "tom@example.com", house.clock().replace(year=2020)

        def change(statement: Any) -> Callable[[], Coroutine[Any, Any, Any]]:
            return lambda: house.run(lambda unit: unit.session.execute(statement))

        async def pass_time() -> None:
            house.clock.move(days=house.settings.session_days, seconds=1)

        return {
            "session expired": pass_time,
            "token expired": pass_time,
            "token revoked": change(update(TokenRow).values(revoked_at=past)),
            "user deactivated": change(update(User).where(tom).values(deactivated_at=past)),
            "member deactivated": change(update(Member).where(Member.role == "editor").values(deactivated_at=past)),
        }

    @pytest.mark.usefixtures("who")
    @pytest.mark.parametrize(
        ("kind", "end"),
        [
            ("session", "session expired"),
            ("session", "user deactivated"),
            ("session", "member deactivated"),
            ("token", "token expired"),
            ("token", "token revoked"),
            ("token", "user deactivated"),
            ("token", "member deactivated"),
        ],
    )
    async def test_401(
        self, house: House, kind: str, end: str, ends: dict[str, Callable[[], Coroutine[Any, Any, Any]]]
    ) -> None:
        tom = await house.add("tom@example.com", "editor")
        if kind == "session":
            client = await house.sign_in("tom@example.com")
        else:
            client = house.client(token=await house.token(tom, days=house.settings.session_days))
        async with client:
            assert (await client.get("/who")).status_code == 200
            await ends[end]()
            for path in ("/who", f"{V1}/me"):
                answer = await client.get(path)
                assert (path, answer.status_code, answer.json()["code"]) == (path, 401, "unauthenticated")


@pytest.mark.usefixtures("who")
class TestCrossSite:
    @pytest.mark.parametrize(
        ("headers", "passes"),
        [
            (HERE, True),
            ({"Origin": "http://other.test", "Host": "other.test"}, True),
            ({"Sec-Fetch-Site": "same-origin"}, True),
            ({"Sec-Fetch-Site": "none"}, True),
            (THERE, False),
            (THERE | {"Sec-Fetch-Site": "same-origin"}, False),
            ({"Origin": "null"}, False),
            ({"Origin": ""}, False),
            ({"Origin": ORIGIN.replace("http", "https")}, False),
            ({"Origin": f"{ORIGIN}:8080"}, False),
            ({"Origin": f"{ORIGIN}.evil.example"}, False),
            ({"Origin": "http://evil.dossier.test"}, False),
            ({"Sec-Fetch-Site": "same-site"}, False),
            ({"Sec-Fetch-Site": "cross-site"}, False),
            ({"Referer": f"{ORIGIN}/"}, False),
            ({}, False),
        ],
    )
    async def test_a_cookie_changes_things_only_from_our_pages(
        self, house: House, headers: dict[str, str], passes: bool
    ) -> None:
        async with await house.sign_in("olga@example.com") as client:
            del client.headers["Origin"]
            for method in ("POST", "PATCH", "DELETE"):
                answer = await client.request(method, "/who", headers=headers)
                assert (answer.status_code, answer.json().get("code")) == (
                    (200, None) if passes else (403, "cross_site")
                )
            assert (await client.get("/who", headers=headers | THERE)).status_code == 200

    async def test_a_form_of_another_site(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
                answer = await client.post(
                    f"{V1}/groups", content='{"name": "x"}', headers=THERE | {"Content-Type": kind}
                )
                assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")

    async def test_a_token_needs_no_origin(self, house: House) -> None:
        async with house.client(token=await house.token(house.owner)) as client:
            for headers in ({}, THERE, {"Sec-Fetch-Site": "cross-site"}):
                assert (await client.post("/who", headers=headers)).status_code == 200


@pytest.mark.usefixtures("who")
class TestWorkspace:
    async def test_the_only_one(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            assert await seen(client) == str(house.acme)
            assert await seen(client, X_Workspace="other") == (404, "workspace_not_found")
            assert await seen(client, X_Workspace="nowhere") == (404, "workspace_not_found")

    async def test_one_of_several(self, house: House) -> None:
        await house.add("sven@example.com", "viewer")
        async with await house.sign_in("sven@example.com") as client:
            assert await seen(client) == (422, "workspace_needed")
            assert await seen(client, X_Workspace="acme") == str(house.acme)
            assert await seen(client, "/who?workspace=other") == str(house.other)
            assert await seen(client, "/who?workspace=other", X_Workspace="acme") == str(house.acme)
            assert await seen(client, "/who?workspace=nowhere") == (404, "workspace_not_found")

    async def test_a_token_has_its_own(self, house: House) -> None:
        await house.add("sven@example.com", "viewer")
        async with house.client(token=await house.token(house.stranger, workspace=house.other)) as client:
            assert await seen(client) == str(house.other)
            assert await seen(client, X_Workspace="other") == str(house.other)
            assert await seen(client, X_Workspace="acme") == (404, "workspace_not_found")

    async def test_an_item_tells_it(self, house: House) -> None:
        mine, foreign, third = new_id(), new_id(), new_id()
        places = {mine: house.other, foreign: third}

        async def find(unit: ReadUnit, id_: UUID) -> UUID | None:
            return places.get(id_)

        house.app.state.workspace_of = {"thing_id": find}
        await house.add("sven@example.com", "viewer")
        async with await house.sign_in("sven@example.com") as client:
            assert await seen(client, f"/things/{mine}") == str(house.other)
            assert await seen(client, f"/things/{mine}", X_Workspace="acme") == str(house.acme)
            assert await seen(client, f"/things/{foreign}") == (404, "not_found")
            assert await seen(client, f"/things/{new_id()}") == (404, "not_found")
            assert await seen(client, "/things/no-id") == (422, "workspace_needed")

    async def test_left_ones_are_gone(self, house: House) -> None:
        member = await house.add("sven@example.com", "viewer")
        async with await house.sign_in("sven@example.com") as client:
            await house.run(lambda unit: users.deactivate_member(unit, member))
            assert await seen(client, X_Workspace="acme") == (404, "workspace_not_found")
            assert await seen(client) == str(house.other)


@pytest.mark.usefixtures("who")
class TestLastSeen:
    async def _seen_at(self, house: House) -> datetime:
        async with house.units.read(NOBODY) as unit:
            return (await unit.session.scalars(select(SessionRow))).one().seen_at

    async def test_moves_at_most_every_five_minutes(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            times = [await self._seen_at(house)]
            for minutes in (4, 2, 4):
                house.clock.move(minutes=minutes)
                await client.get("/who")
                times.append(await self._seen_at(house))
        assert [later > earlier for earlier, later in pairwise(times)] == [False, True, False]

    async def test_use_keeps_the_session(self, house: House) -> None:
        async with await house.sign_in("olga@example.com") as client:
            for _ in range(3):
                house.clock.move(days=house.settings.session_days - 1)
                assert (await client.get("/who")).status_code == 200

    async def test_a_token_is_noted(self, house: House) -> None:
        async with house.client(token=await house.token(house.owner)) as client:
            assert (await client.get(f"{V1}/tokens")).json()["items"][0]["last_used_at"] is None
            assert (await client.get(f"{V1}/tokens")).json()["items"][0]["last_used_at"] is not None

    async def test_a_full_database_keeps_nobody_out(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        async def full(*_: Any) -> None:
            raise users.LastOwner

        async with await house.sign_in("olga@example.com") as client:
            house.clock.move(minutes=6)
            monkeypatch.setattr(house.units, "run", full)
            assert (await client.get("/who")).status_code == 200


class TestCookie:
    async def _cookie(self, house: House, public_url: str) -> tuple[str, str]:
        house.app.state.settings = house.settings.model_copy(update={"public_url": public_url})
        async with house.client(Origin=public_url) as client:
            body = {"email": "olga@example.com", "password": PASSWORD}
            answer = await client.post(f"{V1}/session", json=body)
        name, _, rest = answer.headers["Set-Cookie"].partition("=")
        return name, rest.partition(";")[2].strip()

    async def test_is_bound_to_the_host_where_secure(self, house: House) -> None:
        name, flags = await self._cookie(house, "https://dossier.example")
        assert name == "__Host-dossier"
        assert flags == f"HttpOnly; Max-Age={door.COOKIE_SECONDS}; Path=/; SameSite=lax; Secure"

    async def test_has_another_name_on_plain_http(self, house: House) -> None:
        name, flags = await self._cookie(house, ORIGIN)
        assert (name, "HttpOnly" in flags, "Secure" in flags) == ("dossier_session", True, False)


class TestTries:
    @pytest.fixture
    def limited(self, house: House) -> House:
        settings = house.settings.model_copy(update={"sign_in_limit": "3/15minutes"})
        house.app.state.settings = settings

        @house.app.post("/try/{key}", response_model=None)
        async def once(request: Request, key: str, good: bool) -> dict[str, bool]:
            async with sessions.tries(request, "test", key):
                if not good:
                    raise sessions.BadCredentials
            return {"good": True}

        return replace(house, settings=settings)

    async def _try(self, house: House, key: str, *, good: bool = False, peer: str = "192.0.2.1", **headers: str) -> int:
        async with house.client(peer=peer, **headers) as client:
            answer = await client.post(f"/try/{key}", params={"good": good})
        if answer.status_code == 429:
            assert answer.json()["code"] == "rate_limited"
            assert 0 < int(answer.headers["Retry-After"]) <= 900
        return answer.status_code

    async def test_per_key_and_address(self, limited: House) -> None:
        assert [await self._try(limited, "a") for _ in range(4)] == [401, 401, 401, 429]
        assert await self._try(limited, "a", good=True) == 429
        assert await self._try(limited, "b") == 401
        assert await self._try(limited, "a", peer="192.0.2.2") == 401

    async def test_per_address(self, limited: House) -> None:
        assert [await self._try(limited, str(key)) for key in range(16)] == [401] * 15 + [429]

    async def test_a_good_one_clears_the_key(self, limited: House) -> None:
        for _ in range(3):
            assert [await self._try(limited, "a") for _ in range(2)] == [401, 401]
            assert await self._try(limited, "a", good=True) == 200

    async def test_good_ones_do_not_use_up_the_address(self, limited: House) -> None:
        assert {await self._try(limited, str(key), good=True) for key in range(20)} == {200}

    async def test_a_forged_address_changes_nothing(self, limited: House) -> None:
        answers = [await self._try(limited, "a", X_Forwarded_For=f"198.51.100.{n}") for n in range(4)]
        assert answers == [401, 401, 401, 429]

    async def test_a_trusted_proxy_tells_the_address(self, limited: House) -> None:
        limited.app.state.settings = limited.settings.model_copy(update={"trusted_proxies": 1})
        for client in ("198.51.100.1", "198.51.100.2"):
            answers = [await self._try(limited, "a", X_Forwarded_For=f"203.0.113.{n}, {client}") for n in range(4)]
            assert answers == [401, 401, 401, 429]
