"""Certificates: programs of partners, each a member without a password, known by the client certificates it holds.

Whoever speaks TLS is the edge (nginx); this room only knows the digests of the certificates that an owner has registered.
"""

from dossier.certificates.errors import BadCertificate, CertificateNotFound, CertificateTaken
from dossier.certificates.queries import Held
from dossier.certificates.reading import digest_of
from dossier.certificates.service import (
    end_certificates,
    find_certificates,
    forget_expired,
    list_certificates,
    register_certificate,
    revoke_certificate,
    touch,
)

__all__ = [
    "BadCertificate",
    "CertificateNotFound",
    "CertificateTaken",
    "Held",
    "digest_of",
    "end_certificates",
    "find_certificates",
    "forget_expired",
    "list_certificates",
    "register_certificate",
    "revoke_certificate",
    "touch",
]
