"""Links that Microsoft Graph tells of changes, and people's sign-ins there before a link is made."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

import dossier.core.clock
import dossier.core.ids

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    uuid, time = dossier.core.ids.Uuid, dossier.core.clock.UtcTime
    op.add_column("dms_links", sa.Column("asked_at", time(), nullable=True))
    op.add_column("dms_links", sa.Column("subscription_id", sa.String(length=100), nullable=True))
    op.add_column("dms_links", sa.Column("hints_until", time(), nullable=True))
    op.add_column("dms_links", sa.Column("hints_next_at", time(), nullable=True))
    op.create_table(
        "dms_sign_ins",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("workspace_id", uuid(), nullable=False),
        sa.Column("member_id", uuid(), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(length=16384).with_variant(mysql.VARBINARY(16384), "mysql"), nullable=False),
        sa.Column("state_hash", dossier.core.ids.Digest(), nullable=True),
        sa.Column("signed_in", sa.Boolean(), nullable=False),
        sa.Column("account", sa.String(length=320), nullable=False),
        sa.Column("created_at", time(), nullable=False),
        sa.Column("expires_at", time(), nullable=False),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_dms_sign_ins_member_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_dms_sign_ins_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dms_sign_ins")),
        sa.UniqueConstraint("state_hash", name=op.f("uq_dms_sign_ins_state_hash")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    for columns in (["workspace_id", "expires_at"], ["member_id"]):
        op.create_index(op.f(f"ix_dms_sign_ins_{'_'.join(columns)}"), "dms_sign_ins", columns, unique=False)


def downgrade() -> None:
    op.drop_table("dms_sign_ins")
    for name in ("hints_next_at", "hints_until", "subscription_id", "asked_at"):
        op.drop_column("dms_links", name)
