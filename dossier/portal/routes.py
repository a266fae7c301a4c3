"""HTTP for the browser: the set-up, Swagger UI, and health."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from dossier.core.actor import Actor
from dossier.core.errors import BadRequest, Invalid, NotFound, StorageFull, TooLarge, Unavailable
from dossier.core.health import Health
from dossier.core.ids import new_id
from dossier.core.units import Unit
from dossier.core.web import Answers, Wire, json, ok, refusals, units
from dossier.portal import schemas, service
from dossier.users import LinkEnded, SlugTaken

router = APIRouter()
PAGES = files("dossier.portal") / "pages"
SWAGGER = files("fastapi_swagger") / "resources"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ASSETS = {
    "docs.js": (PAGES, "text/javascript"),
    "swagger-ui-bundle.js": (SWAGGER, "text/javascript"),
    "swagger-ui.css": (SWAGGER, "text/css"),
    "favicon-32x32.png": (SWAGGER, "image/png"),
}
FINE = {"status": "ok"}
HEALTHY: Answers = {
    200: {"content": {"application/json": {"schema": {"const": FINE}, "example": FINE}}, "description": "It is so."}
}


@router.post(
    "/api/v1/setup",
    summary="Set up the first workspace",
    tags=["session"],
    status_code=201,
    response_model=None,
    responses=ok(schemas.SetupDone, 201)
    | refusals(BadRequest, Invalid, LinkEnded, SlugTaken, TooLarge, StorageFull, Unavailable),
    openapi_extra={"security": []},
)
async def set_up(request: Request, body: schemas.Setup) -> Response:
    """Make the first workspace and its owner with the set-up link, which then ends."""
    actor = Actor.system(new_id())
    slug = body.slug or service.slug_of(body.workspace)

    async def found(unit: Unit) -> Wire:
        await service.take_setup(unit, body.link)
        return await service.found(unit, slug, body.workspace, body.email, body.name, body.password)

    # Not through `write`: an Idempotency-Key would keep a digest of the password; the link works once anyway.
    return json(await units(request).run(actor, found), 201)


@router.get("/api/docs", include_in_schema=False, response_model=None)
async def docs() -> Response:
    """Swagger UI on this API."""
    page = (PAGES / "docs.html").read_bytes()
    return Response(page, 200, {"Content-Security-Policy": POLICY}, "text/html; charset=utf-8")


@router.get("/assets/{name}", include_in_schema=False, response_model=None)
async def asset(name: str) -> Response:
    """A bundled file of the pages."""
    if name not in ASSETS:
        raise NotFound
    folder, kind = ASSETS[name]
    return Response((folder / name).read_bytes(), 200, {"Cache-Control": "public, max-age=3600"}, kind)


@router.get(
    "/health/live",
    summary="Whether the process lives",
    tags=["health"],
    response_model=None,
    responses=HEALTHY,
    openapi_extra={"security": []},
)
async def live() -> Response:
    """Answers as long as the process can answer."""
    return json(FINE)


@router.get(
    "/health/ready",
    summary="Whether requests can be served",
    tags=["health"],
    response_model=None,
    responses=ok(schemas.Ready) | refusals(Unavailable),
    openapi_extra={"security": []},
)
async def ready(request: Request) -> Response:
    """Answers 200 while the parts that are needed work and the process is not stopping, else 503; within two seconds.

    The 503 holds `parts` too. `degraded` is a 200: a part that is not needed does not answer.
    """
    if request.app.state.draining:
        raise Unavailable("The process is stopping.", retry_after=5)
    health: Health = request.app.state.health
    return json(await health.ready())
