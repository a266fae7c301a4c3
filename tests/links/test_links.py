"""A link at work, on the real database, with a real folder as the other side."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dossier.connectors import Page
from dossier.connectors.folder import FolderConnector
from tests.links.conftest import Joined


def write(path: Path, content: bytes) -> None:
    """A person there saves a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class TestFirstRun:
    async def test_both_sides_get_what_the_other_has(self, joined: Joined) -> None:
        await joined.folder("Shared")
        await joined.add("ours.txt", b"ours")
        write(joined.share / "theirs.txt", b"theirs")
        write(joined.share / "deep" / "er" / "more.txt", b"more")
        await joined.make()
        expected = {
            "ours.txt": b"ours",
            "theirs.txt": b"theirs",
            "deep/": b"",
            "deep/er/": b"",
            "deep/er/more.txt": b"more",
        }
        assert await joined.here() == expected
        assert joined.there() == expected

    async def test_the_same_content_is_joined(self, joined: Joined) -> None:
        await joined.folder("Shared")
        document = await joined.add("a.txt", b"same")
        write(joined.share / "a.txt", b"same")
        await joined.make()
        assert (await joined.get(document))["version"]["number"] == 1
        assert await joined.here() == joined.there() == {"a.txt": b"same"}

    async def test_another_content_under_one_name_keeps_both(self, joined: Joined) -> None:
        await joined.folder("Shared")
        document = await joined.add("a.txt", b"ours")
        write(joined.share / "a.txt", b"theirs")
        await joined.make()
        assert (await joined.get(document))["version"]["number"] == 3
        assert [await joined.content(document, number) for number in (1, 2, 3)] == [b"ours", b"theirs", b"ours"]
        # Nothing is replaced there before a person has chosen.
        assert joined.there() == {"a.txt": b"theirs"}
        [item] = await joined.items(conflict=True)
        assert item["task_id"]

    async def test_a_second_pass_does_nothing(self, joined: Joined) -> None:
        await joined.folder("Shared")
        await joined.add("ours.txt", b"ours")
        write(joined.share / "deep/theirs.txt", b"theirs")
        await joined.make()
        before = {path: path.stat().st_mtime_ns for path in joined.share.rglob("*")}
        events = (await joined.call("GET", "/events", params={"limit": 200}))["items"]
        link = await joined.run()
        assert {path: path.stat().st_mtime_ns for path in joined.share.rglob("*")} == before
        assert (await joined.call("GET", "/events", params={"limit": 200}))["items"] == events
        assert (link["waiting"], link["failed"], link["held"]) == (0, 0, 0)
        assert link["in_step_at"]


class TestChanges:
    async def test_an_edit_there_is_a_version_here(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        write(joined.share / "a.txt", b"two!")
        await joined.run()
        document = await joined.document("a.txt")
        assert document["version"]["number"] == 2
        assert await joined.content(document) == b"two!"
        assert await joined.content(document, 1) == b"one"

    async def test_a_version_here_is_an_edit_there(self, joined: Joined) -> None:
        await joined.make()
        document = await joined.add("a.txt", b"one")
        await joined.run()
        await joined.version(document, b"two")
        await joined.run()
        assert joined.there() == {"a.txt": b"two"}
        assert (await joined.get(document))["version"]["number"] == 2

    async def test_an_event_wakes_the_link(self, joined: Joined) -> None:
        await joined.make()
        await joined.add("a.txt", b"one")
        await joined.world.work()
        assert joined.there() == {"a.txt": b"one"}

    async def test_the_poll_finds_what_nobody_told(self, joined: Joined) -> None:
        await joined.make()
        write(joined.share / "a.txt", b"one")
        await joined.world.work()
        assert await joined.here() == {}
        joined.world.clock.move(seconds=301)
        await joined.world.work()
        assert await joined.here() == {"a.txt": b"one"}

    async def test_renames_travel(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        document = await joined.document("a.txt")
        await joined.call("PATCH", f"/documents/{document['id']}", json={"name": "b.txt"})
        await joined.run()
        assert joined.there() == {"b.txt": b"one"}
        (joined.share / "b.txt").rename(joined.share / "c.txt")
        await joined.run()
        assert (await joined.get(document))["name"] == "c.txt"
        assert (await joined.get(document))["version"]["number"] == 1

    async def test_moves_of_folders_travel_with_all_in_them(self, joined: Joined) -> None:
        write(joined.share / "a/in.txt", b"one")
        (joined.share / "b").mkdir()
        await joined.make()
        folders = {
            f["name"]: f
            for f in (await joined.call("GET", "/folders", params={"parent_id": joined.folder_id}))["items"]
        }
        change = {"parent_id": folders["b"]["id"], "name": "moved"}
        await joined.call("PATCH", f"/folders/{folders['a']['id']}", json=change)
        await joined.run()
        assert joined.there() == {"b/": b"", "b/moved/": b"", "b/moved/in.txt": b"one"} == await joined.here()
        (joined.share / "b/moved").rename(joined.share / "back")
        await joined.run()
        assert joined.there() == {"b/": b"", "back/": b"", "back/in.txt": b"one"} == await joined.here()
        document = await joined.document("in.txt", folders["a"]["id"])
        assert document["version"]["number"] == 1

    async def test_deletions_travel_to_the_trash(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        write(joined.share / "b.txt", b"two")
        await joined.make()
        first, second = await joined.document("a.txt"), await joined.document("b.txt")
        (joined.share / "a.txt").unlink()
        await joined.call("DELETE", f"/documents/{second['id']}", 204)
        await joined.run()
        assert joined.there() == {} == await joined.here()
        trash = await joined.call("GET", "/documents", params={"trashed": "true"})
        assert {each["id"] for each in trash["items"]} == {first["id"], second["id"]}

    async def test_restored_from_the_trash_it_goes_over_again(self, joined: Joined) -> None:
        await joined.make()
        document = await joined.add("a.txt", b"one")
        await joined.run()
        await joined.call("DELETE", f"/documents/{document['id']}", 204)
        await joined.run()
        assert joined.there() == {}
        await joined.call("POST", f"/documents/{document['id']}/restore", json={})
        await joined.run()
        assert joined.there() == {"a.txt": b"one"}

    async def test_a_whole_folder_is_trashed_here(self, joined: Joined) -> None:
        write(joined.share / "a/b/in.txt", b"one")
        await joined.make()
        [folder] = (await joined.call("GET", "/folders", params={"parent_id": joined.folder_id}))["items"]
        await joined.call("DELETE", f"/folders/{folder['id']}", 204, params={"recursive": "true"})
        await joined.run()
        assert joined.there() == {}

    async def test_what_is_moved_out_is_gone_there_and_stays_here(self, joined: Joined) -> None:
        await joined.make()
        document = await joined.add("a.txt", b"one")
        await joined.run()
        elsewhere = await joined.call("POST", "/folders", 201, json={"name": "Elsewhere"})
        await joined.call("PATCH", f"/documents/{document['id']}", json={"folder_id": elsewhere["id"]})
        await joined.run()
        assert joined.there() == {}
        assert await joined.content(document) == b"one"
        await joined.call("PATCH", f"/documents/{document['id']}", json={"folder_id": joined.folder_id})
        await joined.run()
        assert joined.there() == {"a.txt": b"one"}

    async def test_a_folder_moved_in_brings_all_in_it(self, joined: Joined) -> None:
        await joined.make()
        folder = await joined.call("POST", "/folders", 201, json={"name": "Box"})
        inner = await joined.call("POST", "/folders", 201, json={"name": "Inner", "parent_id": folder["id"]})
        await joined.add("a.txt", b"one", inner["id"])
        await joined.run()
        assert joined.there() == {}
        await joined.call("PATCH", f"/folders/{folder['id']}", json={"parent_id": joined.folder_id})
        await joined.run()
        assert joined.there() == {"Box/": b"", "Box/Inner/": b"", "Box/Inner/a.txt": b"one"}

    async def test_a_file_saved_by_delete_and_rename_keeps_its_history(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        write(joined.share / ".tmp-a", b"two")
        (joined.share / ".tmp-a").replace(joined.share / "a.txt")
        await joined.run()
        document = await joined.document("a.txt")
        assert document["version"]["number"] == 2
        assert await joined.content(document) == b"two"

    async def test_a_touch_there_makes_no_version(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        os.utime(joined.share / "a.txt", (1, 1))
        await joined.run()
        assert (await joined.document("a.txt"))["version"]["number"] == 1


class TestLooking:
    async def test_a_change_here_needs_no_look_around(self, joined: Joined, monkeypatch: pytest.MonkeyPatch) -> None:
        await joined.make()
        looks = []
        changes = FolderConnector.changes

        def counted(self: FolderConnector, cursor: str | None = None) -> AsyncIterator[Page]:
            looks.append(cursor)
            return changes(self, cursor)

        monkeypatch.setattr(FolderConnector, "changes", counted)
        document = await joined.add("a.txt", b"one")
        await joined.world.work()
        await joined.version(document, b"two")
        await joined.world.work()
        assert joined.there() == {"a.txt": b"two"}
        assert looks == []

    async def test_without_a_look_nothing_of_theirs_is_replaced(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"base")
        await joined.make()
        document = await joined.document("a.txt")
        write(joined.share / "a.txt", b"theirs")
        await joined.version(document, b"ours")
        await joined.world.work()
        assert joined.there() == {"a.txt": b"theirs"}
        contents = [await joined.content(document, number) for number in (1, 2, 3, 4)]
        assert contents == [b"base", b"ours", b"theirs", b"ours"]

    async def test_what_failed_is_tried_again_before_the_poll(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        document = await joined.document("a.txt")
        await joined.call("PUT", f"/documents/{document['id']}/lock")
        write(joined.share / "a.txt", b"two!")
        await joined.run()
        await joined.call("DELETE", f"/documents/{document['id']}/lock", 204)
        joined.world.clock.move(seconds=20)
        await joined.world.work()
        assert (await joined.get(document))["version"]["number"] == 2


class TestConflicts:
    async def conflict(self, joined: Joined) -> dict[str, object]:
        """Changed on both sides since both agreed."""
        write(joined.share / "a.txt", b"base")
        await joined.make()
        document: dict[str, object] = await joined.document("a.txt")
        await joined.version(document, b"ours")
        write(joined.share / "a.txt", b"theirs")
        await joined.run()
        return document

    async def test_both_are_kept_and_a_person_is_asked(self, joined: Joined) -> None:
        document = await self.conflict(joined)
        contents = [await joined.content(document, number) for number in (1, 2, 3, 4)]
        assert contents == [b"base", b"ours", b"theirs", b"ours"]
        theirs = await joined.call("GET", f"/documents/{document['id']}/versions/3")
        assert theirs["branched_from"] == 1
        assert joined.there() == {"a.txt": b"theirs"}
        tasks = (await joined.call("GET", f"/documents/{document['id']}/tasks"))["items"]
        assert [task["title"] for task in tasks] == ["Choose between version 4 and version 3"]
        link = await joined.run()
        assert (link["conflicts"], link["held"]) == (1, 1)

    async def test_ours_is_chosen(self, joined: Joined) -> None:
        document = await self.conflict(joined)
        [item] = await joined.items(conflict=True)
        await joined.call("POST", f"/links/{joined.link_id}/items/{item['id']}/choose", json={"keep": "ours"})
        link = await joined.run()
        assert joined.there() == {"a.txt": b"ours"}
        assert link["conflicts"] == 0
        assert (await joined.get(document))["version"]["number"] == 4

    async def test_theirs_is_chosen(self, joined: Joined) -> None:
        document = await self.conflict(joined)
        [item] = await joined.items(conflict=True)
        await joined.call("POST", f"/links/{joined.link_id}/items/{item['id']}/choose", json={"keep": "theirs"})
        await joined.run()
        assert joined.there() == {"a.txt": b"theirs"} == await joined.here()
        assert (await joined.get(document))["version"]["restored_from"] == 3

    async def test_closing_the_task_keeps_what_is_newest(self, joined: Joined) -> None:
        document = await self.conflict(joined)
        [task] = (await joined.call("GET", f"/documents/{document['id']}/tasks"))["items"]
        await joined.call("PATCH", f"/tasks/{task['id']}", json={"status": "done"})
        await joined.run()
        assert joined.there() == {"a.txt": b"ours"}

    async def test_an_edit_of_what_was_deleted_there_brings_it_back(self, joined: Joined) -> None:
        write(joined.share / "deep/a.txt", b"one")
        await joined.make()
        [folder] = (await joined.call("GET", "/folders", params={"parent_id": joined.folder_id}))["items"]
        document = await joined.document("a.txt", folder["id"])
        await joined.version(document, b"two")
        (joined.share / "deep/a.txt").unlink()
        (joined.share / "deep").rmdir()
        await joined.run()
        assert joined.there() == {"deep/": b"", "deep/a.txt": b"two"}

    async def test_an_edit_there_of_what_was_trashed_here_brings_it_back(self, joined: Joined) -> None:
        write(joined.share / "deep/a.txt", b"one")
        await joined.make()
        [folder] = (await joined.call("GET", "/folders", params={"parent_id": joined.folder_id}))["items"]
        document = await joined.document("a.txt", folder["id"])
        await joined.call("DELETE", f"/folders/{folder['id']}", 204, params={"recursive": "true"})
        write(joined.share / "deep/a.txt", b"two")
        await joined.run()
        assert await joined.here() == {"deep/": b"", "deep/a.txt": b"two"}
        assert await joined.content(document, 1) == b"one"


class TestDirections:
    async def test_in_writes_nothing_there(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make("in")
        document = await joined.document("a.txt")
        await joined.version(document, b"ours")
        await joined.add("b.txt", b"ours too")
        link = await joined.run()
        assert joined.there() == {"a.txt": b"one"}
        assert link["held"] == 2
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"direction": "both"})
        await joined.run()
        assert joined.there() == {"a.txt": b"ours", "b.txt": b"ours too"}

    async def test_out_takes_nothing_over_but_keeps_what_it_replaces(self, joined: Joined) -> None:
        await joined.make("out")
        document = await joined.add("a.txt", b"one")
        await joined.run()
        write(joined.share / "a.txt", b"theirs")
        write(joined.share / "b.txt", b"new there")
        await joined.run()
        assert joined.there() == {"a.txt": b"one", "b.txt": b"new there"}
        assert await joined.here() == {"a.txt": b"one"}
        assert await joined.content(document, 2) == b"theirs"


class TestBrake:
    async def test_a_mass_deletion_stops_and_asks(self, joined: Joined) -> None:
        for number in range(12):
            write(joined.share / f"{number}.txt", b"%d" % number)
        await joined.make(most_deleted=3)
        for path in joined.share.iterdir():
            path.unlink()
        link = await joined.run()
        assert (link["state"], link["trouble"]) == ("braked", "link_braked")
        assert len(await joined.here()) == 12
        plan = await joined.call("GET", f"/links/{joined.link_id}/plan")
        assert plan["counts"] == {"trash_ours": 12}
        assert plan["brake"]
        await joined.call("POST", f"/links/{joined.link_id}/release")
        await joined.world.work()
        assert await joined.here() == {}
        # Once: the next time it stops again.
        assert not (await joined.call("GET", f"/links/{joined.link_id}/plan"))["brake"]

    async def test_a_share_that_is_away_deletes_nothing(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        joined.share.rename(joined.share.with_name("away"))
        link = await joined.run()
        assert await joined.here() == {"a.txt": b"one"}
        assert link["trouble"] == "missing"
        joined.share.with_name("away").rename(joined.share)
        joined.world.clock.move(seconds=3600)
        link = await joined.run()
        assert link["trouble"] is None


class TestDryRun:
    async def test_it_says_and_does_nothing(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"paused": True})
        write(joined.share / "a.txt", b"two!")
        write(joined.share / "b.txt", b"new")
        await joined.add("c.txt", b"ours")
        await joined.world.work()
        plan = await joined.call("GET", f"/links/{joined.link_id}/plan")
        assert plan["counts"] == {"pull": 1, "create_ours": 1, "create_theirs": 1}
        assert sorted(step["name"] for step in plan["steps"]) == ["a.txt", "b.txt", "c.txt"]
        assert joined.there() == {"a.txt": b"two!", "b.txt": b"new"}
        assert await joined.here() == {"a.txt": b"one", "c.txt": b"ours"}


class TestResync:
    async def test_everything_is_compared_and_nothing_moved(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        await joined.call("POST", f"/links/{joined.link_id}/resync")
        await joined.world.work()
        assert (await joined.document("a.txt"))["version"]["number"] == 1
        assert joined.there() == {"a.txt": b"one"}


class TestLimits:
    async def test_files_that_are_too_large_are_left_alone(self, joined: Joined) -> None:
        write(joined.share / "big.bin", b"x" * 100)
        write(joined.share / "small.bin", b"x")
        await joined.make(max_bytes=10)
        await joined.add("large.bin", b"y" * 100)
        link = await joined.run()
        assert await joined.here() == {"small.bin": b"x", "large.bin": b"y" * 100}
        assert sorted(joined.there()) == ["big.bin", "small.bin"]
        assert link["failed"] == 2
        assert {item["reason"] for item in await joined.items(state="failed")} == {"refused"}


class TestTypes:
    async def test_others_are_left_alone(self, joined: Joined) -> None:
        for name in ("a.pdf", "B.PDF", "c.tmp", "pdf", "deep/d.tar.gz", "deep/e.gz"):
            write(joined.share / name, name.encode())
        await joined.make(types=["PDF", "tar.gz", "pdf"])
        await joined.add("ours.tmp", b"ours")
        await joined.add("ours.pdf", b"ours")
        link = await joined.run()
        assert link["limits"]["types"] == ["pdf", "tar.gz"]
        assert set(await joined.here()) == {"a.pdf", "B.PDF", "deep/", "deep/d.tar.gz", "ours.tmp", "ours.pdf"}
        assert "ours.tmp" not in joined.there() and joined.there()["ours.pdf"] == b"ours"
        assert (link["held"], link["failed"], link["state"]) == (4, 0, "active") and link["in_step_at"]
        held = await joined.items(state="held")
        assert {item["reason"] for item in held} == {"type"}
        assert {item["detail"] for item in held} == {"The link takes only files that end with .pdf, .tar.gz."}

    async def test_renamed_out_of_them_and_back(self, joined: Joined) -> None:
        """Nothing is deleted because of a name."""
        write(joined.share / "a.pdf", b"one")
        write(joined.share / "b.pdf", b"two")
        await joined.make(types=["pdf"])
        (joined.share / "a.pdf").rename(joined.share / "a.tmp")
        document = await joined.document("b.pdf")
        await joined.call("PATCH", f"/documents/{document['id']}", json={"name": "b.tmp"})
        link = await joined.run()
        assert await joined.here() == {"a.pdf": b"one", "b.tmp": b"two"}
        assert joined.there() == {"a.tmp": b"one", "b.pdf": b"two"}
        assert link["held"] == 2
        write(joined.share / "a.tmp", b"one more")
        (joined.share / "a.tmp").rename(joined.share / "A2.pdf")
        await joined.call("PATCH", f"/documents/{document['id']}", json={"name": "b2.pdf"})
        link = await joined.run()
        assert await joined.here() == joined.there() == {"A2.pdf": b"one more", "b2.pdf": b"two"}
        assert (await joined.get(document))["id"] == document["id"]
        assert link["held"] == 0

    async def test_renamed_into_them(self, joined: Joined) -> None:
        write(joined.share / "a.tmp", b"one")
        await joined.make(types=["pdf"])
        document = await joined.add("b.tmp", b"two")
        await joined.run()
        (joined.share / "a.tmp").rename(joined.share / "a.pdf")
        await joined.call("PATCH", f"/documents/{document['id']}", json={"name": "b.pdf"})
        await joined.run()
        assert await joined.here() == joined.there() == {"a.pdf": b"one", "b.pdf": b"two"}

    async def test_what_no_longer_belongs_to_them_stays_on_either_side(self, joined: Joined) -> None:
        write(joined.share / "a.pdf", b"one")
        write(joined.share / "b.txt", b"two")
        write(joined.share / "c.txt", b"three")
        await joined.make()
        limits = (await joined.call("GET", f"/links/{joined.link_id}"))["limits"]
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"limits": limits | {"types": ["pdf"]}})
        (joined.share / "b.txt").unlink()
        await joined.call("DELETE", f"/documents/{(await joined.document('c.txt'))['id']}", 204)
        await joined.run()
        assert await joined.here() == {"a.pdf": b"one", "b.txt": b"two"}
        assert joined.there() == {"a.pdf": b"one", "c.txt": b"three"}
        # All are taken again: what people deleted meanwhile goes.
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"limits": limits})
        await joined.run()
        assert await joined.here() == joined.there() == {"a.pdf": b"one"}

    async def test_other_limits_are_looked_at_without_being_asked(self, joined: Joined) -> None:
        write(joined.share / "a.tmp", b"one")
        write(joined.share / "b.pdf", b"x" * 100)
        await joined.make(types=["pdf"], max_bytes=10)
        assert await joined.here() == {}
        limits = (await joined.call("GET", f"/links/{joined.link_id}"))["limits"]
        wider = limits | {"types": ["pdf", "tmp"], "max_bytes": None}
        await joined.call("PATCH", f"/links/{joined.link_id}", json={"limits": wider})
        await joined.world.work()
        assert await joined.here() == {"a.tmp": b"one", "b.pdf": b"x" * 100}

    @pytest.mark.parametrize("types", [[""], [".pdf"], ["a/b"], ["p f"], ["x" * 33], "pdf", [1], ["a"] * 101])
    async def test_what_is_no_ending(self, joined: Joined, types: object) -> None:
        await joined.folder("Shared")
        place = {"kind": "folder", "path": str(joined.share)}
        told = {"name": "Share", "folder_id": joined.folder_id, "place": place, "limits": {"types": types}}
        await joined.call("POST", "/links", 422, json=told)


class TestLocks:
    async def test_a_document_that_is_locked_here_waits(self, joined: Joined) -> None:
        write(joined.share / "a.txt", b"one")
        await joined.make()
        document = await joined.document("a.txt")
        await joined.call("PUT", f"/documents/{document['id']}/lock")
        write(joined.share / "a.txt", b"two!")
        await joined.run()
        assert (await joined.get(document))["version"]["number"] == 1
        [item] = await joined.items(state="failed")
        assert item["reason"] == "document_locked"
        await joined.call("DELETE", f"/documents/{document['id']}/lock", 204)
        await joined.run()
        assert (await joined.get(document))["version"]["number"] == 2
