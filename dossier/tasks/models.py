"""Tasks, their comments and their watchers."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, String, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Uuid

OPEN = frozenset({"open", "in_progress"})
CLOSED = frozenset({"done", "cancelled"})
NEVER = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
"""The ``due_key`` of a task without a due date: such tasks come last, and a keyset needs a value."""


class Task(Base):
    """A task on a document, pinned to the version that it was made on. Who sees the document sees the task.

    ``revision`` counts changes of the task itself; comments and watchers leave it alone.
    """

    __tablename__ = "tasks"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"))
    version_number: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(500))
    details: Mapped[str] = mapped_column(Text)
    status: Mapped[str] = mapped_column(String(12))
    priority: Mapped[str] = mapped_column(String(8))
    assignee_id: Mapped[UUID | None] = mapped_column(Uuid)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    due_key: Mapped[datetime] = mapped_column(UtcTime)
    target: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    revision: Mapped[int] = mapped_column(Integer)
    comment_count: Mapped[int] = mapped_column(Integer)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)
    completed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    completed_by: Mapped[UUID | None] = mapped_column(Uuid)
    __table_args__ = (
        Index("ix_tasks_document", "document_id", "status", "due_key", "id"),
        Index("ix_tasks_assignee", "workspace_id", "assignee_id", "status", "due_key", "id"),
        Index("ix_tasks_workspace", "workspace_id", "status", "due_key", "id"),
        MYSQL_TABLE,
    )

    @property
    def is_open(self) -> bool:
        """Whether it still waits to be done."""
        return self.status in OPEN

    def set_status(self, status: str, by: UUID | None, at: datetime) -> None:
        """Move to any status; closing says who and when, reopening forgets it."""
        self.status = status
        self.completed_at, self.completed_by = (at, by) if status in CLOSED else (None, None)

    def set_due(self, due_at: datetime | None) -> None:
        """Set or clear the due date."""
        self.due_at, self.due_key = due_at, due_at or NEVER


class Comment(Base):
    """What somebody said on a task. Never edited."""

    __tablename__ = "task_comments"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    task_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    author_id: Mapped[UUID | None] = mapped_column(Uuid)
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "task_id", "id"), MYSQL_TABLE)


class TaskText(Base):
    """One task's tokens for search; newest first is by ``id``, which a change renews.

    On SQLite an FTS5 table ``search_fts_tasks`` follows by triggers; on MySQL ``tokens`` has a FULLTEXT index. Both are made
    by the migration, as for documents.
    """

    __tablename__ = "task_texts"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    task_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"), unique=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    tokens: Mapped[str] = mapped_column(Text().with_variant(MEDIUMTEXT(), "mysql"))


class Watcher(Base):
    """A member who wants to hear of a task."""

    __tablename__ = "task_watchers"
    task_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("tasks.id", ondelete="CASCADE"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    __table_args__ = (Index(None, "member_id", "task_id"), MYSQL_TABLE)
