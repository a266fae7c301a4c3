"""Links that work once: the set-up, an invitation, a new password. Only the digest of a secret is stored.

Several links may lead to one subject (the API shows one, the mail job makes its own, so that no secret lies in a job);
the first that is used ends the others.
"""

from datetime import timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import CursorResult, delete, update

from dossier.core.ids import digest, new_id, new_secret
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Unit
from dossier.users import queries
from dossier.users.errors import LinkEnded
from dossier.users.models import Link

Kind = Literal["setup", "invite", "reset"]
PAGES: dict[Kind, str] = {"setup": "setup", "invite": "join", "reset": "reset"}


def link_address(settings: Settings, kind: Kind, secret: str) -> str:
    """The portal's address for a link. The secret is a fragment: no server, proxy or referrer ever sees it."""
    return f"{settings.base_url}/{PAGES[kind]}#{secret}"


async def make_link(unit: Unit, kind: Kind, subject_id: UUID | None, lasts: timedelta) -> str:
    """A new link for ``lasts``; its secret, which nothing can show again."""
    secret = new_secret()
    link = Link(id=new_id(), kind=kind, secret_hash=digest(secret), subject_id=subject_id, created_at=unit.now)
    link.expires_at = unit.now + lasts
    unit.session.add(link)
    await unit.session.flush()
    return secret


async def find_link(unit: ReadUnit, kind: Kind, secret: str) -> UUID | None:
    """The subject of a link that is still good; the link stays good. Raises LinkEnded."""
    return (await _living(unit, kind, secret)).subject_id


async def count_links(unit: ReadUnit, kind: Kind, subject_id: UUID) -> int:
    """How many links to a subject are still good."""
    return await queries.count_links(unit, kind, subject_id)


async def take_link(unit: Unit, kind: Kind, secret: str) -> UUID | None:
    """Use a link: its subject, once. The other links to the subject end too. Raises LinkEnded."""
    link = await _living(unit, kind, secret)
    this = update(Link).where(Link.id == link.id, Link.used_at.is_(None)).values(used_at=unit.now)
    result = await unit.session.execute(this)
    if not isinstance(result, CursorResult) or result.rowcount != 1:
        raise LinkEnded  # somebody else was quicker
    others = update(Link).where(Link.kind == kind, Link.subject_id.is_not_distinct_from(link.subject_id))
    await unit.session.execute(others.where(Link.used_at.is_(None)).values(used_at=unit.now))
    return link.subject_id


async def _living(unit: ReadUnit, kind: Kind, secret: str) -> Link:
    link = await queries.link(unit, kind, digest(secret))
    if link is None:
        raise LinkEnded
    return link


async def forget_links(unit: Unit) -> None:
    """Drop the links that ended."""
    await unit.session.execute(delete(Link).where(Link.expires_at < unit.now))
