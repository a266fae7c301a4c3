"""Wire shapes of previews."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from dossier.renditions.kinds import Kind

HERE = "/api/v1/documents/0198c0de-3333-7000-8000-000000000001/versions/3"
PREVIEW: dict[str, Any] = {
    "kind": "pdf",
    "state": "ready",
    "url": f"{HERE}/rendition",
    "media_type": "application/pdf",
    "size": 48211,
    "reason": None,
    "truncated": False,
}
MAKING = PREVIEW | {"state": "making", "url": None, "media_type": "application/rtf", "size": 9120}
LONG = PREVIEW | {"kind": "text", "url": f"{HERE}/content?inline=true", "media_type": "text/plain"}


class Preview(BaseModel):
    """How a version can be shown. ``media_type`` and ``size`` are of what ``url`` gives, or of the version without one."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [PREVIEW, MAKING, LONG | {"size": 7340032, "truncated": True}]}
    )
    kind: Kind = Field(description="What shows it; `none` where nothing does.")
    state: Literal["ready", "making", "failed", "unavailable"] = Field(
        description="`making`: ask again in a second. `unavailable`: there is no way to show it here."
    )
    url: str | None = Field(description="Where the bytes to show are, once it is ready.")
    media_type: str
    size: int = Field(ge=0, description="In bytes.")
    reason: str | None = Field(description="Why there is none, for people.")
    truncated: bool = Field(description="Text longer than 2,000,000 bytes: fetch that much as a range and say so.")
