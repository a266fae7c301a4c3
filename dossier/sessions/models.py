"""Sign-ins of people (across workspaces) and tokens of members (in one workspace). Secrets are kept as digests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid

SCOPES = ("read", "write", "admin")
TOKEN_PREFIX = "dsr_"  # noqa: S105  # no secret: what a scanner for leaked tokens looks for


class SessionRow(Base):
    """One sign-in. ``expires_at`` moves on with use."""

    __tablename__ = "sessions"
    id_hash: Mapped[bytes] = mapped_column(Digest, primary_key=True)
    user_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("users.id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    seen_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    user_agent: Mapped[str] = mapped_column(String(200))
    __table_args__ = (Index(None, "user_id"), Index(None, "expires_at"), MYSQL_TABLE)


class TokenRow(Base):
    """A personal access token. ``scopes`` holds some of ``SCOPES``, parted by spaces."""

    __tablename__ = "tokens"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"))
    name: Mapped[str] = mapped_column(String(200))
    secret_hash: Mapped[bytes] = mapped_column(Digest)
    scopes: Mapped[str] = mapped_column(String(50))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("secret_hash"),
        Index(None, "workspace_id", "member_id", "id"),
        Index(None, "expires_at"),
        MYSQL_TABLE,
    )


def scopes_text(scopes: frozenset[str]) -> str:
    """The scopes as they are stored, in one order."""
    return " ".join(scope for scope in SCOPES if scope in scopes)
