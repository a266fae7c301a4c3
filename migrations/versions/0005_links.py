"""Links with clients' document management systems, and their items."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

import dossier.core.clock
import dossier.core.ids

revision = "0005"
down_revision = "0004"
MYSQL = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}


def upgrade() -> None:
    uuid, time = dossier.core.ids.Uuid, dossier.core.clock.UtcTime
    op.create_table(
        "dms_links",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("workspace_id", uuid(), nullable=False),
        sa.Column("folder_id", uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(length=16384).with_variant(mysql.VARBINARY(16384), "mysql"), nullable=True),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("trouble", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("released", sa.Boolean(), nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("promised", sa.Boolean(), nullable=False),
        sa.Column("job_id", uuid(), nullable=True),
        sa.Column("leased_by", uuid(), nullable=False),
        sa.Column("leased_until", time(), nullable=False),
        sa.Column("created_by", uuid(), nullable=True),
        sa.Column("created_at", time(), nullable=False),
        sa.Column("ran_at", time(), nullable=True),
        sa.Column("looked_at", time(), nullable=True),
        sa.Column("listed_at", time(), nullable=True),
        sa.Column("in_step_at", time(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["folder_id"], ["folders.id"], name=op.f("fk_dms_links_folder_id")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_dms_links_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dms_links")),
        **MYSQL,
    )
    for columns in (["workspace_id", "id"], ["folder_id"]):
        op.create_index(op.f(f"ix_dms_links_{'_'.join(columns)}"), "dms_links", columns, unique=False)
    op.create_table(
        "dms_link_items",
        sa.Column("id", uuid(), nullable=False),
        sa.Column("link_id", uuid(), nullable=False),
        sa.Column("workspace_id", uuid(), nullable=False),
        sa.Column("folder", sa.Boolean(), nullable=False),
        sa.Column("node_id", uuid(), nullable=True),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("remote_key", dossier.core.ids.Digest(), nullable=True),
        sa.Column("there", sa.Boolean(), nullable=False),
        sa.Column("their_parent", uuid(), nullable=True),
        sa.Column("their_name", sa.String(length=1024), nullable=False),
        sa.Column("their_tag", sa.String(length=512), nullable=False),
        sa.Column("their_etag", sa.String(length=512), nullable=False),
        sa.Column("their_size", sa.BigInteger(), nullable=True),
        sa.Column("lasting", sa.String(length=255), nullable=False),
        sa.Column("agreed", sa.Boolean(), nullable=False),
        sa.Column("base_parent", uuid(), nullable=True),
        sa.Column("base_name", sa.String(length=255), nullable=False),
        sa.Column("base_their_name", sa.String(length=1024), nullable=False),
        sa.Column("base_digest", dossier.core.ids.Digest(), nullable=True),
        sa.Column("base_number", sa.Integer(), nullable=False),
        sa.Column("base_tag", sa.String(length=512), nullable=False),
        sa.Column("conflict", sa.Boolean(), nullable=False),
        sa.Column("task_id", uuid(), nullable=True),
        sa.Column("dirty", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_at", time(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("reason", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.String(length=500), nullable=False),
        sa.Column("changed_at", time(), nullable=False),
        sa.ForeignKeyConstraint(
            ["link_id"], ["dms_links.id"], name=op.f("fk_dms_link_items_link_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dms_link_items")),
        sa.UniqueConstraint("link_id", "node_id", name=op.f("uq_dms_link_items_link_id_node_id")),
        sa.UniqueConstraint("link_id", "remote_key", name=op.f("uq_dms_link_items_link_id_remote_key")),
        **MYSQL,
    )
    indexes = [["dirty", "next_at"], ["their_parent"], ["base_parent"], ["state", "id"]]
    for columns in [*(["link_id", *rest] for rest in indexes), ["node_id"]]:
        op.create_index(op.f(f"ix_dms_link_items_{'_'.join(columns)}"), "dms_link_items", columns, unique=False)


def downgrade() -> None:
    op.drop_table("dms_link_items")
    op.drop_table("dms_links")
