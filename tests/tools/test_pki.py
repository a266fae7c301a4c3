"""The small authority, by its command line."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from tools.pki import Authority

ROOT = Path(__file__).parents[2]


def pki(*args: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    argv = [sys.executable, str(ROOT / "tools/pki.py"), *map(str, args)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def certificate(folder: Path, name: str) -> x509.Certificate:
    """A certificate of a folder."""
    return x509.load_pem_x509_certificate((folder / f"{name}.crt").read_bytes())


class TestCommands:
    def test_make_what_they_say(self, tmp_path: Path) -> None:
        folder = tmp_path / "pki"
        for args in (["ca"], ["server", "a.example", "10.0.0.1"], ["client", "nordwind", "Nordwind"]):
            done = pki(folder, *args)
            assert (done.returncode, done.stdout + done.stderr) == (0, "")
        assert {path.name for path in folder.iterdir()} == {
            *("ca.crt", "ca.key", "server.crt", "server.key", "nordwind.crt", "nordwind.key"),
        }
        assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
        names = certificate(folder, "server").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert names.get_values_for_type(x509.DNSName) == ["a.example"]
        assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.1"]
        assert certificate(folder, "nordwind").subject.rfc4514_string() == "CN=nordwind,O=Nordwind"

    @pytest.mark.parametrize("args", [["client"], ["client", "ca"], ["client", "server"], ["client", "../x"], ["burn"]])
    def test_refuse_wrong_use(self, tmp_path: Path, args: list[str]) -> None:
        assert pki(tmp_path, "ca").returncode == 0
        before = (tmp_path / "ca.crt").read_bytes()
        assert pki(tmp_path, *args).returncode == 2
        assert (tmp_path / "ca.crt").read_bytes() == before


class TestAuthority:
    def test_its_certificates_are_its_own(self, tmp_path: Path) -> None:
        authority = Authority.make(tmp_path)
        authority.client("a")
        certificate(tmp_path, "a").verify_directly_issued_by(authority.certificate)

    @pytest.mark.parametrize("name", ["server", "a"])
    def test_renews_with_another_key(self, tmp_path: Path, name: str) -> None:
        authority = Authority.make(tmp_path)
        authority.server("a.example", "127.0.0.1")
        authority.client("a", "Org")
        before = certificate(tmp_path, name)
        authority.renew(name)
        now = certificate(tmp_path, name)
        assert certificate(tmp_path, f"{name}.old") == before
        assert now.subject == before.subject
        assert now.public_key() != before.public_key()
        kinds = (x509.ExtendedKeyUsage, x509.SubjectAlternativeName) if name == "server" else (x509.ExtendedKeyUsage,)
        for kind in kinds:
            assert now.extensions.get_extension_for_class(kind) == before.extensions.get_extension_for_class(kind)
