"""Signatures as the specification's own library makes them."""

import os
from datetime import UTC, datetime

import pytest
import standardwebhooks

from dossier.core.ids import new_id
from dossier.webhooks.signing import new_secret, shown, sign

AT = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


class TestSign:
    @pytest.mark.parametrize("body", [b"", b"{}", '{"name": "Übersicht.txt"}'.encode(), b"x" * 100_000])
    @pytest.mark.parametrize("size", [24, 32, 64])
    def test_is_what_the_library_makes(self, body: bytes, size: int) -> None:
        secret, id_ = os.urandom(size), str(new_id())
        theirs = standardwebhooks.Webhook(shown(secret)).sign(id_, AT, body.decode())
        assert sign([secret], id_, int(AT.timestamp()), body) == theirs

    def test_of_several_keys_the_newest_first(self) -> None:
        one, two = new_secret(), new_secret()
        both = sign([one, two], "id", 1, b"body")
        assert both == f"{sign([one], 'id', 1, b'body')} {sign([two], 'id', 1, b'body')}"

    @pytest.mark.parametrize(("id_", "at", "body"), [("other", 1, b"body"), ("id", 2, b"body"), ("id", 1, b"other")])
    def test_holds_for_id_time_and_body(self, id_: str, at: int, body: bytes) -> None:
        secret = new_secret()
        assert sign([secret], id_, at, body) != sign([secret], "id", 1, b"body")


class TestNewSecret:
    def test_is_of_the_size_that_is_wanted_and_new_each_time(self) -> None:
        made = {new_secret() for _ in range(100)}
        assert len(made) == 100
        assert {len(secret) for secret in made} == {32}
