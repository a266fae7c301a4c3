"""The verbs on certificates."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, update

from dossier import users
from dossier.certificates import queries
from dossier.certificates.errors import CertificateNotFound, CertificateTaken
from dossier.certificates.models import SCOPES, CertificateRow
from dossier.certificates.queries import Held
from dossier.certificates.reading import Card, read
from dossier.certificates.schemas import NewCertificate
from dossier.core import paging
from dossier.core.actor import NotAllowed
from dossier.core.errors import Invalid
from dossier.core.ids import new_id
from dossier.core.units import ReadUnit, Unit
from dossier.core.web import Wire


async def register_certificate(unit: Unit, wanted: NewCertificate) -> Wire:
    """Let a client certificate stand for a program: a new member with ``name`` and ``role``, or one that has others.

    So a certificate is renewed: the new one is registered beside the old. Needs an owner, and no credential gives more
    scopes than it has. Raises BadCertificate, CertificateTaken, Invalid, MemberNotFound, NotAllowed.
    """
    unit.actor.require_admin()
    if not unit.actor.may.issuperset(wanted.scopes):
        raise NotAllowed("A certificate has no more scopes than who registers it.")
    card = _card(wanted, unit.now)
    if await queries.registered(unit, card.sha256):
        raise CertificateTaken
    member_id = await _member(unit, wanted)
    row = CertificateRow(id=new_id(), workspace_id=unit.workspace_id, member_id=member_id, created_at=unit.now)
    row.sha256, row.subject, row.expires_at = card.sha256, card.subject, card.expires_at
    row.scopes = " ".join(scope for scope in SCOPES if scope in wanted.scopes)
    unit.session.add(row)
    await unit.session.flush()
    unit.record("certificate.registered", **_facts(row), scopes=row.scopes.split())
    return (await _wires(unit, [row]))[0]


def _card(wanted: NewCertificate, now: datetime) -> Card:
    if wanted.certificate is not None:
        if (wanted.sha256, wanted.subject, wanted.expires_at) != (None, None, None):
            raise Invalid(fields={"certificate": "It says digest, subject and end itself: send it alone."})
        return read(wanted.certificate, now)
    if wanted.sha256 is None or wanted.subject is None or wanted.expires_at is None:
        raise Invalid(fields={"certificate": "Send the certificate, or sha256, subject and expires_at."})
    if wanted.expires_at <= now:
        raise Invalid(fields={"expires_at": "This lies in the past."})
    return Card(bytes.fromhex(wanted.sha256.replace(":", "")), wanted.subject, wanted.expires_at)


async def _member(unit: Unit, wanted: NewCertificate) -> UUID:
    if wanted.member_id is None:
        if wanted.name is None or wanted.role is None:
            raise Invalid(fields={"name": "A new program needs a name and a role; one that is here, its member_id."})
        return await users.add_service(unit, wanted.name, wanted.role)
    if wanted.name is not None or wanted.role is not None:
        raise Invalid(fields={"member_id": "A program that is here keeps its name and role: send neither."})
    await users.require_service(unit, wanted.member_id)
    return wanted.member_id


async def list_certificates(unit: ReadUnit, limit: int, after: str | None) -> tuple[list[Wire], str | None]:
    """A page of the workspace's certificates, those that ran out lately too. Needs an owner. Raises NotAllowed."""
    unit.actor.require_admin()
    last = paging.decode(after, UUID) or (None,)
    rows = list(await queries.certificates(unit, limit, last[0]))
    kept, next_ = paging.page(rows, limit, lambda row: paging.encode(row.id))
    return await _wires(unit, kept), next_


async def revoke_certificate(unit: Unit, certificate_id: UUID) -> None:
    """End a certificate at once; its program stays a member. Needs an owner. Raises CertificateNotFound, NotAllowed."""
    unit.actor.require_admin()
    row = await queries.lock(unit, certificate_id)
    if row is None:
        raise CertificateNotFound
    unit.record("certificate.revoked", **_facts(row))
    await unit.session.delete(row)


# For the sessions room


async def find_certificates(unit: ReadUnit, sha256: bytes) -> list[Held]:
    """What the certificate with this digest stands for, at most one member in each workspace; ended ones are left out."""
    found = [(row, await users.membership(unit, row.member_id)) for row in await queries.living(unit, sha256)]
    return [
        Held(row.id, mine, frozenset(row.scopes.split()), row.expires_at, row.last_used_at)
        for row, mine in found
        if mine is not None
    ]


async def touch(unit: Unit, certificate_id: UUID) -> None:
    """Note that a certificate was used."""
    used = update(CertificateRow).where(CertificateRow.id == certificate_id).values(last_used_at=unit.now)
    await unit.session.execute(used)


async def end_certificates(unit: Unit, member_id: UUID, at: datetime) -> None:
    """End what a member held at this moment."""
    mine = delete(CertificateRow).where(CertificateRow.workspace_id == unit.workspace_id)
    await unit.session.execute(mine.where(CertificateRow.member_id == member_id, CertificateRow.created_at <= at))


async def forget_expired(unit: Unit, before: datetime) -> None:
    """Drop the certificates that ran out before a moment. For housekeeping."""
    await unit.session.execute(delete(CertificateRow).where(CertificateRow.expires_at < before))


def _facts(row: CertificateRow) -> Wire:
    ids = {"certificate_id": str(row.id), "member_id": str(row.member_id)}
    return ids | {"subject": row.subject, "sha256": row.sha256.hex()}


async def _wires(unit: ReadUnit, rows: list[CertificateRow]) -> list[Wire]:
    ids = [row.member_id for row in rows]
    names, roles = await users.people(unit, ids), await users.active_roles(unit, ids)
    return [
        {
            "id": row.id,
            "member": names[row.member_id],
            "role": roles.get(row.member_id),
            "scopes": row.scopes.split(),
            "subject": row.subject,
            "sha256": row.sha256.hex(),
            "created_at": row.created_at,
            "expires_at": row.expires_at,
            "last_used_at": row.last_used_at,
        }
        for row in rows
    ]
