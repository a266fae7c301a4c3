"""The tables of blobs: which bytes a workspace has, the opaque key that they lie under, and what is still to come."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import Base
from dossier.core.ids import Digest, Uuid


class Blob(Base):
    """Immutable bytes of a workspace, identified by their SHA-256. A row exists only for bytes that are durable.

    ``crc32`` is unsigned; those of before 0009, and those that went past this program, have none until a zip has read them.
    """

    __tablename__ = "blobs"
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"), primary_key=True)
    sha256: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    key: Mapped[str] = mapped_column(String(80), unique=True)
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    crc32: Mapped[int | None] = mapped_column(BigInteger)


class BlobHold(Base):
    """A key under which bytes are still coming, or wait for a row of their own: sweepers leave it alone."""

    __tablename__ = "blob_holds"
    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
