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

CLOUD_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": EVENT["id"],
    "source": "urn:uuid:0198c0de-1111-7000-8000-000000000001",
    "type": EVENT["type"],
    "subject": f"documents/{EVENT['document_id']}",
    "time": EVENT["at"],
    "datacontenttype": "application/json",
    "data": EVENT,
}
TEXT: dict[str, Any] = {"type": "string"}
# CloudEvents 1.0 in structured JSON; `data` is an event as the feed shows it.
BATCH: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            **dict.fromkeys(("source", "type", "subject"), TEXT),
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "format": "uuid"},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"const": "application/json"},
            "data": {"type": "object"},
        },
        "required": [name for name in CLOUD_EVENT if name != "subject"],
    },
}
SCHEMA: dict[str, Any] = {"title": "version.added", "type": "object", "properties": {}, "required": ["id"]}


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


class EventSchema(BaseModel):
    """A JSON Schema (2020-12)."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"examples": [SCHEMA]})
    title: str
    type: str
    properties: dict[str, Any]
    required: list[str]


class EventSchemas(BaseModel):
    """The schema of every type of event."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"types": {"version.added": SCHEMA}}]})
    types: dict[str, EventSchema]
