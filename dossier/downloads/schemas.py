"""Wire shapes of downloads."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST = 1000
SELECTION = {
    "document_ids": ["0198c0de-3333-7000-8000-000000000001"],
    "folder_ids": ["0198c0de-1111-7000-8000-000000000001"],
}
TICKET: dict[str, Any] = {
    "url": "/api/v1/downloads/Vb3xq1m0Z7gk2uYdT9nJw5cHs8fRaLeP4iKoXtG6QyE",
    "expires_at": "2026-11-24T09:13:00Z",
}


def _some(schema: dict[str, Any]) -> None:
    fields = ("document_ids", "folder_ids")
    schema["examples"] = [SELECTION]
    schema["anyOf"] = [{"required": [name], "properties": {name: {"minItems": 1}}} for name in fields]


class Selection(BaseModel):
    """What to download together: at least one id, at most 1,000 of both kinds."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=_some)
    document_ids: list[UUID] = Field([], max_length=MOST, examples=[SELECTION["document_ids"]])
    folder_ids: list[UUID] = Field(
        [], max_length=MOST, examples=[SELECTION["folder_ids"]], description="With all that the actor may see in them."
    )

    @model_validator(mode="after")
    def _count(self) -> "Selection":
        if not 1 <= len(self.document_ids) + len(self.folder_ids) <= MOST:
            raise ValueError(f"Name at least one document or folder, and at most {MOST} together.")
        return self


class Ticket(BaseModel):
    """An address that works once, until ``expires_at``, without any other credential."""

    model_config = ConfigDict(json_schema_extra={"examples": [TICKET]})
    url: str
    expires_at: datetime
