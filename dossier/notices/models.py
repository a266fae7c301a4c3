"""Notices: one row per member who is told of an event."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Uuid


class Notice(Base):
    """Word of the event ``seq`` for one member. What happened stands in the event; this says whom it concerns, and why."""

    __tablename__ = "notices"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid)
    seq: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(16))
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"))
    task_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"))
    at: Mapped[datetime] = mapped_column(UtcTime)
    is_read: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (
        UniqueConstraint("member_id", "seq"),
        Index(None, "member_id", "is_read", "seq"),
        Index(None, "document_id"),
        Index(None, "task_id"),
        Index(None, "workspace_id", "at"),
        MYSQL_TABLE,
    )
