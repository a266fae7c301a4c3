"""The verbs on sign-ins and passwords.

Those that work out an Argon2 hash take ``units`` and not a Unit: no connection is held meanwhile, and the Unit after it
checks again what was read before.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import delete, or_, update

from dossier import certificates, users
from dossier.core import metrics, passwords
from dossier.core.actor import NOBODY, Actor
from dossier.core.errors import Invalid, Unauthenticated
from dossier.core.ids import digest, new_secret
from dossier.core.settings import Settings
from dossier.core.units import ReadUnit, Unit, Units
from dossier.core.web import Wire
from dossier.sessions import queries
from dossier.sessions.errors import BadCredentials, SessionNeeded, WrongPassword
from dossier.sessions.models import SCOPES, SessionRow, TokenRow
from dossier.sessions.schemas import Acceptance

# Sessions belong to people, not to a workspace: their Units run in none, and record no event of their own.
FRESH = timedelta(minutes=5)
KEPT = timedelta(days=90)
MOST_RESET_LINKS = 3


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a credential stands for and where: a session in all workspaces of the person, any other in its own.

    ``secret_hash`` is the session's or token's, ``id`` the token's or certificate's.
    """

    user_id: UUID
    memberships: tuple[users.Membership, ...]
    may: frozenset[str]
    expires_at: datetime | None
    kind: Literal["person", "token", "service"] = "person"
    secret_hash: bytes = b""
    id: UUID | None = None
    stale: bool = False

    def require_session(self) -> None:
        """Refuse (403) a token or certificate."""
        if self.kind != "person":
            raise SessionNeeded

    def pick(self, slug: str | None) -> users.Membership | None:
        """The membership in the named workspace (else WorkspaceNotFound), or the only one, or None."""
        if slug is None:
            return self.memberships[0] if len(self.memberships) == 1 else None
        for mine in self.memberships:
            if mine.slug == slug:
                return mine
        raise users.WorkspaceNotFound

    def actor(self, mine: users.Membership) -> Actor:
        """The actor that this credential is in one workspace."""
        return Actor(mine.workspace_id, mine.member_id, mine.user_id, mine.name, mine.role, self.kind, self.may)


async def by_session(unit: ReadUnit, secret: str) -> Identity:
    """Who is signed in with this secret. Raises Unauthenticated for an ended session or a deactivated person."""
    row = await queries.session(unit, secret)
    found = [] if row is None else await users.memberships(unit, row.user_id)
    if row is None or not found:
        raise Unauthenticated("The session has ended.")
    stale = _stale(unit, row.seen_at)
    return Identity(row.user_id, tuple(found), frozenset(SCOPES), row.expires_at, secret_hash=row.id_hash, stale=stale)


async def by_token(unit: ReadUnit, secret: str) -> Identity:
    """Whose token this is. Raises Unauthenticated for an ended token or a deactivated member."""
    row = await queries.token(unit, secret)
    mine = None if row is None else await users.membership(unit, row.member_id)
    if row is None or mine is None:
        raise Unauthenticated("The token is unknown or has ended.")
    may, stale = frozenset(row.scopes.split()), _stale(unit, row.last_used_at)
    return Identity(mine.user_id, (mine,), may, row.expires_at, "token", row.secret_hash, row.id, stale)


def by_certificate(unit: ReadUnit, held: certificates.Held) -> Identity:
    """The program that a certificate stands for in one workspace."""
    mine, stale = held.membership, _stale(unit, held.last_used_at)
    return Identity(mine.user_id, (mine,), held.scopes, held.expires_at, "service", id=held.id, stale=stale)


def _stale(unit: ReadUnit, used_at: datetime | None) -> bool:
    return used_at is None or unit.now - used_at >= FRESH


async def touch(unit: Unit, identity: Identity, lasts: timedelta) -> None:
    """Note that a credential was used; a session lasts anew from here."""
    if identity.kind == "service" and identity.id is not None:
        await certificates.touch(unit, identity.id)
        return
    if identity.kind == "token":
        used = update(TokenRow).where(TokenRow.id == identity.id).values(last_used_at=unit.now)
        await unit.session.execute(used)
        return
    seen = update(SessionRow).where(SessionRow.id_hash == identity.secret_hash)
    await unit.session.execute(seen.values(seen_at=unit.now, expires_at=unit.now + lasts))


async def me(unit: ReadUnit, identity: Identity, slug: str | None) -> Wire:
    """The person, their workspaces, and the one in force. Raises WorkspaceNotFound, Unauthenticated."""
    person = await users.find_person(unit, identity.user_id)
    if person is None:
        raise Unauthenticated
    mine = identity.pick(slug)
    return {
        "user": {"id": person.id, "name": person.name, "email": person.email},
        "memberships": [membership_wire(each) for each in identity.memberships],
        "workspace": mine and mine.slug,
        "scopes": [scope for scope in SCOPES if scope in identity.may],
    }


def membership_wire(mine: users.Membership) -> Wire:
    """A membership of one's own."""
    workspace = {"slug": mine.slug, "name": mine.workspace}
    return {"member_id": mine.member_id, "role": mine.role, "workspace": workspace}


# Sign-in and sign-out


async def sign_in(units: Units, email: str, password: str, user_agent: str, lasts: timedelta) -> str:
    """Open a session; its secret, for the cookie. Raises BadCredentials, after the same work whatever was wrong."""
    async with units.read(NOBODY) as unit:
        found = await users.find_person(unit, email)
    person = await _proven(found, password)
    newer = await passwords.rehash(password) if passwords.outdated(person.password_hash or "") else None

    async def verb(unit: Unit) -> str:
        now = await users.find_person(unit, person.id)
        if now is None or now.password_hash != person.password_hash or not await users.memberships(unit, person.id):
            raise BadCredentials
        if newer is not None:
            await users.rehash(unit, person.id, newer)
        return await open_session(unit, person.id, user_agent, lasts)

    secret = await units.run(NOBODY, verb)
    metrics.sign_ins.labels("done").inc()
    return secret


async def _proven(person: users.Person | None, password: str) -> users.Person:
    """The person, if this is their password; as slow for nobody as for somebody. Raises BadCredentials."""
    right = await passwords.verify(person.password_hash if person else None, password)
    if person is None or not right or not person.active:
        metrics.sign_ins.labels("refused").inc()
        raise BadCredentials
    return person


async def open_session(unit: Unit, user_id: UUID, user_agent: str, lasts: timedelta) -> str:
    """A new session of a person whose proof was checked before; its secret."""
    secret = new_secret()
    row = SessionRow(id_hash=digest(secret), user_id=user_id, created_at=unit.now, seen_at=unit.now)
    row.expires_at, row.user_agent = unit.now + lasts, user_agent[:200]
    unit.session.add(row)
    await unit.session.flush()
    return secret


async def sign_out(unit: Unit, identity: Identity) -> None:
    """End this session."""
    await unit.session.execute(delete(SessionRow).where(SessionRow.id_hash == identity.secret_hash))


async def end_sessions(unit: Unit, user_id: UUID, *, but: bytes = b"") -> None:
    """End the sessions of a person, all or all ``but`` one."""
    await unit.session.execute(delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.id_hash != but))


async def end_credentials(unit: Unit, member_id: UUID, at: datetime) -> None:
    """End what a member held at this moment: the tokens, the certificates, and the sessions unless another workspace
    still has the person.
    """
    await certificates.end_certificates(unit, member_id, at)
    tokens = update(TokenRow).where(TokenRow.workspace_id == unit.workspace_id, TokenRow.member_id == member_id)
    living = tokens.where(TokenRow.revoked_at.is_(None), TokenRow.created_at <= at)
    await unit.session.execute(living.values(revoked_at=unit.now))
    user_id = await users.user_of(unit, member_id)
    if user_id is not None and all(mine.member_id == member_id for mine in await users.memberships(unit, user_id)):
        held = delete(SessionRow).where(SessionRow.user_id == user_id, SessionRow.created_at <= at)
        await unit.session.execute(held)


# Passwords


async def change_password(units: Units, identity: Identity, current: str, password: str) -> None:
    """Set another password; the person's other sessions end. Raises WrongPassword, UnfitPassword, SessionNeeded."""
    identity.require_session()
    async with units.read(NOBODY) as unit:
        person = await users.find_person(unit, identity.user_id)
    if person is None or not await passwords.verify(person.password_hash, current):
        raise WrongPassword(fields={"current": "This is not the present password."})
    known, newer = person, await passwords.hash_new(password, person.email)

    async def verb(unit: Unit) -> None:
        await end_sessions(unit, known.id, but=identity.secret_hash)
        if not await users.set_password(unit, known.id, newer, before=known.password_hash):
            raise WrongPassword(fields={"current": "The password was changed in the meantime."})

    await units.run(NOBODY, verb)


async def request_reset(unit: Unit, email: str) -> None:
    """Promise a mail with a link for a new password; the same work whether or not anybody has this e-mail."""
    unit.defer("sessions.send_reset", email=email)


async def make_reset_link(unit: Unit, email: str, settings: Settings) -> tuple[str, str] | None:
    """The address to write to and a fresh link; None for nobody, or where enough links are under way."""
    person = await users.find_person(unit, email)
    if person is None or users.is_service(person.email) or not await users.memberships(unit, person.id):
        return None
    if await users.count_links(unit, "reset", person.id) >= MOST_RESET_LINKS:
        return None
    secret = await users.make_link(unit, "reset", person.id, timedelta(minutes=settings.reset_minutes))
    return person.email, users.link_address(settings, "reset", secret)


async def reset_password(units: Units, link: str, password: str) -> None:
    """Set another password by a mailed link; all sessions of the person end. Raises LinkEnded, UnfitPassword."""
    async with units.read(NOBODY) as unit:
        user_id = await users.find_link(unit, "reset", link)
        person = None if user_id is None else await users.find_person(unit, user_id)
    if person is None:
        raise users.LinkEnded
    known, newer = person, await passwords.hash_new(password, person.email)

    async def verb(unit: Unit) -> None:
        await users.take_link(unit, "reset", link)
        await end_sessions(unit, known.id)
        if not await users.set_password(unit, known.id, newer, before=known.password_hash):
            raise users.LinkEnded  # another link was quicker

    await units.run(NOBODY, verb)


# Invitations


@dataclass(frozen=True, slots=True)
class Accepted:
    """A membership that came of an invitation, and the secret of the session that opened with it."""

    membership: users.Membership
    secret: str


async def accept(units: Units, body: Acceptance, signed_in: UUID | None, user_agent: str, lasts: timedelta) -> Accepted:
    """Use an invitation's link and sign in. A new person gives name and password; a known one proves who they are.

    The proof is the password, or ``signed_in`` being the same person. Raises LinkEnded, BadCredentials, AlreadyMember,
    Invalid, UnfitPassword.
    """
    async with units.read(NOBODY) as unit:
        invited = await users.find_invited(unit, body.link)
        person = await users.find_person(unit, invited.email)
    newer = None
    if person is None:
        newer = await _first_password(body, invited.email)
    elif person.id != signed_in:
        await _proven(person, body.password or "")

    async def verb(unit: Unit) -> Accepted:
        mine = await users.accept_invitation(unit, body.link, body.name, newer)
        return Accepted(mine, await open_session(unit, mine.user_id, user_agent, lasts))

    name = person.name if person else body.name or ""
    return await units.run(Actor.system(invited.workspace_id, name), verb)


async def _first_password(body: Acceptance, email: str) -> str:
    given = {"name": body.name, "password": body.password}
    if missing := {field: "A new person gives this." for field, value in given.items() if value is None}:
        raise Invalid(fields=missing)
    return await passwords.hash_new(body.password or "", email)


async def forget_expired(unit: Unit) -> None:
    """Drop the sessions that ran out, and the tokens and certificates that ended three months ago. For housekeeping."""
    await unit.session.execute(delete(SessionRow).where(SessionRow.expires_at <= unit.now))
    before = unit.now - KEPT
    await certificates.forget_expired(unit, before)
    await unit.session.execute(delete(TokenRow).where(or_(TokenRow.expires_at < before, TokenRow.revoked_at < before)))
