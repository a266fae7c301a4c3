"""Workspaces, people, their memberships, groups, invitations and one-time links."""

import re
import unicodedata
from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from dossier.core.clock import UtcTime
from dossier.core.db import MYSQL_TABLE, Base
from dossier.core.ids import Digest, Uuid

LONGEST_EMAIL = 254
LONGEST_NAME = 200
# A program has no mailbox. No mail can reach this domain (RFC 2606), and no person can have an address in it.
SERVICES = "@service.invalid"
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# Not the whole of RFC 5322: one address, nothing that could end a header or name a second recipient.
EMAIL = r"^[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f-\x9f]{1,64}@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f-\x9f]+$"


class Workspace(Base):
    """One client. Nothing crosses it."""

    __tablename__ = "workspaces"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    slug: Mapped[str] = mapped_column(String(63))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (UniqueConstraint("slug"), MYSQL_TABLE)


class User(Base):
    """A person, in as many workspaces as they are a member of. ``email_key`` is the e-mail for comparison."""

    __tablename__ = "users"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    email: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    email_key: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    password_hash: Mapped[str | None] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    deactivated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (UniqueConstraint("email_key"), MYSQL_TABLE)

    @property
    def is_service(self) -> bool:
        """Whether this is a program, which has no password and signs in by certificate."""
        return is_service(self.email_key)


class Member(Base):
    """A person in a workspace, with the role there."""

    __tablename__ = "members"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    user_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("users.id"))
    role: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    deactivated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("workspace_id", "user_id"),
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "role"),
        Index(None, "user_id"),
        MYSQL_TABLE,
    )


class Group(Base):
    """Some members under one name, to give access to."""

    __tablename__ = "groups"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    name: Mapped[str] = mapped_column(String(LONGEST_NAME))
    name_key: Mapped[str] = mapped_column(String(LONGEST_NAME * 3))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    __table_args__ = (UniqueConstraint("workspace_id", "name_key"), MYSQL_TABLE)


class GroupMember(Base):
    """A member in a group."""

    __tablename__ = "group_members"
    group_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("groups.id"), primary_key=True)
    member_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("members.id"), primary_key=True)
    __table_args__ = (Index(None, "member_id"), MYSQL_TABLE)


class Invitation(Base):
    """The offer of a role to an e-mail; open until accepted, revoked or expired."""

    __tablename__ = "invitations"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    workspace_id: Mapped[UUID] = mapped_column(Uuid, ForeignKey("workspaces.id"))
    email: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    email_key: Mapped[str] = mapped_column(String(LONGEST_EMAIL))
    role: Mapped[str] = mapped_column(String(8))
    created_by: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    accepted_at: Mapped[datetime | None] = mapped_column(UtcTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        Index(None, "workspace_id", "id"),
        Index(None, "workspace_id", "email_key"),
        Index(None, "expires_at"),
        MYSQL_TABLE,
    )


class Link(Base):
    """A secret address that works once; ``subject_id`` is the invitation, or the user who gets a new password."""

    __tablename__ = "links"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    secret_hash: Mapped[bytes] = mapped_column(Digest)
    subject_id: Mapped[UUID | None] = mapped_column(Uuid)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    used_at: Mapped[datetime | None] = mapped_column(UtcTime)
    __table_args__ = (
        UniqueConstraint("secret_hash"),
        Index(None, "kind", "subject_id"),
        Index(None, "expires_at"),
        MYSQL_TABLE,
    )


def fold(text: str) -> str:
    """A text for comparison without case: ``NFC(casefold(NFC(text)))``."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def is_service(email: str) -> bool:
    """Whether an e-mail stands for a program."""
    return fold(email).endswith(SERVICES)


def email_fault(email: str, *, service: bool = False) -> str | None:
    """What is wrong with an e-mail address, or None; one that stands for a program is right with ``service`` alone."""
    if is_service(email) and not service:
        return "This domain is kept for programs."
    if not re.fullmatch(EMAIL, email) or len(email) > LONGEST_EMAIL or len(fold(email)) > LONGEST_EMAIL:
        return "Not an e-mail address."
    return None


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a person, group or workspace, or None."""
    if not name.strip() or len(name) > LONGEST_NAME:
        return f"A name has 1 to {LONGEST_NAME} characters."
    # Cc: controls, NUL among them; Cs: half a character, which no encoding carries; Zl, Zp: line ends.
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") for char in name):
        return "A name has no line breaks or control characters."
    return None
