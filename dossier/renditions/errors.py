"""The ways renditions refuse."""

from dossier.core.errors import NotFound


class RenditionMissing(NotFound):
    """There is no PDF of this version (yet); its preview says why."""

    code = "rendition_missing"
    title = "There is no rendition of this version"


class ThumbnailMissing(NotFound):
    """There is no thumbnail of this version (yet); ``state`` is ``making``, ``failed`` or ``unavailable``."""

    code = "thumbnail_missing"
    title = "There is no thumbnail of this version"
