"""${message}"""

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from alembic import op

import dossier.core.clock
import dossier.core.ids

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
