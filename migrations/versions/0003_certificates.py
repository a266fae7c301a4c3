"""Client certificates of partners' programs."""

import sqlalchemy as sa
from alembic import op

import dossier.core.clock
import dossier.core.ids

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "certificates",
        sa.Column("id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("workspace_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("member_id", dossier.core.ids.Uuid(), nullable=False),
        sa.Column("sha256", dossier.core.ids.Digest(), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("scopes", sa.String(length=50), nullable=False),
        sa.Column("created_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("expires_at", dossier.core.clock.UtcTime(), nullable=False),
        sa.Column("last_used_at", dossier.core.clock.UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["member_id"], ["members.id"], name=op.f("fk_certificates_member_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_certificates_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_certificates")),
        sa.UniqueConstraint("sha256", "workspace_id", name=op.f("uq_certificates_sha256_workspace_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    for columns in (["workspace_id", "id"], ["member_id"], ["expires_at"]):
        op.create_index(op.f(f"ix_certificates_{'_'.join(columns)}"), "certificates", columns, unique=False)


def downgrade() -> None:
    op.drop_table("certificates")
