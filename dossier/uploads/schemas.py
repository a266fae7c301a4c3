"""Wire shapes of uploads, and what their metadata may say."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

OnConflict = Literal["error", "version", "rename"]
ID = "0198c0de-7777-7000-8000-000000000001"
UPLOAD: dict[str, Any] = {
    "id": ID,
    "name": "Lease Main St.pdf",
    "folder_id": "0198c0de-1111-7000-8000-000000000001",
    "document_id": None,
    "path": "2026/signed",
    "comment": "signed",
    "on_conflict": "error",
    "size": 1204300,
    "offset": 524288,
    "part": False,
    "state": "receiving",
    "problem": None,
    "document": None,
    "created_at": "2026-11-24T09:12:00Z",
    "expires_at": "2026-12-01T09:12:30Z",
}
DONE = UPLOAD | {
    "offset": 1204300,
    "state": "done",
    "document": {"id": "0198c0de-3333-7000-8000-000000000001", "version": 1},
}


def _missing(value: Any) -> Any:
    return value or None


class Metadata(BaseModel):
    """What ``Upload-Metadata`` says; what it says besides is let be."""

    model_config = ConfigDict(extra="ignore")
    filename: str = Field("", max_length=4096)
    folder_id: Annotated[UUID | None, BeforeValidator(_missing)] = None
    document_id: Annotated[UUID | None, BeforeValidator(_missing)] = None
    path: str = Field("", max_length=16_384)
    comment: str = Field("", max_length=2000)
    on_conflict: Annotated[OnConflict, BeforeValidator(lambda value: value or "error")] = "error"
    if_match: str = Field("", max_length=198)


class UploadProblem(BaseModel):
    """Why the end was refused, as it was answered."""

    code: str
    title: str
    detail: str


class UploadDocument(BaseModel):
    """What the upload has become."""

    id: UUID
    version: int


class Upload(BaseModel):
    """One file on its way. ``offset`` reaches ``size`` only when the document is there; until then an upload whose bytes
    have all come lacks the last one."""

    model_config = ConfigDict(json_schema_extra={"examples": [UPLOAD, DONE]})
    id: UUID
    name: str
    folder_id: UUID | None
    document_id: UUID | None
    path: str
    comment: str
    on_conflict: OnConflict
    size: int | None = Field(ge=0, description="Bytes; null as long as the sender has not told.")
    offset: int = Field(ge=0, description="Bytes that are here for good.")
    part: bool = Field(description="Only there to be put together with others (tus, concatenation).")
    state: Literal["receiving", "refused", "done"]
    problem: UploadProblem | None
    document: UploadDocument | None
    created_at: datetime
    expires_at: datetime


class UploadPage(BaseModel):
    """A page of uploads, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [UPLOAD], "next": None}]})
    items: list[Upload]
    next: str | None


class Finish(BaseModel):
    """Another answer for an end that was refused; what is left out stays. A folder takes the place of document and path,
    a document that of the folder and of the ``if_match`` of before."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"on_conflict": "rename"}]})
    name: str | None = Field(None, max_length=4096)
    folder_id: UUID | None = None
    document_id: UUID | None = None
    on_conflict: OnConflict | None = None
    comment: str | None = Field(None, max_length=2000)
