"""Settings: one frozen object, built in the entrances from ``DOSSIER_*`` and handed down.

Nothing else reads the environment.
"""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Every knob, with its default for the embedded program."""

    model_config = SettingsConfigDict(env_prefix="DOSSIER_", frozen=True, extra="ignore")

    data_dir: Path = Field(Path("var"), description="Where the embedded database and the blobs live.")
    database_url: str = Field(
        "",
        description="mysql://user:password@host/name (TLS by ?ssl_ca=file or ?ssl=true); empty: SQLite in the data folder.",
    )
    database_replica_url: str = Field(
        "", description="A read replica for exports, which may then be a little behind; empty means none."
    )
    database_pool: int = Field(
        8, ge=1, description="The most connections of a process for writes, and as many for reads."
    )
    redis_url: str = Field(
        "", description="redis:// or rediss:// (TLS) address that several processes share; empty means one process."
    )
    storage_url: str = Field(
        "", description="Where contents lie: file:///… or s3://bucket/prefix?region=…; empty means the data folder."
    )
    storage_access_key: str = Field("", description="Access key for S3; empty looks where AWS's programs do.")
    storage_secret_key: SecretStr | None = Field(None, description="The secret that belongs to the access key.")
    storage_links: bool = Field(
        False, description="Whether downloads are sent on to a link of the store that is good for a minute."
    )
    host: str = Field("127.0.0.1", description="Address that `serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that `serve` listens on.")
    public_url: str = Field(
        "", description="The address that people use, for links in mail; empty means host and port."
    )
    portal_dir: Path | None = Field(
        None, description="Folder of the built portal; empty means the one that came with the program."
    )
    drain_seconds: float = Field(10, ge=0, description="How long a stop waits for requests under way.")
    max_upload_bytes: int = Field(64 * 1024 * MIB, ge=1, description="The largest body of one upload, in bytes.")
    max_json_bytes: int = Field(MIB, ge=1024, description="The largest JSON body, in bytes.")
    upload_days: int = Field(7, ge=1, description="Days that an unfinished upload is kept after its last byte.")
    upload_idle_seconds: float = Field(60, gt=0, description="Silence after which a request that sends bytes is ended.")
    trash_days: int = Field(30, ge=0, description="Days that the trash keeps a document before it is purged.")
    blob_grace_hours: int = Field(
        48, ge=1, description="Hours before a blob that nothing names is swept; longer than the longest upload."
    )
    session_days: int = Field(14, ge=1, description="Days that a sign-in lasts without use.")
    invitation_days: int = Field(7, ge=1, description="Days that an invitation can be accepted.")
    reset_minutes: int = Field(60, ge=1, description="Minutes that a link for a new password is good.")
    lock_minutes: int = Field(60, ge=1, description="Default length of a lock's lease.")
    sign_in_limit: str = Field(
        "10/15minutes", description="Failed sign-ins allowed per e-mail and address (syntax of the limits library)."
    )
    trusted_proxies: int = Field(0, ge=0, description="How many proxies in front set X-Forwarded-For; 0 trusts none.")
    edge_secret: str = Field(
        "",
        pattern=r"^([\x21-\x7e]{32,})?$",
        repr=False,
        description="What the edge's door for partners proves itself with; empty closes that door.",
    )
    accel_prefix: str = Field(
        "",
        pattern=r"^(/[a-z0-9_-]+/)?$",
        description="Internal address of the blobs at the edge (X-Accel-Redirect); empty sends the bytes from here.",
    )
    extract_seconds: float = Field(30, gt=0, description="Time limit of one text extraction.")
    extract_memory_mib: int = Field(512, ge=128, description="Memory limit of one text extraction, in MiB.")
    soffice: str = Field("", description="LibreOffice's program for previews of office files; empty looks on PATH.")
    render_seconds: float = Field(60, gt=0, description="Time limit of one preview.")
    render_memory_mib: int = Field(1024, ge=256, description="Memory limit of one preview, in MiB.")
    worker_concurrency: int = Field(2, ge=1, description="Jobs that one process works on at once.")
    smtp_url: str = Field(
        "", description="smtp://user:password@host:587?from=a@b; empty writes mails to the log instead of sending them."
    )
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    @property
    def database(self) -> str:
        """The SQLAlchemy address in force."""
        return self.database_url or f"sqlite:///{self.data_dir.absolute() / 'dossier.sqlite3'}"

    @property
    def blobs_dir(self) -> Path:
        """Where the blobs of the local disk lie."""
        return self.data_dir.absolute() / "blobs"

    @property
    def base_url(self) -> str:
        """The address that people use, without a slash at the end."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    @property
    def secure(self) -> bool:
        """Whether people come by HTTPS, which decides the cookie's flags."""
        return self.base_url.startswith("https://")
