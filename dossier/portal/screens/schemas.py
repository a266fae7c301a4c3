"""Wire shapes of the portal's screens."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from dossier.core.web import Wire
from dossier.documents.schemas import DOCUMENT, Document
from dossier.tasks.schemas import TASK, Status, Task
from dossier.users import NameText
from dossier.users.schemas import MEMBER, Member

PERSON = {"id": "0198c0de-4444-7000-8000-000000000001", "name": "Mara Lind"}
SUBJECT = {"id": DOCUMENT["id"], "name": DOCUMENT["name"]}
ENTRY: Wire = {
    "seq": 42,
    "type": "version.added",
    "at": "2026-11-24T09:12:00Z",
    "actor": PERSON,
    "document": SUBJECT,
    "task": None,
    "folder": None,
    "version": 5,
    "restored_from": None,
    "comment": "signed",
    "status": None,
    "person": None,
    "previous_name": None,
    "link": None,
}
HOME: Wire = {
    "tasks": [TASK],
    "waiting": [DOCUMENT],
    "recent": [DOCUMENT],
    "lately": [ENTRY],
    "counts": {"my_open_tasks": 1, "my_overdue_tasks": 0, "unread": 3},
    "empty": False,
    "has_samples": False,
}
HIT: Wire = {
    "document": DOCUMENT,
    "snippet": [["… for a term of ", False], ["twelve", True], [" months from …", False]],
}
JOB: Wire = {
    "id": "0198c0de-9999-7000-8000-000000000001",
    "kind": "search.index",
    "state": "failed",
    "attempts": 1,
    "last_error": "encrypted: The file is protected with a password.",
    "created_at": "2026-11-24T09:12:00Z",
    "next_try_at": None,
    "document": SUBJECT,
}
WORKSPACE: Wire = {
    "id": "0198c0de-0000-7000-8000-000000000009",
    "slug": "acme",
    "name": "Acme",
    "created_at": "2026-11-20T08:00:00Z",
    "storage": {"documents": 128, "versions": 512, "bytes": 734003200},
    "trash_days": 30,
    "lock_minutes": 60,
    "max_upload_bytes": 68719476736,
}


def _example(*examples: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


class Subject(BaseModel):
    """A person, document or folder by id and name."""

    id: UUID
    name: str


class SubjectTask(BaseModel):
    """A task by id and title, as it was called then."""

    id: UUID
    title: str


class ActivityEntry(BaseModel):
    """One thing that happened. ``actor`` is null for the system. ``document`` has its present name, a purged one its last.
    ``comment`` is that on the version, or how the comment on the task begins; ``status`` is what a task was set to,
    ``person`` who it was given to, ``previous_name`` the name before a renaming, ``link`` the link with another system
    that it is about."""

    model_config = _example(ENTRY)
    seq: int = Field(ge=1)
    type: str
    at: datetime
    actor: Subject | None
    document: Subject | None
    task: SubjectTask | None
    folder: Subject | None
    version: int | None
    restored_from: int | None
    comment: str | None
    status: Status | None
    person: Subject | None
    previous_name: str | None
    link: str | None


class ActivityPage(BaseModel):
    """A page of what happened, newest first. May be short and still have a next."""

    model_config = _example({"items": [ENTRY], "next": None})
    items: list[ActivityEntry]
    next: str | None


class HomeCounts(BaseModel):
    """My open tasks, those of them that are overdue, and my unread notices; each up to 1,000."""

    my_open_tasks: int = Field(ge=0)
    my_overdue_tasks: int = Field(ge=0)
    unread: int = Field(ge=0)


class Home(BaseModel):
    """``tasks``: my open ones by due date. ``waiting``: documents that I have locked or have open tasks on. ``recent``:
    those that I touched last. ``empty``: the workspace has no document that I can see."""

    model_config = _example(HOME)
    tasks: list[Task] = Field(max_length=50)
    waiting: list[Document] = Field(max_length=20)
    recent: list[Document] = Field(max_length=12)
    lately: list[ActivityEntry] = Field(max_length=20)
    counts: HomeCounts
    empty: bool
    has_samples: bool


class DocumentHit(BaseModel):
    """A document that was found, and a little of its text: pairs of text and whether it is a hit."""

    model_config = _example(HIT)
    document: Document
    snippet: list[tuple[str, bool]]


class DocumentHitPage(BaseModel):
    """A page of documents that were found, the last indexed first. May be short and still have a next."""

    model_config = _example({"items": [HIT], "next": None})
    items: list[DocumentHit]
    next: str | None


class Findings(BaseModel):
    """The first documents, tasks and people that fit."""

    model_config = _example({"documents": [HIT], "tasks": [TASK], "people": [MEMBER]})
    documents: list[DocumentHit]
    tasks: list[Task]
    people: list[Member]


class Job(BaseModel):
    """Promised work. ``last_error`` says why the last try failed; ``next_try_at`` is there while it waits."""

    model_config = _example(JOB)
    id: UUID
    kind: str
    state: Literal["failed", "waiting", "running"]
    attempts: int = Field(ge=0)
    last_error: str | None
    created_at: datetime
    next_try_at: datetime | None
    document: Subject | None


class JobPage(BaseModel):
    """A page of jobs, newest first."""

    model_config = _example({"items": [JOB], "next": None})
    items: list[Job]
    next: str | None


class Storage(BaseModel):
    """What is kept: documents outside of the trash, all versions, and stored bytes, the same content counted once."""

    documents: int = Field(ge=0)
    versions: int = Field(ge=0)
    bytes: Annotated[int, Field(ge=0)]


class Workspace(BaseModel):
    """A workspace and the rules in force. ``storage`` is shown to owners."""

    model_config = _example(WORKSPACE)
    id: UUID
    slug: str
    name: str
    created_at: datetime
    storage: Storage | None
    trash_days: int
    lock_minutes: int
    max_upload_bytes: int


class WorkspaceChange(BaseModel):
    """Another name; the slug in addresses stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"name": "Acme & Sons"}]})
    name: NameText
