"""What every command stands on: the parts on a current schema, one thing done with them, one JSON value printed."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import typer

from dossier.app import Parts, build
from dossier.core import log, migrate, telemetry
from dossier.core.actor import Actor
from dossier.core.errors import Invalid
from dossier.core.settings import Settings

if TYPE_CHECKING:
    from dossier.transfer import TreeReport
    from dossier.transfer.remote import OnConflict

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


def send(
    path: Path,
    url: str,
    workspace: str,
    folder: str,
    on_conflict: "OnConflict",
    certificate: tuple[Path | None, Path | None],
    *,
    shows: bool,
) -> "TreeReport":
    """Bring a tree to a Dossier elsewhere; needs no settings. Raises as ``send_tree``."""
    from dossier import transfer
    from dossier.transfer.remote import Address, send_tree

    token = os.environ.get("DOSSIER_TOKEN", "").strip()
    if not (token or certificate[0]):
        raise typer.BadParameter("With --to, put a token into DOSSIER_TOKEN, or name a certificate by --cert.")
    if transfer.is_export(path):
        raise Invalid(
            "This is an export; one comes in beside the database. Take it to the server's machine, and there: "
            "dossier import PATH --workspace SLUG"
        )
    address = Address(url, token, workspace, *certificate)
    try:
        with transfer.shown("files", wanted=shows) as progress:
            return asyncio.run(send_tree(address, path, [*filter(None, folder.split("/"))], on_conflict, progress))
    except KeyboardInterrupt:
        typer.echo("Cut off. What has arrived stays; the same command goes on from there.", err=True)
        raise
