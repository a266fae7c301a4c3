"""The connector of Microsoft Graph, against a fake that behaves as Graph is known to."""

import asyncio
import hashlib
import json
import random
from base64 import b64decode, urlsafe_b64decode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import given
from hypothesis import strategies as st

from dossier.connectors import Connector, Content, Item, Page, RemoteError
from dossier.connectors.graph import (
    Credentials,
    GraphConnector,
    Hint,
    Picker,
    QuickXor,
    Subscriptions,
    Validation,
    feed,
    heard,
)
from dossier.connectors.graph.answers import Answer, refusal, retry_after
from dossier.connectors.graph.names import LONGEST, fitting
from dossier.connectors.graph.uploads import Source
from dossier.connectors.names import hidden_name
from tests.connectors.fake_graph import BAD_NAME, CREDENTIALS, DRIVE, UNIT, FakeGraph, graph_connector

LARGE = random.Random(7).randbytes(5 * UNIT + 123)
NEVER = datetime(2100, 1, 1, tzinfo=UTC)
PIECES: dict[str, Any] = {"small_bytes": 1000, "piece_bytes": UNIT}


def content(data: bytes, *, chunk: int = 100_000, opened: list[int] | None = None) -> Content:
    """Bytes to be sent; ``opened`` hears from where on they were asked for."""

    async def stream(start: int) -> AsyncIterator[bytes]:
        if opened is not None:
            opened.append(start)
        for at in range(start, len(data), chunk):
            yield data[at : at + chunk]

    return Content(len(data), hashlib.sha256(data).digest(), "text/plain", stream)


async def read(graph: GraphConnector, item: str, if_tag: str | None = None) -> bytes:
    async with graph.open(item, if_tag=if_tag) as chunks:
        return b"".join([chunk async for chunk in chunks])


async def pages(graph: GraphConnector, cursor: str | None = None) -> list[Page]:
    return [page async for page in graph.changes(cursor)]


async def changes(graph: GraphConnector, cursor: str | None = None) -> tuple[list[str], list[str], str]:
    """Names in order, ids that are gone, and the next cursor."""
    found = await pages(graph, cursor)
    assert [page.cursor for page in found[:-1]] == [None] * (len(found) - 1)
    end = found[-1].cursor
    assert end
    return [item.name for page in found for item in page.items], [gone for page in found for gone in page.gone], end


@asynccontextmanager
async def refused(kind: str) -> AsyncIterator[None]:
    with pytest.raises(RemoteError) as caught:
        yield
    assert caught.value.kind == kind, caught.value
    assert CREDENTIALS.secret not in str(caught.value)
    assert "http" not in caught.value.detail


def test_it_is_a_connector(graph: GraphConnector) -> None:
    connector: Connector = graph
    assert connector.caps.feed and connector.caps.stable_ids and not connector.caps.case_sensitive


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


class TestRefusals:
    @pytest.mark.parametrize(
        ("status", "headers", "code", "kind"),
        [
            (429, {"Retry-After": "17"}, "", "throttled"),
            (429, {}, "", "throttled"),
            (503, {"Retry-After": "17"}, "serviceNotAvailable", "throttled"),
            (503, {}, "serviceNotAvailable", "unreachable"),
            (509, {"Retry-After": "17"}, "", "throttled"),
            (403, {}, "accessDenied", "refused"),
            (403, {}, "quotaLimitReached", "full"),
            (423, {}, "resourceLocked", "locked"),
            (423, {}, "notAllowed", "locked"),
            (507, {}, "", "full"),
            (500, {}, "generalException", "unreachable"),
            (502, {}, "", "unreachable"),
            (504, {}, "", "unreachable"),
            (400, {}, "invalidRequest", "refused"),
            (413, {}, "", "refused"),
            (404, {}, "itemNotFound", "missing"),
            (410, {}, "", "missing"),
            (409, {}, "nameAlreadyExists", "name_taken"),
            (409, {}, "resourceModified", "changed"),
            (409, {}, "", "changed"),
            (412, {}, "resourceModified", "changed"),
            (408, {}, "", "unreachable"),
            (302, {}, "", "unreachable"),
            (401, {}, "accessDenied", "sign_in"),
        ],
    )
    def test_each(self, status: int, headers: dict[str, str], code: str, kind: str) -> None:
        body = {"error": {"code": code, "message": "see https://somewhere.example/?sig=1"}} if code else {}
        error = refusal(Answer(status, headers, body, "id-1"))
        assert error.kind == kind
        assert error.retry_after == (17.0 if headers else None)
        assert "id-1" in error.detail and "sig=1" not in error.detail

    def test_a_code_inside(self) -> None:
        body = {"error": {"code": "conflict", "innerError": {"code": "x", "innerError": {"code": "nameAlreadyExists"}}}}
        assert refusal(Answer(409, {}, body)).kind == "name_taken"

    def test_retry_after_as_a_date(self) -> None:
        soon = datetime.now(UTC) + timedelta(seconds=60)
        wait = retry_after({"Retry-After": soon.strftime("%a, %d %b %Y %H:%M:%S GMT")})
        assert wait is not None and 50 < wait <= 60
        assert retry_after({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
        assert retry_after({"Retry-After": "soon"}) is None

    async def test_every_method_says_it(self, fake: FakeGraph, graph: GraphConnector) -> None:
        """Whatever is called: throttled, torn and lying answers come as what they are."""
        node = fake.add(None, "a.txt", b"text")
        etag = node.etag
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: graph.check(),
            lambda: graph.stat(node.id),
            lambda: graph.find(None, "a.txt"),
            lambda: pages(graph),
            lambda: read(graph, node.id),
            lambda: graph.create(None, "b.txt", content(b"1")),
            lambda: graph.put(node.id, content(b"1"), if_match=etag),
            lambda: graph.make_folder(None, "f"),
            lambda: graph.move(node.id, None, "c.txt"),
            lambda: graph.delete(node.id),
            lambda: graph.versions(node.id),
        ]
        await graph.check()
        for call in calls:
            for how, kind in ((429, "throttled"), (423, "locked"), ("reset", "unreachable"), (502, "unreachable")):
                fake.faults.clear()
                fake.fail("*", "/v1.0", how, times=9, headers={"Retry-After": "7"}, code="")
                async with refused(kind):
                    await call()
        assert [each.name for each in fake.nodes.values()] == ["root", "a.txt"]
        assert fake.nodes[node.id].etag == etag

    async def test_throttled_now_and_then(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.throttle_every = 3
        waits = []
        for _ in range(9):
            try:
                await graph.find(None, "none")
            except RemoteError as error:
                waits.append(error.retry_after)
        assert waits == [7.0] * len(waits) and len(waits) >= 3

    async def test_a_body_that_is_cut_off_or_no_json(self, fake: FakeGraph, graph: GraphConnector) -> None:
        await graph.check()
        fake.fail("GET", "/items", "truncate")
        async with refused("unreachable"):
            await graph.check()
        fake.fail("GET", "/items", 200, code="")
        async with refused("unreachable"):
            await graph.check()

    async def test_the_token_goes_to_no_other_address(self, fake: FakeGraph, graph: GraphConnector) -> None:
        for where in ("https://elsewhere.example/x", fake.base_url.replace("127.0.0.1", "127.0.0.1.elsewhere.example")):
            async with refused("unreachable"):
                await graph.graph.call("GET", where)
        assert fake.requests == fake.made("POST", "/token")


class TestChanges:
    async def test_everything_then_what_changed(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = fake.add(None, "Contracts")
        file = fake.add(folder.id, "a.txt", b"one", author="Grace")
        found = await pages(graph)
        top, inner = found[0].items
        assert (top.folder, top.tag, top.parent_id, top.size, top.id) == (True, "", None, None, folder.id)
        assert (inner.name, inner.tag, inner.etag) == ("a.txt", file.ctag, file.etag)
        assert (inner.parent_id, inner.size, inner.author) == (folder.id, 3, "Grace")
        assert inner.modified_at == file.modified
        assert inner.digests == {"quickxor": naive(b"one").hex()}
        cursor = found[-1].cursor
        assert await changes(graph, cursor) == ([], [], cursor)
        fake.edit(file.id, b"two")
        new = fake.add(None, "b.txt", b"")
        names, gone, cursor = await changes(graph, cursor)
        # Contracts is told of again: nobody here knows that it was before.
        assert (names, gone) == (["Contracts", "a.txt", "b.txt"], [])
        fake.remove(new.id)
        fake.rename(folder.id, "Treaties")
        assert (await changes(graph, cursor))[:2] == (["Treaties"], [new.id])

    async def test_a_rename_changes_the_etag_alone(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"one")
        before = await graph.stat(node.id)
        fake.rename(node.id, "b.txt")
        after = await graph.stat(node.id)
        assert before and after
        assert (before.tag == after.tag, before.etag == after.etag) == (True, False)

    async def test_pages_and_a_folder_before_what_lies_in_it(self, fake: FakeGraph, graph: GraphConnector) -> None:
        at = None
        for depth in range(6):
            at = fake.add(at, f"folder {depth}").id
            fake.add(at, f"file {depth}", b"")
        fake.page_size = 3
        for fake.scrambled in (False, True):
            seen: set[str | None] = {None}
            found = await pages(graph)
            assert len(found) > 4
            for item in [item for page in found for item in page.items]:
                assert item.parent_id in seen
                seen.add(item.id)
            assert {node.id for node in fake.nodes.values()} - {fake.root.id} == seen - {None}

    async def test_only_what_lies_below_the_linked_folder(self, fake: FakeGraph) -> None:
        mine, other = fake.add(None, "mine"), fake.add(None, "other")
        deep = fake.add(mine.id, "deep")
        async with graph_connector(fake, folder_id=mine.id) as graph:
            file = fake.add(deep.id, "a.txt", b"")
            names, gone, cursor = await changes(graph)
            assert (names, gone) == (["deep", "a.txt"], [])
            # A change elsewhere is told of by the drive, and is nothing here.
            elsewhere = fake.add(other.id, "b.txt", b"")
            fake.edit(file.id, b"2")
            names, gone, cursor = await changes(graph, cursor)
            assert names == ["deep", "a.txt"] and elsewhere.id in gone
            fake.rename(file.id, parent=other.id)
            names, gone, cursor = await changes(graph, cursor)
            assert (names, gone) == ([], [file.id])
            assert await graph.stat(file.id) is None
            fake.rename(deep.id, parent=other.id)
            fake.add(deep.id, "c.txt", b"")
            names, gone, cursor = await changes(graph, cursor)
            assert names == [] and deep.id in gone
            fake.rename(deep.id, parent=mine.id)
            assert (await changes(graph, cursor))[0] == ["deep"]

    async def test_the_linked_folder_is_no_item(self, fake: FakeGraph) -> None:
        mine = fake.add(None, "mine")
        async with graph_connector(fake, folder_id=mine.id) as graph:
            file = fake.add(mine.id, "a.txt", b"")
            fake.touch(mine.id)
            found = await pages(graph)
            assert [(item.id, item.parent_id) for item in found[0].items] == [(file.id, None)]
            assert await graph.stat(mine.id) is None
            fake.remove(mine.id)
            async with refused("missing"):
                await changes(graph, found[-1].cursor)

    async def test_folders_are_asked_for_once_at_most(self, fake: FakeGraph) -> None:
        mine, other = fake.add(None, "mine"), fake.add(None, "other")
        deep = fake.add(fake.add(mine.id, "a").id, "b")
        for number in range(3):
            fake.add(deep.id, f"{number}", b"")
        fake.page_size = 1
        async with graph_connector(fake, folder_id=mine.id) as graph:
            cursor = (await changes(graph))[2]
            asked = len(fake.made("GET", "/items/item"))
            assert asked == 1 + len(fake.made("GET", "/delta"))  # the linked folder, and the pages
            for number in range(3):
                fake.add(other.id, f"{number}", b"")
            assert len((await changes(graph, cursor))[1]) == 3
            assert len(fake.made("GET", f"/items/{other.id.replace('!', '%21')}?")) == 1

    async def test_a_folder_that_leaves_while_the_pages_are_read(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mine, other = fake.add(None, "mine"), fake.add(None, "other")
        folder = fake.add(other.id, "folder")
        child = fake.add(folder.id, "a.txt", b"")
        now, leaf = fake._shown(folder), fake._shown(child)
        before = now | {"parentReference": {"id": mine.id}}
        fake.page_size = 1
        async with graph_connector(fake, folder_id=mine.id) as graph:
            for entries in ([before, now, leaf], [before, {"id": folder.id, "deleted": {}}, leaf]):
                monkeypatch.setattr(fake, "_everything", lambda _, entries=entries: entries)
                assert (await changes(graph))[:2] == (["folder"], [folder.id, child.id])

    async def test_folders_that_lie_in_each_other(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, two = (
            {"id": each, "name": each, "folder": {}, "parentReference": {"id": of}} for each, of in ("ab", "ba")
        )
        monkeypatch.setattr(fake, "_everything", lambda _: [one, two])
        assert (await changes(graph))[:2] == ([], ["a", "b"])

    async def test_the_last_appearance_holds(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = fake._shown(fake.add(None, "a.txt", b"1")), fake._shown(fake.add(None, "b.txt", b"1"))
        gone = {"id": second["id"], "deleted": {}}
        monkeypatch.setattr(fake, "_everything", lambda _: [first, second, first | {"name": "c.txt"}, gone])
        assert (await changes(graph))[:2] == (["c.txt"], [second["id"]])

    async def test_notebooks_and_shortcuts_are_left_out(self, fake: FakeGraph, graph: GraphConnector) -> None:
        notes = fake.add(None, "Notes", facet="package")
        fake.add(notes.id, "section.one", b"")
        shortcut = fake.add(None, "Shared", facet="remoteItem")
        assert (await changes(graph))[0] == []
        assert await graph.stat(notes.id) is None
        assert await graph.find(None, shortcut.name) is None

    async def test_what_is_not_whole_yet_is_left_out(self, fake: FakeGraph, graph: GraphConnector) -> None:
        """Another connector may bring a file to the same place by its hidden name."""
        node = fake.add(None, hidden_name(), b"")
        names, _, cursor = await changes(graph)
        assert names == [] and await graph.stat(node.id) is None
        fake.rename(node.id, "a.txt")
        names, _, cursor = await changes(graph, cursor)
        assert names == ["a.txt"]
        fake.rename(node.id, hidden_name())
        assert (await changes(graph, cursor))[:2] == ([], [node.id])

    async def test_what_did_not_change_passes(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        cursor = (await changes(graph))[2]
        fake.touch(node.id)
        (page,) = await pages(graph, cursor)
        assert page.items == [await graph.stat(node.id)]

    @pytest.mark.parametrize("location", [True, False])
    @pytest.mark.parametrize("code", ["resyncRequired", "resyncChangesApplyDifferences", "itemNotFound"])
    async def test_a_cursor_that_is_not_known_any_more(
        self, fake: FakeGraph, graph: GraphConnector, code: str, location: bool
    ) -> None:
        cursor = (await changes(graph))[2]
        fake.gone_code, fake.gone_location = code, location
        fake.expire()
        with pytest.raises(RemoteError) as caught:
            await changes(graph, cursor)
        assert caught.value.resync
        assert (await changes(graph))[0] == []

    @pytest.mark.parametrize("how", ["reset", 429, 503])
    async def test_a_failure_within_a_long_list(self, fake: FakeGraph, graph: GraphConnector, how: Any) -> None:
        """It is waited for where pages were read already; a list that can begin anew is left to the caller."""
        fake.page_size = 1
        for number in range(4):
            fake.add(None, f"{number}", b"")
        await graph.check()
        fake.fail("GET", "/delta", how, skip=2, times=4, headers={"Retry-After": "0"}, code="")
        assert (await changes(graph))[0] == ["0", "1", "2", "3"]
        fake.fail("GET", "/delta", how, skip=2, times=99, headers={"Retry-After": "0"}, code="")
        async with refused("unreachable" if how == "reset" else "throttled"):
            await changes(graph)
        fake.faults.clear()
        fake.fail("GET", "/delta", 429, skip=2, headers={"Retry-After": "31"}, code="")
        async with refused("throttled"):
            await changes(graph)

    async def test_a_cursor_of_another_cloud(self, fake: FakeGraph, graph: GraphConnector) -> None:
        async with refused("resync"):
            await changes(graph, "https://graph.example/v1.0/drives/d/root/delta?token=1")

    async def test_a_list_that_does_not_end(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake.page_size = 1
        for number in range(5):
            fake.add(None, f"{number}", b"")
        cursor = (await changes(graph))[2]
        monkeypatch.setattr(feed, "MOST_PAGES", 3)
        async with refused("unreachable"):
            await changes(graph)

        def again(request: web.Request, *_: object) -> web.Response:
            return web.json_response({"value": [], "@odata.nextLink": f"{fake.origin}{request.rel_url}"})

        monkeypatch.setattr(fake, "_delta", again)
        async with refused("resync"):
            await changes(graph, cursor)
        async with refused("unreachable"):
            await changes(graph)

    @pytest.mark.parametrize(
        "page", [{"value": []}, {"@odata.deltaLink": "x"}, {"value": [{}], "@odata.deltaLink": "x"}]
    )
    async def test_a_page_that_is_none(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch, page: dict[str, Any]
    ) -> None:
        monkeypatch.setattr(fake, "_delta", lambda *_: web.json_response(page))
        if page.get("value"):
            assert (await changes(graph))[:2] == ([], [""])
        else:
            async with refused("unreachable"):
                await changes(graph)


class TestReading:
    async def test_check(self, fake: FakeGraph, graph: GraphConnector) -> None:
        assert await graph.check() == "Folder “root” of the drive “Documents” (business)."
        file = fake.add(None, "a.txt", b"")
        for place in ("item!404", file.id):
            async with graph_connector(fake, folder_id=place) as other, refused("missing"):
                await other.check()

    @pytest.mark.parametrize(
        "name", ["a.txt", "50% & more #1.txt", "ä ü+€ 漢字.txt", "it's (1), a=b;c@d!.txt", "a%2Fb"]
    )
    async def test_find(self, fake: FakeGraph, graph: GraphConnector, name: str) -> None:
        folder = fake.add(None, "f & g")
        node = fake.add(folder.id, name, b"1")
        fake.add(None, name.upper(), b"22")
        inner, top = await graph.find(folder.id, name), await graph.find(None, name)
        assert inner and top
        assert (inner.id, inner.size, top.size) == (node.id, 1, 2)
        assert await graph.find(folder.id, "none") is None
        assert await graph.find("none", name) is None

    async def test_stat(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        item = await graph.stat(node.id)
        assert item and item.name == "a.txt"
        assert await graph.stat("item!404") is None

    @pytest.mark.parametrize("odd", ["", ".", "..", "../items/root!1", "a/b", "a\\b", "root:", "a\0", "\udce9"])
    async def test_what_is_no_id_or_name_is_never_sent(self, fake: FakeGraph, graph: GraphConnector, odd: str) -> None:
        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: graph.stat(odd),
            lambda: read(graph, odd),
            lambda: graph.put(odd, content(b"1"), if_match=""),
            lambda: graph.delete(odd),
            lambda: graph.versions(odd),
            lambda: graph.move(odd, None, "a"),
            lambda: graph.find(odd, "a"),
            lambda: graph.create(odd, "a", content(b"1")),
            lambda: graph.make_folder(odd, "a"),
            lambda: graph.create(None, odd, content(b"1")),
            lambda: graph.make_folder(None, odd),
        ]
        if odd in ("a\\b", "root:"):  # which Graph alone takes for no name
            assert await graph.find(None, odd) is None
        else:
            calls += [lambda: graph.find(None, odd), lambda: graph.move("item!404", None, odd)]
        for call in calls:
            async with refused("refused"):
                await call()
        assert fake.requests == []

    async def test_names_that_would_become_others_are_never_sent(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node, odd = fake.add(None, "a.txt", b"1"), fake.add(None, "con.txt", b"1")
        for name in (" a", "a ", "a.", "~$a", "con", "x" * 256, "a:b"):
            async with refused("refused"):
                await graph.create(None, name, content(b"1"))
            async with refused("refused"):
                await graph.make_folder(None, name)
            async with refused("refused"):
                await graph.move(node.id, None, name)
        assert fake.made("PUT") == fake.made("PATCH") == []
        # What is called so already can be moved and found.
        folder = await graph.make_folder(None, "f")
        assert (await graph.move(odd.id, folder.id, "con.txt")).parent_id == folder.id
        assert await graph.find(folder.id, "con.txt")

    async def test_bytes(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        assert await read(graph, node.id, node.ctag) == LARGE
        empty = fake.add(None, "b.bin", b"")
        assert await read(graph, empty.id) == b""
        assert {seen.headers["accept-encoding"] for seen in fake.made("GET", "/dl/")} == {"identity"}

    async def test_no_bytes(self, fake: FakeGraph, graph: GraphConnector) -> None:
        async with refused("missing"):
            await read(graph, "item!404")
        async with refused("missing"):
            await read(graph, fake.add(None, "folder").id)

    async def test_another_tag(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        tag = node.ctag
        async with graph.open(node.id, if_tag=tag) as chunks:
            async for _ in chunks:
                break
            fake.edit(node.id, b"2")
            async with refused("changed"):
                async for _ in chunks:
                    pass
        async with refused("changed"):
            await read(graph, node.id, tag)

    async def test_a_connection_that_breaks(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)
        for how in ("truncate", "reset", 500, 404):
            fake.faults.clear()
            fake.fail("GET", "/dl/", how, times=2)  # aiohttp asks again by itself where nothing came
            async with refused("unreachable"):
                await read(graph, node.id)
        fake.faults.clear()
        assert await read(graph, node.id) == LARGE

    @pytest.mark.parametrize(
        ("head", "sent", "kind"),
        [
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"0123456789", ""),
            (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"01234", "unreachable"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", b"0123456", ""),  # as for an office file
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b"01234\r\n0\r\n\r\n", ""),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n", b"01234\r\n", "unreachable"),
        ],
    )
    async def test_where_the_bytes_end(
        self, fake: FakeGraph, graph: GraphConnector, head: bytes, sent: bytes, kind: str
    ) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + sent)
            await writer.drain()
            writer.close()

        node = fake.add(None, "a.docx", b"0123456789")
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        where = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/bytes"
        fake.fail("GET", "/content", 302, times=9, headers={"Location": where})
        async with server:
            if kind:
                async with refused(kind):
                    await read(graph, node.id)
            else:
                assert sent.startswith(await read(graph, node.id))

    @pytest.mark.parametrize("where", ["ftp://elsewhere.example/", "http://[", "http://127.0.0.1:bad/"])
    async def test_a_location_that_cannot_be_asked(self, fake: FakeGraph, graph: GraphConnector, where: str) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.fail("GET", "/content", 302, headers={"Location": where})
        async with refused("unreachable"):
            await read(graph, node.id)

    async def test_a_redirection_without_an_end(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.fail("GET", "/", 302, skip=2, times=99, headers={"Location": f"{fake.origin}/dl/1"})
        async with refused("unreachable"):
            await read(graph, node.id)
        assert len(fake.made("GET", "/dl/")) == 4

    async def test_what_the_reader_raises_stays_what_it_is(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.bin", LARGE)

        async def keep() -> None:
            async with graph.open(node.id) as chunks:
                async for _ in chunks:
                    raise OSError("the disk is full")

        with pytest.raises(OSError, match="the disk is full"):
            await keep()

    async def test_versions(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.txt", b"1")
        fake.edit(node.id, b"22", "Grace")
        fake.edit(node.id, b"333")
        fake.page_size = 2
        found = await graph.versions(node.id)
        assert [(each.id, each.size, each.author) for each in found] == [
            ("3.0", 3, "Ada"),
            ("2.0", 2, "Grace"),
            ("1.0", 1, "Ada"),
        ]
        async with refused("missing"):
            await graph.versions("item!404")


class TestCreate:
    @pytest.mark.parametrize("data", [b"", b"some text", LARGE])
    async def test_it(self, fake: FakeGraph, data: bytes) -> None:
        folder = fake.add(None, "f")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(folder.id, "50% #1.txt", content(data))
            assert fake.nodes[item.id].data == data
            assert item == await graph.stat(item.id)
            assert (item.parent_id, item.size, item.name) == (folder.id, len(data), "50% #1.txt")
            assert item.digests == {"quickxor": xored(data).hex()}
        assert fake.sessions == {}

    async def test_pieces(self, fake: FakeGraph) -> None:
        async with graph_connector(fake, **PIECES) as graph:
            await graph.create(None, "a.bin", content(LARGE))
        sent = fake.made("PUT", "/up/")
        assert [seen.size for seen in sent] == [UNIT] * 5 + [123]
        assert sent[-1].headers["content-range"] == f"bytes {5 * UNIT}-{5 * UNIT + 122}/{len(LARGE)}"

    async def test_four_mebibytes_are_one_request(self, fake: FakeGraph, graph: GraphConnector) -> None:
        await graph.create(None, "a.bin", content(bytes(4 << 20)))
        assert fake.made("PUT", "/up/") == []
        await graph.create(None, "b.bin", content(bytes((4 << 20) + 1)))
        assert len(fake.made("PUT", "/up/")) == 1

    async def test_the_pieces_are_what_the_service_takes(self, graph: GraphConnector) -> None:
        assert graph._piece_bytes % UNIT == 0 and graph._piece_bytes < 60 << 20

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_nothing_is_replaced(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "A.txt", b"theirs")
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("name_taken"):
                await graph.create(None, "a.TXT", content(data))
            async with refused("missing"):
                await graph.create("item!404", "a.txt", content(data))
        assert node.data == b"theirs" and node.content == 1

    async def test_a_name_that_is_taken_at_the_last_piece(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        complete = fake._complete

        def late(*arguments: Any) -> web.Response:
            fake.add(None, "a.bin", b"theirs")
            return complete(*arguments)

        monkeypatch.setattr(fake, "_complete", late)
        async with graph_connector(fake, **PIECES) as graph, refused("name_taken"):
            await graph.create(None, "a.bin", content(LARGE))
        assert fake.named("a.bin").data == b"theirs"
        assert fake.sessions == {}  # cancelled

    @pytest.mark.parametrize("how", ["reset", 500, 503, 429])
    @pytest.mark.parametrize("after", [False, True])
    async def test_a_piece_that_is_torn(self, fake: FakeGraph, how: Any, after: bool) -> None:
        """Whether it came or not: the session says where to go on."""
        opened: list[int] = []
        fake.fail("PUT", "/up/", how, skip=2, times=2, after=after, headers={"Retry-After": "0"}, code="")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE, opened=opened))
        assert fake.nodes[item.id].data == LARGE
        # What came is not sent again.
        assert len(fake.made("PUT", "/up/")) == (6 if after else 8)
        assert opened == ([0] if after else [0, 2 * UNIT, 2 * UNIT])

    async def test_a_piece_that_is_there_already(self, fake: FakeGraph) -> None:
        """416: neither the answer nor the state came through, and the piece was sent twice."""
        fake.fail("PUT", "/up/", "reset", skip=1, after=True)
        fake.fail("GET", "/up/", "reset", times=2)  # aiohttp asks again by itself
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE))
        assert fake.nodes[item.id].data == LARGE
        assert len(fake.made("GET", "/up/")) == 3

    async def test_a_piece_that_never_comes_through(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 500, skip=2, times=99)
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", content(LARGE))
        assert len(fake.made("PUT", "/up/")) == 2 + 5
        assert fake.sessions == {} and len(fake.nodes) == 1

    async def test_a_wait_that_is_too_long_is_left_to_the_caller(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 429, skip=2, headers={"Retry-After": "300"}, code="")
        async with graph_connector(fake, **PIECES) as graph:
            with pytest.raises(RemoteError) as caught:
                await graph.create(None, "a.bin", content(LARGE))
        assert (caught.value.kind, caught.value.retry_after) == ("throttled", 300.0)
        assert fake.sessions == {}

    @pytest.mark.parametrize("how", ["reset", 500])
    async def test_a_last_answer_that_is_lost(self, fake: FakeGraph, how: Any) -> None:
        """Nobody can say whether the file is there: the caller looks, and finds its own."""
        fake.fail("PUT", "/up/", how, skip=5, after=True)
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("unreachable"):
                await graph.create(None, "a.bin", content(LARGE))
            item = await graph.find(None, "a.bin")
        assert item and item.digests == {"quickxor": xored(LARGE).hex()}

    async def test_our_own_file_is_not_taken_for_theirs(self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
        """The last piece came, its answer did not, and the session is there still: the name is taken by ourselves."""
        complete = fake._complete

        def kept(name: str, session: Any) -> web.Response:
            answer = complete(name, session)
            fake.sessions[name] = session
            del session.data[5 * UNIT :]
            return answer

        monkeypatch.setattr(fake, "_complete", kept)
        fake.fail("PUT", "/up/", "reset", skip=5, after=True)
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("unreachable"):
                await graph.create(None, "a.bin", content(LARGE))
            assert await graph.find(None, "a.bin")
            node = fake.add(None, "b.bin", b"one")
            fake.fail("PUT", "/up/", "reset", skip=5, after=True)
            async with refused("unreachable"):
                await graph.put(node.id, content(LARGE), if_match=node.etag)

    async def test_a_lost_answer_of_a_small_file(self, fake: FakeGraph, graph: GraphConnector) -> None:
        fake.fail("PUT", "/content", "reset", after=True)
        async with refused("unreachable"):
            await graph.create(None, "a.txt", content(b"text"))
        assert await graph.find(None, "a.txt")

    @pytest.mark.parametrize("status", [404, 410, 401])
    async def test_a_session_that_has_run_out(self, fake: FakeGraph, status: int) -> None:
        fake.fail("PUT", "/up/", status, skip=3)
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.bin", content(LARGE))
            assert fake.nodes[item.id].data == LARGE
            fake.fail("PUT", "/up/", status, times=2)
            async with refused("unreachable"):
                await graph.create(None, "b.bin", content(LARGE))
        assert len(fake.made("POST", "/createUploadSession")) == 4

    async def test_a_call_that_is_cancelled_cancels_the_session(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        arrived = asyncio.Event()

        async def stuck(start: int) -> AsyncIterator[bytes]:
            yield LARGE[: 2 * UNIT]
            arrived.set()
            await asyncio.Event().wait()

        async with graph_connector(fake, **PIECES) as graph:
            task = asyncio.create_task(graph.create(None, "a.bin", Content(len(LARGE), b"", "text/plain", stuck)))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert fake.sessions == {} and len(fake.made("DELETE", "/up/")) == 1

    @pytest.mark.parametrize("size", [5, 5 * UNIT])
    async def test_bytes_that_end_early(self, fake: FakeGraph, size: int) -> None:
        short = content(b"123")
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", Content(size, b"", "text/plain", short.open))
        assert len(fake.nodes) == 1 and fake.sessions == {}

    @pytest.mark.parametrize("size", [5, 5 * UNIT + 1])
    async def test_other_bytes_than_announced(self, fake: FakeGraph, size: int) -> None:
        data = LARGE[:size]
        async with graph_connector(fake, **PIECES) as graph:
            for sent in (data[:-1], data + b"1", bytes([data[0] ^ 1]) + data[1:]):
                other = Content(size, hashlib.sha256(data).digest(), "text/plain", content(sent).open)
                async with refused("unreachable"):
                    await graph.create(None, "a.bin", other)
        assert len(fake.nodes) == 1 and fake.sessions == {}
        # The last piece never leaves.
        assert len(fake.made("PUT", "/")) == (0 if size == 5 else 15)

    async def test_bytes_that_are_others_when_they_are_asked_for_again(self, fake: FakeGraph) -> None:
        """A torn piece is read again, and only what is sent at last counts."""
        opened: list[int] = []

        def stream(start: int) -> AsyncIterator[bytes]:
            opened.append(start)
            return content(LARGE if start == 0 else bytes(len(LARGE))).open(start)

        fake.fail("PUT", "/up/", 500, skip=2)
        sent = Content(len(LARGE), hashlib.sha256(LARGE).digest(), "text/plain", stream)
        async with graph_connector(fake, **PIECES) as graph, refused("unreachable"):
            await graph.create(None, "a.bin", sent)
        assert opened == [0, 2 * UNIT] and len(fake.nodes) == 1

    async def test_bytes_are_the_same_from_wherever_they_are_asked_for(self) -> None:
        source = Source(content(LARGE, chunk=1000))
        for start, count in ((0, 5000), (5000, 5000), (7000, 100), (6000, 10), (9000, 0), (0, 1), (99_999, 7)):
            assert await source.take(start, count) == LARGE[start : start + count]
        assert await source.take(100_006, len(LARGE) - 100_006) == LARGE[100_006:]
        assert await source.take(200_000, len(LARGE) - 200_000) == LARGE[200_000:]
        await source.close()

    async def test_no_room(self, fake: FakeGraph) -> None:
        fake.fail("PUT", "/up/", 507, skip=5, code="")
        async with graph_connector(fake, **PIECES) as graph, refused("full"):
            await graph.create(None, "a.bin", content(LARGE))
        assert fake.sessions == {}

    async def test_a_name_that_cannot_be(self, graph: GraphConnector) -> None:
        async with refused("refused"):
            await graph.create(None, "a?.txt", content(b""))


class TestPut:
    @pytest.mark.parametrize("data", [b"", b"some text", LARGE])
    async def test_it(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "a.txt", b"one")
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.put(node.id, content(data), if_match=node.etag)
            assert item == await graph.stat(node.id)
        assert node.data == data and item.id == node.id

    @pytest.mark.parametrize("data", [b"some text", LARGE])
    async def test_another_state(self, fake: FakeGraph, data: bytes) -> None:
        node = fake.add(None, "a.txt", b"one")
        etag = node.etag
        fake.edit(node.id, b"theirs")
        async with graph_connector(fake, **PIECES) as graph:
            async with refused("changed"):
                await graph.put(node.id, content(data), if_match=etag)
            async with refused("missing"):
                await graph.put("item!404", content(data), if_match=etag)
        assert node.data == b"theirs"

    @pytest.mark.parametrize(("data", "at"), [(b"some text", "/content"), (LARGE, "/createUploadSession")])
    async def test_a_change_after_the_look(
        self, fake: FakeGraph, monkeypatch: pytest.MonkeyPatch, data: bytes, at: str
    ) -> None:
        """The other side itself refuses: 412."""
        node = fake.add(None, "a.txt", b"one")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if path.endswith(at):
                fake.edit(node.id, b"theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with graph_connector(fake, **PIECES) as graph, refused("changed"):
            await graph.put(node.id, content(data), if_match=node.etag)
        assert node.data == b"theirs"
        assert len(fake.made("PUT", "/content")) == (1 if at == "/content" else 0)
        assert fake.made("PUT", "/up/") == []

    async def test_a_change_while_the_pieces_travel(self, fake: FakeGraph) -> None:
        node = fake.add(None, "a.txt", b"one")

        async def stream(start: int) -> AsyncIterator[bytes]:
            yield LARGE[: 4 * UNIT]
            fake.edit(node.id, b"theirs")
            yield LARGE[4 * UNIT :]

        sent = Content(len(LARGE), hashlib.sha256(LARGE).digest(), "text/plain", stream)
        async with graph_connector(fake, **PIECES) as graph, refused("changed"):
            await graph.put(node.id, sent, if_match=node.etag)
        assert node.data == b"theirs" and fake.sessions == {}

    async def test_a_lock(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(None, "a.docx", b"one")
        fake.fail("PUT", "/content", 423, code="resourceLocked")
        async with refused("locked"):
            await graph.put(node.id, content(b"two"), if_match=node.etag)


class TestOfficeFiles:
    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_rewritten_after_the_answer(self, fake: FakeGraph, data: bytes) -> None:
        """The answer shows what was sent; the item is another a moment later, and its author says by whom."""
        fake.rewrites = "after"
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.docx", content(data))
            assert (item.size, item.digests["quickxor"]) == (len(data), xored(data).hex())
            later = await graph.stat(item.id)
            assert later
            assert later.tag != item.tag and later.digests != item.digests and later.author == "SharePoint App"
            async with refused("changed"):
                await graph.put(item.id, content(b"next"), if_match=item.etag)

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_rewritten_within_the_answer(self, fake: FakeGraph, data: bytes) -> None:
        """No error, though size and digest are not those of what was sent: they are shown as they are."""
        fake.rewrites = "within"
        async with graph_connector(fake, **PIECES) as graph:
            item = await graph.create(None, "a.docx", content(data))
            assert item == await graph.stat(item.id)
            assert (item.size, item.digests["quickxor"]) == (len(data) + 11, xored(data + b"<enriched/>").hex())
            item = await graph.put(item.id, content(data), if_match=item.etag)
            assert item.size == len(data) + 11
            assert await read(graph, item.id, item.tag) == data + b"<enriched/>"


class TestFolders:
    async def test_make(self, fake: FakeGraph, graph: GraphConnector) -> None:
        top = await graph.make_folder(None, "Ä & 1")
        inner = await graph.make_folder(top.id, "b")
        assert (top.folder, top.tag, top.parent_id, inner.parent_id) == (True, "", None, top.id)
        async with refused("name_taken"):
            await graph.make_folder(None, "ä & 1")
        async with refused("missing"):
            await graph.make_folder("item!404", "c")

    async def test_move(self, fake: FakeGraph, graph: GraphConnector) -> None:
        first, second = fake.add(None, "first"), fake.add(None, "second")
        file, taken = fake.add(first.id, "a.txt", b"1"), fake.add(second.id, "taken.txt", b"2")
        item = await graph.move(file.id, second.id, "b.txt")
        assert (item.id, item.parent_id, item.name) == (file.id, second.id, "b.txt")
        item = await graph.move(file.id, None, "B.txt")
        assert (item.parent_id, item.name) == (None, "B.txt")
        async with refused("name_taken"):
            await graph.move(file.id, second.id, "Taken.txt")
        async with refused("missing"):
            await graph.move("item!404", None, "x")
        async with refused("missing"):
            await graph.move(file.id, "item!404", "x")
        async with refused("refused"):
            await graph.move(first.id, first.id, "x")
        assert taken.data == b"2" and fake.nodes[file.id].name == "B.txt"

    async def test_delete_a_file(self, fake: FakeGraph, graph: GraphConnector) -> None:
        file = fake.add(None, "a.txt", b"1")
        etag = file.etag
        fake.edit(file.id, b"2")
        async with refused("changed"):
            await graph.delete(file.id, if_match=etag)
        await graph.delete(file.id, if_match=file.etag)
        assert file.id not in fake.nodes
        await graph.delete(file.id, if_match=etag)
        fake.add(None, "b.txt", b"")
        await graph.delete(fake.named("b.txt").id)

    async def test_delete_loses_a_race(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = fake.add(None, "a.txt", b"1")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if request.method == "DELETE":
                fake.edit(file.id, b"theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with refused("changed"):
            await graph.delete(file.id, if_match=file.etag)
        assert fake.nodes[file.id].data == b"theirs"

    async def test_delete_a_folder_that_changed_after_the_look(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = fake.add(None, "f")
        answer = fake._answer

        async def late(request: web.Request, path: str, body: bytes) -> web.Response:
            if request.method == "DELETE":
                fake.rename(folder.id, "theirs")
            return await answer(request, path, body)

        monkeypatch.setattr(fake, "_answer", late)
        async with refused("changed"):
            await graph.delete(folder.id)
        assert folder.id in fake.nodes

    async def test_delete_a_folder(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = fake.add(None, "f")
        file = fake.add(folder.id, "a.txt", b"1")
        async with refused("changed"):
            await graph.delete(folder.id)
        assert file.id in fake.nodes
        fake.remove(file.id)
        await graph.delete(folder.id)
        assert folder.id not in fake.nodes
        fake.fail("DELETE", "/items", 404, code="itemNotFound")
        await graph.delete(fake.add(None, "g").id)

    async def test_nothing_outside_is_touched(self, fake: FakeGraph) -> None:
        mine, theirs = fake.add(None, "mine"), fake.add(None, "theirs.txt", b"1")
        async with graph_connector(fake, folder_id=mine.id) as graph:
            await graph.delete(theirs.id)
            async with refused("missing"):
                await graph.put(theirs.id, content(b"2"), if_match=theirs.etag)
            async with refused("missing"):
                await graph.move(theirs.id, None, "x")
            async with refused("missing"):
                await read(graph, theirs.id)
            async with refused("missing"):
                await graph.versions(theirs.id)
        assert fake.nodes[theirs.id].data == b"1"

    @pytest.mark.parametrize("data", [b"small", LARGE])
    async def test_nothing_goes_outside(self, fake: FakeGraph, data: bytes) -> None:
        """Into no folder beside the linked one, not into that by its id, and into no file."""
        mine, theirs = fake.add(None, "mine"), fake.add(fake.add(None, "theirs").id, "inner")
        file, theirs_file = fake.add(mine.id, "a.txt", b"1"), fake.add(theirs.id, "b.txt", b"1")
        async with graph_connector(fake, folder_id=mine.id, **PIECES) as graph:
            for parent in (theirs.id, mine.id, "root", fake.root.id, file.id):
                async with refused("missing"):
                    await graph.create(parent, "c.txt", content(data))
                async with refused("missing"):
                    await graph.make_folder(parent, "c")
                async with refused("missing"):
                    await graph.move(file.id, parent, "c.txt")
            assert await graph.find(theirs.id, theirs_file.name) is None
            deep = await graph.make_folder((await graph.make_folder(None, "d")).id, "e")
            assert (await graph.create(deep.id, "c.txt", content(data))).parent_id == deep.id
            assert (await graph.move(file.id, deep.id, "d.txt")).parent_id == deep.id
            assert await graph.find(deep.id, "d.txt")
        assert [each.name for each in fake.nodes.values() if each.parent == theirs.id] == ["b.txt"]
        assert file.name == "d.txt"

    async def test_a_folder_has_no_versions_or_etag(self, fake: FakeGraph, graph: GraphConnector) -> None:
        folder = await graph.make_folder(None, "f")
        assert folder.etag == folder.tag == ""
        async with refused("missing"):
            await graph.versions(folder.id)
        await graph.delete(folder.id, if_match=folder.etag)
        assert folder.id not in fake.nodes

    async def test_a_move_to_where_it_is_changes_nothing(self, fake: FakeGraph, graph: GraphConnector) -> None:
        node = fake.add(fake.add(None, "f").id, "a.txt", b"1")
        item = await graph.move(node.id, node.parent, "a.txt")
        assert item == await graph.stat(node.id) and fake.made("PATCH") == []
        assert (await graph.move(node.id, node.parent, "A.txt")).name == "A.txt"


class TestNames:
    @pytest.mark.parametrize(
        ("name", "there"),
        [
            ("Report (final) 50% #1 – ä 漢.docx", "Report (final) 50% #1 – ä 漢.docx"),
            ('a"*:<>?/\\|b', "a＂＊：＜＞？／＼｜b"),
            ("a\tb\x7f", "a_b_"),
            (" a ", "_a_"),
            ("\udce9\ufffe", "__"),
            (f".dossier-{'0' * 32}.part", f"．dossier-{'0' * 32}.part"),
            ("a...", "a．．．"),
            ("a. .", "a．_．"),
            (".", "．"),
            ("  ", "__"),
            ("", "_"),
            ("~$a.docx", "～$a.docx"),
            ("con", "ｃon"),
            ("Lpt7.txt", "Ｌpt7.txt"),
            ("com10", "com10"),
            (".lock", "．lock"),
            ("Desktop.ini", "Ｄesktop.ini"),
            ("a_VTI_b", "a＿VTI＿b"),
            ("a" * 300 + ".docx", "a" * 250 + ".docx"),
            ("😀" * 200, "😀" * 127),
        ],
    )
    def test_each(self, graph: GraphConnector, name: str, there: str) -> None:
        assert graph.name_for(name) == there

    @given(st.text(alphabet=st.sampled_from('aC:"~$._ \tovtilpnu1com.😀ä/'), max_size=300) | st.text(max_size=300))
    def test_all(self, name: str) -> None:
        there = fitting(name)
        assert there and not BAD_NAME.search(there) and len(there.encode("utf-16-le", "surrogatepass")) // 2 <= LONGEST
        assert fitting(there) == there


class TestPicker:
    async def test_lists(self, fake: FakeGraph, graph: GraphConnector) -> None:
        picker = Picker(graph.graph)
        fake.sites = [{"id": "s,1", "displayName": "Legal & Co", "webUrl": "https://contoso.example/legal"}]
        (site,) = await picker.sites("legal & co")
        assert (site.name, site.web_url) == ("Legal & Co", "https://contoso.example/legal")
        for of, owner in (("sites", site.id), ("users", "ada@contoso.example"), ("groups", "g")):
            (drive,) = await picker.drives(of, owner)  # type: ignore[arg-type]
            assert (drive.id, drive.name) == (DRIVE, "Documents")
        folders = [fake.add(None, f"f{number}") for number in range(5)]
        fake.add(None, "a.txt", b"")
        inner = fake.add(folders[0].id, "inner")
        fake.page_size = 2
        assert [each.id for each in await picker.folders(DRIVE)] == [node.id for node in folders]
        assert [each.id for each in await picker.folders(DRIVE, folders[0].id)] == [inner.id]

    async def test_a_list_that_does_not_end(
        self, fake: FakeGraph, graph: GraphConnector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def again(request: web.Request, *_: object) -> web.Response:
            return web.json_response({"value": [], "@odata.nextLink": f"{fake.origin}{request.rel_url}"})

        monkeypatch.setattr(fake, "_listed", again)
        async with refused("unreachable"):
            await Picker(graph.graph).folders(DRIVE)


@asynccontextmanager
async def receiver(states: dict[str, str], hints: list[Hint]) -> AsyncIterator[str]:
    """An address of ours that answers what Graph posts."""

    async def posted(request: web.Request) -> web.Response:
        found = heard(request.query, await request.read(), states)
        if isinstance(found, Validation):
            return web.Response(text=found.text, content_type="text/plain")
        hints.extend(found)
        return web.Response(status=202)

    app = web.Application()
    app.router.add_post("/hook", posted)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await runner.cleanup()


class TestNotifications:
    async def test_the_life_of_a_subscription(self, fake: FakeGraph, graph: GraphConnector) -> None:
        states, hints = dict[str, str](), list[Hint]()
        subscriptions = Subscriptions(graph.graph, DRIVE)
        until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=2)
        async with receiver(states, hints) as url:
            made = await subscriptions.create(url, "a secret", until)
            assert made.until == until
            sent = fake.subscriptions[made.id]
            assert sent["resource"] == f"/drives/{DRIVE}/root"
            assert sent["changeType"] == "updated"
            # Before we know of the subscription nothing counts.
            assert await fake.notify() == [202] and hints == []
            states[made.id] = "a secret"
            await fake.notify()
            await fake.notify(clientState="guessed")
            for event in ("reauthorizationRequired", "subscriptionRemoved", "missed", "somethingNew"):
                await fake.notify(lifecycleEvent=event)
            assert [hint.what for hint in hints] == ["changed", "reauthorize", "removed", "missed"]
            assert {hint.subscription_id for hint in hints} == {made.id}
            renewed = await subscriptions.renew(made.id, datetime.now(UTC) + timedelta(days=365))
            assert timedelta(days=29) < renewed.until - datetime.now(UTC) < timedelta(minutes=42_300)
            await subscriptions.delete(made.id)
            await subscriptions.delete(made.id)
            async with refused("missing"):
                await subscriptions.renew(made.id, until)
        assert fake.subscriptions == {}

    async def test_an_address_that_does_not_answer(self, fake: FakeGraph, graph: GraphConnector) -> None:
        async with refused("refused"):
            await Subscriptions(graph.graph, DRIVE).create(fake.origin, "a secret", datetime.now(UTC))

    @pytest.mark.parametrize("state", ["", "x" * 129])
    async def test_a_state_that_does_not_fit(self, graph: GraphConnector, state: str) -> None:
        with pytest.raises(ValueError, match="128"):
            await Subscriptions(graph.graph, DRIVE).create("https://dossier.example", state, datetime.now(UTC))

    def test_what_is_posted(self) -> None:
        mine = {"subscriptionId": "1", "clientState": "ä secret", "changeType": "updated"}
        states = {"1": "ä secret", "2": ""}

        def posted(*entries: object) -> object:
            return heard({}, json.dumps({"value": entries}).encode(), states)

        assert posted(mine, mine) == [Hint("changed", "1")]
        assert posted(mine | {"clientState": "x"}, mine | {"subscriptionId": "3"}, 1, None, mine) == [
            Hint("changed", "1")
        ]
        assert posted({"subscriptionId": "2", "clientState": ""}, {"subscriptionId": "2"}, {}) == []
        assert heard({"validationToken": "<b>&amp;"}, b"", states) == Validation("<b>&amp;")
        for body in (b"", b"{", b"[]", b"{}", b'{"value": 1}', b"\xff"):
            assert heard({}, body, states) == []


def naive(data: bytes) -> bytes:
    """QuickXorHash as its description says it, bit by bit."""
    bits = 0
    for number, byte in enumerate(data):
        for bit in range(8):
            bits ^= (byte >> bit & 1) << ((number * 11 + bit) % 160)
    return (bits ^ len(data) << 96).to_bytes(20, "little")


def xored(data: bytes) -> bytes:
    digest = QuickXor()
    digest.update(data)
    return digest.digest()


class TestQuickXor:
    @pytest.mark.parametrize(
        ("data", "digest"),
        [
            ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
            ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
        ],
    )
    def test_known(self, data: str, digest: str) -> None:
        assert xored(b64decode(data)) == b64decode(digest)

    @given(st.lists(st.binary(max_size=700), max_size=6))
    def test_in_any_chunks(self, chunks: list[bytes]) -> None:
        digest = QuickXor()
        for chunk in chunks:
            digest.update(chunk)
        assert digest.digest() == naive(b"".join(chunks))
        assert digest.hexdigest() == digest.digest().hex()


def test_an_item_of_a_personal_drive() -> None:
    from dossier.connectors.graph.items import item_of

    raw = {
        "id": "1",
        "name": "a",
        "eTag": "e",
        "size": 3,
        "lastModifiedDateTime": "2020-03-20T11:00:00.0000000Z",
        "lastModifiedBy": {"application": {"displayName": "Word"}},
        "file": {"hashes": {"sha1Hash": "AB12", "sha256Hash": "CD34", "quickXorHash": "not base 64!"}},
    }
    item = item_of(raw, "root")
    assert item == Item(
        "1",
        "",
        "a",
        False,
        "e",
        "e",
        3,
        datetime(2020, 3, 20, 11, tzinfo=UTC),
        "Word",
        {"sha1": "ab12", "sha256": "cd34"},
    )


async def test_a_server_that_is_not_there(fake: FakeGraph) -> None:
    async with graph_connector(fake) as graph:
        await graph.check()
        await fake.stop()
        async with refused("unreachable"):
            await graph.check()
    async with aiohttp.ClientSession() as session:
        silent = GraphConnector(session, CREDENTIALS, drive_id=DRIVE, base_url=fake.base_url, token_url=fake.token_url)
        async with refused("unreachable"):
            await silent.check()
