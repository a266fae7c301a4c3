"""The table of renditions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid

PDF, THUMBNAIL = "pdf", "thumb"
MAKING, READY, FAILED = "making", "ready", "failed"


class Rendition(Base):
    """What was or will be made of one content. ``reason`` says to people why there is none; ``at`` is the last change.

    There is no key to the source's blob: a purge must not take the row away before its blob is let go too.
    """

    __tablename__ = "renditions"
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"), primary_key=True)
    source_sha256: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8), primary_key=True)
    state: Mapped[str] = mapped_column(String(8))
    blob_sha256: Mapped[bytes | None] = mapped_column(Digest)
    reason: Mapped[str | None] = mapped_column(String(500))
    at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (
        # The same bytes can be a document's too: where its purge takes them, the rendition is made again.
        ForeignKeyConstraint(
            ["workspace_id", "blob_sha256"], ["blobs.workspace_id", "blobs.sha256"], ondelete="CASCADE"
        ),
        Index(None, "workspace_id", "blob_sha256"),
        MYSQL_TABLE,
    )
