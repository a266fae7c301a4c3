"""The ways import and export refuse."""

from dossier.core.errors import Conflict, Invalid


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
