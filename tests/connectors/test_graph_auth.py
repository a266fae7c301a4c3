"""Tokens of Microsoft's identity platform, of a fake that behaves as it is known to."""

import asyncio
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from dossier.connectors import RemoteError
from dossier.connectors.graph import Credentials, GraphConnector
from tests.connectors.content import read
from tests.connectors.fake_graph import CREDENTIALS, FakeGraph, graph_connector
from tests.connectors.graph_calls import LARGE, PIECES, content, refused


class TestTokens:
    async def test_is_asked_for_once_and_sent_everywhere_but_to_signed_addresses(self, fake: FakeGraph) -> None:
        node = fake.add(None, "a.txt", b"text")
        async with graph_connector(fake, **PIECES) as graph:
            await graph.check()
            await read(graph, node.id)
            await graph.create(None, "b.bin", content(LARGE))
        assert len(fake.token_forms) == 1
        assert fake.token_forms[0] == {
            "client_id": "app",
            "client_secret": CREDENTIALS.secret,
            "grant_type": "client_credentials",
            "scope": f"{fake.origin}/.default",
        }
        assert "/contoso/" in fake.requests[0].path
        with_token = {seen.path.split("/")[1] for seen in fake.requests if "authorization" in seen.headers}
        without = {seen.path.split("/")[1] for seen in fake.requests if "authorization" not in seen.headers}
        assert (with_token, without) == ({"v1.0"}, {"contoso", "up", "dl"})

    async def test_every_request_has_an_id_of_its_own(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"text")
        await read(graph, node.id)
        ids = [seen.headers["client-request-id"] for seen in fake.requests]
        assert len(set(ids)) == len(ids) > 3

    async def test_is_renewed_five_minutes_before_its_end(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 1000.0
        monkeypatch.setattr(graph.graph.tokens, "_clock", lambda: now)
        await graph.check()
        now += 3299
        await graph.check()
        assert len(fake.token_forms) == 1
        now += 1
        await graph.check()
        assert len(fake.token_forms) == 2

    async def test_is_renewed_once_where_it_is_not_taken(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"text")
        await graph.check()
        fake.expire_tokens()
        await graph.check()
        fake.fail("GET", "/content", 401)
        assert await read(graph, node.id) == b"text"
        assert len(fake.token_forms) == 3
        fake.fail("*", "/v1.0", 401, times=9)
        async with refused("sign_in"):
            await graph.check()
        async with refused("sign_in"):
            await read(graph, node.id)
        # Two tries of each, and no more.
        assert sum(fault.times for fault in fake.faults) == 5

    async def test_many_calls_at_once_ask_for_one(self, fake: FakeGraph, graph: GraphConnector) -> None:
        await asyncio.gather(*(graph.check() for _ in range(10)))
        assert len(fake.token_forms) == 1

    async def test_a_newer_one_stays(self, fake: FakeGraph, graph: GraphConnector) -> None:
        """Of several calls whose token was not taken, the first gets another one for all."""
        tokens = graph.graph.tokens
        old = await tokens.get()
        tokens.drop(old)
        new = await tokens.get()
        tokens.drop(old)
        assert await tokens.get() == new != old

    async def test_a_sign_in_service_that_is_away_for_a_while(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told = {"error": "temporarily_unavailable"}
        monkeypatch.setattr(fake, "_token", lambda _: web.json_response(told, status=400))
        async with refused("unreachable"):
            await graph.check()

    async def test_wrong_credentials(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.secret = "another"
        with pytest.raises(RemoteError) as caught:
            await graph.check()
        assert caught.value.kind == "sign_in"
        assert caught.value.detail == "Microsoft's sign-in service answered 401 invalid_client AADSTS7000215."
        assert CREDENTIALS.secret not in repr(CREDENTIALS)

    @pytest.mark.parametrize(
        ("how", "headers", "kind"),
        [
            (500, {}, "unreachable"),
            (429, {"Retry-After": "3"}, "throttled"),
            ("reset", {}, "unreachable"),
            ("truncate", {}, "unreachable"),
        ],
    )
    async def test_a_sign_in_service_that_fails(
        self, fake: FakeGraph, graph: GraphConnector, how: Any, headers: dict[str, str], kind: str
    ) -> None:
        fake.fail("POST", "/token", how, headers=headers)
        async with refused(kind):
            await graph.check()
        await graph.check()

    async def test_a_refresh_token_that_rotates(self, fake: FakeGraph) -> None:
        kept: list[str] = []

        async def keep(token: str) -> None:
            # Kept before the access token is used: what comes in between would lose it.
            assert fake.requests[-1].path.startswith("/contoso/")
            kept.append(token)

        person = Credentials("contoso", "app", secret=CREDENTIALS.secret, refresh_token="refresh-0", rotated=keep)
        async with graph_connector(fake, credentials=person) as graph:
            for _ in range(3):
                fake.expire_tokens()
                await graph.check()
        assert kept[-1] == fake.refresh_token
        assert len(set(kept)) == len(kept) == len(fake.token_forms) == 3
        assert [form["refresh_token"] for form in fake.token_forms] == ["refresh-0", *kept[:2]]
        assert {form["grant_type"] for form in fake.token_forms} == {"refresh_token"}
        assert "refresh-0" not in repr(person)

    async def test_a_refresh_token_that_has_ended(self, fake: FakeGraph) -> None:
        person = Credentials("contoso", "app", secret=CREDENTIALS.secret, refresh_token="an old one")
        async with graph_connector(fake, credentials=person) as graph, refused("sign_in"):
            await graph.check()

    async def test_a_certificate(self, fake: FakeGraph) -> None:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "app")])
        builder = x509.CertificateBuilder(
            name, name, key.public_key(), 1, datetime.now(UTC), datetime(2100, 1, 1, tzinfo=UTC)
        )
        certificate = builder.sign(key, hashes.SHA256())
        pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        form = serialization.PrivateFormat.PKCS8
        private = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()
        async with graph_connector(
            fake, credentials=Credentials("contoso", "app", certificate=pem, key=private)
        ) as graph:
            await graph.check()
        sent = fake.token_forms[0]
        assert sent["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        assert "client_secret" not in sent
        head, claims, signature = (urlsafe_b64decode(f"{part}==") for part in sent["client_assertion"].split("."))
        signed = sent["client_assertion"].rpartition(".")[0].encode()
        pss = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
        key.public_key().verify(signature, signed, pss, hashes.SHA256())
        assert json.loads(head)["alg"] == "PS256"
        assert urlsafe_b64decode(json.loads(head)["x5t#S256"] + "=") == certificate.fingerprint(hashes.SHA256())
        said = json.loads(claims)
        assert said["aud"] == fake.token_url.replace("{tenant}", "contoso")
        assert said["iss"] == said["sub"] == "app"
        assert 0 < said["exp"] - said["nbf"] <= 600

    @pytest.mark.parametrize("pem", ["", "nonsense"])
    async def test_a_certificate_that_is_none(self, fake: FakeGraph, pem: str) -> None:
        app = Credentials("contoso", "app", certificate="x", key=pem)
        async with graph_connector(fake, credentials=app) as graph, refused("sign_in"):
            await graph.check()
