"""Wire shapes of the portal's backend."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

SETUP: dict[str, Any] = {
    "link": "what stands after the # in the address",
    "email": "mara@example.com",
    "name": "Mara Lind",
    "password": "a long sentence",
    "workspace": "Acme",
    "slug": "acme",
}


class Setup(BaseModel):
    """What the first owner says. ``link`` is what stands after the # of the set-up link."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [SETUP]})
    link: str = Field(min_length=1, max_length=100)
    email: str = Field(max_length=254)
    name: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    password: str = Field(max_length=1000)
    workspace: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = "Dossier"
    slug: str | None = Field(None, max_length=40, description="For addresses; made of the workspace's name without it.")


class SetupDone(BaseModel):
    """The new workspace."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"id": "0198c0de-0000-7000-8000-000000000009", "slug": "acme"}]}
    )
    id: UUID
    slug: str


class PartState(BaseModel):
    """How a part is: it works, refuses, or does not answer in time. Without one that is not `needed` Dossier serves on."""

    state: Literal["ok", "failed", "late"]
    needed: bool
    ms: float = Field(description="How long it took to say so.")


READY: dict[str, Any] = {
    "status": "ok",
    "parts": {
        "database": {"state": "ok", "needed": True, "ms": 0.6},
        "schema": {"state": "ok", "needed": True, "ms": 0.7},
        "storage": {"state": "ok", "needed": True, "ms": 0.4},
    },
}


class Ready(BaseModel):
    """All parts that are needed work; `degraded`: not all others."""

    model_config = ConfigDict(json_schema_extra={"examples": [READY]})
    status: Literal["ok", "degraded"]
    parts: dict[str, PartState]
