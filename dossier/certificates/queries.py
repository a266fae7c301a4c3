"""Every SELECT on certificates: within the unit's workspace, but for the one that asks who holds one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from dossier import users
from dossier.certificates.models import CertificateRow
from dossier.core.units import ReadUnit


@dataclass(frozen=True, slots=True)
class Held:
    """A living certificate and the active member that it stands for."""

    id: UUID
    membership: users.Membership
    scopes: frozenset[str]
    expires_at: datetime
    last_used_at: datetime | None


async def living(unit: ReadUnit, sha256: bytes) -> Sequence[CertificateRow]:
    """The certificate with this digest in whatever workspaces, where it has not run out."""
    query = select(CertificateRow).where(CertificateRow.sha256 == sha256, CertificateRow.expires_at > unit.now)
    return (await unit.session.scalars(query)).all()


async def certificates(unit: ReadUnit, limit: int, after: UUID | None) -> Sequence[CertificateRow]:
    """Certificates of this workspace in the order they were registered, one more than ``limit``."""
    query = select(CertificateRow).where(CertificateRow.workspace_id == unit.workspace_id)
    if after is not None:
        query = query.where(CertificateRow.id > after)
    return (await unit.session.scalars(query.order_by(CertificateRow.id).limit(limit + 1))).all()


async def registered(unit: ReadUnit, sha256: bytes) -> bool:
    """Whether this workspace has the certificate."""
    query = select(CertificateRow.id).where(CertificateRow.workspace_id == unit.workspace_id)
    return await unit.session.scalar(query.where(CertificateRow.sha256 == sha256)) is not None


async def lock(unit: ReadUnit, id_: UUID) -> CertificateRow | None:
    """A certificate of this workspace, locked."""
    query = select(CertificateRow).where(CertificateRow.workspace_id == unit.workspace_id, CertificateRow.id == id_)
    return await unit.session.scalar(query.with_for_update())
