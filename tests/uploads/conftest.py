"""Fixtures of the uploads' tests."""

import pytest

from dossier.storage.s3 import Bucket
from dossier.uploads import reception
from tests.conftest import World
from tests.uploads.sender import Sender


@pytest.fixture
def sender(world: World) -> Sender:
    """The editor, who uploads."""
    return Sender(world.editor.client)


@pytest.fixture
def nothing_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ends are left to the job, however small the file."""
    monkeypatch.setattr(reception, "READ_AT_ONCE", 4)
    monkeypatch.setattr(reception, "HASHING_SECONDS", 0.2)

    async def unknown(_bucket: Bucket, _name: str) -> None:
        """As of an object that was put together of parts."""

    monkeypatch.setattr(Bucket, "verified", unknown)
