"""Uploads whose length is told later, and uploads that are parts of others."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    # With a default, for the release before goes on writing rows meanwhile.
    op.add_column("uploads", sa.Column("deferred", sa.Boolean(), nullable=False, server_default=sa.text("0")))
    op.add_column("uploads", sa.Column("concat", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "concat")
    op.drop_column("uploads", "deferred")
