"""Tickets: the right to download a selection once, within a minute, by an address alone, as a browser does natively.

A ticket holds no rights. It names a member, and what this member may see is asked again when it is used.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import CursorResult, delete

from dossier import users
from dossier.core.actor import Actor, NotAllowed
from dossier.core.ids import digest, new_secret
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.downloads import queries
from dossier.downloads.errors import TicketEnded
from dossier.downloads.models import Ticket

LASTS = timedelta(seconds=60)
PATH = "/api/v1/downloads"


async def issue(unit: Unit, name: str, document_ids: Sequence[UUID], folder_ids: Sequence[UUID]) -> Wire:
    """A ticket for an archive called ``name``: its address, which nothing can show again. Only members get one (403)."""
    if unit.actor.member_id is None:
        raise NotAllowed("Only members have tickets.")
    secret = new_secret()
    ticket = Ticket(
        secret_hash=digest(secret), workspace_id=unit.workspace_id, member_id=unit.actor.member_id, name=name
    )
    ticket.document_ids, ticket.folder_ids = [str(id_) for id_ in document_ids], [str(id_) for id_ in folder_ids]
    ticket.created_at, ticket.expires_at = unit.now, unit.now + LASTS
    unit.session.add(ticket)
    return {"url": f"{PATH}/{secret}", "expires_at": ticket.expires_at}


async def find(unit: ReadUnit, secret: str) -> tuple[Ticket, Actor]:
    """A ticket that is still good, and who its member is today; it stays good. Raises TicketEnded."""
    ticket = await queries.ticket(unit, secret)
    if ticket is None:
        raise TicketEnded
    there = ReadUnit(unit.session, Actor.system(ticket.workspace_id), unit.now)
    actor = await users.actor_of(there, ticket.member_id)
    if actor is None:
        raise TicketEnded
    return ticket, actor


async def take(unit: Unit, secret: str) -> tuple[Ticket, Actor]:
    """Use a ticket up: as ``find``, once. Raises TicketEnded."""
    found = await find(unit, secret)
    result = await unit.session.execute(delete(Ticket).where(Ticket.secret_hash == digest(secret)))
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise TicketEnded  # somebody else was quicker
    return found


async def forget_expired(unit: Unit) -> None:
    """Drop the tickets that nobody used in time."""
    await unit.session.execute(delete(Ticket).where(Ticket.expires_at <= unit.now))
