"""The faces: what each serves, and that the partners' one takes no session."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from dossier import app, users
from dossier.app import PORTAL_ONLY, create_app
from dossier.core import health, rotation
from dossier.core.settings import Settings
from tests.conftest import PASSWORD, World, client_of
from tests.moto import CREDENTIALS, SecretsManager

API = "/api/v1"
# Nobody signs in for these; they are guarded by what they are sent.
OPEN_TO_PARTNERS = {"live", "ready", "upload_options", "download_zip", "head_zip"}


def face(world: World, name: str) -> FastAPI:
    """The program with another face."""
    settings = world.parts.settings.model_copy(update={"face": name})
    return create_app(replace(world.parts, settings=settings))


@pytest.fixture
def partner(world: World) -> FastAPI:
    """The partners' face."""
    return face(world, "partner")


def operations(program: FastAPI) -> dict[str, bool]:
    """Operation → whether nobody has to sign in for it."""
    paths = program.openapi()["paths"]
    return {each["operationId"]: each.get("security") == [] for item in paths.values() for each in item.values()}


@pytest.mark.slow
class TestPartner:
    def test_serves_all_but_what_is_the_portals(self, world: World, partner: FastAPI) -> None:
        every, theirs = operations(world.app), operations(partner)
        assert theirs.keys() == every.keys() - PORTAL_ONLY
        assert {name for name, is_open in theirs.items() if is_open} == OPEN_TO_PARTNERS

    async def test_a_token_works(self, world: World, partner: FastAPI) -> None:
        client = client_of(partner, world.editor.token)
        added = await client.post(f"{API}/documents?name=a.txt", content=b"words")
        assert added.status_code == 201
        assert (await client.get(f"{API}/documents/{added.json()['id']}/content")).content == b"words"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", f"{API}/session"),
            ("DELETE", f"{API}/session"),
            ("POST", f"{API}/setup"),
            ("POST", f"{API}/password/forgot"),
            ("POST", f"{API}/password/reset"),
            ("GET", "/"),
            ("GET", "/documents"),
            ("GET", "/_nuxt/a.js"),
            ("GET", "/api/docs"),
            ("GET", "/assets/docs.js"),
            ("GET", "/metrics"),
        ],
    )
    async def test_there_is_no_such_thing(self, partner: FastAPI, method: str, path: str) -> None:
        transport = httpx.ASGITransport(app=partner)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
            answer = await client.request(method, path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    async def test_a_session_is_worth_nothing(self, world: World, partner: FastAPI) -> None:
        await world.parts.units.run(
            world.owner.actor,
            lambda unit: users.add_member(unit, "owner@example.com", "Owner", "owner", PASSWORD, overwrite=True),
        )
        body = {"email": "owner@example.com", "password": PASSWORD}
        signed_in = await world.anonymous.post(f"{API}/session", json=body)
        assert signed_in.status_code == 201
        cookies = "; ".join(f"{name}={value}" for name, value in signed_in.cookies.items())
        told = {"Cookie": cookies, "Sec-Fetch-Site": "same-origin"}
        assert (await client_of(world.app).get(f"{API}/me", headers=told)).status_code == 200
        assert (await client_of(partner).get(f"{API}/me", headers=told)).status_code == 401

    async def test_the_way_to_accept_an_invitation_is_one_invitations_name(self, partner: FastAPI) -> None:
        answer = await client_of(partner).post(f"{API}/invitations/accept", json={"link": "x"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE")

    async def test_allow_names_what_is_left(self, world: World, partner: FastAPI) -> None:
        answer = await client_of(partner, world.owner.token).patch(f"{API}/me", json={"name": "x"})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET")

    async def test_health(self, partner: FastAPI) -> None:
        assert (await client_of(partner).get("/health/ready")).status_code == 200


@pytest.mark.slow
@pytest.mark.parametrize("name", ["all", "portal"])
async def test_the_other_faces_are_whole(world: World, name: str) -> None:
    program = face(world, name)
    assert operations(program).keys() == operations(world.app).keys()
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app=program), base_url="http://127.0.0.1:8000")
    assert (await client.get("/", headers={"Accept": "text/html"})).status_code == 200


class TestSignIn:
    """What ``build`` hands to the database: the settings' own order of places, asked again."""

    @pytest.mark.slow
    async def test_follows_the_secret_and_goes_on_without_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in CREDENTIALS.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(rotation, "RETRY_SECONDS", 0.0)
        monkeypatch.setattr(health, "KEEP_SECONDS", 0.0)
        manager = SecretsManager(tmp_path).start()
        try:
            manager.keep("db", '{"username": "u", "password": "first"}')
            monkeypatch.setenv("DOSSIER_DATABASE_URL", "mysql+aiomysql://h/d")
            monkeypatch.setenv("DOSSIER_SECRETS", manager.address("db"))
            settings = Settings()
            assert settings.rotates
            sign_in = app._sign_in(settings)
            whole = health.Health([health.Probe("secrets", app._fresh(sign_in), needed=False)])
            told = await sign_in.current()
            assert told == {"user": "u", "password": "first"}

            manager.keep("db", '{"username": "u2", "password": "second"}')
            assert await sign_in.renewed(told) == {"user": "u2", "password": "second"}
            assert (await whole.ready())["status"] == "ok"
        finally:
            manager.stop()
        assert await sign_in.renewed(await sign_in.current()) is None
        assert await sign_in.current() == {"user": "u2", "password": "second"}
        assert (await whole.ready())["status"] == "degraded"

    async def test_follows_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "password"
        file.write_text("first\n")
        monkeypatch.setenv("DOSSIER_DATABASE_PASSWORD_FILE", str(file))
        monkeypatch.setenv("DOSSIER_DATABASE_URL", "mysql+aiomysql://u@h/d")
        sign_in = app._sign_in(Settings())
        told = await sign_in.current()
        file.write_text("second\n")
        assert (told["password"], await sign_in.renewed(told)) == ("first", {"user": "u", "password": "second"})


def test_every_name_is_an_operation_or_page(world: World) -> None:
    assert PORTAL_ONLY - operations(world.app).keys() == {"docs", "asset"}
