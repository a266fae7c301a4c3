"""The shapes of an export's JSON, format 1 (docs/decisions/0013-export-format.md). People are named by their e-mail.

Paths are relative to the export and have ``/`` between their parts. ``None`` for a person is the system.
"""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

NAME, VERSION = "dossier-export", 1
MANIFEST, BEGUN = "export.json", "export.begun.json"
PEOPLE, FOLDERS, INDEX, DETAILS = "people.json", "folders.jsonl", "documents.jsonl", "document.json"
Role = Literal["viewer", "editor", "owner"]
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Moment = Annotated[datetime, Meta(tz=True)]
Number = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a newer format adds is refused rather than lost."""


class Header(msgspec.Struct):
    """What every version of ``export.json`` begins with."""

    format: Literal["dossier-export", "dossier-export-begun"]
    version: int = VERSION


class Manifest(Strict, frozen=True, tag=NAME, tag_field="format"):
    """``export.json``, written last. ``files`` holds the digests of the three lists, which hold those of all else."""

    version: int
    id: UUID
    workspace_id: UUID
    slug: str
    name: str
    exported_at: Moment
    counts: dict[str, int]
    files: dict[str, Sha256]
    failed: list[dict[str, str]]


class Begun(Strict, frozen=True, tag="dossier-export-begun", tag_field="format"):
    """``export.begun.json``: there while an export is being written, and left over where it was cut off."""

    workspace_id: UUID


class Member(Strict, frozen=True):
    """Somebody with a place in the workspace."""

    email: str
    name: str
    role: Role
    active: bool
    created_at: Moment


class Group(Strict, frozen=True):
    """A group and who is in it, by e-mail."""

    id: UUID
    name: str
    members: list[str]
    created_at: Moment


class People(Strict, frozen=True):
    """``people.json``."""

    members: list[Member]
    groups: list[Group]


class Grant(Strict, frozen=True):
    """A role for a member (by e-mail) or a group (by id)."""

    role: Role
    member: str | None = None
    group: UUID | None = None


class Folder(Strict, frozen=True):
    """A line of ``folders.jsonl``, parents first. ``access`` is None where it is inherited."""

    id: UUID
    parent_id: UUID | None
    name: str
    access: list[Grant] | None
    created_by: str | None
    created_at: Moment
    updated_at: Moment
    trashed_at: Moment | None


class Version(Strict, frozen=True):
    """A version; its bytes lie in ``file``, which several versions may share. None: they were lost before the export."""

    number: Number
    sha256: Sha256
    size: Annotated[int, Meta(ge=0)]
    media_type: Annotated[str, Meta(max_length=127)]
    file_name: str
    comment: Annotated[str, Meta(max_length=2000)]
    author: str | None
    created_at: Moment
    restored_from: Number | None
    branched_from: Number | None
    file: str | None


class Comment(Strict, frozen=True):
    """What somebody said on a task."""

    id: UUID
    author: str | None
    body: str
    created_at: Moment


class Task(Strict, frozen=True):
    """A task with all that was said on it. ``version`` is the number that it is pinned to."""

    id: UUID
    title: Annotated[str, Meta(max_length=500)]
    details: str
    status: Literal["open", "in_progress", "done", "cancelled"]
    priority: Literal["low", "normal", "high"]
    assignee: str | None
    due_at: Moment | None
    version: Number
    target: dict[str, Any] | None
    created_by: str | None
    created_at: Moment
    updated_at: Moment
    completed_at: Moment | None
    completed_by: str | None
    watchers: list[str]
    comments: list[Comment]


class Document(Strict, frozen=True):
    """``document.json``: all that is known of a document; ``file`` of its last version is where it lies for people."""

    id: UUID
    name: str
    folder_id: UUID
    description: str
    tags: list[Annotated[str, Meta(min_length=1, max_length=100)]]
    revision: Number
    created_by: str | None
    created_at: Moment
    updated_at: Moment
    trashed_at: Moment | None
    trashed_by: str | None
    versions: Annotated[list[Version], Meta(min_length=1)]
    tasks: list[Task]


class Entry(Strict, frozen=True):
    """A line of ``documents.jsonl``: where a document's ``document.json`` lies, and its digest."""

    id: UUID
    details: str
    sha256: Sha256


def encode(value: msgspec.Struct) -> bytes:
    """As JSON for people: indented, with a line end."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"


def line(value: msgspec.Struct) -> bytes:
    """As one line of a ``.jsonl`` file."""
    return msgspec.json.encode(value) + b"\n"
