"""Wire shapes of the feed."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

EVENT: dict[str, Any] = {
    "id": "0198c0de-5555-7000-8000-000000000001",
    "seq": 42,
    "type": "version.added",
    "at": "2026-11-24T09:12:00Z",
    "actor": {"id": "0198c0de-4444-7000-8000-000000000001", "name": "Mara Lind"},
    "document_id": "0198c0de-3333-7000-8000-000000000001",
    "folder_id": None,
    "task_id": None,
    "data": {"number": 5, "size": 1204300, "comment": "signed"},
}


class EventActor(BaseModel):
    """Who did it; ``id`` is None for the system."""

    id: UUID | None
    name: str


class Event(BaseModel):
    """One thing that happened. ``seq`` rises without gaps in the workspace; an actor sees those of visible things."""

    model_config = ConfigDict(json_schema_extra={"examples": [EVENT]})
    id: UUID
    seq: int = Field(ge=1)
    type: str
    at: datetime
    actor: EventActor
    document_id: UUID | None
    folder_id: UUID | None
    task_id: UUID | None
    data: dict[str, Any]


class EventPage(BaseModel):
    """A page of the feed. ``next`` is never empty: ask again with it as ``after`` to go on, also when nothing is new."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [EVENT], "next": "42"}]})
    items: list[Event]
    next: str
