"""What every command stands on: the parts on a current schema, one thing done with them, one JSON value printed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from uuid import UUID

import typer

from dossier.app import Parts, build
from dossier.core import log, migrate, telemetry
from dossier.core.actor import Actor
from dossier.core.settings import Settings

T = TypeVar("T")
NOWHERE = Actor.system(UUID(int=0), "command line")


def run(do: Callable[[Parts], Awaitable[T]], settings: Settings | None = None) -> T:
    """Build the parts on a current schema, do one thing, and let go of them."""
    settings = settings or Settings()
    log.configure(settings.log_format, settings.log_level)

    async def whole() -> T:
        parts = build(settings)
        telemetry.configure(settings)
        try:
            await prepare(parts)
            return await do(parts)
        finally:
            await parts.close()
            await asyncio.to_thread(telemetry.close)

    return asyncio.run(whole())


async def prepare(parts: Parts) -> None:
    """Bring an embedded database to the present schema, and assert what the database must promise."""
    found = await migrate.revision(parts.database)
    if migrate.is_newer(found):
        if parts.database.is_sqlite:
            raise SystemExit(f"dossier: a newer version has used this data folder (schema {found}); take that one.")
        log.log.warning("schema.newer", schema=found, own=migrate.HEAD)
    elif found != migrate.HEAD:
        if not parts.database.is_sqlite:
            raise SystemExit("dossier: the database's schema is not this version's; run `dossier migrate` first.")
        await asyncio.to_thread(migrate.upgrade, parts.settings.database)
    await parts.database.check()
    await parts.clock.measure()


def show(value: Any) -> None:
    """Print one JSON value."""
    typer.echo(json.dumps(value, default=str, ensure_ascii=False))


async def workspace_actor(parts: Parts, slug: str) -> Actor:
    """The system in the workspace of that slug. Raises WorkspaceNotFound."""
    from dossier import users

    async with parts.units.read(NOWHERE) as unit:
        workspace_id = await users.find_workspace(unit, slug)
    if workspace_id is None:
        raise users.WorkspaceNotFound(f"There is no workspace {slug}.")
    return Actor.system(workspace_id, "command line")
