"""Wire shapes of webhooks."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier import feed
from dossier.core.outward import LONGEST_URL
from dossier.core.web import Wire
from dossier.webhooks.models import LONGEST_DESCRIPTION

HOOK_ID = "0198c0de-9999-7000-8000-000000000001"
DELIVERY_ID = "0198c0de-9999-7000-8000-000000000002"
WEBHOOK: Wire = {
    "id": HOOK_ID,
    "url": "https://dms.nordwind.example/dossier",
    "description": "Nordwind's DMS",
    "types": ["document.*", "version.added"],
    "active": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": "2026-11-24T09:00:00Z",
    "created_by": {"id": "0198c0de-3333-7000-8000-000000000001", "name": "Mara Lind"},
    "etag": "1",
}
WITH_SECRET: Wire = WEBHOOK | {"secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD4CxkEzKt3pA="}
NEW: Wire = {name: WEBHOOK[name] for name in ("url", "description", "types")}
DELIVERY: Wire = {
    "id": DELIVERY_ID,
    "webhook_id": HOOK_ID,
    "message_id": "0198c0de-5555-7000-8000-000000000001",
    "type": "version.added",
    "seq": 42,
    "document_id": "0198c0de-3333-7000-8000-000000000001",
    "state": "delivered",
    "attempts": 1,
    "next_at": None,
    "created_at": "2026-11-24T09:12:00Z",
    "ended_at": "2026-11-24T09:12:01Z",
}
ATTEMPT: Wire = {
    "number": 1,
    "at": "2026-11-24T09:12:00Z",
    "ms": 84,
    "status": 204,
    "error": None,
    "request_headers": {"webhook-id": DELIVERY["message_id"], "webhook-timestamp": "1795511520"},
    "answer_headers": {"content-type": "text/plain"},
    "answer": "",
}
WHOLE: Wire = DELIVERY | {"body": '{"specversion":"1.0"}', "tries": [ATTEMPT]}
_TYPE = re.compile(r"[a-z_]+\.([a-z_]+|\*)")
FAMILIES = {type_.partition(".")[0] for type_ in feed.ABOUT}


def _known(type_: str) -> str:
    if type_ not in feed.ABOUT and not (type_.endswith(".*") and type_[:-2] in FAMILIES):
        raise ValueError("No type of event, and no family of types such as document.*")
    return type_


def _once(types: list[str]) -> list[str]:
    return sorted(set(types))


EventType = Annotated[str, Field(max_length=64, pattern=rf"^{_TYPE.pattern}$"), AfterValidator(_known)]
Types = Annotated[list[EventType], Field(max_length=100), AfterValidator(_once)]
Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL, description="https://, and a public address.")]
Description = Annotated[str, Field(max_length=LONGEST_DESCRIPTION)]


class NewWebhook(BaseModel):
    """Where to send what. ``types`` are exact types of events, or families such as ``document.*``; none means all."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [NEW]})
    url: Url
    description: Description = ""
    types: Types = []
    active: bool = Field(True, strict=True)


class WebhookChange(BaseModel):
    """What is to be different; what is left out stays. ``active`` true also ends what has disabled it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"types": [], "active": True}]})
    url: Url | None = None
    description: Description | None = None
    types: Types | None = None
    active: bool | None = Field(None, strict=True)


class Maker(BaseModel):
    """A member by id and name."""

    id: UUID
    name: str


class Webhook(BaseModel):
    """An endpoint. ``disabled_reason`` says why Dossier has made it inactive: ``gone`` (it answered 410) or ``failing``.

    ``failing_since`` is the first failure since something was delivered. Until ``previous_secret_until`` the secret from
    before the last rotation signs too.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [WEBHOOK]})
    id: UUID
    url: str
    description: str
    types: list[str]
    active: bool
    disabled_at: datetime | None
    disabled_reason: Literal["gone", "failing"] | None
    failing_since: datetime | None
    previous_secret_until: datetime | None
    created_at: datetime
    created_by: Maker | None
    etag: str


class WebhookWithSecret(Webhook):
    """An endpoint with what signs its messages, which is shown this once."""

    model_config = ConfigDict(json_schema_extra={"examples": [WITH_SECRET]})
    secret: str


class WebhookPage(BaseModel):
    """A page of webhooks, in the order they were made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [WEBHOOK], "next": None}]})
    items: list[Webhook]
    next: str | None


class Rotation(BaseModel):
    """How many hours the old secret goes on signing beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"overlap_hours": 24}]})
    overlap_hours: int = Field(24, ge=0, le=168, strict=True)


class Delivery(BaseModel):
    """One message. ``message_id`` is its webhook-id, the event's own id. ``waiting``: not sent, or to be sent again at
    ``next_at``; null there while another of the same document goes first.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [DELIVERY]})
    id: UUID
    webhook_id: UUID
    message_id: UUID
    type: str
    seq: int | None
    document_id: UUID | None
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


class Attempt(BaseModel):
    """One try. ``status`` is null where no answer came; then ``error`` says why. ``answer`` is its first 4,096 bytes."""

    model_config = ConfigDict(json_schema_extra={"examples": [ATTEMPT]})
    number: int
    at: datetime
    ms: int
    status: int | None
    error: str | None
    request_headers: dict[str, Any]
    answer_headers: dict[str, Any]
    answer: str


class WholeDelivery(Delivery):
    """A delivery with what was sent and what came back, each time."""

    model_config = ConfigDict(json_schema_extra={"examples": [WHOLE]})
    body: str
    tries: list[Attempt]


class DeliveryPage(BaseModel):
    """A page of deliveries, newest first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"items": [DELIVERY], "next": None}]})
    items: list[Delivery]
    next: str | None


class Range(BaseModel):
    """The events with numbers above ``after`` and below ``before``, at most 10,000 numbers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"after": 41, "before": 100}]})
    after: int = Field(ge=0, le=2**63 - 1, strict=True)
    before: int = Field(ge=1, le=2**63 - 1, strict=True)


class Replayed(BaseModel):
    """How many events are sent again."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"count": 58}]})
    count: int
