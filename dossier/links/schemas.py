"""Wire shapes of links."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictBool

from dossier.connectors.contract import MOST_RIGHTS, Holder
from dossier.core.web import Wire
from dossier.links.places import ID, WEBDAV, Credentials, Place, strict

FOLDER = "0198c0de-4444-7000-8000-000000000001"
DOCUMENT = "0198c0de-5555-7000-8000-000000000001"
SIGN_IN: Wire = {"username": "dossier", "password": "…"}
LIMITS: Wire = {
    "max_bytes": None,
    "types": [],
    "most_deleted": 20,
    "most_deleted_share": 0.2,
    "most_replaced": 100,
    "most_replaced_share": 0.5,
}
LINK: Wire = {
    "id": ID,
    "name": "Nordwind cloud",
    "folder_id": FOLDER,
    "place": WEBDAV,
    "has_credentials": True,
    "direction": "both",
    "limits": LIMITS,
    "state": "active",
    "trouble": None,
    "detail": "",
    "items": 1204,
    "waiting": 0,
    "failed": 1,
    "held": 0,
    "conflicts": 0,
    "created_at": "2026-11-28T09:00:00Z",
    "ran_at": "2026-11-28T09:15:00Z",
    "in_step_at": "2026-11-28T09:15:00Z",
    "hints_until": None,
}
ITEM: Wire = {
    "id": "0198c0de-8888-7000-8000-000000000002",
    "kind": "document",
    "node_id": DOCUMENT,
    "remote_id": "Contracts/Lease.pdf",
    "name": "Lease.pdf",
    "their_name": "Lease.pdf",
    "state": "failed",
    "reason": "locked",
    "detail": "Somebody has the file open there.",
    "conflict": False,
    "task_id": None,
    "version": 3,
    "waiting": True,
    "tries": 2,
    "next_at": "2026-11-28T09:20:00Z",
    "changed_at": "2026-11-28T09:15:00Z",
}
WHERE: Wire = {"link_id": ID, "link": "Nordwind cloud", "kind": "webdav", "item": ITEM}
RIGHT: Wire = {"who": "Contract team", "kind": "group", "may": "write", "inherited": True}
Direction = Literal["both", "in", "out"]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Ending = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[^\s./\\][^\s/\\]*$")]


def _small(endings: list[str]) -> list[str]:
    """Each once, in small letters."""
    return list(dict.fromkeys(each.lower() for each in endings))


class Limits(BaseModel):
    """What a link takes, and where it stops and asks: a run that would delete (replace) more than ``most_…`` items and more
    than that share of all."""

    model_config = strict(LIMITS)
    max_bytes: Annotated[int, Field(strict=True, ge=1, le=2**53)] | None = Field(
        None, description="Larger files are left alone."
    )
    types: Annotated[list[Ending], Field(max_length=100), AfterValidator(_small)] = Field(
        default_factory=list,
        description="Endings of names (`pdf`, `tar.gz`), in any case. Where there are any, other files are left alone.",
    )
    most_deleted: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 20
    most_deleted_share: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.2
    most_replaced: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 100
    most_replaced_share: Annotated[float, Field(strict=True, ge=0, le=1)] = 0.5


class NewLink(BaseModel):
    """A folder and the place that it is joined with. The credentials are kept encrypted and never shown again."""

    model_config = strict(
        {
            "name": "Nordwind cloud",
            "folder_id": FOLDER,
            "place": WEBDAV,
            "credentials": SIGN_IN,
        }
    )
    name: Name
    folder_id: UUID
    place: Place
    credentials: Credentials | None = None
    direction: Direction = "both"
    limits: Limits = Field(default_factory=Limits)
    paused: StrictBool = Field(False, description="Made without running: its plan shows what it would do.")


class PlaceTest(BaseModel):
    """A place to be tried before a link is made."""

    model_config = strict({"place": WEBDAV, "credentials": SIGN_IN})
    place: Place
    credentials: Credentials | None = None


class LinkChange(BaseModel):
    """What is left out stays. ``paused`` true stops the link, false lets it go on."""

    model_config = strict({"paused": True}, {"name": "Nordwind", "limits": LIMITS})
    name: Name | None = None
    direction: Direction | None = None
    limits: Limits | None = None
    credentials: Credentials | None = None
    paused: StrictBool | None = None


class Choice(BaseModel):
    """Whose content stays."""

    model_config = strict({"keep": "ours"})
    keep: Literal["ours", "theirs"]


class Found(BaseModel):
    """What a test of the place found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"found": "WebDAV, 12 items at the top."}]})
    found: str


class Link(BaseModel):
    """A link and how it stands. ``trouble`` is a code; ``detail`` says what to do."""

    model_config = ConfigDict(json_schema_extra={"examples": [LINK]})
    id: UUID
    name: str
    folder_id: UUID
    place: Place
    has_credentials: bool
    direction: Direction
    limits: Limits
    state: Literal["active", "paused", "braked", "broken"]
    trouble: str | None
    detail: str
    items: int
    waiting: int
    failed: int
    held: int
    conflicts: int
    created_at: datetime
    ran_at: datetime | None
    in_step_at: datetime | None
    hints_until: datetime | None = Field(description="Until when the other system tells of changes; null: it is asked.")


class LinkPage(BaseModel):
    """A page of links."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [LINK], "next": None}]})
    items: list[Link]
    next: str | None


class LinkItem(BaseModel):
    """One document or folder of a link: its name and version here as last agreed on, and what is the matter with it."""

    model_config = ConfigDict(json_schema_extra={"examples": [ITEM]})
    id: UUID
    kind: Literal["document", "folder"]
    node_id: UUID | None
    remote_id: str | None
    name: str
    their_name: str
    state: Literal["new", "synced", "held", "waiting", "failed"]
    reason: str
    detail: str
    conflict: bool
    task_id: UUID | None
    version: int | None
    waiting: bool
    tries: int
    next_at: datetime | None
    changed_at: datetime


class LinkItemPage(BaseModel):
    """A page of a link's items."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [ITEM], "next": None}]})
    items: list[LinkItem]
    next: str | None


class Planned(BaseModel):
    """One thing that a run would do first about an item."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"step": "pull", "name": "Lease.pdf", "kind": "document"}]}
    )
    step: str
    name: str
    kind: Literal["document", "folder"]


class Plan(BaseModel):
    """What the next run would do, as far as the other side is known now; at most 1,000 steps are listed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "counts": {"pull": 1},
                    "steps": [{"step": "pull", "name": "Lease.pdf", "kind": "document"}],
                    "brake": False,
                }
            ]
        }
    )
    counts: dict[str, int]
    steps: list[Planned]
    brake: bool = Field(description="Whether the run would stop and ask.")


class LinkRight(BaseModel):
    """What somebody may do on the other side. ``may`` is ``read``, ``write`` (change it, or what lies in it), ``own`` (also
    say who may what), or else that system's own words."""

    model_config = ConfigDict(json_schema_extra={"examples": [RIGHT]})
    who: str = Field(description="A name for people to read.")
    kind: Holder = Field(
        description="`us`: what the link works as; `link`: whoever has an address; `program`: another."
    )
    may: str
    inherited: bool = Field(description="Given to a folder further up, as far as that system tells.")


class LinkRights(BaseModel):
    """The rights of a place or item on the other side, as it tells them; at most 500. ``told`` is false where it does not
    tell. Some systems tell only what the link's own account may: ``us``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"told": True, "items": [RIGHT]}, {"told": False, "items": []}]}
    )
    told: bool
    items: Annotated[list[LinkRight], Field(max_length=MOST_RIGHTS)]


class DocumentLink(BaseModel):
    """Where a document lives on the other side of a link."""

    model_config = ConfigDict(json_schema_extra={"examples": [WHERE]})
    link_id: UUID
    link: str
    kind: str
    item: LinkItem


class DocumentLinks(BaseModel):
    """The links that a document is in: at most one with each system."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [WHERE]}]})
    items: list[DocumentLink]
