"""Wire shapes of samples."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

FOLDER = "0198c0de-1111-7000-8000-000000000001"


class SamplesPlace(BaseModel):
    """Where to put them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"folder_id": FOLDER}]})
    folder_id: UUID | None = Field(None, description="Below this folder; the root without it.")


class Samples(BaseModel):
    """The folder that was made for them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"folder_id": FOLDER}]})
    folder_id: UUID
