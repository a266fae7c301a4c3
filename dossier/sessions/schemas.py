"""Wire shapes of sign-in, oneself and tokens."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier.core.clock import Moment
from dossier.core.passwords import LONGEST, SHORTEST
from dossier.core.web import Wire
from dossier.users import NameText

TOKEN_ID = "0198c0de-5555-7000-8000-000000000001"  # noqa: S105  # an id
MEMBER_ID = "0198c0de-3333-7000-8000-000000000001"
ME: Wire = {
    "user": {"id": "0198c0de-6666-7000-8000-000000000001", "name": "Mara Lind", "email": "mara@example.com"},
    "memberships": [{"member_id": MEMBER_ID, "role": "editor", "workspace": {"slug": "acme", "name": "Acme"}}],
    "workspace": "acme",
    "scopes": ["read", "write", "admin"],
}
TOKEN: Wire = {
    "id": TOKEN_ID,
    "member_id": MEMBER_ID,
    "name": "Nightly backup",
    "scopes": ["read"],
    "created_at": "2026-11-24T09:00:00Z",
    "expires_at": "2027-11-24T09:00:00Z",
    "last_used_at": None,
}
Scope = Literal["read", "write", "admin"]
# Given ones are only compared; the rules for new ones are those of core/passwords.
GivenPassword = Annotated[str, Field(max_length=LONGEST)]
NewPassword = Annotated[str, Field(min_length=SHORTEST, max_length=LONGEST)]
GivenEmail = Annotated[str, Field(min_length=1, max_length=320)]
LinkSecret = Annotated[str, Field(min_length=1, max_length=100, description="What stands after the # in the address.")]


class SignIn(BaseModel):
    """E-mail and password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"email": "mara@example.com", "password": "correct horse"}]}
    )
    email: GivenEmail
    password: GivenPassword


class User(BaseModel):
    """A person."""

    id: UUID
    name: str
    email: str


class WorkspaceName(BaseModel):
    """A workspace by slug and name."""

    slug: str
    name: str


class MyMembership(BaseModel):
    """One of the workspaces that I am in."""

    model_config = ConfigDict(json_schema_extra={"examples": ME["memberships"]})
    member_id: UUID
    role: Literal["viewer", "editor", "owner"]
    workspace: WorkspaceName


class Me(BaseModel):
    """Who I am and where. ``workspace`` is the slug of the one in force; null where several are possible."""

    model_config = ConfigDict(json_schema_extra={"examples": [ME]})
    user: User
    memberships: list[MyMembership]
    workspace: str | None
    scopes: list[Scope]


class MeChange(BaseModel):
    """Another name for oneself, in all workspaces."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Mara Lind"}]})
    name: NameText


class PasswordChange(BaseModel):
    """The present password and the next one."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"current": "correct horse", "password": "battery staple"}]}
    )
    current: GivenPassword
    password: NewPassword


class ResetRequest(BaseModel):
    """Whose password is lost."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"email": "mara@example.com"}]})
    email: GivenEmail


class Reset(BaseModel):
    """The mailed link's secret and the new password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"link": "secret", "password": "battery staple"}]}
    )
    link: LinkSecret
    password: NewPassword


class Acceptance(BaseModel):
    """The invitation's secret. A new person gives name and password; a known one the password, or is signed in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"link": "secret", "name": "Tom Reed", "password": "battery staple"}]},
    )
    link: LinkSecret
    name: NameText | None = None
    password: GivenPassword | None = None


def _some(scopes: list[Scope]) -> list[Scope]:
    return sorted(set(scopes))


class NewToken(BaseModel):
    """What makes a token: at most the scopes that one has oneself; without ``expires_at`` it lasts until revoked."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "Nightly backup", "scopes": ["read"], "expires_at": "2027-11-24T09:00:00Z"}]
        },
    )
    name: NameText
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=3), AfterValidator(_some)]
    expires_at: Moment | None = None


class Token(BaseModel):
    """A token, without its secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN]})
    id: UUID
    member_id: UUID
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class TokenMade(Token):
    """A new token with its secret, which is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [TOKEN | {"token": "dsr_…"}]})
    token: str


class TokenPage(BaseModel):
    """A page of living tokens."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [TOKEN], "next": None}]})
    items: list[Token]
    next: str | None
