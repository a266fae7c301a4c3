"""The ways folders and names refuse."""

from dossier.core.errors import Conflict, Invalid, NotFound


class BadName(Invalid):
    """A name that no folder or document may carry; ``fields`` holds the reason under ``name``."""

    code = "bad_name"
    title = "This name cannot be used"

    def __init__(self, reason: str) -> None:
        super().__init__(reason, fields={"name": reason})


class FolderNotFound(NotFound):
    """No such folder, or none that the actor may see."""

    code = "folder_not_found"
    title = "There is no such folder here"


class NameTaken(Conflict):
    """A folder or document of this name lies there already; ``existing`` names it, unless it is hidden from the actor."""

    code = "name_taken"
    title = "This name is taken here"


class FolderCycle(Conflict):
    """A folder cannot be moved below itself."""

    code = "folder_cycle"
    title = "A folder cannot lie below itself"


class FolderTooDeep(Conflict):
    """Folders nest at most 64 deep."""

    code = "folder_too_deep"
    title = "Folders nest at most 64 deep"


class FolderNotEmpty(Conflict):
    """The folder still holds something and ``recursive`` was not asked for."""

    code = "folder_not_empty"
    title = "The folder is not empty"


class RootFolder(Conflict):
    """The root folder cannot be renamed, moved, restricted or removed."""

    code = "root_folder"
    title = "The root folder stays as it is"
