"""The verbs on personal access tokens: a member's key to one workspace, shown once, for programs."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from dossier import users
from dossier.core import paging
from dossier.core.actor import NotAllowed
from dossier.core.errors import Invalid
from dossier.core.ids import digest, new_id, new_secret
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire
from dossier.sessions import queries
from dossier.sessions.errors import TokenNotFound
from dossier.sessions.models import SCOPES, TOKEN_PREFIX, TokenRow, scopes_text


async def create_token(
    unit: Unit, name: str, scopes: Iterable[str], expires_at: datetime | None, until: datetime | None
) -> Wire:
    """A token for oneself, with its secret under ``token``, which nothing can show again.

    A token can make another one, but none that may more or lasts longer (``until``) than itself. Raises NotAllowed,
    Invalid.
    """
    member_id = unit.actor.member_id
    if unit.actor.kind == "service":
        # It would open other doors than the partners' one, and outlive the certificate.
        raise NotAllowed("A program with a certificate makes no tokens.")
    if member_id is None or not unit.actor.may.issuperset(scopes):
        raise NotAllowed("A token has no more scopes than who makes it.")
    if until is not None and (expires_at is None or expires_at > until):
        expires_at = until
    row, secret = await _make(unit, member_id, name, scopes, expires_at)
    return _wire(row) | {"token": secret}


async def make_token(
    unit: Unit, member_id: UUID, name: str, scopes: Iterable[str], expires_at: datetime | None = None
) -> str:
    """The secret of a new token for an active member, as the system may make it. Raises UnknownPeople, Invalid."""
    return (await _make(unit, member_id, name, scopes, expires_at))[1]


async def _make(
    unit: Unit, member_id: UUID, name: str, scopes: Iterable[str], expires_at: datetime | None
) -> tuple[TokenRow, str]:
    await users.require_members(unit, [member_id], "member_id")
    wanted, secret = frozenset(scopes), TOKEN_PREFIX + new_secret()
    if not wanted or not wanted.issubset(SCOPES):
        raise Invalid(fields={"scopes": f"Some of {', '.join(SCOPES)}."})
    if expires_at is not None and expires_at <= unit.now:
        raise Invalid(fields={"expires_at": "This lies in the past."})
    row = TokenRow(id=new_id(), workspace_id=unit.workspace_id, member_id=member_id, name=name, created_at=unit.now)
    row.secret_hash, row.scopes, row.expires_at = digest(secret), scopes_text(wanted), expires_at
    unit.session.add(row)
    await unit.session.flush()
    unit.record("token.created", token_id=str(row.id), member_id=str(member_id), name=name, scopes=row.scopes.split())
    return row, secret


async def list_tokens(
    unit: ReadUnit, member_id: UUID | None, limit: int, after: str | None
) -> tuple[list[Wire], str | None]:
    """A page of one's own living tokens; owners may ask for another member's. Raises NotAllowed."""
    whose = member_id or unit.actor.member_id
    if whose is None or whose != unit.actor.member_id:
        unit.actor.require_admin()
    last = paging.decode(after, UUID) or (None,)
    rows = [] if whose is None else list(await queries.tokens(unit, whose, limit, last[0]))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.id))
    return [_wire(row) for row in kept], next_


async def revoke_token(unit: Unit, token_id: UUID) -> None:
    """End a token at once: one's own, or as an owner anybody's. Raises TokenNotFound."""
    row = await queries.lock_token(unit, token_id)
    mine = row is not None and row.member_id == unit.actor.member_id
    # What the actor may not see is not there: somebody else's token is 404 and not 403.
    if row is None or not (mine or (unit.actor.role == "owner" and "admin" in unit.actor.may)):
        raise TokenNotFound
    row.revoked_at = unit.now
    unit.record("token.revoked", token_id=str(row.id), member_id=str(row.member_id), name=row.name)


def _wire(row: TokenRow) -> Wire:
    return {
        "id": row.id,
        "member_id": row.member_id,
        "name": row.name,
        "scopes": row.scopes.split(),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "last_used_at": row.last_used_at,
    }
