"""Wire shapes of folders."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, model_validator

ID = "0198c0de-1111-7000-8000-000000000001"
PARENT = "0198c0de-1111-7000-8000-000000000000"
FOLDER: dict[str, Any] = {
    "id": ID,
    "parent_id": PARENT,
    "name": "Contracts",
    "restricted": False,
    "role": "editor",
    "created_at": "2026-11-24T09:00:00Z",
    "updated_at": "2026-11-24T09:00:00Z",
    "etag": "1",
}
RoleName = Literal["viewer", "editor", "owner"]


class Folder(BaseModel):
    """A folder as the actor sees it: ``role`` is the actor's there; ``restricted`` says it has an access list of its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [FOLDER]})
    id: UUID
    parent_id: UUID | None = Field(description="None for the root, and where the parent is hidden from the actor.")
    name: str
    restricted: bool
    role: RoleName
    created_at: datetime
    updated_at: datetime
    etag: str


class FolderPage(BaseModel):
    """A page of folders."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [FOLDER], "next": None}]})
    items: list[Folder]
    next: str | None


class NewFolder(BaseModel):
    """What makes a folder. Without ``parent_id`` it lies in the root."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Contracts", "parent_id": PARENT}]}
    )
    name: str = Field(max_length=4096)
    parent_id: UUID | None = None


class FolderChange(BaseModel):
    """Rename, move, or both."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Contracts 2026"}]})
    name: str | None = Field(None, max_length=4096)
    parent_id: UUID | None = None


class GrantIn(BaseModel):
    """A role for one member or one group."""

    model_config = ConfigDict(extra="forbid")
    member_id: UUID | None = None
    group_id: UUID | None = None
    role: RoleName

    @model_validator(mode="after")
    def _one(self) -> "GrantIn":
        if (self.member_id is None) == (self.group_id is None):
            raise ValueError("Name either member_id or group_id.")
        return self


class Access(BaseModel):
    """Who may do what in a restricted folder. The workspace's owners always may everything."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"grants": [{"group_id": "0198c0de-2222-7000-8000-000000000001", "role": "editor"}]}]
        },
    )
    grants: list[GrantIn] = Field(max_length=500)


class AccessView(BaseModel):
    """The access in force: of this folder where ``restricted``, else what it inherits (None: the workspace's roles)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "restricted": True,
                    "grants": [
                        {"member_id": None, "group_id": "0198c0de-2222-7000-8000-000000000001", "role": "editor"}
                    ],
                }
            ]
        }
    )
    restricted: bool
    grants: list[GrantIn] | None
