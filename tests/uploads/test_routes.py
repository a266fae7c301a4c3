"""Uploads over HTTP: tus 1.0 as its clients speak it, and who is told what."""

from typing import Any

import pytest

from dossier.core.settings import Settings
from dossier.uploads import service
from dossier.uploads.routes import is_upload
from tests.conftest import World, client_of
from tests.uploads.sender import API, BYTES, TUS, UPLOADS, Sender, metadata, problem

GONE = f"{UPLOADS}/0198c0de-7777-7000-8000-00000000dead"


class TestOptions:
    async def test_what_is_spoken(self, world: World) -> None:
        answer = await world.anonymous.options(UPLOADS)
        assert answer.status_code == 204
        assert answer.headers["tus-version"] == "1.0.0"
        assert set(answer.headers["tus-extension"].split(",")) == {
            *("creation", "creation-with-upload", "creation-defer-length", "checksum", "concatenation"),
            *("termination", "expiration"),
        }
        assert answer.headers["tus-checksum-algorithm"] == "sha1,sha256"
        assert answer.headers["tus-max-size"] == str(world.parts.settings.max_upload_bytes)


class TestVersion:
    @pytest.mark.parametrize("version", [None, "", "0.2.2", "1.0.0, 2.0.0"])
    async def test_another_or_none(self, sender: Sender, version: str | None) -> None:
        address = await sender.begin(3)
        headers = {} if version is None else {"Tus-Resumable": version}
        bytes_ = {**headers, "Content-Type": BYTES["Content-Type"], "Upload-Offset": "0"}
        answers = [
            await sender.client.post(UPLOADS, headers=headers | {"Upload-Length": "3"}),
            await sender.client.patch(address, headers=bytes_, content=b"abc"),
            await sender.client.delete(address, headers=headers),
        ]
        for answer in answers:
            problem(answer, 412, "unknown_tus_version")
            assert answer.headers["tus-version"] == "1.0.0"
        head = await sender.client.head(address, headers=headers)
        assert (head.status_code, head.headers["tus-version"]) == (412, "1.0.0")
        assert await sender.offset(address) == 0

    async def test_every_answer_says_it(self, sender: Sender) -> None:
        address = await sender.begin(3)
        for answer in (
            await sender.client.get(UPLOADS),
            await sender.client.get(GONE),
            await sender.client.get(f"{UPLOADS}/x"),
            await sender.send(address, 7, b"abc"),
            await sender.client.patch(address, headers=TUS),
        ):
            assert answer.headers["tus-resumable"] == "1.0.0", answer.request.url


class TestCreate:
    async def test_begun(self, sender: Sender, world: World) -> None:
        told = metadata(filename="Übersicht.pdf", comment="first", filetype="application/pdf", path="2026/März")
        headers = TUS | {"Upload-Length": "1234", "Upload-Metadata": told}
        answer = await sender.client.post(UPLOADS, headers=headers)
        assert answer.status_code == 201, answer.text
        wire = answer.json()
        assert answer.headers["location"] == f"{UPLOADS}/{wire['id']}"
        assert answer.headers["upload-expires"].endswith(" GMT")
        assert (wire["name"], wire["size"], wire["offset"], wire["state"]) == ("Übersicht.pdf", 1234, 0, "receiving")
        assert (wire["folder_id"], wire["path"], wire["comment"]) == (str(world.root), "2026/März", "first")
        head = await sender.client.head(answer.headers["location"], headers=TUS)
        assert head.status_code == 200
        assert (head.headers["upload-offset"], head.headers["upload-length"]) == ("0", "1234")
        assert (head.headers["upload-metadata"], head.headers["cache-control"]) == (told, "no-store")
        assert head.headers["upload-expires"] == answer.headers["upload-expires"]
        assert await sender.look(answer.headers["location"]) | {"parts": None} == wire

    async def test_with_all_bytes(self, sender: Sender) -> None:
        answer = await sender.ask_for(5, body=b"bytes")
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
        assert answer.json()["state"] == "done"
        assert await sender.content(answer) == b"bytes"

    async def test_with_some_bytes(self, sender: Sender) -> None:
        answer = await sender.ask_for(10, body=b"bytes")
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, "5")
        done = await sender.send(answer.headers["location"], 5, b" more")
        assert await sender.content(done) == b"bytes more"

    async def test_with_too_many_bytes(self, sender: Sender) -> None:
        refusal = problem(await sender.ask_for(3, body=b"bytes"), 413, "body_too_large")
        assert await sender.offset(f"{UPLOADS}/{refusal['upload_id']}") == 0

    async def test_with_bytes_of_another_kind(self, sender: Sender) -> None:
        headers = TUS | {"Upload-Length": "3", "Upload-Metadata": metadata(filename="a"), "Content-Type": "text/plain"}
        problem(await sender.client.post(UPLOADS, headers=headers, content=b"abc"), 415, "unsupported_media_type")
        assert (await sender.client.get(UPLOADS)).json()["items"] == []

    async def test_of_nothing(self, sender: Sender) -> None:
        answer = await sender.ask_for(0)
        assert (answer.status_code, answer.headers["upload-offset"]) == (201, "0")
        assert await sender.content(answer) == b""

    @pytest.mark.parametrize("length", [None, "", "-1", "x", "1.5", str(2**63)])
    async def test_a_length_that_is_none(self, sender: Sender, length: str | None) -> None:
        headers = (
            TUS | {"Upload-Metadata": metadata(filename="a")} | ({} if length is None else {"Upload-Length": length})
        )
        wire = problem(await sender.client.post(UPLOADS, headers=headers), 422, "invalid")
        assert [name.lower() for name in wire["fields"]] == ["upload-length"]

    async def test_over_the_limit(self, sender: Sender, world: World) -> None:
        limit = world.parts.settings.max_upload_bytes
        assert problem(await sender.ask_for(limit + 1), 413, "body_too_large")["limit"] == limit
        assert (await sender.ask_for(limit)).status_code == 201

    @pytest.mark.parametrize(
        ("header", "status", "code", "field"),
        [
            (None, 422, "name_missing", "filename"),
            ("filename", 422, "name_missing", "filename"),
            ("filename YQ=", 400, "bad_upload_metadata", "filename"),
            ("filename YQ==,on_conflict YQ==", 422, "invalid", "on_conflict"),
            ("filename YQ==,folder_id YQ==", 422, "invalid", "folder_id"),
            (metadata(filename="a/b"), 422, "bad_name", "name"),
            (metadata(filename="."), 422, "bad_name", "name"),
            (metadata(filename="x" * 256), 422, "bad_name", "name"),
            (metadata(filename="a", path="../b"), 422, "bad_name", "path"),
            (metadata(filename="a", if_match="1"), 422, "invalid", "if_match"),
        ],
    )
    async def test_bad_metadata(self, sender: Sender, header: Any, status: int, code: str, field: str) -> None:
        headers = TUS | {"Upload-Length": "3"} | ({} if header is None else {"Upload-Metadata": header})
        assert list(problem(await sender.client.post(UPLOADS, headers=headers), status, code)["fields"]) == [field]

    async def test_done_once_with_a_key(self, sender: Sender) -> None:
        headers = BYTES | {"Upload-Length": "5", "Upload-Metadata": metadata(filename="a"), "Idempotency-Key": "one"}
        first, second = [await sender.client.post(UPLOADS, headers=headers, content=b"by") for _ in range(2)]
        assert first.headers["location"] == second.headers["location"]
        assert (first.headers["upload-offset"], second.headers["upload-offset"]) == ("2", "2")
        assert len((await sender.client.get(UPLOADS)).json()["items"]) == 1
        whole, after = [await sender.client.post(UPLOADS, headers=headers, content=b"bytes") for _ in range(2)]
        assert (whole.status_code, whole.headers["upload-offset"]) == (201, "5"), "what was missing is taken"
        assert whole.headers["dossier-document"] == after.headers["dossier-document"]
        assert await sender.content(after) == b"bytes"
        other = await sender.client.post(UPLOADS, headers=headers | {"Upload-Length": "6"})
        problem(other, 422, "idempotency_key_reused")

    async def test_too_many(self, sender: Sender, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "MOST_OPEN", 3)
        addresses = [await sender.begin(3, f"{number}.txt") for number in range(3)]
        problem(await sender.ask_for(3), 409, "too_many_uploads")
        assert (await Sender(world.owner.client).ask_for(3, "owner's.txt")).status_code == 201
        assert (await sender.send(addresses[0], 0, b"abc")).status_code == 204
        assert (await sender.ask_for(3)).status_code == 201
        problem(await sender.ask_for(3, "b.txt"), 409, "too_many_uploads")
        world.clock.move(days=8)
        assert (await sender.ask_for(3, "b.txt")).status_code == 201


class TestAppend:
    async def test_piece_by_piece(self, sender: Sender) -> None:
        address = await sender.begin(9, comment="in three")
        for offset in (0, 3):
            answer = await sender.send(address, offset, b"abc")
            assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(offset + 3))
            assert "dossier-document" not in answer.headers
            assert await sender.offset(address) == offset + 3
        answer = await sender.send(address, 6, b"abc")
        assert (answer.status_code, answer.headers["upload-offset"], answer.content) == (204, "9", b"")
        assert await sender.content(answer) == b"abcabcabc"
        wire = await sender.look(address)
        assert (wire["state"], wire["offset"], wire["problem"]) == ("done", 9, None)
        assert wire["document"] == {"id": answer.headers["dossier-document"], "version": 1}
        document = (await sender.client.get(f"{API}/documents/{wire['document']['id']}")).json()
        assert (document["name"], document["version"]["comment"]) == ("a.txt", "in three")
        assert document["version"]["media_type"] == "text/plain"

    async def test_without_bytes(self, sender: Sender) -> None:
        address = await sender.begin(3)
        answer = await sender.send(address, 0, b"")
        assert (answer.status_code, answer.headers["upload-offset"]) == (204, "0")

    @pytest.mark.parametrize("offset", [0, 2, 4, 9, 100])
    async def test_another_offset(self, sender: Sender, offset: int) -> None:
        address = await sender.begin(9)
        await sender.send(address, 0, b"abc")
        assert problem(await sender.send(address, offset, b"def"), 409, "offset_mismatch")["offset"] == 3
        assert await sender.offset(address) == 3

    @pytest.mark.parametrize("offset", ["", "-1", "x"])
    async def test_an_offset_that_is_none(self, sender: Sender, offset: str) -> None:
        address = await sender.begin(9)
        answer = await sender.client.patch(address, headers=BYTES | {"Upload-Offset": offset}, content=b"abc")
        problem(answer, 422, "invalid")

    @pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain"])
    async def test_another_kind_of_body(self, sender: Sender, kind: str | None) -> None:
        address = await sender.begin(9)
        headers = TUS | {"Upload-Offset": "0"} | ({} if kind is None else {"Content-Type": kind})
        problem(await sender.client.patch(address, headers=headers, content=b"abc"), 415, "unsupported_media_type")
        assert await sender.offset(address) == 0

    async def test_more_than_announced_at_the_start(self, sender: Sender) -> None:
        address = await sender.begin(5)
        await sender.send(address, 0, b"abc")
        assert problem(await sender.send(address, 3, b"def"), 413, "body_too_large")["limit"] == 2
        assert await sender.offset(address) == 3

    async def test_after_the_end(self, sender: Sender) -> None:
        """The answer was lost: whoever asks or sends again is told the same, and nothing is made twice."""
        address = await sender.begin(3)
        first = await sender.send(address, 0, b"abc")
        for again in (await sender.send(address, 3, b""), await sender.client.head(address, headers=TUS)):
            assert again.is_success
            for name in ("upload-offset", "dossier-document", "dossier-version"):
                assert again.headers[name] == first.headers[name]
        assert problem(await sender.send(address, 0, b"abc"), 409, "offset_mismatch")["offset"] == 3
        listed = (await sender.client.get(f"{API}/documents")).json()["items"]
        assert [(each["name"], each["version"]["number"]) for each in listed] == [("a.txt", 1)]

    async def test_gone_and_foreign(self, sender: Sender, world: World) -> None:
        address = await sender.begin(3)
        for who, where in ((sender.client, GONE), (world.owner.client, address), (world.stranger.client, address)):
            other = Sender(who)
            problem(await other.send(where, 0, b"abc"), 404, "upload_not_found")
            problem(await other.client.get(where), 404, "upload_not_found")
            problem(await other.finish(where), 404, "upload_not_found")
            problem(await other.client.delete(where, headers=TUS), 404, "upload_not_found")
            assert (await other.client.head(where, headers=TUS)).status_code == 404
        assert await sender.offset(address) == 0


class TestList:
    async def test_ones_own_that_are_not_ended(self, sender: Sender, world: World) -> None:
        first, second, done = [await sender.begin(3, f"{number}.txt") for number in range(3)]
        await Sender(world.owner.client).begin(3, "owner's.txt")
        await sender.send(done, 0, b"abc")
        listed = (await sender.client.get(UPLOADS)).json()
        assert ([f"{UPLOADS}/{each['id']}" for each in listed["items"]], listed["next"]) == ([first, second], None)
        page = (await sender.client.get(UPLOADS, params={"limit": 1})).json()
        assert page["items"] == listed["items"][:1]
        page = (await sender.client.get(UPLOADS, params={"limit": 1, "after": page["next"]})).json()
        assert (page["items"], page["next"]) == (listed["items"][1:], None)

    async def test_another_lists_cursor(self, sender: Sender) -> None:
        problem(await sender.client.get(UPLOADS, params={"after": "x"}), 422, "bad_cursor")


class TestDelete:
    async def test_gone_with_its_bytes(self, sender: Sender, world: World) -> None:
        address = await sender.begin(5)
        await sender.send(address, 0, b"abc")
        answer = await sender.client.delete(address, headers=TUS)
        assert (answer.status_code, answer.headers["tus-resumable"]) == (204, "1.0.0")
        problem(await sender.client.get(address), 404, "upload_not_found")
        problem(await sender.client.delete(address, headers=TUS), 404, "upload_not_found")
        assert [each async for each in world.parts.store.parts()] == []

    async def test_what_it_became_stays(self, sender: Sender) -> None:
        address = await sender.begin(3)
        done = await sender.send(address, 0, b"abc")
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        assert await sender.content(done) == b"abc"

    async def test_a_refused_one(self, sender: Sender, world: World) -> None:
        address = await sender.begin(3)
        assert (await sender.whole(b"quick")).status_code == 204
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204
        assert len([each async for each in world.parts.store.keys()]) == 1  # noqa: SIM118  # a store is no dict


class TestExpiry:
    async def test_expired(self, sender: Sender, world: World) -> None:
        address = await sender.begin(3)
        world.clock.move(days=6)
        assert (await sender.send(address, 0, b"a")).status_code == 204
        world.clock.move(days=6)
        assert await sender.offset(address) == 1
        world.clock.move(days=2)
        problem(await sender.send(address, 1, b"b"), 410, "upload_expired")
        problem(await sender.client.get(address), 410, "upload_expired")
        problem(await sender.finish(address), 410, "upload_expired")
        assert (await sender.client.head(address, headers=TUS)).status_code == 410
        assert (await sender.client.get(UPLOADS)).json()["items"] == []
        assert (await sender.client.delete(address, headers=TUS)).status_code == 204


class TestRights:
    async def test_a_viewer_begins_nothing(self, world: World) -> None:
        problem(await Sender(world.viewer.client).ask_for(3), 403, "not_allowed")

    async def test_a_token_that_only_reads(self, world: World, sender: Sender) -> None:
        made = await sender.client.post(f"{API}/tokens", json={"name": "reads", "scopes": ["read"]})
        reader = Sender(client_of(world.app, made.json()["token"]))
        address = await sender.begin(3)
        assert await reader.offset(address) == 0
        problem(await reader.send(address, 0, b"abc"), 403, "not_allowed")
        problem(await reader.ask_for(3), 403, "not_allowed")

    async def test_lost_meanwhile(self, world: World, sender: Sender) -> None:
        """A folder that is restricted under an upload: its sender is told so at the next request, in tus's own way too."""
        folder = (await sender.client.post(f"{API}/folders", json={"name": "Vault"})).json()["id"]
        address = await sender.begin(6, folder_id=folder)
        assert (await sender.send(address, 0, b"abc")).status_code == 204
        grants: list[Any] = [{"member_id": str(world.editor.member_id), "role": "viewer"}]
        for given, status, code in ((grants, 403, "not_allowed"), ([], 404, "folder_not_found")):
            await world.owner.client.put(f"{API}/folders/{folder}/access", json={"grants": given})
            problem(await sender.send(address, 3, b"def"), status, code)
            assert (await sender.client.head(address, headers=TUS)).status_code == status
        await world.owner.client.delete(f"{API}/folders/{folder}/access")
        assert (await sender.send(address, 3, b"def")).status_code == 204


def test_only_bodies_of_uploads_are_streamed() -> None:
    assert is_upload("POST", UPLOADS) and is_upload("PATCH", GONE)
    assert not is_upload("POST", f"{GONE}/finish") and not is_upload("PATCH", UPLOADS) and not is_upload("GET", GONE)


def test_settings() -> None:
    assert Settings().upload_days * 24 > Settings().blob_grace_hours  # so the sweep is kept away by holds alone
