"""Webhooks: endpoints, what is to be sent to each, and what became of every try."""

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.dialects.mysql import MEDIUMBLOB, VARBINARY
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Uuid
from dossier.core.outward import LONGEST_URL

LONGEST_DESCRIPTION = 500
# States of a delivery. One that is queued has another before it that is about the same document.
QUEUED, WAITING, DELIVERED, FAILED = "queued", "waiting", "delivered", "failed"
OPEN = (QUEUED, WAITING)
TEST = "webhook.test"
BOX = LargeBinary(255).with_variant(VARBINARY(255), "mysql")


class Webhook(Base):
    """An endpoint. ``secret`` and ``previous_secret`` are boxes of the vault; the previous one signs too until its end.

    ``since`` is the last event that is not sent to it, because it was not there yet; ``numbered`` the last number given to a
    delivery. ``wake_at`` is when the next job was promised for. ``failing_since`` is the first failure after the last
    success; ``given_up`` counts deliveries that failed in a row, ``silent`` the rounds in a row that nobody answered, after
    which it rests until ``rest_until``.
    """

    __tablename__ = "webhooks"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    url: Mapped[str] = mapped_column(String(LONGEST_URL))
    description: Mapped[str] = mapped_column(String(LONGEST_DESCRIPTION))
    types: Mapped[list[str]] = mapped_column(JSON)
    active: Mapped[bool]
    secret: Mapped[bytes] = mapped_column(BOX)
    previous_secret: Mapped[bytes | None] = mapped_column(BOX)
    previous_until: Mapped[datetime | None] = mapped_column(UtcTime)
    revision: Mapped[int] = mapped_column(Integer, default=1)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[UUID | None] = mapped_column(Uuid, ForeignKey("members.id"))
    disabled_at: Mapped[datetime | None] = mapped_column(UtcTime)
    disabled_reason: Mapped[str | None] = mapped_column(String(16))
    since: Mapped[int] = mapped_column(BigInteger)
    numbered: Mapped[int] = mapped_column(BigInteger, default=0)
    wake_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failing_since: Mapped[datetime | None] = mapped_column(UtcTime)
    given_up: Mapped[int] = mapped_column(Integer, default=0)
    silent: Mapped[int] = mapped_column(Integer, default=0)
    rest_until: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "created_by"), MYSQL_TABLE)

    @property
    def host(self) -> str:
        """What may be told of the address: its path may hold a secret of the receiver."""
        return urlsplit(self.url).hostname or ""


class Delivery(Base):
    """One message for one endpoint. ``message_id`` is its webhook-id, the event's own id, whatever how often it is sent.

    ``number`` rises in the order in which the endpoint gets them; ``seq`` is the event's, none for a test. ``body`` is what
    is sent, byte for byte. While a try is under way ``next_at`` is when it counts as lost.
    """

    __tablename__ = "webhook_deliveries"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    webhook_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("webhooks.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(BigInteger)
    message_id: Mapped[UUID] = mapped_column(Uuid)
    seq: Mapped[int | None] = mapped_column(BigInteger)
    type: Mapped[str] = mapped_column(String(64))
    document_id: Mapped[UUID | None] = mapped_column(Uuid)
    body: Mapped[bytes] = mapped_column(LargeBinary().with_variant(MEDIUMBLOB(), "mysql"))
    state: Mapped[str] = mapped_column(String(9))
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("webhook_id", "number"),
        Index(None, "webhook_id", "state", "number"),
        Index(None, "webhook_id", "state", "next_at"),
        Index(None, "webhook_id", "document_id", "state", "number"),
        Index(None, "workspace_id", "created_at"),
        Index(None, "state", "created_at"),
        MYSQL_TABLE,
    )


class Attempt(Base):
    """One try of a delivery: what was sent in the head, and what came back. ``status`` None: no answer, see ``error``."""

    __tablename__ = "webhook_attempts"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    delivery_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("webhook_deliveries.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(Integer)
    at: Mapped[datetime] = mapped_column(UtcTime)
    ms: Mapped[int] = mapped_column(Integer)
    status: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(String(200))
    request_headers: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer_headers: Mapped[dict[str, Any]] = mapped_column(JSON)
    answer: Mapped[bytes] = mapped_column(LargeBinary)
    __table_args__ = (Index(None, "delivery_id", "number"), Index(None, "workspace_id"), MYSQL_TABLE)
