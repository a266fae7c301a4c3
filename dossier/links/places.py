"""Wire shapes of the places that a folder can be linked with."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier.core.web import Wire

ID = "0198c0de-8888-7000-8000-000000000001"
WEBDAV: Wire = {"kind": "webdav", "url": "https://cloud.nordwind.example/remote.php/dav/files/dossier/Contracts"}
MOST_SECRET = 12_000
Option = Annotated[str, Field(min_length=1, max_length=2048)]
Secret = Annotated[str, Field(min_length=1, max_length=8192)]


def _short_enough(secrets: dict[str, str]) -> dict[str, str]:
    if sum(len(each.encode()) for each in secrets.values()) > MOST_SECRET:
        raise ValueError(f"All credentials together have at most {MOST_SECRET} bytes.")
    return secrets


def strict(*examples: Wire) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


class FolderPlace(BaseModel):
    """A folder on a disk or network share that the program can reach: below the folder that is named like the workspace (its
    slug) in one of ``DOSSIER_LINK_FOLDERS``."""

    model_config = strict({"kind": "folder", "path": "/srv/shares/acme/contracts"})
    kind: Literal["folder"]
    path: Annotated[str, Field(min_length=1, max_length=4096)]


class WebDavPlace(BaseModel):
    """A WebDAV collection (RFC 4918). Credentials: ``username`` and ``password``, or ``token``."""

    model_config = strict(WEBDAV)
    kind: Literal["webdav"]
    url: Annotated[str, Field(min_length=8, max_length=2048, pattern="^https?://")]


class S3Place(BaseModel):
    """A bucket, or what lies below a prefix. Credentials: ``access_key_id`` and ``secret_access_key``. Never those of
    the program's own role: that may read what is another workspace's."""

    model_config = strict({"kind": "s3", "bucket": "nordwind-contracts", "prefix": "signed/", "region": "eu-central-1"})
    kind: Literal["s3"]
    bucket: Annotated[str, Field(min_length=3, max_length=63)]
    prefix: Annotated[str, Field(max_length=900)] = ""
    region: Annotated[str, Field(max_length=40)] | None = None
    endpoint: Annotated[str, Field(max_length=2048, pattern="^https?://")] | None = None


class GraphPlace(BaseModel):
    """A folder of OneDrive or SharePoint (Microsoft Graph v1.0). Credentials: ``client_secret`` (or ``certificate``
    and ``key``) of an app registration with the application permission Files.ReadWrite.All or Sites.Selected; or
    ``sign_in``, the id of a sign-in of yours, for a link that works on your behalf."""

    model_config = strict(
        {"kind": "graph", "tenant": "nordwind.example", "client_id": ID, "drive_id": "b!x1", "folder_id": "01ABC"}
    )
    kind: Literal["graph"]
    tenant: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[A-Za-z0-9.-]+$")]
    client_id: UUID
    drive_id: Annotated[str, Field(min_length=1, max_length=200)]
    folder_id: Annotated[str, Field(min_length=1, max_length=200)] = "root"
    cloud: Literal["global", "us", "us_dod", "china"] = "global"


class ServicePlace(BaseModel):
    """A folder (or prefix) of another storage service. Which ``options`` and credentials a service takes stands in the
    documentation on integrations; secrets are credentials, never options."""

    model_config = strict(
        {
            "kind": "service",
            "service": "azblob",
            "root": "signed/2026",
            "options": {"container": "contracts", "account_name": "nordwind"},
        }
    )
    kind: Literal["service"]
    service: Literal["azblob", "azdls", "b2", "cos", "dropbox", "ftp", "gcs", "gdrive", "obs", "oss", "seafile"]
    root: Annotated[str, Field(max_length=900)] = ""
    options: Annotated[dict[str, Option], Field(max_length=8)] = Field(default_factory=dict)


Place = Annotated[FolderPlace | WebDavPlace | S3Place | GraphPlace | ServicePlace, Field(discriminator="kind")]
Credentials = Annotated[dict[str, Secret], Field(max_length=8), AfterValidator(_short_enough)]


def place_of(kind: str, config: dict[str, Any]) -> Wire:
    """As it is shown."""
    return {"kind": kind, **config}
