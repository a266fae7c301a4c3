"""Documents, their versions, tags and locks."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, NameKey, Uuid


class Document(Base):
    """A document. Its folder's scope is the truth about who may see it; ``scope_id`` repeats it for lists across folders.

    ``media_type`` and ``author_id`` repeat the head version's for filters. ``revision`` counts changes of name, folder,
    tags, description and head; not of ``open_tasks``, which only ``adjust_open_tasks`` changes.
    """

    __tablename__ = "documents"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    folder_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("folders.id"))
    scope_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("scopes.id"))
    name: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[bytes] = mapped_column(NameKey)
    description: Mapped[str] = mapped_column(Text)
    revision: Mapped[int] = mapped_column(Integer)
    head_number: Mapped[int] = mapped_column(Integer)
    media_type: Mapped[str] = mapped_column(String(127))
    author_id: Mapped[UUID | None] = mapped_column(Uuid)
    open_tasks: Mapped[int] = mapped_column(Integer, default=0)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    trashed: Mapped[bool] = mapped_column(default=False)
    trashed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    trashed_by: Mapped[UUID | None] = mapped_column(Uuid)
    __table_args__ = (
        Index("ix_documents_folder_name", "folder_id", "trashed", "name_key", "id"),
        Index("ix_documents_folder_updated", "folder_id", "trashed", "updated_at", "id"),
        Index("ix_documents_scope_name", "scope_id", "trashed", "name_key", "id"),
        Index("ix_documents_scope_updated", "scope_id", "trashed", "updated_at", "id"),
        Index("ix_documents_trash", "workspace_id", "trashed", "trashed_at"),
        MYSQL_TABLE,
    )


class Version(Base):
    """One immutable content of a document. Never edited, never thinned."""

    __tablename__ = "versions"
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    sha256: Mapped[bytes] = mapped_column(Digest)
    size: Mapped[int] = mapped_column(BigInteger)
    media_type: Mapped[str] = mapped_column(String(127))
    file_name: Mapped[str] = mapped_column(String(255))
    comment: Mapped[str] = mapped_column(String(2000))
    author_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    restored_from: Mapped[int | None] = mapped_column(Integer)
    branched_from: Mapped[int | None] = mapped_column(Integer)
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "sha256"], ["blobs.workspace_id", "blobs.sha256"]),
        Index(None, "workspace_id", "sha256"),
        MYSQL_TABLE,
    )


class Tag(Base):
    """A tag on a document; compared by ``tag_key`` (folded), shown as typed."""

    __tablename__ = "document_tags"
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    tag_key: Mapped[bytes] = mapped_column(NameKey, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    tag: Mapped[str] = mapped_column(String(100))
    __table_args__ = (Index(None, "workspace_id", "tag_key", "document_id"), MYSQL_TABLE)


class Lock(Base):
    """A lock is a lease: it ends by itself."""

    __tablename__ = "document_locks"
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    holder_id: Mapped[UUID] = mapped_column(Uuid)
    acquired_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "holder_id", "expires_at"), MYSQL_TABLE)
