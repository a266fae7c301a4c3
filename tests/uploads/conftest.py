"""Fixtures of the uploads' tests."""

import pytest

from tests.conftest import World
from tests.uploads.sender import Sender


@pytest.fixture
def sender(world: World) -> Sender:
    """The editor, who uploads."""
    return Sender(world.editor.client)
