"""What changed in a drive's folder, by ``delta``. Source: learn.microsoft.com/graph/api/driveitem-delta.

Every claim of the service that a reader would stand on is looked after: a page may name what lies elsewhere, a child before
its folder, one item twice, or the page before as the next one (onedrive-api-docs 1356, 1424, 249).
"""

from collections.abc import AsyncIterator
from typing import Any, Final

from dossier.connectors.contract import Item, Kind, Page, RemoteError
from dossier.connectors.graph.items import is_left_out, item_of, parent_of
from dossier.connectors.graph.names import segment
from dossier.connectors.graph.wire import Graph, pause

MOST_PAGES: Final = 20_000  # of some 200 items each


class Feed:
    """One reading of the changes of the folder ``root_id``."""

    def __init__(self, graph: Graph, drive: str, root_id: str) -> None:
        self._graph, self._items, self._root = graph, f"/drives/{segment(drive)}/items/", root_id
        #: Folders that were told of in this reading, with the one that each lies in.
        self._folders: dict[str, str] = {}
        self._outside: set[str] = set()

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """The pages since ``cursor``, an address that an earlier reading ended with; all there is without one."""
        if cursor and not self._graph.is_own(cursor):
            raise RemoteError("resync", "The cursor is not one of this Microsoft Graph.")
        where, seen = cursor or f"{self._items}{segment(self._root)}/delta", set[str]()
        while True:
            if where in seen or len(seen) >= MOST_PAGES:
                # From an old cursor a fresh list may help; where it was one, only time does.
                kind: Kind = "resync" if cursor else "unreachable"
                raise RemoteError(kind, "Microsoft Graph gave a list of changes that does not end.")
            seen.add(where)
            body = await self._page(where, patient=len(seen) > 1)
            following, end = body.get("@odata.nextLink"), body.get("@odata.deltaLink")
            if not (following or end) or not isinstance(body.get("value"), list):
                raise RemoteError("unreachable", "Microsoft Graph gave a list of changes that is cut off.")
            items, gone = await self._sorted(body["value"])
            yield Page(items, gone, None if following else str(end))
            if not following:
                return
            where = str(following)

    async def _page(self, where: str, *, patient: bool) -> dict[str, Any]:
        """One page. Within a long list a failure that can pass is waited for, or the list would never end."""
        failures = 0
        while True:
            try:
                return (await self._graph.call("GET", where, gone="resync")).body
            except RemoteError as error:
                if not patient or error.kind not in {"throttled", "unreachable"}:
                    raise
                await pause(error, failures)
                failures += 1

    async def _sorted(self, entries: list[dict[str, Any]]) -> tuple[list[Item], list[str]]:
        """What of a page is there, a folder before what lies in it, and what is gone."""
        page = {str(raw.get("id", "")): raw for raw in entries}  # the last appearance holds
        told, gone = dict[str, Item](), list[str]()
        for name, raw in page.items():
            if name == self._root and "deleted" in raw:
                raise RemoteError("missing", "The linked folder was deleted.")
            if name == self._root or "root" in raw:
                continue
            above = None if "deleted" in raw or is_left_out(raw) else await self._above(raw, page)
            if above is None:
                self._folders.pop(name, None)
                gone.append(name)
            else:
                for each in [*above, raw]:
                    self._tell(each, told)
        return list(told.values()), gone

    def _tell(self, raw: dict[str, Any], told: dict[str, Item]) -> None:
        item = item_of(raw, self._root)
        if item.folder:
            self._folders[item.id] = parent_of(raw)
        told.setdefault(item.id, item)

    async def _above(self, raw: dict[str, Any], page: dict[str, dict[str, Any]]) -> list[dict[str, Any]] | None:
        """Folders to be told of before an entry, the outermost first; None for one that is not below the linked folder."""
        untold, passed, at = list[dict[str, Any]](), set[str](), parent_of(raw)
        while at != self._root:
            if not at or at in passed:
                break
            passed.add(at)
            folder = page.get(at)
            if folder is None and at in self._folders:
                at = self._folders[at]
                continue
            folder = folder or await self._fetched(at)
            if folder is None or "deleted" in folder or is_left_out(folder):
                break
            untold.append(folder)
            at = parent_of(folder)
        else:
            return untold[::-1]
        self._outside |= passed
        return None

    async def _fetched(self, name: str) -> dict[str, Any] | None:
        """A folder that no page has told of so far: one that did not change, comes later, or lies elsewhere."""
        if name in self._outside:
            return None
        try:
            raw = (await self._graph.call("GET", self._items + segment(name))).body
        except RemoteError as error:
            if error.kind != "missing":
                raise
            return None
        return None if "root" in raw else raw
