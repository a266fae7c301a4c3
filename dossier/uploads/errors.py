"""The ways uploads refuse. ``upload_busy`` is the storage's own."""

from dossier.core.errors import BadRequest, Conflict, DossierError, NotFound, PreconditionFailed


class UploadNotFound(NotFound):
    """No such upload, or somebody else's."""

    code = "upload_not_found"
    title = "There is no such upload of yours"


class UploadExpired(NotFound):
    """The upload was left alone for too long."""

    status = 410
    code = "upload_expired"
    title = "The upload has expired"


class OffsetMismatch(Conflict):
    """The bytes do not follow those that are here; ``offset`` says how many are."""

    code = "offset_mismatch"
    title = "These bytes do not follow those that have come"


class UploadIncomplete(Conflict):
    """Only what has come whole can be finished."""

    code = "upload_incomplete"
    title = "Some of the file is still to come"


class TooManyUploads(Conflict):
    """Somebody has too many uploads that are not ended."""

    code = "too_many_uploads"
    title = "Too many uploads are open"


class BadMetadata(BadRequest):
    """``Upload-Metadata`` is not as tus wants it; ``fields`` says where."""

    code = "bad_upload_metadata"
    title = "The Upload-Metadata cannot be read"


class UnknownTusVersion(PreconditionFailed):
    """``Tus-Resumable`` is missing or another version; the answer's ``Tus-Version`` says which there are."""

    code = "unknown_tus_version"
    title = "This version of the tus protocol is not spoken here"


class UploadStalled(BadRequest):
    """No byte came for too long; what came before is kept."""

    status = 408
    code = "upload_stalled"
    title = "No bytes came for too long"


class BadUploadHeader(BadRequest):
    """A header of tus is not as tus wants it, or does not go with the others; ``fields`` says which."""

    code = "bad_upload_header"
    title = "A header of the upload cannot be used"


class ChecksumMismatch(DossierError):
    """The bytes of the request are not those that ``Upload-Checksum`` names; none of them is kept (tus, checksum)."""

    status = 460
    code = "checksum_mismatch"
    title = "The bytes are not what their checksum says"


class UploadLengthMismatch(Conflict):
    """``Upload-Length`` is another than was told before, or less than is here already."""

    code = "upload_length_mismatch"
    title = "The upload has another length"


class UploadDirect(DossierError):
    """The bytes of this upload go straight to the store; ``GET …/parts`` says where."""

    status = 403
    code = "upload_direct"
    title = "The bytes of this upload do not come here"


class UploadNotDirect(Conflict):
    """The bytes of this upload come here, by PATCH."""

    code = "upload_not_direct"
    title = "The bytes of this upload come here"


class UploadFinal(DossierError):
    """What is put together of parts takes no bytes of its own (tus, concatenation)."""

    status = 403
    code = "upload_final"
    title = "This upload is made of others"
