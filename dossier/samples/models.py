"""The table of samples: which documents were made by the code, so that exactly they can be removed."""

from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Uuid


class Sample(Base):
    """A document that samples have made, and the folder that was made for it."""

    __tablename__ = "samples"
    document_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    folder_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("folders.id"))
    __table_args__ = (Index(None, "workspace_id"), MYSQL_TABLE)
