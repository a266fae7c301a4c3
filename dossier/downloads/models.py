"""The table of tickets: what somebody may download once, within a minute."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid


class Ticket(Base):
    """A secret address that works once, for a member. ``name`` is the archive's; the ids are as text."""

    __tablename__ = "download_tickets"
    secret_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"))
    name: Mapped[str] = mapped_column(String(255))
    document_ids: Mapped[list[str]] = mapped_column(JSON)
    folder_ids: Mapped[list[str]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "expires_at"), MYSQL_TABLE)
