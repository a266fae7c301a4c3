"""Wire shapes of members, groups and invitations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier.core.web import Wire
from dossier.users.models import EMAIL, LONGEST_EMAIL, LONGEST_NAME, email_fault, name_fault

CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
MEMBER_ID = "0198c0de-3333-7000-8000-000000000001"
GROUP_ID = "0198c0de-2222-7000-8000-000000000001"
INVITATION_ID = "0198c0de-4444-7000-8000-000000000001"
MEMBER: Wire = {
    "id": MEMBER_ID,
    "name": "Mara Lind",
    "email": "mara@example.com",
    "role": "editor",
    "active": True,
    "group_ids": [GROUP_ID],
    "created_at": "2026-11-24T09:00:00Z",
}
GROUP: Wire = {"id": GROUP_ID, "name": "Legal", "member_ids": [MEMBER_ID], "created_at": "2026-11-24T09:00:00Z"}
INVITATION: Wire = {
    "id": INVITATION_ID,
    "email": "tom@example.com",
    "role": "viewer",
    "created_by": {"id": MEMBER_ID, "name": "Mara Lind"},
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": "2026-12-01T09:00:00Z",
}


def _email(text: str) -> str:
    if fault := email_fault(text):
        raise ValueError(fault)
    return text


def _name(text: str) -> str:
    if fault := name_fault(text):
        raise ValueError(fault)
    return text.strip()


RoleName = Literal["viewer", "editor", "owner"]
EmailText = Annotated[str, Field(max_length=LONGEST_EMAIL, pattern=EMAIL), AfterValidator(_email)]
NameText = Annotated[
    str,
    Field(max_length=LONGEST_NAME, pattern=rf"^[^{CONTROLS}]*[^\s{CONTROLS}][^{CONTROLS}]*$"),
    AfterValidator(_name),
]


class Named(BaseModel):
    """A member by id and name."""

    id: UUID
    name: str


class Member(BaseModel):
    """A member, active or not. ``email`` is shown to owners and to the member."""

    model_config = ConfigDict(json_schema_extra={"examples": [MEMBER]})
    id: UUID
    name: str
    email: str | None
    role: RoleName
    active: bool
    group_ids: list[UUID]
    created_at: datetime


class MemberPage(BaseModel):
    """A page of members."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [MEMBER], "next": None}]})
    items: list[Member]
    next: str | None


class MemberChange(BaseModel):
    """Another role, deactivation or reactivation."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"role": "editor"}]})
    role: RoleName | None = None
    active: bool | None = Field(None, strict=True)


class Group(BaseModel):
    """A group and who is in it."""

    model_config = ConfigDict(json_schema_extra={"examples": [GROUP]})
    id: UUID
    name: str
    member_ids: list[UUID]
    created_at: datetime


class GroupPage(BaseModel):
    """A page of groups."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [GROUP], "next": None}]})
    items: list[Group]
    next: str | None


class NewGroup(BaseModel):
    """What makes a group."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Legal", "member_ids": [MEMBER_ID]}]}
    )
    name: NameText
    member_ids: list[UUID] = Field([], max_length=2000)


class GroupChange(BaseModel):
    """Another name, or another set of members in place of the present one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"member_ids": [MEMBER_ID]}]})
    name: NameText | None = None
    member_ids: list[UUID] | None = Field(None, max_length=2000)


class NewInvitation(BaseModel):
    """Whom to invite, and as what."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"email": "tom@example.com", "role": "viewer"}]}
    )
    email: EmailText
    role: RoleName
    days: int | None = Field(
        None, ge=1, le=90, description="How long it can be accepted; the server's setting without it."
    )


class Invitation(BaseModel):
    """An open invitation."""

    model_config = ConfigDict(json_schema_extra={"examples": [INVITATION]})
    id: UUID
    email: str
    role: RoleName
    created_by: Named | None
    created_at: datetime
    expires_at: datetime


class InvitationMade(Invitation):
    """A new invitation with its address, which is shown this once; the mail carries another one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [INVITATION | {"url": "https://dossier.example/join#secret"}]}
    )
    url: str


class InvitationPage(BaseModel):
    """A page of open invitations."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [INVITATION], "next": None}]})
    items: list[Invitation]
    next: str | None
