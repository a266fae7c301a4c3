"""The ways import and export refuse."""

from typing import Any

from dossier.core.errors import Conflict, DossierError, Invalid, Unavailable


class PathUnfit(Invalid):
    """There is nothing at the path, or nothing that can be read or written."""

    code = "path_unfit"
    title = "This path cannot be used"


class DestinationTaken(Conflict):
    """The folder holds something else than an earlier export of the same workspace."""

    code = "destination_taken"
    title = "The folder holds something else"


class ExportUnfit(Invalid):
    """The export was cut off, is of another format, or is not what its own digests say."""

    code = "export_unfit"
    title = "This export cannot be read"


class ContentDamaged(Invalid):
    """Bytes that are not what their digest says."""

    code = "content_damaged"
    title = "Some content is not what its digest says"


class WorkspaceNotEmpty(Conflict):
    """An export goes into an empty workspace only, or on into the one where its import began."""

    code = "workspace_not_empty"
    title = "The workspace is not empty"


class FileChanged(Conflict):
    """A local file is not what it was when its sending began."""

    code = "file_changed"
    title = "The file changed while it was being sent"


class ServerAway(Unavailable):
    """A Dossier elsewhere has not answered for a while."""

    code = "server_away"
    title = "The server does not answer"


class ServerUnfit(Invalid):
    """What is at the address is no Dossier, or cannot be trusted to be one."""

    code = "server_unfit"
    title = "At this address is no Dossier that could be worked with"


class ServerRefused(DossierError):
    """What a Dossier elsewhere refuses, in its own words and with its own code; this code where it gave none."""

    status = 502
    code = "server_refused"
    title = "The server refuses"

    def __init__(self, detail: str, *, code: str = "", status: int = 0, **extra: Any) -> None:
        super().__init__(detail, **extra)
        # Of the instance, over those of the class: the server says them.
        vars(self).update({name: value for name, value in (("code", code), ("status", status)) if value})
