"""What a certificate says, and which ones nobody can register."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dossier.certificates.errors import BadCertificate
from dossier.certificates.reading import digest_of, read
from tests.certificates.certs import pem
from tools.pki import Authority


def why(text: str) -> str:
    """Why a text is no certificate to register."""
    with pytest.raises(BadCertificate) as refused:
        read(text, datetime.now(UTC))
    return (refused.value.fields or {})["certificate"]


def signed(name: str, *usages: x509.ObjectIdentifier) -> str:
    """A certificate that signs itself, with these extended usages or none."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = (
        builder.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return builder.sign(key, SHA256()).public_bytes(Encoding.PEM).decode()


class TestRead:
    def test_digest_subject_and_end(self, pki: Authority) -> None:
        card = read(pem(pki, "client"), datetime.now(UTC))
        der = ssl.PEM_cert_to_DER_cert(pem(pki, "client"))
        assert card.sha256 == hashlib.sha256(der).digest()
        assert card.subject == "CN=client,O=Nordwind"
        assert datetime.now(UTC) + timedelta(days=364) < card.expires_at < datetime.now(UTC) + timedelta(days=366)

    def test_first_of_a_chain(self, pki: Authority) -> None:
        assert read(pem(pki, "client") + pem(pki, "ca"), datetime.now(UTC)) == read(
            pem(pki, "client"), datetime.now(UTC)
        )

    @pytest.mark.parametrize(
        "usages", [[], [ExtendedKeyUsageOID.CLIENT_AUTH], [ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE]]
    )
    def test_whatever_a_client_can_show(self, usages: list[x509.ObjectIdentifier]) -> None:
        assert read(signed("x", *usages), datetime.now(UTC)).subject == "CN=x"

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("ended", "It has run out"),
            ("to_come", "not good yet"),
            ("server", "not made for clients"),
            ("ca", "authority's certificate"),
        ],
    )
    def test_no_other_kind(self, pki: Authority, name: str, reason: str) -> None:
        assert reason in why(pem(pki, name))

    def test_no_key(self, pki: Authority) -> None:
        assert "private key" in why(pem(pki, "client") + pki.path("client", "key").read_text())

    @pytest.mark.parametrize(
        "text",
        [
            "x",
            "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----\n%%%%\n-----END CERTIFICATE-----\n",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "\x00\ud7ff",
        ],
    )
    def test_nothing_that_is_none(self, text: str) -> None:
        assert "cannot be read" in why(text)

    def test_no_torn_one(self, pki: Authority) -> None:
        lines = pem(pki, "client").splitlines()
        assert "cannot be read" in why("\n".join([*lines[:3], *lines[4:]]))


class TestDigestOf:
    def test_is_the_digest_that_was_registered(self, pki: Authority) -> None:
        assert digest_of(quote(pem(pki, "client"))) == read(pem(pki, "client"), datetime.now(UTC)).sha256

    @pytest.mark.parametrize(
        "text", ["", "x", "%2d%2d", "%ff", "-----BEGIN%20CERTIFICATE-----%0A%ff-----END%20CERTIFICATE-----"]
    )
    def test_nothing_that_is_none(self, text: str) -> None:
        assert digest_of(text) is None
