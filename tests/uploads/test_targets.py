"""What becomes of an upload: a document, a version, folders on the way; and an end that is refused and answered for."""

import asyncio
from typing import Any

import pytest

from dossier.core.ids import new_id
from tests.conftest import World
from tests.uploads.sender import API, TUS, UPLOADS, Sender, problem


async def add(client: Any, name: str, folder_id: str | None = None, content: bytes = b"there already") -> Any:
    """A document that is there."""
    query = {"name": name} | ({"folder_id": folder_id} if folder_id else {})
    answer = await client.post(f"{API}/documents", params=query, content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def folder(client: Any, name: str, parent_id: str | None = None) -> str:
    """A folder that is there."""
    answer = await client.post(f"{API}/folders", json={"name": name, "parent_id": parent_id})
    assert answer.status_code == 201, answer.text
    id_: str = answer.json()["id"]
    return id_


async def document(sender: Sender, answer: Any) -> Any:
    """The document that an answer tells of."""
    return (await sender.client.get(f"{API}/documents/{answer.headers['dossier-document']}")).json()


async def events(world: World) -> list[tuple[str, dict[str, Any]]]:
    """What the log says of documents and folders."""
    page = (await world.owner.client.get(f"{API}/events", params={"after": 0, "limit": 200})).json()
    kinds = ("document.", "version.", "folder.")
    return [(each["type"], each["data"]) for each in page["items"] if each["type"].startswith(kinds)]


class TestDocument:
    async def test_in_a_folder(self, sender: Sender, world: World) -> None:
        id_ = await folder(sender.client, "Contracts")
        made = await document(sender, await sender.whole(b"bytes", "lease.txt", folder_id=id_, comment="draft"))
        assert (made["folder_id"], made["name"], made["version"]["comment"]) == (id_, "lease.txt", "draft")
        assert made["version"]["author"]["id"] == str(world.editor.member_id)
        assert [type_ for type_, _ in await events(world)] == ["folder.created", "document.added"]

    async def test_a_name_that_is_taken(self, sender: Sender) -> None:
        there = await add(sender.client, "A.TXT")
        refusal = problem(await sender.ask_for(3), 409, "name_taken")
        assert refusal["existing"] == {"kind": "document", "id": there["id"]}
        assert (await sender.client.get(UPLOADS)).json()["items"] == []

    async def test_renamed(self, sender: Sender) -> None:
        await add(sender.client, "a.txt")
        made = await document(sender, await sender.whole(b"bytes", on_conflict="rename"))
        assert made["name"] == "a (2).txt"

    async def test_a_version_of_what_has_the_name(self, sender: Sender) -> None:
        there = await add(sender.client, "a.txt")
        answer = await sender.whole(b"bytes", on_conflict="version")
        assert (answer.headers["dossier-document"], answer.headers["dossier-version"]) == (there["id"], "2")
        assert await sender.content(answer) == b"bytes"

    async def test_a_version_where_a_folder_has_the_name(self, sender: Sender) -> None:
        await folder(sender.client, "a.txt")
        problem(await sender.ask_for(3, on_conflict="version"), 409, "name_taken")

    async def test_a_version_of_what_somebody_has_locked(self, sender: Sender, world: World) -> None:
        there = await add(sender.client, "a.txt")
        await world.owner.client.put(f"{API}/documents/{there['id']}/lock", json={"minutes": 30})
        problem(await sender.ask_for(3, on_conflict="version"), 423, "document_locked")

    async def test_a_folder_that_is_not_there(self, sender: Sender) -> None:
        problem(await sender.ask_for(3, folder_id=new_id()), 404, "folder_not_found")


class TestVersion:
    async def test_added(self, sender: Sender, world: World) -> None:
        there = await add(sender.client, "lease.txt")
        answer = await sender.whole(b"second", "lease final.txt", document_id=there["id"], comment="final")
        assert (answer.headers["dossier-document"], answer.headers["dossier-version"]) == (there["id"], "2")
        made = await document(sender, answer)
        assert (made["name"], made["version"]["file_name"]) == ("lease.txt", "lease final.txt")
        assert (await events(world))[-1][0] == "version.added"

    async def test_without_a_name(self, sender: Sender) -> None:
        there = await add(sender.client, "lease.txt")
        made = await document(sender, await sender.whole(b"second", None, document_id=there["id"]))
        assert made["version"]["file_name"] == "lease.txt"

    @pytest.mark.parametrize("quoted", [True, False])
    async def test_only_if_nobody_was_quicker(self, sender: Sender, quoted: bool) -> None:
        there = await add(sender.client, "lease.txt")
        etag = f'"{there["etag"]}"' if quoted else there["etag"]
        address = await sender.begin(6, document_id=there["id"], if_match=etag)
        await sender.client.patch(f"{API}/documents/{there['id']}", json={"description": "changed"})
        problem(await sender.ask_for(6, document_id=there["id"], if_match=etag), 412, "precondition_failed")
        problem(await sender.send(address, 0, b"second"), 412, "precondition_failed")
        assert (await sender.look(address))["problem"]["code"] == "precondition_failed"
        answer = await sender.finish(address, document_id=there["id"])
        assert answer.json()["document"] == {"id": there["id"], "version": 2}

    async def test_what_cannot_end_well(self, sender: Sender, world: World) -> None:
        there = await add(sender.client, "lease.txt")
        problem(await sender.ask_for(3, document_id=new_id()), 404, "document_not_found")
        await world.owner.client.put(f"{API}/documents/{there['id']}/lock", json={"minutes": 30})
        problem(await sender.ask_for(3, document_id=there["id"]), 423, "document_locked")
        await world.owner.client.delete(f"{API}/documents/{there['id']}")
        problem(await sender.ask_for(3, document_id=there["id"]), 409, "document_trashed")
        problem(await Sender(world.viewer.client).ask_for(3, document_id=there["id"]), 403, "not_allowed")


class TestPath:
    async def test_folders_are_made_as_needed(self, sender: Sender, world: World) -> None:
        base = await folder(sender.client, "Base")
        made = await document(sender, await sender.whole(b"bytes", folder_id=base, path="a/b"))
        inner = (await sender.client.get(f"{API}/folders/{made['folder_id']}")).json()
        outer = (await sender.client.get(f"{API}/folders/{inner['parent_id']}")).json()
        assert (inner["name"], outer["name"], outer["parent_id"]) == ("b", "a", base)
        assert [type_ for type_, _ in await events(world)] == [*["folder.created"] * 3, "document.added"]

    async def test_those_that_are_there_are_taken(self, sender: Sender) -> None:
        outer = await folder(sender.client, "A")
        made = await document(sender, await sender.whole(b"bytes", path="a"))
        assert made["folder_id"] == outer

    async def test_two_into_the_same_new_folders_at_once(self, sender: Sender) -> None:
        addresses = [await sender.begin(5, f"{number}.txt", path="new/newer") for number in range(6)]
        answers = await asyncio.gather(*(sender.send(address, 0, b"bytes") for address in addresses))
        assert [answer.status_code for answer in answers] == [204] * 6
        assert len({(await document(sender, answer))["folder_id"] for answer in answers}) == 1
        listed = (await sender.client.get(f"{API}/folders")).json()["items"]
        assert sorted(each["name"] for each in listed if each["parent_id"]) == ["new", "newer"]

    async def test_a_document_is_in_the_way(self, sender: Sender) -> None:
        await add(sender.client, "a")
        problem(await sender.ask_for(3, path="a/b"), 409, "name_taken")

    async def test_the_name_is_taken_in_the_deepest(self, sender: Sender) -> None:
        inner = await folder(sender.client, "b", await folder(sender.client, "a"))
        await add(sender.client, "a.txt", inner)
        problem(await sender.ask_for(3, path="a/b"), 409, "name_taken")
        assert (await sender.ask_for(3, path="a")).status_code == 201

    async def test_through_a_folder_without_a_right(self, sender: Sender, world: World) -> None:
        inner = await folder(world.owner.client, "secret")
        await world.owner.client.put(f"{API}/folders/{inner}/access", json={"grants": []})
        refusal = problem(await sender.ask_for(3, path="secret/b"), 404, "folder_not_found")
        assert inner not in str(refusal)

    async def test_nothing_is_made_by_an_end_that_is_refused(self, sender: Sender) -> None:
        address = await sender.begin(3, path="x/y")
        outer = await folder(sender.client, "x")
        await add(sender.client, "y", outer)
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        listed = (await sender.client.get(f"{API}/folders")).json()["items"]
        assert [each["name"] for each in listed if each["parent_id"]] == ["x"]

    async def test_deeper_than_folders_nest(self, sender: Sender) -> None:
        base = await folder(sender.client, "base")
        address = await sender.begin(3, folder_id=base, path="/".join("a" * 64))
        problem(await sender.send(address, 0, b"abc"), 409, "folder_too_deep")


class TestRefusedEnd:
    async def test_the_bytes_stay_for_another_answer(self, sender: Sender) -> None:
        address = await sender.begin(9)
        await sender.send(address, 0, b"all ")
        await add(sender.client, "a.txt")
        refusal = problem(await sender.send(address, 4, b"of it"), 409, "name_taken")
        wire = await sender.look(address)
        assert (wire["state"], wire["document"]) == ("refused", None)
        assert wire["problem"] == {key: refusal[key] for key in ("code", "title", "detail")}
        assert (await sender.client.get(UPLOADS)).json()["items"] == [wire]
        answer = await sender.finish(address, name="b.txt")
        assert answer.status_code == 200, answer.text
        done = answer.json()
        assert (done["state"], done["problem"], done["offset"], done["name"]) == ("done", None, 9, "b.txt")
        content = await sender.client.get(f"{API}/documents/{done['document']['id']}/content")
        assert content.content == b"all of it"

    async def test_a_client_that_knows_nothing_but_tus(self, sender: Sender) -> None:
        """It asks where to go on and sends the rest, which is one byte, as long as it likes; once it may, it is done."""
        address = await sender.begin(3)
        there = await add(sender.client, "a.txt")
        for offset, body in ((0, b"abc"), (2, b"c"), (2, b"c")):
            assert await sender.offset(address) == offset
            problem(await sender.send(address, offset, body), 409, "name_taken")
        assert (await sender.send(address, 2, b"")).headers["upload-offset"] == "2"
        await sender.client.delete(f"{API}/documents/{there['id']}")
        answer = await sender.send(address, 2, b"c")
        assert await sender.content(answer) == b"abc"

    async def test_the_same_answer_again_is_refused_again(self, sender: Sender) -> None:
        address = await sender.begin(3)
        await add(sender.client, "a.txt")
        await add(sender.client, "b.txt")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        problem(await sender.finish(address), 409, "name_taken")
        problem(await sender.finish(address, name="b.txt"), 409, "name_taken")
        problem(await sender.finish(address, name="a/b"), 422, "bad_name")
        wire = await sender.look(address)
        assert (wire["state"], wire["name"], wire["problem"]["code"]) == ("refused", "a.txt", "name_taken")

    @pytest.mark.parametrize("way", ["rename", "version", "folder", "document"])
    async def test_every_way_out(self, sender: Sender, way: str) -> None:
        address = await sender.begin(3, path="")
        there = await add(sender.client, "a.txt")
        elsewhere = await folder(sender.client, "Elsewhere")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        answers: dict[str, dict[str, Any]] = {
            "rename": {"on_conflict": "rename"},
            "version": {"on_conflict": "version", "comment": "after all"},
            "folder": {"folder_id": elsewhere},
            "document": {"document_id": there["id"]},
        }
        done = (await sender.finish(address, **answers[way])).json()
        made = (await sender.client.get(f"{API}/documents/{done['document']['id']}")).json()
        assert (made["id"] == there["id"]) == (way in ("version", "document"))
        assert (made["folder_id"] == elsewhere) == (way == "folder")
        assert made["version"]["comment"] == ("after all" if way == "version" else "")

    @pytest.mark.parametrize("what", ["trashed folder", "trashed document", "lock"])
    async def test_whatever_stands_against_it(self, sender: Sender, world: World, what: str) -> None:
        id_ = await folder(sender.client, "Folder")
        there = await add(sender.client, "a.txt", id_)
        place = {"folder_id": id_} if what == "trashed folder" else {"document_id": there["id"]}
        address = await sender.begin(3, "b.txt", **place)
        if what == "lock":
            await world.owner.client.put(f"{API}/documents/{there['id']}/lock", json={"minutes": 30})
        else:
            where = f"folders/{id_}?recursive=true" if what == "trashed folder" else f"documents/{there['id']}"
            assert (await sender.client.delete(f"{API}/{where}")).status_code == 204
        refusal = await sender.send(address, 0, b"abc")
        codes = {
            "trashed folder": "folder_not_found",
            "trashed document": "document_trashed",
            "lock": "document_locked",
        }
        assert refusal.json()["code"] == codes[what]
        assert (await sender.look(address))["problem"]["code"] == codes[what]
        assert (await sender.finish(address, folder_id=str(world.root))).json()["state"] == "done"

    async def test_of_a_creation_with_all_bytes_says_where_they_are(self, sender: Sender, world: World) -> None:
        """Nobody could be quicker between the two in a test; so the folder is one too deep."""
        base = await folder(sender.client, "base")
        answer = await sender.ask_for(3, body=b"abc", folder_id=base, path="/".join("a" * 64))
        refusal = problem(answer, 409, "folder_too_deep")
        assert answer.headers["location"] == f"{UPLOADS}/{refusal['upload_id']}"
        assert (await sender.look(answer.headers["location"]))["state"] == "refused"

    async def test_of_nothing_leaves_nothing(self, sender: Sender) -> None:
        base = await folder(sender.client, "base")
        answer = await sender.ask_for(0, folder_id=base, path="/".join("a" * 64))
        problem(answer, 409, "folder_too_deep")
        assert (await sender.client.get(UPLOADS)).json()["items"] == []


class TestFinish:
    async def test_incomplete(self, sender: Sender) -> None:
        address = await sender.begin(9)
        await sender.send(address, 0, b"abc")
        problem(await sender.finish(address), 409, "upload_incomplete")

    async def test_once_with_a_key_and_without(self, sender: Sender) -> None:
        address = await sender.begin(3)
        await add(sender.client, "a.txt")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        headers = {"Idempotency-Key": "one"}
        body = {"on_conflict": "rename"}
        first, second = [await sender.client.post(f"{address}/finish", json=body, headers=headers) for _ in range(2)]
        assert (first.status_code, first.content) == (200, second.content)
        assert (await sender.finish(address, on_conflict="rename")).json() == first.json()
        listed = (await sender.client.get(f"{API}/documents")).json()["items"]
        assert [each["name"] for each in listed] == ["a (2).txt", "a.txt"]

    async def test_a_key_of_another_request_leaves_the_problem_as_it_is(self, sender: Sender) -> None:
        address = await sender.begin(3)
        await add(sender.client, "a.txt")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        headers = {"Idempotency-Key": "one"}
        await sender.client.post(f"{API}/folders", json={"name": "x"}, headers=headers)
        again = await sender.client.post(f"{address}/finish", json={"on_conflict": "rename"}, headers=headers)
        problem(again, 422, "idempotency_key_reused")
        assert (await sender.look(address))["problem"]["code"] == "name_taken"

    async def test_after_the_end(self, sender: Sender) -> None:
        address = await sender.begin(3)
        await sender.send(address, 0, b"abc")
        done = await sender.finish(address, name="another.txt")
        assert (done.status_code, done.json()["name"], done.json()["state"]) == (200, "a.txt", "done")

    async def test_both_a_folder_and_a_document(self, sender: Sender) -> None:
        address = await sender.begin(3)
        there = await add(sender.client, "a.txt")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        wire = problem(
            await sender.finish(address, folder_id=there["folder_id"], document_id=there["id"]), 422, "invalid"
        )
        assert list(wire["fields"]) == ["folder_id"]

    async def test_a_place_without_a_right(self, sender: Sender, world: World) -> None:
        address = await sender.begin(3)
        await add(sender.client, "a.txt")
        problem(await sender.send(address, 0, b"abc"), 409, "name_taken")
        vault = await folder(world.owner.client, "Vault")
        await world.owner.client.put(f"{API}/folders/{vault}/access", json={"grants": []})
        problem(await sender.finish(address, folder_id=vault), 404, "folder_not_found")
        assert (await sender.client.head(address, headers=TUS)).status_code == 200
        assert (await sender.finish(address, on_conflict="rename")).json()["state"] == "done"
