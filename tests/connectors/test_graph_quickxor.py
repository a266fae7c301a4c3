"""QuickXorHash, against its description and known digests."""

from base64 import b64decode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dossier.connectors.graph import QuickXor
from tests.connectors.graph_calls import naive, xored


class TestQuickXor:
    @pytest.mark.parametrize(
        ("data", "digest"),
        [
            ("", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ("Sg==", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
            ("tbQ=", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
        ],
    )
    def test_known(self, data: str, digest: str) -> None:
        assert xored(b64decode(data)) == b64decode(digest)

    @given(st.lists(st.binary(max_size=700), max_size=6))
    def test_in_any_chunks(self, chunks: list[bytes]) -> None:
        digest = QuickXor()
        for chunk in chunks:
            digest.update(chunk)
        assert digest.digest() == naive(b"".join(chunks))
        assert digest.hexdigest() == digest.digest().hex()
