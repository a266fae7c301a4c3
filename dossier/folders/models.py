"""Folders, scopes, grants and the one table of living names."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import NameKey, Uuid


class Scope(Base):
    """Who may do what in the folders that carry it. ``folder_id`` is the folder that brought it; the root's is implied."""

    __tablename__ = "scopes"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    folder_id: Mapped[UUID] = mapped_column(Uuid)
    is_root: Mapped[bool] = mapped_column(default=False)
    __table_args__ = (Index(None, "workspace_id", "is_root"), MYSQL_TABLE)


class Grant(Base):
    """A role in a scope for a member or a group."""

    __tablename__ = "grants"
    scope_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("scopes.id"), primary_key=True)
    principal_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    principal: Mapped[str] = mapped_column(String(8))
    role: Mapped[str] = mapped_column(String(8))
    __table_args__ = (Index(None, "principal_id"), MYSQL_TABLE)


class Folder(Base):
    """A folder. The workspace's root has no parent. ``trashed_at`` marks a tombstone."""

    __tablename__ = "folders"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    parent_id: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("folders.id"))
    scope_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("scopes.id"))
    name: Mapped[str] = mapped_column(String(255))
    name_key: Mapped[bytes] = mapped_column(NameKey)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    trashed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        Index(None, "workspace_id", "name_key", "id"),
        Index(None, "parent_id", "name_key", "id"),
        Index(None, "scope_id", "id"),
        MYSQL_TABLE,
    )


class Name(Base):
    """A living folder's or document's name in its parent: one index for both kinds."""

    __tablename__ = "names"
    folder_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("folders.id"), primary_key=True)
    name_key: Mapped[bytes] = mapped_column(NameKey, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    node_id: Mapped[UUID] = mapped_column(Uuid)
    __table_args__ = (Index(None, "node_id"), MYSQL_TABLE)
