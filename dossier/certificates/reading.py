"""What a certificate says: the digest by which it is known, its subject and its end. Pure: bytes in, facts out."""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import unquote

from dossier.certificates.errors import BadCertificate
from dossier.certificates.models import LONGEST_SUBJECT

if TYPE_CHECKING:
    from cryptography.x509 import Certificate


@dataclass(frozen=True, slots=True)
class Card:
    """A client certificate as an owner registers it."""

    sha256: bytes
    subject: str
    expires_at: datetime


def read(pem: str, now: datetime) -> Card:
    """The first certificate of a text in PEM. Raises BadCertificate for one that no client could show now."""
    if "PRIVATE KEY" in pem:
        raise _bad("This holds a private key, which belongs to nobody but its program. Send the certificate alone.")
    certificate = _parsed(pem)
    if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc:
        raise _bad("It has run out, or is not good yet.")
    subject = certificate.subject.rfc4514_string()
    if not subject.strip() or len(subject) > LONGEST_SUBJECT:
        raise _bad(f"Its subject must have 1 to {LONGEST_SUBJECT} characters.")
    from cryptography.hazmat.primitives.hashes import SHA256

    return Card(certificate.fingerprint(SHA256()), subject, certificate.not_valid_after_utc)


def _parsed(pem: str) -> "Certificate":
    # Imported here: the library takes its time, and only registering needs it.
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        certificate = x509.load_pem_x509_certificates(pem.encode())[0]
        extensions = certificate.extensions
    except (ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension) as error:
        raise _bad("This cannot be read as a certificate in PEM.") from error
    for extension in extensions:
        if isinstance(extension.value, x509.BasicConstraints) and extension.value.ca:
            raise _bad("This is an authority's certificate; send the one that the program shows.")
        if isinstance(extension.value, x509.ExtendedKeyUsage):
            allowed = set(extension.value) & {
                x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH,
                x509.oid.ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
            }
            if not allowed:
                raise _bad("It is not made for clients (extended key usage).")
    return certificate


def digest_of(escaped: str) -> bytes | None:
    """The SHA-256 of a certificate in PEM as nginx hands it on, URL-encoded; None for what is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(unquote(escaped))).digest()
    except ValueError:
        return None


def _bad(why: str) -> BadCertificate:
    return BadCertificate(fields={"certificate": why})
