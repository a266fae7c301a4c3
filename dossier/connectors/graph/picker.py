"""What a person picks a link's place from: drives, sites and folders. Source: learn.microsoft.com/graph/api/drive-list."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from dossier.connectors.graph.items import is_left_out
from dossier.connectors.graph.names import segment
from dossier.connectors.graph.wire import Graph


@dataclass(frozen=True, slots=True)
class Place:
    """A site, a drive or a folder: its id, its name, and its page for people."""

    id: str
    name: str
    web_url: str = ""


class Picker:
    """Lists for a wizard, of ``most`` places at most. Every method raises RemoteError: ``refused`` where the app may not."""

    def __init__(self, graph: Graph, most: int = 200) -> None:
        self._graph, self._most = graph, most

    async def sites(self, words: str) -> list[Place]:
        """SharePoint sites that are found by words."""
        return await self._first(self._graph.listed(f"/sites?search={segment(words)}"))

    async def drives(self, of: Literal["users", "sites", "groups"], owner_id: str) -> list[Place]:
        """The drives (libraries) of a person, a site or a group. A person may be named by the sign-in name."""
        return await self._first(self._graph.listed(f"/{of}/{segment(owner_id)}/drives"))

    async def my_drives(self) -> list[Place]:
        """The drives of the person on whose behalf we ask; an app by itself has none."""
        return await self._first(self._graph.listed("/me/drives"))

    async def folders(self, drive_id: str, folder_id: str = "root") -> list[Place]:
        """The folders that lie directly in a folder."""
        where = f"/drives/{segment(drive_id)}/items/{segment(folder_id)}/children"
        inside = self._graph.listed(where)
        return await self._first(raw async for raw in inside if "folder" in raw and not is_left_out(raw))

    async def _first(self, found: AsyncIterator[dict[str, Any]]) -> list[Place]:
        places = list[Place]()
        async for raw in found:
            places.append(_place(raw))
            if len(places) == self._most:
                break
        return places


def _place(raw: dict[str, Any]) -> Place:
    name = raw.get("displayName") or raw.get("name") or ""
    return Place(str(raw.get("id", "")), str(name), str(raw.get("webUrl", "")))
