"""What the portal needs: resumable uploads, notices, renditions; a pair of functions per room."""

import sqlalchemy as sa
from alembic import op

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


def notices() -> None:
    """What people are told."""


def no_notices() -> None: ...


def renditions() -> None:
    """Previews made of versions."""


def no_renditions() -> None: ...
