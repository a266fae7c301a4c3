"""The changes of a folder, from a fake of Microsoft Graph that tells them as Graph is known to."""

from typing import Any

import pytest
from aiohttp import web

from dossier.connectors import RemoteError
from dossier.connectors.graph import GraphConnector, feed
from dossier.connectors.names import hidden_name
from tests.connectors.fake_graph import FakeGraph, graph_connector
from tests.connectors.graph_calls import changes, naive, pages, refused


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
            await changes(graph, "https://graph.example/v1.0/drives/d/items/i/delta?token=1")

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
