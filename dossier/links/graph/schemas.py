"""Wire shapes of sign-ins to Microsoft and of the lists that a place is picked from."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dossier.core.web import Wire
from dossier.links.places import ID, Credentials, Secret, strict

SIGN_IN = "0198c0de-8888-7000-8000-000000000003"
APP: Wire = {"tenant": "nordwind.example", "client_id": ID, "cloud": "global"}
FOUND: Wire = {
    "id": "b!x1",
    "name": "Documents",
    "web_url": "https://nordwind.sharepoint.example/sites/legal/Documents",
}
DriveId = Annotated[str, Field(min_length=1, max_length=200)]
Cloud = Literal["global", "us", "us_dod", "china"]


class GraphApp(BaseModel):
    """An app registration with Microsoft: of whom, which, and in which of Microsoft's clouds."""

    model_config = strict(APP)
    tenant: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9.-]+$")]
    client_id: UUID
    cloud: Cloud = "global"


class NewSignIn(GraphApp):
    """The app that somebody signs in to. ``client_secret`` where the app's redirect address is registered as one of the
    platform "Web"; it is kept encrypted and never shown."""

    model_config = strict(APP, APP | {"client_secret": "…"})
    client_secret: Secret | None = None


class SignInBegun(BaseModel):
    """``url`` is where the browser goes now; it comes back to ``redirect_uri``, which the app has to be registered with."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": SIGN_IN,
                    "url": "https://login.microsoftonline.com/nordwind.example/oauth2/v2.0/authorize?client_id=…",
                    "redirect_uri": "https://dossier.example/api/v1/link_sign_ins/done",
                    "expires_at": "2026-11-28T09:10:00Z",
                }
            ]
        }
    )
    id: UUID
    url: str
    redirect_uri: str
    expires_at: datetime


class GraphSignIn(BaseModel):
    """A sign-in of yours. ``account`` is the name that was signed in with; until ``expires_at`` it can be used."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"id": SIGN_IN, **APP, "signed_in": True, "account": "ada@nordwind.example"}
                | {"expires_at": "2026-11-28T10:02:00Z"}
            ]
        }
    )
    id: UUID
    tenant: str
    client_id: UUID
    cloud: Cloud
    signed_in: bool
    account: str
    expires_at: datetime


class Sites(BaseModel):
    """SharePoint sites that are found by words."""

    model_config = strict({"kind": "sites", "words": "legal"})
    kind: Literal["sites"]
    words: Annotated[str, Field(min_length=1, max_length=200)]


class Drives(BaseModel):
    """The drives (libraries) of a person, a site or a group, by its id; a person also by the sign-in name."""

    model_config = strict({"kind": "drives", "of": "sites", "owner_id": "nordwind.sharepoint.example,1,2"})
    kind: Literal["drives"]
    of: Literal["users", "sites", "groups"]
    owner_id: Annotated[str, Field(min_length=1, max_length=300)]


class MyDrives(BaseModel):
    """The drives of the person who signed in: only with ``sign_in``."""

    model_config = strict({"kind": "my_drives"})
    kind: Literal["my_drives"]


class Folders(BaseModel):
    """The folders that lie directly in a folder of a drive."""

    model_config = strict({"kind": "folders", "drive_id": "b!x1", "folder_id": "root"})
    kind: Literal["folders"]
    drive_id: DriveId
    folder_id: DriveId = "root"


class ChoiceQuestion(GraphApp):
    """What is asked of Microsoft, by which app and with which credentials: ``client_secret`` or ``sign_in``."""

    model_config = strict(
        APP | {"credentials": {"sign_in": SIGN_IN}, "ask": {"kind": "my_drives"}},
        APP | {"credentials": {"client_secret": "…"}, "ask": {"kind": "sites", "words": "legal"}},
    )
    credentials: Credentials
    ask: Annotated[Sites | Drives | MyDrives | Folders, Field(discriminator="kind")]


class LinkChoice(BaseModel):
    """A site, a drive or a folder; ``web_url`` is its page for people, "" where it has none."""

    model_config = ConfigDict(json_schema_extra={"examples": [FOUND]})
    id: str
    name: str
    web_url: str


class LinkChoices(BaseModel):
    """At most 200 of them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [FOUND]}]})
    items: list[LinkChoice]
