"""The ways tasks refuse."""

from dossier.core.errors import Invalid, NotFound


class TaskNotFound(NotFound):
    """No such task, or its document lies in the trash or is one that the actor may not see."""

    code = "task_not_found"
    title = "There is no such task here"


class UnknownVersion(Invalid):
    """A task can only be pinned to a version that the document has."""

    code = "unknown_version"
    title = "The document has no such version"


class AssigneeShutOut(Invalid):
    """A task is not given to somebody who could not see it."""

    code = "assignee_shut_out"
    title = "This person cannot see the document"
