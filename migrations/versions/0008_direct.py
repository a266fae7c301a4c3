"""Uploads whose bytes go straight to the store, and what their senders promise of them."""

import sqlalchemy as sa
from alembic import op

from dossier.core.ids import Digest

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    # With a default, for the release before goes on writing rows meanwhile.
    op.add_column("uploads", sa.Column("direct", sa.Boolean(), nullable=False, server_default=sa.text("0")))
    op.add_column("uploads", sa.Column("promised", Digest(), nullable=True))


def downgrade() -> None:
    op.drop_column("uploads", "promised")
    op.drop_column("uploads", "direct")
