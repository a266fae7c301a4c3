"""Wire shapes of notices."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

PERSON = {"id": "0198c0de-4444-7000-8000-000000000001", "name": "Mara Lind"}
NOTICE: dict[str, Any] = {
    "id": "0198c0de-8888-7000-8000-000000000001",
    "at": "2026-11-24T10:00:00Z",
    "kind": "commented",
    "read": False,
    "actor": PERSON,
    "document": {"id": "0198c0de-3333-7000-8000-000000000001", "name": "Lease Main St.pdf"},
    "task": {"id": "0198c0de-6666-7000-8000-000000000001", "title": "Check clause 7"},
    "version": None,
    "text": "The landlord agreed by phone.",
}


class NoticeActor(BaseModel):
    """Who did it."""

    id: UUID
    name: str


class NoticeDocument(BaseModel):
    """The document, as it is called now."""

    id: UUID
    name: str


class NoticeTask(BaseModel):
    """The task, as it was called then."""

    id: UUID
    title: str


class Notice(BaseModel):
    """One thing that somebody else did and that concerns me. ``actor`` is null for the system; ``version`` is that of a
    new version; ``text`` is what was said: the beginning of the comment, or the comment on the version."""

    model_config = ConfigDict(json_schema_extra={"examples": [NOTICE]})
    id: UUID
    at: datetime
    kind: Literal["assigned", "commented", "completed", "new_version"]
    read: bool
    actor: NoticeActor | None
    document: NoticeDocument
    task: NoticeTask | None
    version: int | None
    text: str | None


class NoticePage(BaseModel):
    """A page of notices, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [NOTICE], "next": None}]})
    items: list[Notice]
    next: str | None


class UnreadCount(BaseModel):
    """How many of my notices are unread, up to 1,000."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"count": 3}]})
    count: int = Field(ge=0)


class NoticesRead(BaseModel):
    """Which of my notices I have read: some, or all. Ids that are none of mine are passed over."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"ids": [NOTICE["id"]]}, {"all": True}]})
    ids: list[UUID] = Field([], max_length=200)
    all: bool = Field(False, strict=True)
