"""The rules on e-mails and names."""

import pytest

from dossier.users.models import SLUG, email_fault, fold, name_fault


class TestEmailFault:
    @pytest.mark.parametrize(
        "email", ["a@b", "mara.lind+x@example.com", "müller@exämple.de", "a" * 64 + "@example.com"]
    )
    def test_takes(self, email: str) -> None:
        assert email_fault(email) is None

    @pytest.mark.parametrize(
        "email",
        [
            "",
            "mara",
            "@example.com",
            "mara@",
            "a@b@c",
            "a b@example.com",
            "a@example.com\n",
            "a@example.com\r\nBcc: x@y.z",
            "a@example.com,b@example.com",
            "a@example.com;b@example.com",
            "Mara <a@example.com>",
            "a\x00@example.com",
            '"a"@example.com',
            "a" * 65 + "@example.com",
            "a@" + "b" * 253,
            "ß" * 60 + "@" + "ß" * 150,
        ],
    )
    def test_refuses(self, email: str) -> None:
        assert email_fault(email)


class TestNameFault:
    @pytest.mark.parametrize("name", ["M", "Mara Lind", "馬拉 🐎", "x" * 200, 'O\'Neill, "Bob"'])
    def test_takes(self, name: str) -> None:
        assert name_fault(name) is None

    @pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00b", "a\u2028b", "\ud800", "x" * 201])
    def test_refuses(self, name: str) -> None:
        assert name_fault(name)


class TestFold:
    def test_case_and_composition_do_not_count(self) -> None:
        assert fold("Ma\u0308rz@X.org") == fold("m\u00e4rz@x.ORG")


class TestSlug:
    @pytest.mark.parametrize("slug", ["a", "acme", "acme-2", "a" * 63])
    def test_takes(self, slug: str) -> None:
        assert SLUG.fullmatch(slug)

    @pytest.mark.parametrize("slug", ["", "-a", "a-", "A", "a b", "a\n", "ä", "a" * 64])
    def test_refuses(self, slug: str) -> None:
        assert not SLUG.fullmatch(slug)
