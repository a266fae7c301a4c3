"""The CRC-32 of contents, which a zip wants to know before their first byte."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Last in the table and without a default: instant on MySQL and MariaDB. The release before writes rows without it.
    op.add_column("blobs", sa.Column("crc32", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("blobs", "crc32")
