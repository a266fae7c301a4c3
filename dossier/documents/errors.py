"""The ways documents refuse."""

from dossier.core.errors import Conflict, Invalid, Locked, NotFound


class DocumentNotFound(NotFound):
    """No such document, or none that the actor may see."""

    code = "document_not_found"
    title = "There is no such document here"


class VersionNotFound(NotFound):
    """The document has no version of that number."""

    code = "version_not_found"
    title = "The document has no such version"


class DocumentLocked(Locked):
    """Somebody else holds the lock; ``lock`` says who and until when."""

    code = "document_locked"
    title = "Somebody else has locked this document"


class DocumentTrashed(Conflict):
    """The document lies in the trash; restore it first."""

    code = "document_trashed"
    title = "The document lies in the trash"


class NotTrashed(Conflict):
    """Only what lies in the trash can be restored or purged."""

    code = "not_trashed"
    title = "It does not lie in the trash"


class NameMissing(Invalid):
    """Neither a name nor a file name was given."""

    code = "name_missing"
    title = "The document needs a name"
