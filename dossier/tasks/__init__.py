"""Tasks: what is to be done on a document, pinned to the version that it was said of, with comments and watchers.

Who sees the document sees its tasks. Its editors make and change them; an assignee moves and discusses their own with any
role.
"""

from dossier.tasks.comments import add_comment, history, list_comments, unwatch, watch
from dossier.tasks.errors import AssigneeShutOut, TaskNotFound, UnknownVersion
from dossier.tasks.finding import CONSUMERS, JOBS, find
from dossier.tasks.queries import Filters, beginnings, concerned, count_mine, open_assignees, workspace_of
from dossier.tasks.schemas import NewTask, TaskChange
from dossier.tasks.service import carry_over, create, delete, get, list_, of_document, update

__all__ = [
    "CONSUMERS",
    "JOBS",
    "AssigneeShutOut",
    "Filters",
    "NewTask",
    "TaskChange",
    "TaskNotFound",
    "UnknownVersion",
    "add_comment",
    "beginnings",
    "carry_over",
    "concerned",
    "count_mine",
    "create",
    "delete",
    "find",
    "get",
    "history",
    "list_",
    "list_comments",
    "of_document",
    "open_assignees",
    "unwatch",
    "update",
    "watch",
    "workspace_of",
]
