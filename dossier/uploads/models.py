"""The table of uploads: what somebody is sending, how far it has come, and what it is to become."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Boolean, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid

PARTIAL = "partial"
State = Literal["receiving", "hashing", "refused", "done"]


class Upload(Base):
    """One file on its way. ``received`` counts bytes that are durable under ``key``, and reaches ``size`` only with the
    document: the last byte is taken together with what is made of it. ``sha256`` is known once all bytes are there.

    While its length is ``deferred``, ``size`` is the most that it can have. ``concat`` is Upload-Concat as it came: a part
    of another upload becomes nothing by itself, and has ``received`` all once it is whole; another one is made of parts.

    The bytes of a ``direct`` one go straight to the store, which alone knows how many are there. While it is ``hashing``,
    all bytes are there and a job reads them for their digest. ``promised`` is the SHA-256 that the sender told.

    Any other becomes a version of ``document_id``, or a document below ``folder_id`` in the folders of ``path``. No foreign
    keys lead there: what is gone by the end refuses it.
    """

    __tablename__ = "uploads"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"))
    key: Mapped[str] = mapped_column(String(80), unique=True)
    sent: Mapped[str] = mapped_column(Text)  # Upload-Metadata as it came, for HEAD
    name: Mapped[str] = mapped_column(String(255))
    folder_id: Mapped[UUID | None] = mapped_column(Uuid)
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
    path: Mapped[str] = mapped_column(Text)
    comment: Mapped[str] = mapped_column(String(2000))
    on_conflict: Mapped[str] = mapped_column(String(8))
    if_match: Mapped[str | None] = mapped_column(String(200))
    size: Mapped[int] = mapped_column(BigInteger)
    deferred: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("0"))
    concat: Mapped[str | None] = mapped_column(Text)
    direct: Mapped[bool] = mapped_column(Boolean, default=False, server_default=text("0"))
    promised: Mapped[bytes | None] = mapped_column(Digest)
    received: Mapped[int] = mapped_column(BigInteger, default=0)
    sha256: Mapped[bytes | None] = mapped_column(Digest)
    state: Mapped[str] = mapped_column(String(9), default="receiving")
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    made_id: Mapped[UUID | None] = mapped_column(Uuid)
    made_number: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (
        Index(None, "member_id", "state", "id"),
        Index(None, "workspace_id", "expires_at"),
        Index(None, "workspace_id", "state", "id"),
        MYSQL_TABLE,
    )

    @property
    def most(self) -> int:
        """How far ``received`` can come before the end."""
        return self.size if self.is_part or self.deferred else max(self.size - 1, 0)

    @property
    def is_part(self) -> bool:
        """Whether it is only there to be put together with others."""
        return self.concat == PARTIAL

    @property
    def is_final(self) -> bool:
        """Whether it is put together of parts; its own bytes come from nobody else."""
        return self.concat is not None and not self.is_part

    @property
    def is_whole(self) -> bool:
        """Whether a part has all its bytes."""
        return self.is_part and not self.deferred and self.received == self.size
