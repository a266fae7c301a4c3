"""What the portal needs: resumable uploads, notices, renditions; a pair of functions per room."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

import dossier.core.clock
import dossier.core.ids

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    uploads()
    notices()
    renditions()


def downgrade() -> None:
    no_renditions()
    no_notices()
    no_uploads()


def uploads() -> None:
    """Resumable uploads."""
    op.create_table(
        "blob_holds",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_blob_holds_workspace_id")),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_blob_holds")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "uploads",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("sent", sa.Text(), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("comment", sa.String(length=2000), nullable=False),
        sa.Column("on_conflict", sa.String(length=8), nullable=False),
        sa.Column("if_match", sa.String(length=200), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("sha256", dossier.core.ids.Digest(), nullable=True),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("problem", sa.JSON(), nullable=True),
        sa.Column("made_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("made_number", sa.Integer(), nullable=True),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_uploads_member_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_uploads_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
        sa.UniqueConstraint("key", name=op.f("uq_uploads_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_uploads_member_id_state_id"), "uploads", ["member_id", "state", "id"], unique=False)
    op.create_index(op.f("ix_uploads_workspace_id_expires_at"), "uploads", ["workspace_id", "expires_at"], unique=False)


def no_uploads() -> None:
    op.drop_table("uploads")
    op.drop_table("blob_holds")


# As `search_fts` of the first schema, for tasks.
TASKS_FTS5 = (
    "CREATE VIRTUAL TABLE search_fts_tasks USING fts5(tokens, content='task_texts', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 0', detail=none, columnsize=0)",
    "CREATE TRIGGER task_texts_added AFTER INSERT ON task_texts BEGIN "
    "INSERT INTO search_fts_tasks(rowid, tokens) VALUES (new.id, new.tokens); END",
    "CREATE TRIGGER task_texts_gone AFTER DELETE ON task_texts BEGIN "
    "INSERT INTO search_fts_tasks(search_fts_tasks, rowid, tokens) VALUES ('delete', old.id, old.tokens); END",
)


def notices() -> None:
    """What people are told; the search of tasks; and the indexes that Home and the list of jobs walk along."""
    op.create_table(
        "notices",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("task_id", dossier.core.ids.Uuid(), nullable=True),
        sa.Column("at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("is_read", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_notices_document_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_notices_task_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_notices_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notices")),
        sa.UniqueConstraint("member_id", "seq", name=op.f("uq_notices_member_id_seq")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_notices_member_id_is_read_seq"), "notices", ["member_id", "is_read", "seq"])
    op.create_index(op.f("ix_notices_document_id"), "notices", ["document_id"])
    op.create_index(op.f("ix_notices_task_id"), "notices", ["task_id"])
    op.create_index(op.f("ix_notices_workspace_id_at"), "notices", ["workspace_id", "at"])
    # Nobody is told of what happened before there were notices.
    op.execute(
        "INSERT INTO consumer_cursors (consumer, workspace_id, seq) "
        "SELECT 'notices.people', workspace_id, seq FROM event_counters WHERE seq > 0 AND workspace_id NOT IN "
        "(SELECT workspace_id FROM consumer_cursors WHERE consumer = 'notices.people')"
    )
    task_texts()
    op.create_index(op.f("ix_document_locks_holder_id_expires_at"), "document_locks", ["holder_id", "expires_at"])
    op.create_index(op.f("ix_events_workspace_id_actor_id_seq"), "events", ["workspace_id", "actor_id", "seq"])
    op.create_index(op.f("ix_jobs_workspace_id_state_id"), "jobs", ["workspace_id", "state", "id"])
    op.drop_index(op.f("ix_jobs_workspace_id_id"), table_name="jobs")


def task_texts() -> None:
    op.create_table(
        "task_texts",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("task_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("tokens", sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql"), nullable=False),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"], name=op.f("fk_task_texts_task_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task_texts")),
        sa.UniqueConstraint("task_id", name=op.f("uq_task_texts_task_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    if op.get_bind().dialect.name == "sqlite":
        for statement in TASKS_FTS5:
            op.execute(statement)
    else:
        op.create_index("ft_task_texts_tokens", "task_texts", ["tokens"], mysql_prefix="FULLTEXT")


def no_notices() -> None:
    op.create_index(op.f("ix_jobs_workspace_id_id"), "jobs", ["workspace_id", "id"])
    op.drop_index(op.f("ix_jobs_workspace_id_state_id"), table_name="jobs")
    op.drop_index(op.f("ix_events_workspace_id_actor_id_seq"), table_name="events")
    op.drop_index(op.f("ix_document_locks_holder_id_expires_at"), table_name="document_locks")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE search_fts_tasks")
    op.drop_table("task_texts")
    op.drop_table("notices")
    op.execute("DELETE FROM consumer_cursors WHERE consumer IN ('notices.people', 'tasks.search')")


def renditions() -> None:
    """Previews made of versions."""
    op.create_table(
        "renditions",
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("source_sha256", dossier.core.ids.Digest(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("blob_sha256", dossier.core.ids.Digest(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=True),
        sa.Column("at", dossier.core.clock.UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("workspace_id", "source_sha256", "kind", name=op.f("pk_renditions")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_renditions_workspace_id")),
        sa.ForeignKeyConstraint(
            ["workspace_id", "blob_sha256"],
            ["blobs.workspace_id", "blobs.sha256"],
            name=op.f("fk_renditions_workspace_id_blob_sha256"),
            ondelete="CASCADE",
        ),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_renditions_workspace_id_blob_sha256"), "renditions", ["workspace_id", "blob_sha256"])
    op.create_table(
        "samples",
        sa.Column("document_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("folder_id", dossier.core.ids.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name=op.f("pk_samples")),
        sa.ForeignKeyConstraint(
            ["document_id"], ["documents.id"], name=op.f("fk_samples_document_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_samples_workspace_id")),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_samples_folder_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_samples_workspace_id"), "samples", ["workspace_id"])


def no_renditions() -> None:
    op.drop_table("samples")
    op.drop_table("renditions")
