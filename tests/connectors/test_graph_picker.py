"""Lists of places to choose from."""

import pytest
from aiohttp import web

from dossier.connectors.graph import GraphConnector, Picker
from tests.connectors.fake_graph import DRIVE, FakeGraph
from tests.connectors.graph_calls import refused


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
