"""Who may do what on the other side of a link: asked there each time, never kept, never changed."""

from typing import Any
from uuid import UUID

from dossier.connectors import RemoteError, Right
from dossier.connectors.contract import MOST_RIGHTS
from dossier.core.actor import Actor
from dossier.core.units import ReadUnit
from dossier.links import items, runs, schemas, service
from dossier.links.errors import LinkItemNotFound
from dossier.links.models import LinkRow

_LONGEST = 300


async def ask(state: Any, actor: Actor, link_id: UUID, item_id: UUID | None) -> schemas.LinkRights:
    """Those of an item, or of the link's place. Raises LinkNotFound, LinkItemNotFound, NotAllowed, LinkUnreachable."""
    async with state.units.read(actor) as unit:
        link = await service.require(unit, link_id)
        remote_id = None if item_id is None else await _remote_id(unit, link, item_id)
    async with runs.reached():
        try:
            if remote_id == "":
                raise RemoteError("missing", "It is not on the other side.")
            async with runs.connected(state, link) as remote:
                found = await remote.rights(remote_id)
        except RemoteError as error:
            if error.kind != "unsupported":
                raise
            return schemas.LinkRights(told=False, items=[])
    return schemas.LinkRights(told=True, items=[_shown(right) for right in found[:MOST_RIGHTS]])


async def _remote_id(unit: ReadUnit, link: LinkRow, item_id: UUID) -> str:
    """The id that an item has there; "" where it is not there."""
    row = await items.get(unit, link, item_id)
    if row is None:
        raise LinkItemNotFound
    return (row.remote_id or "") if row.there else ""


def _shown(right: Right) -> schemas.LinkRight:
    return schemas.LinkRight(who=_text(right.who), kind=right.kind, may=_text(right.may), inherited=right.inherited)


def _text(foreign: str) -> str:
    """What a foreign system calls something, so that it can be sent on."""
    return foreign[:_LONGEST].encode(errors="replace").decode()
