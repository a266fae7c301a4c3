"""Client certificates by their digest. Whoever is registered for one is a member; what is revoked is gone."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid

SCOPES = ("read", "write", "admin")
LONGEST_SUBJECT = 500


class CertificateRow(Base):
    """A client certificate. ``sha256`` is that of its DER form; ``scopes`` holds some of ``SCOPES``, parted by spaces.

    Unique in its workspace alone: two workspaces may know the same program, and neither learns of the other.
    """

    __tablename__ = "certificates"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"))
    sha256: Mapped[bytes] = mapped_column(Digest)
    subject: Mapped[str] = mapped_column(String(LONGEST_SUBJECT))
    scopes: Mapped[str] = mapped_column(String(50))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("sha256", "workspace_id"),
        Index(None, "workspace_id", "id"),
        Index(None, "member_id"),
        Index(None, "expires_at"),
        MYSQL_TABLE,
    )
