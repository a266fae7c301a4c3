"""Outgoing webhooks: endpoints, deliveries, tries."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from dossier.core.clock import UtcTime
from dossier.core.ids import Uuid

revision = "0004"
down_revision = "0003"
MYSQL: dict[str, Any] = {"mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin", "mysql_engine": "InnoDB"}
BOX = sa.LargeBinary(length=255).with_variant(mysql.VARBINARY(255), "mysql")
INDEXES = {
    "webhooks": [["workspace_id", "id"], ["created_by"]],
    "webhook_deliveries": [
        ["webhook_id", "state", "number"],
        ["webhook_id", "state", "next_at"],
        ["webhook_id", "document_id", "state", "number"],
        ["workspace_id", "created_at"],
        ["state", "created_at"],
    ],
    "webhook_attempts": [["delivery_id", "number"], ["workspace_id"]],
}


def upgrade() -> None:
    endpoints()
    deliveries()
    attempts()
    for table, indexes in INDEXES.items():
        for columns in indexes:
            op.create_index(op.f(f"ix_{table}_{'_'.join(columns)}"), table, columns, unique=False)
    # What happened before there were endpoints is sent to none: the consumer begins at the present end of the log.
    op.execute(
        "INSERT INTO consumer_cursors (consumer, workspace_id, seq) "
        "SELECT 'webhooks.deliveries', workspace_id, seq FROM event_counters WHERE seq > 0 AND workspace_id NOT IN "
        "(SELECT workspace_id FROM consumer_cursors WHERE consumer = 'webhooks.deliveries')"
    )


def endpoints() -> None:
    op.create_table(
        "webhooks",
        sa.Column("id", Uuid(), nullable=False),
        sa.Column("workspace_id", Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2048), nullable=False),
        sa.Column("description", sa.String(length=500), nullable=False),
        sa.Column("types", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("secret", BOX, nullable=False),
        sa.Column("previous_secret", BOX, nullable=True),
        sa.Column("previous_until", UtcTime(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("created_by", Uuid(), nullable=True),
        sa.Column("disabled_at", UtcTime(), nullable=True),
        sa.Column("disabled_reason", sa.String(length=16), nullable=True),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("numbered", sa.BigInteger(), nullable=False),
        sa.Column("wake_at", UtcTime(), nullable=True),
        sa.Column("failing_since", UtcTime(), nullable=True),
        sa.Column("given_up", sa.Integer(), nullable=False),
        sa.Column("silent", sa.Integer(), nullable=False),
        sa.Column("rest_until", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(["created_by"], ["members.id"], name=op.f("fk_webhooks_created_by")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_webhooks_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        **MYSQL,
    )


def deliveries() -> None:
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", Uuid(), nullable=False),
        sa.Column("workspace_id", Uuid(), nullable=False),
        sa.Column("webhook_id", Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("message_id", Uuid(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("document_id", Uuid(), nullable=True),
        sa.Column("body", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql"), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["webhook_id"], ["webhooks.id"], name=op.f("fk_webhook_deliveries_webhook_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_deliveries_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_deliveries")),
        sa.UniqueConstraint("webhook_id", "number", name=op.f("uq_webhook_deliveries_webhook_id_number")),
        **MYSQL,
    )


def attempts() -> None:
    op.create_table(
        "webhook_attempts",
        sa.Column("id", Uuid(), nullable=False),
        sa.Column("workspace_id", Uuid(), nullable=False),
        sa.Column("delivery_id", Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.Column("request_headers", sa.JSON(), nullable=False),
        sa.Column("answer_headers", sa.JSON(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"],
            ["webhook_deliveries.id"],
            name=op.f("fk_webhook_attempts_delivery_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"], name=op.f("fk_webhook_attempts_workspace_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_attempts")),
        **MYSQL,
    )


def downgrade() -> None:
    op.execute("DELETE FROM consumer_cursors WHERE consumer = 'webhooks.deliveries'")
    op.drop_table("webhook_attempts")
    op.drop_table("webhook_deliveries")
    op.drop_table("webhooks")
