"""The ways the certificates room refuses."""

from dossier.core.errors import Conflict, Invalid, NotFound


class BadCertificate(Invalid):
    """No certificate, or one that no client can show: of an authority, for servers alone, run out, with its key."""

    code = "bad_certificate"
    title = "This is no client certificate that could be registered"


class CertificateTaken(Conflict):
    """The workspace has this certificate already."""

    code = "certificate_taken"
    title = "This certificate is registered here already"


class CertificateNotFound(NotFound):
    """No such certificate in this workspace."""

    code = "certificate_not_found"
    title = "There is no such certificate here"
