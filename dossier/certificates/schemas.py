"""Wire shapes of certificates."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier.certificates.models import LONGEST_SUBJECT
from dossier.core.clock import Moment
from dossier.core.web import Wire
from dossier.users import NameText

MEMBER: Wire = {"id": "0198c0de-3333-7000-8000-000000000002", "name": "Nordwind DMS"}
SHA256 = "5f1c3a0e9d7b2468ace013579bdf02468ace13579bdf5f1c3a0e9d7b2468ace0"
CERTIFICATE: Wire = {
    "id": "0198c0de-7777-7000-8000-000000000001",
    "member": MEMBER,
    "role": "editor",
    "scopes": ["read", "write"],
    "subject": "CN=dms.nordwind.example,O=Nordwind",
    "sha256": SHA256,
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": "2027-11-24T09:00:00Z",
    "last_used_at": None,
}
BY_DIGEST: Wire = {"sha256": SHA256, "subject": CERTIFICATE["subject"], "expires_at": CERTIFICATE["expires_at"]}
NEW: Wire = {"name": MEMBER["name"], "role": "editor", "scopes": CERTIFICATE["scopes"], **BY_DIGEST}
RENEWED: Wire = {
    "member_id": MEMBER["id"],
    "scopes": ["read", "write"],
    "certificate": "-----BEGIN CERTIFICATE-----\n…\n-----END CERTIFICATE-----\n",
}
Scope = Literal["read", "write", "admin"]
RoleName = Literal["viewer", "editor", "owner"]


def _some(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


class NewCertificate(BaseModel):
    """A client certificate in PEM, or its digest, subject and end; and for whom: ``name`` and ``role`` of a new program,
    or the ``member_id`` of one that is here.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [NEW, RENEWED]})
    name: NameText | None = None
    role: RoleName | None = None
    member_id: UUID | None = None
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3), AfterValidator(_some)]
    certificate: Annotated[str, Field(min_length=1, max_length=65536)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{2}(:?[0-9A-Fa-f]{2}){31}$")] | None = Field(
        None, description="SHA-256 of the DER form in hex, with or without colons."
    )
    subject: Annotated[str, Field(min_length=1, max_length=LONGEST_SUBJECT)] | None = None
    expires_at: Moment | None = None


class Holder(BaseModel):
    """A member by id and name."""

    id: UUID
    name: str


class Certificate(BaseModel):
    """A registered certificate. ``role`` is that of its member in the workspace; null while the member is deactivated."""

    model_config = ConfigDict(json_schema_extra={"examples": [CERTIFICATE]})
    id: UUID
    member: Holder
    role: RoleName | None
    scopes: list[Scope]
    subject: str
    sha256: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None


class CertificatePage(BaseModel):
    """A page of certificates."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [CERTIFICATE], "next": None}]})
    items: list[Certificate]
    next: str | None
