"""Which uploads of a workspace wait for their digest."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    columns = ["workspace_id", "state", "id"]
    op.create_index(op.f("ix_uploads_workspace_id_state_id"), "uploads", columns, unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_uploads_workspace_id_state_id"), table_name="uploads")
