"""What protects a browser and keeps secrets in: on pages, refusals, failures and people's files.

That every operation's answer carries the headers, to everybody, is seen to by ``test_permission_matrix``, which asks all.
"""

import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from dossier import storage
from dossier.app import Parts, build, create_app
from dossier.core import log
from dossier.core.actor import NOBODY
from dossier.core.settings import Settings
from dossier.core.units import Unit
from dossier.documents import service as documents_service
from tests.conftest import World, client_of
from tests.documents.test_documents import add
from tests.security.calls import request, table
from tests.security.guard import faults
from tests.security.place import API, made

CANARY = "CANARY-4f1d0c"
IDS = "vault strongroom attic plan offer old task group invitation token partner open open_document open_task job"
IDS += " upload refused_upload direct_upload hashing_upload certificate program webhook delivery link link_item share"
IDS += " sign_in"
NOWHERE = dict.fromkeys(IDS.split(), "0198c0de-0000-7000-8000-00000000dead")
PAGES = ["/", "/setup", "/join", "/reset", "/api/docs"]
BUNDLED = ["/assets/docs.js", "/assets/swagger-ui.css", f"{API}/openapi.json", "/health/live", "/health/ready"]


def bare(app: FastAPI, token: str = "") -> httpx.AsyncClient:
    """A client whose answers are not held against the OpenAPI document, which leaves the pages out."""
    client = client_of(app, token)
    client.event_hooks = {}
    return client


class TestPages:
    async def test_all_are_good(self, world: World) -> None:
        for path in PAGES + BUNDLED:
            answer = await bare(world.app).get(path)
            assert (answer.status_code, faults(answer)) == (200, []), path

    @pytest.mark.parametrize(
        "path",
        [
            "/nowhere",
            f"{API}/nowhere",
            "/assets/nowhere.js",
            "/assets/..%2f..%2fsettings.py",
            "/.env",
            "/api",
            f"{API}/",
        ],
    )
    async def test_not_there(self, world: World, path: str) -> None:
        answer = await world.anonymous.get(path)
        assert (answer.status_code, faults(answer)) == (404, [])

    @pytest.mark.parametrize(
        "path", ["/server-status", "/debug", "/metrics", "/docs", "/redoc", "/openapi.json", "/env"]
    )
    async def test_no_debug_page(self, world: World, path: str) -> None:
        """ownCloud CVE-2023-49103."""
        for where in {path, f"/api{path}"} - {"/api/docs"}:
            assert (await bare(world.app, world.owner.token).get(where)).status_code == 404

    async def test_a_path_that_looks_like_a_file(self, world: World) -> None:
        """Web cache deception: a private answer under an address that caches take for a file."""
        document = await add(world.owner.client)
        for end in ("x.css", ".css", "content/x.js", "%2fx.png", ";x.css"):
            answer = await world.owner.client.get(f"{API}/documents/{document['id']}/{end}")
            assert answer.status_code in (404, 422)
            assert answer.headers["cache-control"] == "no-store"


class TestRefusals:
    async def test_wrong_methods(self, world: World) -> None:
        known = world.app.openapi()["paths"]
        for template, item in known.items():
            path = template.replace("{", "").replace("}", "")
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - {
                name.upper() for name in item
            }:
                answer = await world.owner.client.request(method, path)
                # Another template can hold the same path: /documents/batch is a document's too.
                assert answer.status_code in (404, 405, 422), f"{method} {path}: {answer.status_code}"
                assert faults(answer) == [], f"{method} {path}"

    async def test_no_other_site_may_read(self, world: World) -> None:
        """No CORS: neither a preflight nor an answer names another origin."""
        headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
        for method in ("OPTIONS", "GET"):
            answer = await world.owner.client.request(method, f"{API}/documents", headers=headers)
            assert not [name for name in answer.headers if name.startswith("access-control")]

    async def test_torn_wrong_and_too_large(self, world: World) -> None:
        client, kind = world.owner.client, {"Content-Type": "application/json"}
        large = b'{"name": "' + b"x" * world.parts.settings.max_json_bytes + b'"}'
        wrong = {
            400: await client.post(f"{API}/folders", content=b'{"name":', headers=kind),
            413: await client.post(f"{API}/folders", content=large, headers=kind),
            422: await client.post(f"{API}/folders", json={"name": 7, CANARY: CANARY}),
            412: await client.get(f"{API}/folders/{world.root}"),
        }
        document = await add(client)
        path = f"{API}/documents/{document['id']}"
        wrong[412] = await client.patch(path, json={"name": "b"}, headers={"If-Match": '"9"'})
        wrong[409] = await client.post(f"{API}/documents", params={"name": "a.txt"}, content=b"x")
        wrong[416] = await client.get(f"{path}/content", headers={"Range": "bytes=99-"})
        assert {status: answer.status_code for status, answer in wrong.items()} == {key: key for key in wrong}
        assert {status: faults(answer) for status, answer in wrong.items() if faults(answer)} == {}

    async def test_what_was_sent_is_not_sent_back(self, world: World) -> None:
        """A validation error names the field and not its value, which may be a password."""
        for body in ({"email": "a@b.c", "password": [CANARY]}, {"email": "a@b.c", "password": CANARY, "more": CANARY}):
            answer = await world.anonymous.post(f"{API}/session", json=body)
            assert (answer.status_code, CANARY in answer.text) == (422, False)

    async def test_too_many(self, world: World) -> None:
        body = {"link": "no", "password": "correct horse staple"}
        answers = [await world.anonymous.post(f"{API}/password/reset", json=body) for _ in range(11)]
        assert (answers[-1].status_code, faults(answers[-1])) == (429, [])


class TestFailures:
    """Whatever breaks, the answer is one problem that says nothing but its request id."""

    async def test_every_operation(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        async def broken(*_args: Any) -> None:
            raise RuntimeError(f"{CANARY} at /srv/secret.py")

        monkeypatch.setattr(world.app.state, "authenticate", broken)
        monkeypatch.setattr(AsyncSession, "execute", broken)
        monkeypatch.setattr(AsyncSession, "scalar", broken)
        monkeypatch.setattr(AsyncSession, "connection", broken)
        for name, how in table(NOWHERE).items():
            if name in ("live", "upload_options", "sign_out", "hear_graph"):  # these ask nothing; it is refused before
                continue
            answer = await world.owner.client.send(request(world.app, world.owner.client, name, how))
            foreseen = 503 if name == "ready" else 500  # to tell of such things is what it is for
            assert answer.status_code == foreseen, f"{name}: {answer.status_code} {answer.text}"
            assert faults(answer) == [], name
            assert CANARY not in f"{answer.text} {answer.headers}"

    async def test_in_a_verb(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        document = await add(world.editor.client)

        async def broken(*_args: Any, **_named: Any) -> None:
            raise RuntimeError(CANARY)

        monkeypatch.setattr(documents_service, "update", broken)
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"name": "b"})
        assert (answer.status_code, answer.json()["code"], faults(answer)) == (500, "internal", [])
        assert answer.json()["detail"] == answer.json()["title"]
        assert CANARY not in answer.text

    @pytest.mark.embedded
    async def test_in_the_database(self, world: World) -> None:
        async def spoil(unit: Unit) -> None:
            await unit.session.execute(text("ALTER TABLE document_tags RENAME TO gone"))

        await world.parts.units.run(NOBODY, spoil)
        query = {"tag": CANARY}
        answer = await world.editor.client.get(f"{API}/documents", params=query)
        assert (answer.status_code, answer.json()["code"], faults(answer)) == (500, "internal", [])

    @pytest.mark.embedded
    async def test_in_the_store(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        document = await add(world.editor.client)

        async def broken(*_args: Any) -> AsyncIterator[bytes]:
            raise OSError(5, CANARY, "/srv/blobs/secret")
            yield b""

        monkeypatch.setattr(storage.LocalBlobs, "open", broken)
        answer = await world.editor.client.get(f"{API}/documents/{document['id']}/content")
        assert (answer.status_code, faults(answer)) == (500, [])
        assert CANARY not in answer.text


HOSTILE = {
    "page.html": b"<!doctype html><script>alert(1)</script>",
    "page.htm": b"<html><body onload=alert(1)>",
    "page.xhtml": b'<html xmlns="http://www.w3.org/1999/xhtml"><script>alert(1)</script></html>',
    "image.svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "image.png": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "data.xml": b'<?xml version="1.0"?><?xml-stylesheet href="x.xsl"?><a/>',
    "code.js": b"alert(1)",
    "code.mjs": b"export default alert(1)",
    "style.css": b"body{background:url(//evil.example)}",
    "mail.mhtml": b"MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<script>alert(1)</script>",
    "film.swf": b"CWS\x0a" + b"\0" * 20,
    "none": b"<script>alert(1)</script>",
    "poly.pdf": b"<script>/*%PDF-1.4*/alert(1)</script>",
    "poly.gif": b"GIF89a/*<svg onload=alert(1)>*/=1;alert(1)",
}
INLINE = {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"}


class TestContent:
    async def test_nothing_runs_in_our_origin(self, world: World) -> None:
        for name, content in HOSTILE.items():
            document = await add(world.editor.client, name, content)
            for path in ("content", "versions/1/content"):
                address = f"{API}/documents/{document['id']}/{path}"
                answer = await world.editor.client.get(
                    address, params={"inline": True}, headers={"Accept": "text/html"}
                )
                assert faults(answer) == [], name
                kind = answer.headers["content-type"].partition(";")[0]
                assert not answer.headers["content-disposition"].startswith("inline") or kind in INLINE, name
                assert answer.headers["content-security-policy"].startswith("sandbox;"), name
                assert answer.headers["cache-control"] == "private, no-cache", name

    async def test_the_word_of_the_client_is_not_taken(self, world: World) -> None:
        """A declared type decides nothing, neither of the raw body nor of a form's part."""
        page = HOSTILE["page.html"]
        files = {"file": ("a.html", page, "image/png")}
        answers = [
            await world.editor.client.post(f"{API}/documents", files=files),
            await world.editor.client.post(
                f"{API}/documents", params={"name": "b.html"}, content=page, headers={"Content-Type": "image/png"}
            ),
        ]
        assert {(await made(answer))["version"]["media_type"] for answer in answers} == {"text/html"}

    async def test_each_answer(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}/content"
        asked = {200: {}, 206: {"Range": "bytes=0-1"}, 304: {"If-None-Match": "*"}, 412: {"If-Match": '"x"'}}
        for method in ("GET", "HEAD"):
            for status, headers in asked.items():
                answer = await world.editor.client.request(method, path, headers=headers)
                assert answer.status_code == (200 if (method, status) == ("HEAD", 206) else status)
                assert faults(answer) == [], f"{method} {headers}"


# Names that try to end the header, begin another one, or be read as another name. Control characters are refused.
NAMES = [
    'quote".html',
    'a"; filename="evil.exe',
    "a; filename=evil.exe",
    "full＼width.txt",
    "%0d%0aX-Evil: 1.txt",
    "=?utf-8?B?ZXZpbC5leGU=?=",
    "UTF-8''evil.exe",
    "Ünï 文档 🎉.txt",
    "--help",
    "{{7*7}}${7*7}#{7*7}.txt",
    "<img src=x onerror=alert(1)>.txt",
    "a'b`c|d&e.txt",
]


BAD_NAMES = ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\x1bb", "\u2028", "\ud7ff\u202e.txt"]


class TestNames:
    async def test_in_a_header(self, world: World) -> None:
        for name in NAMES:
            document = await add(world.editor.client, name)
            answer = await world.editor.client.get(f"{API}/documents/{document['id']}/content")
            assert faults(answer) == []
            shown = answer.headers["content-disposition"]
            plain, _, exact = shown.partition("; filename*=UTF-8''")
            assert unquote(exact) == document["name"] == name
            assert plain.count('"') == 2
            assert plain.startswith('attachment; filename="')
            assert shown.isascii()
            assert "x-evil" not in answer.headers

    async def test_in_a_zip(self, world: World) -> None:
        documents = [(await add(world.editor.client, name))["id"] for name in NAMES]
        ticket = (await made(await world.editor.client.post(f"{API}/downloads", json={"document_ids": documents})))[
            "url"
        ]
        inside = zipfile.ZipFile(io.BytesIO((await world.anonymous.get(ticket)).content)).namelist()
        assert len(inside) == len(set(inside)) == len(NAMES)
        assert not [name for name in inside if name.startswith("..") or "/" in name or "\\" in name]

    async def test_refused(self, world: World) -> None:
        document = await add(world.editor.client)
        for name in BAD_NAMES:
            answers = [
                await world.editor.client.post(f"{API}/documents", params={"name": name}, content=b"x"),
                await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"name": name}),
                await world.editor.client.post(f"{API}/folders", json={"name": name}),
            ]
            assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(422, "bad_name")] * 3

    async def test_of_a_folder_as_a_zip(self, world: World) -> None:
        folder = await made(await world.editor.client.post(f"{API}/folders", json={"name": 'a"; filename="evil.exe'}))
        body = {"folder_ids": [folder["id"]]}
        ticket = (await made(await world.editor.client.post(f"{API}/downloads", json=body)))["url"]
        for method in ("HEAD", "GET"):
            answer = await world.anonymous.request(method, ticket)
            assert faults(answer) == []
            assert answer.headers["content-disposition"].count('"') == 2


@pytest.fixture
async def secure(settings: Settings) -> AsyncIterator[tuple[Parts, FastAPI]]:
    """The program behind HTTPS."""
    parts = build(Settings(data_dir=settings.data_dir, log_level="error", public_url="https://dossier.example"))
    yield parts, create_app(parts)
    await parts.close()


class TestHttps:
    async def test_strict_transport(self, secure: tuple[Parts, FastAPI]) -> None:
        _parts, app = secure
        for path in ("/", "/nowhere", f"{API}/me"):
            answer = await bare(app).get(path)
            assert answer.headers["strict-transport-security"] == "max-age=63072000"

    async def test_not_without(self, world: World) -> None:
        assert "strict-transport-security" not in (await bare(world.app).get("/")).headers


class TestSecrets:
    """Nothing that opens a door is in the log, at any level, nor in the database, nor in the feed."""

    @pytest.mark.embedded
    async def test_nowhere(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        log.configure("json", "debug")
        told = await everything_secret(world)
        assert len(told) >= 12
        written = capsys.readouterr().err
        assert written.count('"event": "request"') > 15, "the log was listened to"
        feed = (await world.owner.client.get(f"{API}/events", params={"limit": 200})).text
        kept = data(world.parts.settings.data_dir)
        assert len(kept) > 100_000
        for what, secret in told.items():
            assert secret not in written, f"{what} is in the log"
            assert secret not in feed, f"{what} is in the feed"
            assert secret.encode() not in kept, f"{what} is in the data folder"

    @pytest.mark.embedded
    async def test_of_a_failure(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        """The log has the traceback, without the values that were on their way into the database."""
        log.configure("json", "debug")

        async def spoil(unit: Unit) -> None:
            await unit.session.execute(text("ALTER TABLE users RENAME COLUMN password_hash TO gone"))

        await world.parts.units.run(NOBODY, spoil)
        for answer in (
            await world.anonymous.post(f"{API}/session", json={"email": "owner@example.com", "password": CANARY}),
            await world.owner.client.get(f"{API}/me", headers={"Authorization": f"Bearer {CANARY}"}),
        ):
            assert answer.status_code in (401, 500)
        written = capsys.readouterr().err
        assert "Traceback" in written
        assert CANARY not in written
        assert world.owner.token not in written


def data(folder: Path) -> bytes:
    """Every file that the program has written."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def everything_secret(world: World) -> dict[str, str]:
    """Go through every door: what opened them, and what did not."""
    owner, nobody = world.owner.client, world.anonymous
    told = {"token": world.owner.token, "password": f"{CANARY}-password-one", "wrong password": f"{CANARY}-wrong"}
    told |= {"next password": f"{CANARY}-password-two", "wrong link": f"{CANARY}-link", "token in query": f"{CANARY}-q"}
    told |= {"wrong token": f"dsr_{CANARY}", "wrong cookie": f"{CANARY}-cookie", "wrong ticket": f"{CANARY}-ticket"}
    invitation = {"email": "new@example.com", "role": "viewer"}
    told["invitation"] = (await made(await owner.post(f"{API}/invitations", json=invitation)))["url"].partition("#")[2]
    join = {"link": told["invitation"], "name": "New", "password": told["password"]}
    await made(await nobody.post(f"{API}/invitations/accept", json=join))
    browser = client_of(world.app)
    browser.headers["Origin"] = str(browser.base_url).rstrip("/")
    for password in ("wrong password", "password"):
        body = {"email": "new@example.com", "password": told[password]}
        await browser.post(f"{API}/session", json=body)
    told["cookie"] = browser.cookies["dossier_session"]
    change = {"current": told["password"], "password": told["next password"]}
    await made(await browser.put(f"{API}/me/password", json=change))
    made_token = await made(await browser.post(f"{API}/tokens", json={"name": "mine", "scopes": ["read"]}))
    told["new token"] = made_token["token"]
    await made(await client_of(world.app, told["new token"]).get(f"{API}/documents"))
    document = await add(owner)
    ticket = (await made(await owner.post(f"{API}/downloads", json={"document_ids": [document["id"]]})))["url"]
    told["ticket"] = ticket.rpartition("/")[2]
    for method in ("HEAD", "GET", "GET"):
        await nobody.request(method, ticket)
    await _wrong_doors(nobody, told)
    await made(await browser.delete(f"{API}/session"))
    return told


async def _wrong_doors(nobody: httpx.AsyncClient, told: dict[str, str]) -> None:
    await nobody.get(f"{API}/downloads/{told['wrong ticket']}")
    await nobody.get(
        f"{API}/documents", params={"token": told["token in query"], "access_token": told["token in query"]}
    )
    await nobody.get(f"{API}/me", headers={"Authorization": f"Bearer {told['wrong token']}"})
    await nobody.get(f"{API}/me", headers={"Cookie": f"dossier_session={told['wrong cookie']}"})
    await nobody.post(f"{API}/password/forgot", json={"email": "new@example.com"})
    body = {"link": told["wrong link"], "password": told["next password"]}
    await nobody.post(f"{API}/password/reset", json=body)
    await nobody.post(f"{API}/invitations/accept", json={"link": told["wrong link"]})
    setup = {"link": told["wrong link"], "workspace": "W", "email": "a@example.com", "name": "A"}
    await nobody.post(f"{API}/setup", json={**setup, "password": told["password"]})
