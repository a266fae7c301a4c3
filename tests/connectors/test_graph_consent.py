"""A person lets us act on their behalf, at a fake of Microsoft's sign-in."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web

from dossier.connectors.graph import Consents, Credentials
from tests.connectors.fake_graph import CREDENTIALS, FakeGraph
from tests.connectors.graph_calls import refused

REDIRECT = "https://dossier.example/done?a=b&c"


def consents(fake: FakeGraph, app: Credentials = CREDENTIALS) -> Consents:
    return Consents(app, fake.base_url, fake.token_url, REDIRECT)


async def test_there_and_back(fake: FakeGraph) -> None:
    mine = consents(fake)
    back = fake.sign_in(mine.address("the state", "a verifier of 43 characters, as RFC 7636 asks"))
    async with aiohttp.ClientSession() as session:
        consent = await mine.redeem(session, back["code"], "a verifier of 43 characters, as RFC 7636 asks")
        assert (consent.refresh_token, consent.account) == (fake.refresh_token, "ada@contoso.example")
        assert consent.refresh_token not in repr(consent)
        # A code is good for one time.
        async with refused("sign_in"):
            await mine.redeem(session, back["code"], "a verifier of 43 characters, as RFC 7636 asks")


def test_the_challenge_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    url = Consents(CREDENTIALS, "https://graph.example/v1.0", "https://login.example/{tenant}/token", REDIRECT).address(
        "s", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    )
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith("https://login.example/contoso/authorize?")
    assert asked["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert (asked["redirect_uri"], asked["state"]) == ([REDIRECT], ["s"])
    assert asked["scope"][0].endswith("https://graph.example/Files.ReadWrite.All https://graph.example/Sites.Read.All")


async def test_another_verifier(fake: FakeGraph) -> None:
    mine = consents(fake)
    back = fake.sign_in(mine.address("s", "the verifier"))
    async with aiohttp.ClientSession() as session, refused("sign_in"):
        await mine.redeem(session, back["code"], "another")


async def test_no_refresh_token(fake: FakeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fake, "_token", lambda _: web.json_response({"access_token": "x", "expires_in": 1}))
    async with aiohttp.ClientSession() as session, refused("sign_in"):
        await consents(fake).redeem(session, "code", "verifier")


def claims(value: Any) -> str:
    return f"e30.{urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip('=')}.x"


@pytest.mark.parametrize(
    ("token", "account"),
    [
        (None, ""),
        ("", ""),
        ("a.b", ""),
        ("a.%%%.c", ""),
        (claims([1]), ""),
        (claims({"name": "Ada"}), "Ada"),
        (claims({"preferred_username": "x" * 999}), "x" * 320),
    ],
)
async def test_whose_it_is(fake: FakeGraph, monkeypatch: pytest.MonkeyPatch, token: Any, account: str) -> None:
    told = {"refresh_token": "r", "access_token": "x", "expires_in": 1, "id_token": token}
    monkeypatch.setattr(fake, "_token", lambda _: web.json_response(told))
    async with aiohttp.ClientSession() as session:
        assert (await consents(fake).redeem(session, "code", "verifier")).account == account
