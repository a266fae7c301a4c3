"""The search index: a row per document, and the text of every content that was read.

On SQLite an FTS5 table ``search_fts`` follows ``search_documents`` by triggers; on MySQL its column ``tokens`` has a
FULLTEXT index. Both are made by the migration.
"""

from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, ForeignKeyConstraint, Integer, Text
from sqlalchemy.dialects.mysql import LONGTEXT, MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid


class IndexRow(Base):
    """One document's tokens. A document that is indexed anew gets a new, higher ``id``: newest first is by ``id``."""

    __tablename__ = "search_documents"
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"), unique=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    tokens: Mapped[str] = mapped_column(Text().with_variant(LONGTEXT(), "mysql"))


class ContentText(Base):
    """The text of one content, read once however many versions have it; it goes with the blob."""

    __tablename__ = "content_texts"
    workspace_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    sha256: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    __table_args__ = (
        ForeignKeyConstraint(["workspace_id", "sha256"], ["blobs.workspace_id", "blobs.sha256"], ondelete="CASCADE"),
        MYSQL_TABLE,
    )
    text: Mapped[str] = mapped_column(Text().with_variant(MEDIUMTEXT(), "mysql"))
