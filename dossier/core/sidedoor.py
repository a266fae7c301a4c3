"""The side door: health and metrics on a port of its own, which no edge leads to. `serve` may have one, and `worker`."""

from collections.abc import Awaitable, Callable
from functools import wraps

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dossier.core import gathering
from dossier.core.errors import DossierError
from dossier.core.health import Health
from dossier.core.ids import new_id
from dossier.core.web import HEADERS, problem

Answer = Callable[[Request], Awaitable[Response]]


def side_door(health: Health, gatherer: gathering.Gatherer) -> Starlette:
    """The ASGI program with /health/live, /health/ready and /metrics."""

    async def live(_request: Request) -> Response:
        return _json({"status": "ok"})

    async def ready(_request: Request) -> Response:
        return _json(await health.ready())

    async def metrics(_request: Request) -> Response:
        return Response(await gatherer.text(), headers=HEADERS, media_type=gathering.KIND)

    routes = {"/health/live": live, "/health/ready": ready, "/metrics": metrics}
    return Starlette(routes=[Route(path, _refusing(answer)) for path, answer in routes.items()])


def _json(wire: object) -> Response:
    return Response(msgspec.json.encode(wire), headers=HEADERS, media_type="application/json")


def _refusing(answer: Answer) -> Answer:
    @wraps(answer)
    async def wrapped(request: Request) -> Response:
        try:
            return await answer(request)
        except DossierError as error:
            return problem(error, str(new_id()))

    return wrapped
