"""Search: what the palette finds of everything, and the page of documents with a little of their text."""

from typing import Any

from dossier import search, tasks, users
from dossier.core.units import ReadUnit
from dossier.core.web import Wire
from dossier.documents import Filters, service


async def everything(unit: ReadUnit, q: str, limit: int) -> Wire:
    """The first documents, tasks and people that fit; nothing for a ``q`` without words."""
    hits, _ = await documents(unit, q, Filters(), limit, None)
    people = await users.search_members(unit, search.fits(q), limit)
    return {"documents": hits, "tasks": await tasks.find(unit, q, limit), "people": people}


async def documents(
    unit: ReadUnit, q: str, filters: Filters, limit: int, after: str | None
) -> tuple[list[Wire], str | None]:
    """A page of visible documents with their snippets, the last indexed first. May be short and have a next.

    Raises BadCursor.
    """
    found, next_ = await service.search(unit, search.match, q, filters, limit, after)
    snippets: list[Any] = await search.snippets_of(unit, q, found)
    return [
        {"document": document, "snippet": snippet} for document, snippet in zip(found, snippets, strict=True)
    ], next_
