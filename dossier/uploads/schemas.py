"""Wire shapes of uploads, and what their metadata may say."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from dossier.documents.schemas import Person

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
    "direct": False,
    "state": "receiving",
    "problem": None,
    "document": None,
    "created_at": "2026-11-24T09:12:00Z",
    "expires_at": "2026-12-01T09:12:30Z",
}
PART: dict[str, Any] = {
    "number": 1,
    "offset": 0,
    "size": 16777216,
    "url": "https://documents.s3.eu-central-1.amazonaws.com/blobs/…?X-Amz-Signature=…",
    "headers": {"Content-Length": "16777216"},
}
ARRIVAL: dict[str, Any] = {
    "id": ID,
    "name": "Site survey.mp4",
    "path": "",
    "folder_id": "0198c0de-1111-7000-8000-000000000001",
    "document_id": None,
    "size": 12884901888,
    "state": "hashing",
    "author": {"id": "0198c0de-2222-7000-8000-000000000001", "name": "Ann Field"},
    "created_at": "2026-11-24T09:12:00Z",
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
    sha256: str = Field("", pattern="^([0-9a-fA-F]{64})?$")


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
    direct: bool = Field(description="The bytes go straight to the store (`GET …/parts`).")
    state: Literal["receiving", "hashing", "refused", "done"] = Field(
        description="`hashing`: all bytes are here, and are read once more before the document is there."
    )
    problem: UploadProblem | None
    document: UploadDocument | None
    created_at: datetime
    expires_at: datetime


class OfferedPart(BaseModel):
    """Bytes to send to the store, by one PUT of ``url`` with exactly these headers and nothing else of ours."""

    model_config = ConfigDict(json_schema_extra={"examples": [PART]})
    number: int = Field(ge=1)
    offset: int = Field(ge=0, description="Where in the file they begin.")
    size: int = Field(ge=1)
    url: str = Field(description="Good for an hour; whoever has it needs no sign-in.")
    headers: dict[str, str]


class OfferedParts(BaseModel):
    """What of an upload has still to be sent."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"parts": [PART]}]})
    parts: list[OfferedPart]


class BegunUpload(Upload):
    """An upload that was just begun; ``parts`` where its bytes go straight to the store."""

    model_config = ConfigDict(json_schema_extra={"examples": [UPLOAD | {"parts": None}]})
    parts: list[OfferedPart] | None


class UploadPage(BaseModel):
    """A page of uploads, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [UPLOAD], "next": None}]})
    items: list[Upload]
    next: str | None


class Arrival(BaseModel):
    """A document, or a version of ``document_id``, that is about to be there: all its bytes are here, and are read once
    more for their SHA-256. ``path``: folders below ``folder_id`` that will be made for it."""

    model_config = ConfigDict(json_schema_extra={"examples": [ARRIVAL]})
    id: UUID
    name: str
    path: str
    folder_id: UUID | None
    document_id: UUID | None
    size: int = Field(ge=0, description="Bytes.")
    state: Literal["hashing"]
    author: Person
    created_at: datetime = Field(description="When it was begun to be sent.")


class ArrivalPage(BaseModel):
    """A page of arrivals, oldest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [ARRIVAL], "next": None}]})
    items: list[Arrival]
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
