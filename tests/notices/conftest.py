"""What the tests of notices start from."""

from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.tasks.make import Desk

if TYPE_CHECKING:
    from tests.conftest import World


@pytest.fixture
def desk(world: "World") -> Desk:
    """Builders in the world."""
    return Desk(world)


@pytest.fixture
async def lease(desk: Desk) -> UUID:
    """A document of the owner's in the root folder."""
    return await desk.document()
