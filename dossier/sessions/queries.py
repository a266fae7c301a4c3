"""Every SELECT on sessions and tokens. What has ended is not found."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, bindparam, or_, select

from dossier.core.ids import digest
from dossier.core.prepared import Prepared
from dossier.core.units import ReadUnit
from dossier.sessions.models import SessionRow, TokenRow

# Asked with every request, so on tables and made once.
S, T = SessionRow.__table__, TokenRow.__table__
_SESSION = Prepared(select(S).where(S.c.id_hash == bindparam("hash"), S.c.expires_at > bindparam("now")))
_AHEAD = or_(T.c.expires_at.is_(None), T.c.expires_at > bindparam("now"))
_TOKEN = Prepared(select(T).where(T.c.secret_hash == bindparam("hash"), T.c.revoked_at.is_(None), _AHEAD))


async def session(unit: ReadUnit, secret: str) -> Any | None:
    """The living session with this secret."""
    return await _SESSION.one(unit, {"hash": digest(secret), "now": unit.now})


async def token(unit: ReadUnit, secret: str) -> Any | None:
    """The living token with this secret, of whatever workspace."""
    return await _TOKEN.one(unit, {"hash": digest(secret), "now": unit.now})


async def tokens(unit: ReadUnit, member_id: UUID, limit: int, after: UUID | None) -> Sequence[TokenRow]:
    """Living tokens of a member of this workspace in the order they were made, one more than ``limit``."""
    query = select(TokenRow).where(TokenRow.workspace_id == unit.workspace_id, TokenRow.member_id == member_id)
    if after is not None:
        query = query.where(TokenRow.id > after)
    return (await unit.session.scalars(query.where(_living(unit)).order_by(TokenRow.id).limit(limit + 1))).all()


async def lock_token(unit: ReadUnit, id_: UUID) -> TokenRow | None:
    """A living token of this workspace, locked."""
    query = select(TokenRow).where(TokenRow.workspace_id == unit.workspace_id, TokenRow.id == id_, _living(unit))
    return await unit.session.scalar(query.with_for_update())


def _living(unit: ReadUnit) -> ColumnElement[bool]:
    ahead = or_(TokenRow.expires_at.is_(None), TokenRow.expires_at > unit.now)
    return and_(TokenRow.revoked_at.is_(None), ahead)
