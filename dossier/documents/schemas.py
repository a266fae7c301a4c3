"""Wire shapes of documents, versions and locks."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

ID = "0198c0de-3333-7000-8000-000000000001"
PERSON = {"id": "0198c0de-4444-7000-8000-000000000001", "name": "Mara Lind"}
VERSION = {
    "number": 5,
    "sha256": "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
    "size": 1204300,
    "media_type": "application/pdf",
    "file_name": "Lease Main St.pdf",
    "comment": "signed",
    "author": PERSON,
    "created_at": "2026-11-24T09:12:00Z",
    "restored_from": None,
    "branched_from": None,
}
DOCUMENT = {
    "id": ID,
    "name": "Lease Main St.pdf",
    "folder_id": "0198c0de-1111-7000-8000-000000000001",
    "description": "",
    "tags": ["lease"],
    "created_at": "2026-11-20T08:00:00Z",
    "updated_at": "2026-11-24T09:12:00Z",
    "trashed_at": None,
    "etag": "7",
    "lock": None,
    "open_tasks": 2,
    "version": VERSION,
}
LOCK = {"holder": PERSON, "acquired_at": "2026-11-24T09:00:00Z", "expires_at": "2026-11-24T10:00:00Z"}

OnConflict = Literal["error", "version", "rename"]
TagText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


def _example(*examples: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Person(BaseModel):
    """A member, by id and name. ``id`` is None for the system."""

    id: UUID | None
    name: str


class Version(BaseModel):
    """One immutable content. ``restored_from`` names the version whose content this is; ``branched_from`` the one that a
    change from elsewhere was based on."""

    model_config = _example(VERSION)
    number: int = Field(ge=1)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    size: int = Field(ge=0, description="Bytes.")
    media_type: str
    file_name: str
    comment: str
    author: Person
    created_at: datetime
    restored_from: int | None
    branched_from: int | None


class Lock(BaseModel):
    """A lease on a document."""

    model_config = _example(LOCK)
    holder: Person
    acquired_at: datetime
    expires_at: datetime


class Document(BaseModel):
    """A document with its head version."""

    model_config = _example(DOCUMENT)
    id: UUID
    name: str
    folder_id: UUID
    description: str
    tags: list[str]
    created_at: datetime
    updated_at: datetime
    trashed_at: datetime | None
    etag: str
    lock: Lock | None
    open_tasks: int
    version: Version


class DocumentPage(BaseModel):
    """A page of documents."""

    model_config = _example({"items": [DOCUMENT], "next": None})
    items: list[Document]
    next: str | None


class DocumentBatch(BaseModel):
    """The documents made of the files of one form, in order."""

    model_config = _example({"items": [DOCUMENT]})
    items: list[Document]


class VersionPage(BaseModel):
    """A page of versions, newest first."""

    model_config = _example({"items": [VERSION], "next": None})
    items: list[Version]
    next: str | None


class DocumentChange(BaseModel):
    """Rename, move, tag or describe; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Lease.pdf", "tags": ["lease", "2026"]}]}
    )
    name: str | None = Field(None, max_length=4096)
    folder_id: UUID | None = None
    description: str | None = Field(None, max_length=10_000)
    tags: list[TagText] | None = Field(None, max_length=100)


class RestoreFromTrash(BaseModel):
    """Where to and what if the name is taken there. Without a folder it goes back to its own."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"on_conflict": "rename"}]})
    folder_id: UUID | None = None
    on_conflict: Literal["error", "rename"] = "error"


class RestoreVersion(BaseModel):
    """An optional comment on the new version."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"comment": "back to the signed text"}]})
    comment: str = Field("", max_length=2000)


class LockRequest(BaseModel):
    """How long, and whether to take over somebody else's lease."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"minutes": 60}]})
    minutes: int | None = Field(None, ge=1, le=7 * 24 * 60, strict=True)
    take_over: bool = Field(False, strict=True)


class AddFields(BaseModel):
    """What comes with a new document: as form fields before the file, or in the query of a raw body."""

    model_config = ConfigDict(extra="forbid")
    folder_id: UUID | None = Field(None, description="Where to; the root folder without it.")
    name: str | None = Field(None, max_length=4096, description="The document's name; the file's name without it.")
    comment: str = Field("", max_length=2000, description="Said of this version.")
    on_conflict: OnConflict = Field(
        "error", description="What if the name is taken: refuse (409), add a version, or find a free name."
    )


class BatchFields(BaseModel):
    """What comes with many new documents, as form fields before the files."""

    model_config = ConfigDict(extra="forbid")
    folder_id: UUID | None = None
    comment: str = Field("", max_length=2000)
    on_conflict: OnConflict = "error"


class VersionFields(BaseModel):
    """What comes with a new version: as form fields before the file, or in the query of a raw body."""

    model_config = ConfigDict(extra="forbid")
    name: str | None = Field(None, max_length=4096, description="The file's name; the document keeps its own.")
    comment: str = Field("", max_length=2000, description="Said of this version.")
