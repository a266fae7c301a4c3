"""The ways in which links refuse."""

from dossier.core.errors import Conflict, Invalid, NotFound


class LinkNotFound(NotFound):
    """No such link."""

    code = "link_not_found"
    title = "There is no such link"


class LinkGone(Exception):
    """The link was deleted while it ran."""


class LinkItemNotFound(NotFound):
    """No such item of the link."""

    code = "link_item_not_found"
    title = "The link has no such item"


class LinkOverlap(Conflict):
    """Two links would work on the same documents."""

    code = "link_overlap"
    title = "Another link has this folder, one above it or one below it"


class LinkUnreachable(Invalid):
    """The place could not be worked with."""

    code = "link_unreachable"
    title = "The place in the other system could not be reached"


class LinkBusy(Conflict):
    """A run is under way; a second look beside it would take what it just made for missing."""

    code = "link_busy"
    title = "The link is running at this moment"


class LinkNotBraked(Conflict):
    """There is nothing to release."""

    code = "link_not_braked"
    title = "The link was not stopped by its brake"


class NoConflict(Conflict):
    """There is nothing to choose."""

    code = "link_no_conflict"
    title = "Both sides of this item do not conflict"
