"""Links with clients' systems, and the items that each knows: both sides as last seen, and what they agreed on.

And people's sign-ins to such a system, until a link is made of one.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.dialects.mysql import VARBINARY
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid


class LinkRow(Base):
    """A folder joined with a place in the client's system.

    ``state``: active, paused (by a person), braked (a run would have deleted or replaced too much), broken (the credentials
    or the place are not what they were). ``sealed`` holds the credentials, encrypted.
    """

    __tablename__ = "dms_links"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    folder_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("folders.id"))
    name: Mapped[str] = mapped_column(String(200))
    kind: Mapped[str] = mapped_column(String(16))
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary(16_384).with_variant(VARBINARY(16_384), "mysql"))
    direction: Mapped[str] = mapped_column(String(8))
    limits: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(8))
    #: The code of what is wrong, and a sentence for people; empty when all is well.
    trouble: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(String(500))
    released: Mapped[bool] = mapped_column(default=False)
    cursor: Mapped[str | None] = mapped_column(Text)
    #: Whether a run is promised, and by which job.
    promised: Mapped[bool] = mapped_column(default=False)
    job_id: Mapped[UUID | None] = mapped_column(Uuid)
    leased_by: Mapped[UUID] = mapped_column(Uuid)
    leased_until: Mapped[datetime] = mapped_column(UtcTime)
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    ran_at: Mapped[datetime | None] = mapped_column(UtcTime)
    #: When the other side was last looked at, and when everything there was last listed.
    looked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    listed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    #: When a run last came to its end with nothing left to do but what is held.
    in_step_at: Mapped[datetime | None] = mapped_column(UtcTime)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    #: When somebody asked for a look that no run has begun since.
    asked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    #: What has the other side tell us of changes, until when, and when the next thing is to be done about that.
    subscription_id: Mapped[str | None] = mapped_column(String(100))
    hints_until: Mapped[datetime | None] = mapped_column(UtcTime)
    hints_next_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (Index(None, "workspace_id", "id"), Index(None, "folder_id"), MYSQL_TABLE)


class LinkItemRow(Base):
    """One document or folder of a link. ``node_id`` is it here, ``remote_id`` there; ``revision`` counts every change.

    ``there`` says whether the other side has it; the ``their_…`` are how it was last seen. The ``base_…`` are what both
    agreed on last, if they ever did (``agreed``); parents are items of the same link, None for the link's own folder.
    """

    __tablename__ = "dms_link_items"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    link_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("dms_links.id", ondelete="CASCADE"))
    workspace_id: Mapped[UUID] = mapped_column(Uuid)
    folder: Mapped[bool]
    node_id: Mapped[UUID | None] = mapped_column(Uuid)
    remote_id: Mapped[str | None] = mapped_column(Text)
    #: SHA-256 of ``remote_id``, for the index.
    remote_key: Mapped[bytes | None] = mapped_column(Digest)
    there: Mapped[bool] = mapped_column(default=False)
    their_parent: Mapped[UUID | None] = mapped_column(Uuid)
    their_name: Mapped[str] = mapped_column(String(1024), default="")
    their_tag: Mapped[str] = mapped_column(String(512), default="")
    their_etag: Mapped[str] = mapped_column(String(512), default="")
    their_size: Mapped[int | None] = mapped_column(BigInteger)
    lasting: Mapped[str] = mapped_column(String(255), default="")
    agreed: Mapped[bool] = mapped_column(default=False)
    base_parent: Mapped[UUID | None] = mapped_column(Uuid)
    base_name: Mapped[str] = mapped_column(String(255), default="")
    base_their_name: Mapped[str] = mapped_column(String(1024), default="")
    base_digest: Mapped[bytes | None] = mapped_column(Digest)
    base_number: Mapped[int] = mapped_column(Integer, default=0)
    base_tag: Mapped[str] = mapped_column(String(512), default="")
    conflict: Mapped[bool] = mapped_column(default=False)
    task_id: Mapped[UUID | None] = mapped_column(Uuid)
    dirty: Mapped[bool] = mapped_column(default=True)
    revision: Mapped[int] = mapped_column(Integer, default=0)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    next_at: Mapped[datetime] = mapped_column(UtcTime)
    #: new, synced, held, waiting, failed; ``reason`` is a code, ``detail`` a sentence.
    state: Mapped[str] = mapped_column(String(8), default="new")
    reason: Mapped[str] = mapped_column(String(64), default="")
    detail: Mapped[str] = mapped_column(String(500), default="")
    changed_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("link_id", "remote_key"),
        UniqueConstraint("link_id", "node_id"),
        Index(None, "link_id", "dirty", "next_at"),
        Index(None, "link_id", "their_parent"),
        Index(None, "link_id", "base_parent"),
        Index(None, "link_id", "state", "id"),
        Index(None, "node_id"),
        MYSQL_TABLE,
    )


class SignInRow(Base):
    """One sign-in of a member to the app that ``config`` names.

    ``sealed`` holds, encrypted, the app's secret if it has one, and first the verifier of PKCE, then the refresh token.
    ``state_hash`` is there until the browser came back, which it may do once.
    """

    __tablename__ = "dms_sign_ins"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"))
    config: Mapped[dict[str, Any]] = mapped_column(JSON)
    sealed: Mapped[bytes] = mapped_column(LargeBinary(16_384).with_variant(VARBINARY(16_384), "mysql"))
    state_hash: Mapped[bytes | None] = mapped_column(Digest)
    signed_in: Mapped[bool] = mapped_column(default=False)
    #: Who signed in there, for people to read.
    account: Mapped[str] = mapped_column(String(320), default="")
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("state_hash"),
        Index(None, "workspace_id", "expires_at"),
        Index(None, "member_id"),
        MYSQL_TABLE,
    )
