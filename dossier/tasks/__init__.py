"""Tasks: what is to be done on a document, pinned to the version that it was said of, with comments and watchers.

Who sees the document sees its tasks. Its editors make and change them; an assignee moves and discusses their own with any
role.
"""

from dossier.tasks.comments import add_comment, history, list_comments, unwatch, watch
from dossier.tasks.errors import AssigneeShutOut, TaskNotFound, UnknownVersion
from dossier.tasks.queries import Filters, workspace_of
from dossier.tasks.schemas import NewTask, TaskChange
from dossier.tasks.service import carry_over, create, delete, get, list_, of_document, update

__all__ = [
    "AssigneeShutOut",
    "Filters",
    "NewTask",
    "TaskChange",
    "TaskNotFound",
    "UnknownVersion",
    "add_comment",
    "carry_over",
    "create",
    "delete",
    "get",
    "history",
    "list_",
    "list_comments",
    "of_document",
    "unwatch",
    "update",
    "watch",
    "workspace_of",
]
