"""Wire shapes of tasks and comments, and the places in a document that a task can point at."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dossier.core.clock import Moment
from dossier.core.web import Wire

RFC3778 = "http://tools.ietf.org/rfc/rfc3778"
PERSON = {"id": "0198c0de-4444-7000-8000-000000000001", "name": "Mara Lind"}
TARGET = {"type": "FragmentSelector", "conformsTo": RFC3778, "value": "page=4&viewrect=72,120,300,40"}
QUOTE = {"type": "TextQuoteSelector", "exact": "twelve months", "prefix": "a term of ", "suffix": " from"}
TASK: Wire = {
    "id": "0198c0de-6666-7000-8000-000000000001",
    "document_id": "0198c0de-3333-7000-8000-000000000001",
    "document": {
        "id": "0198c0de-3333-7000-8000-000000000001",
        "name": "Lease Main St.pdf",
        "folder_id": "0198c0de-1111-7000-8000-000000000001",
        "head": 5,
    },
    "title": "Check clause 7",
    "details": "The **term** differs from the offer.",
    "status": "open",
    "priority": "high",
    "assignee": PERSON,
    "due_at": "2026-12-01T16:00:00Z",
    "version": 3,
    "behind": True,
    "target": TARGET,
    "watchers": ["0198c0de-4444-7000-8000-000000000001"],
    "comment_count": 1,
    "created_by": PERSON,
    "created_at": "2026-11-24T09:12:00Z",
    "updated_at": "2026-11-24T09:12:00Z",
    "completed_at": None,
    "completed_by": None,
    "etag": "1",
}
COMMENT = {
    "id": "0198c0de-7777-7000-8000-000000000001",
    "task_id": "0198c0de-6666-7000-8000-000000000001",
    "author": PERSON,
    "body": "The landlord agreed by phone.",
    "created_at": "2026-11-24T10:00:00Z",
}
ENTRY = {
    "id": "0198c0de-5555-7000-8000-000000000001",
    "seq": 43,
    "type": "task.status_changed",
    "at": "2026-11-24T11:00:00Z",
    "actor": PERSON,
    "data": {"title": "Check clause 7", "from": "open", "to": "done"},
}

_LINE = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
_TEXT = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f"


Status = Literal["open", "in_progress", "done", "cancelled"]
Priority = Literal["low", "normal", "high"]
Number = Annotated[int, Field(ge=1, le=2**31 - 1, strict=True)]
Title = Annotated[
    str, Field(max_length=500, pattern=rf"^[^{_LINE}]*[^\s{_LINE}][^{_LINE}]*$"), AfterValidator(str.strip)
]
Details = Annotated[str, Field(max_length=10_000, pattern=rf"^[^{_TEXT}]*$", description="Markdown source.")]
Body = Annotated[
    str,
    Field(max_length=10_000, pattern=rf"^[^{_TEXT}]*[^\s{_TEXT}][^{_TEXT}]*$", description="Markdown source."),
]


def _strict(*examples: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"examples": list(examples)})


def _example(*examples: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": list(examples)})


# Places (W3C Web Annotation Data Model §4.2)


class TextQuoteSelector(BaseModel):
    """A quoted text, with a little of what stands around it to tell equal quotes apart."""

    model_config = _strict(QUOTE)
    type: Literal["TextQuoteSelector"]
    exact: str = Field(min_length=1, max_length=2000, pattern=rf"^[^{_TEXT}]*$")
    prefix: str = Field("", max_length=200, pattern=rf"^[^{_TEXT}]*$")
    suffix: str = Field("", max_length=200, pattern=rf"^[^{_TEXT}]*$")


class FragmentSelector(BaseModel):
    """A page, or a rectangle on it (left, top, width, height; RFC 3778). ``refinedBy`` quotes a text on that page."""

    model_config = _strict(TARGET)
    type: Literal["FragmentSelector"]
    conforms_to: Literal["http://tools.ietf.org/rfc/rfc3778"] = Field(alias="conformsTo")
    value: str = Field(
        max_length=100,
        pattern=r"^page=[1-9][0-9]{0,5}(&viewrect=[0-9]{1,6}(\.[0-9]{1,4})?(,[0-9]{1,6}(\.[0-9]{1,4})?){3})?$",
    )
    refined_by: TextQuoteSelector | None = Field(None, alias="refinedBy")


Target = Annotated[FragmentSelector | TextQuoteSelector, Field(discriminator="type")]


# What goes in


class NewTask(BaseModel):
    """What makes a task. Without ``version`` it is pinned to the head."""

    model_config = _strict(
        {"title": "Check clause 7", "assignee_id": PERSON["id"], "due_at": "2026-12-01T16:00:00Z", "target": TARGET}
    )
    title: Title
    details: Details = ""
    priority: Priority = "normal"
    assignee_id: UUID | None = Field(None, description="A member who may see the document.")
    due_at: Moment | None = None
    version: Number | None = None
    target: Target | None = Field(None, description="A place in that version.")


class TaskChange(BaseModel):
    """What is left out stays. Null clears ``assignee_id``, ``due_at`` and ``target``, and leaves anything else alone."""

    model_config = _strict({"status": "done"}, {"version": 5, "target": None})
    title: Title | None = None
    details: Details | None = None
    status: Status | None = None
    priority: Priority | None = None
    assignee_id: UUID | None = None
    due_at: Moment | None = None
    version: Number | None = Field(None, description="Carry the task over to this version.")
    target: Target | None = None


class CarryOver(BaseModel):
    """Which tasks to carry over to the head; all open ones without ``task_ids``."""

    model_config = _strict({"task_ids": [TASK["id"]]})
    task_ids: list[UUID] | None = Field(None, min_length=1, max_length=500)


class NewComment(BaseModel):
    """A comment."""

    model_config = _strict({"body": COMMENT["body"]})
    body: Body


# What goes out


class TaskPerson(BaseModel):
    """A member, by id and name. ``id`` is None for the system."""

    id: UUID | None
    name: str


class TaskDocument(BaseModel):
    """What the task hangs on; ``head`` is the number of its newest version."""

    id: UUID
    name: str
    folder_id: UUID
    head: int = Field(ge=1)


class Task(BaseModel):
    """A task. ``version`` is the one that it was made on or carried over to; ``behind`` says there is a newer one."""

    model_config = _example(TASK)
    id: UUID
    document_id: UUID
    document: TaskDocument
    title: str
    details: str
    status: Status
    priority: Priority
    assignee: TaskPerson | None
    due_at: datetime | None
    version: int = Field(ge=1)
    behind: bool
    target: Target | None
    watchers: list[UUID]
    comment_count: int = Field(ge=0)
    created_by: TaskPerson
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    completed_by: TaskPerson | None
    etag: str


class TaskPage(BaseModel):
    """A page of tasks, the one that is due first at the top."""

    model_config = _example({"items": [TASK], "next": None})
    items: list[Task]
    next: str | None


class TaskList(BaseModel):
    """Tasks that were carried over."""

    model_config = _example({"items": [TASK | {"version": 5, "behind": False, "etag": "2"}]})
    items: list[Task]


class Comment(BaseModel):
    """A comment on a task."""

    model_config = _example(COMMENT)
    id: UUID
    task_id: UUID
    author: TaskPerson
    body: str
    created_at: datetime


class CommentPage(BaseModel):
    """A page of comments, oldest first."""

    model_config = _example({"items": [COMMENT], "next": None})
    items: list[Comment]
    next: str | None


class HistoryEntry(BaseModel):
    """One thing that happened to a task: who did what when."""

    model_config = _example(ENTRY)
    id: UUID
    seq: int = Field(ge=1)
    type: str
    at: datetime
    actor: TaskPerson
    data: dict[str, Any]


class HistoryPage(BaseModel):
    """A page of a task's history, oldest first."""

    model_config = _example({"items": [ENTRY], "next": None})
    items: list[HistoryEntry]
    next: str | None
