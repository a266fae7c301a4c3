"""Documents and versions over HTTP: adding, versions, names, tags, the trash, locks."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import World

API = "/api/v1"


async def add(client: httpx.AsyncClient, name: str = "a.txt", content: bytes = b"one", **query: Any) -> Any:
    """Add a document by raw body; the document."""
    answer = await client.post(f"{API}/documents", params={"name": name, **query}, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def folder(client: httpx.AsyncClient, name: str, parent: Any = None) -> Any:
    """Make a folder."""
    answer = await client.post(f"{API}/folders", json={"name": name, "parent_id": parent and str(parent)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def stored(world: World) -> list[str]:
    """The keys of all blobs in the store."""
    return [entry.key async for entry in world.parts.store.keys()]  # noqa: SIM118  # a store is no dict


class TestAdd:
    async def test_raw_body(self, world: World) -> None:
        document = await add(world.editor.client, comment="first")
        version = document["version"]
        assert (document["name"], document["folder_id"]) == ("a.txt", str(world.root))
        assert version["sha256"] == hashlib.sha256(b"one").hexdigest()
        assert (version["number"], version["size"], version["media_type"]) == (1, 3, "text/plain")
        assert (version["comment"], version["author"]["name"]) == ("first", "Editor")

    async def test_form(self, world: World) -> None:
        place = await folder(world.editor.client, "In")
        answer = await world.editor.client.post(
            f"{API}/documents",
            data={"folder_id": place["id"], "comment": "by form", "name": "Named.txt"},
            files={"file": ("Übung 🎉.txt", b"form")},
        )
        document = answer.json()
        assert answer.status_code == 201
        assert answer.headers["location"] == f"{API}/documents/{document['id']}"
        assert (document["name"], document["version"]["file_name"]) == ("Named.txt", "Übung 🎉.txt")
        assert document["folder_id"] == place["id"]

    async def test_field_after_file(self, world: World) -> None:
        body = (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n'
            b'--x\r\nContent-Disposition: form-data; name="comment"\r\n\r\nlate\r\n--x--\r\n'
        )
        answer = await world.editor.client.post(
            f"{API}/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "fields_after_file")
        assert (await world.editor.client.get(f"{API}/documents")).json()["items"] == []
        assert await stored(world) == []

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b'--x\r\nContent-Disposition: form-data; name="comment"\r\n\r\nhi\r\n--x--\r\n', "file_missing"),
            (b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nabc', "bad_form"),
            (b"not a form at all", "bad_form"),
            (b'--x\r\nContent-Disposition: form-data; name="evil"\r\n\r\nhi\r\n--x--\r\n', "invalid"),
            (b"", "file_missing"),
        ],
    )
    async def test_broken_form(self, world: World, body: bytes, code: str) -> None:
        answer = await world.editor.client.post(
            f"{API}/documents", content=body, headers={"Content-Type": "multipart/form-data; boundary=x"}
        )
        assert answer.status_code in (400, 422)
        assert answer.json()["code"] == code
        assert await stored(world) == []

    async def test_two_files_are_for_the_batch(self, world: World) -> None:
        files = [("file", ("a.txt", b"a")), ("file", ("b.txt", b"b"))]
        answer = await world.editor.client.post(f"{API}/documents", files=files)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert await stored(world) == []

    async def test_batch(self, world: World) -> None:
        files = [("file", (f"{n}.txt", b"%d" % n)) for n in range(5)]
        answer = await world.editor.client.post(f"{API}/documents/batch", data={"comment": "all"}, files=files)
        assert answer.status_code == 201
        assert [item["name"] for item in answer.json()["items"]] == [f"{n}.txt" for n in range(5)]

    async def test_batch_is_all_or_nothing(self, world: World) -> None:
        await add(world.editor.client, "2.txt")
        before = set(await stored(world))
        files = [("file", (f"{n}.txt", b"%d" % n)) for n in range(5)]
        answer = await world.editor.client.post(f"{API}/documents/batch", files=files)
        assert answer.status_code == 409
        assert len((await world.editor.client.get(f"{API}/documents")).json()["items"]) == 1
        assert set(await stored(world)) == before

    async def test_empty_file(self, world: World) -> None:
        document = await add(world.editor.client, "empty.txt", b"")
        answer = await world.editor.client.get(f"{API}/documents/{document['id']}/content")
        assert (document["version"]["size"], answer.content) == (0, b"")

    @pytest.mark.parametrize(
        "name", ["../x", "a/b", "a\\b", "nul\x00l", "new\nline", "\u202egnp.exe", "x" * 300, ".", "..", " ", "\u200b"]
    )
    async def test_bad_names(self, world: World, name: str) -> None:
        answer = await world.editor.client.post(f"{API}/documents", params={"name": name}, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_name" if name else "name_missing")
        assert "name" in answer.json()["fields"]

    @pytest.mark.parametrize(
        "name", ["übung.txt", "文档.pdf", "🎉👩‍👩‍👧.txt", "CON", "a" * 255, "%2e%2e%2f", "--help", "{{7*7}}"]
    )
    async def test_good_names(self, world: World, name: str) -> None:
        document = await add(world.editor.client, name)
        assert document["name"] == name

    async def test_no_name(self, world: World) -> None:
        answer = await world.editor.client.post(f"{API}/documents", content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (422, "name_missing")

    async def test_taken_name(self, world: World) -> None:
        first = await add(world.editor.client, "Straße.txt")
        again = {"name": "STRASSE.TXT"}
        refused = await world.editor.client.post(f"{API}/documents", params=again, content=b"two")
        assert (refused.status_code, refused.json()["code"]) == (409, "name_taken")
        assert refused.json()["existing"] == {"kind": "document", "id": first["id"]}
        version = await add(world.editor.client, content=b"two", on_conflict="version", **again)
        assert (version["id"], version["version"]["number"]) == (first["id"], 2)
        other = await add(world.editor.client, content=b"two", on_conflict="rename", **again)
        assert other["name"] == "STRASSE (2).TXT"

    async def test_name_of_a_folder(self, world: World) -> None:
        await folder(world.editor.client, "Thing")
        answer = await world.editor.client.post(
            f"{API}/documents", params={"name": "thing", "on_conflict": "version"}, content=b"x"
        )
        assert (answer.status_code, answer.json()["existing"]["kind"]) == (409, "folder")

    async def test_viewer_may_not(self, world: World) -> None:
        answer = await world.viewer.client.post(f"{API}/documents", params={"name": "a"}, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")

    async def test_foreign_folder(self, world: World) -> None:
        query = {"name": "a", "folder_id": str(world.other_root)}
        answer = await world.editor.client.post(f"{API}/documents", params=query, content=b"x")
        assert (answer.status_code, answer.json()["code"]) == (404, "folder_not_found")

    async def test_over_the_limit_by_its_own_word(self, world: World) -> None:
        headers = {"Content-Length": str(10**15)}
        answer = await world.editor.client.post(f"{API}/documents", params={"name": "a"}, content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")

    async def test_lying_length(self, world: World) -> None:
        headers = {"Content-Length": "5"}
        answer = await world.editor.client.post(f"{API}/documents", params={"name": "a"}, content=b"x", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "length_mismatch")
        assert await stored(world) == []

    async def test_same_content_is_stored_once(self, world: World) -> None:
        await add(world.editor.client, "a.txt", b"same")
        await add(world.editor.client, "b.txt", b"same")
        assert len(await stored(world)) == 1

    async def test_no_dedup_across_workspaces(self, world: World) -> None:
        await add(world.editor.client, "a.txt", b"same")
        await add(world.stranger.client, "a.txt", b"same")
        assert len(await stored(world)) == 2


class TestIdempotency:
    async def test_done_once(self, world: World) -> None:
        headers = {"Idempotency-Key": "k1"}
        answers = [
            await world.editor.client.post(f"{API}/documents", params={"name": "a"}, content=b"x", headers=headers)
            for _ in range(3)
        ]
        assert len({answer.json()["id"] for answer in answers}) == 1
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.headers["etag"] for answer in answers}) == 1
        assert len(await stored(world)) == 1

    @pytest.mark.parametrize(("query", "content"), [({"name": "a"}, b"y"), ({"name": "b"}, b"x")])
    async def test_key_with_another_request(self, world: World, query: dict[str, str], content: bytes) -> None:
        headers = {"Idempotency-Key": "k1"}
        await world.editor.client.post(f"{API}/documents", params={"name": "a"}, content=b"x", headers=headers)
        answer = await world.editor.client.post(f"{API}/documents", params=query, content=content, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")

    async def test_two_people_may_use_the_same_key(self, world: World) -> None:
        headers = {"Idempotency-Key": "k1"}
        one = await world.editor.client.post(f"{API}/folders", json={"name": "A"}, headers=headers)
        two = await world.owner.client.post(f"{API}/folders", json={"name": "B"}, headers=headers)
        assert (one.status_code, two.status_code) == (201, 201)

    async def test_a_refusal_is_not_kept(self, world: World) -> None:
        headers = {"Idempotency-Key": "k1"}
        await add(world.editor.client, "a")
        refused = await world.editor.client.post(
            f"{API}/documents", params={"name": "a"}, content=b"x", headers=headers
        )
        other = await world.editor.client.post(f"{API}/documents", params={"name": "b"}, content=b"x", headers=headers)
        assert (refused.status_code, other.status_code) == (409, 201)

    async def test_same_key_at_once(self, world: World) -> None:
        headers = {"Idempotency-Key": "k1"}
        answers = await asyncio.gather(
            *(world.editor.client.post(f"{API}/folders", json={"name": "A"}, headers=headers) for _ in range(5))
        )
        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.json()["id"] for answer in answers}) == 1


class TestVersions:
    async def test_add_list_read(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        answer = await world.editor.client.post(
            f"{path}/versions", params={"comment": "more"}, content=b"two", headers={"If-Match": '"1"'}
        )
        assert (answer.status_code, answer.json()["version"]["number"], answer.json()["etag"]) == (201, 2, "2")
        page = (await world.editor.client.get(f"{path}/versions", params={"limit": 1})).json()
        rest = (await world.editor.client.get(f"{path}/versions", params={"after": page["next"]})).json()
        assert [item["number"] for item in page["items"] + rest["items"]] == [2, 1]
        assert rest["next"] is None
        assert (await world.editor.client.get(f"{path}/versions/1")).json()["sha256"] == document["version"]["sha256"]
        assert (await world.editor.client.get(f"{path}/versions/3")).json()["code"] == "version_not_found"

    async def test_by_form(self, world: World) -> None:
        document = await add(world.editor.client)
        answer = await world.editor.client.post(
            f"{API}/documents/{document['id']}/versions", data={"comment": "f"}, files={"file": ("new.txt", b"two")}
        )
        assert (answer.json()["name"], answer.json()["version"]["file_name"]) == ("a.txt", "new.txt")

    async def test_stale_if_match(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        answer = await world.editor.client.post(f"{path}/versions", content=b"two", headers={"If-Match": '"7"'})
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
        patch = await world.editor.client.patch(path, json={"name": "b"}, headers={"If-Match": 'W/"1"'})
        assert patch.status_code == 412

    async def test_restore_names_its_source_and_copies_nothing(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        await world.editor.client.post(f"{path}/versions", content=b"two")
        before = await stored(world)
        answer = await world.editor.client.post(f"{path}/versions/1/restore", json={"comment": "back"})
        version = answer.json()["version"]
        assert (version["number"], version["restored_from"], version["comment"]) == (3, 1, "back")
        assert version["sha256"] == document["version"]["sha256"]
        assert set(await stored(world)) == set(before)

    async def test_many_at_once(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}/versions"
        people = (world.editor.client, world.owner.client)
        answers = await asyncio.gather(*(people[n % 2].post(path, content=b"v%d" % n) for n in range(16)))
        assert {answer.status_code for answer in answers} == {201}
        numbers = [item["number"] for item in (await world.editor.client.get(path)).json()["items"]]
        assert numbers == list(range(17, 0, -1))

    async def test_many_with_the_same_etag(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}/versions"
        answers = await asyncio.gather(
            *(world.editor.client.post(path, content=b"v%d" % n, headers={"If-Match": '"1"'}) for n in range(8))
        )
        assert sorted(answer.status_code for answer in answers) == [201] + [412] * 7

    @pytest.mark.parametrize("way", ["versions", "versions/1/restore"])
    async def test_viewer_may_not(self, world: World, way: str) -> None:
        document = await add(world.editor.client)
        answer = await world.viewer.client.post(f"{API}/documents/{document['id']}/{way}")
        assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


class TestUpdate:
    async def test_name_tags_description(self, world: World) -> None:
        document = await add(world.editor.client)
        change = {"name": "b.txt", "tags": ["Lease", "2026", "lease"], "description": "what it is"}
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json=change)
        after = answer.json()
        assert (after["name"], sorted(after["tags"]), after["description"]) == (
            "b.txt",
            ["2026", "lease"],
            "what it is",
        )
        assert after["etag"] == "2"
        found = await world.editor.client.get(f"{API}/documents", params={"tag": "LEASE"})
        assert [item["id"] for item in found.json()["items"]] == [document["id"]]

    async def test_nothing_changed_is_no_change(self, world: World) -> None:
        document = await add(world.editor.client)
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"name": "a.txt"})
        assert answer.json()["etag"] == "1"

    async def test_case_only_rename(self, world: World) -> None:
        document = await add(world.editor.client)
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"name": "A.TXT"})
        assert answer.json()["name"] == "A.TXT"

    async def test_move(self, world: World) -> None:
        document, place = await add(world.editor.client), await folder(world.editor.client, "In")
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"folder_id": place["id"]})
        assert answer.json()["folder_id"] == place["id"]
        await add(world.editor.client)  # the name is free again

    async def test_move_onto_a_taken_name(self, world: World) -> None:
        document, place = await add(world.editor.client), await folder(world.editor.client, "In")
        await add(world.editor.client, folder_id=place["id"])
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json={"folder_id": place["id"]})
        assert answer.json()["code"] == "name_taken"

    @pytest.mark.parametrize(
        "change",
        [
            {"workspace_id": str(uuid4())},
            {"open_tasks": 0},
            {"name": 3},
            {"tags": ["x" * 101]},
            {"tags": [""]},
            {"tags": "a"},
            {"folder_id": "x"},
            {"description": "x" * 10_001},
        ],
    )
    async def test_wrong_types_and_unknown_fields(self, world: World, change: dict[str, Any]) -> None:
        document = await add(world.editor.client)
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
        assert next(iter(change)) in next(iter(answer.json()["fields"]))

    async def test_foreign_target(self, world: World) -> None:
        document = await add(world.editor.client)
        change = {"folder_id": str(world.other_root)}
        answer = await world.editor.client.patch(f"{API}/documents/{document['id']}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (404, "folder_not_found")

    async def test_torn_json(self, world: World) -> None:
        document = await add(world.editor.client)
        answer = await world.editor.client.patch(
            f"{API}/documents/{document['id']}", content=b'{"name": ', headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")


class TestTrash:
    async def test_trash_and_restore(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        assert (await world.editor.client.delete(path)).status_code == 204
        assert (await world.editor.client.get(f"{API}/documents")).json()["items"] == []
        trash = (await world.editor.client.get(f"{API}/documents", params={"trashed": True})).json()["items"]
        assert [item["id"] for item in trash] == [document["id"]]
        assert trash[0]["trashed_at"] is not None
        refused = await world.editor.client.post(f"{path}/versions", content=b"two")
        assert (refused.status_code, refused.json()["code"]) == (409, "document_trashed")
        assert (await world.editor.client.post(f"{path}/restore")).json()["trashed_at"] is None

    async def test_restore_onto_a_taken_name(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        await world.editor.client.delete(path)
        await add(world.editor.client)
        assert (await world.editor.client.post(f"{path}/restore")).json()["code"] == "name_taken"
        answer = await world.editor.client.post(f"{path}/restore", json={"on_conflict": "rename"})
        assert answer.json()["name"] == "a (2).txt"

    async def test_purge_ends_the_bytes(self, world: World) -> None:
        document = await add(world.editor.client, "a", b"gone")
        kept = await add(world.editor.client, "b", b"kept")
        path = f"{API}/documents/{document['id']}"
        early = await world.owner.client.delete(path, params={"purge": True})
        assert (early.status_code, early.json()["code"]) == (409, "not_trashed")
        await world.editor.client.delete(path)
        assert (await world.editor.client.delete(path, params={"purge": True})).status_code == 403
        assert (await world.owner.client.delete(path, params={"purge": True})).status_code == 204
        assert (await world.owner.client.get(path)).status_code == 404
        world.clock.move(hours=72)
        await sweep(world)
        assert len(await stored(world)) == 1
        answer = await world.editor.client.get(f"{API}/documents/{kept['id']}/content")
        assert answer.content == b"kept"

    async def test_the_period(self, world: World) -> None:
        document = await add(world.editor.client)
        await world.editor.client.delete(f"{API}/documents/{document['id']}")
        await sweep(world)
        assert (await world.editor.client.get(f"{API}/documents/{document['id']}")).status_code == 200
        world.clock.move(days=31)
        await sweep(world)
        assert (await world.editor.client.get(f"{API}/documents/{document['id']}")).status_code == 404

    async def test_folder_and_all_in_it(self, world: World) -> None:
        top = await folder(world.editor.client, "Top")
        sub = await folder(world.editor.client, "Sub", top["id"])
        document = await add(world.editor.client, folder_id=sub["id"])
        refused = await world.editor.client.delete(f"{API}/folders/{top['id']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "folder_not_empty")
        query = {"recursive": True}
        assert (await world.editor.client.delete(f"{API}/folders/{top['id']}", params=query)).status_code == 204
        assert (await world.editor.client.get(f"{API}/folders/{sub['id']}")).status_code == 404
        assert (await world.editor.client.get(f"{API}/documents")).json()["items"] == []
        await folder(world.editor.client, "Top")  # its name is free
        back = await world.editor.client.post(f"{API}/folders/{top['id']}/restore")
        assert back.json()["name"] == "Top (2)"
        shown = (await world.editor.client.get(f"{API}/documents", params={"folder_id": sub["id"]})).json()["items"]
        assert [item["id"] for item in shown] == [document["id"]]

    async def test_document_brings_its_folders_back(self, world: World) -> None:
        top = await folder(world.editor.client, "Top")
        document = await add(world.editor.client, folder_id=top["id"])
        await world.editor.client.delete(f"{API}/folders/{top['id']}", params={"recursive": True})
        answer = await world.editor.client.post(f"{API}/documents/{document['id']}/restore")
        assert (answer.status_code, answer.json()["folder_id"]) == (200, top["id"])
        assert (await world.editor.client.get(f"{API}/folders/{top['id']}")).status_code == 200


async def sweep(world: World) -> None:
    """Promise the rounds of housekeeping and run them."""
    from dossier.worker import Worker

    await Worker(world.parts).keep_house()
    world.clock.move(minutes=1)
    await world.work()


class TestLock:
    async def test_lease(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        lock = await world.editor.client.put(f"{path}/lock", json={"minutes": 5})
        assert lock.json()["holder"]["name"] == "Editor"
        for request in (
            world.owner.client.post(f"{path}/versions", content=b"x"),
            world.owner.client.post(f"{path}/versions/1/restore"),
            world.owner.client.patch(path, json={"name": "b"}),
            world.owner.client.delete(path),
            world.owner.client.put(f"{path}/lock"),
            world.owner.client.delete(f"{path}/lock"),
        ):
            answer = await request
            assert (answer.status_code, answer.json()["code"]) == (423, "document_locked")
            assert answer.json()["lock"]["holder"]["name"] == "Editor"
        assert (await world.owner.client.patch(path, json={"tags": ["x"]})).status_code == 200
        assert (await world.editor.client.post(f"{path}/versions", content=b"x")).status_code == 201
        world.clock.move(minutes=6)
        assert (await world.owner.client.get(path)).json()["lock"] is None
        assert (await world.owner.client.post(f"{path}/versions", content=b"y")).status_code == 201

    async def test_take_over_leaves_a_record(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        await world.editor.client.put(f"{path}/lock")
        taken = await world.owner.client.put(f"{path}/lock", json={"take_over": True})
        assert taken.json()["holder"]["name"] == "Owner"
        query = {"types": "document.locked", "document_id": document["id"]}
        events = (await world.owner.client.get(f"{API}/events", params=query)).json()["items"]
        assert events[-1]["data"]["taken_from"] == str(world.editor.member_id)

    async def test_release(self, world: World) -> None:
        document = await add(world.editor.client)
        path = f"{API}/documents/{document['id']}"
        await world.editor.client.put(f"{path}/lock")
        assert (await world.editor.client.delete(f"{path}/lock")).status_code == 204
        assert (await world.owner.client.put(f"{path}/lock")).status_code == 200

    async def test_viewer_may_not(self, world: World) -> None:
        document = await add(world.editor.client)
        assert (await world.viewer.client.put(f"{API}/documents/{document['id']}/lock")).status_code == 403


class TestList:
    async def test_sorts_and_pages(self, world: World) -> None:
        for name in ("b.txt", "C.txt", "a.txt", "ä.txt"):
            await add(world.editor.client, name)
        for sort, wanted in {
            "name": ["a.txt", "b.txt", "C.txt", "ä.txt"],
            "-name": ["ä.txt", "C.txt", "b.txt", "a.txt"],
            "updated_at": ["b.txt", "C.txt", "a.txt", "ä.txt"],
            "-updated_at": ["ä.txt", "a.txt", "C.txt", "b.txt"],
        }.items():
            for place in ({}, {"folder_id": str(world.root)}):
                assert await everything(world.editor.client, sort=sort, limit=3, **place) == wanted

    async def test_filters(self, world: World) -> None:
        await add(world.editor.client, "a.txt")
        pdf = await add(world.owner.client, "b.pdf", b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
        assert await everything(world.editor.client, type="application/pdf") == ["b.pdf"]
        assert await everything(world.editor.client, type="text/") == ["a.txt"]
        assert await everything(world.editor.client, author=pdf["version"]["author"]["id"]) == ["b.pdf"]
        assert await everything(world.editor.client, has_open_tasks=True) == []

    @pytest.mark.parametrize("cursor", ["x", "////", "kQ", "zzzzzzzzzzzz", "\u00e9"])
    async def test_bad_cursor(self, world: World, cursor: str) -> None:
        answer = await world.editor.client.get(f"{API}/documents", params={"after": cursor})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_cursor")

    @pytest.mark.parametrize(
        "query", [{"limit": 0}, {"limit": 201}, {"limit": "x"}, {"sort": "size"}, {"folder_id": "x"}]
    )
    async def test_bad_query(self, world: World, query: dict[str, Any]) -> None:
        assert (await world.editor.client.get(f"{API}/documents", params=query)).status_code == 422


async def everything(client: httpx.AsyncClient, **query: Any) -> list[str]:
    """The names of all documents, page by page."""
    names: list[str] = []
    after = None
    while True:
        page = (await client.get(f"{API}/documents", params={**query, **({"after": after} if after else {})})).json()
        names += [item["name"] for item in page["items"]]
        after = page["next"]
        if after is None:
            return names


class TestForeign:
    @pytest.mark.parametrize("who", ["stranger"])
    async def test_other_workspace(self, world: World, who: str) -> None:
        document = await add(world.editor.client)
        client = getattr(world, who).client
        assert (await client.get(f"{API}/documents/{document['id']}")).status_code == 404
        assert (await client.get(f"{API}/documents")).json()["items"] == []
