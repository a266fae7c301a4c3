"""What a person picks a link's place from: drives, sites and folders. Source: learn.microsoft.com/graph/api/drive-list."""

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
    """Lists for a wizard. Every method raises RemoteError; ``refused`` where the app may not list it."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    async def sites(self, words: str) -> list[Place]:
        """SharePoint sites that are found by words."""
        return [_place(raw) async for raw in self._graph.listed(f"/sites?search={segment(words)}")]

    async def drives(self, of: Literal["users", "sites", "groups"], owner_id: str) -> list[Place]:
        """The drives (libraries) of a person, a site or a group. A person may be named by the sign-in name."""
        return [_place(raw) async for raw in self._graph.listed(f"/{of}/{segment(owner_id)}/drives")]

    async def folders(self, drive_id: str, folder_id: str = "root") -> list[Place]:
        """The folders that lie directly in a folder."""
        where = f"/drives/{segment(drive_id)}/items/{segment(folder_id)}/children"
        return [_place(raw) async for raw in self._graph.listed(where) if "folder" in raw and not is_left_out(raw)]


def _place(raw: dict[str, Any]) -> Place:
    name = raw.get("displayName") or raw.get("name") or ""
    return Place(str(raw.get("id", "")), str(name), str(raw.get("webUrl", "")))
