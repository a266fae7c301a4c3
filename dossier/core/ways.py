"""The way from a path to its route: only the routes that share its first segment are tried.

FastAPI tries one after the other, those of included routers twice, which takes longer than reading a document does. What
has no route here (405, 404, the portal's pages) goes on to FastAPI's own router.
"""

from collections import defaultdict
from collections.abc import Iterable

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

ROOT = "/api/v1/"


class Ways:
    """Hands a request to the first of ``routes`` that takes it; ``rest`` gets the others."""

    def __init__(self, routes: Iterable[BaseRoute], rest: ASGIApp) -> None:
        self.rest = rest
        self._routes: dict[str, list[BaseRoute]] = defaultdict(list)
        for route in routes:
            if found := segment(getattr(route, "path", "")):
                self._routes[found].append(route)

    def first(self, scope: Scope) -> BaseRoute | None:
        """The route that takes a request, with what it found in the path put into the scope; None for ``rest``."""
        for route in self._routes.get(segment(scope["path"]), ()):
            match, found = route.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return route
        return None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        route = self.first(scope) if scope["type"] == "http" else None
        await (route.handle if route else self.rest)(scope, receive, send)


def segment(path: str) -> str:
    """What stands first after the root of the API; nothing where the path lies elsewhere."""
    return path[len(ROOT) :].partition("/")[0] if path.startswith(ROOT) else ""
