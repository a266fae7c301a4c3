"""Documents: versions that are never edited, a head that is always the highest number, locks that end, and the trash."""

from dossier.documents.adding import Addition, add, add_many
from dossier.documents.errors import DocumentLocked, DocumentNotFound, DocumentTrashed, NameMissing, VersionNotFound
from dossier.documents.incoming import LengthMismatch
from dossier.documents.jobs import CONSUMERS, JOBS
from dossier.documents.queries import (
    authors_before,
    briefs,
    folder_of,
    heads_in,
    heads_of,
    in_folders,
    read_by,
    readable,
    used_digests,
    workspace_of,
)
from dossier.documents.schemas import DocumentChange
from dossier.documents.service import (
    adjust_open_tasks,
    check_addable,
    check_writable,
    list_,
    search,
    update,
)
from dossier.documents.statements import Filters
from dossier.documents.trash import discard, in_trash, trash_folder
from dossier.documents.trash import restore as restore_document
from dossier.documents.trash import trash as trash_document
from dossier.documents.versions import (
    Content,
    Upload,
    add_version,
    digests_after,
    get,
    get_version,
    list_versions,
    require,
    restore_version,
    visible_version,
)

__all__ = [
    "CONSUMERS",
    "JOBS",
    "Addition",
    "Content",
    "DocumentChange",
    "DocumentLocked",
    "DocumentNotFound",
    "DocumentTrashed",
    "Filters",
    "LengthMismatch",
    "NameMissing",
    "Upload",
    "VersionNotFound",
    "add",
    "add_many",
    "add_version",
    "adjust_open_tasks",
    "authors_before",
    "briefs",
    "check_addable",
    "check_writable",
    "digests_after",
    "discard",
    "folder_of",
    "get",
    "get_version",
    "heads_in",
    "heads_of",
    "in_folders",
    "in_trash",
    "list_",
    "list_versions",
    "read_by",
    "readable",
    "require",
    "restore_document",
    "restore_version",
    "search",
    "trash_document",
    "trash_folder",
    "update",
    "used_digests",
    "visible_version",
    "workspace_of",
]
