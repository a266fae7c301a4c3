"""A small certificate authority for tests and for trying the edge out. A real one keeps its key elsewhere.

python tools/pki.py FOLDER ca [NAME]              FOLDER/ca.crt and ca.key
python tools/pki.py FOLDER server HOST…           server.crt and server.key, for these names and addresses
python tools/pki.py FOLDER client NAME [ORG]      NAME.crt and NAME.key, a client certificate
python tools/pki.py FOLDER renew NAME             a new certificate and key for the same subject, in the place of the old
                                                  ones, which become NAME.old.crt and NAME.old.key
"""

import argparse
import ipaddress
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY, SERVER = "ca", "server"
DAYS = timedelta(days=365)
Key = ec.EllipticCurvePrivateKey


class Authority:
    """The authority of a folder. Every file is for its owner's eyes and appears whole (written beside, then renamed)."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.certificate = x509.load_pem_x509_certificate(self.path(AUTHORITY, "crt").read_bytes())
        key = serialization.load_pem_private_key(self.path(AUTHORITY, "key").read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("The authority's key is not one of ours.")
        self.key = key

    @classmethod
    def make(cls, folder: Path, name: str = "Dossier try-out authority") -> "Authority":
        """A new authority in a folder, which is made where it is not there."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, subject = ec.generate_private_key(ec.SECP256R1()), _subject(name)
        builder = _builder(subject, subject, key, 10 * DAYS)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
        _keep(folder, AUTHORITY, builder.sign(key, SHA256()), key)
        return cls(folder)

    def path(self, name: str, kind: str) -> Path:
        """Where the ``crt`` or ``key`` of a name lies."""
        return self.folder / f"{name}.{kind}"

    def server(self, *hosts: str, lasts: timedelta = DAYS) -> None:
        """A certificate for a server of these names and addresses."""
        names = x509.SubjectAlternativeName([_general(host) for host in hosts])
        self._issue(SERVER, _subject(hosts[0]), ExtendedKeyUsageOID.SERVER_AUTH, [names], lasts)

    def client(
        self, name: str, organisation: str = "", *, lasts: timedelta = DAYS, ago: timedelta | None = None
    ) -> None:
        """A certificate for a client, good since a minute, or since ``ago``."""
        self._issue(name, _subject(name, organisation), ExtendedKeyUsageOID.CLIENT_AUTH, [], lasts, ago)

    def renew(self, name: str, lasts: timedelta = DAYS) -> None:
        """A new key and certificate with the subject, uses and names of the present one, which is kept as NAME.old."""
        old = x509.load_pem_x509_certificate(self.path(name, "crt").read_bytes())
        for kind in ("crt", "key"):
            _write(self.path(f"{name}.old", kind), self.path(name, kind).read_bytes())
        usage = next(iter(old.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value))
        found = [each.value for each in old.extensions if isinstance(each.value, x509.SubjectAlternativeName)]
        self._issue(name, old.subject, usage, found, lasts)

    def _issue(
        self,
        file: str,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        more: "list[x509.SubjectAlternativeName]",
        lasts: timedelta,
        ago: timedelta | None = None,
    ) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(subject, self.certificate.subject, key, lasts, ago)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        for names in more:
            builder = builder.add_extension(names, critical=False)
        _keep(self.folder, file, builder.sign(self.key, SHA256()), key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: Key, lasts: timedelta, ago: timedelta | None = None
) -> x509.CertificateBuilder:
    since = datetime.now(UTC) - (ago or timedelta(minutes=1))
    named = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    numbered = named.serial_number(x509.random_serial_number())
    return numbered.not_valid_before(since).not_valid_after(since + lasts)


def _subject(name: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organisation:
        parts.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    rest = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    rest |= dict.fromkeys(("encipher_only", "decipher_only"), False)
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        **rest,
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _keep(folder: Path, name: str, certificate: x509.Certificate, key: Key) -> None:
    private = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, private, serialization.NoEncryption())
    _write(folder / f"{name}.key", pem)
    _write(folder / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM))


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    beside.replace(path)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("verb", choices=["ca", "server", "client", "renew"])
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    if given.verb == "ca":
        Authority.make(given.folder, *given.names)
    elif not given.names:
        parser.error(f"{given.verb} needs a name")
    elif given.verb == "client" and (given.names[0] in (AUTHORITY, SERVER) or not given.names[0].isidentifier()):
        parser.error("a client's name is one of its files too: letters, digits and underscores")
    else:
        getattr(Authority(given.folder), given.verb)(*given.names)


if __name__ == "__main__":
    sys.exit(main())
