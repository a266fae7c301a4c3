"""Settings: one frozen object, built in the entrances from ``DOSSIER_*`` and handed down.

Nothing else reads the environment. Of each setting counts, in this order: the variable, the file that
``DOSSIER_<NAME>_FILE`` names, the secrets that ``DOSSIER_SECRETS`` names, the default.
"""

import base64
import ipaddress
import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url

from dossier.core import secrets

MIB = 1024 * 1024
PREFIX = "DOSSIER_"
Face = Literal["all", "portal", "partner"]


class SettingsFault(Exception):
    """The settings cannot be read. Its text is one line that helps, without anything secret."""


class Settings(BaseSettings):
    """Every knob, with its default for the embedded program."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    secrets: str = Field(
        "", description="aws-secretsmanager://NAME?region=REGION: settings from there; several with a space between."
    )
    secrets_refresh_minutes: float = Field(
        60, gt=0, description="Age from which the database's password is read again from where it came."
    )
    data_dir: Path = Field(Path("var"), description="Where the embedded database and the blobs live.")
    database_url: str = Field(
        "",
        repr=False,
        description="mysql://user:password@host/name (TLS by ?ssl_ca=file or ?ssl=true); empty: SQLite in the data folder.",
    )
    database_replica_url: str = Field(
        "", repr=False, description="A read replica for exports, which may then be a little behind; empty means none."
    )
    database_pool: int = Field(
        8, ge=1, description="The most connections of a process for writes, and as many for reads."
    )
    redis_url: str = Field(
        "",
        repr=False,
        description="redis:// or rediss:// (TLS) address that several processes share; empty means one process.",
    )
    storage_url: str = Field(
        "", description="Where contents lie: file:///… or s3://bucket/prefix?region=…; empty means the data folder."
    )
    storage_access_key: str = Field("", description="Access key for S3; empty looks where AWS's programs do.")
    storage_secret_key: SecretStr | None = Field(None, description="The secret that belongs to the access key.")
    storage_links: bool = Field(
        False,
        description="Whether clients reach the store: downloads are sent on there, and uploads can go straight there.",
    )
    database_user: str = Field("", description="The database's user, in place of the one in the address.")
    database_password: str = Field("", repr=False, description="Their password, in place of the one in the address.")
    face: Face = Field("all", description="Whom `serve` is for.")
    host: str = Field("127.0.0.1", description="Address that `serve` listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that `serve` listens on.")
    public_url: str = Field(
        "", description="The address that people use, for links in mail; empty means host and port."
    )
    portal_dir: Path | None = Field(
        None, description="Folder of the built portal; empty means the one that came with the program."
    )
    metrics_port: int = Field(
        0, ge=0, le=65535, description="Port of `serve` for metrics and health, never for the public; 0 is none."
    )
    worker_port: int = Field(0, ge=0, le=65535, description="The same for `worker`.")
    leave_seconds: float = Field(
        0, ge=0, description="How long a stop goes on serving while /health/ready answers 503 already."
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
        "",
        repr=False,
        description="smtp://user:password@host:587?from=a@b; empty writes mails to the log instead of sending them.",
    )
    master_key: str = Field(
        "",
        repr=False,
        description="32 bytes in Base64 that stored secrets are encrypted under; empty makes a file in the data folder.",
    )
    master_keys_old: str = Field(
        "", repr=False, description="Earlier master keys, commas between: they open what was sealed under them."
    )
    outward_http: bool = Field(False, description="Whether webhooks and other systems may have http:// addresses.")
    outward_allow: str = Field(
        "", description="Networks (CIDR, commas between) that webhooks and other systems may lie in though not public."
    )
    link_folders: str = Field(
        "", description="Folders with one folder a workspace (its slug) below which it may make links; colons between."
    )
    link_poll_seconds: float = Field(
        300, ge=1, description="How often a link looks at the other side when nothing wakes it."
    )
    otlp_endpoint: str = Field("", repr=False, description="OTLP receiver (HTTP); empty sends nothing.")
    otlp_signals: str = Field("traces", description="What is sent there: traces, metrics, logs, with commas between.")
    trace_ratio: float = Field(1, ge=0, le=1, description="The part of the traces begun here that is kept.")
    log_format: Literal["console", "json"] = Field("console", description="How log lines look.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is logged.")

    @field_validator("otlp_signals")
    @classmethod
    def _is_of_signals(cls, text: str) -> str:
        if unknown := {each.strip() for each in text.split(",") if each.strip()} - {"traces", "metrics", "logs"}:
            raise ValueError(f"There are traces, metrics and logs, and no {', '.join(sorted(unknown))}.")
        return text

    @field_validator("master_key", "master_keys_old")
    @classmethod
    def _is_of_keys(cls, text: str, info: ValidationInfo) -> str:
        text = text.strip()
        one = info.field_name == "master_key" and text
        for each in [text] if one else text.replace(",", " ").split():
            try:
                fits = len(base64.b64decode(each, validate=True)) == 32
            except ValueError:
                fits = False
            if not fits:
                raise ValueError("a master key is 32 bytes in Base64: openssl rand -base64 32")
        return text

    @field_validator("outward_allow")
    @classmethod
    def _is_of_networks(cls, text: str) -> str:
        for each in text.split(","):
            if each.strip():
                ipaddress.ip_network(each.strip())
        return text

    @property
    def database(self) -> str:
        """The SQLAlchemy address in force."""
        if not self.database_url:
            return f"sqlite:///{self.data_dir.absolute() / 'dossier.sqlite3'}"
        url = make_url(self.database_url)
        if url.get_backend_name() == "sqlite":  # a file, which nobody signs in to
            return self.database_url
        url = url.set(username=self.database_user or url.username, password=self.database_password or url.password)
        return url.render_as_string(hide_password=False)

    @property
    def sign_in(self) -> dict[str, str]:
        """With what to sign in to the database, as a driver takes it."""
        url = make_url(self.database)
        return {"user": url.username or "", "password": str(url.password or "")}

    @property
    def rotates(self) -> bool:
        """Whether the database's password comes from where it may change while the program runs."""
        files = {f"{PREFIX}DATABASE_{name}_FILE" for name in ("URL", "USER", "PASSWORD")}
        served = make_url(self.database).get_backend_name() != "sqlite"
        return served and bool(self.secrets or files & os.environ.keys())

    @property
    def otlp(self) -> frozenset[str]:
        """The signals that are sent."""
        return frozenset(each.strip() for each in self.otlp_signals.split(","))

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

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was given in code, then the order that the module tells."""
        return init_settings, env_settings, _Files(settings_cls), _Secrets(settings_cls)


class _Files(PydanticBaseSettingsSource):
    """``DOSSIER_<NAME>_FILE``: the file's text without the newline at its end, as Docker and Kubernetes mount secrets."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if path is None:
            return None, field_name, False
        try:
            return Path(path).read_text().removesuffix("\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsFault(f"{variable}: the file cannot be read ({type(error).__name__})") from error

    def __call__(self) -> dict[str, Any]:
        found = {name: self.get_field_value(field, name)[0] for name, field in Settings.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class _Secrets(PydanticBaseSettingsSource):
    """What ``DOSSIER_SECRETS`` names, which the sources before this one tell."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        addresses = str(self.current_state.get("secrets") or "")
        try:
            return secrets.read(addresses, Settings.model_fields.keys() - {"secrets"})
        except secrets.SecretsFault as fault:
            raise SettingsFault(f"{PREFIX}SECRETS: {fault}") from fault
