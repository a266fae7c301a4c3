"""Wiring of the HTTP program: settings in, an ASGI app out. Nothing imports this but the entrances."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from pydantic import BaseModel

from dossier import documents, folders, notices, sessions, tasks, uploads
from dossier.certificates import routes as certificates_routes
from dossier.core import health, web
from dossier.core.bell import Bell, RedisBell
from dossier.core.clock import Clock, utc_now
from dossier.core.db import Database
from dossier.core.health import Health, Probe, Unfit
from dossier.core.limits import Limits
from dossier.core.linger import Linger
from dossier.core.mail import Mail, from_settings
from dossier.core.outward import Outward
from dossier.core.redis import connect
from dossier.core.rotation import Rotating
from dossier.core.settings import Settings
from dossier.core.shared_clock import SharedClock
from dossier.core.units import Units
from dossier.core.vault import Vault
from dossier.core.ways import Ways
from dossier.documents import routes as documents_routes
from dossier.downloads import routes as downloads_routes
from dossier.feed import routes as feed_routes
from dossier.folders import routes as folders_routes
from dossier.links import routes as links_routes
from dossier.links.graph import routes as graph_routes
from dossier.notices import routes as notices_routes
from dossier.portal import routes as portal_routes
from dossier.portal import site
from dossier.portal.screens import routes as screens_routes
from dossier.renditions import routes as renditions_routes
from dossier.samples import routes as samples_routes
from dossier.search import match
from dossier.sessions import routes as sessions_routes
from dossier.storage import BlobStore, open_store, traced
from dossier.tasks import routes as tasks_routes
from dossier.uploads import routes as uploads_routes
from dossier.uploads.arrivals import routes as arrivals_routes
from dossier.users import routes as users_routes
from dossier.webhooks import routes as webhooks_routes

if TYPE_CHECKING:
    from redis.asyncio import Redis

ROUTERS = [
    portal_routes.router,
    sessions_routes.router,
    certificates_routes.router,
    users_routes.router,
    folders_routes.router,
    documents_routes.router,
    uploads_routes.router,
    arrivals_routes.router,
    downloads_routes.router,
    downloads_routes.content,
    renditions_routes.router,
    samples_routes.router,
    tasks_routes.router,
    feed_routes.router,
    notices_routes.router,
    links_routes.router,
    graph_routes.router,
    webhooks_routes.router,
    screens_routes.router,
]
# Ways to a session and what needs one, set-up, pages, and what Microsoft posts: the partners' face has none of these.
PORTAL_ONLY = frozenset({"set_up", "sign_in", "sign_out", "request_reset", "reset_password", "accept_invitation"}) | {
    "update_me",
    "change_password",
    "end_link_sign_in",
    "hear_graph",
    "docs",
    "asset",
}
DESCRIPTION = """Documents, their versions and the tasks on them.

Sign in with `POST /api/v1/session` (a cookie) or send a personal access token as `Authorization: Bearer`. Errors are
RFC 9457 `application/problem+json` with a stable `code`. Lists are keyset pages: pass `next` as `after`. Edits take
`If-Match`; every POST takes an `Idempotency-Key`. Whoever belongs to several workspaces names one with `X-Workspace:
<slug>`, unless the id in the path tells it."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What both entrances are made of: the HTTP program and the worker share these."""

    settings: Settings
    database: Database
    units: Units
    store: BlobStore
    mail: Mail
    clock: SharedClock
    health: Health
    vault: Vault
    outward: Outward
    redis: "Redis | None" = None

    async def close(self) -> None:
        """Let go of the database, the store and Redis."""
        await self.database.close()
        await self.store.close()
        if self.redis is not None:
            await self.redis.aclose()


def build(settings: Settings, *, clock: Clock = utc_now) -> Parts:
    """The parts that the settings name."""
    sign_in = _sign_in(settings) if settings.rotates else None
    database = Database(
        settings.database, pool=settings.database_pool, replica=settings.database_replica_url, sign_in=sign_in
    )
    shared = SharedClock(clock, database)
    store = open_store(settings)
    if settings.otlp_endpoint:
        store = traced(store)
    probes = [*health.of_database(database), Probe("storage", store.check)]
    if sign_in is not None:
        probes.append(Probe("secrets", _fresh(sign_in), needed=False))
    redis = connect(settings.redis_url) if settings.redis_url else None
    if redis is not None:
        probes.append(Probe("redis", partial(_answers, redis), needed=False))
    units = Units(database, clock=shared, bell=RedisBell(redis) if redis is not None else Bell())
    return Parts(
        settings=settings,
        database=database,
        units=units,
        store=store,
        mail=from_settings(settings),
        clock=shared,
        health=Health(probes),
        vault=Vault.from_settings(settings),
        outward=Outward.from_settings(settings),
        redis=redis,
    )


async def _answers(redis: "Redis") -> None:
    from redis.exceptions import RedisError

    try:
        await redis.ping()
    except (RedisError, OSError) as error:
        raise Unfit("Redis does not answer; rate limits and live updates are each process's own.") from error


def _sign_in(settings: Settings) -> Rotating:
    """The database's password from where all settings come from: read again, the order among them stays."""

    def read() -> dict[str, str]:
        return Settings(secrets=settings.secrets).sign_in

    return Rotating(settings.sign_in, read, settings.secrets_refresh_minutes * 60)


def _fresh(sign_in: Rotating) -> Callable[[], Awaitable[None]]:
    async def ask() -> None:
        if sign_in.stale:
            raise Unfit("The secrets could not be read again.")

    return ask


def create_app(parts: Parts) -> FastAPI:
    """The FastAPI program on these parts, with the face that the settings say."""
    face = parts.settings.face
    app = FastAPI(
        title="Dossier",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        # FastAPI's own spans and log records hold paths and the text of errors, and variables could turn them on.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    equip(app, parts)
    web.install(app)
    for router in _routers(face):
        app.include_router(router)
    app.router.middleware_stack = Ways(
        (route for router in _routers(face) for route in router.routes), app.router.middleware_stack
    )
    if face != "partner":
        site.install(app, site.folder_of(parts.settings.portal_dir))
    app.openapi = _openapi(app)  # type: ignore[method-assign]  # FastAPI's documented way to extend the schema
    app.add_middleware(web.BodyLimit, limit=parts.settings.max_json_bytes, streams=_streams)
    app.add_middleware(sessions.LastSeen)
    trusted = parts.settings.trusted_proxies > 0
    app.add_middleware(web.Edge, secure=parts.settings.secure, trusted=trusted, leaving=_is_leaving)
    app.add_middleware(Linger)
    return app


def _is_leaving(app: FastAPI) -> bool:
    leaving: bool = app.state.health.leaving
    return leaving


def equip(app: FastAPI, parts: Parts) -> None:
    """Put the parts, and what core asks of the rooms above it, where requests find them."""
    for name in ("settings", "units", "store", "mail", "clock", "health", "vault", "outward"):
        setattr(app.state, name, getattr(parts, name))
    app.state.limits = Limits(parts.redis)
    app.state.authenticate = sessions.authenticate
    app.state.actor_of = sessions.actor_of
    app.state.search = match
    app.state.unread = notices.unread
    app.state.uploads = uploads.Desk()
    app.state.draining = False
    app.state.methods_of = partial(_methods_of, parts.settings.face)
    app.state.workspace_of = {
        "document_id": documents.workspace_of,
        "folder_id": folders.workspace_of,
        "task_id": tasks.workspace_of,
        "upload_id": uploads.workspace_of,
    }


def _streams(method: str, path: str) -> bool:
    """Whether the route streams its body itself."""
    return documents_routes.is_upload(method, path) or uploads_routes.is_upload(method, path)


def _routers(face: str) -> list[APIRouter]:
    """What a face serves."""
    return [_without(router, PORTAL_ONLY) for router in ROUTERS] if face == "partner" else ROUTERS


def _without(router: APIRouter, names: Collection[str]) -> APIRouter:
    rest = APIRouter()
    rest.routes.extend(route for route in router.routes if getattr(route, "name", None) not in names)
    return rest


def _methods_of(face: str, path: str) -> set[str]:
    """The methods that an address takes."""
    routes = [route for router in _routers(face) for route in router.routes if isinstance(route, APIRoute)]
    return {method for route in routes if route.path_regex.match(path) for method in route.methods or ()}


def _operation_id(route: APIRoute) -> str:
    return route.name


def _tidy(schema: dict[str, Any]) -> None:
    """Take out what FastAPI adds by itself and no route answers: JSON beside or in place of the real type, its own 422."""
    for item in schema["paths"].values():
        for operation in item.values():
            for status, answer in list(operation["responses"].items()):
                content = answer.get("content", {})
                own = content.get("application/json", {}).get("schema", {})
                if own.get("$ref", "").endswith("/HTTPValidationError"):
                    del operation["responses"][status]
                elif (len(content) > 1 and status[0] != "2") or not own:
                    content.pop("application/json", None)
    for name in ("HTTPValidationError", "ValidationError"):
        schema["components"]["schemas"].pop(name, None)


def _restore_nulls(schemas: dict[str, Any], base: type[BaseModel] = BaseModel) -> None:
    """Put the models' own examples in place of those that FastAPI has taken every null out of."""
    for model in base.__subclasses__():
        extra = model.model_config.get("json_schema_extra")
        if model.__module__.startswith("dossier.") and model.__name__ in schemas and isinstance(extra, dict):
            schemas[model.__name__] |= extra
        _restore_nulls(schemas, model)


def _openapi(app: FastAPI) -> Callable[[], dict[str, Any]]:
    make = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = make()
            schema["components"]["examples"] = web.EXAMPLES
            schema["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer", "description": "A personal access token."},
                "session": {"type": "apiKey", "in": "cookie", "name": "dossier_session"},
                "certificate": {"type": "mutualTLS", "description": "At the partners' address of the edge."},
            }
            schema["security"] = [{"token": []}, {"session": []}, {"certificate": []}]
            _tidy(schema)
            _restore_nulls(schema["components"]["schemas"])
            app.openapi_schema = schema
        return app.openapi_schema

    return openapi
