"""From what a link says about a place to the connector that works there. Each kind's own library is imported here only when
a link needs it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dossier.connectors import Connector
from dossier.core.errors import Invalid
from dossier.core.outward import Outward
from dossier.core.settings import Settings
from dossier.links import storages

if TYPE_CHECKING:
    from dossier.connectors.graph import Credentials

# Microsoft's national clouds: the service and where its tokens come from.
_TOKENS = "/{tenant}/oauth2/v2.0/token"
CLOUDS = {
    "global": ("https://graph.microsoft.com/v1.0", f"https://login.microsoftonline.com{_TOKENS}"),
    "us": ("https://graph.microsoft.us/v1.0", f"https://login.microsoftonline.us{_TOKENS}"),
    "us_dod": ("https://dod-graph.microsoft.us/v1.0", f"https://login.microsoftonline.us{_TOKENS}"),
    "china": ("https://microsoftgraph.chinacloudapi.cn/v1.0", f"https://login.chinacloudapi.cn{_TOKENS}"),
}
Config = dict[str, Any]
Secrets = dict[str, str]
Rotated = Callable[[str], Awaitable[None]]


def connected(
    settings: Settings, slug: str, kind: str, config: Config, credentials: Secrets, rotated: Rotated | None = None
) -> AbstractAsyncContextManager[Connector]:
    """The connector of a place, for the workspace ``slug``. Raises Invalid where the place may not be
    worked with or a credential is missing. ``rotated`` keeps a refresh token that takes the place of the one before."""
    make = partial(_graph, rotated=rotated) if kind == "graph" else _MAKERS[kind]
    return make(settings, slug, config, credentials)


def _need(credentials: Secrets, *known: str) -> None:
    """Refuse what nobody would read: a mistyped name is better told than tried."""
    if unknown := set(credentials) - set(known):
        listed = ", ".join(known) or "none"
        raise Invalid(fields={f"credentials.{each}": f"Not known here; known: {listed}." for each in sorted(unknown)})


@asynccontextmanager
async def _folder(settings: Settings, slug: str, config: Config, credentials: Secrets) -> AsyncIterator[Connector]:
    from dossier.connectors.folder import FolderConnector

    _need(credentials)
    path = Path(config["path"])
    if not await asyncio.to_thread(_is_allowed, path, slug, settings.link_folders):
        raise Invalid(
            fields={"place.path": f"Only folders below {slug}/ in one of DOSSIER_LINK_FOLDERS can be linked."}
        )
    remote = FolderConnector(path)
    try:
        yield remote
    finally:
        await remote.close()


def _is_allowed(path: Path, slug: str, roots: str) -> bool:
    """Whether it lies in the workspace's part of one of the roots, symbolic links followed."""
    known = [(Path(each) / slug).resolve() for each in roots.split(":") if each]
    try:
        return path.is_absolute() and any(path.resolve().is_relative_to(root) for root in known)
    except (ValueError, OSError):  # NUL, or links that go round in circles
        return False


@asynccontextmanager
async def _webdav(settings: Settings, slug: str, config: Config, credentials: Secrets) -> AsyncIterator[Connector]:
    from dossier.connectors.webdav import WebDavConnector

    _need(credentials, "username", "password", "token")
    outward = Outward.from_settings(settings)
    await outward.verify(config["url"])
    async with outward.session(whole=None) as session:
        remote = WebDavConnector(
            session,
            config["url"],
            user=credentials.get("username", ""),
            password=credentials.get("password", ""),
            token=credentials.get("token", ""),
        )
        try:
            yield remote
        finally:
            await remote.close()


@asynccontextmanager
async def _s3(settings: Settings, slug: str, config: Config, credentials: Secrets) -> AsyncIterator[Connector]:
    from dossier.connectors.s3 import BucketPlace, S3Connector

    _need(credentials, "access_key_id", "secret_access_key")
    if len(credentials) < 2:
        raise Invalid(fields={"credentials": "A bucket needs access_key_id and secret_access_key."})
    if config.get("endpoint"):
        await Outward.from_settings(settings).verify(config["endpoint"])
    remote = S3Connector(
        BucketPlace(
            bucket=config["bucket"],
            prefix=config.get("prefix") or "",
            region=config.get("region") or "",
            endpoint=config.get("endpoint") or "",
            access_key=credentials.get("access_key_id", ""),
            secret_key=credentials.get("secret_access_key", ""),
        )
    )
    try:
        yield remote
    finally:
        await remote.close()


def graph_credentials(config: Config, credentials: Secrets, rotated: Rotated | None = None) -> "Credentials":
    """Who we are for Graph. Raises Invalid for a credential that it knows nothing of."""
    from dossier.connectors.graph import Credentials

    _need(credentials, "client_secret", "certificate", "key", "refresh_token")
    return Credentials(
        tenant=config["tenant"],
        client_id=config["client_id"],
        secret=credentials.get("client_secret", ""),
        certificate=credentials.get("certificate", ""),
        key=credentials.get("key", ""),
        refresh_token=credentials.get("refresh_token", ""),
        rotated=rotated,
    )


@asynccontextmanager
async def _graph(
    settings: Settings, slug: str, config: Config, credentials: Secrets, rotated: Rotated | None = None
) -> AsyncIterator[Connector]:
    from dossier.connectors.graph import GraphConnector

    who = graph_credentials(config, credentials, rotated)
    base_url, token_url = CLOUDS[config.get("cloud") or "global"]
    async with Outward.from_settings(settings).session(whole=None) as session:
        remote = GraphConnector(
            session,
            who,
            drive_id=config["drive_id"],
            folder_id=config["folder_id"],
            base_url=base_url,
            token_url=token_url,
        )
        try:
            yield remote
        finally:
            await remote.close()


_MAKERS: dict[str, Callable[[Settings, str, Config, Secrets], AbstractAsyncContextManager[Connector]]] = {
    "folder": _folder,
    "webdav": _webdav,
    "s3": _s3,
    "service": storages.connected,
}
